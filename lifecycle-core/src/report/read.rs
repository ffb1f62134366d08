//! The report, read back from its JSON.

use std::{collections::HashMap, time::Duration};

use serde::Deserialize;

use crate::{
    Outcome, Reason, Signal, SignalSender, SiteReport, SourceLocation,
    read::{JsonError, moment, optional_moment, optional_seconds, read, seconds},
    text::intern::intern,
};

use super::{
    DrainReport, HookReport, Inner, Report, SignalReport,
    json::{FORMAT, VERSION},
};

impl Report {
    /// The report that [`to_json`](Self::to_json) wrote, by this version of the library or an older one, or
    /// by another program. What it does not know it leaves out. Names and files are kept in memory for the
    /// life of the process, each once.
    ///
    /// # Errors
    ///
    /// When the text is no report, with line and column; when a newer version of the format wrote it.
    pub fn from_json(json: &str) -> Result<Self, JsonError> {
        let made_by = "LIFECYCLE_REPORT=path.json writes one";
        read::<ReportJson>(json, FORMAT, VERSION, made_by)?.into_report()
    }
}

#[derive(Deserialize)]
struct ReportJson {
    shutdown_id: String,
    reason: ReasonJson,
    exit_code: u8,
    #[serde(deserialize_with = "moment")]
    total_seconds: Duration,
    #[serde(deserialize_with = "optional_seconds")]
    deadline_seconds: Option<Duration>,
    signals: Vec<SignalJson>,
    drain: DrainJson,
    hooks: Vec<HookJson>,
    problems: Vec<String>,
}

