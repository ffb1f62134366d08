//! The drain: what is in flight ends, and main goes.

use std::time::Duration;

use super::{ABORT_GRACE, Effect, Facts, Machine, MainEnd, Moment, Run, time::Time};
use crate::State;

/// What the drain leaves at least, so that main can go and the report be written before the
/// deadline.
pub(crate) const END_ROOM: Duration = Duration::from_millis(250);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// When it is said that main alone is waited for.
const MAIN_EXPECTED: Duration = Duration::from_secs(1);
/// How long the callers of calls that the drain's end cancels have to take the answer.
const CANCEL_GRACE: Duration = Duration::from_millis(100);

/// The drain, from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    pub(crate) began: Moment,
    pub(crate) ended: Option<Moment>,
    pub(crate) timed_out: bool,
    /// Whether somebody listened, so that main has the drain's time to return.
    pub(crate) main_was_told: bool,
    /// Whether anything of the program is tracked.
    tracks: bool,
    pub(crate) until: Option<Moment>,
    pub(crate) time_is_up: bool,
    pub(crate) gate_closed: bool,
    /// Since when nothing has been in flight.
    idle_since: Option<Moment>,
    /// Whether who waits for the drain's end has been told.
    drained: bool,
    waiting_was_said: bool,
    /// How far the drain is over for calls.
    calls: Calls,
    /// Where calls were cancelled: how long main has because of the answers.
    answers_until: Option<Moment>,
    pub(crate) dropping: Dropping,
    /// How main was dropped, where it was.
    pub(crate) main_was_cut: Option<Cut>,
    pub(crate) next_progress: Moment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Calls {
    /// They have the drain's time.
    Draining,
    /// What is left is abandoned; what `drain = cancel` may drop has until then to be answered.
    Cancelling(Moment),
    Over,
}

/// What has been done to end main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropping {
    No,
    /// It was told to go, and has until then; `None`: without limit.
    Until(Option<Moment>),
    /// It did not go; the teardown begins beside it.
    GivenUp,
}

/// Why main was dropped before it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nobody listened, and what it was doing was tracked, or nothing.
    Untold,
    /// Nobody listened and nothing is tracked: whatever it was doing was cut.
    Unknown,
    /// `main_timeout` was over, which declares that it may be cut.
    Declared,
    /// It listened, and did not return by the end of the drain.
    TimeIsUp,
}

impl Drain {
    /// How long it may take.
    pub(crate) fn allotted(&self) -> Option<Duration> {
        self.until.map(|until| until.since(self.began))
    }
}

impl Machine {
    pub(crate) const fn drain(&self) -> Option<&Drain> {
        self.drain.as_ref()
    }

    pub(crate) fn begin_drain(&mut self, time: Time, effects: &mut Vec<Effect>) {
        // Who listens is counted before anybody is told.
        effects.push(Effect::CloseGate { main_is_polled: self.run == Run::Polling });
        self.state = State::Draining;
        let drain_timeout = self.settings.drain_timeout.value;
        let stop = self.stop.as_ref();
        let until = stop.and_then(|stop| {
            stop.drain_until(time.now, drain_timeout, self.teardown_workload().least())
        });
        self.drain = Some(Drain {
            began: time.now,
            ended: None,
            timed_out: false,
            main_was_told: false,
            tracks: false,
            until,
            time_is_up: false,
            gate_closed: false,
            idle_since: None,
            drained: false,
            waiting_was_said: false,
            calls: Calls::Draining,
            // Who hears of the drain and of its end at once has a moment to return.
            answers_until: self.drain_skipped.then(|| time.now.after(self.cancel_grace(time.now))),
            dropping: Dropping::No,
            main_was_cut: None,
            next_progress: time.now.after(PROGRESS_EVERY),
        });
    }

    pub(super) fn gate_closed(
        &mut self,
        listeners: usize,
        tracks: bool,
        effects: &mut Vec<Effect>,
    ) {
        if self.state == State::Draining
            && let Some(drain) = &mut self.drain
        {
            drain.gate_closed = true;
            drain.main_was_told = listeners > 0;
            drain.tracks = tracks;
            // Said before anything that follows from it, whose state is a later one.
            self.enter(State::Draining, effects);
        }
    }

    /// Who was waiting for a call that was cancelled, main perhaps, has a moment to go on.
    pub(super) fn calls_ended(&mut self, time: Time, cancels: bool) {
        let until = time.now.after(self.cancel_grace(time.now));
        if let Some(drain) = self.drain.as_mut().filter(|_| cancels) {
            drain.answers_until = drain.answers_until.or(Some(until));
        }
    }

    /// Hooks and the report have the most of what is left.
    fn cancel_grace(&self, now: Moment) -> Duration {
        let left = self.deadline().map_or(Duration::MAX, |deadline| deadline.since(now));
        CANCEL_GRACE.min(left / 4)
    }

