//! Renews the leases of what is held, from the middle on: in a task of its own, so that a handler that
//! keeps its thread does not lose its job.

use std::{future::Future, pin::Pin, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::{
    Source, caught,
    shared::{Held, Shared},
};

/// How often is looked, in a lease.
const LOOKS: u32 = 10;

/// Until it is aborted.
pub(crate) async fn run<S: Source>(shared: Arc<Shared<S>>) {
    let lease = shared.terms.lease;
    let mut renewals = FuturesUnordered::<Renewal>::new();
    let mut look = Instant::now() + lease / LOOKS;
    loop {
        tokio::select! {
            Some(()) = renewals.next(), if !renewals.is_empty() => continue,
            () = sleep_until(look) => {}
        }
        let now = Instant::now();
        look = now + lease / LOOKS;
        for held in shared.held() {
            let leased = held.leased();
            let end = leased + lease;
            if now >= end {
                held.lose();
                continue;
            }
            // Somebody else can have it from then on.
            look = look.min(end);
            if now >= leased + lease / 2 && held.start_renewal() {
                renewals.push(Box::pin(renew(Arc::clone(&shared), held)));
            }
        }
    }
}

type Renewal = Pin<Box<dyn Future<Output = ()> + Send>>;

async fn renew<S: Source>(shared: Arc<Shared<S>>, held: Arc<Held<S::Job>>) {
    // Counts from before the broker was asked, and is not waited for beyond its end.
    let asked = Instant::now();
    let end = held.leased() + shared.terms.lease;
    match timeout_at(end, caught::asked(|| shared.source.renew(&held.job))).await {
        Ok(Ok(())) => held.renewed(asked),
        Ok(Err(error)) if !held.is_settled() => {
            let consumer = shared.name;
            tracing::warn!(
                target: "lifecycle::work",
                consumer,
                "the lease of {} of `{consumer}` was not renewed, and is tried again: {error:#}",
                shared.title(&held),
            );
        }
        // Nothing to renew any more, or no answer: the next look finds the lease's end.
        Ok(Err(_)) | Err(_) => {}
    }
    held.end_renewal();
}
