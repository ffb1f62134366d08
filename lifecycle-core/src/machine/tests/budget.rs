//! What is left for whom, when everything takes as long as it may.

use std::time::Duration;

use proptest::{collection::vec, prop_assert, proptest};

use super::{
    super::{Input, MainEnd, Moment},
    PLATFORMS, ROOM, Simulator, ms,
    plans::{chain, hook, id, plan},
    simulator::{Does, Main, settings},
};
use crate::{Config, Plan, Platform, Reason, Signal, State, budget::margin, plan::HookSpec};

/// What the drain keeps for the end, where the plan takes less.
const END_ROOM: Duration = ms(250);
const REQUESTED: Duration = ms(1_000);

/// One hook, chains, and a diamond beside a chain.
fn plans() -> Vec<Plan> {
    let mut diamond: Vec<HookSpec> = (0..6).map(|n| hook(n, ms(500 * (n as u64 + 1)))).collect();
    diamond[1].after = vec![id(0)];
    diamond[2].after = vec![id(0)];
    diamond[3].after = vec![id(1), id(2)];
    diamond[5].after = vec![id(4)];
    vec![
        chain(&[]),
        chain(&[ms(100)]),
        chain(&[ms(3_000)]),
        chain(&[ms(5_000); 3]),
        chain(&[ms(40), ms(9_000), ms(1), ms(700)]),
        chain(&[ms(5_000); 25]),
        plan(diamond),
    ]
}

/// Grace period, delay and drain timeout: the platforms' own, and others.
fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for platform in PLATFORMS {
        for delay in [None, Some(0), Some(3_000), Some(200_000)] {
            for drain in [None, Some(0), Some(2_000), Some(400_000)] {
                let mut config = Config::new().platform(platform);
                config.shutdown_delay = delay.map(ms);
                config.drain_timeout = drain.map(ms);
                configs.push(config);
            }
        }
    }
    for grace in [0, 1, 400, 2_500, 19_999, 20_000] {
        configs.push(Config::new().grace_period(ms(grace)));
    }
    configs
}

/// A stop by signal where calls last for `calls` of the drain (`None`: for ever), main does not return, and
/// every hook does `does`.
fn worst(config: &Config, plan: &Plan, calls: Option<Duration>, does: Does) -> Simulator {
    let mut simulator = Simulator::running(config, plan.clone());
    simulator.main = Main::SLOW;
    simulator.main.returns = calls;
    simulator.in_flight = 1;
    for hook in plan.hooks() {
        simulator.does.insert(hook.id(), does);
    }
    simulator.signal_at(REQUESTED, Signal::Term);
    if let Some(calls) = calls {
        simulator.in_flight = 0;
        simulator.run_until(REQUESTED);
        let delay = simulator.machine.stop().map_or(Duration::ZERO, |stop| stop.budget.delay);
        simulator.call_until(REQUESTED + delay + calls);
    }
    simulator.run();
    simulator
}

fn deadline(simulator: &Simulator) -> Duration {
    simulator
        .machine
        .stop()
        .and_then(|stop| stop.deadline)
        .map(Moment::reading)
        .expect("there is a grace period")
}

/// What the drain counts for where a plan is measured: its limit, or 5 s, or a quarter of what there is.
fn counted_drain(config: &Config) -> Duration {
    let settings = settings(config);
    let grace = settings.grace.value.expect("every platform kills");
    let left = (grace - margin(grace)).saturating_sub(settings.delay.value);
    config.drain_timeout.unwrap_or_else(|| ms(5_000).min(left / 4))
}

const HANGS: Does = Does::Hangs { goes: Duration::ZERO };

