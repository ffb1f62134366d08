//! What may be a mistake in a plan that holds.

use std::{borrow::Cow, fmt};

use super::{Plan, PlannedHook, explain::short};
use crate::SourceLocation;

/// How many hooks a hint names.
const NAMED: usize = 4;

impl Plan {
    /// What may be a mistake though the plan holds: each hook that takes a resource while no edge
    /// says where it stands among the hooks of its order. What it takes may be part of what one of
    /// those has, as a pool is of an outbox. `uses = [..]` at that hook, or `after = [..]` at this
    /// one, says so; `after = []` says that it may run at any time.
    #[must_use]
    pub fn hints(&self) -> Vec<PlanHint> {
        let is_in_doubt = |hook: &&PlannedHook| {
            hook.is_unordered() && !hook.after_written && hook.takes().next().is_some()
        };
        let orders = self.hooks().chunk_by(|a, b| a.order == b.order);
        let hints = orders.flat_map(|order| {
            order.iter().filter(is_in_doubt).map(|hook| {
                let others = order.iter().filter(|other| other.id != hook.id);
                PlanHint {
                    hook: hook.name.clone(),
                    location: hook.location,
                    takes: hook.takes().collect(),
                    beside: others.take(NAMED).map(|other| other.name.clone()).collect(),
                    further: (order.len() - 1).saturating_sub(NAMED),
                }
            })
        });
        hints.collect()
    }
}

/// Something that may be a mistake, found by [`Plan::hints`]. `Display` says it in one line, with
/// what to write.
#[derive(Clone, Debug)]
pub struct PlanHint {
    hook: Cow<'static, str>,
    location: SourceLocation,
    takes: Vec<&'static str>,
    /// Some of the hooks of its order, and how many there are beyond these.
    beside: Vec<Cow<'static, str>>,
    further: usize,
}

impl PlanHint {
    /// The name of the hook that it is about.
    #[must_use]
    pub fn hook(&self) -> &str {
        &self.hook
    }

    /// Where that hook is declared.
    #[must_use]
    pub const fn location(&self) -> SourceLocation {
        self.location
    }
}

impl fmt::Display for PlanHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hook, location, takes, beside, further } = self;
        let takes: Vec<_> = takes.iter().map(|taken| short(taken)).collect();
        let quoted = |names: &mut dyn Iterator<Item = &str>| {
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let more = if *further > 0 { format!(" and {further} more") } else { String::new() };
        write!(
            f,
            "`{hook}` ({location}) takes {}, and nothing says whether it runs before or after {}{more}: \
             write `uses = [{}]` at who still needs that, or `after = []` at `{hook}` if none does",
            quoted(&mut takes.iter().map(AsRef::as_ref)),
            quoted(&mut beside.iter().map(AsRef::as_ref)),
            takes.join(", "),
        )
    }
}
