//! An actix server, whose workers are threads with runtimes of their own, and which computes on
//! those of rayon.

use std::{io, time::Duration};

use actix_web::{App, HttpResponse, HttpServer, dev::Server, web};
use lifecycle::{Admission, Config, Platform, Refused, on_shutdown, tracked};
use lifecycle_truth_tests::{log, pause, say};
use tokio::sync::oneshot;

/// What the pictures are drawn with.
struct Palette;

#[on_shutdown(timeout = "1s")]
async fn put_away(_palette: Palette) {
    say("palette put away");
}

/// One step on rayon: admitted, as the request that asked for it is.
#[tracked]
fn paint(part: u32) -> Result<u32, Refused> {
    pause(200);
    Ok(part)
}

#[tracked(refused = HttpResponse::ServiceUnavailable().finish())]
async fn picture() -> HttpResponse {
    say("picture began");
    let admission = Admission::current();
    let (done, painted) = oneshot::channel();
    rayon::spawn(move || {
        // Two parts, one after the other: the second begins while the service drains.
        let parts = || Ok(paint(1)? + paint(2)?);
        let painted: Result<u32, Refused> = match &admission {
            Some(admission) => admission.enter(parts),
            None => parts(),
        };
        let _ = done.send(painted);
    });
    match painted.await {
        Ok(Ok(parts)) => {
            say("picture done");
            HttpResponse::Ok().body(format!("parts: {parts}"))
        }
        _ => HttpResponse::InternalServerError().finish(),
    }
}

fn server() -> io::Result<Server> {
    let app = || App::new().route("/picture", web::get().to(picture));
    // Signals are the lifecycle's.
    let server = HttpServer::new(app).workers(2).disable_signals().shutdown_timeout(5);
    let server = server.bind("127.0.0.1:0")?;
    say(format!("up at {}", server.addrs()[0]));
    Ok(server.run())
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown).drain_timeout(Duration::from_secs(5))
}

#[lifecycle::main(config = config())]
async fn main() -> Result<(), io::Error> {
    log();
    lifecycle::provide(Palette);
    let server = server()?;
    let handle = server.handle();
    tokio::spawn(async move {
        lifecycle::draining().await;
        handle.stop(true).await;
    });
    server.await?;
    say("main returns");
    Ok(())
}
