//! Receives jobs until a stop is asked for, and waits for what has become of them.

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use lifecycle_core::{Guard, Milestone};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    Policy, Source, SourceError, Worked, caught,
    closing::Turn,
    job::{self, Place},
    leases, overseer,
    result::JobResult,
    shared::Shared,
};

/// How long is waited after a receive that failed, at first and at most. A source that brings
/// nothing at once, time after time, is asked so often.
const RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// In tasks of their own, so that nothing is lost where the future of this is dropped.
pub(crate) async fn run<S, H, F>(shared: Arc<Shared<S>>, handler: H, requested: Milestone) -> Worked
where
    S: Source,
    H: Fn(S::Job) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: JobResult,
{
    let closes = Closes(Arc::clone(&shared));
    let overseer = tokio::spawn(overseer::run(Arc::clone(&shared), requested));
    let leases = tokio::spawn(leases::run(Arc::clone(&shared)));
    let consuming = {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut jobs = JoinSet::new();
            receive(&shared, &Arc::new(handler), &mut jobs).await;
            let now = shared.now();
            shared.change(|closing| closing.quiet = Some(now));
            while jobs.join_next().await.is_some() {}
            overseer.abort();
            leases.abort();
            let _ = (overseer.await, leases.await);
            // The last look at what has become of them. One that the overseer began could be older.
            overseer::note(&shared);
            shared.worked()
        })
    };
    match consuming.await {
        Ok(worked) => {
            drop(closes);
            worked
        }
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is shut down.
        Err(_cancelled) => shared.worked(),
    }
}

/// Nobody waits for the consumer any more.
struct Closes<S: Source>(Arc<Shared<S>>);

impl<S: Source> Drop for Closes<S> {
    fn drop(&mut self) {
        self.0.request();
    }
}

async fn receive<S, H, F>(shared: &Arc<Shared<S>>, handler: &Arc<H>, jobs: &mut JoinSet<()>)
where
    S: Source,
    H: Fn(S::Job) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: JobResult,
{
    let mut retry = RETRY;
    let mut is_said = false;
    // Nothing came, and at once: as it may where somebody else was faster, once.
    let mut is_hasty = false;
    loop {
        while jobs.try_join_next().is_some() {}
        let Some(mut slots) = slots(shared).await else {
            quiet(shared).await;
            return;
        };
        let asked = Instant::now();
        let received = {
            let free = slots.len();
            let receive = caught::asked(|| shared.source.receive(free));
            let mut pull = pin!(shared.site.pull(receive).settle(shared.terms.settle));
            tokio::select! {
                received = &mut pull => received,
                () = shared.stopping() => {
                    // What it brings was handed out already: it is taken, and given back.
                    let stopped = Instant::now();
                    let settling = async {
                        match settled(shared, pull).await.flatten() {
                            Some((Ok(received), guard)) => {
                                begin(shared, handler, jobs, received, &guard, &mut slots, asked);
                            }
                            Some((Err(error), _)) => say(shared, "to receive", &error),
                            None => overseer::say(shared, format!(
                                "a receive did not come back in {:.1?}: what the broker has handed \
                                 out to it is delivered again when its lease has ended",
                                stopped.elapsed(),
                            )),
                        }
                    };
                    tokio::join!(settling, quiet(shared));
                    return;
                }
            }
        };
        match received {
            Some((Ok(received), guard)) => {
                (retry, is_said) = (RETRY, false);
                let is_empty = received.is_empty();
                let was_hasty =
                    std::mem::replace(&mut is_hasty, is_empty && asked.elapsed() < RETRY);
                begin(shared, handler, jobs, received, &guard, &mut slots, asked);
                drop(guard);
                if was_hasty && is_hasty {
                    // A source that does not wait for jobs is not asked in a busy loop.
                    pause(shared, RETRY.saturating_sub(asked.elapsed())).await;
                }
            }
            Some((Err(error), guard)) => {
                drop(guard);
                if !std::mem::replace(&mut is_said, true) {
                    say(shared, "to receive, and is asked again until it does", &error);
                }
                pause(shared, retry).await;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
            // The service drains.
            None => {
                quiet(shared).await;
                return;
            }
        }
    }
}

/// Those that are free, one at least; `None` once a stop is asked for.
async fn slots<S: Source>(shared: &Arc<Shared<S>>) -> Option<Vec<OwnedSemaphorePermit>> {
    if shared.is_stopping() {
        return None;
    }
    let slot = || Arc::clone(&shared.slots);
    let first = tokio::select! {
        biased;
        () = shared.stopping() => return None,
        first = slot().acquire_owned() => first.ok()?,
    };
    let rest = std::iter::from_fn(|| slot().try_acquire_owned().ok());
    Some([first].into_iter().chain(rest).collect())
}

/// Each job in a task of its own, as a call of its class.
fn begin<S, H, F>(
    shared: &Arc<Shared<S>>,
    handler: &Arc<H>,
    jobs: &mut JoinSet<()>,
    received: Vec<S::Job>,
    guard: &Guard,
    slots: &mut Vec<OwnedSemaphorePermit>,
    asked: Instant,
) where
    S: Source,
    H: Fn(S::Job) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: JobResult,
{
    for job in received {
        let (number, held) = shared.hold(job, asked);
        let site = shared.class(&held).site;
        // Part of the receive's call, which was admitted, so it is never refused.
        let Ok(guard) = guard.enter(|| site.admit()) else { unreachable!("it is inherited") };
        let place = Place { number, held, guard, _slot: slots.pop() };
        jobs.spawn(job::run(Arc::clone(shared), Arc::clone(handler), place));
    }
}

/// So much time, or until a stop is asked for.
async fn pause<S: Source>(shared: &Shared<S>, time: Duration) {
    let _ = timeout(time, shared.stopping()).await;
}

async fn quiet<S: Source>(shared: &Shared<S>) {
    match settled(shared, caught::asked(|| shared.source.quiet())).await {
        Some(Ok(())) => {}
        Some(Err(error)) => say(shared, "to go quiet", &error),
        None => say(shared, "to go quiet", &"it does not answer".into()),
    }
}

/// What is under way as a stop is asked for, if it completes in time: main is to return yet.
async fn settled<S: Source, T>(shared: &Shared<S>, what: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = timeout(shared.terms.settle, what) => done.ok(),
        () = shared.due(Turn { policy: Policy::Finish, rank: 0, ranks: 1 }) => None,
    }
}

fn say<S: Source>(shared: &Shared<S>, what: &str, error: &SourceError) {
    let consumer = shared.name;
    tracing::warn!(target: "lifecycle::work", consumer, "the source of `{consumer}` fails {what}: {error:#}");
}
