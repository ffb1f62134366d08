//! What a deployment grants a service and tells it, held against a plan.

use std::{collections::HashSet, time::Duration};

use crate::{
    Config, FitError, Fits, Plan, Platform, Signal,
    config::{Diagnostic, Environment, HookTimeouts, Settings, Source},
    values::duration::display,
};

use super::{Constraints, ManifestError, PlatformLimit, Setting};

const GRACE_PERIOD: &str = "LIFECYCLE_GRACE_PERIOD";

/// What is written down of one deployed container, whatever it is written in. Where something stands is
/// `file:line`, for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deployment {
    /// What runs it.
    pub platform: Platform,
    /// Which container, service or task it is, in words, where there was a choice.
    pub chosen: Option<String>,
    /// What `setting` grants; `None`: nobody kills.
    pub grace: Option<Duration>,
    /// The number of the platform that grants.
    pub setting: Setting,
    /// What of `grace` is over before the signal comes.
    pub spent: Duration,
    /// The most that the setting may say.
    pub most: Option<Duration>,
    /// The signals that the platform stops with, where any is named: each has to be heard.
    pub stop_signals: Vec<StopSignal>,
    /// The variables of the library that are set, later ones over earlier ones.
    pub variables: Vec<Variable>,
    /// Where variables belong, in words.
    pub environment: String,
    /// What cannot be known of it, and costs no time.
    pub notes: Vec<String>,
}

/// A variable that a deployment sets.
#[derive(Clone, Debug)]
pub struct Variable {
    /// As the process sees it.
    pub name: String,
    /// As the process sees it.
    pub value: String,
    /// Where it is set.
    pub place: String,
}

/// The signal that a platform stops with.
#[derive(Clone, Debug)]
pub struct StopSignal {
    /// A name with or without `SIG`, in any case, or a number.
    pub name: String,
    /// What the field is called that names it.
    pub field: &'static str,
    /// Where it stands.
    pub place: String,
}

impl Deployment {
    /// A container that `setting` grants `grace` after the signal, and of which nothing else is known.
    /// `environment` says where its variables belong.
    #[must_use]
    pub fn new(
        platform: Platform,
        grace: Option<Duration>,
        setting: Setting,
        environment: impl Into<String>,
    ) -> Self {
        Self {
            platform,
            chosen: None,
            grace,
            setting,
            spent: Duration::ZERO,
            most: None,
            stop_signals: Vec::new(),
            variables: Vec::new(),
            environment: environment.into(),
            notes: Vec::new(),
        }
    }

    /// Whether `plan` fits, where the process runs with `config` and would also have `inherited`.
    pub(crate) fn hold(
        self,
        mut plan: Plan,
        config: &Config,
        inherited: &Environment,
    ) -> Result<Fits, FitError> {
        let constraints = self.constraints(config, inherited, &mut plan)?;
        plan.fits(constraints)
    }

    /// The constraints for `plan`, which is given the timeouts that are set for its hooks. The process has
    /// `inherited`, and over it what the manifest sets.
    fn constraints(
        self,
        config: &Config,
        inherited: &Environment,
        plan: &mut Plan,
    ) -> Result<Constraints, ManifestError> {
        let told = config.platform.is_some();
        let mut config = config.clone();
        config.platform = config.platform.or(Some(self.platform));
        let (settings, mut diagnostics) =
            Settings::resolve(&config, &self.environment_over(inherited));
        diagnostics.extend(HookTimeouts(settings.hook_timeouts.clone()).apply(plan));
        let (errors, warnings): (Vec<_>, Vec<_>) =
            diagnostics.iter().partition(|found| found.is_error());

        let mut errors: Vec<_> = errors.into_iter().map(|found| self.with_place(found)).collect();
        errors.extend(self.stop_signals.iter().filter_map(|signal| unheard(signal, &settings)));
        errors.extend(self.variable("LIFECYCLE_PLAN").map(|variable| {
            format!(
                "{}: LIFECYCLE_PLAN: the service would answer it and exit: take it out",
                variable.place
            )
        }));
        ManifestError::all(errors)?;

        let warnings = warnings.into_iter().filter(|found| self.about(found).is_some());
        let warnings = warnings.map(|found| self.with_place(found)).collect();
        let mut constraints = Constraints::from(&settings);
        constraints.delay.source = self.source(settings.delay.source).into();
        if let Some(drain_timeout) = &mut constraints.drain_timeout {
            drain_timeout.source = self.source(settings.drain_timeout.source).into();
        }
        Ok(constraints.with_limit(self.limit(&settings, told, warnings)))
    }

