//! One job, from when it was received until the broker was told what has become of it.
//!
//! One task owns a job and decides once. What is cut is not polled from the moment of the decision on,
//! so it is never acknowledged and given back.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use lifecycle_core::{Guard, ext};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{sleep, timeout},
};

use crate::{
    Policy, Source, SourceError, caught, overseer,
    result::JobResult,
    shared::{Fate, Held, Shared},
};

/// How long a handler is kept, and not polled, while its job is given back.
const PAUSE: Duration = Duration::from_millis(250);
/// How often the broker is told, and how long is waited after the first time.
const TRIES: u32 = 3;
const RETRY: Duration = Duration::from_millis(50);

/// A job's place among those that are held.
pub(crate) struct Place<J> {
    pub(crate) number: u64,
    pub(crate) held: Arc<Held<J>>,
    /// The job is in flight until this is dropped.
    pub(crate) guard: Guard,
    pub(crate) _slot: Option<OwnedSemaphorePermit>,
}

pub(crate) async fn run<S, H, F>(shared: Arc<Shared<S>>, handler: Arc<H>, place: Place<S::Job>)
where
    S: Source,
    H: Fn(S::Job) -> F + Send + Sync + 'static,
    F: Future + Send + 'static,
    F::Output: JobResult,
{
    let Place { number, held, guard, _slot } = place;
    let _let_go = LetGo { shared: &shared, number };
    let Some(_place) = a_place(&shared, &held).await else {
        match (held.decide(), held.is_lost()) {
            (true, true) => lost(&shared, &held, &guard),
            (true, false) => {
                ext::cancel(&guard);
                shared.at_once().await;
                give_back(&shared, &held).await;
            }
            (false, _) => {}
        }
        return;
    };
    held.begin();
    let job = Arc::clone(&held);
    let work = guard.scope(async move { handler(job.job.clone()).await.into_result() });
    let mut work = Box::pin(AssertUnwindSafe(work).catch_unwind());
    let turn = shared.class(&held).turn;
    let ended = tokio::select! {
        biased;
        ended = &mut work => Some(ended),
        () = held.lost() => None,
        () = shared.due(turn) => {
            if held.decide() {
                cut(&shared, &held, &guard, work, turn.policy).await;
            } else {
                taken(&held, &guard, work).await;
            }
            return;
        }
    };
    if !held.decide() {
        taken(&held, &guard, work).await;
        return;
    }
    caught::dropped(work);
    match ended {
        Some(Ok(Ok(()))) => acknowledge(&shared, &held, &guard).await,
        Some(Ok(Err(error))) => fail(&shared, &held, &error).await,
        Some(Err(panic)) => {
            let error = format!("panicked: {}", ext::text::panic(panic));
            fail(&shared, &held, &error).await;
        }
        None => lost(&shared, &held, &guard),
    }
}

/// Somebody else has it: the broker is told nothing.
fn lost<S: Source>(shared: &Shared<S>, held: &Held<S::Job>, guard: &Guard) {
    ext::lose(guard);
    shared.count(held, Fate::Untold);
    overseer::say(
        shared,
        format!(
            "{} was dropped after {:?}: its lease ran out and could not be renewed",
            shared.title(held),
            held.age(),
        ),
    );
}

/// One of those that may run; `None` where it shall not any more.
async fn a_place<S: Source>(
    shared: &Shared<S>,
    held: &Held<S::Job>,
) -> Option<OwnedSemaphorePermit> {
    let place = tokio::select! {
        biased;
        () = shared.stopping() => None,
        () = held.lost() => None,
        place = Arc::clone(&shared.places).acquire_owned() => place.ok(),
    };
    // The request may have come meanwhile, and who tells of it not.
    place.filter(|_| !shared.is_stopping())
}

/// A running job is due.
async fn cut<S: Source, W: Future>(
    shared: &Shared<S>,
    held: &Held<S::Job>,
    guard: &Guard,
    work: Pin<Box<W>>,
    policy: Policy,
) {
    let is_declared = policy != Policy::Finish;
    if is_declared {
        ext::cancel(guard);
    }
    if policy == Policy::Abandon {
        caught::dropped(work);
        shared.count(held, Fate::Abandoned);
        overseer::say(
            shared,
            format!(
                "{} was abandoned after {:?}: the broker delivers it again when its lease has ended",
                shared.title(held),
                held.age(),
            ),
        );
        return;
    }
    let mut giving = std::pin::pin!(give_back(shared, held));
    let is_given = timeout(PAUSE, &mut giving).await.is_ok();
    caught::dropped(work);
    if !is_given {
        giving.await;
    }
    if !is_declared {
        ext::lose(guard);
        overseer::say(
            shared,
            format!(
                "{} was given back after {:?}: the drain had no more time for it",
                shared.title(held),
                held.age(),
            ),
        );
    }
}

/// A job that was given back while it went on, as what it did may be done again: in flight until
/// the broker has it.
async fn taken<J, W>(held: &Held<J>, guard: &Guard, work: Pin<Box<W>>) {
    caught::dropped(work);
    ext::lose(guard);
    held.given().await;
}

/// What nobody else decides about any more goes back.
pub(crate) async fn give_back<S: Source>(shared: &Shared<S>, held: &Held<S::Job>) {
    let told = tell(held, || shared.source.give_back(held.job.clone())).await;
    settle(shared, held, told, Fate::GivenBack, "given back");
}

async fn acknowledge<S: Source>(shared: &Shared<S>, held: &Held<S::Job>, guard: &Guard) {
    let told = tell(held, || shared.source.ack(&held.job)).await;
    if told.is_err() {
        ext::lose(guard);
    }
    settle(shared, held, told, Fate::Done, "acknowledged");
}

async fn fail<S: Source>(shared: &Shared<S>, held: &Held<S::Job>, error: &str) {
    let consumer = shared.name;
    tracing::warn!(target: "lifecycle::work", consumer, "{} of `{consumer}` failed: {error}", shared.title(held));
    let told = tell(held, || shared.source.fail(held.job.clone(), error)).await;
    settle(shared, held, told, Fate::Failed, "told to have failed");
}

/// Tells the broker, more than once where it does not hear, while the lease lasts.
async fn tell<J, T: Future<Output = Result<(), SourceError>>>(
    held: &Held<J>,
    what: impl Fn() -> T,
) -> Result<(), SourceError> {
    let (mut retry, mut tries) = (RETRY, TRIES);
    loop {
        let told = tokio::select! {
            biased;
            told = caught::asked(&what) => told,
            () = held.lost() => return Err("its lease ran out before".into()),
        };
        tries -= 1;
        if told.is_ok() || tries == 0 {
            return told;
        }
        sleep(retry).await;
        retry *= 4;
    }
}

fn settle<S: Source>(
    shared: &Shared<S>,
    held: &Held<S::Job>,
    told: Result<(), SourceError>,
    fate: Fate,
    what: &str,
) {
    match told {
        Ok(()) => shared.count(held, fate),
        Err(error) => {
            shared.count(held, Fate::Untold);
            overseer::say(
                shared,
                format!(
                    "{} could not be {what}, and is delivered again: {error:#}",
                    shared.title(held),
                ),
            );
        }
    }
}

/// However its task ends, a job is not held any more; in flight until the report could know.
struct LetGo<'s, S: Source> {
    shared: &'s Shared<S>,
    number: u64,
}

impl<S: Source> Drop for LetGo<'_, S> {
    fn drop(&mut self) {
        if self.shared.let_go(self.number) {
            overseer::note(self.shared);
        }
    }
}