#[test]
fn the_drain_is_never_starved() {
    for config in configs() {
        for plan in plans() {
            let simulator = worst(&config, &plan, None, HANGS);
            let settings = simulator.machine.settings();
            let grace = settings.grace.value.expect("every platform kills");
            let margin = match grace {
                grace if grace >= ms(20_000) => ms(2_000),
                grace => (grace / 10).max(ms(250)).min(grace / 2),
            };
            let whole = grace - margin;
            assert_eq!(deadline(&simulator), REQUESTED + whole);
            if whole.is_zero() {
                continue;
            }
            // A delay that leaves too little to those who come after it is cut, but not below half.
            let (set, hooks) = (settings.drain_timeout.value, plan.worst_case());
            let drain = set.unwrap_or_else(|| ms(5_000).min(hooks / 3));
            let fitting = whole.saturating_sub((drain + hooks).max(ms(250))).max(whole / 2);
            let left = whole - settings.delay.value.min(fitting);
            // What fits is set aside whole, beside what the drain counts for.
            let fits = set.unwrap_or_else(|| ms(5_000).min(left / 4)) + hooks <= left;
            let reserve = if fits { hooks } else { hooks.min(left / 2) };
            let promised =
                settings.drain_timeout.value.unwrap_or(Duration::MAX).min(left - reserve);
            let began = simulator.entered(State::Draining).expect("it drains");
            let Some(ended) = simulator.entered(State::Stopping) else {
                // The plan fits with nothing to spare, and nothing comes after the drain: calls that outlast
                // what was proved meet the deadline itself.
                let spare = plan.fits(&config).ok().and_then(|fits| fits.spare());
                assert_eq!(
                    (spare, reserve),
                    (Some(Duration::ZERO), Duration::ZERO),
                    "{config:?}\n{plan}"
                );
                assert_eq!(simulator.breached(), Some(deadline(&simulator)));
                continue;
            };
            let got = ended - began;
            let said = format!("{config:?}\n{plan}");
            assert!(got <= promised, "{got:?} of {promised:?}: {said}");
            assert!(got + END_ROOM >= promised.min(left), "{got:?} of {promised:?}: {said}");
            assert!(got * 3 >= promised.min(left), "{got:?} of {promised:?}: {said}");
            // The room is the drain's to give where the plan has all that it needs.
            if reserve >= END_ROOM && reserve < plan.worst_case() {
                assert_eq!(got, promised, "{said}");
            }
        }
    }
}

#[test]
fn a_plan_that_fits_is_over_before_the_deadline_and_one_that_does_not_is_cut_short() {
    let (mut green, mut red) = (0, 0);
    // No grace period at all is refused by the configuration.
    let has_time = |config: &Config| config.grace_period != Some(Some(Duration::ZERO));
    for config in configs().into_iter().filter(has_time) {
        for plan in plans() {
            let limit = counted_drain(&config);
            let simulator = worst(&config, &plan, Some(limit), HANGS);
            let said = format!("{config:?}\n{plan}{:?}", plan.fits(&config));
            let budget = &simulator.machine.stop().expect("it stops").budget;
            let drained = simulator.machine.drain().map_or(Duration::ZERO, |drain| {
                drain.ended.unwrap_or_else(|| Moment::new(simulator.now)).since(drain.began)
            });
            let cut: Vec<Duration> = plan
                .hooks()
                .iter()
                .zip(
                    simulator
                        .machine
                        .teardown()
                        .into_iter()
                        .flat_map(|teardown| teardown.progress()),
                )
                .map(|(hook, progress)| hook.timeout() - progress.allotted)
                .collect();
            match plan.fits(&config) {
                Ok(fits) => {
                    green += 1;
                    assert!(
                        simulator.finished().is_some_and(|end| end < deadline(&simulator)),
                        "{said}"
                    );
                    assert_eq!(budget.delay_cut_from, None, "{said}");
                    let spare = fits.spare().expect("there is a grace period");
                    let room = ROOM.saturating_sub(spare);
                    assert!(cut.iter().all(|cut| *cut <= room), "{cut:?}: {said}");
                    assert!(
                        drained + END_ROOM.saturating_sub(spare) >= limit,
                        "{drained:?}: {said}"
                    );
                }
                Err(_) => {
                    red += 1;
                    let whole = budget.delay_cut_from.is_none()
                        && drained >= limit
                        && cut.len() == plan.hooks().len()
                        && cut.iter().all(Duration::is_zero);
                    assert!(!whole, "{said}");
                }
            }
        }
    }
    assert!(green > 100 && red > 100, "{green} green, {red} red");
}

