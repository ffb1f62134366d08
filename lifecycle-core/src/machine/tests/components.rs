//! Components stop after the last hook and what no hook took, in a share of the time of their own.

use super::{
    super::{Effect, MainEnd},
    Simulator, ms,
    plans::{chain, hook, id, plan},
    simulator::Does,
};
use crate::{
    Config, Outcome, Plan, Reason, Signal,
    config::{Component, ComponentError},
};

pub(super) struct Takes(pub(super) std::time::Duration);

impl Component for Takes {
    fn name(&self) -> String {
        "health".to_owned()
    }

    fn stop_timeout(&self) -> std::time::Duration {
        self.0
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        Ok(())
    }
}

/// Two components, of which the longer one counts.
fn config(grace: u64) -> Config {
    Config::new().grace_period(ms(grace)).component(Takes(ms(2_000))).component(Takes(ms(500)))
}

fn stopped(simulator: &Simulator) -> Option<std::time::Duration> {
    simulator.when(|effect| *effect == Effect::StopComponents)
}

#[test]
fn components_stop_after_hooks_and_resources_and_before_the_report() {
    let mut simulator = Simulator::running(&config(30_000), chain(&[ms(1_000)]));
    simulator.does.insert(id(0), Does::Completes(ms(700)));
    simulator.dropping_takes = Some(ms(200));
    simulator.components_take = Some((ms(300), true));
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(stopped(&simulator), Some(ms(900)));
    assert_eq!(simulator.finished(), Some(ms(1_200)));
    assert_eq!(simulator.machine.exit_code(), 0);
}

#[test]
fn without_components_nobody_is_told_to_stop_them() {
    let mut simulator = Simulator::running(&Config::new(), chain(&[ms(1_000)]));
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(stopped(&simulator), None);
    assert!(simulator.finished().is_some());
}

#[test]
fn components_that_take_too_long_or_fail_are_unclean_and_not_waited_for() {
    for (take, finished) in
        [(None, 2_000), (Some((ms(2_001), true)), 2_000), (Some((ms(5), false)), 5)]
    {
        let mut simulator = Simulator::running(&config(30_000), chain(&[]));
        simulator.components_take = take;
        simulator.signal(Signal::Term);
        simulator.run();
        assert_eq!(simulator.finished(), Some(ms(finished)), "{take:?}");
        assert_eq!(simulator.machine.exit_code(), 70, "{take:?}");
    }
}

/// 12 s of grace are 10.8 s, of which a drain that has no limit takes half, and hooks and components the
/// rest in proportion.
#[test]
fn hooks_leave_the_components_their_share_and_all_is_over_before_the_deadline() {
    let mut simulator = Simulator::running(&config(12_000), chain(&[ms(5_000), ms(5_000)]));
    simulator.call_until(ms(60_000));
    simulator.does.insert(id(0), Does::Hangs { goes: ms(0) });
    simulator.does.insert(id(1), Does::Hangs { goes: ms(0) });
    simulator.components_take = None;
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(simulator.progress(id(1)).outcome(), Outcome::TimedOut);
    let stopped = stopped(&simulator).expect("they are told to stop");
    // A sixth of the 5.4 s that the drain leaves.
    assert!(stopped <= ms(9_900), "{stopped:?}");
    let finished = simulator.finished().expect("it ends");
    assert!(finished >= stopped + ms(700) && finished < ms(10_800), "{stopped:?}, {finished:?}");
    assert_eq!(simulator.breached(), None);
}

#[test]
fn the_budget_of_a_stop_keeps_the_time_of_the_components() {
    let teardown = |config: &Config| {
        let mut simulator = Simulator::running(config, chain(&[ms(1_000)]));
        simulator.signal(Signal::Term);
        simulator.machine.stop().expect("it is under way").budget.teardown
    };
    assert_eq!(teardown(&Config::new()), ms(1_000));
    assert_eq!(teardown(&config(30_000)), ms(3_000));
}

#[test]
fn a_destructor_that_hangs_takes_no_time_from_the_components_and_the_deadline_holds() {
    let mut simulator = Simulator::running(&config(30_000), chain(&[]));
    simulator.dropping_takes = None;
    simulator.signal(Signal::Term);
    simulator.run();
    assert_eq!(stopped(&simulator), Some(ms(26_000)));
    assert_eq!(simulator.finished(), None);
    assert_eq!(simulator.breached(), Some(ms(28_000)));
}

#[test]
fn a_component_that_does_not_start_is_a_failure_that_stops_the_others() {
    let mut simulator = Simulator::starting(&config(30_000), chain(&[]));
    simulator.handle(crate::machine::Input::MainEnded(MainEnd::ComponentFailed("no port".into())));
    simulator.run();
    assert_eq!(simulator.machine.stop().unwrap().reason, Reason::failure("no port"));
    assert!(stopped(&simulator).is_some());
    assert_eq!(simulator.machine.exit_code(), 1);
}

#[test]
fn fits_counts_the_longest_component_and_names_all() {
    let plan: Plan = chain(&[ms(1_000)]);
    let without = plan.fits(&Config::new().grace_period(ms(30_000))).unwrap();
    let with = plan.fits(&config(30_000)).unwrap();
    assert_eq!(without.spare().unwrap() - with.spare().unwrap(), ms(2_000));
    let account = with.to_string();
    assert!(
        account.contains("components      2s  together, after the hooks: health, health"),
        "{account}"
    );
    assert!(!without.to_string().contains("components"), "{without}");
    let error = plan.fits(&config(8_000).drain_timeout(ms(5_000))).unwrap_err().to_string();
    assert!(error.contains("a `stop_timeout` of at most 1.2s for each component"), "{error}");
}

/// 12 s of grace are 10.8 s: 1 s for the drain, 2 s for components, and 7.8 s for eight hooks in a row
/// whose timeouts nobody wrote.
#[test]
fn unwritten_timeouts_give_way_to_the_components_as_fits_proved() {
    let hooks = (0..8).map(|n| {
        let mut hook = hook(n, ms(0));
        hook.timeout = None;
        hook.after = (n > 0).then(|| id(n.wrapping_sub(1))).into_iter().collect();
        hook
    });
    let plan = plan(hooks.collect());
    let config = config(12_000).drain_timeout(ms(1_000));
    plan.fits(&config).unwrap();
    let mut simulator = Simulator::running(&config, plan);
    simulator.call_until(ms(60_000));
    for n in 0..8 {
        simulator.does.insert(id(n), Does::Hangs { goes: ms(0) });
    }
    simulator.components_take = Some((ms(1_950), true));
    simulator.signal(Signal::Term);
    simulator.run();
    let stopped = stopped(&simulator).expect("they are told to stop");
    assert!(stopped <= ms(8_800), "{stopped:?}");
    assert_eq!(simulator.finished(), Some(stopped + ms(1_950)));
    assert_eq!(simulator.breached(), None);
}

#[test]
fn a_hook_that_is_shortened_as_fits_says_leaves_room_for_the_components() {
    let config = config(12_000).drain_timeout(ms(5_000));
    let error = chain(&[ms(4_000)]).fits(&config).unwrap_err().to_string();
    assert!(error.contains("`timeout = \"3.8s\"` at `hook0`"), "{error}");
    chain(&[ms(3_800)]).fits(&config).unwrap();
}