    pub(crate) fn advance_drain(&mut self, time: Time, facts: Facts, effects: &mut Vec<Effect>) {
        let Time { at, now } = time;
        let cancels_until = now.after(self.cancel_grace(now));
        let Some(drain) = &mut self.drain else { return };
        if !drain.gate_closed {
            return;
        }
        if drain.next_progress <= at {
            drain.next_progress = now.after(PROGRESS_EVERY);
            effects.push(Effect::Progress { main_is_over: matches!(self.run, Run::Over(_)) });
        }
        let idle = facts.in_flight == 0;
        // Who asks for the first time while the service drains listens from then on.
        drain.main_was_told |= facts.listens;
        let began = drain.began;
        drain.idle_since =
            if idle { drain.idle_since.or_else(|| Some(at.max(began))) } else { None };
        drain.time_is_up |= self.drain_skipped || drain.until.is_some_and(|until| until <= at);
        if (idle || drain.time_is_up) && !std::mem::replace(&mut drain.drained, true) {
            effects.push(Effect::Drained);
        }
        let main_is_over = match self.run {
            // Hooks need the runtime that `run` brings.
            Run::Before => return,
            Run::Polling => false,
            Run::Over(_) => true,
        };
        if drain.time_is_up && drain.calls == Calls::Draining {
            // Counted before main is dropped: calls inside of it are cut with it.
            drain.calls = Calls::Cancelling(cancels_until);
            effects.push(Effect::EndDrain);
            return;
        }
        if !drain.calls_are_over(at, facts, effects) {
            return;
        }
        let main_timeout = self.settings.main_timeout.value;
        drain.drop_main(at, now, main_is_over, main_timeout, effects);
        let main_is_gone = main_is_over || drain.dropping == Dropping::GivenUp;
        if !main_is_gone || !(idle || drain.time_is_up) {
            return;
        }
        if drain.calls == Calls::Draining {
            // Nothing is left; what this cancels begins only now.
            drain.calls = Calls::Cancelling(cancels_until);
            effects.push(Effect::EndDrain);
            return;
        }
        drain.ended = Some(at.max(drain.began));
        drain.timed_out =
            drain.time_is_up && !(idle && main_is_over && drain.dropping == Dropping::No);
        self.enter(State::Stopping, effects);
        effects.push(Effect::PlanTeardown);
    }

    /// Whether main was cut, or did not go, in a way that is not as it should be.
    pub(super) fn is_main_unclean(&self) -> bool {
        let Some(drain) = &self.drain else { return false };
        let has_gone = matches!(self.run, Run::Over(_));
        match drain.main_was_cut {
            None => false,
            Some(_) if drain.dropping == Dropping::GivenUp => true,
            Some(Cut::TimeIsUp) => matches!(self.run, Run::Over(MainEnd::Dropped)) || !has_gone,
            Some(Cut::Untold | Cut::Unknown | Cut::Declared) => false,
        }
    }
}

impl Drain {
    /// When something is due.
    pub(super) fn next_wake(
        &self,
        main_timeout: Option<Duration>,
        has_run: bool,
    ) -> Option<Moment> {
        let waits_for_main = self.dropping == Dropping::No && self.main_was_told;
        let since_idle = self.idle_since.filter(|_| waits_for_main && has_run);
        let candidates = [
            Some(self.next_progress),
            self.until.filter(|_| !self.time_is_up && has_run),
            since_idle.filter(|_| !self.waiting_was_said).map(|since| since.after(MAIN_EXPECTED)),
            since_idle.and_then(|since| Some(since.after(main_timeout?))),
            self.answers_until.filter(|_| self.dropping == Dropping::No && has_run),
            match self.calls {
                Calls::Cancelling(until) => Some(until),
                Calls::Draining | Calls::Over => None,
            },
            match self.dropping {
                Dropping::Until(until) => until,
                Dropping::No | Dropping::GivenUp => None,
            },
        ];
        candidates.into_iter().flatten().min()
    }

    /// Whether nobody has to be waited for because of what the drain's end cancelled.
    fn calls_are_over(&mut self, at: Moment, facts: Facts, effects: &mut Vec<Effect>) -> bool {
        if let Calls::Cancelling(until) = self.calls {
            if facts.cancelling > 0 && at < until {
                return false;
            }
            self.calls = Calls::Over;
            if facts.cancelling > 0 {
                effects.push(Effect::GiveUpCancelling);
            }
        }
        true
    }

    /// Drops main when it is time to, and gives it up when it does not go.
    fn drop_main(
        &mut self,
        at: Moment,
        now: Moment,
        main_is_over: bool,
        main_timeout: Option<Duration>,
        effects: &mut Vec<Effect>,
    ) {
        if main_is_over {
            return;
        }
        match self.dropping {
            Dropping::No => {
                let idle_for = self.idle_since.map(|since| at.since(since));
                let may_be_cut = idle_for
                    .zip(main_timeout)
                    .is_some_and(|(idle_for, timeout)| idle_for >= timeout);
                let why = if self.main_was_told && may_be_cut {
                    Cut::Declared
                } else if self.main_was_told {
                    if !self.time_is_up {
                        self.say_waiting(idle_for, effects);
                        return;
                    }
                    if self.answers_until.is_some_and(|until| until > at) {
                        return;
                    }
                    Cut::TimeIsUp
                } else if self.idle_since.is_none() && !self.time_is_up {
                    return;
                } else if self.tracks {
                    Cut::Untold
                } else {
                    Cut::Unknown
                };
                self.main_was_cut = Some(why);
                // A main that does not yield is work in flight: it has the drain's time.
                let grace = now.after(ABORT_GRACE);
                self.dropping = Dropping::Until(if self.time_is_up {
                    Some(grace)
                } else {
                    self.until.map(|until| until.max(grace))
                });
                effects.push(Effect::DropMain);
            }
            Dropping::Until(until) => {
                let grace = now.after(ABORT_GRACE);
                if until.is_some_and(|until| until <= at) {
                    self.dropping = Dropping::GivenUp;
                } else if self.time_is_up && until.is_none_or(|until| until > grace) {
                    self.dropping = Dropping::Until(Some(grace));
                }
            }
            Dropping::GivenUp => {}
        }
    }

    fn say_waiting(&mut self, idle_for: Option<Duration>, effects: &mut Vec<Effect>) {
        let is_time = idle_for.is_some_and(|idle_for| idle_for >= MAIN_EXPECTED);
        if is_time && !std::mem::replace(&mut self.waiting_was_said, true) {
            effects.push(Effect::WaitingForMain);
        }
    }
}
