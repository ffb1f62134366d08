//! An actix server that is all of main: nothing of it asks for a milestone, and nothing is tracked.

use std::io;

use actix_web::{App, HttpServer, web};
use lifecycle::{Config, Platform};
use lifecycle_truth_tests::{log, say};

async fn plain() -> &'static str {
    "plain"
}

fn config() -> Config {
    Config::new().platform(Platform::Unknown)
}

#[lifecycle::main(config = config())]
async fn main() -> Result<(), io::Error> {
    log();
    // Signals are the lifecycle's.
    let server = HttpServer::new(|| App::new().route("/", web::get().to(plain)));
    let server = server.workers(2).disable_signals().bind("127.0.0.1:0")?;
    lifecycle::ready();
    say(format!("up at {}", server.addrs()[0]));
    server.run().await
}
