//! The numbers that are in force: configuration, environment and platform put together.

use std::time::Duration;

use super::{
    Diagnostic, Environment, ManifestVariables, PlanAnswer, ReportFile, Terminal, platform,
    source::{
        DRAIN_TIMEOUT, EXIT_TIMEOUT, GRACE_PERIOD, HOOK_TIMEOUT, MAIN_TIMEOUT, SHUTDOWN_DELAY,
        Source, Sourced,
    },
};
use crate::{
    Config, Plan, Platform, Signal,
    plan::PlannedComponent,
    text::{redact::redact, terminal::plain},
    values::duration,
};

/// What [`Config`] and the environment come to.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) platform: Sourced<Platform>,
    /// Which of many this process is.
    pub(crate) instance: Option<String>,
    pub(crate) grace: Sourced<Option<Duration>>,
    pub(crate) delay: Sourced<Duration>,
    pub(crate) drain_timeout: Sourced<Option<Duration>>,
    /// How long main is waited for once nothing is in flight.
    pub(crate) main_timeout: Sourced<Option<Duration>>,
    pub(crate) hook_timeout: Sourced<Duration>,
    pub(crate) reserve: Duration,
    pub(crate) exit_timeout: Sourced<Duration>,
    /// What the grace period may become while a stop makes progress.
    pub(crate) extend_up_to: Option<Duration>,
    /// Whether there is a service manager that can be told.
    pub(crate) has_manager: bool,
    /// `LIFECYCLE_HOOK_TIMEOUT__<NAME>`: the name as written, and the time.
    pub(crate) hook_timeouts: Vec<(String, Duration)>,
    pub(crate) signals: Vec<Signal>,
    pub(crate) job: bool,
    pub(crate) escalate_on_term: bool,
    pub(crate) terminal: Terminal,
    pub(crate) components: Vec<PlannedComponent>,
    pub(crate) report: Option<ReportFile>,
    pub(crate) plan_answer: Option<PlanAnswer>,
    /// `LIFECYCLE_MANIFEST`, where `check` is asked for.
    pub(crate) manifest: Option<ManifestVariables>,
}

const DEFAULT_HOOK_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_EXIT_TIMEOUT: Duration = Duration::from_secs(5);

