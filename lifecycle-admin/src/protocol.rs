//! What is said: one JSON object a line, in and out. docs/admin.md describes it.

use std::{collections::BTreeMap, time::Duration};

use lifecycle_core::{
    Event, Plan, Reason, Report, SiteStatus, SourceLocation, State,
    ext::{Handle, JobStatus, Status},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

/// A line of a client.
#[derive(Deserialize)]
#[serde(tag = "request", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Request {
    Status {},
    Plan {},
    InFlight {},
    Shutdown {
        reason: Option<String>,
        #[serde(default)]
        failure: bool,
    },
    Events {},
}

impl Request {
    pub(crate) fn read(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| {
            format!(
                "this is no request: {error}; one is {{\"request\": \"status\"}}, and others are \
                 plan, in_flight, shutdown, events"
            )
        })
    }
}

pub(crate) fn error(why: &str) -> String {
    line(&json!({ "error": why }))
}

pub(crate) fn status(lifecycle: Handle) -> String {
    line(&json!({ "status": StatusJson::from(&lifecycle.status()) }))
}

pub(crate) fn plan(lifecycle: Handle) -> String {
    line(&PlanAnswer { plan: on_one_line(&Plan::to_json(&lifecycle.plan())) })
}

pub(crate) fn in_flight(lifecycle: Handle) -> String {
    line(&json!({ "in_flight": sites(lifecycle.status().sites()) }))
}

/// Asks for the stop, on the path that every request takes.
pub(crate) fn shutdown(
    lifecycle: Handle,
    reason: Option<String>,
    failure: bool,
    peer: &str,
) -> String {
    let already = lifecycle.status().reason().is_some();
    let why = reason.unwrap_or_else(|| format!("admin socket{peer}"));
    lifecycle.shutdown(if failure { Reason::failure(why) } else { Reason::requested(why) });
    line(&json!({ "shutdown": "accepted", "already_stopping": already }))
}

/// The first line for who follows what happens: where it stands.
pub(crate) fn follows(status: &Status) -> String {
    line(&Headed { event: "status", rest: StatusJson::from(status) })
}

pub(crate) fn state(state: State, time_left: Option<Duration>) -> String {
    let time_left_seconds = time_left.map(seconds);
    line(&json!({
        "event": "state",
        "state": state.to_string(),
        "time_left_seconds": time_left_seconds,
    }))
}

pub(crate) fn dropped(count: usize) -> String {
    line(&json!({ "event": "dropped", "count": count }))
}

pub(crate) fn report(report: &Report) -> String {
    line(&Headed { event: "report", rest: ReportJson { report: on_one_line(&report.to_json()) } })
}

/// What is written to who follows where the library ends the process itself. The line before may
/// have been cut.
pub(crate) const FORCED_EXIT: &[u8] = b"\n{\"event\":\"forced_exit\"}\n";

/// `None`: of a kind that this version does not know.
pub(crate) fn event(event: &Event) -> Option<String> {
    let value = match event {
        Event::Requested { reason, shutdown_id, .. } => {
            json!({ "event": "requested", "reason": reason, "shutdown_id": shutdown_id })
        }
        Event::Signal { signal, sender, did, next, .. } => json!({
            "event": "signal",
            "signal": signal.to_string(),
            "sender": sender,
            "did": did,
            "next": next,
        }),
        Event::Drain { sites: found, waiting_for_main, time_left, .. } => json!({
            "event": "drain",
            "in_flight": found.iter().map(SiteStatus::in_flight).sum::<usize>(),
            "sites": sites(found),
            "waiting_for_main": waiting_for_main,
            "time_left_seconds": time_left.map(seconds),
        }),
        Event::Abandoned { sites, .. } => json!({ "event": "abandoned", "sites": sites }),
        Event::HookStarted { name, location, timeout, .. } => of_hook(
            "hook_started",
            name,
            *location,
            json!({ "timeout_seconds": seconds(*timeout) }),
        ),
        Event::HookStuck { why, name, location, elapsed, .. } => {
            let rest = json!({ "why": why, "elapsed_seconds": seconds(*elapsed) });
            of_hook("hook_stuck", name, *location, rest)
        }
        Event::HookEnded { name, location, outcome, is_clean, took, .. } => {
            let rest = json!({
                "outcome": outcome,
                "clean": is_clean,
                "took_seconds": seconds(*took),
            });
            of_hook("hook_ended", name, *location, rest)
        }
        Event::Notice { text, .. } => json!({ "event": "notice", "text": text }),
        _ => return None,
    };
    Some(line(&value))
}

