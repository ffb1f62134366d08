//! What the machine decides is carried out here, by the thread that drives the lifecycle.

use std::sync::PoisonError;

use super::lifecycle::Lifecycle;
use crate::machine::{Effect, Facts, Input, Step};
use crate::values::SignalAction;
use crate::{Event, Signal, SignalSender, SourceLocation, declare::site::SiteEntry};

impl Lifecycle {
    pub(crate) fn handle(&'static self, input: Input) {
        let requested = self.machine().stop().is_none();
        let facts = Facts { now: self.now(), in_flight: self.gate.in_flight() };
        let effects = self.machine().handle(facts, input);
        if requested {
            self.announce_request();
        }
        self.carry_out_all(effects);
    }

    /// The stop got its id and its reason before anything is done about it.
    fn announce_request(&'static self) {
        let Some(reason) = self.machine().stop().map(|stop| stop.reason.clone()) else { return };
        let shutdown_id = self.shutdown_id.get_or_init(new_shutdown_id).clone();
        self.start_line.log(&self.log);
        self.emit(Event::Requested { reason, shutdown_id });
    }

    /// Effects, and the inputs that they bring about at once.
    pub(crate) fn carry_out_all(&'static self, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(input) = self.carry_out(effect) {
                let planned = matches!(input, Input::Planned(_));
                self.handle(input);
                if planned {
                    self.admit_latecomers();
                }
            }
        }
    }

    fn carry_out(&'static self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Enter(state) => self.enter(state),
            Effect::SignalReceived { signal, sender, action } => {
                self.signal_received(signal, sender, action)
            }
            Effect::CloseGate => {
                // Those who listen are told by the very closing, and some are gone the moment they know.
                let told = self.gate.listeners();
                let listeners = told.len();
                let _ = self.listeners.set(told);
                self.gate.close();
                self.say_what_main_gets(listeners);
                return Some(Input::GateClosed { listeners });
            }
            Effect::EndDrain => {
                self.gate.abandon();
                let sites: Vec<_> =
                    self.gate.report().into_iter().filter(|site| site.abandoned() > 0).collect();
                if !sites.is_empty() {
                    self.emit(Event::Abandoned { sites });
                }
            }
            Effect::DropMain => {
                self.drop_main.send_replace(true);
            }
            Effect::PlanTeardown => return Some(Input::Planned(Box::new(self.plan()))),
            Effect::Step(step) => self.step(step),
            Effect::DropResources => self.drop_resources(),
            Effect::Progress => self.progress(),
            Effect::NotReadyYet => self.not_ready_yet(),
            Effect::Finish => self.finish(),
            Effect::Breach => self.breach(),
            Effect::Exit { code, why } => self.exit(code, why),
        }
        None
    }

    /// Hooks that were registered while the final plan was put together.
    fn admit_latecomers(&'static self) {
        let plan = self.plan();
        let mut machine = self.machine();
        let known = machine.teardown().map_or(0, |teardown| teardown.plan().hooks().len());
        if plan.hooks().len() == known {
            return;
        }
        let extended = machine.extend(plan, self.now());
        drop(machine);
        if let Ok(effects) = extended {
            self.carry_out_all(effects);
        }
    }

    fn step(&'static self, step: Step) {
        match step {
            Step::Start { hook, timeout } => {
                let Some(planned) = self.planned(hook) else { return };
                self.emit(Event::HookStarted {
                    name: planned.name().to_owned(),
                    location: planned.location(),
                    timeout,
                });
                self.launch(&planned, timeout);
            }
            Step::Fallback { hook, .. } => self.launch_fallback(hook),
            Step::Abort { hook } => {
                let task =
                    self.tasks.lock().unwrap_or_else(PoisonError::into_inner).get(&hook).cloned();
                if let Some(task) = task {
                    task.abort();
                }
            }
            Step::Stuck { hook, elapsed } => {
                let Some(planned) = self.planned(hook) else { return };
                let why = if self.watchdog.waits_for_a_worker(hook) {
                    format!("no worker of the runtime was free for it within {elapsed:.1?}")
                } else {
                    format!("it has been running for {elapsed:.1?} and cannot be stopped")
                };
                self.eprint(&format!(
                    "hook `{}` ({}) is stuck: {why}; its successors start beside it",
                    planned.name(),
                    planned.location(),
                ));
                self.emit(Event::HookStuck {
                    name: planned.name().to_owned(),
                    location: planned.location(),
                    elapsed,
                });
            }
            Step::Ended { hook, outcome, took } => {
                let Some(planned) = self.planned(hook) else { return };
                let is_clean = !self.machine().is_unclean(&outcome);
                self.emit(Event::HookEnded {
                    name: planned.name().to_owned(),
                    location: planned.location(),
                    outcome,
                    is_clean,
                    took,
                });
            }
        }
    }

    fn signal_received(&self, signal: Signal, sender: Option<SignalSender>, action: SignalAction) {
        if action == SignalAction::Exits {
            self.announce_exit();
        }
        self.emit(Event::Signal { signal, sender, did: action.did(), next: action.next() });
    }

    fn progress(&self) {
        let machine = self.machine();
        let time_left = machine.time_left(self.now());
        let main_is_running = machine.main_end().is_none();
        drop(machine);
        let waiting_for_main = if main_is_running { self.listeners() } else { Vec::new() };
        self.emit(Event::Drain { sites: self.gate.snapshot(), waiting_for_main, time_left });
    }

    /// Where those asked who listened when the drain began; most of them are gone once they know.
    pub(crate) fn listeners(&self) -> Vec<SourceLocation> {
        self.listeners.get().cloned().unwrap_or_default()
    }

    fn say_what_main_gets(&self, listeners: usize) {
        let main_is_running = {
            let machine = self.machine();
            machine.has_run() && machine.main_end().is_none()
        };
        if !main_is_running {
            return;
        }
        if listeners > 0 {
            let places = places(&self.listeners());
            self.log.info(&format!(
                "main has the drain's time to return: draining() was asked at {places}"
            ));
            return;
        }
        self.log
            .info("main is dropped as soon as nothing is in flight: nobody asked for draining()");
        // Nothing tells what main is doing, and nobody will tell main.
        let nothing_is_tracked =
            !self.gate.is_used() && inventory::iter::<SiteEntry>.into_iter().next().is_none();
        if nothing_is_tracked {
            self.warn(
                "nobody listens to draining() and nothing is tracked: this stop cuts whatever main is doing; see \
                 #[tracked] and lifecycle::draining()",
            );
        }
    }

    pub(crate) fn warn_of_missing_resources(&self) {
        for hook in self.plan().hooks() {
            for missing in self.resources.missing(hook.needs()) {
                self.warn(&format!(
                    "hook `{}` ({}) would be skipped: {missing}; lifecycle::provide it, or make the parameter an \
                     Option",
                    hook.name(),
                    hook.location(),
                ));
            }
        }
    }

    fn not_ready_yet(&self) {
        let holds = self.readiness.holds();
        let why = if holds.is_empty() {
            "main has neither called lifecycle::ready() nor asked for draining()".to_owned()
        } else {
            format!("held by {}", holds.join(", "))
        };
        self.warn(&format!("still starting after 60 s: {why}"));
    }
}

fn places(told: &[SourceLocation]) -> String {
    told.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Short, and different for each stop that a log may show: of the process id and the time.
fn new_shutdown_id() -> String {
    let time = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis();
    format!("{:x}-{:x}", std::process::id(), time & 0xff_ffff_ffff)
}
