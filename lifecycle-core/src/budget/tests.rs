use proptest::{collection::vec, prelude::any, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::{
    Config, Plan, Platform, SourceLocation,
    declare::{DrainNeed, HookId},
    plan::HookSpec,
};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Grace, delay, drain timeout, worst case; then margin, delay, drain, teardown, deadline, in ms.
#[test]
fn the_grace_period_is_divided() {
    let unlimited = None;
    for (grace, delay, drain_timeout, worst_case, expected) in [
        // Kubernetes: an empty plan, one that fits, one that takes more than its half.
        (30_000, 5_000, unlimited, 0, (2_000, 5_000, 23_000, 0, 28_000)),
        (30_000, 5_000, unlimited, 7_000, (2_000, 5_000, 16_000, 7_000, 28_000)),
        (30_000, 5_000, unlimited, 60_000, (2_000, 5_000, 11_500, 11_500, 28_000)),
        (30_000, 5_000, Some(10_000), 7_000, (2_000, 5_000, 10_000, 7_000, 28_000)),
        (30_000, 5_000, Some(0), 7_000, (2_000, 5_000, 0, 7_000, 28_000)),
        (30_000, 5_000, Some(90_000), 7_000, (2_000, 5_000, 16_000, 7_000, 28_000)),
        // ECS, systemd.
        (30_000, 0, unlimited, 7_000, (2_000, 0, 21_000, 7_000, 28_000)),
        (90_000, 0, unlimited, 7_000, (2_000, 0, 81_000, 7_000, 88_000)),
        // Nomad, Cloud Run or a container.
        (5_000, 0, unlimited, 7_000, (500, 0, 2_250, 2_250, 4_500)),
        (10_000, 0, unlimited, 7_000, (1_000, 0, 4_500, 4_500, 9_000)),
        (10_000, 0, Some(1_000), 3_000, (1_000, 0, 1_000, 3_000, 9_000)),
        // Around the bounds of the margin.
        (20_000, 0, unlimited, 0, (2_000, 0, 18_000, 0, 18_000)),
        (19_990, 0, unlimited, 0, (1_999, 0, 17_991, 0, 17_991)),
        (2_500, 0, unlimited, 0, (250, 0, 2_250, 0, 2_250)),
        (2_000, 0, unlimited, 0, (250, 0, 1_750, 0, 1_750)),
        (400, 0, unlimited, 1_000, (200, 0, 100, 100, 200)),
        (0, 0, unlimited, 1_000, (0, 0, 0, 0, 0)),
        // A delay of half is kept, and one that fits; any other is cut to that.
        (30_000, 14_000, unlimited, 7_000, (2_000, 14_000, 7_000, 7_000, 28_000)),
        (30_000, 14_001, unlimited, 11_000, (2_000, 14_000, 7_000, 7_000, 28_000)),
        (30_000, 16_001, unlimited, 9_000, (2_000, 16_000, 3_000, 9_000, 28_000)),
        // An assumed drain gives way to a quarter of what is left.
        (30_000, 14_001, unlimited, 9_000, (2_000, 14_001, 4_999, 9_000, 28_000)),
        (30_000, 16_000, unlimited, 7_000, (2_000, 16_000, 5_000, 7_000, 28_000)),
        (30_000, 26_000, Some(1_000), 1_000, (2_000, 26_000, 1_000, 1_000, 28_000)),
        (30_000, 26_001, Some(1_000), 1_000, (2_000, 26_000, 1_000, 1_000, 28_000)),
        (5_000, 60_000, Some(0), 0, (500, 4_250, 0, 0, 4_500)),
        (10_000, 60_000, unlimited, 7_000, (1_000, 4_500, 2_250, 2_250, 9_000)),
    ] {
        let budget =
            Budget::new(Some(ms(grace)), ms(delay), drain_timeout.map(ms), &ms(worst_case).into());
        let (margin, granted, drain, teardown, deadline) = expected;
        let expected = Budget {
            grace: Some(ms(grace)),
            margin: ms(margin),
            delay: ms(granted),
            delay_cut_from: (granted < delay).then_some(ms(delay)),
            drain: Some(ms(drain)),
            counted_drain: drain_timeout
                .map_or_else(|| ms(5_000).min(ms(deadline - granted) / 4), ms),
            teardown: ms(teardown),
            deadline: Some(ms(deadline)),
        };
        assert_eq!(budget, expected, "{grace} {delay} {drain_timeout:?} {worst_case}");
    }
}

#[test]
fn without_a_grace_period_nothing_is_divided() {
    let expected = Budget {
        grace: None,
        margin: ms(0),
        delay: ms(5),
        delay_cut_from: None,
        drain: Some(ms(6)),
        counted_drain: ms(6),
        teardown: ms(7),
        deadline: None,
    };
    assert_eq!(Budget::new(None, ms(5), Some(ms(6)), &ms(7).into()), expected);
    assert_eq!(
        Budget::new(None, ms(5), None, &ms(7).into()),
        Budget { drain: None, counted_drain: ms(5_000), ..expected }
    );
}

#[test]
fn what_is_left_is_shared() {
    assert_eq!(share(ms(5_000), ms(10_000), None), ms(5_000));
    assert_eq!(share(ms(5_000), ms(10_000), Some(ms(10_000))), ms(5_000));
    assert_eq!(share(ms(5_000), ms(10_000), Some(ms(9_000))), ms(4_500));
    assert_eq!(share(ms(5_000), ms(10_000), Some(ms(0))), ms(0));
    assert_eq!(share(ms(0), ms(0), Some(ms(0))), ms(0));
    assert_eq!(share(Duration::MAX, Duration::MAX, Some(ms(7))), ms(7));
    assert_eq!(share(Duration::MAX / 2, Duration::MAX, Some(Duration::MAX / 2)), Duration::MAX / 4);
}

#[test]
fn platforms_set_terms() {
    let constraints = Constraints::from(Platform::Kubernetes);
    assert_eq!(
        (constraints.grace.value, constraints.delay.value, constraints.margin.value),
        (Some(ms(30_000)), ms(5_000), ms(2_000))
    );
    let constraints = Constraints::from(ms(5_000));
    assert_eq!(
        (constraints.delay.value, constraints.margin.value, constraints.drain_timeout.is_none()),
        (ms(0), ms(500), true)
    );
}

#[test]
fn the_least_grace_is_the_least() {
    for work in (0..40_000).step_by(50).map(ms) {
        let least = least_grace(work);
        assert!(least - margin(least) >= work);
        let less = least.saturating_sub(Duration::from_secs(1));
        assert!(least.is_zero() || less - margin(less) < work, "{work:?} needs no {least:?}");
    }
    assert_eq!(least_grace(Duration::MAX), Duration::MAX);
}

proptest! {
    #[test]
    fn the_parts_never_exceed_the_whole(
        grace in any::<Duration>(), delay in any::<Duration>(),
        drain_timeout in any::<Option<Duration>>(), worst_case in any::<Duration>(),
    ) {
        let budget = Budget::new(Some(grace), delay, drain_timeout, &worst_case.into());
        let (drain, deadline) = (budget.drain.unwrap(), budget.deadline.unwrap());
        prop_assert_eq!(deadline + budget.margin, grace);
        prop_assert!(budget.delay + drain + budget.teardown <= deadline);
        let work =
            least_drain(drain_timeout, Duration::ZERO, worst_case).saturating_add(worst_case).max(SMALLEST_MARGIN);
        prop_assert!(budget.delay <= deadline / 2 || budget.delay.saturating_add(work) <= deadline);
        prop_assert!(budget.delay == delay || budget.delay.saturating_add(work) >= deadline);
        prop_assert!(budget.teardown <= worst_case);
        // The drain is never starved: it gets what it counts for, or half of what the delay leaves.
        let left = deadline - budget.delay;
        prop_assert!(drain >= counted_drain(drain_timeout, Duration::ZERO, left).min(left / 2));
    }

    #[test]
    fn a_chain_never_exceeds_what_is_left_and_every_hook_has_its_share(
        timeouts in vec(1..10_000_000_000_u64, 1..60), part in 0.0..1.5_f64,
    ) {
        let timeouts: Vec<Duration> = timeouts.into_iter().map(Duration::from_nanos).collect();
        let whole: Duration = timeouts.iter().sum();
        let granted = whole.mul_f64(part);
        let mut left = granted;
        let mut tail = whole;
        for timeout in &timeouts {
            let share = share(*timeout, tail, Some(left));
            prop_assert!(share <= left && share <= *timeout);
            // Rounding costs a nanosecond a hook at most, and never those that follow.
            let fair = timeout.mul_f64(part.min(1.0));
            prop_assert!(share + Duration::from_micros(10) >= fair, "{:?} of {:?} instead of {:?}", share, timeout, fair);
            left -= share;
            tail -= *timeout;
        }
    }

    #[test]
    fn who_leaves_time_over_leaves_it_to_those_who_follow(
        first in 1..1_000_u64, second in 1..1_000_u64, left in 0..2_000_u64, used in 0.0..1.0_f64,
    ) {
        let (tail, left) = (ms(first + second), ms(left));
        let taken = share(ms(first), tail, Some(left)).mul_f64(used);
        let fair = share(ms(second), tail, Some(left));
        prop_assert!(share(ms(second), ms(second), Some(left - taken)) >= fair);
    }

    #[test]
    fn long_arithmetic_is_exact(whole in 1..=u64::MAX, a in any::<u64>(), b in any::<u64>()) {
        let (whole, a, b) = (u128::from(whole), u128::from(a) % u128::from(whole), u128::from(b) % u128::from(whole));
        prop_assert_eq!(long_scale(a, b, whole), a * b / whole);
    }
}

/// Edges lead from smaller to larger numbers.
fn plan_of(timeouts: &[Option<u64>], edges: &[(usize, usize)]) -> Plan {
    let id = |n: usize| HookId::Registered(n as u64);
    let hooks = timeouts.iter().enumerate().map(|(n, timeout)| HookSpec {
        timeout: timeout.map(ms),
        after: edges
            .iter()
            .map(|(a, b)| (a % timeouts.len(), b % timeouts.len()))
            .filter(|(a, b)| a < b && *b == n)
            .map(|(a, _)| id(a))
            .collect(),
        ..HookSpec::new(
            id(n),
            format!("hook{n}").into(),
            SourceLocation::new("src/hooks.rs", n as u32 + 1),
        )
    });
    Plan::build(hooks.collect(), Vec::new(), Vec::new())
}

proptest! {
    /// Against the plan itself, with each length of the unwritten timeouts.
    #[test]
    fn a_workload_knows_the_worst_case_of_every_share(
        timeouts in vec(proptest::option::of(1..9_000_u64), 1..14),
        edges in vec((0..14_usize, 0..14_usize), 0..30), each in 500..=5_000_u64,
    ) {
        let plan = plan_of(&timeouts, &edges);
        let workload = Workload::from(&plan);
        for each in [ms(each), ms(each) + Duration::from_nanos(1), ms(500), ms(5_000)] {
            prop_assert_eq!(workload.worst_case(each), plan.clone().with_share(each).worst_case());
        }
    }

    /// Whatever hooks leave unused: who follows has at least what was proved, and no chain goes beyond what
    /// is left.
    #[test]
    fn shares_are_never_less_than_proved_and_never_more_than_is_left(
        timeouts in vec(proptest::option::of(1..3_000_u64), 1..12),
        edges in vec((0..12_usize, 0..12_usize), 0..24), left in 500..40_000_u64,
        used in vec(0.0..=1.0_f64, 12),
    ) {
        let (plan, left) = (plan_of(&timeouts, &edges), ms(left));
        let Some(each) = Workload::from(&plan).share_of(left) else { return Ok(()) };
        let shares = Shares::new(&plan, Some(left));
        let graph = plan.graph();
        let mut starts = vec![Duration::ZERO; plan.hooks().len()];
        // Nodes of one order come in topological order.
        for (node, hook) in plan.hooks().iter().enumerate() {
            let rest = left - starts[node];
            let given = shares.timeout(node, hook, Some(rest));
            let proved = if hook.timeout_open { each } else { hook.timeout() };
            prop_assert!(given >= proved && given <= hook.timeout() && given <= rest);
            let end = starts[node] + given.mul_f64(used[node]);
            for next in &graph.successors[node] {
                starts[*next as usize] = starts[*next as usize].max(end);
            }
        }
    }
}

/// A hook that nobody waits for does not pay for a long chain beside it.
#[test]
fn a_short_chain_has_its_whole_timeout() {
    let plan = plan_of(&[None, None, None, None], &[(0, 1), (1, 2)]);
    let shares = Shares::new(&plan, Some(ms(6_150)));
    let given = |name: &str| {
        let node = plan.hooks().iter().position(|hook| hook.name() == name).unwrap();
        shares.timeout(node, &plan.hooks()[node], Some(ms(6_150)))
    };
    assert_eq!([given("hook0"), given("hook3")], [ms(2_000), ms(5_000)]);
}

fn needing(needs: &[(&'static str, u64)]) -> Plan {
    let need = |(name, time): &(&'static str, u64)| {
        DrainNeed::new(name, SourceLocation::new("src/work.rs", 7), ms(*time))
    };
    plan_of(&[Some(4_000)], &[]).with_drain_needs(needs.iter().map(need))
}

#[test]
fn what_is_declared_of_the_drain_counts_and_the_longest_of_it_alone() {
    let config = |grace| Config::new().grace_period(ms(grace));
    let needs: Vec<_> = (0..40).map(|at| ("a class", 400 * at)).collect();
    // 15.6 s of the drain, 4 s of hooks, 2 s of margin.
    let fits = needing(&needs).fits(&config(21_600)).unwrap();
    assert_eq!(fits.spare(), Some(Duration::ZERO), "{fits}");
    assert!(fits.to_string().contains("for `a class` (src/work.rs:7)"), "{fits}");
    let error = needing(&needs).fits(&config(21_500)).unwrap_err();
    assert_eq!(error.missing(), Some(ms(100)), "{error}");
    // Less than the drain counts for anyway.
    let fits = needing(&[("a class", 1_000)]).fits(&config(30_000)).unwrap();
    assert!(fits.to_string().contains("assumed, no drain timeout is set"), "{fits}");
}

#[test]
fn the_delay_counts_for_what_is_declared_of_the_drain() {
    let config = Config::new().grace_period(ms(21_600)).shutdown_delay(ms(5_000));
    needing(&[("a class", 15_600)]).fits(&config).unwrap();
}

#[test]
fn a_drain_timeout_that_cuts_what_is_declared_does_not_fit() {
    let config = |limit| Config::new().grace_period(ms(60_000)).drain_timeout(ms(limit));
    let plan = needing(&[("orders", 11_000)]);
    plan.fits(&config(11_000)).unwrap();
    let error = plan.fits(&config(10_000)).unwrap_err().to_string();
    for part in [
        "the drain has 10s, and 11s is needed, for `orders` (src/work.rs:7)",
        "to make it fit: a drain timeout of 11s or more (`LIFECYCLE_DRAIN_TIMEOUT`)",
    ] {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn what_was_proved_of_the_drain_is_granted() {
    let plan = needing(&[("a class", 15_600)]);
    let budget = Budget::new(Some(ms(21_600)), ms(0), None, &Workload::from(&plan));
    assert_eq!((budget.drain, budget.teardown), (Some(ms(15_600)), ms(4_000)));
}
