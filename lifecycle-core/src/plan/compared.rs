//! How the hooks of a plan stand to one another, by their names: what two versions of a service
//! have in common.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
    sync::OnceLock,
};

use super::export::json::{Document, DocumentHook};
use crate::text::json::JsonError;

/// How many hooks are compared each with each; in a larger plan only those that waited for one
/// another.
pub(super) const COMPARED: usize = 1_000;

/// A plan that is compared with another.
pub(super) struct Compared {
    plan: Document,
    place: HashMap<String, usize>,
    /// For each hook, who waits for it within its order.
    releases: Vec<Vec<usize>>,
    /// For each hook, found when it is first asked for, all that wait for it in the end.
    behind: Vec<OnceLock<HashSet<usize>>>,
}

impl Deref for Compared {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.plan
    }
}

/// How one hook stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    /// It ends before the other starts.
    Before,
    /// It starts after the other has ended.
    After,
    /// They may run at the same time.
    Beside,
}

impl Compared {
    /// Refuses a plan in which a hook waits for one that is not there.
    pub(super) fn new(plan: Document) -> Result<Self, JsonError> {
        let place: HashMap<String, usize> =
            plan.hooks.iter().enumerate().map(|(at, hook)| (hook.name.clone(), at)).collect();
        let mut releases = vec![Vec::new(); plan.hooks.len()];
        for (at, hook) in plan.hooks.iter().enumerate() {
            for before in &hook.waits_for {
                let before = place.get(before).ok_or_else(|| {
                    JsonError::new(format!(
                        "the hook `{}` waits for `{before}`, which is no hook",
                        hook.name
                    ))
                })?;
                releases[*before].push(at);
            }
        }
        let behind = vec![OnceLock::new(); plan.hooks.len()];
        Ok(Self { plan, place, releases, behind })
    }

    pub(super) fn get(&self, name: &str) -> Option<&DocumentHook> {
        self.place.get(name).map(|&at| &self.hooks[at])
    }

    /// How `a` stands to `b`, both hooks of this plan.
    pub(super) fn relation(&self, a: &str, b: &str) -> Relation {
        let (Some(&a), Some(&b)) = (self.place.get(a), self.place.get(b)) else {
            return Relation::Beside;
        };
        match self.hooks[a].order.cmp(&self.hooks[b].order) {
            std::cmp::Ordering::Less => Relation::Before,
            std::cmp::Ordering::Greater => Relation::After,
            std::cmp::Ordering::Equal if self.leads(a, b) => Relation::Before,
            std::cmp::Ordering::Equal if self.leads(b, a) => Relation::After,
            std::cmp::Ordering::Equal => Relation::Beside,
        }
    }

    /// The hooks that are `known` and that `hook` waits for, with none of them between.
    pub(super) fn nearest<'d>(
        &'d self,
        hook: &'d DocumentHook,
        known: impl Fn(&str) -> bool,
    ) -> HashSet<&'d str> {
        let (mut seen, mut found) = (HashSet::new(), HashSet::new());
        let mut next: Vec<&str> = hook.waits_for.iter().map(String::as_str).collect();
        while let Some(name) = next.pop() {
            if known(name) {
                found.insert(name);
            } else if seen.insert(name) {
                next.extend(
                    self.get(name).into_iter().flat_map(|hook| &hook.waits_for).map(String::as_str),
                );
            }
        }
        found
    }

    /// Whether `b` waits for `a` itself.
    pub(super) fn is_next(&self, a: &str, b: &str) -> bool {
        self.get(b).is_some_and(|hook| hook.waits_for.iter().any(|before| before == a))
    }

    /// Whether `to` waits for `from`, or for one that does.
    fn leads(&self, from: usize, to: usize) -> bool {
        let behind = |until: Option<usize>| {
            let (mut seen, mut next) = (HashSet::new(), vec![from]);
            while let Some(at) = next.pop() {
                next.extend(
                    self.releases[at].iter().copied().filter(|&released| seen.insert(released)),
                );
                if until.is_some_and(|until| seen.contains(&until)) {
                    break;
                }
            }
            seen
        };
        // Of a large plan only few are asked for, and all the answers would take a lot of memory.
        match self.hooks.len() <= COMPARED {
            true => self.behind[from].get_or_init(|| behind(None)).contains(&to),
            false => behind(Some(to)).contains(&to),
        }
    }
}
