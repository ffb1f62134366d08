//! The report as pictures, and as a page.

use std::time::Duration;

use crate::{
    Outcome, Reason, SignalReport, SiteReport,
    picture::{Bar, Column, Hook, HookGraph, InFlight, Moment, Page, Row, Table, Timeline, short},
    plan::last_names,
    values::duration,
};

use super::{DrainReport, HookReport, Report, timeline::site_line};

impl Report {
    /// The timeline as an SVG that stands by itself, light or dark as its reader has it: the phases with what
    /// was in flight, a row a hook, its timeout as outline, what decided how long the stop took, and signals.
    /// Of a stop that never began it has the problems alone. The same report gives the same text.
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.timeline().to_svg()
    }

    /// A page of HTML that needs nothing else: the timeline, the hooks with who waited for whom, and the
    /// figures in tables. It has no script, and can be printed. The same report gives the same text.
    #[must_use]
    pub fn to_html(&self) -> String {
        let mut timeline = self.timeline();
        let problems = match self.prevented_by() {
            Some(problems) => {
                // The page has them as a list.
                timeline.facts.clear();
                problems.into_iter().map(str::to_owned).collect()
            }
            None => self
                .drain()
                .main_line()
                .into_iter()
                .chain(self.problems().iter().cloned())
                .collect(),
        };
        let page = Page { problems, timeline, graph: self.graph(), tables: self.tables() };
        page.to_html()
    }

    pub(crate) fn timeline(&self) -> Timeline {
        let (hooks, drain) = (self.hooks(), self.drain());
        if let Some(problems) = self.prevented_by() {
            return Timeline::without_rows(
                self.verdict(),
                problems.into_iter().map(str::to_owned).collect(),
            );
        }
        let signal = |signal: &SignalReport| Moment {
            at: signal.at(),
            name: signal.signal().to_string(),
            explained: format!("{} at {}: {}", signal.signal(), short(signal.at()), signal.did()),
        };
        Timeline {
            title: self.verdict(),
            is_clean: self.is_clean(),
            facts: self.facts(),
            total: self.total(),
            deadline: self.deadline(),
            phases: phases(drain),
            in_flight: (drain.in_flight().iter().any(|point| point.1 > 0)).then(|| InFlight {
                points: drain.in_flight().to_vec(),
                end: drain.delay() + drain.took(),
            }),
            rows: hooks.iter().map(|hook| self.row(hook)).collect(),
            chain: self.chain(),
            signals: self.signals().iter().map(signal).collect(),
        }
    }

    fn row(&self, hook: &HookReport) -> Row {
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
            explained: self.explain(hook),
        }
    }

    pub(crate) fn graph(&self) -> HookGraph {
        let hooks = self.hooks();
        let names: Vec<&str> = hooks.iter().map(HookReport::name).collect();
        let drawn = hooks.iter().zip(last_names(&names)).map(|(hook, name)| Hook {
            name: name.to_owned(),
            detail: match hook.started() {
                Some(_) => {
                    format!("{} of {}", short(hook.took()), duration::display(hook.timeout()))
                }
                None => hook.outcome().word().to_owned(),
            },
            explained: self.explain(hook),
            order: hook.order(),
            waits_for: hook.waits_for().to_vec(),
            is_unordered: false,
            outcome: Some(hook.outcome().clone()),
        });
        HookGraph {
            title: "who waited for whom".to_owned(),
            facts: Vec::new(),
            hooks: drawn.collect(),
            critical: self.chain(),
            critical_is: "critical chain: decided how long it took",
        }
    }

    /// What decided how long the stop took, where that is more than one hook.
    fn chain(&self) -> Vec<usize> {
        let place = |of_chain: &&HookReport| {
            self.hooks().iter().position(|hook| std::ptr::eq(*of_chain, hook))
        };
        let chain: Vec<usize> = self.critical_chain().iter().filter_map(place).collect();
        if chain.len() > 1 { chain } else { Vec::new() }
    }

    fn verdict(&self) -> String {
        let (total, code) = (short(self.total()), self.exit_code());
        match self.reason() {
            Reason::Invalid(_) => format!("did not start, exit code {code}"),
            _ if self.is_clean() => format!("clean stop in {total}, exit code {code}"),
            _ => format!("unclean stop in {total}, exit code {code}"),
        }
    }

    fn facts(&self) -> Vec<String> {
        vec![
            format!("stopped by {}", self.reason()),
            format!("shutdown {}, {}", self.shutdown_id(), self.limit()),
        ]
    }

    fn limit(&self) -> String {
        let Some(deadline) = self.deadline() else { return "no deadline".to_owned() };
        match deadline.checked_sub(self.total()) {
            Some(left) => format!("{} before its deadline at {}", short(left), short(deadline)),
            None => format!(
                "{} past its deadline at {}",
                short(self.total() - deadline),
                short(deadline)
            ),
        }
    }

    /// All that is known of a hook.
    fn explain(&self, hook: &HookReport) -> Vec<String> {
        let mut lines = vec![
            hook.name().to_owned(),
            hook.location().to_string(),
            hook.outcome().to_string(),
            format!("order {}", hook.order()),
        ];
        let before = hook.waits_for().iter().map(|&at| self.hooks()[at].name());
        let before: Vec<&str> = before.collect();
        if !before.is_empty() {
            lines.push(format!("waited for {}", before.join(", ")));
        }
        if let Some(started) = hook.started() {
            lines.push(format!("started at {}, took {}", short(started), short(hook.took())));
        }
        let share = (hook.allotted() < hook.timeout())
            .then(|| format!(", given {}", short(hook.allotted())));
        let slack = hook.slack().map(|slack| format!(", slack {}", short(slack)));
        let timeout = duration::display(hook.timeout());
        lines.push(format!(
            "timeout {timeout}{}{}",
            share.unwrap_or_default(),
            slack.unwrap_or_default()
        ));
        lines
    }

    fn tables(&self) -> Vec<Table> {
        use Column::{Name, Number, Place, Words};
        let drain = self.drain();
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
            self.hooks().iter().filter(|hook| hook.slack().is_some()).collect();
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
            let said = site_line(site);
            let said = said.strip_prefix(&format!("{}: ", site.name())).unwrap_or(&said).to_owned();
            vec![site.name().to_owned(), said, site.location().to_string()]
        };
        vec![
            Table {
                title: "Critical chain",
                columns: vec![
                    ("started", Number),
                    ("took", Number),
                    ("hook", Name),
                    ("declared at", Place),
                ],
                rows: self.critical_chain().iter().map(step).collect(),
            },
            Table {
                title: "Blame",
                columns: vec![
                    ("took", Number),
                    ("hook", Name),
                    ("outcome", Words),
                    ("declared at", Place),
                ],
                rows: self.blame().iter().map(blame).collect(),
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
                rows: self.signals().iter().map(signal).collect(),
            },
        ]
    }
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
