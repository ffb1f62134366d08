//! The numbers that are in force: configuration, environment and platform put together.

use std::{fmt, time::Duration};

use crate::{Config, Platform, Signal, values::duration};

/// What [`Config`] and the environment come to.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) platform: Sourced<Platform>,
    pub(crate) grace: Sourced<Option<Duration>>,
    pub(crate) delay: Sourced<Duration>,
    pub(crate) drain_timeout: Sourced<Option<Duration>>,
    pub(crate) hook_timeout: Sourced<Duration>,
    pub(crate) exit_timeout: Sourced<Duration>,
    /// `LIFECYCLE_HOOK_TIMEOUT__<NAME>`: the name as written, and the time.
    pub(crate) hook_timeouts: Vec<(String, Duration)>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) job: bool,
    pub(crate) escalate_on_term: bool,
    pub(crate) report: Option<ReportFile>,
    pub(crate) plan_answer: Option<PlanAnswer>,
    /// `LIFECYCLE_MANIFEST`, where `check` is asked for.
    #[cfg(feature = "manifest")]
    pub(crate) manifest: Option<String>,
}

/// A number and where it is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sourced<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// Where a number is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Environment(&'static str),
    Code,
    Platform(Platform),
    Detected,
    Assumed,
    Default,
}

/// What `LIFECYCLE_PLAN` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanAnswer {
    Text,
    Json,
    Mermaid,
    Dot,
    #[cfg(feature = "pictures")]
    Svg,
    Check,
}

/// Where `LIFECYCLE_REPORT` wants the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportFile {
    pub(crate) path: String,
    pub(crate) format: ReportFormat,
}

/// How the report is written, by the end of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Text,
    Json,
    #[cfg(feature = "pictures")]
    Svg,
    #[cfg(feature = "pictures")]
    Html,
}

/// The environment that matters here, taken once so that what follows is a pure function of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) in_container: bool,
    pub(crate) pid: u32,
}

/// What is wrong with the environment, and what only looks wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Diagnostics {
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

const GRACE_PERIOD: &str = "LIFECYCLE_GRACE_PERIOD";
const SHUTDOWN_DELAY: &str = "LIFECYCLE_SHUTDOWN_DELAY";
const DRAIN_TIMEOUT: &str = "LIFECYCLE_DRAIN_TIMEOUT";
const HOOK_TIMEOUT: &str = "LIFECYCLE_HOOK_TIMEOUT";
/// What the names of variables for single hooks begin with.
pub(crate) const HOOK_TIMEOUT_OF: &str = "LIFECYCLE_HOOK_TIMEOUT__";
const EXIT_TIMEOUT: &str = "LIFECYCLE_EXIT_TIMEOUT";
const PLAN: &str = "LIFECYCLE_PLAN";
const REPORT: &str = "LIFECYCLE_REPORT";
const MANIFEST: &str = "LIFECYCLE_MANIFEST";
const KNOWN: [&str; 8] = [
    GRACE_PERIOD,
    SHUTDOWN_DELAY,
    DRAIN_TIMEOUT,
    HOOK_TIMEOUT,
    EXIT_TIMEOUT,
    PLAN,
    REPORT,
    MANIFEST,
];

/// What is said where a picture is asked for that this program cannot draw.
const NO_PICTURES: &str =
    "this program draws no pictures; build it with the feature `pictures` of `lifecycle-hooks`";

const DEFAULT_HOOK_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_EXIT_TIMEOUT: Duration = Duration::from_secs(5);

