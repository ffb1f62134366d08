//! Green means that every such stop is whole; red means that one is not.
//!
//! Whole: the delay is not cut, no call is abandoned, no hook or second step has less than all of its time,
//! and it is over before the deadline, which is before the platform kills.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use proptest::{
    option,
    prelude::{Just, ProptestConfig, Strategy, TestCaseError, prop},
    prop_assert, prop_oneof,
    sample::select,
    test_runner::TestRunner,
};

use super::{
    super::{PLATFORMS, ROOM, ms, plans::chain, simulator::Does},
    made::{Made, made},
    stop::{HANGS, NEARLY, Stop},
};
use crate::{
    Config, Plan, Platform,
    budget::{Constraints, margin},
    config::{Environment, Settings},
};

/// What is left, or missing, where a case is made to measure; in milliseconds, and a nanosecond.
const AIMS: [i64; 12] = [
    -3_000_000_000,
    -100_000_000,
    -1_000_000,
    -1,
    0,
    1,
    1_000_000,
    100_000_000,
    149_000_000,
    150_000_000,
    250_000_000,
    2_000_000_000,
];

/// What unwritten timeouts leave for cancelling the last of them.
const ROOM_TO_CANCEL: Duration = ms(150);

/// A plan, and what it has to fit into.
#[derive(Clone, Debug)]
struct Case {
    plan: Plan,
    config: Config,
}

fn cases() -> impl Strategy<Value = Case> {
    let times =
        (1..=30_u64, select(vec![1, 10, 100, 100])).prop_map(|(time, unit)| ms(time * unit));
    let grace = prop_oneof![300..20_000_u64, 2_000..90_000_u64, Just(600_000_u64)].prop_map(ms);
    let constraints = (
        select(PLATFORMS.to_vec()),
        option::weighted(0.5, grace),
        option::weighted(0.4, (0..15_000_u64).prop_map(ms)),
        option::weighted(0.5, (1..30_000_u64).prop_map(ms)),
        option::weighted(0.5, (100..8_000_u64).prop_map(ms)),
        prop::bool::weighted(0.1),
    );
    (made(12, times), constraints, option::weighted(0.6, select(AIMS.to_vec()))).prop_map(
        |(made, constraints, aim)| {
            let Made { plan, .. } = made;
            let (platform, grace, delay, drain, hook_timeout, job) = constraints;
            let mut config = Config::new().platform(platform).job(job);
            config.grace_period = grace.map(Some);
            (config.shutdown_delay, config.drain_timeout, config.hook_timeout) =
                (delay, drain, hook_timeout);
            if let Some(drain) = aim.and_then(|aim| drain_that_leaves(aim, &plan, &config)) {
                config.drain_timeout = Some(drain);
            }
            Case { plan, config }
        },
    )
}

/// The drain timeout with which so many nanoseconds are left, if there is one. None of no time at all: it lets
/// neither calls nor main end.
fn drain_that_leaves(nanos: i64, plan: &Plan, config: &Config) -> Option<Duration> {
    let case = Case { plan: plan.clone(), config: config.clone() };
    let spent = case.delay() + case.as_run().worst_case() + case.margin();
    let rest = case.grace().checked_sub(spent)?;
    let aim = Duration::from_nanos(nanos.unsigned_abs());
    let drain = if nanos < 0 { Some(rest + aim) } else { rest.checked_sub(aim) };
    drain.filter(|drain| *drain > NEARLY)
}

impl Case {
    fn settings(&self) -> Settings {
        Settings::resolve(&self.config, &Environment::default()).0
    }

    /// The plan as `run` takes it.
    fn as_run(&self) -> Plan {
        self.settings().with_hook_timeout(self.plan.clone())
    }

    fn grace(&self) -> Duration {
        self.settings().grace.value.expect("every platform kills")
    }

    fn margin(&self) -> Duration {
        margin(self.grace())
    }

    fn delay(&self) -> Duration {
        if self.config.job { Duration::ZERO } else { self.settings().delay.value }
    }

    /// What drain and hooks have.
    fn left(&self) -> Duration {
        self.grace().saturating_sub(self.margin() + self.delay())
    }

    /// What the drain is proven for.
    fn drain(&self) -> Duration {
        self.config.drain_timeout.unwrap_or_else(|| ms(5_000).min(self.left() / 4))
    }

    /// The plan with the times that are proven. Those that nobody wrote are equal, and as long as they can
    /// be; found by trying.
    fn proved(&self) -> Plan {
        let plan = self.as_run();
        let hooks = self.left().saturating_sub(self.drain());
        let takes = |each: u64| plan.clone().with_share(Duration::from_nanos(each)).worst_case();
        let (mut some, mut too_much) = (500_000_000, 5_000_000_001);
        while too_much - some > 1 {
            let each = u64::midpoint(some, too_much);
            if takes(each) + ROOM_TO_CANCEL <= hooks { some = each } else { too_much = each }
        }
        plan.with_share(Duration::from_nanos(some))
    }

