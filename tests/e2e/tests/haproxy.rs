//! Two servers behind HAProxy, restarted in turns for the whole run.

use std::{collections::HashSet, fs, path::Path, time::Duration};

use lifecycle_e2e::{
    App, HaProxy, Listening,
    load::{Load, Seen, Style},
    requests,
};

const APP: &str = env!("CARGO_BIN_EXE_e2e-app");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_no_request() {
    let directory = tempfile::tempdir().unwrap();
    let vars = [("LIFECYCLE_SHUTDOWN_DELAY", "500ms")];
    let wanted = requests(20_000);
    let Some(Run { seen, restarts, stored }) = roll(directory.path(), &vars, wanted).await else {
        return;
    };
    println!("behind HAProxy, {restarts} restarts: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
    let lost: Vec<_> = seen.orders.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and not stored: {lost:?}");
    assert!(restarts >= 4, "{restarts}");
}

/// The controls: what is told to be needed is needed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_delay_requests_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let vars = [("LIFECYCLE_SHUTDOWN_DELAY", "0s")];
    let Some(run) = roll(directory.path(), &vars, 8_000).await else { return };
    println!("behind HAProxy without a delay: {}", run.seen);
    assert!(run.seen.failures() > 0, "{}", run.seen);
}

/// As users have it today: the server stops at the signal, and no balancer was told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_shutdown_of_axum_requests_are_lost() {
    let directory = tempfile::tempdir().unwrap();
    let Some(run) = roll(directory.path(), &[("SERVER", "axum")], 8_000).await else { return };
    println!("behind HAProxy with axum::serve: {}", run.seen);
    assert!(run.seen.failures() > 0, "{}", run.seen);
}

struct Run {
    seen: Seen,
    restarts: usize,
    stored: HashSet<String>,
}

async fn roll(directory: &Path, vars: &[(&str, &str)], wanted: u64) -> Option<Run> {
    let store = directory.join("orders");
    let mut vars = vars.to_vec();
    vars.push(("STORE", store.to_str().unwrap()));
    let mut apps = [
        Some(App::start(APP, &Listening::Own(0), &vars)),
        Some(App::start(APP, &Listening::Own(0), &vars)),
    ];
    let addrs = [0, 1].map(|n: usize| apps[n].as_ref().unwrap().addr);
    let proxy = HaProxy::start(directory, &addrs)?;
    let load = Load::new()
        .clients(10, Style::Fresh, proxy.http1)
        .clients(20, Style::Kept, proxy.http1)
        .clients(20, Style::Http2, proxy.http2)
        .clients(4, Style::Events, proxy.http1);
    let mut restarts = 0;
    while load.so_far() < wanted || restarts < 4 {
        let n = restarts % 2;
        let app = apps[n].take().unwrap();
        let ended = tokio::task::spawn_blocking(move || app.stop()).await.unwrap();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        apps[n] = Some(App::start(APP, &Listening::Own(addrs[n].port()), &vars));
        // Until its health has been seen.
        tokio::time::sleep(Duration::from_millis(800)).await;
        restarts += 1;
    }
    let seen = load.end().await;
    let stored = fs::read_to_string(store).unwrap_or_default();
    Some(Run { seen, restarts, stored: stored.lines().map(str::to_owned).collect() })
}
