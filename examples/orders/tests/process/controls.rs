//! Stops that lose work on purpose. The same harness that finds nothing wrong in `load.rs` has to
//! see each.

use std::time::Duration;

use orders::db;

use crate::{
    audit::{self, Finding},
    load::{Stopped, stop_under_load},
    service::{Ended, Setup, dir},
};

/// How long placing an order takes; the long one outlives hooks that do not wait for it.
const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(2);

/// Nothing counts what is in flight. That nothing is cut all the same is the HTTP server's doing,
/// which waits for its connections: see the next two.
#[tokio::test]
async fn tracking_off() {
    let (findings, ended) = stop("untracked", SHORT).await;
    assert!(
        has(&findings, |finding| matches!(finding, Finding::FewInFlight(0 | 1))),
        "{findings:?}"
    );
    assert!(ended.status.success());
}

/// A server that is dropped instead of told waits for nothing: it is tracking that keeps the work.
#[tokio::test]
async fn tracking_alone_keeps_what_was_admitted() {
    let dir = dir();
    let setup = Setup { sabotage: "deaf", work: LONG, ..Setup::new(&dir, None) };
    let Stopped { ended, .. } = stop_under_load(&setup, Duration::ZERO).await;
    assert!(ended.status.success(), "{}", ended.log.join("\n"));
    let pool = db::connect(&setup.database).await.unwrap();
    assert_eq!(audit::stored(&pool, audit::admitted(&ended.log)).await, []);
    pool.close().await;
}

/// And without it the work is lost.
#[tokio::test]
async fn tracking_off_and_a_server_that_waits_for_nothing() {
    let mut seen = Vec::new();
    // Nothing tells whether orders are under way at the signal, so once may not be enough.
    for _ in 0..5 {
        let (findings, _) = stop("deaf,untracked", LONG).await;
        let lost = has(&findings, |finding| matches!(finding, Finding::Lost(_)));
        if lost && has(&findings, |finding| matches!(finding, Finding::Cut(_) | Finding::Wrong(_)))
        {
            return;
        }
        seen.push(findings);
    }
    panic!("no work was lost: {seen:?}");
}

#[tokio::test]
async fn hook_order_reversed() {
    let (findings, ended) = stop("reversed", SHORT).await;
    assert_eq!(ended.status.code(), Some(70), "{}", ended.log.join("\n"));
    assert!(has(&findings, |finding| matches!(finding, Finding::OutboxLeft(_))), "{findings:?}");
    assert!(has(&findings, |finding| matches!(finding, Finding::NotDispatched(_))), "{findings:?}");
    assert!(has(&findings, |finding| matches!(finding, Finding::Hooks(_))), "{findings:?}");
}

#[tokio::test]
async fn a_hard_exit_at_the_signal() {
    let (findings, ended) = stop("exit", SHORT).await;
    assert!(ended.status.success(), "so that the exit code is not what gives it away");
    assert!(has(&findings, |finding| matches!(finding, Finding::Cut(_))), "{findings:?}");
    assert!(has(&findings, |finding| matches!(finding, Finding::Lost(_))), "{findings:?}");
}

async fn stop(sabotage: &'static str, work: Duration) -> (Vec<Finding>, Ended) {
    let dir = dir();
    let setup = Setup { sabotage, work, ..Setup::new(&dir, None) };
    let stopped = stop_under_load(&setup, Duration::ZERO).await;
    (audit::graceful(&setup, &stopped).await, stopped.ended)
}

fn has(findings: &[Finding], is: impl Fn(&Finding) -> bool) -> bool {
    findings.iter().any(is)
}