    /// With `told` the configuration names the platform, and nothing has to be recognised.
    fn limit(mut self, settings: &Settings, told: bool, warnings: Vec<String>) -> PlatformLimit {
        self.notes.extend(warnings);
        let told_by = self.source(settings.grace.source);
        let granted = self.grace.map(|grace| grace.saturating_sub(self.spent));
        let taken = settings.grace.value;
        let variable = self
            .variable(GRACE_PERIOD)
            .map_or_else(|| self.environment.clone(), |known| known.place.clone());
        let by_default = matches!(settings.grace.source, Source::Platform(_));
        let unsure = self.platform == Platform::Systemd && by_default && !told;
        let perhaps = unsure.then(|| Platform::Unknown.grace_period());
        match (granted, taken) {
            _ if unsure => {
                let all = granted
                    .map_or_else(|| "none".to_owned(), |granted| display(granted).to_string());
                let [less, more] = [perhaps, taken].map(|time| display(time.unwrap_or_default()));
                self.notes.push(format!(
                    "systemd says that it is there from version 248 on, and only to what it starts itself; without \
                     that the service takes {less} and not {more}: `Environment={GRACE_PERIOD}={all}` ({variable}) \
                     settles it"
                ));
            }
            (Some(granted), Some(taken)) if taken < granted => {
                let [taken, all] = [taken, granted].map(display);
                self.notes.push(format!(
                    "the service takes {taken} ({told_by}) of {all}: `{GRACE_PERIOD}={all}` ({variable}) lets it use them"
                ));
            }
            (None, Some(taken)) => {
                let taken = display(taken);
                self.notes.push(format!(
                    "nobody kills the service: it ends by itself after {taken} ({told_by}), `{GRACE_PERIOD}=none` \
                     ({variable}) lets it take its time"
                ));
            }
            _ => {}
        }
        if !self.spent.is_zero()
            && !settings.job
            && matches!(settings.delay.source, Source::Platform(_))
        {
            let [slept, delay] = [self.spent, settings.delay.value].map(display);
            self.notes.push(format!(
                "preStop takes {slept}, and then the shutdown delay keeps the service open for {delay} more: \
                 `LIFECYCLE_SHUTDOWN_DELAY=0s` ({}) if once is enough",
                self.environment
            ));
        }
        let Self { chosen, spent, most, setting, notes, .. } = self;
        PlatformLimit {
            chosen,
            granted,
            spent,
            most,
            setting,
            taken,
            perhaps,
            told_by,
            variable,
            notes,
        }
    }

    /// What the process has at run time, as the platform puts it together.
    fn environment_over(&self, inherited: &Environment) -> Environment {
        let mut known = HashSet::new();
        let mut variables: Vec<(String, String)> = Vec::new();
        let own = self.variables.iter().rev().map(|variable| (&variable.name, &variable.value));
        for (name, value) in
            own.chain(inherited.variables.iter().map(|(name, value)| (name, value)))
        {
            if known.insert(name) {
                variables.push((name.clone(), value.clone()));
            }
        }
        Environment { variables, ..inherited.clone() }
    }

    /// The variable `name` as it is in force.
    fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().rev().find(|variable| variable.name == name)
    }

    /// Where a number is from, with the place in the manifest.
    fn source(&self, source: Source) -> String {
        match source {
            Source::Environment(name) => match self.variable(name) {
                Some(variable) => format!("{} {name}", variable.place),
                None => name.to_owned(),
            },
            Source::Platform(platform) => format!("the default on {platform}"),
            other => other.to_string(),
        }
    }

    /// The variable of the manifest that `found` is about.
    fn about(&self, found: &Diagnostic) -> Option<&Variable> {
        self.variable(found.variable()?)
    }

    fn with_place(&self, found: &Diagnostic) -> String {
        match self.about(found) {
            Some(variable) => format!("{}: {found}", variable.place),
            None => found.to_string(),
        }
    }
}

/// What is wrong with a stop signal that the service does not listen to.
fn unheard(stop: &StopSignal, settings: &Settings) -> Option<String> {
    let StopSignal { name, field, place } = stop;
    let upper = name.trim().to_uppercase();
    let short = upper.trim_start_matches("SIG");
    let is = |signal: &Signal| {
        signal.to_string().trim_start_matches("SIG") == short
            || signal.number().to_string() == short
    };
    // Without any, the application sees to its signals itself.
    if settings.signals.is_empty() || settings.signals.iter().any(is) {
        return None;
    }
    let heard: Vec<_> = settings.signals.iter().map(Signal::to_string).collect();
    let why = match short {
        "KILL" | "9" => "nobody can catch it, and no hook runs",
        _ => "the service does not stop on it, and no hook runs",
    };
    Some(format!("{place}: {field}: found {name}: {why}; make it {}", heard.join(" or ")))
}
