//! The worst case is the length of the longest stop there is.

use std::{collections::HashMap, time::Duration};

use proptest::{
    collection::vec,
    prelude::{ProptestConfig, Strategy},
    prop_assert, prop_assert_eq, proptest,
    sample::select,
};

use super::{
    super::{
        ms,
        resources::{borrow, kind_of},
        simulator::Does,
    },
    made::{Correction, Made, id_of, kinds, made, with_marker},
    stop::{HANGS, Stop},
};
use crate::{Config, declare::hook::Access, plan::PlannedHook};

/// From a millisecond to ten minutes, each magnitude as often.
fn times() -> impl Strategy<Value = Duration> + Clone {
    (1..=600_u64, select(vec![1, 10, 100, 1_000])).prop_map(|(time, unit)| ms(time * unit))
}

fn longest_of(hook: &PlannedHook) -> Duration {
    hook.timeout() + hook.fallback_timeout()
}

/// How long the hooks take when each does what `does` says; nobody kills.
fn teardown(made: &Made, does: impl Fn(&PlannedHook) -> (Does, Does)) -> Duration {
    let does: HashMap<_, _> =
        made.plan.hooks().iter().map(|hook| (hook.id(), does(hook))).collect();
    let config = Config::new().grace_period(None);
    Stop::new(&config, &made.plan, Duration::ZERO, Duration::ZERO, |hook| does[&hook]).teardown()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Hooks that cannot be cancelled are left out here: each of them costs its successors a tenth of a
    /// second more, which no worst case counts.
    #[test]
    fn it_is_reached_and_never_exceeded(made in made(60, times()), parts in vec(0..=1_000_u32, 60)) {
        let worst = made.plan.worst_case();
        prop_assert_eq!(teardown(&made, |_| (HANGS, HANGS)), worst, "{}", made.plan);

        let place: HashMap<_, _> = made.plan.hooks().iter().zip(0..).map(|(hook, n)| (hook.id(), n)).collect();
        let part = |hook: &PlannedHook, round: usize| parts[(place[&hook.id()] + 20 * round) % 60];
        for round in 0..3 {
            let does = |hook: &PlannedHook| {
                let part = part(hook, round);
                let ends = |whole: Duration| match part % 7 {
                    0 => Does::Fails(whole * part / 1_000),
                    1 => Does::Panics(whole * part / 1_000),
                    2 => HANGS,
                    _ => Does::Completes(whole * part / 1_000),
                };
                (ends(hook.timeout()), ends(hook.fallback_timeout()))
            };
            let took = teardown(&made, does);
            prop_assert!(took <= worst, "{:?} of {:?}: {}", took, worst, made.plan);
        }
    }

    /// Small plans against what they were made of: every pair of hooks is asked for, and every chain of
    /// pairs is added up.
    #[test]
    fn it_is_the_longest_chain_of_pairs(made in made(8, times())) {
        let hooks = made.plan.hooks();
        let number = |hook: &PlannedHook| (0..8).find(|n| id_of(*n) == hook.id()).unwrap();
        let numbers: Vec<usize> = hooks.iter().map(number).collect();
        let before = before(&made, &numbers);
        for (a, &first) in numbers.iter().enumerate() {
            for (b, &second) in numbers.iter().enumerate() {
                let says = with_marker!(first, A => with_marker!(second, B => made.plan.runs_before::<A, B>()));
                prop_assert_eq!(says, before[a][b], "{} before {}: {}", first, second, made.plan);
            }
        }
        let every = 0..hooks.len();
        let longest = every.map(|from| longest_chain(from, &before, hooks)).max().unwrap_or_default();
        prop_assert_eq!(made.plan.worst_case(), longest, "{}", made.plan);
    }
}

/// `before[a][b]`: the hook at `a` ends before that at `b` starts, as the specs, the corrections and the
/// orders say. `numbers` are the hooks of the plan.
fn before(made: &Made, numbers: &[usize]) -> Vec<Vec<bool>> {
    let (specs, count) = (&made.given.specs, made.given.specs.len());
    let number = |id| (0..count).find(|n| specs[*n].id == id).unwrap();
    let mut pairs = vec![vec![false; count]; count];
    for (n, spec) in specs.iter().enumerate() {
        spec.after.iter().for_each(|id| pairs[number(*id)][n] = true);
        spec.before.iter().for_each(|id| pairs[n][number(*id)] = true);
    }
    for correction in &made.corrections {
        if let Correction::Edge(a, b) = *correction {
            pairs[a][b] = true;
        }
    }
    for &user in numbers {
        let mut used: Vec<usize> = kinds(&specs[user], Access::Borrow).collect();
        let mut has: Vec<usize> =
            used.iter().copied().chain(kinds(&specs[user], Access::Take)).collect();
        while let Some(kind) = has.pop() {
            let uses = made.given.uses.iter().filter(|uses| uses.of == borrow(kind).id);
            for kind in uses.map(|uses| kind_of(uses.used)) {
                if !used.contains(&kind) {
                    used.push(kind);
                    has.push(kind);
                }
            }
        }
        for &taker in numbers.iter().filter(|taker| **taker != user) {
            pairs[user][taker] |=
                kinds(&specs[taker], Access::Take).any(|kind| used.contains(&kind));
        }
    }
    // Also through what was left out.
    for via in 0..count {
        for a in 0..count {
            for b in 0..count {
                pairs[a][b] |= pairs[a][via] && pairs[via][b];
            }
        }
    }
    let sequential =
        made.corrections.iter().any(|correction| matches!(correction, Correction::Sequential));
    let order = |at: usize| made.plan.hooks()[at].order();
    let places = 0..numbers.len();
    let row = |a: usize| {
        let before =
            |b: usize| pairs[numbers[a]][numbers[b]] || order(a) < order(b) || sequential && a < b;
        places.clone().map(before).collect()
    };
    places.clone().map(row).collect()
}

/// The longest chain that begins with the hook at `from`, by trying all of them.
fn longest_chain(from: usize, before: &[Vec<bool>], hooks: &[PlannedHook]) -> Duration {
    let next = (0..hooks.len()).filter(|to| before[from][*to]);
    longest_of(&hooks[from])
        + next.map(|to| longest_chain(to, before, hooks)).max().unwrap_or_default()
}