impl Settings {
    /// Puts `config` and `environment` together; every problem at once.
    pub(crate) fn resolve(config: &Config, environment: &Environment) -> (Self, Vec<Diagnostic>) {
        let mut diagnostics = Vec::new();
        let variables = environment.read(&mut diagnostics);
        let platform = platform(config, environment);
        let by_platform = match platform.source {
            Source::Assumed => Source::Assumed,
            _ => Source::Platform(platform.value),
        };
        let by_delay = match platform.value {
            Platform::Kubernetes => by_platform,
            _ => Source::Default,
        };
        let settings = Self {
            grace: Sourced::first(GRACE_PERIOD, variables.grace_period, config.grace_period)
                .unwrap_or_else(|| Sourced::new(Some(platform.value.grace_period()), by_platform)),
            delay: Sourced::first(SHUTDOWN_DELAY, variables.shutdown_delay, config.shutdown_delay)
                .unwrap_or_else(|| Sourced::new(platform.value.shutdown_delay(), by_delay)),
            drain_timeout: Sourced::first(
                DRAIN_TIMEOUT,
                variables.drain_timeout.map(Some),
                config.drain_timeout.map(Some),
            )
            .unwrap_or(Sourced::new(None, Source::Default)),
            main_timeout: Sourced::first(
                MAIN_TIMEOUT,
                variables.main_timeout.map(Some),
                config.main_timeout.map(Some),
            )
            .unwrap_or(Sourced::new(None, Source::Default)),
            hook_timeout: Sourced::first(HOOK_TIMEOUT, variables.hook_timeout, config.hook_timeout)
                .unwrap_or(Sourced::new(DEFAULT_HOOK_TIMEOUT, Source::Default)),
            reserve: config.reserve.unwrap_or_default(),
            exit_timeout: Sourced::first(EXIT_TIMEOUT, variables.exit_timeout, config.exit_timeout)
                .unwrap_or(Sourced::new(DEFAULT_EXIT_TIMEOUT, Source::Default)),
            extend_up_to: config.extend_up_to,
            has_manager: environment.linked.manager == Some(true),
            hook_timeouts: variables.hook_timeouts,
            instance: instance(platform.value, environment),
            platform,
            signals: config.signals.clone().unwrap_or_else(|| Signal::DEFAULT.to_vec()),
            job: config.job,
            escalate_on_term: config.escalate_on_term,
            terminal: variables.terminal.or(config.terminal).unwrap_or(if config.job {
                Terminal::Unclean
            } else {
                Terminal::Full
            }),
            components: config.components.planned(),
            report: variables.report,
            plan_answer: variables.plan_answer,
            manifest: variables.manifest,
        };
        if settings.grace.value == Some(Duration::ZERO) {
            diagnostics.push(Diagnostic::NoGrace { set_by: settings.grace.source });
        }
        if let Some(up_to) = settings.extend_up_to {
            if environment.linked.manager.is_none() {
                diagnostics.push(Diagnostic::NobodyExtends);
            }
            if let Some(grace) = settings.grace.value.filter(|grace| up_to <= *grace) {
                diagnostics.push(Diagnostic::NothingToExtend {
                    up_to: duration::display(up_to).to_string(),
                    grace: duration::display(grace).to_string(),
                    set_by: settings.grace.source,
                });
            }
        }
        if settings.hook_timeout.value.is_zero() {
            diagnostics.push(Diagnostic::NoTimeForHooks { set_by: settings.hook_timeout.source });
        }
        (settings, diagnostics)
    }

    /// The timeout of hooks that declare none, where the configuration or a variable wrote it.
    pub(crate) fn written_hook_timeout(&self) -> Option<Duration> {
        (self.hook_timeout.source != Source::Default).then_some(self.hook_timeout.value)
    }

    /// What the grace period may become in this process.
    pub(crate) fn extension(&self) -> Option<Duration> {
        self.extend_up_to.filter(|_| self.has_manager)
    }

    /// `plan` with that timeout.
    pub(crate) fn with_hook_timeout(&self, plan: Plan) -> Plan {
        match self.written_hook_timeout() {
            Some(timeout) => plan.with_default_timeout(timeout),
            None => plan,
        }
    }
}

fn platform(config: &Config, environment: &Environment) -> Sourced<Platform> {
    if let Some(value) = config.platform {
        return Sourced::new(value, Source::Code);
    }
    let value = Platform::detect(
        |name| environment.get(name).map(str::to_owned),
        environment.in_container,
        environment.pid,
    );
    let source = if value == Platform::Unknown { Source::Assumed } else { Source::Detected };
    Sourced::new(value, source)
}

