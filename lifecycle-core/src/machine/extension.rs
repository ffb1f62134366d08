//! More time from the service manager, while a stop makes progress: our deadline and its kill move
//! together.
//!
//! Invariants:
//! 1. Nothing moves before the manager was told, and what it was told counts from before the
//!    telling: its kill is never earlier than we take it to be, and our deadline is that less the
//!    margin.
//! 2. It is told only while the stop is short of time, and only if a hook ended by itself or
//!    something in flight ended within the last `WINDOW`.
//! 3. No kill is later than the configured time after the request.
//! 4. Nothing is asked any more once a signal has hurried the stop, once the manager could not be
//!    told, and once the report is final.
//!
//! Hooks are given their timeouts as if all of it came: on credit. The drain is not: without
//! progress it ends where it would, and leaves the hooks what it owes them.

use std::time::Duration;

use super::{Effect, End, Facts, Machine, Moment, time::Time};
use crate::State;

/// What counts as progress is not older than this.
const WINDOW: Duration = Duration::from_secs(1);
/// How long before it is out of time a stop asks; of a short time half.
const LEAD: Duration = Duration::from_secs(1);
/// How often it is looked whether a call has ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What is known of the progress of a stop.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extension {
    /// When calls were looked at last, and how many had ended by then.
    looked: Option<(Moment, u64)>,
    /// When something ended, at the earliest.
    progress: Option<Moment>,
    /// The manager could not be told.
    is_refused: bool,
}

impl Extension {
    /// A hook that was cancelled, or had nothing to do, is no progress.
    pub(super) fn hook_ended(&mut self, at: Moment, end: &End) {
        if matches!(end, End::Completed | End::Failed(_) | End::Panicked(_)) {
            self.progress = self.progress.max(Some(at));
        }
    }

    /// A call has ended since the last look: not before that.
    fn look(&mut self, now: Moment, ended: u64) {
        if let Some((before, known)) = self.looked
            && ended > known
        {
            self.progress = self.progress.max(Some(before));
        }
        self.looked = Some((now, ended));
    }

    fn is_progressing(&self, now: Moment) -> bool {
        self.progress.is_some_and(|progress| now.since(progress) <= WINDOW)
    }
}

impl Machine {
    /// Tells the manager, where it is time to.
    pub(super) fn ask_for_time(&mut self, time: Time, facts: Facts, effects: &mut Vec<Effect>) {
        let Some(latest) = self.latest_kill() else { return };
        self.extension.look(time.now, facts.ended);
        let (Some(short_at), Some(kill)) = (self.short_at(), self.kill()) else { return };
        let lead = self.lead();
        let is_short = kill < latest && short_at.before(lead) <= time.now;
        if !is_short || !self.extension.is_progressing(time.now) {
            return;
        }
        // What is short has a window and a lead from now on; what comes after it keeps its time.
        let after = kill.since(short_at);
        let until = time.now.after(WINDOW + lead).after(after).min(latest);
        if until > kill {
            effects.push(Effect::TellManager { until, time: until.since(time.now) });
        }
    }

    /// The manager kills at `until`, or could not be told.
    pub(super) fn manager_told(
        &mut self,
        time: Time,
        until: Moment,
        told: bool,
        effects: &mut Vec<Effect>,
    ) {
        if !told {
            self.extension.is_refused = true;
            return self.end_credit(time.now);
        }
        let limit = self.drain_limit();
        let Some(stop) = &mut self.stop else { return };
        let Some(before) = stop.deadline else { return };
        let deadline = until.before(stop.budget.margin);
        if deadline <= before {
            return;
        }
        stop.deadline = Some(deadline);
        stop.budget.deadline = Some(deadline.since(stop.at));
        let gained = deadline.since(before);
        if let Some(drain) = self.drain.as_mut().filter(|drain| !drain.time_is_up) {
            let extended = drain.until.map(|until| until.after(gained));
            drain.until = [extended, limit].into_iter().flatten().min();
        }
        effects.push(Effect::DeadlineMoved(Some(deadline)));
    }

    /// When something is to be looked at.
    pub(super) fn extension_wake(&self) -> Option<Moment> {
        let (looked, _) = self.extension.looked?;
        let latest = self.latest_kill()?;
        let short_at = self.short_at().filter(|_| self.kill() < Some(latest))?;
        Some(looked.after(LOOK_EVERY).max(short_at.before(self.lead() + WINDOW)))
    }

    /// When hooks have to be gone if every extension comes.
    pub(super) fn deadline_with_credit(&self) -> Option<Moment> {
        let latest = self.latest_kill().zip(self.stop.as_ref());
        let credit = latest.map(|(latest, stop)| latest.before(stop.budget.margin));
        self.deadline().map(|deadline| credit.map_or(deadline, |credit| credit.max(deadline)))
    }

    /// What hooks start with from here on is what there is.
    pub(super) fn end_credit(&mut self, now: Moment) {
        if self.settings.extension().is_none() {
            return;
        }
        let Some(teardown) = &self.teardown else { return };
        let until = self.hooks_deadline(now, teardown.plan());
        self.hooks_until = until;
        if let Some(teardown) = &mut self.teardown {
            teardown.deadline = until;
        }
    }

    /// When resources have to be gone: there is no credit for destructors.
    pub(super) fn resources_deadline(&self, now: Moment) -> Option<Moment> {
        let (Some(_), Some(deadline)) = (self.settings.extension(), self.deadline()) else {
            return self.hooks_until;
        };
        let left = deadline.since(now);
        let components = self.components_timeout().min(left);
        Some(deadline.before(components))
    }

    /// The latest kill that may be asked for, while anything may.
    fn latest_kill(&self) -> Option<Moment> {
        let up_to = self.settings.extension()?;
        let stop = self.stop.as_ref()?;
        let is_open = matches!(self.state, State::Draining | State::Stopping)
            && self.finished.is_none()
            && self.has_run()
            && !self.drain_skipped
            && !self.extension.is_refused;
        (is_open && stop.budget.grace? < up_to).then(|| stop.at.after(up_to))
    }

    /// When the manager kills.
    fn kill(&self) -> Option<Moment> {
        let stop = self.stop.as_ref()?;
        Some(stop.deadline?.after(stop.budget.margin))
    }

    /// When what goes on now is out of time: a drain that more time would help, else the stop.
    fn short_at(&self) -> Option<Moment> {
        let drain = self.drain.as_ref().filter(|drain| !drain.time_is_up);
        let drain = drain.filter(|_| self.state == State::Draining).and_then(|drain| drain.until);
        let limit = self.drain_limit();
        drain.filter(|until| limit.is_none_or(|limit| *until < limit)).or_else(|| self.deadline())
    }

    /// When the drain has to be over however much time there is.
    fn drain_limit(&self) -> Option<Moment> {
        let drain = self.drain.as_ref()?;
        Some(drain.began.after(self.settings.drain_timeout.value?))
    }

    fn lead(&self) -> Duration {
        let stop = self.stop.as_ref();
        let whole = stop.and_then(|stop| stop.budget.grace).unwrap_or_default();
        LEAD.min(whole / 4)
    }
}
