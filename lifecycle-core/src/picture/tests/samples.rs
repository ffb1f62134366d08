//! Plans and reports of every shape and size.

use std::{borrow::Cow, time::Duration};

use crate::{
    Outcome, Reason, Signal, SignalSender, SiteReport, SourceLocation,
    declare::HookId,
    plan::{HookSpec, Plan},
    report::{DrainReport, HookReport, Inner, Report, SignalReport},
};

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

pub(super) fn spec(at: usize) -> HookSpec {
    HookSpec {
        id: HookId::Registered(at as u64),
        name: Cow::Owned(name(at)),
        name_written: true,
        location: SourceLocation::new("src/hooks.rs", at as u32 + 1),
        order: None,
        timeout: Some(Duration::from_millis(250 * (1 + at as u64 * 7 % 21))),
        fallback_timeout: if at % 9 == 4 { Duration::from_secs(2) } else { Duration::ZERO },
        after: Vec::new(),
        before: Vec::new(),
        needs: Vec::new(),
    }
}

pub(super) fn plan_of(specs: Vec<HookSpec>) -> Plan {
    Plan::build(specs, Vec::new(), Vec::new())
}

pub(super) fn plan(shape: Shape, count: usize) -> Plan {
    let mut specs: Vec<HookSpec> = (0..count).map(spec).collect();
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let id = |at: usize| HookId::Registered(at as u64);
    for (at, spec) in specs.iter_mut().enumerate() {
        match shape {
            Shape::Chain if at > 0 => spec.after.push(id(at - 1)),
            Shape::FanIn if at + 1 == count => spec.after.extend((0..at).map(id)),
            Shape::Orders => spec.order = Some((at * 12 / count) as i32 * 10 - 40),
            Shape::Random => {
                spec.order = Some((at * 3 / count) as i32);
                spec.after.extend(
                    (0..chance.below(3))
                        .map(|_| id(chance.below(at + 1)))
                        .filter(|of| *of != id(at)),
                );
            }
            Shape::Tangle => {
                spec.after.extend(
                    (0..chance.below(4))
                        .map(|_| id(chance.below(at + 1)))
                        .filter(|of| *of != id(at)),
                );
            }
            _ => {}
        }
    }
    plan_of(specs)
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
    let (mut hooks, mut at): (Vec<HookReport>, u64) = (Vec::new(), 3_500);
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
        hooks.push(HookReport {
            id: Some(HookId::Registered(place as u64)),
            name: name(place),
            location: SourceLocation::new("src/hooks.rs", place as u32 + 1),
            outcome,
            started: started.then(|| ms(at)),
            took,
            timeout,
            allotted: if place % 8 == 2 { timeout / 2 } else { timeout },
            order: (place * 3 / count.max(1)) as i32,
            waits_for: before.into_iter().collect(),
            released_by: before,
        });
    }
    by_start(&mut hooks);
    let ended = hooks.iter().filter_map(|hook| Some(hook.started? + hook.took)).max();
    let signals = (0..count as u64).map(|number| SignalReport {
        action: None,
        signal: if number % 3 == 0 { Signal::Int } else { Signal::Term },
        at: ms(number * number * 37 % 4_000),
        did: "changes nothing".to_owned(),
    });
    let mut signals: Vec<SignalReport> = signals.take(64).collect();
    signals.sort_by_key(|signal| signal.at);
    if let Some(first) = signals.first_mut() {
        first.at = Duration::ZERO;
    }
    let in_flight =
        (0..30_u64).map(|step| (ms(1_000 + step * 80), (37 - step as usize).max(8))).collect();
    let is_clean = count == 1;
    Report::new(Inner {
        reason: Reason::Signal {
            signal: Signal::Term,
            sender: Some(SignalSender::Process { pid: 1, uid: 0 }),
        },
        shutdown_id: "18c2f-1f".to_owned(),
        exit_code: if is_clean { 0 } else { 70 },
        total: ended.unwrap_or_default().max(ms(3_600)),
        deadline: Some(if count == 8 { ms(6_500) } else { ms(28_000) }),
        signals,
        drain: DrainReport {
            delay: ms(1_000),
            took: ms(2_500),
            timed_out: !is_clean,
            drain_skipped: false,
            main_did_not_return: false,
            sites: vec![SiteReport::for_tests("orders::http::place_order", 8, ms(2_300))],
            in_flight,
        },
        hooks,
        problems: if is_clean {
            Vec::new()
        } else {
            (0..count.min(6))
                .map(|at| format!("hook `{}` (src/hooks.rs:{at}) failed: {}", name(at), text()))
                .map(crate::report::Problem::Read)
                .collect()
        },
    })
}

/// A report with nothing in it.
pub(super) fn empty_report() -> Report {
    Report::new(Inner {
        reason: Reason::MainReturned,
        shutdown_id: "0".to_owned(),
        exit_code: 0,
        total: Duration::ZERO,
        deadline: None,
        signals: Vec::new(),
        drain: DrainReport::default(),
        hooks: Vec::new(),
        problems: Vec::new(),
    })
}

/// As a report has them: by their start, and naming each other by their new places.
fn by_start(hooks: &mut Vec<HookReport>) {
    let mut order: Vec<usize> = (0..hooks.len()).collect();
    order.sort_by_key(|&at| hooks[at].started.unwrap_or(Duration::MAX));
    let mut place = vec![0; hooks.len()];
    order.iter().enumerate().for_each(|(to, &from)| place[from] = to);
    for hook in hooks.iter_mut() {
        hook.waits_for.iter_mut().for_each(|before| *before = place[*before]);
        hook.released_by = hook.released_by.map(|before| place[before]);
    }
    *hooks = order.iter().map(|&at| hooks[at].clone()).collect();
}