fn instance(platform: Platform, environment: &Environment) -> Option<String> {
    /// No platform has longer names.
    const MOST: usize = 512;
    let name = platform::instance(platform, |name| environment.get(name).map(redact));
    name.map(|name| plain(&name).chars().take(MOST).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::redact::shapes::{SECOND, table};

    fn environment(variables: &[(&str, &str)]) -> Environment {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Environment { variables, in_container: false, pid: 7, ..Environment::default() }
    }

    fn errors(diagnostics: &[Diagnostic]) -> Vec<String> {
        diagnostics.iter().filter(|found| found.is_error()).map(ToString::to_string).collect()
    }

    fn warnings(diagnostics: &[Diagnostic]) -> Vec<String> {
        diagnostics.iter().filter(|found| !found.is_error()).map(ToString::to_string).collect()
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
        assert_eq!(diagnostics, []);
        assert_eq!(
            settings.grace,
            Sourced { value: Some(Duration::from_secs(20)), source: Source::Code }
        );
        assert_eq!(settings.delay.to_string(), "5s (Kubernetes)");
        assert_eq!(settings.drain_timeout.to_string(), "1m30s (LIFECYCLE_DRAIN_TIMEOUT)");
        assert_eq!(settings.hook_timeouts, [("CLOSE".to_owned(), Duration::from_millis(250))]);
    }

    #[test]
    fn the_instance_is_named_as_its_platform_does() {
        let ecs = ("ECS_CONTAINER_METADATA_URI_V4", "http://169.254.170.2/v4/cd189a93-2495160603");
        let pod = [("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("POD_NAME", "orders-7d9f")];
        let in_namespace = [pod[0], pod[1], ("POD_NAMESPACE", "shop")];
        let nomad =
            [("NOMAD_ALLOC_ID", "5c1d"), ("NOMAD_JOB_NAME", "orders"), ("NOMAD_TASK_NAME", "web")];
        let run = [("K_SERVICE", "orders"), ("K_REVISION", "orders-00042-abc")];
        let job = [("CLOUD_RUN_JOB", "bill"), ("CLOUD_RUN_TASK_INDEX", "3")];
        let cases: [(&[_], _); 9] = [
            (&[ecs], Some("container cd189a93-2495160603")),
            (&pod, Some("pod orders-7d9f")),
            (&in_namespace, Some("pod shop/orders-7d9f")),
            (&pod[..1], None),
            (&nomad, Some("alloc 5c1d, job orders, task web")),
            (&nomad[..1], Some("alloc 5c1d")),
            (&run, Some("service orders, revision orders-00042-abc")),
            (&job, Some("job bill, task 3")),
            // Of another platform.
            (&[("POD_NAME", "orders-7d9f")], None),
        ];
        for (variables, expected) in cases {
            let (settings, _) = Settings::resolve(&Config::new(), &environment(variables));
            assert_eq!(settings.instance.as_deref(), expected, "{variables:?}");
        }
        let broken = [pod[0], ("POD_NAME", "a\nlifecycle: b\u{1b}[2J")];
        let (settings, _) = Settings::resolve(&Config::new(), &environment(&broken));
        let name = settings.instance.unwrap();
        assert!(!name.contains(char::is_control), "{name:?}");
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
        assert_eq!(errors(&diagnostics).len(), 5, "{diagnostics:?}");
    }

    #[test]
    fn what_is_quoted_of_the_environment_is_redacted_and_cut() {
        let mut texts: Vec<_> = table().map(|(text, ..)| text).collect();
        texts.push("words and more words, ".repeat(10_000));
        let names = [
            "LIFECYCLE_GRACE_PERIOD",
            "LIFECYCLE_HOOK_TIMEOUT__X",
            "LIFECYCLE_PLAN",
            "LIFECYCLE_REPORT",
            "LIFECYCLE_MANIFEST",
        ];
        for text in &texts {
            let variables: Vec<_> = names.iter().map(|name| (*name, text.as_str())).collect();
            let (_, diagnostics) = Settings::resolve(&Config::new(), &environment(&variables));
            assert_eq!(diagnostics.len(), names.len(), "{text}");
            for diagnostic in diagnostics {
                let (said, shown) = (diagnostic.to_string(), format!("{diagnostic:?}"));
                assert!(!said.contains(SECOND) && !shown.contains(SECOND), "{said}");
                assert!(said.len() < 150_000, "{}", said.len());
            }
        }
    }

    #[test]
    fn pictures_are_for_programs_that_draw() {
        for (name, value) in [
            ("LIFECYCLE_PLAN", "svg"),
            ("LIFECYCLE_REPORT", "a.svg"),
            ("LIFECYCLE_REPORT", "a.html"),
        ] {
            let mut environment = environment(&[(name, value)]);
            let found = |environment: &Environment| {
                errors(&Settings::resolve(&Config::new(), environment).1)
            };
            assert_eq!(
                found(&environment),
                [format!(
                    "{name}={value}: this program draws no pictures; build it with the feature \
                     `pictures` of `lifecycle-hooks`"
                )]
            );
            environment.linked.plan_writers = vec!["svg"];
            environment.linked.report_writers = vec!["svg", "html"];
            assert_eq!(found(&environment), [""; 0]);
        }
    }

    #[test]
    fn what_is_linked_stands_among_what_may_be_asked_for() {
        let mut environment =
            environment(&[("LIFECYCLE_PLAN", "picture"), ("LIFECYCLE_REPORT", "report")]);
        environment.linked.plan_writers = vec!["svg", "d2"];
        environment.linked.report_writers = vec!["html", "csv"];
        let (settings, diagnostics) = Settings::resolve(&Config::new(), &environment);
        assert_eq!((settings.plan_answer, settings.report), (None, None));
        assert_eq!(
            errors(&diagnostics),
            [
                "LIFECYCLE_REPORT=report: the end of the path says how it is written; let it be .csv, .txt, \
                 .json, .svg or .html",
                "LIFECYCLE_PLAN=picture: write `d2`, `text`, `json`, `mermaid`, `dot`, `svg` or `check`",
            ]
        );
    }

    #[test]
    fn no_time_at_all_is_a_mistake() {
        let config = Config::new().grace_period(Duration::ZERO);
        let (_, diagnostics) =
            Settings::resolve(&config, &environment(&[("LIFECYCLE_HOOK_TIMEOUT", "0s")]));
        assert_eq!(errors(&diagnostics).len(), 2, "{diagnostics:?}");
        assert!(errors(&diagnostics)[0].contains("(code)"), "{diagnostics:?}");
    }

    #[test]
    fn a_manifest_is_for_checking() {
        let found = |answer, reads_manifests| {
            let manifest = ("LIFECYCLE_MANIFEST", "k8s.yaml");
            let mut environment = environment(&[manifest, ("LIFECYCLE_PLAN", answer)]);
            environment.linked.reads_manifests = reads_manifests;
            let (_, diagnostics) = Settings::resolve(&Config::new(), &environment);
            [errors(&diagnostics), warnings(&diagnostics)]
        };
        let useless = "LIFECYCLE_MANIFEST=k8s.yaml says nothing without LIFECYCLE_PLAN=check; set \
                       that as well, or leave this out";
        for reads in [false, true] {
            assert_eq!(found("text", reads), [vec![], vec![useless.to_owned()]]);
        }
        assert_eq!(found("check", true), [vec![""; 0], vec![]]);
        let refused = "LIFECYCLE_MANIFEST=k8s.yaml: this program reads no manifests; build it with \
                       the feature `manifest` of `lifecycle-hooks`";
        assert_eq!(found("check", false), [vec![refused.to_owned()], vec![]]);
        let empty = [("LIFECYCLE_MANIFEST", ""), ("LIFECYCLE_PLAN", "check")];
        let (_, diagnostics) = Settings::resolve(&Config::new(), &environment(&empty));
        assert_eq!(
            errors(&diagnostics),
            ["LIFECYCLE_MANIFEST= is empty; write the path of a manifest, or leave it out"]
        );
    }

    #[test]
    fn a_unit_that_waits_for_ready_is_told_that_nobody_says_it() {
        let (_, diagnostics) =
            Settings::resolve(&Config::new(), &environment(&[("NOTIFY_SOCKET", "/run/notify")]));
        assert_eq!(
            warnings(&diagnostics),
            [
                "NOTIFY_SOCKET is set: systemd waits for READY=1, which this program does not send; build it with the \
              feature `systemd` of `lifecycle-hooks`, let the service send it, or write `Type=exec` in its unit"
            ]
        );
    }

    #[test]
    fn a_unit_is_not_told_that_where_a_linked_crate_says_it() {
        let mut environment =
            environment(&[("NOTIFY_SOCKET", "/run/notify"), ("WATCHDOG_USEC", "1000000")]);
        let found = |environment: &Environment| {
            let (_, diagnostics) = Settings::resolve(&Config::new(), environment);
            warnings(&diagnostics).len()
        };
        assert_eq!(found(&environment), 2);
        environment.linked.manager = Some(true);
        assert_eq!(found(&environment), 0);
    }

    #[cfg(feature = "systemd")]
    #[test]
    fn an_extension_that_cannot_come_is_said() {
        let mut environment = environment(&[("LIFECYCLE_GRACE_PERIOD", "10s")]);
        let config = Config::new().extend_up_to(Duration::from_secs(60));
        let found = |config: &Config, environment: &Environment| {
            let (settings, diagnostics) = Settings::resolve(config, environment);
            (settings.extension(), warnings(&diagnostics))
        };
        let nobody = "Config::extend_up_to: this program speaks to no service manager, and no stop is extended; \
                      build it with the feature `systemd` of `lifecycle-hooks`";
        assert_eq!(found(&config, &environment), (None, vec![nobody.to_owned()]));
        // Linked, and at a terminal: nothing is wrong, and nothing extended.
        environment.linked.manager = Some(false);
        assert_eq!(found(&config, &environment), (None, vec![]));
        environment.linked.manager = Some(true);
        assert_eq!(found(&config, &environment), (Some(Duration::from_secs(60)), vec![]));
        let less = Config::new().extend_up_to(Duration::from_secs(10));
        assert_eq!(
            found(&less, &environment).1,
            [
                "Config::extend_up_to(10s) is no more than the grace period of 10s (LIFECYCLE_GRACE_PERIOD): no stop is \
              extended"
            ]
        );
    }

    #[test]
    fn what_no_file_says_is_told_beside_the_manifest() {
        let set = |variables: &[(&str, &str)]| {
            let mut environment = environment(variables);
            environment.linked.reads_manifests = true;
            Settings::resolve(&Config::new(), &environment)
        };
        let said =
            [("LIFECYCLE_MANIFEST_PRE_STOP", "12s"), ("LIFECYCLE_MANIFEST_MAX_KILL_TIMEOUT", "1m")];
        let asked = [("LIFECYCLE_PLAN", "check"), ("LIFECYCLE_MANIFEST", "a.yaml#b,Dockerfile")];
        let (settings, diagnostics) = set(&[said, asked].concat());
        assert_eq!(diagnostics, []);
        let expected = ManifestVariables {
            path: "a.yaml#b,Dockerfile".to_owned(),
            pre_stop: Some(Duration::from_secs(12)),
            max_kill_timeout: Some(Duration::from_secs(60)),
        };
        assert_eq!(settings.manifest, Some(expected));
        let (_, diagnostics) = set(&said);
        assert_eq!(
            warnings(&diagnostics),
            [
                "LIFECYCLE_MANIFEST_PRE_STOP says nothing without LIFECYCLE_PLAN=check and \
                 LIFECYCLE_MANIFEST; set these as well, or leave this out",
                "LIFECYCLE_MANIFEST_MAX_KILL_TIMEOUT says nothing without LIFECYCLE_PLAN=check and \
                 LIFECYCLE_MANIFEST; set these as well, or leave this out"
            ]
        );
        let wrong = [("LIFECYCLE_MANIFEST_PRE_STOP", "12"), asked[0], asked[1]];
        assert_eq!(
            errors(&set(&wrong).1),
            ["LIFECYCLE_MANIFEST_PRE_STOP=12: `12` lacks a unit; did you mean `12s`?"]
        );
    }

    #[test]
    fn a_grace_period_can_be_switched_off() {
        let (settings, diagnostics) =
            Settings::resolve(&Config::new(), &environment(&[("LIFECYCLE_GRACE_PERIOD", "none")]));
        assert_eq!(diagnostics, []);
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
        assert_eq!(errors(&diagnostics), [""; 0]);
        assert_eq!(warnings(&diagnostics).len(), 1);
        assert!(
            warnings(&diagnostics)[0].contains("did you mean LIFECYCLE_GRACE_PERIOD?"),
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