impl Environment {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        let variables = std::env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect();
        Self { variables, in_container: crate::os::in_container(), pid: std::process::id() }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Settings {
    /// Puts `config` and `environment` together; every problem at once.
    pub(crate) fn resolve(config: &Config, environment: &Environment) -> (Self, Diagnostics) {
        let mut diagnostics = Diagnostics::default();
        let mut read = |name: &'static str| {
            let text = environment.get(name)?;
            match duration::parse(text) {
                Ok(value) => Some(Sourced { value, source: Source::Environment(name) }),
                Err(why) => {
                    diagnostics.errors.push(format!("{name}={text}: {why}"));
                    None
                }
            }
        };
        let no_grace = environment.get(GRACE_PERIOD) == Some("none");
        let grace = if no_grace { None } else { read(GRACE_PERIOD) };
        let delay = read(SHUTDOWN_DELAY);
        let drain_timeout = read(DRAIN_TIMEOUT);
        let hook_timeout = read(HOOK_TIMEOUT);
        let exit_timeout = read(EXIT_TIMEOUT);
        let platform = match config.platform {
            Some(value) => Sourced { value, source: Source::Code },
            None => {
                let value = Platform::detect(
                    |name| environment.get(name).map(str::to_owned),
                    environment.in_container,
                    environment.pid,
                );
                let source =
                    if value == Platform::Unknown { Source::Assumed } else { Source::Detected };
                Sourced { value, source }
            }
        };
        let by_platform = match platform.source {
            Source::Assumed => Source::Assumed,
            _ => Source::Platform(platform.value),
        };
        let settings = Self {
            grace: if no_grace {
                Sourced { value: None, source: Source::Environment(GRACE_PERIOD) }
            } else {
                grace
                    .map(|grace| Sourced { value: Some(grace.value), source: grace.source })
                    .or_else(|| {
                        config.grace_period.map(|value| Sourced { value, source: Source::Code })
                    })
                    .unwrap_or_else(|| Sourced {
                        value: Some(platform.value.grace_period()),
                        source: by_platform,
                    })
            },
            delay: delay.or_else(|| in_code(config.shutdown_delay)).unwrap_or_else(|| Sourced {
                value: platform.value.shutdown_delay(),
                source: if platform.value == Platform::Kubernetes {
                    by_platform
                } else {
                    Source::Default
                },
            }),
            drain_timeout: drain_timeout.or_else(|| in_code(config.drain_timeout)).map_or(
                Sourced { value: None, source: Source::Default },
                |some| Sourced { value: Some(some.value), source: some.source },
            ),
            hook_timeout: hook_timeout
                .or_else(|| in_code(config.hook_timeout))
                .unwrap_or(Sourced { value: DEFAULT_HOOK_TIMEOUT, source: Source::Default }),
            exit_timeout: exit_timeout
                .or_else(|| in_code(config.exit_timeout))
                .unwrap_or(Sourced { value: DEFAULT_EXIT_TIMEOUT, source: Source::Default }),
            hook_timeouts: hook_timeouts(environment, &mut diagnostics),
            platform,
            signals: config.signals.clone().unwrap_or_else(|| Signal::DEFAULT.to_vec()),
            job: config.job,
            escalate_on_term: config.escalate_on_term,
            report: report(environment, &mut diagnostics),
            plan_answer: plan_answer(environment, &mut diagnostics),
            #[cfg(feature = "manifest")]
            manifest: manifest(environment),
        };
        if settings.grace.value == Some(Duration::ZERO) {
            let source = settings.grace.source;
            diagnostics.errors.push(format!(
                "a grace period of 0s ({source}) leaves no time to stop; `none` is no limit"
            ));
        }
        if settings.hook_timeout.value.is_zero() {
            let source = settings.hook_timeout.source;
            diagnostics
                .errors
                .push(format!("a hook timeout of 0s ({source}): a hook without time cannot run"));
        }
        useless_manifest(environment, &mut diagnostics);
        unknown_names(environment, &mut diagnostics);
        (settings, diagnostics)
    }
}

fn in_code(value: Option<Duration>) -> Option<Sourced<Duration>> {
    value.map(|value| Sourced { value, source: Source::Code })
}

fn hook_timeouts(
    environment: &Environment,
    diagnostics: &mut Diagnostics,
) -> Vec<(String, Duration)> {
    let mut timeouts = Vec::new();
    for (name, text) in &environment.variables {
        let Some(hook) = name.strip_prefix(HOOK_TIMEOUT_OF) else { continue };
        match duration::parse(text) {
            Ok(timeout) if timeout.is_zero() => {
                diagnostics.errors.push(format!("{name}={text}: a hook without time cannot run"));
            }
            Ok(timeout) => timeouts.push((hook.to_owned(), timeout)),
            Err(why) => diagnostics.errors.push(format!("{name}={text}: {why}")),
        }
    }
    timeouts.sort();
    timeouts
}

fn report(environment: &Environment, diagnostics: &mut Diagnostics) -> Option<ReportFile> {
    let path = environment.get(REPORT)?;
    let format = match path.rsplit_once('.').map(|(_, end)| end) {
        Some("txt") => ReportFormat::Text,
        Some("json") => ReportFormat::Json,
        #[cfg(feature = "pictures")]
        Some("svg") => ReportFormat::Svg,
        #[cfg(feature = "pictures")]
        Some("html") => ReportFormat::Html,
        end => {
            diagnostics.errors.push(match end {
                Some("svg" | "html") => format!("{REPORT}={path}: {NO_PICTURES}"),
                _ => format!(
                    "{REPORT}={path}: the end of the path says how it is written: .txt, .json, .svg or .html"
                ),
            });
            return None;
        }
    };
    Some(ReportFile { path: path.to_owned(), format })
}

