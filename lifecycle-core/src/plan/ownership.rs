//! Edges that nobody writes: who takes a resource runs after all who use it.

use std::{
    any::TypeId,
    collections::{HashMap, HashSet, VecDeque},
};

use crate::declare::hook::{Access, Need};

use super::{
    Uses,
    edges::{Edge, Owns, Why},
    spec::HookSpec,
};

/// Ownership as the hooks and `uses` state it.
#[derive(Debug)]
pub(super) struct Ownership {
    pub(super) edges: Vec<Edge>,
    /// For each type that more than one hook takes: its name and the takers.
    pub(super) contested: Vec<(&'static str, Vec<u32>)>,
}

/// Finds it among `hooks`, whose index is their node; of two ways to use a resource, the order of
/// `uses` decides which is told.
pub(super) fn ownership(hooks: &[&HookSpec], uses: &[Uses]) -> Ownership {
    let claims = Claims::new(hooks, uses);
    let mut found = Ownership { edges: Vec::new(), contested: Vec::new() };
    for (taken, takers) in &claims.taken {
        if takers.len() > 1 {
            found.contested.push((takers[0].1, takers.iter().map(|taker| taker.0).collect()));
        }
        for user in claims.users(*taken) {
            for &(taker, taken) in takers {
                if taker != user.hook {
                    let (used, used_is_taken) = (user.asks_for, user.through.is_empty());
                    let owns = Owns { taken, used, used_is_taken, through: user.through.clone() };
                    found.edges.push(Edge {
                        from: user.hook,
                        to: taker,
                        why: Why::Owns(Box::new(owns)),
                    });
                }
            }
        }
    }
    found
}

/// A hook that uses a type which another one takes.
struct User {
    hook: u32,
    asks_for: &'static str,
    through: Vec<Uses>,
}

/// Who asks for what, by type.
struct Claims<'s> {
    uses: &'s [Uses],
    /// In the order of the first taker, so that what is found depends on the hooks alone.
    taken: Vec<(TypeId, Vec<(u32, &'static str)>)>,
    takers: HashMap<TypeId, Vec<(u32, &'static str)>>,
    borrowers: HashMap<TypeId, Vec<(u32, &'static str)>>,
    /// Indices into `uses`, by what is used.
    used_by: HashMap<TypeId, Vec<usize>>,
}

impl<'s> Claims<'s> {
    fn new(hooks: &[&HookSpec], uses: &'s [Uses]) -> Self {
        let mut takers: HashMap<_, Vec<_>> = HashMap::new();
        let mut borrowers: HashMap<_, Vec<_>> = HashMap::new();
        let mut first_taken = Vec::new();
        for (hook, spec) in (0..).zip(hooks) {
            for Need { access, id, arc_id, type_name, .. } in spec.resources().chain(&spec.uses) {
                let claim = (hook, type_name());
                match access {
                    Access::Take => {
                        let takers = takers.entry(*id).or_default();
                        if takers.is_empty() {
                            first_taken.push(*id);
                        }
                        takers.push(claim);
                    }
                    // A provided `Arc<T>` serves `&T`, so the one who takes the `Arc` waits as
                    // well.
                    Access::Borrow => {
                        [id, arc_id]
                            .into_iter()
                            .for_each(|id| borrowers.entry(*id).or_default().push(claim));
                    }
                }
            }
        }
        let mut used_by: HashMap<_, Vec<_>> = HashMap::new();
        for (i, uses) in uses.iter().enumerate() {
            used_by.entry(uses.used).or_default().push(i);
            used_by.entry(uses.used_arc).or_default().push(i);
        }
        let taken = first_taken.into_iter().map(|id| (id, takers[&id].clone())).collect();
        Self { uses, taken, takers, borrowers, used_by }
    }

    /// The hooks that borrow `taken`, or borrow or take something that uses it, each once and by
    /// the shortest way.
    fn users(&self, taken: TypeId) -> Vec<User> {
        let mut users = Vec::new();
        let mut known = HashSet::new();
        let mut seen = HashSet::from([taken]);
        let mut next = VecDeque::from([(taken, Vec::new())]);
        while let Some((used, through)) = next.pop_front() {
            let takers = if through.is_empty() { None } else { self.takers.get(&used) };
            for &(hook, asks_for) in self.borrowers.get(&used).into_iter().chain(takers).flatten() {
                if known.insert(hook) {
                    users.push(User { hook, asks_for, through: through.clone() });
                }
            }
            for &i in self.used_by.get(&used).into_iter().flatten() {
                let uses = self.uses[i];
                if seen.insert(uses.of) {
                    let through = std::iter::once(uses).chain(through.iter().copied()).collect();
                    next.push_back((uses.of, through));
                }
            }
        }
        users
    }
}
