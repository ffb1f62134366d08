//! Two servers in a `JoinSet`: orders, and what operations ask. The second answers until nothing is
//! in flight any more.

use std::io;

use lifecycle::{Config, Platform, tracked};
use lifecycle_truth_tests::{log, say, sleep};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

#[tracked(refused = Ok("refused"))]
async fn place_order() -> io::Result<&'static str> {
    say("order began");
    sleep(400).await;
    say("order placed");
    Ok("placed")
}

async fn answer(mut client: TcpStream, text: io::Result<&'static str>) -> io::Result<()> {
    client.write_all(text?.as_bytes()).await
}

/// Accepts until the service drains.
async fn orders(listener: TcpListener) -> io::Result<()> {
    let mut requests = JoinSet::new();
    while let Some(accepted) = lifecycle::until_draining(listener.accept()).await {
        let (client, _) = accepted?;
        requests.spawn(async move { answer(client, place_order().await).await });
    }
    say("orders: no more");
    requests.join_all().await.into_iter().collect()
}

/// Says how things are, up to the end of the drain.
async fn health(listener: TcpListener, drained: impl Future<Output = ()>) -> io::Result<()> {
    let mut drained = std::pin::pin!(drained);
    loop {
        tokio::select! {
            () = &mut drained => break,
            accepted = listener.accept() => {
                let state = lifecycle::status().in_flight();
                answer(accepted?.0, Ok(if state == 0 { "idle" } else { "busy" })).await?;
            }
        }
    }
    say("health: no more");
    Ok(())
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(config = config())]
async fn main() -> Result<(), io::Error> {
    log();
    let (for_orders, for_health) =
        (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    say(format!("orders at {}", for_orders.local_addr()?));
    say(format!("health at {}", for_health.local_addr()?));
    let mut servers = JoinSet::new();
    servers.spawn(orders(for_orders));
    servers.spawn(health(for_health, lifecycle::drained()));
    while let Some(server) = servers.join_next().await {
        server.unwrap_or_else(|error| panic!("a server was lost: {error}"))?;
    }
    say("main returns");
    Ok(())
}
