//! A plan as its JSON tells it: what two versions of a service have in common.

use std::{
    collections::{HashMap, HashSet},
    sync::OnceLock,
    time::Duration,
};

use serde::Deserialize;

use crate::read::{JsonError, read, seconds};

use super::json::{FORMAT, VERSION};

/// How many hooks are compared each with each; in a larger plan only those that waited for one another.
pub(crate) const COMPARED: usize = 1_000;

/// A plan that may be of another version of the program: hooks are known by their names.
#[derive(Deserialize)]
pub(crate) struct Document {
    #[serde(rename = "worst_case_seconds", deserialize_with = "seconds")]
    pub(crate) worst_case: Duration,
    pub(crate) critical_path: Vec<String>,
    pub(crate) hooks: Vec<DocumentHook>,
    pub(crate) problems: Vec<String>,
    #[serde(skip)]
    place: HashMap<String, usize>,
    /// For each hook, who waits for it within its order.
    #[serde(skip)]
    releases: Vec<Vec<usize>>,
    /// For each hook, found when it is first asked for, all that wait for it in the end.
    #[serde(skip)]
    behind: Vec<OnceLock<HashSet<usize>>>,
}

#[derive(Deserialize)]
pub(crate) struct DocumentHook {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) order: i32,
    #[serde(rename = "timeout_seconds", deserialize_with = "seconds")]
    pub(crate) timeout: Duration,
    #[serde(rename = "reserve_seconds", deserialize_with = "seconds")]
    pub(crate) fallback_timeout: Duration,
    pub(crate) waits_for: Vec<String>,
    pub(crate) borrows: Vec<String>,
    pub(crate) takes: Vec<String>,
}

/// How one hook stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relation {
    /// It ends before the other starts.
    Before,
    /// It starts after the other has ended.
    After,
    /// They may run at the same time.
    Beside,
}

impl Document {
    pub(crate) fn read(json: &str) -> Result<Self, JsonError> {
        let made_by = "`Plan::to_json` and LIFECYCLE_PLAN=json write one";
        let mut document: Self = read(json, FORMAT, VERSION, made_by)?;
        document.place =
            document.hooks.iter().enumerate().map(|(at, hook)| (hook.name.clone(), at)).collect();
        document.releases = vec![Vec::new(); document.hooks.len()];
        document.behind = vec![OnceLock::new(); document.hooks.len()];
        for (at, hook) in document.hooks.iter().enumerate() {
            for before in &hook.waits_for {
                let before = document.place.get(before).ok_or_else(|| {
                    JsonError::new(format!(
                        "the hook `{}` waits for `{before}`, which is no hook",
                        hook.name
                    ))
                })?;
                document.releases[*before].push(at);
            }
        }
        Ok(document)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&DocumentHook> {
        self.place.get(name).map(|&at| &self.hooks[at])
    }

    /// How `a` stands to `b`, both hooks of this plan.
    pub(crate) fn relation(&self, a: &str, b: &str) -> Relation {
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
    pub(crate) fn nearest<'d>(
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
    pub(crate) fn is_next(&self, a: &str, b: &str) -> bool {
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