    /// Calls that last to the end of the drain; hooks that are cancelled at their timeouts.
    fn hanging(&self) -> Stop {
        self.stop(|_| HANGS)
    }

    /// The same, and every hook ends by itself in the last nanosecond.
    fn slow(&self) -> Stop {
        self.stop(|time| Does::Completes(time.saturating_sub(NEARLY)))
    }

    fn stop(&self, does: impl Fn(Duration) -> Does) -> Stop {
        let plan = self.as_run();
        let proved = self.proved();
        let does: HashMap<_, _> = proved
            .hooks()
            .iter()
            .map(|hook| (hook.id(), (does(hook.timeout()), does(hook.fallback_timeout()))))
            .collect();
        Stop::new(&self.config, &plan, self.delay(), self.drain().saturating_sub(NEARLY), |hook| {
            does[&hook]
        })
    }
}

fn is_whole(stop: &Stop, case: &Case) -> bool {
    stop.delay() == case.delay()
        && !stop.abandons()
        && stop.drain() == case.drain().saturating_sub(NEARLY)
        && stop.worst_cut(&case.proved()).is_zero()
        && stop.is_in_time()
}

#[derive(Debug, Default)]
struct Seen {
    green: usize,
    /// Of these, with less to spare than cancelling takes.
    tight: usize,
    red: usize,
}

#[test]
fn green_is_whole_and_red_is_not() {
    let seen = RefCell::new(Seen::default());
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&cases(), |case| judge(&case, &mut seen.borrow_mut()));
    let seen = seen.into_inner();
    println!("{seen:?}");
    if let Err(wrong) = outcome {
        panic!("{wrong}");
    }
    assert!(seen.green > 400 && seen.tight > 200 && seen.red > 500, "{seen:?}");
}

fn judge(case: &Case, seen: &mut Seen) -> Result<(), TestCaseError> {
    let (verdict, stop) = (case.plan.fits(&case.config), case.hanging());
    let Ok(fits) = verdict else {
        seen.red += 1;
        prop_assert!(!is_whole(&stop, case), "{:?}", verdict);
        return Ok(());
    };
    seen.green += 1;
    let slow = case.slow();
    prop_assert!(is_whole(&slow, case) && slow.all_completed(), "{}", fits);
    // Hooks that have to be cancelled take a little longer than their timeouts. Where nothing is to spare, the
    // deadline ends them.
    if fits.spare().expect("every platform kills") >= ROOM {
        prop_assert!(is_whole(&stop, case), "{}", fits);
    } else {
        seen.tight += 1;
        prop_assert!(
            !stop.abandons()
                && stop.worst_cut(&case.proved()).is_zero()
                && stop.is_over_by_the_deadline(),
            "{}",
            fits
        );
    }
    Ok(())
}

#[test]
fn nothing_to_spare_is_enough() {
    let (grace, margin) = (ms(20_000), ms(2_000));
    for hooks in [&[][..], &[ms(100)], &[ms(1_000), ms(2_000)]] {
        let open = grace - margin - hooks.iter().sum::<Duration>();
        for delay in [ms(0), ms(5_000), open - ms(50)] {
            let drain = open - delay;
            let config = Config::new()
                .platform(Platform::Unknown)
                .grace_period(grace)
                .shutdown_delay(delay)
                .drain_timeout(drain);
            let case = Case { plan: chain(hooks), config };
            assert_eq!(case.plan.fits(&case.config).unwrap().spare(), Some(Duration::ZERO));
            let slow = case.slow();
            assert!(is_whole(&slow, &case) && slow.all_completed(), "{hooks:?} {delay:?}");
            let hanging = case.hanging();
            let is_granted = !hanging.abandons() && hanging.worst_cut(&case.plan).is_zero();
            assert!(is_granted && hanging.is_over_by_the_deadline(), "{hooks:?} {delay:?}");
        }
    }
}

/// A platform, a grace period and a configuration that say the same are measured alike.
#[test]
fn terms_that_say_the_same_give_the_same_verdict() {
    let plan = chain(&[ms(4_000), ms(3_500)]);
    for platform in PLATFORMS {
        let config = Config::new().platform(platform);
        let spare = |constraints: Constraints| {
            plan.fits(constraints).map(|fits| fits.spare()).map_err(|error| error.missing())
        };
        assert_eq!(spare(platform.into()), spare((&config).into()), "{platform}");
        let of_grace = spare(platform.grace_period().into());
        let without_delay = spare((&config.shutdown_delay(Duration::ZERO)).into());
        assert_eq!(of_grace, without_delay, "{platform}");
    }
}