fn plan_answer(environment: &Environment, diagnostics: &mut Diagnostics) -> Option<PlanAnswer> {
    match environment.get(PLAN)? {
        "text" => Some(PlanAnswer::Text),
        "json" => Some(PlanAnswer::Json),
        "mermaid" => Some(PlanAnswer::Mermaid),
        "dot" => Some(PlanAnswer::Dot),
        #[cfg(feature = "pictures")]
        "svg" => Some(PlanAnswer::Svg),
        "check" => Some(PlanAnswer::Check),
        other => {
            diagnostics.errors.push(match other {
                "svg" => format!("{PLAN}={other}: {NO_PICTURES}"),
                _ => format!("{PLAN}={other}: `text`, `json`, `mermaid`, `dot`, `svg` or `check`"),
            });
            None
        }
    }
}

fn manifest(environment: &Environment) -> Option<String> {
    environment.get(MANIFEST).filter(|_| environment.get(PLAN) == Some("check")).map(str::to_owned)
}

/// What a mistake is answered with depends on features only where the answer needs them.
fn useless_manifest(environment: &Environment, diagnostics: &mut Diagnostics) {
    let (Some(path), asked) = (environment.get(MANIFEST), manifest(environment)) else { return };
    if asked.is_none() {
        diagnostics.warnings.push(format!("{MANIFEST}={path} says nothing without {PLAN}=check"));
    } else if path.is_empty() {
        diagnostics
            .errors
            .push(format!("{MANIFEST}= is empty; write the path of a manifest, or leave it out"));
    } else if cfg!(not(feature = "manifest")) {
        diagnostics.errors.push(format!(
            "{MANIFEST}={path}: this program was built without the feature `manifest` of lifecycle-hooks"
        ));
    }
}

fn unknown_names(environment: &Environment, diagnostics: &mut Diagnostics) {
    for (name, _) in &environment.variables {
        let ours = name.starts_with("LIFECYCLE_") && !name.starts_with(HOOK_TIMEOUT_OF);
        // Kubernetes injects these for a Service that is called "lifecycle".
        let injected = name.contains("_PORT") || name.contains("_SERVICE_");
        if !ours || injected || KNOWN.contains(&name.as_str()) {
            continue;
        }
        let near = KNOWN
            .iter()
            .map(|known| (distance(name, known), known))
            .min()
            .filter(|(distance, _)| *distance <= 6)
            .map(|(_, known)| format!("; did you mean {known}?"))
            .unwrap_or_default();
        diagnostics.warnings.push(format!("{name} is not a variable of lifecycle{near}"));
    }
}

/// How many characters have to be inserted, removed or changed (Levenshtein).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let b: Vec<_> = b.chars().collect();
    let mut row: Vec<_> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => f.write_str(name),
            Self::Code => f.write_str("code"),
            Self::Platform(platform) => write!(f, "{platform}"),
            Self::Detected => f.write_str("detected"),
            Self::Assumed => f.write_str("assumed"),
            Self::Default => f.write_str("default"),
        }
    }
}

impl<T: Shown> fmt::Display for Sourced<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.show(f)?;
        write!(f, " ({})", self.source)
    }
}

/// How a number stands in the start-up line.
pub(crate) trait Shown {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Shown for Duration {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", duration::display(*self))
    }
}

impl Shown for Option<Duration> {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Some(duration) => duration.show(f),
            None => f.write_str("none"),
        }
    }
}

