//! What the machine decided, for the driver to carry out.

use std::{ops::Deref, sync::Arc, time::Duration};

use super::Moment;
use crate::{
    Outcome, Reason, Signal, SignalSender, State, plan::PlannedHook, values::SignalAction,
};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Effect {
    /// A stop begins: before anything is done about it.
    Requested {
        reason: Reason,
        at: Moment,
        deadline: Option<Moment>,
    },
    /// The stop that is under way has another reason.
    ReasonChanged(Reason),
    /// The stop that is under way has other numbers: its `run` came after its request, or its
    /// manager waits longer.
    DeadlineMoved(Option<Moment>),
    /// Tell the service manager that the stop goes on for `time` from now, so that it kills at
    /// `until` or later, and say whether it was told: `Input::ManagerTold`.
    TellManager {
        until: Moment,
        time: Duration,
    },
    Enter(State),
    /// What ends the process where the driver does not come to it.
    Guard(Option<Guard>),
    SignalReceived {
        signal: Signal,
        sender: Option<SignalSender>,
        action: SignalAction,
    },
    /// Refuse fresh work, and say who listened: `Input::GateClosed`.
    CloseGate {
        main_is_polled: bool,
    },
    /// The drain is over: what is still in flight is abandoned. Say whether anything was:
    /// `Input::DrainEnded`.
    EndDrain,
    /// Who waits for the drain's end is told: nothing is in flight, or the drain's time is up.
    Drained,
    /// Nobody waits any longer for the calls that are being cancelled: `Input::DrainEnded`.
    GiveUpCancelling,
    /// Say that main alone is waited for.
    WaitingForMain,
    /// Drop main, and say so: `Input::MainEnded`.
    DropMain,
    /// Put the final plan together: `Input::Planned`.
    PlanTeardown,
    /// Whether the hooks of `Input::Extend` were accepted.
    Extended(Result<(), &'static str>),
    Step(Step),
    /// Drop what no hook took: `Input::ResourcesDropped`.
    DropResources,
    /// Stop the components: `Input::ComponentsStopped`.
    StopComponents,
    /// Say what is in flight.
    Progress {
        main_is_over: bool,
    },
    /// Say that readiness has not come.
    NotReadyYet,
    /// The report is final.
    Finish,
    /// The deadline passed, so long after the request: say who holds the process, and end it.
    Breach {
        code: u8,
        after: Duration,
    },
    /// End the process, as a signal asked for the last step or the exit timeout passed.
    Exit {
        code: u8,
        why: ExitWhy,
    },
}

/// The end of the process that does not need the driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    /// When it should have ended by then.
    pub(crate) due: Moment,
    pub(crate) code: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitWhy {
    LastStep(Signal),
    AfterRun(Signal),
    /// The report was final at that moment, and the process is still there.
    Leaked {
        finished: Moment,
    },
}

/// What is to be done about one hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start the hook; it is cancelled after `timeout`.
    Start { hook: TeardownHook, timeout: Duration },
    /// Run the second step that the hook registered with `on_timeout`.
    Fallback { hook: TeardownHook, timeout: Duration },
    /// Cancel what runs of the hook.
    Abort { hook: TeardownHook },
    /// The hook cannot be stopped; its successors start beside it.
    Stuck { hook: TeardownHook, elapsed: Duration },
    /// The hook has its outcome.
    Ended { hook: TeardownHook, outcome: Outcome, is_clean: bool, took: Duration },
}

/// A hook of the teardown's plan. It is cheap to clone, and equal to itself.
#[derive(Clone, Debug)]
pub(crate) struct TeardownHook(Arc<PlannedHook>);

impl TeardownHook {
    pub(super) fn new(planned: &PlannedHook) -> Self {
        Self(Arc::new(planned.clone()))
    }
}

impl Deref for TeardownHook {
    type Target = PlannedHook;

    fn deref(&self) -> &PlannedHook {
        &self.0
    }
}

impl PartialEq for TeardownHook {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for TeardownHook {}
