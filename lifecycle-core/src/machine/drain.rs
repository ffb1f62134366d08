//! The drain: what is in flight ends, and main goes.

use std::time::Duration;

use super::{ABORT_GRACE, Effect, Machine, Moment, Run, time::Time};
use crate::State;

/// What the drain leaves at least, so that main can go and the report be written before the deadline.
pub(crate) const END_ROOM: Duration = Duration::from_millis(250);
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// The drain, from its beginning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drain {
    pub(crate) began: Moment,
    pub(crate) ended: Option<Moment>,
    pub(crate) timed_out: bool,
    /// Whether somebody listened, so that main has the drain's time to return.
    pub(crate) main_was_told: bool,
    pub(crate) until: Option<Moment>,
    pub(crate) time_is_up: bool,
    pub(crate) gate_closed: bool,
    /// Whether what was left when its time was up has been counted.
    counted: bool,
    pub(crate) dropping: Dropping,
    pub(crate) next_progress: Moment,
}

/// What has been done to end main.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropping {
    No,
    /// It was told to go, and has until then.
    Until(Moment),
    /// It did not go; the teardown begins beside it.
    GivenUp,
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
        let until = self.stop.as_ref().and_then(|stop| stop.drain_until(time.now, drain_timeout));
        self.drain = Some(Drain {
            began: time.now,
            ended: None,
            timed_out: false,
            main_was_told: false,
            until,
            time_is_up: false,
            gate_closed: false,
            counted: false,
            dropping: Dropping::No,
            next_progress: time.now.after(PROGRESS_EVERY),
        });
    }

    pub(crate) fn advance_drain(
        &mut self,
        Time { at, now }: Time,
        in_flight: usize,
        effects: &mut Vec<Effect>,
    ) {
        let Some(drain) = &mut self.drain else { return };
        if !drain.gate_closed {
            return;
        }
        if drain.next_progress <= at {
            drain.next_progress = now.after(PROGRESS_EVERY);
            effects.push(Effect::Progress { main_is_over: matches!(self.run, Run::Over(_)) });
        }
        let main_is_over = match self.run {
            // Hooks need the runtime that `run` brings.
            Run::Before => return,
            Run::Polling => false,
            Run::Over(_) => true,
        };
        drain.time_is_up |= self.drain_skipped || drain.until.is_some_and(|until| until <= at);
        let time_is_up = drain.time_is_up;
        let idle = in_flight == 0;
        match drain.dropping {
            Dropping::No if !main_is_over && (time_is_up || (idle && !drain.main_was_told)) => {
                drain.dropping = Dropping::Until(now.after(ABORT_GRACE));
                if time_is_up {
                    // Counted before main is dropped: calls inside of it are cut with it.
                    drain.counted = true;
                    effects.push(Effect::EndDrain);
                }
                effects.push(Effect::DropMain);
            }
            Dropping::Until(until) if until <= at => drain.dropping = Dropping::GivenUp,
            _ => {}
        }
        let main_is_gone = main_is_over || drain.dropping == Dropping::GivenUp;
        if !main_is_gone || !(idle || time_is_up) {
            return;
        }
        drain.ended = Some(at.max(drain.began));
        drain.timed_out = time_is_up && !(idle && main_is_over && drain.dropping == Dropping::No);
        if !drain.counted {
            effects.push(Effect::EndDrain);
        }
        self.enter(State::Stopping, effects);
        effects.push(Effect::PlanTeardown);
    }
}
