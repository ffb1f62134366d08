//! Plans and reports of every shape and size.

use std::time::Duration;

use lifecycle_core::{
    Outcome, Plan, Report,
    testing::samples::{SampleHook, plan_of},
};
use serde_json::{Value, json};

/// How the hooks of a plan stand to each other.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Chain,
    FanIn,
    Orders,
    Unordered,
    /// Edges by chance, in three orders.
    Random,
    /// Edges by chance, in one order.
    Tangle,
}

impl Shape {
    pub(super) const ALL: [Self; 6] =
        [Self::Chain, Self::FanIn, Self::Orders, Self::Unordered, Self::Random, Self::Tangle];
}

/// Numbers by chance, always the same.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

const VERBS: [&str; 9] =
    ["flush", "close", "drain", "release", "stop", "commit", "publish", "join", "seal"];
const THINGS: [&str; 9] = [
    "outbox",
    "pool",
    "telemetry",
    "lease",
    "consumer_group",
    "cache",
    "sessions",
    "wal",
    "uploads",
];

pub(super) fn name(at: usize) -> String {
    let (verb, thing) = (VERBS[at % 9], THINGS[at / 9 % 9]);
    match at % 13 {
        5 => format!(
            "orders::persistence::outbox::dispatcher::{verb}_everything_of_the_{thing}_{at}"
        ),
        7 => format!("billing::<T & \"U\">::{verb}_{thing}_{at}"),
        11 => format!("停止する::{verb}_名前_{at}"),
        _ => format!("orders::{thing}::{verb}_{thing}_{at}"),
    }
}

pub(super) fn spec(at: usize) -> SampleHook {
    SampleHook {
        timeout: Some(Duration::from_millis(250 * (1 + at as u64 * 7 % 21))),
        fallback_timeout: if at % 9 == 4 { Duration::from_secs(2) } else { Duration::ZERO },
        ..SampleHook::new(at as u32 + 1, name(at))
    }
}

pub(super) fn plan(shape: Shape, count: usize) -> Plan {
    let mut specs: Vec<SampleHook> = (0..count).map(spec).collect();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let number = |at: usize| at as u32 + 1;
    for (at, spec) in specs.iter_mut().enumerate() {
        match shape {
            Shape::Chain if at > 0 => spec.after.push(number(at - 1)),
            Shape::FanIn if at + 1 == count => spec.after.extend((0..at).map(number)),
            Shape::Orders => spec.order = Some((at * 12 / count) as i32 * 10 - 40),
            Shape::Random => {
                spec.order = Some((at * 3 / count) as i32);
                spec.after.extend(
                    (0..chance.below(3))
                        .map(|_| number(chance.below(at + 1)))
                        .filter(|of| *of != number(at)),
                );
            }
            Shape::Tangle => {
                spec.after.extend(
                    (0..chance.below(4))
                        .map(|_| number(chance.below(at + 1)))
                        .filter(|of| *of != number(at)),
                );
            }
            _ => {}
        }
    }
    plan_of(specs)
}

/// A hook of a report, before it has a place among the others.
struct Ran {
    name: String,
    line: usize,
    outcome: Outcome,
    started: Option<Duration>,
    took: Duration,
    timeout: Duration,
    allotted: Duration,
    order: usize,
    waits_for: Option<usize>,
}

