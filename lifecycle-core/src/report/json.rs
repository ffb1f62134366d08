//! The report as JSON, version 1: docs/schemas/report.v1.json says what each member means.

use std::{collections::HashMap, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{DrainReport, HookReport, Inner, Note, Problem, Report, SignalReport};
use crate::{
    Outcome, Reason, Signal, SignalSender, SourceLocation,
    text::json::{Format, JsonError, Seconds, moment, optional_moment, optional_seconds, seconds},
};

const FORMAT: Format = Format {
    name: "lifecycle.report",
    version: 1,
    made_by: "LIFECYCLE_REPORT=path.json writes one",
};

impl Report {
    /// The report as JSON, pretty-printed; times in seconds from the request. `docs/json.md`
    /// describes it, and `docs/schemas/report.v1.json` is its schema.
    /// [`from_json`](Self::from_json) reads it back.
    #[must_use]
    pub fn to_json(&self) -> String {
        FORMAT.write(&Document::from(self))
    }

    /// The report that [`to_json`](Self::to_json) wrote, by this version of the library or an older
    /// one, or by another program. What it does not know it leaves out. Names and files are kept in
    /// memory for the life of the process, each once.
    ///
    /// # Errors
    ///
    /// When the text is no report, with line and column; when a newer version of the format wrote
    /// it.
    pub fn from_json(json: &str) -> Result<Self, JsonError> {
        FORMAT.read::<Document>(json)?.into_report()
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    shutdown_id: String,
    reason: ReasonJson,
    #[serde(skip_deserializing)]
    clean: bool,
    exit_code: u8,
    #[serde(rename = "total_seconds", with = "moment")]
    total: Duration,
    #[serde(rename = "deadline_seconds", with = "optional_seconds")]
    deadline: Option<Duration>,
    signals: Vec<SignalReport>,
    drain: DrainReport,
    hooks: Vec<HookJson>,
    #[serde(skip_deserializing)]
    critical_chain: Vec<String>,
    problems: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note>,
}

#[derive(Serialize, Deserialize)]
struct ReasonJson {
    #[serde(flatten)]
    what: Kind,
    /// Of a signal alone, and then its sender too, which may not be known.
    #[serde(skip_serializing_if = "Option::is_none")]
    signal: Option<SignalJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sender: Option<Option<SignalSender>>,
}

#[derive(Serialize, Deserialize)]
struct HookJson {
    name: String,
    #[serde(flatten)]
    location: SourceLocation,
    order: i32,
    outcome: Kind,
    #[serde(rename = "started_seconds", with = "optional_moment")]
    started: Option<Duration>,
    #[serde(rename = "took_seconds", with = "moment")]
    took: Duration,
    #[serde(rename = "timeout_seconds", with = "seconds")]
    timeout: Duration,
    #[serde(rename = "allotted_seconds", with = "seconds")]
    allotted: Duration,
    #[serde(skip_deserializing)]
    slack_seconds: Option<Seconds>,
    waits_for: Vec<String>,
    released_by: Option<String>,
}

/// Of an enum: which, and its text where it has one.
#[derive(Serialize, Deserialize)]
struct Kind {
    kind: String,
    text: Option<String>,
}

/// A signal by its name.
struct SignalJson(Signal);

impl From<&Report> for Document {
    fn from(report: &Report) -> Self {
        let inner = &*report.inner;
        Self {
            shutdown_id: inner.shutdown_id.clone(),
            reason: ReasonJson::from(&inner.reason),
            clean: report.is_clean(),
            exit_code: inner.exit_code,
            total: inner.total,
            deadline: inner.deadline,
            signals: inner.signals.clone(),
            drain: inner.drain.clone(),
            hooks: inner.hooks.iter().map(|hook| HookJson::new(hook, &inner.hooks)).collect(),
            critical_chain: report
                .critical_chain()
                .into_iter()
                .map(|hook| hook.name.clone())
                .collect(),
            problems: report.problems().to_vec(),
            notes: inner.notes.clone(),
        }
    }
}

impl Document {
    fn into_report(self) -> Result<Report, JsonError> {
        let place: HashMap<String, usize> =
            self.hooks.iter().enumerate().map(|(at, hook)| (hook.name.clone(), at)).collect();
        let hooks = self.hooks.into_iter().enumerate();
        let hooks = hooks.map(|(at, hook)| hook.into_hook(at, &place)).collect::<Result<_, _>>()?;
        Ok(Report::new(Inner {
            reason: self.reason.into_reason()?,
            shutdown_id: self.shutdown_id,
            exit_code: self.exit_code,
            total: self.total,
            deadline: self.deadline,
            signals: self.signals,
            drain: self.drain,
            hooks,
            problems: self.problems.into_iter().map(Problem::Read).collect(),
            notes: self.notes,
        }))
    }
}

impl From<&Reason> for ReasonJson {
    fn from(reason: &Reason) -> Self {
        let text = match reason {
            Reason::Requested(text)
            | Reason::Failure(text)
            | Reason::MainFailed(text)
            | Reason::MainPanicked(text)
            | Reason::Invalid(text) => Some(text.clone()),
            Reason::Signal { .. } | Reason::MainReturned | Reason::RunDropped => None,
        };
        let what = Kind { kind: reason.kind().to_owned(), text };
        let (signal, sender) = match reason {
            Reason::Signal { signal, sender } => (Some(SignalJson(*signal)), Some(*sender)),
            _ => (None, None),
        };
        Self { what, signal, sender }
    }
}

impl ReasonJson {
    fn into_reason(self) -> Result<Reason, JsonError> {
        let text = self.what.text.unwrap_or_default();
        Ok(match self.what.kind.as_str() {
            "signal" => match self.signal {
                Some(SignalJson(signal)) => {
                    Reason::Signal { signal, sender: self.sender.flatten() }
                }
                None => return Err(unknown("signal", "")),
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

impl HookJson {
    fn new(hook: &HookReport, hooks: &[HookReport]) -> Self {
        let name = |&at: &usize| hooks[at].name.clone();
        Self {
            name: hook.name.clone(),
            location: hook.location,
            order: hook.order,
            outcome: Kind::from(&hook.outcome),
            started: hook.started,
            took: hook.took,
            timeout: hook.timeout,
            allotted: hook.allotted,
            slack_seconds: hook.slack().map(Seconds),
            waits_for: hook.waits_for.iter().map(name).collect(),
            released_by: hook.released_by.as_ref().map(name),
        }
    }

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
            location: self.location,
            outcome: self.outcome.into_outcome()?,
            started: self.started,
            took: self.took,
            timeout: self.timeout,
            allotted: self.allotted,
            order: self.order,
            name: self.name,
        })
    }
}

impl From<&Outcome> for Kind {
    fn from(outcome: &Outcome) -> Self {
        Self { kind: outcome.word().replace(' ', "_"), text: outcome.text().cloned() }
    }
}

impl Kind {
    fn into_outcome(self) -> Result<Outcome, JsonError> {
        let text = self.text.unwrap_or_default();
        Outcome::every(&text)
            .into_iter()
            .find(|outcome| outcome.word().replace(' ', "_") == self.kind)
            .ok_or_else(|| unknown("outcome", &self.kind))
    }
}

impl Serialize for SignalJson {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for SignalJson {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Signal::from_name(&name)
            .map(Self)
            .ok_or_else(|| de::Error::custom(unknown("signal", &name)))
    }
}

/// As in the report: `kind`, and a text or a signal where it has one.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        ReasonJson::from(self).serialize(to)
    }
}

/// As in the report: `kind`, and its text where it has one.
impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        Kind::from(self).serialize(to)
    }
}

/// For `with`: a signal by its name.
pub(super) mod signal {
    use super::*;

    pub(in crate::report) fn serialize<S: Serializer>(
        signal: &Signal,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        SignalJson(*signal).serialize(to)
    }

    pub(in crate::report) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Signal, D::Error> {
        Ok(SignalJson::deserialize(from)?.0)
    }
}

/// For `with`: how many were in flight, and when.
pub(super) mod points {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Point {
        #[serde(rename = "at_seconds", with = "moment")]
        at: Duration,
        count: usize,
    }

    pub(in crate::report) fn serialize<S: Serializer>(
        points: &[(Duration, usize)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(points.iter().map(|&(at, count)| Point { at, count }))
    }

    pub(in crate::report) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<(Duration, usize)>, D::Error> {
        let points = Vec::<Point>::deserialize(from)?;
        Ok(points.into_iter().map(|point| (point.at, point.count)).collect())
    }
}

fn unknown(what: &str, found: &str) -> JsonError {
    JsonError::new(format!("`{found}` is no {what} that this version of the library knows"))
}
