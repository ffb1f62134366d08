//! What goes into a plan as it was written: hooks, from wherever they come, and hooks that were
//! promised.

use std::{any::TypeId, borrow::Cow, time::Duration};

use crate::{
    ShutdownContext, SourceLocation,
    declare::{
        HookId,
        hook::{Access, ExpectedHook, HookDecl, Need},
    },
};

#[cfg(feature = "testing")]
use super::Plan;
use super::error::{Kind, PlanProblem};

/// A hook as it was written down or registered, before anything is derived from it.
#[derive(Clone, Debug)]
pub(crate) struct HookSpec {
    pub(crate) id: HookId,
    pub(crate) name: Cow<'static, str>,
    /// Whether a person chose the name, so that two equal ones are a mistake and no accident.
    pub(crate) name_written: bool,
    pub(crate) location: SourceLocation,
    pub(crate) order: Option<i32>,
    pub(crate) timeout: Option<Duration>,
    /// The second step of `on_timeout`, which the worst case counts.
    pub(crate) fallback_timeout: Duration,
    pub(crate) after: Vec<HookId>,
    /// Whether a person wrote down what it comes after, be it nothing.
    pub(crate) after_written: bool,
    pub(crate) before: Vec<HookId>,
    pub(crate) needs: Vec<Need>,
    /// What it counts as borrowing and is not given.
    pub(crate) uses: Vec<Need>,
    /// Whether there is no such hook where a resource of its was never provided.
    pub(crate) if_provided: bool,
    /// Of a hook that was read: the names of the types that it borrows or takes.
    pub(crate) read_types: Vec<(Access, &'static str)>,
}

impl HookSpec {
    /// A hook of this name about which nothing else is written. Its name counts as written.
    pub(crate) const fn new(id: HookId, name: Cow<'static, str>, location: SourceLocation) -> Self {
        Self {
            id,
            name,
            name_written: true,
            location,
            order: None,
            timeout: None,
            fallback_timeout: Duration::ZERO,
            after: Vec::new(),
            after_written: false,
            before: Vec::new(),
            needs: Vec::new(),
            uses: Vec::new(),
            if_provided: false,
            read_types: Vec::new(),
        }
    }

    /// What the hook needs of the resource store: its context is no resource.
    pub(super) fn resources(&self) -> impl Iterator<Item = &Need> {
        self.needs.iter().filter(|need| need.id != TypeId::of::<ShutdownContext>())
    }
}

impl From<&'static HookDecl> for HookSpec {
    fn from(decl: &'static HookDecl) -> Self {
        let ids = |hooks: &[crate::declare::hook::HookRef]| {
            hooks.iter().map(|hook| HookId::Declared(hook().marker)).collect()
        };
        Self {
            id: HookId::Declared(decl.marker),
            name: Cow::Borrowed(decl.name),
            name_written: decl.name_written,
            location: decl.location,
            order: decl.order,
            timeout: decl.timeout,
            fallback_timeout: Duration::ZERO,
            after: ids(decl.after),
            after_written: decl.after_written,
            before: ids(decl.before),
            needs: decl.needs.to_vec(),
            uses: decl.uses.to_vec(),
            if_provided: decl.if_provided,
            read_types: Vec::new(),
        }
    }
}

/// What `expect_hooks!` promised.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) id: HookId,
    name: &'static str,
    location: SourceLocation,
    promised: SourceLocation,
}

impl Promise {
    pub(super) fn problem(&self) -> PlanProblem {
        let Self { name, location, promised, .. } = self;
        let text = format!(
            "`expect_hooks!` at {promised} promises `{name}` ({location}), which is not among the \
             linked hooks\n   name its crate where the program starts: `use the_crate as _;`"
        );
        PlanProblem::new(Kind::Missing, text, vec![(*name).to_owned()])
    }
}

impl From<ExpectedHook> for Promise {
    fn from(expected: ExpectedHook) -> Self {
        let hook = (expected.hook)();
        Self {
            id: HookId::Declared(hook.marker),
            name: hook.name,
            location: hook.location,
            promised: expected.location,
        }
    }
}

/// What was written down, for whoever checks a stop against it.
#[cfg(feature = "testing")]
impl Plan {
    /// The edges as they were written, between hooks that are in the plan: the first before the
    /// second.
    pub(crate) fn written_pairs(&self) -> Vec<(HookId, HookId)> {
        let kept = |id: &HookId| self.index.get(id).is_some_and(|&at| self.entries[at].kept);
        let specs = self.entries.iter().map(|entry| &entry.spec);
        let pairs = specs.flat_map(|spec| {
            let after = spec.after.iter().map(|first| (*first, spec.id));
            after.chain(spec.before.iter().map(|then| (spec.id, *then)))
        });
        let added = self.edges.iter().map(|edge| (edge.before, edge.after));
        pairs.chain(added).filter(|(first, then)| kept(first) && kept(then)).collect()
    }

    /// The hooks of the plan whose order was written, with it.
    pub(crate) fn written_orders(&self) -> Vec<(HookId, i32)> {
        let kept = self.entries.iter().filter(|entry| entry.kept);
        kept.filter_map(|entry| Some((entry.spec.id, entry.spec.order?))).collect()
    }

    /// Whether one hook is to run after the other.
    pub(crate) const fn is_sequential(&self) -> bool {
        self.sequential
    }
}
