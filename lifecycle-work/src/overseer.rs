//! Tells the tasks of a consumer how far the stop has come, gives back what its task cannot, and keeps
//! the report up to date.

use std::{sync::Arc, time::Duration};

use lifecycle_core::{
    Milestone, State,
    ext::{self, Handle},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{
    Source, job,
    shared::{Held, Shared},
};

/// How often is looked during a stop.
const LOOK: Duration = Duration::from_millis(50);
/// How many jobs are named that are in hand.
const NAMED: usize = 20;

/// Until it is aborted.
pub(crate) async fn run<S: Source>(shared: Arc<Shared<S>>, requested: Milestone) {
    tokio::select! {
        () = requested => {}
        // Nobody waits for the consumer: its jobs go on, and may meet a stop yet.
        () = shared.stopping() => {}
    }
    shared.request();
    let lifecycle = Handle::current();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut taken = JoinSet::new();
    loop {
        looks.tick().await;
        while taken.try_join_next().is_some() {}
        let (now, status) = (shared.now(), lifecycle.status());
        shared.change(|closing| {
            if let Some(drain) = status.drain() {
                let began = closing
                    .drain
                    .map_or_else(|| now.saturating_sub(drain.took()), |(began, _)| began);
                closing.drain = Some((began, drain.allotted()));
            }
            closing.over = status.state() >= State::Stopping;
        });
        for held in shared.held() {
            if is_late(&shared, &held) && held.decide() {
                say(
                    &shared,
                    format!(
                        "{} was given back after {:?} while its handler went on: it does not yield",
                        shared.title(&held),
                        held.age(),
                    ),
                );
                let shared = Arc::clone(&shared);
                taken.spawn(async move {
                    job::give_back(&shared, &held).await;
                    held.give();
                });
            }
        }
        note(&shared);
    }
}

/// Whether it is due, and its task has not seen to it.
fn is_late<S: Source>(shared: &Shared<S>, held: &Held<S::Job>) -> bool {
    let closing = shared.closing();
    let due = closing.due(shared.class(held).turn);
    held.has_begun()
        && !held.is_decided()
        && due.is_some_and(|due| shared.now() >= due + closing.patience())
}

/// Says it in the log, and in the report if there is to be one.
pub(crate) fn say<S: Source>(shared: &Shared<S>, what: impl AsRef<str>) {
    let (consumer, what) = (shared.name, what.as_ref());
    tracing::warn!(target: "lifecycle::work", consumer, "`{consumer}`: {what}");
    if shared.is_stopping() {
        ext::note(consumer, what);
    }
}

/// What the report says of the consumer, as far as it is known.
pub(crate) fn note<S: Source>(shared: &Shared<S>) {
    if !shared.is_stopping() {
        return;
    }
    let _look = shared.look();
    let mut text = shared.worked().to_string();
    let held = shared.held();
    if !held.is_empty() {
        let named: Vec<_> = held.iter().take(NAMED).map(|held| shared.title(held)).collect();
        let rest = held.len().saturating_sub(NAMED);
        let rest = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        text = format!("{text}, {} in hand: {}{rest}", held.len(), named.join(", "));
    }
    let name = shared.name;
    let about = match shared.number {
        1 => format!("consumer {name}"),
        number => format!("consumer {name} ({number})"),
    };
    ext::set_note(about, text);
}