/// Equality is green, and each hook is given its time to the last millisecond, also where calls and main outlast
/// the drain. Who hangs to the end of it meets the deadline; a quarter of a second to spare, and it is cancelled
/// and reported.
#[test]
fn a_plan_that_just_fits_is_over_before_the_deadline() {
    let (one, three) = (vec![ms(6_000)], vec![ms(100), ms(5_800), ms(100)]);
    for (timeouts, does) in [
        (one.clone(), HANGS),
        (one.clone(), Does::Hangs { goes: ms(90) }),
        (one, Does::Blocks(None)),
        (three, HANGS),
        (vec![ms(2_000); 3], HANGS),
    ] {
        let plan = chain(&timeouts);
        let config = Config::new().grace_period(ms(20_000)).drain_timeout(ms(12_000));
        assert_eq!(plan.fits(&config).ok().and_then(|fits| fits.spare()), Some(Duration::ZERO));
        let simulator = worst(&config, &plan, None, does);
        if does == HANGS {
            let given = plan.hooks().iter().map(|hook| simulator.progress(hook.id()).allotted);
            assert_eq!(given.collect::<Vec<_>>(), timeouts);
        }
        let config = config.drain_timeout(ms(12_000) - END_ROOM);
        let simulator = worst(&config, &plan, None, does);
        assert_eq!(simulator.breached(), None, "{does:?} {timeouts:?}");
        assert!(simulator.finished().is_some_and(|end| end < deadline(&simulator)));
    }
}

/// Nothing in the plan, and calls that do not end: they are abandoned, not cut by the deadline.
#[test]
fn without_hooks_calls_that_do_not_end_are_abandoned_before_the_deadline() {
    for grace in [400, 5_000, 30_000] {
        let config = Config::new().grace_period(ms(grace));
        let mut simulator = worst(&config, &chain(&[]), None, HANGS);
        assert!(simulator.finished().is_some_and(|end| end < deadline(&simulator)), "{grace}");
        assert_eq!(simulator.machine.exit_code(), 70);

        simulator = Simulator::running(&config, chain(&[]));
        simulator.main = Main { drop_takes: None, ..Main::SLOW };
        simulator.signal(Signal::Term);
        simulator.run();
        if grace > 400 {
            assert!(simulator.finished().is_some_and(|end| end < deadline(&simulator)), "{grace}");
        }
    }
}

proptest! {
    #[test]
    fn every_hook_has_its_share_of_what_is_left(
        timeouts in vec(1..20_000_u64, 1..60), grace in 1_000..30_000_u64,
    ) {
        let timeouts: Vec<_> = timeouts.into_iter().map(ms).collect();
        let plan = chain(&timeouts);
        let simulator = worst(&Config::new().grace_period(ms(grace)), &plan, None, HANGS);
        let began = simulator.entered(State::Stopping).expect("hooks run");
        let left = deadline(&simulator) - began;
        let usable = left - ROOM.min(left / 5);
        let fair = usable.as_secs_f64() / plan.worst_case().as_secs_f64();
        for (n, timeout) in timeouts.iter().enumerate() {
            let progress = simulator.progress(id(n));
            prop_assert!(progress.started.is_some(), "hook {} was not reached", n);
            prop_assert!(progress.allotted <= *timeout);
            prop_assert!(!progress.allotted.is_zero(), "hook {} has no time", n);
            let share = timeout.mul_f64(fair.min(1.0));
            prop_assert!(
                progress.allotted + Duration::from_micros(1) >= share,
                "hook {} has {:?} of {:?}, not {:?}", n, progress.allotted, timeout, share
            );
        }
        prop_assert!(simulator.finished().is_some_and(|end| end < deadline(&simulator)));
    }

    /// Who cannot be cancelled takes a tenth of a second from those behind it, and no more.
    #[test]
    fn stuck_hooks_leave_the_others_a_share(
        timeouts in vec(4_000..6_000_u64, 2..6), grace in 8_000..30_000_u64,
    ) {
        let plan = chain(&timeouts.into_iter().map(ms).collect::<Vec<_>>());
        let simulator = worst(&Config::new().grace_period(ms(grace)), &plan, None, Does::Blocks(None));
        let last = simulator.progress(id(plan.hooks().len() - 1));
        prop_assert!(last.started.is_some() && !last.allotted.is_zero());
    }

    #[test]
    fn what_hooks_do_not_use_flows_on(used in vec(0.0..1.0_f64, 2..20), grace in 1_000..20_000_u64) {
        let plan = chain(&vec![ms(4_000); used.len()]);
        let config = Config::new().grace_period(ms(grace));
        let all = worst(&config, &plan, None, HANGS);
        let mut some = Simulator::running(&config, plan);
        some.main = Main::SLOW;
        some.in_flight = 1;
        for (n, used) in used.iter().enumerate() {
            some.does.insert(id(n), Does::Completes(all.progress(id(n)).allotted.mul_f64(*used)));
        }
        some.signal_at(REQUESTED, Signal::Term);
        some.run();
        for n in 0..used.len() {
            let (had, has) = (all.progress(id(n)).allotted, some.progress(id(n)).allotted);
            prop_assert!(has + Duration::from_micros(1) >= had, "hook {} had {:?} and has {:?}", n, had, has);
        }
        let last = used.len() - 1;
        let more = some.progress(id(last)).allotted > all.progress(id(last)).allotted;
        prop_assert!(more || some.progress(id(last)).allotted == ms(4_000), "nothing flowed on");
    }
}

