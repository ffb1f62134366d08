//! What is wrong, in words: both hooks, why each edge exists, where each is written.

use std::borrow::Cow;

use super::{
    edges::{Edges, Owns, Why},
    error::{Kind, PlanProblem},
    spec::HookSpec,
};

/// Knows the hooks of a plan, by node.
pub(super) struct Explainer<'p> {
    pub(super) specs: &'p [&'p HookSpec],
    pub(super) names: &'p [Cow<'static, str>],
    pub(super) edges: &'p Edges,
}

impl Explainer<'_> {
    /// Each of `cycle` runs before the next, and the last before the first.
    pub(super) fn cycle(&self, cycle: &[u32]) -> PlanProblem {
        let closed: Vec<u32> = cycle.iter().chain(&cycle[..1]).copied().collect();
        let mut text = if let [only] = cycle {
            format!("a hook runs before itself: `{}`", self.names[*only as usize])
        } else {
            let names: Vec<_> =
                closed.iter().map(|&node| format!("`{}`", self.names[node as usize])).collect();
            format!("hooks wait for one another in a circle: {}", names.join(" -> "))
        };
        self.chain(&closed, &mut text);
        text.push_str("\n   remove one of these edges, or leave a hook out: `Plan::without`");
        self.problem(Kind::Cycle, text, cycle)
    }

    /// Each of `chain` runs before the next, but the first has a greater written order than the
    /// last.
    pub(super) fn contradiction(&self, chain: &[u32]) -> PlanProblem {
        let (first, last) = (chain[0], chain[chain.len() - 1]);
        let order = |node: u32| self.specs[node as usize].order.unwrap_or_default();
        let mut text = format!(
            "an edge runs against two written orders: {} has order {}, {} has order {} and \
             so ends before that, yet",
            self.hook(first),
            order(first),
            self.hook(last),
            order(last),
        );
        self.chain(chain, &mut text);
        text.push_str(
            "\n   change or remove one of the two orders (`Plan::order` does that for a library's \
             hook), or an edge",
        );
        self.problem(Kind::Order, text, chain)
    }

    pub(super) fn two_takers(&self, taken: &str, takers: &[u32]) -> PlanProblem {
        let taken = short(taken);
        let mut text =
            format!("{} hooks take `{taken}`, but only one of them can have it:", takers.len());
        for &taker in takers {
            text.push_str(&format!("\n   - {} takes `{taken}`", self.hook(taker)));
        }
        text.push_str(&format!(
            "\n   let all but one borrow it (`&{taken}`), or wrap each value in a type of its own"
        ));
        self.problem(Kind::TwoTakers, text, takers)
    }

    pub(super) fn equal_names(&self, hooks: &[u32]) -> PlanProblem {
        let mut text = format!(
            "{} hooks were given the name `{}`:",
            hooks.len(),
            self.names[hooks[0] as usize]
        );
        for &hook in hooks {
            text.push_str(&format!("\n   - at {}", self.specs[hook as usize].location));
        }
        text.push_str(
            "\n   change `name = \"..\"` of all but one, or remove it: default names are told apart",
        );
        self.problem(Kind::EqualNames, text, hooks)
    }

    fn chain(&self, chain: &[u32], text: &mut String) {
        for pair in chain.windows(2) {
            let reasons: Vec<String> = self
                .edges
                .reasons(pair[0], pair[1])
                .map(|why| self.reason(pair[0], pair[1], why))
                .collect();
            text.push_str(&format!(
                "\n   - {} runs before {}: {}",
                self.hook(pair[0]),
                self.hook(pair[1]),
                reasons.join("; and ")
            ));
        }
    }

    fn reason(&self, from: u32, to: u32, why: &Why) -> String {
        let name = |node: u32| &self.names[node as usize];
        let at = |node: u32| self.specs[node as usize].location;
        match why {
            Why::After => format!("`{}` says `after` at {}", name(to), at(to)),
            Why::Before => format!("`{}` says `before` at {}", name(from), at(from)),
            Why::Edge(location) => format!("`Plan::edge` says so at {location}"),
            Why::Owns(owns) => {
                let Owns { taken, used, used_is_taken, through } = &**owns;
                let taken = short(taken);
                if *used_is_taken {
                    return format!(
                        "`{}` takes `{taken}`, which `{}` borrows",
                        name(to),
                        name(from)
                    );
                }
                let mut text = format!(
                    "`{}` takes `{taken}`, and `{}` has `{}`",
                    name(to),
                    name(from),
                    short(used)
                );
                for uses in through {
                    text.push_str(&format!(
                        ", which uses `{}` ({})",
                        short(uses.used_name),
                        uses.location
                    ));
                }
                text
            }
        }
    }

    /// The hook's name and place.
    fn hook(&self, node: u32) -> String {
        format!("`{}` ({})", self.names[node as usize], self.specs[node as usize].location)
    }

    fn problem(&self, kind: Kind, text: String, hooks: &[u32]) -> PlanProblem {
        PlanProblem::new(
            kind,
            text,
            hooks.iter().map(|&node| self.names[node as usize].to_string()).collect(),
        )
    }
}

/// A type's name without the modules of any type in it: `Pool<Postgres>`.
pub(super) fn short(type_name: &str) -> String {
    let mut short = String::with_capacity(type_name.len());
    let mut word = 0;
    let mut rest = type_name;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("::") {
            short.truncate(word);
            rest = after;
        } else {
            rest = &rest[c.len_utf8()..];
            short.push(c);
            if !(c.is_alphanumeric() || c == '_') {
                word = short.len();
            }
        }
    }
    short
}