/// A stop of `count` hooks that had every outcome, where `count` allows it.
pub(super) fn report(count: usize) -> Report {
    let text = || "connection to postgres://app:***@db refused <&\"'>".to_owned();
    let outcomes = [
        Outcome::Completed,
        Outcome::Completed,
        Outcome::TimedOut,
        Outcome::Failed(text()),
        Outcome::Late,
        Outcome::Completed,
        Outcome::Panicked(text()),
        Outcome::Stuck,
        Outcome::Skipped("no Pool".to_owned()),
        Outcome::Completed,
        Outcome::Unregistered,
    ];
    let ms = Duration::from_millis;
    let mut chance = Chance(77);
    let (mut hooks, mut at): (Vec<Ran>, u64) = (Vec::new(), 3_500);
    for place in 0..count {
        let outcome = if place >= 16 && place + count / 10 >= count {
            Outcome::NotStarted
        } else {
            outcomes[place % outcomes.len()].clone()
        };
        let timeout = ms(250 * (1 + place as u64 % 12));
        let started = !matches!(outcome, Outcome::NotStarted | Outcome::Unregistered);
        let took = match outcome {
            _ if !started => Duration::ZERO,
            Outcome::Skipped(_) => Duration::ZERO,
            Outcome::TimedOut | Outcome::Stuck => timeout,
            Outcome::Late => timeout + ms(90),
            _ => timeout.mul_f64(chance.below(90) as f64 / 100.0),
        };
        let link = started && place % 4 != 0 && place % 11 != 9;
        let mut before = None;
        if link {
            before = hooks.iter().rposition(|hook| hook.started.is_some());
            at = before.map_or(at, |before| {
                (hooks[before].started.unwrap() + hooks[before].took).as_millis() as u64
            });
        } else {
            at = 3_500 + (place / 4 * 40) as u64;
        }
        hooks.push(Ran {
            name: name(place),
            line: place + 1,
            outcome,
            started: started.then(|| ms(at)),
            took,
            timeout,
            allotted: if place % 8 == 2 { timeout / 2 } else { timeout },
            order: place * 3 / count.max(1),
            waits_for: before,
        });
    }
    let names: Vec<String> = hooks.iter().map(|hook| hook.name.clone()).collect();
    // As a report has them.
    hooks.sort_by_key(|hook| hook.started.unwrap_or(Duration::MAX));
    let ended = hooks.iter().filter_map(|hook| Some(hook.started? + hook.took)).max();
    let hooks = hooks.iter().map(|hook| {
        let before = hook.waits_for.map(|before| names[before].as_str());
        json!({
            "name": hook.name,
            "file": "src/hooks.rs",
            "line": hook.line,
            "order": hook.order,
            "outcome": outcome_json(&hook.outcome),
            "started_seconds": hook.started.map(|at| at.as_secs_f64()),
            "took_seconds": hook.took.as_secs_f64(),
            "timeout_seconds": hook.timeout.as_secs_f64(),
            "allotted_seconds": hook.allotted.as_secs_f64(),
            "waits_for": Vec::from_iter(before),
            "released_by": before,
        })
    });
    let mut moments: Vec<(u64, &str)> = (0..count.min(64) as u64)
        .map(|number| {
            let signal = if number % 3 == 0 { "SIGINT" } else { "SIGTERM" };
            (number * number * 37 % 4_000, signal)
        })
        .collect();
    moments.sort_by_key(|(at, _)| *at);
    if let Some((at, _)) = moments.first_mut() {
        *at = 0;
    }
    let signals = moments.iter().map(|(at, signal)| {
        json!({
            "signal": signal,
            "at_seconds": ms(*at).as_secs_f64(),
            "did": "changes nothing",
        })
    });
    let in_flight = (0..30_u64).map(|step| {
        json!({
            "at_seconds": ms(1_000 + step * 80).as_secs_f64(),
            "count": (37 - step as usize).max(8),
        })
    });
    let is_clean = count == 1;
    let problem = |at| format!("hook `{}` (src/hooks.rs:{at}) failed: {}", name(at), text());
    let problems: Vec<String> =
        if is_clean { Vec::new() } else { (0..count.min(6)).map(problem).collect() };
    of_json(&json!({
        "format": "lifecycle.report",
        "version": 1,
        "shutdown_id": "18c2f-1f",
        "reason": {
            "kind": "signal",
            "signal": "SIGTERM",
            "sender": { "kind": "process", "pid": 1, "uid": 0 },
        },
        "exit_code": if is_clean { 0 } else { 70 },
        "total_seconds": ended.unwrap_or_default().max(ms(3_600)).as_secs_f64(),
        "deadline_seconds": if count == 8 { 6.5 } else { 28.0 },
        "signals": signals.collect::<Vec<_>>(),
        "drain": {
            "delay_seconds": 1.0,
            "took_seconds": 2.5,
            "timed_out": !is_clean,
            "hurried": false,
            "main_did_not_return": false,
            "sites": [{
                "name": "orders::http::place_order",
                "file": "src/orders.rs",
                "line": 1,
                "at_start": 8,
                "finished": 8,
                "refused": 8,
                "cancelled": 8,
                "abandoned": 8,
                "oldest_abandoned_seconds": 2.3,
                "finished_late": 8,
            }],
            "in_flight": in_flight.collect::<Vec<_>>(),
        },
        "hooks": hooks.collect::<Vec<_>>(),
        "problems": problems,
    }))
}

/// A report with nothing in it.
pub(super) fn empty_report() -> Report {
    nothing_but(&json!({ "kind": "main_returned" }), 0, &[])
}

/// The report of a service that did not start.
pub(super) fn invalid_report(problems: &[String]) -> Report {
    nothing_but(&json!({ "kind": "invalid", "text": problems[0] }), 78, problems)
}

fn nothing_but(reason: &Value, exit_code: u8, problems: &[String]) -> Report {
    of_json(&json!({
        "format": "lifecycle.report",
        "version": 1,
        "shutdown_id": "0",
        "reason": reason,
        "exit_code": exit_code,
        "total_seconds": 0.0,
        "deadline_seconds": null,
        "signals": [],
        "drain": {
            "delay_seconds": 0.0,
            "took_seconds": 0.0,
            "timed_out": false,
            "hurried": false,
            "main_did_not_return": false,
            "sites": [],
            "in_flight": [],
        },
        "hooks": [],
        "problems": problems,
    }))
}

/// `report` with another JSON.
pub(super) fn changed(report: &Report, change: impl FnOnce(&mut Value)) -> Report {
    let mut json = serde_json::from_str(&report.to_json()).unwrap();
    change(&mut json);
    of_json(&json)
}

pub(super) fn outcome_json(outcome: &Outcome) -> Value {
    let text = match outcome {
        Outcome::Failed(text) | Outcome::Panicked(text) | Outcome::Skipped(text) => Some(text),
        _ => None,
    };
    json!({ "kind": outcome.word().replace(' ', "_"), "text": text })
}

fn of_json(json: &Value) -> Report {
    Report::from_json(&json.to_string()).unwrap()
}
