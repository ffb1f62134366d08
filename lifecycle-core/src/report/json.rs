//! The report as JSON, version 1: docs/schemas/report.v1.json says what each member means.

use crate::{Outcome, Reason, SignalSender, SiteReport, json::Json};

use super::{DrainReport, HookReport, Inner, Report, SignalReport};

/// What the member `format` says.
pub(super) const FORMAT: &str = "lifecycle.report";
/// Goes up when a member changes its action or goes; new members alone do not change it.
pub(super) const VERSION: u64 = 1;

impl Report {
    /// The report as JSON, pretty-printed; times in seconds from the request. `docs/json.md` describes it, and
    /// `docs/schemas/report.v1.json` is its schema. With the feature `json`, `Report::from_json` reads it
    /// back.
    #[must_use]
    pub fn to_json(&self) -> String {
        let Inner {
            reason,
            shutdown_id,
            exit_code,
            total,
            deadline,
            signals,
            drain,
            hooks,
            problems,
        } = &*self.inner;
        let named = |hook: &HookReport| hook_json(hook, hooks);
        Json::Object(vec![
            ("format", FORMAT.into()),
            ("version", Json::Count(VERSION)),
            ("shutdown_id", shutdown_id.as_str().into()),
            ("reason", reason_json(reason)),
            ("clean", self.is_clean().into()),
            ("exit_code", Json::Count((*exit_code).into())),
            ("total_seconds", (*total).into()),
            ("deadline_seconds", (*deadline).into()),
            ("signals", Json::List(signals.iter().map(signal_json).collect())),
            ("drain", drain_json(drain)),
            ("hooks", Json::List(hooks.iter().map(named).collect())),
            ("critical_chain", Json::list(self.critical_chain().into_iter().map(HookReport::name))),
            ("problems", Json::list(problems.iter().map(String::as_str))),
        ])
        .to_string()
    }
}

fn reason_json(reason: &Reason) -> Json {
    let (kind, text) = match reason {
        Reason::Signal { .. } => ("signal", None),
        Reason::Requested(text) => ("requested", Some(text)),
        Reason::Failure(text) => ("failure", Some(text)),
        Reason::MainReturned => ("main_returned", None),
        Reason::MainFailed(text) => ("main_failed", Some(text)),
        Reason::MainPanicked(text) => ("main_panicked", Some(text)),
        Reason::RunDropped => ("run_dropped", None),
        Reason::Invalid(text) => ("invalid", Some(text)),
    };
    let mut members = vec![("kind", kind.into()), ("text", text.map(String::as_str).into())];
    if let Reason::Signal { signal, sender } = reason {
        let sender = sender.map_or(Json::Null, |sender| {
            let (kind, ids) = match sender {
                SignalSender::Kernel => ("kernel", None),
                SignalSender::Process { pid, uid } => ("process", Some((pid, uid))),
            };
            let ids = ids.map(|(pid, uid)| {
                [("pid", Json::Count(pid.into())), ("uid", Json::Count(uid.into()))]
            });
            Json::Object(
                [("kind", kind.into())].into_iter().chain(ids.into_iter().flatten()).collect(),
            )
        });
        members.extend([("signal", signal.to_string().as_str().into()), ("sender", sender)]);
    }
    Json::Object(members)
}

fn signal_json(signal: &SignalReport) -> Json {
    Json::Object(vec![
        ("signal", signal.signal.to_string().as_str().into()),
        ("at_seconds", signal.at.into()),
        ("did", signal.did.as_str().into()),
    ])
}

fn drain_json(drain: &DrainReport) -> Json {
    let DrainReport {
        delay,
        took,
        timed_out,
        drain_skipped,
        main_did_not_return,
        sites,
        in_flight,
    } = drain;
    let point = |(at, count): &_| {
        Json::Object(vec![("at_seconds", Json::Seconds(*at)), ("count", Json::from(*count))])
    };
    Json::Object(vec![
        ("delay_seconds", (*delay).into()),
        ("took_seconds", (*took).into()),
        ("timed_out", (*timed_out).into()),
        ("hurried", (*drain_skipped).into()),
        ("main_did_not_return", (*main_did_not_return).into()),
        ("sites", Json::List(sites.iter().map(site_json).collect())),
        ("in_flight", Json::List(in_flight.iter().map(point).collect())),
    ])
}

fn site_json(site: &SiteReport) -> Json {
    let mut members = vec![("name", site.name().into())];
    members.extend(Json::place(site.location()));
    members.extend([
        ("at_start", site.at_start().into()),
        ("finished", site.finished().into()),
        ("refused", site.refused().into()),
        ("cancelled", site.cancelled().into()),
        ("abandoned", site.abandoned().into()),
        ("oldest_abandoned_seconds", site.oldest_abandoned().into()),
        ("finished_late", site.finished_late().into()),
    ]);
    Json::Object(members)
}

fn hook_json(hook: &HookReport, hooks: &[HookReport]) -> Json {
    let name = |at: &usize| hooks[*at].name();
    let mut members = vec![("name", hook.name().into())];
    members.extend(Json::place(hook.location()));
    members.extend([
        ("order", Json::Integer(hook.order.into())),
        ("outcome", outcome_json(&hook.outcome)),
        ("started_seconds", hook.started.into()),
        ("took_seconds", hook.took.into()),
        ("timeout_seconds", hook.timeout.into()),
        ("allotted_seconds", hook.allotted.into()),
        ("slack_seconds", hook.slack().into()),
        ("waits_for", Json::list(hook.waits_for.iter().map(name))),
        ("released_by", hook.released_by.as_ref().map(name).into()),
    ]);
    Json::Object(members)
}

fn outcome_json(outcome: &Outcome) -> Json {
    let kind = outcome.word().replace(' ', "_");
    Json::Object(vec![
        ("kind", kind.as_str().into()),
        ("text", outcome.text().map(String::as_str).into()),
    ])
}