fn of_hook(event: &str, name: &str, location: SourceLocation, rest: Value) -> Value {
    let mut all = json!({
        "event": event,
        "name": name,
        "file": location.file(),
        "line": location.line(),
    });
    if let (Value::Object(all), Value::Object(rest)) = (&mut all, rest) {
        all.extend(rest);
    }
    all
}

#[derive(Serialize)]
struct Headed<T> {
    event: &'static str,
    #[serde(flatten)]
    rest: T,
}

#[derive(Serialize)]
struct PlanAnswer {
    plan: Box<RawValue>,
}

#[derive(Serialize)]
struct ReportJson {
    report: Box<RawValue>,
}

#[derive(Serialize)]
struct StatusJson<'s> {
    pid: u32,
    state: String,
    ready: bool,
    reason: Option<&'s Reason>,
    time_left_seconds: Option<f64>,
    in_flight: usize,
    hooks: HooksJson<'s>,
    holds: &'s [String],
    /// Left out where nobody consumes any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<JobsJson<'s>>,
}

#[derive(Serialize)]
struct JobsJson<'s> {
    consumer: &'s str,
    class: &'s str,
    received: u64,
    in_hand: u64,
    #[serde(flatten)]
    ended: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct HooksJson<'s> {
    planned: usize,
    ended: usize,
    running: &'s [String],
}

#[derive(Serialize)]
struct SiteJson {
    name: &'static str,
    #[serde(flatten)]
    location: SourceLocation,
    in_flight: usize,
    oldest_seconds: f64,
    task: Option<u64>,
    span: Option<&'static str>,
}

impl<'s> From<&'s Status> for StatusJson<'s> {
    fn from(status: &'s Status) -> Self {
        let hooks = status.hooks();
        Self {
            pid: std::process::id(),
            state: status.state().to_string(),
            ready: status.is_ready(),
            reason: status.reason(),
            time_left_seconds: status.time_left().map(seconds),
            in_flight: status.in_flight(),
            hooks: HooksJson {
                planned: hooks.planned(),
                ended: hooks.ended(),
                running: hooks.running(),
            },
            holds: status.holds(),
            jobs: status.jobs().iter().map(JobsJson::from).collect(),
        }
    }
}

impl<'s> From<&'s JobStatus> for JobsJson<'s> {
    fn from(jobs: &'s JobStatus) -> Self {
        Self {
            consumer: &jobs.consumer,
            class: &jobs.class,
            received: jobs.received,
            in_hand: jobs.in_hand(),
            ended: jobs.ended().into(),
        }
    }
}

fn sites(sites: &[SiteStatus]) -> Vec<SiteJson> {
    let site = |site: &SiteStatus| SiteJson {
        name: site.name(),
        location: site.location(),
        in_flight: site.in_flight(),
        oldest_seconds: seconds(site.oldest()),
        task: site.task().map(u64::from),
        span: site.span(),
    };
    sites.iter().map(site).collect()
}

/// To the millisecond, as nobody reads more of a moment that is over.
fn seconds(duration: Duration) -> f64 {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    millis as f64 / 1_000.0
}

/// A document that the core wrote, digit by digit. In its strings no line ends.
fn on_one_line(json: &str) -> Box<RawValue> {
    let joined: String = json.lines().map(str::trim_start).collect();
    RawValue::from_string(joined).unwrap_or_default()
}

/// Whoever looks at the line on a terminal: nothing in it moves the cursor, or turns the text.
fn line(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value)
        .unwrap_or_else(|error| json!({ "error": error.to_string() }).to_string());
    let mut line = String::with_capacity(text.len() + 1);
    for char in text.chars() {
        match char {
            '\u{7f}'..='\u{9f}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => line.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => line.push(char),
        }
    }
    line.push('\n');
    line
}
