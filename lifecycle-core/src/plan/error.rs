//! What is wrong with a plan.

use std::fmt;

use thiserror::Error;

use crate::SourceLocation;

/// Why a plan cannot run: every problem it has, at once.
///
/// `Display` and `Debug` both print all of them for a person: which hooks, where they are declared,
/// why each edge exists, and what to do next.
#[derive(Clone, PartialEq, Eq, Error)]
#[error("the shutdown plan is invalid{}", numbered(.problems))]
pub struct PlanError {
    problems: Vec<PlanProblem>,
}

impl PlanError {
    pub(super) const fn new(problems: Vec<PlanProblem>) -> Self {
        Self { problems }
    }

    /// A hook that came when the part of the teardown it belongs to had begun. `why` ends the
    /// sentence "hook `name` (file:line) cannot join: ".
    pub(crate) fn too_late(name: &str, location: SourceLocation, why: &str) -> Self {
        let text =
            format!("hook `{name}` ({location}) cannot join the plan: {why}; register it earlier");
        Self::new(vec![PlanProblem::new(Kind::TooLate, text, vec![name.to_owned()])])
    }

    /// A line for where there is no room for the problems.
    #[must_use]
    pub fn in_short(&self) -> String {
        match self.problems.len() {
            1 => "invalid: it contradicts itself, and LIFECYCLE_PLAN=check says how".to_owned(),
            count => {
                format!("invalid: {count} contradictions, and LIFECYCLE_PLAN=check names them")
            }
        }
    }

    /// The problems, never empty, in an order that depends on the hooks alone.
    #[must_use]
    pub fn problems(&self) -> &[PlanProblem] {
        &self.problems
    }

    /// Whether hooks wait for one another in a circle.
    #[must_use]
    pub fn is_cycle(&self) -> bool {
        self.problems.iter().any(PlanProblem::is_cycle)
    }

    /// Whether an edge, or a chain of them, runs against two written orders.
    #[must_use]
    pub fn is_order_contradiction(&self) -> bool {
        self.problems.iter().any(PlanProblem::is_order_contradiction)
    }

    /// Whether two hooks take one resource.
    #[must_use]
    pub fn is_two_takers(&self) -> bool {
        self.problems.iter().any(PlanProblem::is_two_takers)
    }

    /// Whether two hooks were given the same name by hand.
    #[must_use]
    pub fn is_equal_names(&self) -> bool {
        self.problems.iter().any(PlanProblem::is_equal_names)
    }

    /// Whether a hook that `expect_hooks!` promised is not linked.
    #[must_use]
    pub fn is_missing_hook(&self) -> bool {
        self.problems.iter().any(PlanProblem::is_missing_hook)
    }

    /// Whether a hook was registered when it was too late for it.
    #[must_use]
    pub fn is_too_late(&self) -> bool {
        self.problems.iter().any(PlanProblem::is_too_late)
    }
}

fn numbered(problems: &[PlanProblem]) -> String {
    match problems {
        [one] => format!(": {one}"),
        many => {
            let lines =
                many.iter().enumerate().map(|(i, problem)| format!("\n{}. {problem}", i + 1));
            format!(", {} problems:{}", many.len(), lines.collect::<String>())
        }
    }
}

impl fmt::Debug for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One contradiction in a plan. `Display` is the whole story, on several lines.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text}")]
pub struct PlanProblem {
    kind: Kind,
    text: String,
    hooks: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Cycle,
    Order,
    TwoTakers,
    EqualNames,
    Missing,
    TooLate,
}

impl PlanProblem {
    pub(super) const fn new(kind: Kind, text: String, hooks: Vec<String>) -> Self {
        Self { kind, text, hooks }
    }

    /// The names of the hooks it is about, in the order in which the text names them.
    pub fn hooks(&self) -> impl Iterator<Item = &str> {
        self.hooks.iter().map(String::as_str)
    }

    /// Whether hooks wait for one another in a circle.
    #[must_use]
    pub fn is_cycle(&self) -> bool {
        self.kind == Kind::Cycle
    }

    /// Whether an edge, or a chain of them, runs against two written orders.
    #[must_use]
    pub fn is_order_contradiction(&self) -> bool {
        self.kind == Kind::Order
    }

    /// Whether two hooks take one resource.
    #[must_use]
    pub fn is_two_takers(&self) -> bool {
        self.kind == Kind::TwoTakers
    }

    /// Whether two hooks were given the same name by hand.
    #[must_use]
    pub fn is_equal_names(&self) -> bool {
        self.kind == Kind::EqualNames
    }

    /// Whether a hook that `expect_hooks!` promised is not linked.
    #[must_use]
    pub fn is_missing_hook(&self) -> bool {
        self.kind == Kind::Missing
    }

    /// Whether a hook was registered when it was too late for it.
    #[must_use]
    pub fn is_too_late(&self) -> bool {
        self.kind == Kind::TooLate
    }
}
