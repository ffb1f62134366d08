//! What a plan is measured against.

use std::{borrow::Cow, time::Duration};

use crate::{
    Config, Platform,
    config::{Environment, Settings},
    plan::PlannedComponent,
    text::terminal,
};

use super::{PlatformLimit, margin};

/// What a plan has to fit into, and who said so: a grace period, a platform, or a configuration.
#[derive(Clone, Debug)]
pub struct Constraints {
    /// `None`: nobody kills.
    pub(crate) grace: Term<Option<Duration>>,
    pub(crate) delay: Term<Duration>,
    pub(crate) margin: Term<Duration>,
    /// The limit of the drain, where somebody set it.
    pub(crate) drain_timeout: Option<Term<Duration>>,
    /// What components take after the last hook, together.
    pub(crate) components: Term<Duration>,
    /// What hooks get that declare no timeout, where somebody wrote it.
    pub(crate) hook_timeout: Option<Duration>,
    /// What is set aside for hooks that are registered at run time.
    pub(crate) reserve: Duration,
    /// What the grace period may become while a stop makes progress, where that is more.
    pub(crate) extension: Option<Duration>,
    /// Where a manifest was read: what it grants, and what the library takes there.
    pub(crate) limit: Option<PlatformLimit>,
}

/// A number and where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Term<T> {
    pub(crate) value: T,
    pub(crate) source: Cow<'static, str>,
}

impl<T> Term<T> {
    pub(crate) fn new(value: T, source: impl Into<Cow<'static, str>>) -> Self {
        Self { value, source: source.into() }
    }
}

impl Constraints {
    /// A grace period (`None`: nobody kills), no delay, and no limit for the drain.
    pub(crate) fn new(grace: Option<Duration>, source: impl Into<Cow<'static, str>>) -> Self {
        Self {
            grace: Term::new(grace, source),
            delay: Term::new(Duration::ZERO, "none"),
            margin: Term::new(grace.map(margin).unwrap_or_default(), "the library's own"),
            drain_timeout: None,
            components: Term::new(Duration::ZERO, "none"),
            hook_timeout: None,
            reserve: Duration::ZERO,
            extension: None,
            limit: None,
        }
    }

    /// With this shutdown delay.
    pub(crate) fn with_delay(
        mut self,
        delay: Duration,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.delay = Term::new(delay, source);
        self
    }

    /// With this limit for the drain; `None` leaves it to the assumption.
    pub(crate) fn with_drain_timeout(
        mut self,
        limit: Option<Duration>,
        source: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.drain_timeout = limit.map(|limit| Term::new(limit, source));
        self
    }

    /// With these components.
    pub(crate) fn with_components(mut self, components: &[PlannedComponent]) -> Self {
        if let Some(longest) = PlannedComponent::longest(components) {
            let name = |component: &PlannedComponent| terminal::plain(component.name());
            let names: Vec<_> = components.iter().map(name).collect();
            self.components =
                Term::new(longest, format!("together, after the hooks: {}", names.join(", ")));
        }
        self
    }

    /// With this timeout for hooks that declare none, where it is written.
    pub(crate) const fn with_hook_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.hook_timeout = timeout;
        self
    }

    /// With so much set aside for hooks that are registered at run time.
    pub(crate) const fn with_reserve(mut self, reserve: Duration) -> Self {
        self.reserve = reserve;
        self
    }

    /// With what the grace period may become, where it may.
    pub(crate) const fn with_extension(mut self, up_to: Option<Duration>) -> Self {
        self.extension = up_to;
        self
    }

    /// With what a manifest grants, instead of the grace period.
    pub(crate) fn with_limit(mut self, limit: PlatformLimit) -> Self {
        let (grace, source) = limit.constraints();
        self.margin.value = grace.map(margin).unwrap_or_default();
        self.grace = Term::new(grace, source);
        // Only systemd is asked.
        self.extension = self.extension.filter(|_| limit.setting.name == "TimeoutStopSec");
        self.limit = Some(limit);
        self
    }
}

impl From<Duration> for Constraints {
    fn from(grace: Duration) -> Self {
        Self::new(Some(grace), "as given")
    }
}

impl From<Platform> for Constraints {
    fn from(platform: Platform) -> Self {
        Self::new(Some(platform.grace_period()), setting(platform))
            .with_delay(platform.shutdown_delay(), format!("the default on {platform}"))
    }
}

impl From<&Settings> for Constraints {
    fn from(settings: &Settings) -> Self {
        let grace = settings.grace;
        let delay = if settings.job { Duration::ZERO } else { settings.delay.value };
        Self::new(grace.value, grace.source.to_string())
            .with_delay(delay, settings.delay.source.to_string())
            .with_drain_timeout(
                settings.drain_timeout.value,
                settings.drain_timeout.source.to_string(),
            )
            .with_hook_timeout(settings.written_hook_timeout())
            .with_reserve(settings.reserve)
            .with_extension(settings.extend_up_to)
            .with_components(&settings.components)
    }
}

impl From<&Config> for Constraints {
    /// What the configuration says, without the environment: a test proves the same everywhere.
    /// Without a platform nothing is detected.
    fn from(config: &Config) -> Self {
        let (settings, _) = Settings::resolve(config, &Environment::default());
        Self::from(&settings)
    }
}

/// The platform's own name for the grace period.
const fn setting(platform: Platform) -> &'static str {
    match platform {
        Platform::Kubernetes => "Kubernetes, terminationGracePeriodSeconds",
        Platform::Ecs => "ECS, stopTimeout",
        Platform::Systemd => "systemd, TimeoutStopSec",
        Platform::Nomad => "Nomad, kill_timeout",
        Platform::CloudRun => "Cloud Run, fixed",
        Platform::Container => "a container, stop_grace_period",
        Platform::Unknown => "assumed, the platform is not known",
    }
}
