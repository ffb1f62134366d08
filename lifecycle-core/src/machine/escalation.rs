//! Escalation: the first signal asks for a stop; an interrupt after it ends the delay and the drain; one
//! more ends the process. Signals within `MERGE` of the last one that counted are that one.

use std::time::Duration;

use super::{Effect, ExitWhy, Machine, Moment, exit_code::exit_code_of, time::Time};
use crate::{Reason, Signal, SignalSender, values::SignalAction};

/// Signals this close to the last counted one are one with it.
pub(crate) const MERGE: Duration = Duration::from_millis(500);
/// How many signals the report tells of.
const KEPT: usize = 64;

/// A signal that was heard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) signal: Signal,
    pub(crate) at: Moment,
    pub(crate) action: SignalAction,
}

impl Machine {
    /// The signals that were heard, the first ones.
    pub(crate) fn received(&self) -> &[Received] {
        &self.received
    }

    pub(crate) fn signal(
        &mut self,
        time: Time,
        signal: Signal,
        sender: Option<SignalSender>,
        on_terminal: bool,
        effects: &mut Vec<Effect>,
    ) {
        // What an image names as its STOPSIGNAL is its TERM.
        let counts_as_term = matches!(signal, Signal::Term | Signal::Other { .. });
        let escalates = signal == Signal::Int || (counts_as_term && self.settings.escalate_on_term);
        let merged = self.last_counted.is_some_and(|last| time.at.since(last) < MERGE);
        let action = if merged {
            SignalAction::Merged
        } else if self.finished.is_some() {
            SignalAction::Exits
        } else if self.stop.is_none() {
            SignalAction::Stops
        } else if !escalates {
            SignalAction::Repeated
        } else if self.drain_skipped {
            SignalAction::Exits
        } else {
            SignalAction::SkipsDrain
        };
        if action == SignalAction::Stops {
            self.begin_stop(time, Reason::Signal { signal, sender }, on_terminal, effects);
        }
        effects.push(Effect::SignalReceived { signal, sender, action });
        if self.received.len() < KEPT {
            self.received.push(Received { signal, at: time.at, action });
        }
        match action {
            SignalAction::Merged | SignalAction::Repeated => return,
            SignalAction::Stops => self.enter_first_state(time, effects),
            SignalAction::SkipsDrain => {
                self.drain_skipped = true;
                self.end_credit(time.now);
            }
            SignalAction::Exits => {
                let why = if self.finished.is_some() {
                    ExitWhy::AfterRun(signal)
                } else {
                    ExitWhy::LastStep(signal)
                };
                effects.push(Effect::Exit { code: exit_code_of(signal), why });
            }
        }
        self.last_counted = Some(time.at);
    }
}