impl Shown for Platform {
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Environment { variables, in_container: false, pid: 7 }
    }

    #[test]
    fn the_environment_overrides_code_and_code_the_platform() {
        let config = Config::new()
            .platform(Platform::Kubernetes)
            .grace_period(Duration::from_secs(20))
            .drain_timeout(Duration::from_secs(3));
        let (settings, diagnostics) = Settings::resolve(
            &config,
            &environment(&[
                ("LIFECYCLE_DRAIN_TIMEOUT", "1m30s"),
                ("LIFECYCLE_HOOK_TIMEOUT__CLOSE", "250ms"),
            ]),
        );
        assert_eq!(diagnostics, Diagnostics::default());
        assert_eq!(
            settings.grace,
            Sourced { value: Some(Duration::from_secs(20)), source: Source::Code }
        );
        assert_eq!(settings.delay.to_string(), "5s (Kubernetes)");
        assert_eq!(settings.drain_timeout.to_string(), "1m30s (LIFECYCLE_DRAIN_TIMEOUT)");
        assert_eq!(settings.hook_timeouts, [("CLOSE".to_owned(), Duration::from_millis(250))]);
    }

    #[test]
    fn every_bad_value_is_found_at_once() {
        let (_, diagnostics) = Settings::resolve(
            &Config::new(),
            &environment(&[
                ("LIFECYCLE_GRACE_PERIOD", "-5s"),
                ("LIFECYCLE_DRAIN_TIMEOUT", "soon"),
                ("LIFECYCLE_HOOK_TIMEOUT__X", "0s"),
                ("LIFECYCLE_PLAN", "picture"),
                ("LIFECYCLE_REPORT", "report.pdf"),
            ]),
        );
        assert_eq!(diagnostics.errors.len(), 5, "{diagnostics:?}");
    }

    #[test]
    fn pictures_are_for_programs_that_draw() {
        for (name, value) in [
            ("LIFECYCLE_PLAN", "svg"),
            ("LIFECYCLE_REPORT", "a.svg"),
            ("LIFECYCLE_REPORT", "a.html"),
        ] {
            let errors = Settings::resolve(&Config::new(), &environment(&[(name, value)])).1.errors;
            if cfg!(feature = "pictures") {
                assert_eq!(errors, [""; 0]);
            } else {
                assert_eq!(errors, [format!("{name}={value}: {NO_PICTURES}")]);
            }
        }
    }

    #[test]
    fn no_time_at_all_is_a_mistake() {
        let config = Config::new().grace_period(Duration::ZERO);
        let (_, diagnostics) =
            Settings::resolve(&config, &environment(&[("LIFECYCLE_HOOK_TIMEOUT", "0s")]));
        assert_eq!(diagnostics.errors.len(), 2, "{diagnostics:?}");
        assert!(diagnostics.errors[0].contains("(code)"), "{diagnostics:?}");
    }

    #[test]
    fn a_manifest_is_for_checking() {
        let found = |answer| {
            let manifest = ("LIFECYCLE_MANIFEST", "k8s.yaml");
            Settings::resolve(&Config::new(), &environment(&[manifest, ("LIFECYCLE_PLAN", answer)]))
                .1
        };
        let useless = "LIFECYCLE_MANIFEST=k8s.yaml says nothing without LIFECYCLE_PLAN=check";
        assert_eq!(
            found("text"),
            Diagnostics { errors: vec![], warnings: vec![useless.to_owned()] }
        );
        let errors = if cfg!(feature = "manifest") {
            vec![]
        } else {
            vec![
                "LIFECYCLE_MANIFEST=k8s.yaml: this program was built without the feature `manifest` of \
                 lifecycle-hooks"
                    .to_owned(),
            ]
        };
        assert_eq!(found("check"), Diagnostics { errors, warnings: vec![] });
        let empty = [("LIFECYCLE_MANIFEST", ""), ("LIFECYCLE_PLAN", "check")];
        let (_, diagnostics) = Settings::resolve(&Config::new(), &environment(&empty));
        assert_eq!(
            diagnostics.errors,
            ["LIFECYCLE_MANIFEST= is empty; write the path of a manifest, or leave it out"]
        );
    }

    #[test]
    fn a_grace_period_can_be_switched_off() {
        let (settings, diagnostics) =
            Settings::resolve(&Config::new(), &environment(&[("LIFECYCLE_GRACE_PERIOD", "none")]));
        assert_eq!(diagnostics, Diagnostics::default());
        assert_eq!(settings.grace.value, None);
    }

    #[test]
    fn unknown_names_are_a_warning_with_a_proposal_unless_kubernetes_made_them() {
        let (_, diagnostics) = Settings::resolve(
            &Config::new(),
            &environment(&[
                ("LIFECYCLE_GRACE_PERIODE", "5s"),
                ("LIFECYCLE_PORT", "tcp://10.0.0.1:80"),
                ("LIFECYCLE_SERVICE_HOST", "10.0.0.1"),
            ]),
        );
        assert_eq!(diagnostics.errors, [""; 0]);
        assert_eq!(diagnostics.warnings.len(), 1);
        assert!(
            diagnostics.warnings[0].contains("did you mean LIFECYCLE_GRACE_PERIOD?"),
            "{diagnostics:?}"
        );
    }

    #[test]
    fn platforms_are_detected() {
        let detect = |variables: &[(&str, &str)], in_container| {
            let mut environment = environment(variables);
            environment.in_container = in_container;
            Settings::resolve(&Config::new(), &environment).0.platform.value
        };
        assert_eq!(detect(&[("KUBERNETES_SERVICE_HOST", "10.0.0.1")], true), Platform::Kubernetes);
        assert_eq!(detect(&[("ECS_CONTAINER_METADATA_URI_V4", "http://x")], true), Platform::Ecs);
        assert_eq!(detect(&[("NOMAD_ALLOC_ID", "x")], false), Platform::Nomad);
        assert_eq!(detect(&[("K_SERVICE", "x")], true), Platform::CloudRun);
        assert_eq!(detect(&[("SYSTEMD_EXEC_PID", "7")], false), Platform::Systemd);
        assert_eq!(detect(&[("SYSTEMD_EXEC_PID", "8")], false), Platform::Unknown);
        assert_eq!(detect(&[], true), Platform::Container);
    }
}
