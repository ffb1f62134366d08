//! Hooks and resources to build plans of.

use std::{any::TypeId, borrow::Cow, time::Duration};

use crate::{
    Hook, SourceLocation,
    declare::HookId,
    declare::hook::{Body, HookDecl, Need},
    plan::{HookSpec, Plan, Uses},
};

/// The marker of hook `N`.
#[derive(Debug)]
pub(super) enum M<const N: usize> {}

/// Resource `N`.
#[derive(Debug)]
pub(super) struct R<const N: usize>;

pub(super) type A = M<0>;
pub(super) type B = M<1>;
pub(super) type C = M<2>;
pub(super) type D = M<3>;
pub(super) type E = M<4>;

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

impl<const N: usize> M<N> {
    const DECL: HookDecl = HookDecl {
        marker: TypeId::of::<Self>(),
        name: NAMES[N],
        name_written: false,
        location: SourceLocation::new("src/hooks.rs", N as u32 + 1),
        order: None,
        timeout: None,
        after: &[],
        after_written: false,
        before: &[],
        blocking: true,
        needs: &[],
        uses: &[],
        if_provided: false,
        start: |_| -> Option<Body> { None },
    };
}

impl<const N: usize> Hook for M<N> {
    fn declared() -> &'static HookDecl {
        &Self::DECL
    }
}

/// The hook whose marker is `H`, declared without anything.
pub(super) fn hook<H: Hook>() -> HookSpec {
    H::declared().into()
}

/// Hook `n` of many, named after its number, at a line of its own.
pub(super) fn numbered(n: usize) -> HookSpec {
    HookSpec::new(
        HookId::Registered(n as u64),
        format!("hook{n:02}").into(),
        SourceLocation::new("src/many.rs", n as u32 + 1),
    )
}

impl HookSpec {
    pub(super) fn order(mut self, order: i32) -> Self {
        self.order = Some(order);
        self
    }

    pub(super) fn timeout(mut self, seconds: u64) -> Self {
        self.timeout = Some(Duration::from_secs(seconds));
        self
    }

    pub(super) fn after(mut self, hooks: impl IntoIterator<Item = HookId>) -> Self {
        self.after.extend(hooks);
        self
    }

    pub(super) fn before(mut self, hooks: impl IntoIterator<Item = HookId>) -> Self {
        self.before.extend(hooks);
        self
    }

    pub(super) fn needs(mut self, needs: impl IntoIterator<Item = Need>) -> Self {
        self.needs.extend(needs);
        self
    }

    pub(super) fn name(mut self, name: &'static str) -> Self {
        self.name = Cow::Borrowed(name);
        self.name_written = true;
        self
    }
}

pub(super) fn id<H: Hook>() -> HookId {
    HookId::of::<H>()
}

pub(super) fn uses<T: 'static, U: 'static>(line: u32) -> Uses {
    Uses::new::<T, U>(SourceLocation::new("src/main.rs", line))
}

pub(super) fn plan(specs: impl IntoIterator<Item = HookSpec>) -> Plan {
    Plan::build(specs.into_iter().collect(), Vec::new(), Vec::new())
}

pub(super) fn names(plan: &Plan) -> Vec<&str> {
    plan.hooks().iter().map(|hook| hook.name()).collect()
}

/// What is wrong with `plan`, in words.
#[track_caller]
pub(super) fn problems(plan: &Plan) -> String {
    plan.check().expect_err("the plan has a problem").to_string()
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
