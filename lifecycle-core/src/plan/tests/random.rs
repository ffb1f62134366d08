//! Random plans against a slow and obvious model of what a plan means.

use std::{collections::BTreeSet, time::Duration};

use proptest::{
    collection::vec,
    option,
    prelude::{Just, Strategy, prop},
    prop_assert, prop_assert_eq, prop_oneof, proptest,
    sample::select,
};

use crate::{
    declare::hook::{Access, Need},
    plan::{Entry, HookId, HookSpec, Plan, Uses},
};

use super::support::*;

/// What a random plan is made of. Edges name hooks by number.
#[derive(Clone, Debug)]
struct Overrides {
    specs: Vec<HookSpec>,
    uses: Vec<Uses>,
}

/// Up to `most` hooks. With `forward`, edges lead from smaller to larger numbers, so that few plans have
/// a cycle; names are shuffled against that.
fn given(most: usize, orders: Vec<i32>, forward: bool) -> impl Strategy<Value = Overrides> {
    (1..=most).prop_flat_map(move |count| {
        let order = option::weighted(0.3, select(orders.clone()));
        let hook = (order, 1..10u64, 0..3u64, vec(needs(), 0..3));
        let edge = (0..count, 0..count, prop::bool::ANY);
        let uses = vec(select(every_uses()), 0..4);
        let names = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
        (vec(hook, count), vec(edge, 0..=count), uses, names).prop_map(
            move |(hooks, edges, uses, names)| {
                let mut specs: Vec<HookSpec> = Vec::new();
                for (n, (order, timeout, reserve, needs)) in hooks.into_iter().enumerate() {
                    let mut spec = numbered(n).timeout(timeout).needs(needs);
                    spec.name = format!("name{:02}", names[n]).into();
                    spec.order = order;
                    spec.fallback_timeout = seconds(reserve);
                    specs.push(spec);
                }
                for (a, b, after) in edges {
                    let (from, to) = if forward { (a.min(b), a.max(b)) } else { (a, b) };
                    if forward && from == to {
                        continue;
                    }
                    let [from_id, to_id] = [specs[from].id, specs[to].id];
                    if after {
                        specs[to].after.push(from_id);
                    } else {
                        specs[from].before.push(to_id);
                    }
                }
                // One taker a type, and nobody borrows what it takes: others are errors of their own.
                let mut taken = BTreeSet::new();
                for spec in &mut specs {
                    spec.needs
                        .retain(|need| need.access == Access::Borrow || taken.insert(need.id));
                    let takes: Vec<_> = spec.takes().map(|need| need.id).collect();
                    spec.needs
                        .retain(|need| need.access == Access::Take || !takes.contains(&need.id));
                }
                Overrides { specs, uses }
            },
        )
    })
}

fn needs() -> impl Strategy<Value = Need> {
    prop_oneof![
        3 => select(vec![
            Need::borrow::<R<0>>(), Need::borrow::<R<1>>(), Need::borrow::<R<2>>(), Need::borrow::<R<3>>(),
        ]),
        1 => select(vec![Need::take::<R<0>>(), Need::take::<R<1>>(), Need::take::<R<2>>(), Need::take::<R<3>>()]),
    ]
}

fn every_uses() -> Vec<Uses> {
    vec![uses::<R<0>, R<1>>(1), uses::<R<1>, R<2>>(2), uses::<R<2>, R<3>>(3), uses::<R<0>, R<3>>(4)]
}

impl HookSpec {
    fn takes(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| need.access == Access::Take)
    }
}

/// `relation[a][b]`: a ends before b starts.
type Relation = Vec<Vec<bool>>;

fn none(count: usize) -> Relation {
    vec![vec![false; count]; count]
}

fn closed(mut relation: Relation) -> Relation {
    let count = relation.len();
    for via in 0..count {
        for a in 0..count {
            for b in 0..count {
                relation[a][b] |= relation[a][via] && relation[via][b];
            }
        }
    }
    relation
}

impl Overrides {
    fn plan(&self) -> Plan {
        Plan::build(self.specs.clone(), self.uses.clone(), Vec::new())
    }

    fn count(&self) -> usize {
        self.specs.len()
    }

    fn number(&self, id: HookId) -> usize {
        self.specs.iter().position(|spec| spec.id == id).unwrap()
    }

    fn written(&self) -> Relation {
        let mut relation = none(self.count());
        for (n, spec) in self.specs.iter().enumerate() {
            spec.after.iter().for_each(|id| relation[self.number(*id)][n] = true);
            spec.before.iter().for_each(|id| relation[n][self.number(*id)] = true);
        }
        relation
    }

