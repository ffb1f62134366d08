use std::{io, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, web};
use lifecycle::{on_shutdown, tracked};

struct Pool;

#[on_shutdown(timeout = "2s")]
async fn close_pool(_pool: Pool) {
    println!("pool closed");
}

#[tracked(refused = HttpResponse::ServiceUnavailable().finish())]
async fn place_order() -> HttpResponse {
    println!("order begun");
    tokio::time::sleep(Duration::from_millis(500)).await;
    println!("order placed");
    HttpResponse::Ok().body("placed")
}

#[lifecycle::main]
async fn main() -> io::Result<()> {
    lifecycle::provide(Pool);
    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let server = HttpServer::new(|| App::new().route("/", web::post().to(place_order)))
        .disable_signals()
        .bind(address)?;
    println!("listening on {}", server.addrs()[0]);
    let server = server.run();
    let handle = server.handle();
    tokio::spawn(async move {
        lifecycle::draining().await;
        handle.stop(true).await;
    });
    server.await
}
