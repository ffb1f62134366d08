//! The services of `tests/systemd.rs`: the argument says which. What it says to systemd is the
//! library's.

use std::{
    fs,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::Path,
    routing::{get, post},
};
use lifecycle::{Config, Report, Site, http::track};

static WORK: Site = Site::new("work");

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let case = std::env::args().nth(1).unwrap_or_default();
    // One thread: what blocks it blocks everything.
    let runtime = match &*case {
        "web" => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        _ => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    let runtime = runtime.expect("a runtime");
    let config = Config::new().hook_timeout(Duration::from_secs(4));
    let config = if matches!(&*case, "progresses" | "stands-still") {
        config.extend_up_to(Duration::from_secs(10))
    } else {
        config
    };
    let report: Report = runtime.block_on(config.run(service(case)));
    let code = report.exit_code();
    runtime.shutdown_background();
    ExitCode::from(code)
}

async fn service(case: String) -> Result<()> {
    let began = Instant::now();
    match &*case {
        "web" => return web().await,
        "progresses" => {
            for n in 0..8 {
                let part = lifecycle::hook(format!("part-{n}")).order(n);
                let part = part.timeout(Duration::from_secs(1));
                part.register(|| tokio::time::sleep(Duration::from_millis(750)))?;
            }
        }
        "stands-still" => {
            let hook = lifecycle::hook("stands-still").timeout(Duration::from_secs(8));
            hook.register(|| tokio::time::sleep(Duration::from_secs(6)))?;
        }
        "blocks" => {
            let blocks = || async { thread::sleep(Duration::from_millis(1_600)) };
            lifecycle::hook("blocks").register(blocks)?;
        }
        _ => {}
    }
    let hold = lifecycle::hold_ready("schema");
    let draining = lifecycle::draining();
    if case == "starts-slowly" {
        tokio::time::sleep(Duration::from_secs(4).saturating_sub(began.elapsed())).await;
    }
    drop(hold);
    // The first time only.
    if case == "hangs" && fs::create_dir("/run/hung").is_ok() {
        tokio::time::sleep(Duration::from_millis(500)).await;
        thread::sleep(Duration::from_secs(60));
    }
    if case == "blocks" {
        tokio::spawn(WORK.track(async {
            lifecycle::draining().await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }));
    }
    draining.await;
    Ok(())
}

async fn web() -> Result<()> {
    let place = |order: String| async move {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(5..=20))).await;
        order
    };
    let app = Router::new()
        .route("/echo/{n}", get(|Path(n): Path<String>| async move { n }))
        .route("/orders", post(place))
        .layer(track());
    let listener = lifecycle::listener("web", "127.0.0.1:0").await?;
    Ok(lifecycle::http::serve(listener, app).await?)
}
