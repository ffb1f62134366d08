//! The report as pictures, and as a page.

use std::time::Duration;

use lifecycle_core::{
    DrainReport, HookReport, Outcome, Reason, Report, SignalReport, SiteReport,
    ext::Note,
    ext::text::{last_names, short},
};
use lifecycle_duration::display;

use crate::{
    graph::{Hook, HookGraph},
    in_flight::InFlight,
    page::{Column, Page, Table},
    timeline::{Bar, Moment, Row, Timeline},
};

/// What `Report::to_svg` returns.
pub(crate) fn to_svg(report: &Report) -> String {
    timeline(report).to_svg()
}

/// What `Report::to_html` returns.
pub(crate) fn to_html(report: &Report) -> String {
    let mut timeline = timeline(report);
    let problems = match prevented_by(report) {
        Some(problems) => {
            // The page has them as a list.
            timeline.facts.clear();
            problems.into_iter().map(str::to_owned).collect()
        }
        None => {
            let main = report.drain().main_line();
            main.into_iter().chain(report.problems().iter().cloned()).collect()
        }
    };
    let page = Page { problems, timeline, graph: graph(report), tables: tables(report) };
    page.to_html()
}

/// Why there was nothing to stop: the problems, each once. `None` of a stop that began.
fn prevented_by(report: &Report) -> Option<Vec<&str>> {
    let Reason::Invalid(why) = report.reason() else { return None };
    let others = report.problems().iter().filter(|problem| *problem != why);
    Some(std::iter::once(why).chain(others).map(String::as_str).collect())
}

pub(crate) fn timeline(report: &Report) -> Timeline {
    let (hooks, drain) = (report.hooks(), report.drain());
    if let Some(problems) = prevented_by(report) {
        return Timeline::without_rows(
            verdict(report),
            problems.into_iter().map(str::to_owned).collect(),
        );
    }
    let signal = |signal: &SignalReport| Moment {
        at: signal.at(),
        name: signal.signal().to_string(),
        explained: format!("{} at {}: {}", signal.signal(), short(signal.at()), signal.did()),
    };
    Timeline {
        title: verdict(report),
        is_clean: report.is_clean(),
        facts: facts(report),
        total: report.total(),
        deadline: report.deadline(),
        phases: phases(drain),
        in_flight: (drain.in_flight().iter().any(|point| point.1 > 0)).then(|| InFlight {
            points: drain.in_flight().to_vec(),
            end: drain.delay().saturating_add(drain.took()),
        }),
        rows: hooks.iter().map(|hook| row(report, hook)).collect(),
        chain: chain(report),
        signals: report.signals().iter().map(signal).collect(),
    }
}

fn row(report: &Report, hook: &HookReport) -> Row {
    let bar = hook.started().map(|started| Bar {
        started,
        took: hook.took(),
        timeout: hook.timeout(),
        allotted: hook.allotted(),
    });
    Row {
        name: hook.name().to_owned(),
        outcome: hook.outcome().clone(),
        colour: None,
        bar,
        explained: explain(report, hook),
    }
}

pub(crate) fn graph(report: &Report) -> HookGraph {
    let hooks = report.hooks();
    let names: Vec<&str> = hooks.iter().map(HookReport::name).collect();
    let drawn = hooks.iter().zip(last_names(&names)).map(|(hook, name)| Hook {
        name: name.to_owned(),
        detail: match hook.started() {
            Some(_) => {
                format!("{} of {}", short(hook.took()), display(hook.timeout()))
            }
            None => hook.outcome().word().to_owned(),
        },
        explained: explain(report, hook),
        order: hook.order(),
        waits_for: hook.waits_for().to_vec(),
        is_unordered: false,
        outcome: Some(hook.outcome().clone()),
    });
    HookGraph {
        title: "who waited for whom".to_owned(),
        facts: Vec::new(),
        hooks: drawn.collect(),
        critical: chain(report),
        critical_is: "critical chain: decided how long it took",
    }
}

/// What decided how long the stop took, where that is more than one hook.
fn chain(report: &Report) -> Vec<usize> {
    let place = |of_chain: &&HookReport| {
        report.hooks().iter().position(|hook| std::ptr::eq(*of_chain, hook))
    };
    let chain: Vec<usize> = report.critical_chain().iter().filter_map(place).collect();
    if chain.len() > 1 { chain } else { Vec::new() }
}

fn verdict(report: &Report) -> String {
    let (total, code) = (short(report.total()), report.exit_code());
    match report.reason() {
        Reason::Invalid(_) => format!("did not start, exit code {code}"),
        _ if report.is_clean() => format!("clean stop in {total}, exit code {code}"),
        _ => format!("unclean stop in {total}, exit code {code}"),
    }
}

fn facts(report: &Report) -> Vec<String> {
    vec![
        format!("stopped by {}", report.reason()),
        format!("shutdown {}, {}", report.shutdown_id(), limit(report)),
    ]
}

