//! Random plans with all that an application can do to them: corrections, a default timeout, one hook
//! after the other.

use std::{any::TypeId, time::Duration};

use proptest::{
    collection::vec,
    option,
    prelude::{Strategy, any, prop},
    prop_oneof,
};

use super::super::{
    plans::{Overrides, given, id},
    resources::{KINDS, borrow, take},
};
use crate::{
    Hook, Plan, SourceLocation,
    declare::HookId,
    declare::hook::{Access, Body, HookDecl},
    plan::HookSpec,
};

/// How many hooks are declared, so that corrections can name them: the first ones.
pub(super) const DECLARED: usize = 8;

/// The marker of hook `N`.
#[derive(Debug)]
pub(super) enum K<const N: usize> {}

impl<const N: usize> K<N> {
    const DECL: HookDecl = HookDecl {
        marker: TypeId::of::<Self>(),
        name: "declared",
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

impl<const N: usize> Hook for K<N> {
    fn declared() -> &'static HookDecl {
        &Self::DECL
    }
}

/// `$do`, where `$K` is the marker of hook `$n`, which is less than `DECLARED`.
macro_rules! with_marker {
    ($n:expr, $K:ident => $do:expr) => {
        with_marker!($n, $K => $do, 0 1 2 3 4 5 6 7)
    };
    ($n:expr, $K:ident => $do:expr, $($number:literal)*) => {
        match $n {
            $($number => { type $K = $crate::machine::tests::proof::made::K<$number>; $do })*
            n => panic!("hook {n} is not declared"),
        }
    };
}
pub(super) use with_marker;

/// A plan and how it came about. Hook `n` has the id [`id_of`]`(n)`.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) given: Overrides,
    pub(super) corrections: Vec<Correction>,
    pub(super) plan: Plan,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Correction {
    Timeout(usize, Duration),
    Order(usize, i32),
    Edge(usize, usize),
    Sequential,
    Without(usize),
}

pub(super) fn id_of(n: usize) -> HookId {
    if n < DECLARED { with_marker!(n, M => HookId::of::<M>()) } else { id(n) }
}

/// Up to `most` hooks, which may take one of `times`, or, where they declare nothing, the default. Of the
/// corrections those are made that leave a valid plan.
pub(super) fn made(
    most: usize,
    times: impl Strategy<Value = Duration> + Clone,
) -> impl Strategy<Value = Made> {
    let each = vec((option::weighted(0.9, times.clone()), times.clone()), most);
    let correction = prop_oneof![
        3 => (0..DECLARED, times).prop_map(|(n, time)| Correction::Timeout(n, time)),
        2 => (0..DECLARED, -2..3_i32).prop_map(|(n, order)| Correction::Order(n, order)),
        3 => (0..DECLARED, 0..DECLARED).prop_map(|(a, b)| Correction::Edge(a, b)),
    ];
    let left_out = prop::bool::weighted(0.15);
    let corrections = (vec(correction, 0..4), vec(left_out, DECLARED), prop::bool::weighted(0.06));
    let reserves = vec(option::weighted(0.5, any::<prop::sample::Index>()), most);
    (given(most), each, corrections, reserves).prop_map(
        move |(mut given, times, corrections, reserves)| {
            for (n, spec) in given.specs.iter_mut().enumerate() {
                spec.timeout = times[n].0;
                if !spec.fallback_timeout.is_zero() {
                    spec.fallback_timeout =
                        times[n].1 / reserves[n].map_or(1, |part| 1 + part.index(5) as u32);
                }
                declare(spec, n);
            }
            let (mut wished, left_out, sequential) = corrections;
            let count = given.specs.len();
            wished.retain(|correction| correction.names(count));
            wished.extend(sequential.then_some(Correction::Sequential));
            // Last, so that every edge that leads through what is left out was valid with it.
            wished
                .extend((0..DECLARED.min(count)).filter(|n| left_out[*n]).map(Correction::Without));
            let (mut plan, mut corrections) =
                (Plan::build(given.specs.clone(), given.uses.clone(), Vec::new()), Vec::new());
            for correction in wished {
                let corrected = correction.apply(plan.clone());
                if corrected.check().is_ok() {
                    plan = corrected;
                    corrections.push(correction);
                }
            }
            Made { given, corrections, plan }
        },
    )
}

impl Correction {
    /// Whether it is about the first `count` hooks only.
    fn names(self, count: usize) -> bool {
        match self {
            Self::Timeout(n, _) | Self::Order(n, _) | Self::Without(n) => n < count,
            Self::Edge(a, b) => a.max(b) < count,
            Self::Sequential => true,
        }
    }

    fn apply(self, plan: Plan) -> Plan {
        match self {
            Self::Timeout(n, time) => with_marker!(n, A => plan.timeout::<A>(time)),
            Self::Order(n, order) => with_marker!(n, A => plan.order::<A>(order)),
            Self::Edge(a, b) => with_marker!(a, A => with_marker!(b, B => plan.edge::<A, B>())),
            Self::Sequential => plan.sequential(),
            Self::Without(n) => with_marker!(n, A => plan.without::<A>()),
        }
    }
}

/// Gives hook `n` and those it names their ids.
fn declare(spec: &mut HookSpec, n: usize) {
    spec.id = id_of(n);
    for other in spec.after.iter_mut().chain(&mut spec.before) {
        if let HookId::Registered(number) = *other {
            *other = id_of(number as usize);
        }
    }
}

/// The numbers of the resources that `spec` borrows or takes.
pub(super) fn kinds(spec: &HookSpec, access: Access) -> impl Iterator<Item = usize> {
    let need = if access == Access::Borrow { borrow } else { take };
    (0..KINDS).filter(move |kind| {
        spec.needs.iter().any(|has| has.access == access && has.id == need(*kind).id)
    })
}