/// Kubernetes: 28 s, of which 5 s delay, and a plan of 21.8 s, which has 11.5 s of the rest for itself.
#[test]
fn what_a_step_does_not_use_flows_on() {
    let config = || Config::new().platform(Platform::Kubernetes);
    let plan = chain(&[ms(4_360); 5]);
    let stop = |script: &dyn Fn(&mut Simulator)| {
        let mut simulator = Simulator::running(&config(), plan.clone());
        simulator.main = Main::SLOW;
        simulator.in_flight = 1;
        plan.hooks().iter().for_each(|hook| {
            simulator.does.insert(hook.id(), HANGS);
        });
        script(&mut simulator);
        simulator.run();
        let at = |state| simulator.entered(state).map_or(0, |moment| moment.as_millis());
        let whole = plan
            .hooks()
            .iter()
            .all(|hook| simulator.progress(hook.id()).allotted == hook.timeout());
        (at(State::Draining), at(State::Stopping), whole)
    };
    // Nothing is left over: the hooks get their half.
    assert_eq!(stop(&|simulator| simulator.signal(Signal::Term)), (5_000, 16_500, false));
    // Without a delay it fits, and its 21.8 s are set aside; what cancelling needs is the drain's to give.
    let failure = Reason::failure("lost the lease");
    assert_eq!(stop(&|simulator| simulator.request(failure.clone())), (0, 5_950, true));
    // Main ends while the service stays open: the rest of the delay is the drain's.
    let returns = |simulator: &mut Simulator| {
        simulator.signal(Signal::Term);
        simulator.at(ms(1_000), Input::MainEnded(MainEnd::Returned));
    };
    assert_eq!(stop(&returns), (1_000, 16_500, false));
    // The drain ends early: the hooks have all their time.
    let hurries = |simulator: &mut Simulator| {
        simulator.signal(Signal::Term);
        simulator.signal_at(ms(6_000), Signal::Int);
    };
    assert_eq!(stop(&hurries), (5_000, 6_000, true));
}

#[test]
fn the_numbers_of_run_count_from_a_request_before_it() {
    let mut simulator = Simulator::before_run(chain(&[ms(8_000)]));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(3_000));
    simulator.begin_run(&Config::new().grace_period(ms(10_000)));
    assert_eq!(deadline(&simulator), ms(9_000));
    assert_eq!(simulator.machine.stop().map(|stop| stop.budget.teardown), Some(ms(4_500)));
    simulator.in_flight = 1;
    simulator.run();
    assert_eq!(simulator.entered(State::Stopping), Some(ms(3_000)), "nothing was in flight");
}
