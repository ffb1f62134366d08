//! What a lifecycle is configured with: in code, by the environment, by the platform.

#[cfg(feature = "admin")]
mod admin;
mod busy;
mod component;
mod diagnostic;
mod environment;
#[cfg(feature = "health")]
mod health;
mod hook_timeouts;
mod in_code;
mod manager;
mod platform;
mod settings;
mod source;
mod terminal;

use std::time::Duration;

#[cfg(feature = "admin")]
pub use self::admin::AdminListener;
#[cfg(feature = "pictures")]
pub(crate) use self::diagnostic::NO_PICTURES;
#[cfg(feature = "health")]
pub use self::health::HealthListener;
pub(crate) use self::{
    busy::OnBusy,
    component::{BoxedComponent, ComponentFuture, Components},
    diagnostic::{Diagnostic, NO_READER},
    environment::{Environment, Linked, ManifestVariables, PlanAnswer, ReportFile, ReportFormat},
    hook_timeouts::HookTimeouts,
    in_code::InCode,
    settings::Settings,
    source::Source,
};
pub use self::{
    component::{Component, ComponentError},
    manager::ServiceManager,
    platform::Platform,
    terminal::Terminal,
};
use crate::{Plan, Signal};

/// The numbers of a lifecycle: a plain value that `main` and tests share.
///
/// What is not set comes from the platform; `LIFECYCLE_*` environment variables override both, as
/// operations have the last word. The start-up line prints every number with its source.
///
/// ```
/// use std::time::Duration;
/// use lifecycle_core::{Config, Platform};
///
/// fn config() -> Config {
///     Config::new().platform(Platform::Kubernetes).drain_timeout(Duration::from_secs(10))
/// }
/// # config();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a configuration does nothing until it is run"]
pub struct Config {
    pub(crate) grace_period: Option<Option<Duration>>,
    pub(crate) shutdown_delay: Option<Duration>,
    pub(crate) drain_timeout: Option<Duration>,
    pub(crate) main_timeout: Option<Duration>,
    pub(crate) hook_timeout: Option<Duration>,
    pub(crate) reserve: Option<Duration>,
    pub(crate) exit_timeout: Option<Duration>,
    pub(crate) extend_up_to: Option<Duration>,
    pub(crate) signals: Option<Vec<Signal>>,
    pub(crate) platform: Option<Platform>,
    pub(crate) plan: Option<Plan>,
    pub(crate) job: bool,
    pub(crate) escalate_on_term: bool,
    pub(crate) terminal: Option<Terminal>,
    pub(crate) components: Components,
    pub(crate) on_busy: OnBusy,
}

impl Config {
    /// Everything at its default.
    pub fn new() -> Self {
        Self::default()
    }

    /// From the shutdown request to the platform's kill; `None` for no limit. Default: the
    /// platform's.
    pub fn grace_period(mut self, grace: impl Into<Option<Duration>>) -> Self {
        self.grace_period = Some(grace.into());
        self
    }

    /// How long new work is still admitted after the request, so that load balancers learn of the
    /// stop. Default: 5 s on Kubernetes, else 0. It is always 0 for a Ctrl-C on a terminal, for
    /// failures, for jobs, and when the service was never ready.
    pub fn shutdown_delay(mut self, delay: Duration) -> Self {
        self.shutdown_delay = Some(delay);
        self
    }

    /// At most this long is waited for what is in flight. Default: all that the grace period
    /// leaves.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = Some(timeout);
        self
    }

    /// How long main is waited for once nothing is in flight, where it listens. Written down, it declares
    /// that main may be cut then: the report names it, and the exit code stays. Default, and the most
    /// that counts: to the end of the drain.
    pub fn main_timeout(mut self, timeout: Duration) -> Self {
        self.main_timeout = Some(timeout);
        self
    }

    /// The timeout of hooks that declare none. Default: 5 s, or where less is left an equal share
    /// of that; what is set here counts in full where a plan is measured.
    pub fn hook_timeout(mut self, timeout: Duration) -> Self {
        self.hook_timeout = Some(timeout);
        self
    }

    /// Counts so much more for the hooks where a plan is measured, for those that are registered at
    /// run time: [`Plan::fits`] knows nothing of them. Once they are registered they count for
    /// themselves, and of the reserve what they leave. Default: none.
    pub fn reserve(mut self, time: Duration) -> Self {
        self.reserve = Some(time);
        self
    }

    /// After a stop by signal, and always under `#[lifecycle::main]`, the process is gone this long
    /// after the report at the latest. Default: 5 s; never later than the deadline.
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.exit_timeout = Some(timeout);
        self
    }

    /// What a person at a terminal is shown. Default: [`Terminal::Full`], and [`Terminal::Unclean`]
    /// for jobs.
    pub fn terminal(mut self, terminal: Terminal) -> Self {
        self.terminal = Some(terminal);
        self
    }

    /// The signals that ask for a stop; an empty list for none. Default: [`Signal::DEFAULT`]. A
    /// signal that the process inherited as ignored stays ignored.
    pub fn signals(mut self, signals: impl IntoIterator<Item = Signal>) -> Self {
        self.signals = Some(signals.into_iter().collect());
        self
    }

    /// What the process runs on. Default: read off the environment.
    pub fn platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }

    /// The plan to run. Default: [`Plan::collect`].
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = Some(plan);
        self
    }

    /// Whether `main` is a job, work that ends by itself: no shutdown delay, and a stop before it
    /// returned `Ok` is visible in the exit code (128 + n for signal n, 75 by request).
    pub fn job(mut self, job: bool) -> Self {
        self.job = job;
        self
    }

    /// Whether a repeated SIGTERM escalates as SIGINT does. Default: no, as managers and wrappers
    /// send it twice.
    pub fn escalate_on_term(mut self, escalate: bool) -> Self {
        self.escalate_on_term = escalate;
        self
    }
}
