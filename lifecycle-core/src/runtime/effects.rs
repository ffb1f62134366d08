//! What the machine decides is carried out here, by the thread that drives the lifecycle.

use std::time::Duration;

use super::{driver::Driver, on_run::OnRun, status::PublishedDrain};
use crate::{
    Event, Signal, SignalSender, SourceLocation, State,
    declare::site::SiteEntry,
    machine::{Effect, Input, Moment, Step, TeardownHook},
    values::SignalAction,
};

impl Driver {
    /// Effects, and the inputs that answer them: those are taken before the next effect.
    pub(super) fn carry_out_all(&mut self, at: Moment, effects: Vec<Effect>) {
        for effect in effects {
            if let Some(answer) = self.carry_out(effect) {
                self.step(at, answer);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect) -> Option<Input> {
        match effect {
            Effect::Requested { reason, deadline, .. } => {
                self.shutdown_id = new_shutdown_id();
                self.lifecycle.gate.request();
                self.publish(|published| {
                    published.reason = Some(reason.clone());
                    published.deadline = deadline;
                });
                self.log_start_line();
                let shutdown_id = self.shutdown_id.clone();
                self.lifecycle.emit(Event::Requested { reason, shutdown_id });
            }
            Effect::ReasonChanged(reason) => {
                self.publish(|published| published.reason = Some(reason));
            }
            Effect::DeadlineMoved(deadline) => {
                self.publish(|published| published.deadline = deadline);
            }
            Effect::TellManager { until, time } => {
                let told = self.lifecycle.host.extend(time);
                return Some(Input::ManagerTold { until, told });
            }
            Effect::Enter(state) => self.enter(state),
            Effect::Guard(guard) => self.set_guard(guard),
            Effect::SignalReceived { signal, sender, action } => {
                self.signal_received(signal, sender, action);
            }
            Effect::CloseGate { main_is_polled } => {
                // Those who listen are told by the very closing, and some are gone the moment they know.
                let gate = &self.lifecycle.gate;
                let told = self.listeners.get_or_insert_with(|| gate.listeners());
                let listeners = told.len();
                gate.close();
                if main_is_polled {
                    self.say_what_main_gets();
                }
                let tracks = self.tracks();
                return Some(Input::GateClosed { listeners, tracks });
            }
            Effect::EndDrain => {
                let cancels = self.lifecycle.gate.abandon() > 0;
                return Some(self.drain_ended(cancels));
            }
            Effect::GiveUpCancelling => {
                self.lifecycle.gate.give_up_cancelling();
                return Some(self.drain_ended(false));
            }
            Effect::Drained => self.publish(|published| published.drained = true),
            Effect::WaitingForMain => self.waiting_for_main(),
            Effect::DropMain => self.lifecycle.main.drop_it(),
            Effect::PlanTeardown => {
                let plan = self.final_plan();
                self.publish_planned(&plan);
                return Some(Input::Planned(Box::new(plan)));
            }
            Effect::Extended(_) => {}
            Effect::Step(step) => self.step_of_hook(step),
            Effect::DropResources => self.drop_resources(),
            Effect::StopComponents => return self.stop_components(),
            Effect::Progress { main_is_over } => self.progress(main_is_over),
            Effect::NotReadyYet => self.not_ready_yet(),
            Effect::Finish => self.finish(),
            Effect::Breach { code, after } => self.breach(code, after),
            Effect::Exit { code, why } => self.exit(code, why),
        }
        None
    }

    pub(super) fn enter(&mut self, state: State) {
        match state {
            State::Stopping => {
                self.lifecycle.resources.close();
                self.log_drain();
            }
            // A stop may come here without a teardown.
            State::Stopped => self.lifecycle.registry.seal(),
            _ => {}
        }
        self.log_start_line();
        self.lifecycle.emit(Event::State { state, time_left: self.time_left() });
        let drain = self.machine.drain().map(PublishedDrain::new);
        self.publish(|published| {
            published.state = state;
            published.drain = drain;
        });
        let lifecycle = self.lifecycle;
        if lifecycle.host.begins().into_iter().any(OnRun::has_each_state) {
            lifecycle.log.run(move |_| lifecycle.have_linked(|linked| linked.enters(state)));
        }
        if state == State::Running {
            self.warn_of_missing_resources();
        }
    }

    /// How the drain went, in one line.
    fn log_drain(&self) {
        let Some(drain) = self.machine.drain() else { return };
        let took = drain.ended.unwrap_or_else(|| self.lifecycle.now()).since(drain.began);
        let mut line = format!("drained in {:.1}s", took.as_secs_f64());
        for site in self.lifecycle.gate.report() {
            line += &format!("; {site}");
        }
        self.lifecycle.log.info(&line);
    }

    /// Main may be what installs the subscriber: so not before it is ready or the stop begins.
    fn log_start_line(&mut self) {
        if let Some(start_line) = self.start_line.take() {
            start_line.log(&self.lifecycle.log);
        }
    }

    fn step_of_hook(&mut self, step: Step) {
        match step {
            Step::Start { hook, timeout } => {
                self.publish_started(&hook, timeout);
                self.launch(&hook, timeout);
            }
            Step::Fallback { hook, timeout } => {
                self.publish_started(&hook, timeout);
                self.launch_fallback(&hook);
            }
            Step::Abort { hook } => self.running.abort(hook.id()),
            Step::Stuck { hook, elapsed } => {
                let why = if self.running.waits_for_a_worker(hook.id()) {
                    format!("no worker of the runtime was free for it within {elapsed:.1?}")
                } else {
                    format!("it has been running for {elapsed:.1?} and cannot be stopped")
                };
                if !self.lifecycle.log.has_subscriber() {
                    self.lifecycle.eprint(&format!(
                        "hook `{}` ({}) is stuck: {why}; its successors start beside it",
                        hook.name(),
                        hook.location(),
                    ));
                }
                self.lifecycle.emit(Event::HookStuck {
                    why,
                    name: hook.name().to_owned(),
                    location: hook.location(),
                    elapsed,
                });
            }
            Step::Ended { hook, outcome, is_clean, took } => {
                self.running.ended(hook.id());
                self.publish(|published| published.hooks.ended(hook.id()));
                self.lifecycle.emit(Event::HookEnded {
                    name: hook.name().to_owned(),
                    location: hook.location(),
                    outcome,
                    is_clean,
                    took,
                });
            }
        }
    }

    fn publish_started(&self, hook: &TeardownHook, timeout: Duration) {
        let until = self.lifecycle.now().after(timeout);
        self.publish(|published| published.hooks.started(hook.clone(), until));
    }

    fn signal_received(&self, signal: Signal, sender: Option<SignalSender>, action: SignalAction) {
        if action == SignalAction::Exits {
            self.lifecycle.host.announce_exit();
        }
        let hears_int = self.machine.settings().signals.contains(&Signal::Int);
        let (did, next) = (action.did(), if hears_int { action.next() } else { "" });
        self.lifecycle.emit(Event::Signal { signal, sender, did, next });
    }

    fn progress(&self, main_is_over: bool) {
        let listeners = self.listeners.as_deref().filter(|_| !main_is_over);
        self.lifecycle.emit(Event::Drain {
            sites: self.lifecycle.gate.snapshot(),
            waiting_for_main: listeners.unwrap_or_default().to_vec(),
            time_left: self.time_left(),
        });
    }

    fn drain_ended(&self, cancels: bool) -> Input {
        let mut sites = self.lifecycle.gate.report();
        let unclean = sites.iter().any(|site| !site.is_clean());
        sites.retain(|site| site.abandoned() > 0);
        if !sites.is_empty() {
            self.lifecycle.emit(Event::Abandoned { sites });
        }
        Input::DrainEnded { unclean, cancels }
    }

    /// Whether anything of the program is tracked: a site that it is linked with, or one that was used.
    fn tracks(&self) -> bool {
        self.lifecycle.gate.is_used() || inventory::iter::<SiteEntry>.into_iter().next().is_some()
    }

    fn waiting_for_main(&self) {
        let places = places(&self.lifecycle.gate.listeners());
        self.lifecycle.warn(&format!(
            "nothing is in flight: waiting for main, which asked about the stop at {places}; \
             LIFECYCLE_MAIN_TIMEOUT (Config::main_timeout) bounds how long"
        ));
    }

    fn say_what_main_gets(&self) {
        let log = &self.lifecycle.log;
        let listeners = self.listeners.as_deref().unwrap_or_default();
        if !listeners.is_empty() {
            let places = places(listeners);
            log.info(&format!(
                "main has the drain's time to return: the stop was asked about at {places}"
            ));
            return;
        }
        log.info("main is dropped as soon as nothing is in flight: nobody asked for draining()");
    }

    fn warn_of_missing_resources(&self) {
        let plan = self.lifecycle.plan();
        for hook in plan.hooks().iter().filter(|hook| !hook.is_if_provided()) {
            for missing in self.lifecycle.resources.missing(hook.needs()) {
                self.lifecycle.warn(&format!(
                    "hook `{}` ({}) would be skipped: {missing}; lifecycle::provide it, or make the parameter an \
                     Option; a library's hook that this program has no use for is left out by Plan::without",
                    hook.name(),
                    hook.location(),
                ));
            }
        }
    }

    fn not_ready_yet(&self) {
        let holds = self.lifecycle.readiness.holds();
        let why = if holds.is_empty() {
            "main has neither called lifecycle::ready() nor asked for draining()".to_owned()
        } else {
            format!("held by {}", holds.join(", "))
        };
        self.lifecycle.warn(&format!("still starting after 60 s: {why}"));
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
