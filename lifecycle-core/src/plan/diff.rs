//! What changed from one version of a plan to the next, in the words of a reviewer.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    time::Duration,
};

use super::{
    Plan,
    compared::{COMPARED, Compared, Relation},
    export::json::{Document, DocumentHook},
};
use crate::{
    text::{
        json::JsonError,
        terminal::{plain, plain_lines},
    },
    values::duration::display,
};

/// How many hooks a line names.
const NAMED: usize = 4;

impl Plan {
    /// What is different from the plan that `old_json` tells of, as [`to_json`](Self::to_json)
    /// wrote it then: hooks that came and went, times, orders, resources, who runs before whom, the
    /// worst case and its path. Hooks are the same when their names are; where they stand in the
    /// source is no difference.
    ///
    /// # Errors
    ///
    /// When `old_json` is no plan, with line and column; when a newer version of the format wrote
    /// it.
    pub fn diff(&self, old_json: &str) -> Result<PlanDiff, JsonError> {
        let old = Compared::new(Document::read(old_json)?)?;
        let new = Compared::new(Document::from(&self.view()))?;
        Ok(PlanDiff::new(&old, &new))
    }
}

/// What changed from one plan to another. `Display` says it, a line a change; `Debug` says the
/// same.
#[derive(Clone, PartialEq, Eq)]
pub struct PlanDiff {
    worst_case: [Duration; 2],
    critical_path: [Vec<String>; 2],
    changes: Vec<String>,
}

impl PlanDiff {
    /// What changed from the plan that `old_json` tells of to that of `new_json`, as
    /// [`Plan::diff`] says it.
    ///
    /// # Errors
    ///
    /// When one of them is no plan, with line and column; when a newer version of the format wrote
    /// it.
    pub fn between(old_json: &str, new_json: &str) -> Result<Self, JsonError> {
        let read = |json| Compared::new(Document::read(json)?);
        Ok(Self::new(&read(old_json)?, &read(new_json)?))
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.worst_case[0] == self.worst_case[1]
            && self.critical_path[0] == self.critical_path[1]
    }

    /// The worst case before and now.
    #[must_use]
    pub const fn worst_case(&self) -> [Duration; 2] {
        self.worst_case
    }

    /// The changes, a line each, without those of the worst case.
    #[must_use]
    pub fn changes(&self) -> &[String] {
        &self.changes
    }

    fn new(old: &Compared, new: &Compared) -> Self {
        let common: Vec<[&DocumentHook; 2]> =
            new.hooks.iter().filter_map(|hook| Some([old.get(&hook.name)?, hook])).collect();
        let mut changes = Vec::new();
        changes.extend(new.hooks.iter().filter(|hook| old.get(&hook.name).is_none()).map(added));
        changes.extend(old.hooks.iter().filter(|hook| new.get(&hook.name).is_none()).map(removed));
        changes.extend(common.iter().flat_map(|&[old, new]| hook_changes(old, new)));
        changes.extend(relation_changes(old, new, &common));
        let problems = |of: &Compared, other: &Compared, word: &str| -> Vec<String> {
            let found = of.problems.iter().filter(|problem| !other.problems.contains(problem));
            found.map(|problem| format!("! {word}: {problem}")).collect()
        };
        changes.extend(problems(new, old, "new problem"));
        changes.extend(problems(old, new, "no longer a problem"));
        Self {
            worst_case: [old.worst_case, new.worst_case],
            critical_path: [old.critical_path.clone(), new.critical_path.clone()],
            // What was read is text of any origin.
            changes: changes.iter().map(|change| plain_lines(change)).collect(),
        }
    }
}

impl fmt::Display for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("the plan is unchanged");
        }
        let [old, new] = self.worst_case;
        match new.checked_sub(old) {
            Some(Duration::ZERO) => {
                write!(f, "the plan changed; worst case {}, as before", display(new))?;
            }
            Some(more) => {
                let [old, new, more] = [old, new, more].map(display);
                write!(f, "the plan changed; worst case {old} -> {new} (+{more})")?;
            }
            None => {
                let [old, new, less] = [old, new, old - new].map(display);
                write!(f, "the plan changed; worst case {old} -> {new} (-{less})")?;
            }
        }
        for change in &self.changes {
            write!(f, "\n  {}", change.replace('\n', "\n    "))?;
        }
        let [old, new] = &self.critical_path;
        if old != new {
            let path = |names: &[String]| {
                if names.is_empty() { "none".to_owned() } else { plain(&names.join(" -> ")) }
            };
            write!(f, "\n  ~ critical path: {}\n               was: {}", path(new), path(old))?;
        }
        Ok(())
    }
}