    /// By asking of every pair whether one uses what the other takes.
    fn owned(&self) -> Relation {
        let mut relation = none(self.count());
        for (user, spec) in self.specs.iter().enumerate() {
            let mut borrowed: BTreeSet<_> = spec
                .needs
                .iter()
                .filter(|need| need.access == Access::Borrow)
                .map(|need| need.id)
                .collect();
            loop {
                let known = borrowed.len();
                for uses in &self.uses {
                    if borrowed.contains(&uses.of) || spec.takes().any(|need| need.id == uses.of) {
                        borrowed.insert(uses.used);
                    }
                }
                if borrowed.len() == known {
                    break;
                }
            }
            for (taker, spec) in self.specs.iter().enumerate().filter(|(taker, _)| *taker != user) {
                relation[user][taker] |= spec.takes().any(|need| borrowed.contains(&need.id));
            }
        }
        relation
    }

    fn direct(&self) -> Relation {
        let (mut relation, owned) = (self.written(), self.owned());
        relation
            .iter_mut()
            .flatten()
            .zip(owned.iter().flatten())
            .for_each(|(edge, owned)| *edge |= owned);
        relation
    }

    /// Whether no order of the hooks satisfies all edges and all written orders.
    fn is_contradictory(&self) -> bool {
        let reach = closed(self.direct());
        let order = |n: usize| self.specs[n].order;
        (0..self.count()).any(|a| {
            reach[a][a]
                || (0..self.count())
                    .any(|b| reach[a][b] && order(a).zip(order(b)).is_some_and(|(a, b)| a > b))
        })
    }

    /// What the plan must promise, given the order each hook took.
    fn promised(&self, order: &[i32]) -> Relation {
        let mut relation = self.direct();
        for a in 0..self.count() {
            for b in 0..self.count() {
                relation[a][b] |= order[a] < order[b];
            }
        }
        closed(relation)
    }

    fn orders(&self, plan: &Plan) -> Vec<i32> {
        let mut orders = vec![0; self.count()];
        plan.hooks().iter().for_each(|hook| orders[self.number(hook.id())] = hook.order());
        orders
    }

    /// What the graph promises, by number.
    fn found(&self, plan: &Plan) -> Relation {
        let graph = plan.graph();
        let mut relation = none(graph.successors.len());
        for (from, successors) in graph.successors.iter().enumerate() {
            successors.iter().for_each(|&to| relation[from][to as usize] = true);
        }
        let (relation, mut found) = (closed(relation), none(self.count()));
        for (a, first) in plan.hooks().iter().enumerate() {
            for (b, second) in plan.hooks().iter().enumerate() {
                found[self.number(first.id())][self.number(second.id())] = relation[a][b];
            }
        }
        found
    }
}

/// The longest time from the start of `from` to the end of all, by trying every way.
fn longest(
    from: usize,
    relation: &Relation,
    time: &[Duration],
    known: &mut Vec<Option<Duration>>,
) -> Duration {
    if let Some(known) = known[from] {
        return known;
    }
    let rest = (0..time.len())
        .filter(|&to| relation[from][to])
        .map(|to| longest(to, relation, time, known))
        .max();
    let all = time[from] + rest.unwrap_or_default();
    known[from] = Some(all);
    all
}