fn limit(report: &Report) -> String {
    let Some(deadline) = report.deadline() else { return "no deadline".to_owned() };
    match deadline.checked_sub(report.total()) {
        Some(left) => format!("{} before its deadline at {}", short(left), short(deadline)),
        None => {
            format!("{} past its deadline at {}", short(report.total() - deadline), short(deadline))
        }
    }
}

/// All that is known of a hook.
fn explain(report: &Report, hook: &HookReport) -> Vec<String> {
    let mut lines = vec![
        hook.name().to_owned(),
        hook.location().to_string(),
        hook.outcome().to_string(),
        format!("order {}", hook.order()),
    ];
    let before = hook.waits_for().iter().map(|&at| report.hooks()[at].name());
    let before: Vec<&str> = before.collect();
    if !before.is_empty() {
        lines.push(format!("waited for {}", before.join(", ")));
    }
    if let Some(started) = hook.started() {
        lines.push(format!("started at {}, took {}", short(started), short(hook.took())));
    }
    let share =
        (hook.allotted() < hook.timeout()).then(|| format!(", given {}", short(hook.allotted())));
    let slack = hook.slack().map(|slack| format!(", slack {}", short(slack)));
    let timeout = display(hook.timeout());
    lines.push(format!(
        "timeout {timeout}{}{}",
        share.unwrap_or_default(),
        slack.unwrap_or_default()
    ));
    lines
}

fn tables(report: &Report) -> Vec<Table> {
    use Column::{Name, Number, Place, Words};
    let drain = report.drain();
    let name = |hook: &HookReport| hook.name().to_owned();
    let place = |hook: &HookReport| hook.location().to_string();
    let started = |hook: &HookReport| hook.started().map(short).unwrap_or_default();
    let step = |hook: &&HookReport| {
        vec![
            format!("@{}", started(hook)),
            format!("+{}", short(hook.took())),
            name(hook),
            place(hook),
        ]
    };
    let blame = |hook: &&HookReport| {
        vec![short(hook.took()), name(hook), hook.outcome().to_string(), place(hook)]
    };
    let mut by_slack: Vec<&HookReport> =
        report.hooks().iter().filter(|hook| hook.slack().is_some()).collect();
    by_slack.sort_by_key(|hook| hook.slack());
    let slack = |hook: &&HookReport| {
        let times =
            [hook.slack().unwrap_or_default(), hook.took(), hook.timeout(), hook.allotted()];
        times.into_iter().map(short).chain([name(hook)]).collect()
    };
    let signal = |signal: &SignalReport| {
        vec![short(signal.at()), signal.signal().to_string(), signal.did().to_owned()]
    };
    let site = |site: &SiteReport| {
        let said = site.to_string();
        let said = said.strip_prefix(&format!("{}: ", site.name())).unwrap_or(&said).to_owned();
        vec![site.name().to_owned(), said, site.location().to_string()]
    };
    let note = |note: &Note| vec![note.about.clone(), note.text.clone()];
    vec![
        Table {
            title: "Critical chain",
            columns: vec![
                ("started", Number),
                ("took", Number),
                ("hook", Name),
                ("declared at", Place),
            ],
            rows: report.critical_chain().iter().map(step).collect(),
        },
        Table {
            title: "Blame",
            columns: vec![
                ("took", Number),
                ("hook", Name),
                ("outcome", Words),
                ("declared at", Place),
            ],
            rows: report.blame().iter().map(blame).collect(),
        },
        Table {
            title: "Slack",
            columns: vec![
                ("slack", Number),
                ("took", Number),
                ("timeout", Number),
                ("given", Number),
                ("hook", Name),
            ],
            rows: by_slack.iter().map(slack).collect(),
        },
        Table {
            title: "Calls in flight",
            columns: vec![("site", Name), ("calls", Words), ("declared at", Place)],
            rows: drain.sites().iter().map(site).collect(),
        },
        Table {
            title: "Signals",
            columns: vec![("at", Number), ("signal", Name), ("what it did", Words)],
            rows: report.signals().iter().map(signal).collect(),
        },
        Table {
            title: "Notes",
            columns: vec![("about", Name), ("what is to be known", Words)],
            rows: report.notes().iter().map(note).collect(),
        },
    ]
}

/// The delay where there was one, and the drain.
fn phases(drain: &DrainReport) -> Vec<Row> {
    let phase = |name: &str, colour, outcome: Outcome, started, took: Duration, said: &str| Row {
        name: name.to_owned(),
        colour: Some(colour),
        bar: Some(Bar { started, took, timeout: took, allotted: took }),
        explained: vec![format!("{name}: {}, {said}", short(took)), outcome.to_string()],
        outcome,
    };
    let waited = "new work was still admitted";
    let delay =
        phase("(delay)", "delay", Outcome::Completed, Duration::ZERO, drain.delay(), waited);
    let end = if drain.timed_out() { Outcome::TimedOut } else { Outcome::Completed };
    let refused = "new work was refused";
    let drained = phase("(drain)", "drain", end, drain.delay(), drain.took(), refused);
    let delay = (!drain.delay().is_zero()).then_some(delay);
    delay.into_iter().chain([drained]).collect()
}
