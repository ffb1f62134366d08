//! The resources of a simulated lifecycle: the real store, and hooks that hold what they were given for
//! as long as they run.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use crate::{
    ShutdownContext, SourceLocation,
    declare::HookId,
    declare::Uses,
    declare::hook::{Access, Need},
    plan::PlannedHook,
    resource::{Binder, Resources},
};

/// Resource `N`. The even ones can be cloned.
#[derive(Debug)]
pub(super) struct R<const N: usize> {
    /// Whether it is what was provided, and no clone of that.
    original: bool,
}

pub(super) const KINDS: usize = 5;

/// What there is.
#[derive(Clone, Debug)]
pub(super) enum Supply {
    Everything,
    /// By number.
    Only(Vec<usize>),
}

/// What a hook holds while it runs.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) kind: usize,
    pub(super) how: How,
    _value: Box<dyn Any>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Borrowed,
    /// The value that was provided.
    Took,
    /// A clone of it.
    Cloned,
}

pub(super) struct Store {
    resources: Resources,
    holdings: HashMap<HookId, Vec<Holding>>,
    /// What each hook was given, also after it ended: kinds and how.
    pub(super) given: HashMap<HookId, Vec<(usize, How)>>,
}

const HERE: SourceLocation = SourceLocation::new("src/main.rs", 1);

impl Store {
    pub(super) fn new(supply: &Supply) -> Self {
        let resources = Resources::default();
        let has = |kind| match supply {
            Supply::Everything => true,
            Supply::Only(kinds) => kinds.contains(&kind),
        };
        macro_rules! provide {
            ($($kind:literal)*) => {$(
                if has($kind) {
                    resources.provide(R::<$kind> { original: true }, HERE, true).expect("it is the first");
                }
            )*};
        }
        provide!(0 1 2 3 4);
        Self { resources, holdings: HashMap::new(), given: HashMap::new() }
    }

    pub(super) fn add_uses(&self, uses: Uses) {
        self.resources.add_uses(uses);
    }

    /// Binds what the hook asks for, as `#[on_shutdown]` does, or says why that cannot be.
    pub(super) fn start(&mut self, hook: &PlannedHook) -> Result<(), String> {
        let id = hook.id();
        self.resources.began(id);
        let missing: Vec<_> =
            self.resources.missing(hook.needs()).iter().map(ToString::to_string).collect();
        if !missing.is_empty() {
            return Err(missing.join("; "));
        }
        let mut binder =
            Binder::new(&self.resources, id, hook.name(), Arc::new(ShutdownContext::for_tests()));
        let held: Option<Vec<_>> =
            hook.needs().iter().map(|need| bind(&mut binder, need)).collect();
        let Some(held) = held else {
            return Err(binder.into_problem().unwrap_or_default());
        };
        for holding in &held {
            self.assert_exclusive(id, holding);
        }
        self.given.insert(id, held.iter().map(|holding| (holding.kind, holding.how)).collect());
        self.holdings.insert(id, held);
        Ok(())
    }

    pub(super) fn ended(&mut self, hook: HookId) {
        self.holdings.remove(&hook);
        self.resources.ended(hook);
    }

    /// Who has something of this kind borrowed now.
    pub(super) fn borrowers(&self, kind: usize) -> Vec<HookId> {
        let borrows = |held: &Vec<Holding>| {
            held.iter().any(|holding| holding.kind == kind && holding.how == How::Borrowed)
        };
        self.holdings.iter().filter(|(_, held)| borrows(held)).map(|(hook, _)| *hook).collect()
    }

    /// Nobody takes what others still have.
    fn assert_exclusive(&self, hook: HookId, holding: &Holding) {
        if holding.how == How::Took {
            let borrowers = self.borrowers(holding.kind);
            assert!(
                borrowers.is_empty(),
                "{hook:?} took R{} while it was borrowed by {borrowers:?}",
                holding.kind
            );
        }
    }
}

fn bind(binder: &mut Binder<'_>, need: &Need) -> Option<Holding> {
    fn bind<const N: usize>(
        binder: &mut Binder<'_>,
        access: Access,
        cloner: Option<fn(&R<N>) -> R<N>>,
    ) -> Option<Holding> {
        match access {
            Access::Borrow => {
                let value = binder.borrow::<R<N>>()?;
                Some(Holding { kind: N, how: How::Borrowed, _value: Box::new(value) })
            }
            Access::Take => {
                let value = binder.take::<R<N>>(cloner)?;
                let how = if value.original { How::Took } else { How::Cloned };
                Some(Holding { kind: N, how, _value: Box::new(value) })
            }
        }
    }
    fn copy<const N: usize>(_: &R<N>) -> R<N> {
        R { original: false }
    }
    match kind_of(need.id) {
        0 => bind::<0>(binder, need.access, Some(copy)),
        1 => bind::<1>(binder, need.access, None),
        2 => bind::<2>(binder, need.access, Some(copy)),
        3 => bind::<3>(binder, need.access, None),
        _ => bind::<4>(binder, need.access, Some(copy)),
    }
}

pub(super) const fn is_clone(kind: usize) -> bool {
    kind.is_multiple_of(2)
}

pub(super) fn borrow(kind: usize) -> Need {
    [
        Need::borrow::<R<0>>(),
        Need::borrow::<R<1>>(),
        Need::borrow::<R<2>>(),
        Need::borrow::<R<3>>(),
        Need::borrow::<R<4>>(),
    ][kind]
}

pub(super) fn take(kind: usize) -> Need {
    [
        Need::take::<R<0>>(),
        Need::take::<R<1>>(),
        Need::take::<R<2>>(),
        Need::take::<R<3>>(),
        Need::take::<R<4>>(),
    ][kind]
}

pub(super) fn kind_of(id: TypeId) -> usize {
    (0..KINDS).find(|kind| borrow(*kind).id == id).expect("a resource of the tests")
}

/// That `user` uses `used`, which has the larger number.
pub(super) fn uses(user: usize, used: usize) -> Uses {
    match (user, used) {
        (0, 1) => Uses::new::<R<0>, R<1>>(HERE),
        (0, 3) => Uses::new::<R<0>, R<3>>(HERE),
        (1, 2) => Uses::new::<R<1>, R<2>>(HERE),
        (2, 3) => Uses::new::<R<2>, R<3>>(HERE),
        _ => Uses::new::<R<3>, R<4>>(HERE),
    }
}

/// The pairs that `uses` knows.
pub(super) const USES: [(usize, usize); 5] = [(0, 1), (0, 3), (1, 2), (2, 3), (3, 4)];