proptest! {
    #[test]
    fn a_plan_promises_its_edges_and_barriers_and_nothing_else(given in given(60, vec![-2, -1, 0, 1, 2], true)) {
        let plan = given.plan();
        if plan.check().is_ok() {
            let order = given.orders(&plan);
            let promised = given.promised(&order);
            prop_assert_eq!(&given.found(&plan), &promised);
            let place: Vec<usize> = plan.hooks().iter().map(|hook| given.number(hook.id())).collect();
            prop_assert_eq!(place.len(), given.count());
            for (i, &a) in place.iter().enumerate() {
                for &b in &place[..i] {
                    prop_assert!(!promised[a][b], "{} stands behind {} but runs before it", a, b);
                    prop_assert!(order[b] <= order[a]);
                }
            }
        }
    }

    #[test]
    fn a_plan_is_refused_exactly_when_it_contradicts_itself(
        given in prop_oneof![given(12, vec![-1, 0, 1], false), given(60, vec![-1, 0, 1], true)],
    ) {
        let verdict = given.plan().check();
        prop_assert_eq!(verdict.is_err(), given.is_contradictory(), "{:?}", verdict);
        let reach = closed(given.direct());
        let circle = (0..given.count()).any(|n| reach[n][n]);
        prop_assert_eq!(verdict.is_err_and(|error| error.is_cycle()), circle);
    }

    /// Every way to give the hooks orders of -1 to 1 is tried: none that satisfies the edges moves any
    /// hook less.
    #[test]
    fn lifting_moves_as_little_as_it_can(given in given(6, vec![-1, 0, 1], true)) {
        let (plan, direct, count) = (given.plan(), given.direct(), given.count());
        if plan.check().is_err_and(|error| error.is_cycle()) {
            return Ok(());
        }
        let lifted = given.orders(&plan);
        let satisfies = |order: &[i32]| {
            (0..count).all(|a| given.specs[a].order.is_none_or(|written| written == order[a])
                && (0..count).all(|b| !direct[a][b] || order[a] <= order[b]))
        };
        let mut feasible = 0;
        for code in 0..3_usize.pow(count as u32) {
            let order: Vec<i32> = (0..count as u32).map(|n| (code / 3_usize.pow(n) % 3) as i32 - 1).collect();
            if satisfies(&order) {
                feasible += 1;
                for n in 0..count {
                    prop_assert!(lifted[n].abs() <= order[n].abs(), "{:?} moves {} less than {:?}", order, n, lifted);
                }
            }
        }
        prop_assert_eq!(feasible > 0, satisfies(&lifted));
        prop_assert_eq!(plan.check().is_ok(), feasible > 0);
    }

    #[test]
    fn times_are_those_of_the_longest_way(given in given(60, vec![-1, 0, 1], true)) {
        let plan = given.plan();
        if plan.check().is_ok() {
            let relation = given.promised(&given.orders(&plan));
            let time: Vec<Duration> =
                given.specs.iter().map(|spec| spec.timeout.unwrap() + spec.fallback_timeout).collect();
            let mut known = vec![None; given.count()];
            for (place, hook) in plan.hooks().iter().enumerate() {
                let expected = longest(given.number(hook.id()), &relation, &time, &mut known);
                prop_assert_eq!(plan.graph().tail[place], expected);
            }
            prop_assert_eq!(plan.worst_case(), known.iter().flatten().copied().max().unwrap());
            let path = plan.critical_path();
            prop_assert_eq!(path.iter().map(|hook| hook.longest().length(hook.timeout())).sum::<Duration>(), plan.worst_case());
            for pair in path.windows(2) {
                prop_assert!(relation[given.number(pair[0].id())][given.number(pair[1].id())]);
            }
        }
    }

    #[test]
    fn a_plan_is_read_back_from_its_json(given in given(40, vec![-1, 0, 1], true)) {
        let plan = given.plan();
        if plan.check().is_ok() {
            let json = plan.to_json();
            let read = Plan::from_json(&json).unwrap();
            prop_assert_eq!(read.to_json(), json);
            prop_assert_eq!(read.to_string(), plan.to_string());
        }
    }

    #[test]
    fn the_order_of_what_is_given_changes_nothing(
        (one, other) in given(30, vec![-1, 0, 1], false).prop_flat_map(|given| {
            let shuffled = (Just(given.specs.clone()).prop_shuffle(), Just(given.uses.clone()).prop_shuffle());
            (Just(given), shuffled.prop_map(|(specs, uses)| Overrides { specs, uses }))
        }),
    ) {
        let (one, other) = (one.plan(), other.plan());
        prop_assert_eq!(one.to_string(), other.to_string());
        prop_assert_eq!(&one.graph().successors, &other.graph().successors);
    }

    #[test]
    fn leaving_hooks_out_keeps_what_was_written_through_them(
        given in given(30, vec![-1, 0, 1], true),
        left_out in vec(prop::bool::weighted(0.4), 30),
    ) {
        let mut plan = given.plan();
        if plan.check().is_ok() {
            for Entry { spec, kept } in &mut plan.entries {
                *kept = !left_out[given.number(spec.id)];
            }
            plan.resolved.take();
            prop_assert!(plan.check().is_ok(), "{:?}", plan.check());

            let (written, owned) = (given.written(), given.owned());
            let count = given.count();
            let mut through = none(count);
            for a in 0..count {
                for b in 0..count {
                    through[a][b] = written[a][b] || owned[a][b] && !left_out[a] && !left_out[b];
                }
            }
            let (expected, found) = (closed(through), given.found(&plan));
            let order = given.orders(&plan);
            for a in (0..count).filter(|&n| !left_out[n]) {
                for b in (0..count).filter(|&n| !left_out[n]) {
                    prop_assert_eq!(found[a][b], expected[a][b] || order[a] < order[b], "{} before {}", a, b);
                }
            }
        }
    }
}