impl fmt::Debug for PlanDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn added(hook: &DocumentHook) -> String {
    let DocumentHook { name, file, line, order, .. } = hook;
    let waits = match hook.waits_for.as_slice() {
        [] => String::new(),
        waits => format!(", after {}", names(waits)),
    };
    format!("+ `{name}` ({file}:{line}): order {order}, timeout {}{waits}", times(hook))
}

fn removed(hook: &DocumentHook) -> String {
    let DocumentHook { name, file, line, order, .. } = hook;
    format!("- `{name}` (was {file}:{line}): order {order}, timeout {}", times(hook))
}

fn hook_changes(old: &DocumentHook, new: &DocumentHook) -> Vec<String> {
    let DocumentHook { name, file, line, .. } = new;
    let mut changes = Vec::new();
    let mut change = |what: String| changes.push(format!("~ `{name}` ({file}:{line}): {what}"));
    if [old.timeout, old.fallback_timeout] != [new.timeout, new.fallback_timeout] {
        change(format!("timeout {} -> {}", times(old), times(new)));
    }
    if old.order != new.order {
        change(format!("order {} -> {}", old.order, new.order));
    }
    for (verb, old, new) in
        [("borrows", &old.borrows, &new.borrows), ("takes", &old.takes, &new.takes)]
    {
        let lacks = |of: &[String], name: &String| !of.contains(name);
        new.iter()
            .filter(|name| lacks(old, name))
            .for_each(|name| change(format!("now {verb} `{name}`")));
        old.iter()
            .filter(|name| lacks(new, name))
            .for_each(|name| change(format!("no longer {verb} `{name}`")));
    }
    changes
}

/// Who now runs before whom: pairs that waited for one another in either plan, also by way of hooks
/// that only one of them has, and those of hooks that moved to another order.
fn relation_changes(old: &Compared, new: &Compared, common: &[[&DocumentHook; 2]]) -> Vec<String> {
    let both = |name: &str| old.get(name).is_some() && new.get(name).is_some();
    let mut pairs = BTreeSet::new();
    for plan in [old, new] {
        for hook in plan.hooks.iter().filter(|hook| both(&hook.name)) {
            pairs.extend(
                plan.nearest(hook, both).into_iter().map(|before| (before, hook.name.as_str())),
            );
        }
    }
    if common.len() <= COMPARED {
        for [_, moved] in common.iter().filter(|[old, new]| old.order != new.order) {
            pairs
                .extend(common.iter().map(|[_, other]| (moved.name.as_str(), other.name.as_str())));
        }
    }
    let mut told = HashSet::new();
    // Who, what it does now, and what it did; to whom.
    let mut found: Vec<(&str, Relation, Relation, Vec<&str>)> = Vec::new();
    let mut place = HashMap::new();
    let is_news = |&(a, b): &(_, _)| a != b && !(old.is_next(a, b) && new.is_next(a, b));
    for (a, b) in pairs.into_iter().filter(is_news) {
        let [mut was, mut is] = [old.relation(a, b), new.relation(a, b)];
        let (mut a, mut b) = (a, b);
        // Said of the one that now goes first; where neither does, of the one that did.
        if is == Relation::After || is == Relation::Beside && was == Relation::After {
            [was, is] = [was, is].map(Relation::mirrored);
            (a, b) = (b, a);
        }
        if was == is || !told.insert((a, b)) {
            continue;
        }
        let at = *place.entry((a, is, was)).or_insert_with(|| {
            found.push((a, is, was, Vec::new()));
            found.len() - 1
        });
        found[at].3.push(b);
    }
    let line = |(who, is, was, whom): (&str, Relation, Relation, Vec<&str>)| {
        let whom = names(&whom);
        match (is, was) {
            (Relation::Before, Relation::Beside) => {
                format!("~ `{who}` now ends before {whom} starts; they ran side by side")
            }
            (Relation::Before, _) => {
                format!("~ `{who}` now ends before {whom} starts; it ran after")
            }
            _ => format!("~ `{who}` no longer ends before {whom} starts: they run side by side"),
        }
    };
    found.into_iter().map(line).collect()
}

impl Relation {
    const fn mirrored(self) -> Self {
        match self {
            Self::Before => Self::After,
            Self::After => Self::Before,
            Self::Beside => Self::Beside,
        }
    }
}

fn times(hook: &DocumentHook) -> String {
    if hook.fallback_timeout.is_zero() {
        display(hook.timeout).to_string()
    } else {
        format!("{}+{}", display(hook.timeout), display(hook.fallback_timeout))
    }
}

fn names<T: AsRef<str>>(names: &[T]) -> String {
    let (shown, rest) = names.split_at(names.len().min(NAMED));
    let shown: Vec<_> = shown.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match rest.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