#[derive(Deserialize)]
struct ReasonJson {
    kind: String,
    text: Option<String>,
    signal: Option<String>,
    sender: Option<SenderJson>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum SenderJson {
    Kernel,
    Process { pid: u32, uid: u32 },
}

#[derive(Deserialize)]
struct SignalJson {
    signal: String,
    #[serde(deserialize_with = "moment")]
    at_seconds: Duration,
    did: String,
}

#[derive(Deserialize)]
struct DrainJson {
    #[serde(deserialize_with = "moment")]
    delay_seconds: Duration,
    #[serde(deserialize_with = "moment")]
    took_seconds: Duration,
    timed_out: bool,
    hurried: bool,
    main_did_not_return: bool,
    sites: Vec<SiteJson>,
    in_flight: Vec<PointJson>,
}

#[derive(Deserialize)]
struct SiteJson {
    name: String,
    file: String,
    line: u32,
    at_start: usize,
    finished: usize,
    refused: usize,
    cancelled: usize,
    abandoned: usize,
    #[serde(deserialize_with = "optional_moment")]
    oldest_abandoned_seconds: Option<Duration>,
    finished_late: usize,
}

#[derive(Deserialize)]
struct PointJson {
    #[serde(deserialize_with = "moment")]
    at_seconds: Duration,
    count: usize,
}

#[derive(Deserialize)]
struct HookJson {
    name: String,
    file: String,
    line: u32,
    order: i32,
    outcome: OutcomeJson,
    #[serde(deserialize_with = "optional_moment")]
    started_seconds: Option<Duration>,
    #[serde(deserialize_with = "moment")]
    took_seconds: Duration,
    #[serde(deserialize_with = "seconds")]
    timeout_seconds: Duration,
    #[serde(deserialize_with = "seconds")]
    allotted_seconds: Duration,
    waits_for: Vec<String>,
    released_by: Option<String>,
}

#[derive(Deserialize)]
struct OutcomeJson {
    kind: String,
    text: Option<String>,
}

impl ReportJson {
    fn into_report(self) -> Result<Report, JsonError> {
        let place: HashMap<String, usize> =
            self.hooks.iter().enumerate().map(|(at, hook)| (hook.name.clone(), at)).collect();
        let hooks = self.hooks.into_iter().enumerate();
        let hooks = hooks.map(|(at, hook)| hook.into_hook(at, &place)).collect::<Result<_, _>>()?;
        let signals =
            self.signals.into_iter().map(SignalJson::into_signal).collect::<Result<_, _>>()?;
        Ok(Report::new(Inner {
            reason: self.reason.into_reason()?,
            shutdown_id: self.shutdown_id,
            exit_code: self.exit_code,
            total: self.total_seconds,
            deadline: self.deadline_seconds,
            signals,
            drain: self.drain.into_drain(),
            hooks,
            problems: self.problems,
        }))
    }
}

impl ReasonJson {
    fn into_reason(self) -> Result<Reason, JsonError> {
        let text = self.text.unwrap_or_default();
        Ok(match self.kind.as_str() {
            "signal" => Reason::Signal {
                signal: signal(&self.signal.unwrap_or_default())?,
                sender: self.sender.map(|sender| match sender {
                    SenderJson::Kernel => SignalSender::Kernel,
                    SenderJson::Process { pid, uid } => SignalSender::Process { pid, uid },
                }),
            },
            "requested" => Reason::Requested(text),
            "failure" => Reason::Failure(text),
            "main_returned" => Reason::MainReturned,
            "main_failed" => Reason::MainFailed(text),
            "main_panicked" => Reason::MainPanicked(text),
            "run_dropped" => Reason::RunDropped,
            "invalid" => Reason::Invalid(text),
            other => return Err(unknown("reason", other)),
        })
    }
}

impl SignalJson {
    fn into_signal(self) -> Result<SignalReport, JsonError> {
        Ok(SignalReport { signal: signal(&self.signal)?, at: self.at_seconds, did: self.did })
    }
}

impl DrainJson {
    fn into_drain(self) -> DrainReport {
        DrainReport {
            delay: self.delay_seconds,
            took: self.took_seconds,
            timed_out: self.timed_out,
            drain_skipped: self.hurried,
            main_did_not_return: self.main_did_not_return,
            sites: self.sites.into_iter().map(SiteJson::into_site).collect(),
            in_flight: self
                .in_flight
                .into_iter()
                .map(|point| (point.at_seconds, point.count))
                .collect(),
        }
    }
}

impl SiteJson {
    fn into_site(self) -> SiteReport {
        SiteReport {
            name: intern(&self.name),
            location: SourceLocation::new(intern(&self.file), self.line),
            at_start: self.at_start,
            finished: self.finished,
            refused: self.refused,
            cancelled: self.cancelled,
            abandoned: self.abandoned,
            oldest_abandoned: self.oldest_abandoned_seconds,
            finished_late: self.finished_late,
        }
    }
}

impl HookJson {
    /// The hook in place `at`, which can only have waited for hooks before it.
    fn into_hook(self, at: usize, place: &HashMap<String, usize>) -> Result<HookReport, JsonError> {
        let find = |name: &String| {
            place.get(name).copied().filter(|&before| before < at).ok_or_else(|| {
                JsonError::new(format!(
                    "the hook `{}` names `{name}`, which is no hook before it",
                    self.name
                ))
            })
        };
        Ok(HookReport {
            id: None,
            waits_for: self.waits_for.iter().map(find).collect::<Result<_, _>>()?,
            released_by: self.released_by.as_ref().map(find).transpose()?,
            location: SourceLocation::new(intern(&self.file), self.line),
            outcome: self.outcome.into_outcome()?,
            started: self.started_seconds,
            took: self.took_seconds,
            timeout: self.timeout_seconds,
            allotted: self.allotted_seconds,
            order: self.order,
            name: self.name,
        })
    }
}

impl OutcomeJson {
    fn into_outcome(self) -> Result<Outcome, JsonError> {
        let text = self.text.unwrap_or_default();
        Ok(match self.kind.as_str() {
            "completed" => Outcome::Completed,
            "late" => Outcome::Late,
            "failed" => Outcome::Failed(text),
            "panicked" => Outcome::Panicked(text),
            "timed_out" => Outcome::TimedOut,
            "stuck" => Outcome::Stuck,
            "skipped" => Outcome::Skipped(text),
            "not_started" => Outcome::NotStarted,
            "unregistered" => Outcome::Unregistered,
            other => return Err(unknown("outcome", other)),
        })
    }
}

fn signal(name: &str) -> Result<Signal, JsonError> {
    [Signal::Hup, Signal::Int, Signal::Quit, Signal::Term]
        .into_iter()
        .find(|signal| signal.to_string() == name)
        .ok_or_else(|| unknown("signal", name))
}

fn unknown(what: &str, found: &str) -> JsonError {
    JsonError::new(format!("`{found}` is no {what} that this version of the library knows"))
}
