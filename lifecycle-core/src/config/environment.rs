//! The environment: `LIFECYCLE_*` is read here and nowhere else, but for how calls are counted, which
//! is asked before there is a configuration.

use std::{path::PathBuf, time::Duration};

use super::{
    Diagnostic, Terminal,
    source::{
        DRAIN_TIMEOUT, EXIT_TIMEOUT, GRACE_PERIOD, HOOK_TIMEOUT, HOOK_TIMEOUT_OF, MAIN_TIMEOUT,
        MANIFEST, MANIFEST_MAX_KILL_TIMEOUT, MANIFEST_PRE_STOP, NOTIFY_SOCKET, PLAN, REPORT,
        SHUTDOWN_DELAY, TERMINAL, WATCHDOG_USEC,
    },
};
use crate::{os::barrier::VARIABLE as BARRIER, text::redact::redact, values::duration};

const KNOWN: [&str; 13] = [
    GRACE_PERIOD,
    SHUTDOWN_DELAY,
    DRAIN_TIMEOUT,
    MAIN_TIMEOUT,
    HOOK_TIMEOUT,
    EXIT_TIMEOUT,
    PLAN,
    REPORT,
    TERMINAL,
    MANIFEST,
    MANIFEST_PRE_STOP,
    MANIFEST_MAX_KILL_TIMEOUT,
    BARRIER,
];

/// The environment that matters here, taken once so that what follows is a pure function of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) in_container: bool,
    pub(crate) pid: u32,
    pub(crate) linked: Linked,
    /// Where relative paths begin.
    pub(crate) directory: PathBuf,
}

/// What linked crates add to what this program can answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Linked {
    /// What `LIFECYCLE_PLAN` may say.
    pub(crate) plan_writers: Vec<&'static str>,
    /// What the path of `LIFECYCLE_REPORT` may end in.
    pub(crate) report_writers: Vec<&'static str>,
    pub(crate) reads_manifests: bool,
    /// What speaks to a service manager; `Some(true)`: it has one.
    pub(crate) manager: Option<bool>,
}

/// What `LIFECYCLE_PLAN` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanAnswer {
    Text,
    Json,
    Mermaid,
    Dot,
    /// One that a linked crate gives.
    Linked(&'static str),
    Check,
}

/// Where `LIFECYCLE_REPORT` wants the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportFile {
    /// As it was written.
    pub(crate) path: String,
    /// Where it begins if it is relative: a hook may change the directory of the process.
    pub(crate) directory: PathBuf,
    pub(crate) format: ReportFormat,
}

/// How the report is written, by the end of its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportFormat {
    Text,
    Json,
    /// One that a linked crate writes.
    Linked(&'static str),
}

/// What the variables say; `None` where one is not set, or makes no sense.
#[derive(Debug)]
pub(super) struct Variables {
    /// `Some(None)`: no limit.
    pub(super) grace_period: Option<Option<Duration>>,
    pub(super) shutdown_delay: Option<Duration>,
    pub(super) drain_timeout: Option<Duration>,
    pub(super) main_timeout: Option<Duration>,
    pub(super) hook_timeout: Option<Duration>,
    pub(super) exit_timeout: Option<Duration>,
    /// `LIFECYCLE_HOOK_TIMEOUT__<NAME>`: the name as written, and the time.
    pub(super) hook_timeouts: Vec<(String, Duration)>,
    pub(super) report: Option<ReportFile>,
    pub(super) terminal: Option<Terminal>,
    pub(super) plan_answer: Option<PlanAnswer>,
    /// Where `check` is asked for.
    pub(super) manifest: Option<ManifestVariables>,
}

/// Which manifest to hold the plan against, with what no file of it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ManifestVariables {
    /// As it is written: files, and a container.
    pub(crate) path: String,
    pub(crate) pre_stop: Option<Duration>,
    pub(crate) max_kill_timeout: Option<Duration>,
}

