//! Each test has a gate of its own, on its own thread. They are run twice: `tests` has gates that
//! count each call as it comes, as scenarios do, and `tests_by_thread` such as the process has.

mod cancel;
mod counts;
mod drops;
mod endings;
mod hold;
mod inherit;
mod listeners;
mod observer;
mod pull;
mod settle;
mod spawn;
mod subscriber;
mod whereabouts;

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::{sync::oneshot, task::yield_now};

use super::{Gate, GateObserver, Tracked, admitted, context};
use crate::{Refused, Site, os::barrier::Barrier};

static OUTER: Site = Site::new("outer");
static INNER: Site = Site::new("inner");

type Answer = Result<u32, Refused>;

/// A gate for this thread.
fn own_gate() -> (Arc<Gate>, context::UseGate) {
    let gate = new_gate();
    let in_use = context::use_gate(Arc::clone(&gate));
    (gate, in_use)
}

fn new_gate() -> Arc<Gate> {
    if module_path!().contains("by_thread") {
        Gate::by_thread(Barrier::of_process())
    } else {
        Gate::new()
    }
}

/// What the attribute makes of an `async fn`.
fn tracked<T>(
    site: &'static Site,
    body: impl Future<Output = Result<T, Refused>>,
) -> Tracked<impl Future<Output = Result<T, Refused>>> {
    Tracked::new(site, async move {
        admitted(site)?;
        body.await
    })
}

/// Calls itself, `depth` levels down, with an await before and after.
fn nested(depth: u32) -> Pin<Box<dyn Future<Output = Answer> + Send>> {
    Box::pin(Tracked::new(&INNER, async move {
        admitted(&INNER)?;
        yield_now().await;
        let below = if depth == 0 { 0 } else { nested(depth - 1).await? + 1 };
        yield_now().await;
        Ok(below)
    }))
}

/// Is in flight at `OUTER`, closes the gate, then does `work`.
async fn closing<T>(gate: &Gate, work: impl Future<Output = T>) -> Result<T, Refused> {
    Tracked::new(&OUTER, async move {
        admitted(&OUTER)?;
        gate.close();
        Ok(work.await)
    })
    .await
}

/// Completes when the sender says so.
async fn told(go: oneshot::Receiver<()>) {
    go.await.expect("the test goes on");
}
