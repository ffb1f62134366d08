//! Who is told to look for a call is told where.

use std::{future::pending, time::Duration};

use tokio::{task::yield_now, time::advance};
use tracing::{Instrument, info_span};

use super::{OUTER, own_gate, tracked};

#[tokio::test(start_paused = true)]
async fn the_task_and_the_span_of_the_oldest_are_told() {
    let _subscriber = tracing::subscriber::set_default(tracing_subscriber::registry());
    let (gate, _in_use) = own_gate();
    let call = || tracked(&OUTER, pending::<Result<(), _>>());
    let first = tokio::spawn(call().instrument(info_span!("placing")));
    yield_now().await;
    advance(Duration::from_secs(1)).await;
    let mut later = Box::pin(call());
    assert!(futures_util::poll!(&mut later).is_pending());

    let task = first.id().to_string();
    let status = gate.snapshot().remove(0);
    assert_eq!((status.in_flight(), status.span()), (2, Some("placing")));
    assert_eq!(status.task().map(|id| id.to_string()).as_ref(), Some(&task));
    assert!(status.to_string().ends_with(&format!("in task {task}, span placing")), "{status}");

    gate.close();
    gate.abandon();
    let report = gate.report().remove(0);
    assert_eq!((report.abandoned(), report.oldest_abandoned_span()), (2, Some("placing")));
    assert_eq!(report.oldest_abandoned_task().map(|id| id.to_string()).as_ref(), Some(&task));
    let line = report.to_string();
    assert!(line.ends_with(&format!(", the oldest 1.00 s in task {task}, span placing")), "{line}");
    first.abort();
}