impl Environment {
    /// That of this process, whose program has these crates linked in.
    pub(crate) fn of_process(linked: Linked) -> Self {
        let variables = std::env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .collect();
        Self {
            variables,
            in_container: crate::os::in_container(),
            pid: std::process::id(),
            linked,
            directory: std::env::current_dir().unwrap_or_default(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads every variable; what makes no sense goes to `diagnostics`, all at once.
    pub(super) fn read(&self, diagnostics: &mut Vec<Diagnostic>) -> Variables {
        let mut read = |name: &str| {
            let value = redact(self.get(name)?);
            let read = duration::parse(&value);
            let variable = name.to_owned();
            read.map_err(|why| diagnostics.push(Diagnostic::NoDuration { variable, value, why }))
                .ok()
        };
        let [pre_stop, max_kill_timeout] =
            [MANIFEST_PRE_STOP, MANIFEST_MAX_KILL_TIMEOUT].map(&mut read);
        let manifest = self.manifest().map(|path| ManifestVariables {
            path: path.to_owned(),
            pre_stop,
            max_kill_timeout,
        });
        let variables = Variables {
            grace_period: match self.get(GRACE_PERIOD) {
                Some("none") => Some(None),
                _ => read(GRACE_PERIOD).map(Some),
            },
            shutdown_delay: read(SHUTDOWN_DELAY),
            drain_timeout: read(DRAIN_TIMEOUT),
            main_timeout: read(MAIN_TIMEOUT),
            hook_timeout: read(HOOK_TIMEOUT),
            exit_timeout: read(EXIT_TIMEOUT),
            hook_timeouts: self.hook_timeouts(diagnostics),
            report: self.report(diagnostics),
            terminal: self.terminal(diagnostics),
            plan_answer: self.plan_answer(diagnostics),
            manifest,
        };

        diagnostics.extend(self.useless_manifest());
        diagnostics.extend(self.useless_of_manifest());
        if self.linked.manager.is_none() {
            diagnostics.extend(self.get(NOTIFY_SOCKET).map(|_| Diagnostic::NobodyNotifies));
            diagnostics.extend(self.get(WATCHDOG_USEC).map(|_| Diagnostic::NobodyFeeds));
        }
        diagnostics.extend(self.unknown_names());
        variables
    }

    fn hook_timeouts(&self, diagnostics: &mut Vec<Diagnostic>) -> Vec<(String, Duration)> {
        let mut timeouts = Vec::new();
        for (name, text) in &self.variables {
            let Some(hook) = name.strip_prefix(HOOK_TIMEOUT_OF) else { continue };
            let (variable, value) = (name.clone(), redact(text));
            match duration::parse(&value) {
                Ok(timeout) if timeout.is_zero() => {
                    diagnostics.push(Diagnostic::NoTimeForOneHook { variable, value });
                }
                Ok(timeout) => timeouts.push((hook.to_owned(), timeout)),
                Err(why) => diagnostics.push(Diagnostic::NoDuration { variable, value, why }),
            }
        }
        timeouts.sort();
        timeouts
    }

    fn report(&self, diagnostics: &mut Vec<Diagnostic>) -> Option<ReportFile> {
        let path = self.get(REPORT)?;
        let linked = &self.linked.report_writers;
        let end = path.rsplit_once('.').map(|(_, end)| end);
        let format = match end {
            Some("txt") => Some(ReportFormat::Text),
            Some("json") => Some(ReportFormat::Json),
            _ => {
                linked.iter().find(|known| Some(**known) == end).copied().map(ReportFormat::Linked)
            }
        };
        let (path, said) = (path.to_owned(), redact(path));
        match (format, end) {
            (Some(format), _) => {
                return Some(ReportFile { path, directory: self.directory.clone(), format });
            }
            (None, Some("svg" | "html")) => {
                diagnostics.push(Diagnostic::NoPictures { variable: REPORT, value: said });
            }
            (None, _) => {
                let linked = linked.clone();
                diagnostics.push(Diagnostic::NoReportFormat { path: said, linked });
            }
        }
        None
    }

    fn terminal(&self, diagnostics: &mut Vec<Diagnostic>) -> Option<Terminal> {
        let value = self.get(TERMINAL)?;
        let known = Terminal::ALL.into_iter().find(|known| known.to_string() == value);
        if known.is_none() {
            diagnostics.push(Diagnostic::NoTerminal { value: redact(value) });
        }
        known
    }

    fn plan_answer(&self, diagnostics: &mut Vec<Diagnostic>) -> Option<PlanAnswer> {
        let linked = &self.linked.plan_writers;
        match self.get(PLAN)? {
            "text" => Some(PlanAnswer::Text),
            "json" => Some(PlanAnswer::Json),
            "mermaid" => Some(PlanAnswer::Mermaid),
            "dot" => Some(PlanAnswer::Dot),
            "check" => Some(PlanAnswer::Check),
            other => {
                let known = linked.iter().find(|known| **known == other);
                if known.is_none() {
                    let value = redact(other);
                    diagnostics.push(match other {
                        "svg" => Diagnostic::NoPictures { variable: PLAN, value },
                        _ => Diagnostic::NoPlanAnswer { value, linked: linked.clone() },
                    });
                }
                known.copied().map(PlanAnswer::Linked)
            }
        }
    }

    fn manifest(&self) -> Option<&str> {
        self.get(MANIFEST).filter(|_| self.get(PLAN) == Some("check"))
    }

    /// What a mistake is answered with depends on what is linked only where the answer needs it.
    fn useless_manifest(&self) -> Option<Diagnostic> {
        let path = redact(self.get(MANIFEST)?);
        if self.manifest().is_none() {
            Some(Diagnostic::UselessManifest { path })
        } else if path.is_empty() {
            Some(Diagnostic::EmptyManifest)
        } else if !self.linked.reads_manifests {
            Some(Diagnostic::NoManifests { path })
        } else {
            None
        }
    }

    /// What is said of a manifest where there is none.
    fn useless_of_manifest(&self) -> impl Iterator<Item = Diagnostic> {
        [MANIFEST_PRE_STOP, MANIFEST_MAX_KILL_TIMEOUT]
            .into_iter()
            .filter(|name| self.manifest().is_none() && self.get(name).is_some())
            .map(|variable| Diagnostic::UselessOfManifest { variable })
    }

    fn unknown_names(&self) -> impl Iterator<Item = Diagnostic> {
        self.variables.iter().filter(|(name, _)| is_unknown(name)).map(|(name, _)| {
            let near = KNOWN.into_iter().map(|known| (strsim::levenshtein(name, known), known));
            let near = near.min().filter(|(distance, _)| *distance <= 6).map(|(_, known)| known);
            Diagnostic::UnknownVariable { variable: name.clone(), near }
        })
    }
}

fn is_unknown(name: &str) -> bool {
    let ours = name.starts_with("LIFECYCLE_") && !name.starts_with(HOOK_TIMEOUT_OF);
    // Kubernetes injects these for a Service that is called "lifecycle".
    let injected = name.contains("_PORT") || name.contains("_SERVICE_");
    ours && !injected && !KNOWN.contains(&name)
}
