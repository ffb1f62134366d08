//! Hooks that are registered while hooks run.

use proptest::{
    collection::vec,
    option,
    prelude::{ProptestConfig, any},
    prop_assert, prop_assert_eq, proptest,
    sample::Index,
};

use super::{
    super::{Effect, Input, Phase},
    Simulator, ms,
    ordering::seen,
    plans::{Overrides, chain, given, hook, id, plan, predecessors},
    resources::Store,
    simulator::{Does, Main},
};
use crate::{Config, Plan, Signal, declare::HookId, plan::HookSpec};

fn start(given: &Overrides) -> Simulator {
    let mut simulator = Simulator::running(&Config::new().grace_period(None), given.plan());
    simulator.main = Main::PROMPT;
    simulator.store = Store::new(&given.supply);
    given.uses.iter().for_each(|uses| simulator.store.add_uses(*uses));
    for n in 0..given.specs.len() {
        simulator.does.insert(id(n), given.does[n]);
        simulator.does_second.insert(id(n), given.does_second[n]);
    }
    simulator.signal(Signal::Term);
    simulator
}

/// The verdict, and what follows from it.
fn extend(simulator: &mut Simulator, plan: Plan) -> (Result<(), &'static str>, Vec<Effect>) {
    let effects = simulator.decide(Input::Extend(Box::new(plan)));
    let verdict = effects.iter().find_map(|effect| match effect {
        Effect::Extended(verdict) => Some(*verdict),
        _ => None,
    });
    (verdict.expect("a verdict"), effects)
}

fn phase(simulator: &Simulator, hook: HookId) -> Phase {
    simulator.progress(hook).phase
}

fn is_over(simulator: &Simulator, hook: HookId) -> bool {
    matches!(phase(simulator, hook), Phase::Done | Phase::Stuck)
}

fn extended(given: &Overrides, more: &HookSpec) -> Plan {
    let mut specs = given.specs.clone();
    specs.push(more.clone());
    Plan::build(specs, given.uses.clone(), Vec::new())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_hook_joins_where_nothing_behind_it_has_started(
        given in given(25),
        at in 0..12_000_u64,
        order in option::weighted(0.3, -2..4_i32),
        edges in vec((any::<Index>(), any::<bool>()), 0..4),
        takes in 1..3_000_u64,
    ) {
        let new = id(given.specs.len());
        let mut more = hook(given.specs.len(), ms(5_000));
        more.order = order;
        for (other, after) in edges {
            let other = id(other.index(given.specs.len()));
            if after { more.after.push(other) } else { more.before.push(other) }
        }
        let plan = extended(&given, &more);
        let mut simulator = start(&given);
        simulator.run_until(ms(at));
        if plan.check().is_err() || simulator.finished().is_some() {
            return Ok(());
        }
        let before = predecessors(&plan);
        let had_started: Vec<HookId> = given
            .specs
            .iter()
            .map(|spec| spec.id)
            .filter(|hook| phase(&simulator, *hook) != Phase::Waiting)
            .collect();
        let allowed = had_started.iter().all(|hook| {
            before[hook].iter().all(|before| *before != new && is_over(&simulator, *before))
        });
        let now = simulator.now;
        let (answer, effects) = extend(&mut simulator, plan.clone());
        prop_assert_eq!(answer.is_ok(), allowed, "{:?}", answer);
        let hooks = match answer {
            Ok(()) => {
                simulator.plan = plan.clone();
                simulator.does.insert(new, Does::Completes(ms(takes)));
                simulator.carry_out(effects);
                plan
            }
            // Nothing has changed.
            Err(_) => given.plan(),
        };
        simulator.run();
        prop_assert!(simulator.finished().is_some());
        let (before, seen) = (predecessors(&hooks), seen(&simulator));
        for planned in hooks.hooks() {
            let this = &seen[&planned.id()];
            let (started, _) = this.started.expect("it started");
            prop_assert!(this.over.is_some());
            if !had_started.contains(&planned.id()) {
                let released = before[&planned.id()].iter().filter_map(|before| seen[before].over).max();
                prop_assert_eq!(started, now.max(released.unwrap_or(now)), "{}", planned.name());
            }
        }
        prop_assert_eq!(simulator.machine.teardown().map(|teardown| teardown.is_done()), Some(true));
    }
}

/// Whatever is registered: a hook that comes first, while the last one runs.
#[test]
fn a_refused_hook_changes_nothing() {
    let mut simulator = Simulator::running(&Config::new(), chain(&[ms(1_000), ms(1_000)]));
    simulator.does.insert(id(0), Does::Completes(ms(500)));
    simulator.does.insert(id(1), Does::Completes(ms(500)));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(700));
    let mut first = hook(2, ms(1_000));
    first.before = vec![id(0)];
    let mut specs: Vec<HookSpec> = vec![hook(0, ms(1_000)), hook(1, ms(1_000)), first];
    specs[1].after = vec![id(0)];
    let (refused, _) = extend(&mut simulator, plan(specs));
    assert!(refused.is_err_and(|why| why.contains("have started")));
    simulator.run();
    assert_eq!(simulator.finished(), Some(ms(1_000)));
    assert_eq!(simulator.machine.teardown().map(|teardown| teardown.plan().hooks().len()), Some(2));
}

#[test]
fn no_hook_joins_a_teardown_that_is_over() {
    let mut simulator = Simulator::running(&Config::new(), chain(&[ms(1_000)]));
    simulator.dropping_takes = Some(ms(5_000));
    simulator.signal(Signal::Term);
    simulator.run_until(ms(1_000));
    for _ in 0..2 {
        let (refused, _) = extend(&mut simulator, plan(vec![hook(0, ms(1)), hook(1, ms(1))]));
        assert!(refused.is_err_and(|why| why.contains("is over")));
        simulator.run();
    }
}
