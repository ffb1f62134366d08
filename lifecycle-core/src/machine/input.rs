//! What happened, as the machine is told: the only way to change it.

use super::Moment;
use crate::{
    Plan, Reason, Signal, SignalSender, budget::Workload, config::Settings, values::HookId,
};

/// What happened.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// The numbers that count until `run` brings its own: a stop may come before.
    Prepared {
        settings: Box<Settings>,
        workload: Workload,
    },
    /// The process ends soon after every stop, as under `#[lifecycle::main]`.
    UnderMain,
    /// Hooks were registered or unregistered, or a resource uses another.
    Workload(Workload),
    Signal {
        signal: Signal,
        sender: Option<SignalSender>,
        on_terminal: bool,
    },
    Request(Reason),
    /// Main is ready and nobody holds readiness.
    Ready,
    /// `run` began; main is about to be polled unless a stop is under way.
    RunBegan {
        settings: Box<Settings>,
        workload: Workload,
        under_main: bool,
    },
    MainEnded(MainEnd),
    RunDropped,
    /// The answer to `Effect::CloseGate`.
    GateClosed {
        listeners: usize,
        /// Whether anything of the program is tracked: else nobody knows what main was doing.
        tracks: bool,
    },
    /// The answer to `Effect::EndDrain` and to `Effect::GiveUpCancelling`.
    DrainEnded {
        /// Whether calls were left, or panicked after the request.
        unclean: bool,
        /// Whether calls were cancelled, whose callers are to be polled with the answer.
        cancels: bool,
    },
    /// The answer to `Effect::PlanTeardown`.
    Planned(Box<Plan>),
    /// The plan of the teardown under way, with more hooks; answered by `Effect::Extended`.
    Extend(Box<Plan>),
    /// The answer to `Effect::TellManager`.
    ManagerTold {
        /// When it kills now.
        until: Moment,
        told: bool,
    },
    HookEnded {
        hook: HookId,
        end: End,
    },
    ResourcesDropped,
    /// The answer to `Effect::StopComponents`: whether each stopped as it should.
    ComponentsStopped {
        is_clean: bool,
    },
    /// Only time passed, or what is in flight changed.
    Tick,
}

impl Input {
    /// Whether it has numbers that the deadline of a stop under way depends on.
    pub(super) const fn moves_deadline(&self) -> bool {
        matches!(
            self,
            Self::Prepared { .. }
                | Self::RunBegan { .. }
                | Self::Workload(_)
                | Self::ManagerTold { .. }
        )
    }
}

/// How main ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MainEnd {
    Returned,
    /// `interrupted`: after a call of its own was refused.
    Failed {
        error: String,
        interrupted: bool,
        /// What the process is to end with; 1 unless main chose it.
        code: u8,
    },
    Panicked(String),
    Dropped,
    NotRun,
    /// It was not polled, as a component did not start: which, and why.
    ComponentFailed(String),
}

/// How a hook came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Completed,
    Failed(String),
    Panicked(String),
    /// Dropped before it ended: as `Step::Abort` asked, or because its runtime is gone.
    Dropped {
        /// Whether it had begun.
        began: bool,
    },
    Skipped(String),
    NotProvided(String),
    Unregistered,
}

/// What the machine looks at with every input, besides the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// What the clock shows while the input is handled: not before it was posted.
    pub(crate) now: Moment,
    pub(crate) in_flight: usize,
    /// How many calls have ended since draining began.
    pub(crate) ended: u64,
    /// How many calls are being cancelled by a drain that is over.
    pub(crate) cancelling: usize,
    /// Whether somebody has asked about the stop, so that main is taken to know of it.
    pub(crate) listens: bool,
    /// Whether the application has been told of the stop: by a milestone, or by a refusal.
    pub(crate) stop_seen: bool,
    /// Whether main has said that its work is complete all the same.
    pub(crate) completed: bool,
}
