//! Where the values stand, and who has which.

use std::{
    any::{Any, TypeId, type_name},
    collections::{HashMap, HashSet},
    sync::Arc,
};

use super::{Access, Missing, Need, Uses};
use crate::{SourceLocation, values::HookId};

#[derive(Default)]
pub(super) struct Store {
    pub(super) slots: HashMap<TypeId, Slot>,
    pub(super) uses: Vec<Uses>,
    pub(super) next: u64,
    /// The hooks that have begun and not ended: who may still borrow.
    pub(super) active: HashSet<HookId>,
    /// What a hook that has begun counts as borrowing and was not given: its `uses = [..]`.
    pub(super) counted: Vec<(HookId, String, Need)>,
    /// `provide` is over: the last hook has begun its work without it.
    pub(super) closed: bool,
}

pub(super) struct Slot {
    pub(super) value: Option<Box<dyn Any + Send>>,
    /// Whether `value` holds an `Arc<T>` where `T` was provided.
    pub(super) shared: bool,
    /// How many have a share of `value`, itself included, once it is an `Arc`.
    shares: fn(&(dyn Any + Send)) -> usize,
    /// Whether somebody outside the hooks has a share.
    pub(super) lent: bool,
    pub(super) taken_by: Option<String>,
    pub(super) type_name: &'static str,
    pub(super) location: SourceLocation,
    /// The turn in which it was provided.
    pub(super) turn: u64,
    pub(super) borrowers: Vec<(HookId, String)>,
}

impl Store {
    pub(super) fn put<T: Send + 'static>(
        &mut self,
        value: T,
        location: SourceLocation,
    ) -> Option<Slot> {
        self.next += 1;
        let slot = Slot {
            value: Some(Box::new(value)),
            shared: false,
            shares: |_| 1,
            lent: false,
            taken_by: None,
            type_name: type_name::<T>(),
            location,
            turn: self.next,
            borrowers: Vec::new(),
        };
        self.slots.insert(TypeId::of::<T>(), slot)
    }

    pub(super) fn share<T: Send + Sync + 'static>(
        &mut self,
        borrower: Option<(HookId, &str)>,
    ) -> Option<Arc<T>> {
        let direct = self.slots.get_mut(&TypeId::of::<T>()).and_then(Slot::share::<T>);
        let (id, arc) = match direct {
            Some(arc) => (TypeId::of::<T>(), arc),
            None => {
                let slot = self.slots.get_mut(&TypeId::of::<Arc<T>>())?;
                let arc = if slot.shared {
                    slot.value
                        .as_ref()?
                        .downcast_ref::<Arc<Arc<T>>>()
                        .map(|outer| Arc::clone(&**outer))
                } else {
                    slot.value.as_ref()?.downcast_ref::<Arc<T>>().map(Arc::clone)
                }?;
                (TypeId::of::<Arc<T>>(), arc)
            }
        };
        if let Some(slot) = self.slots.get_mut(&id) {
            match borrower {
                Some((hook, name)) => slot.borrowers.push((hook, name.to_owned())),
                None => slot.lent = true,
            }
        }
        Some(arc)
    }

    /// The value, whether it is an `Arc<T>` of it, and whether a hook that runs on uses it through
    /// what it borrowed or took, or says so itself.
    pub(super) fn take<T: 'static>(
        &mut self,
        hook: HookId,
        by: &str,
    ) -> Option<(Box<dyn Any + Send>, bool, bool)> {
        let in_use = !self.users(TypeId::of::<T>(), hook).is_empty();
        let slot = self.slots.get_mut(&TypeId::of::<T>())?;
        let value = slot.value.take()?;
        slot.taken_by = Some(by.to_owned());
        slot.borrowers.push((hook, by.to_owned()));
        Some((value, slot.shared, in_use))
    }

    /// The hooks that run and hold something that uses `used`, at any depth, or count as borrowing
    /// it or such a thing.
    pub(super) fn users(&self, used: TypeId, except: HookId) -> Vec<String> {
        let mut types = vec![used];
        let mut at = 0;
        while let Some(&used) = types.get(at) {
            at += 1;
            for uses in self.uses.iter().filter(|uses| uses.used == used || uses.used_arc == used) {
                if !types.contains(&uses.of) {
                    types.push(uses.of);
                }
            }
        }
        let slots = types[1..].iter().filter_map(|id| self.slots.get(id));
        let holders = slots.flat_map(|slot| self.holders(slot, except));
        let counted = self.counted.iter().filter(|(hook, _, need)| {
            self.is_another(*hook, except)
                && (types.contains(&need.id) || types.contains(&need.arc_id))
        });
        holders.chain(counted.map(|(_, name, _)| name.clone())).collect()
    }

    /// The hooks that got the value of `slot`, or a share of it, and have not ended.
    pub(super) fn holders<'s>(
        &'s self,
        slot: &'s Slot,
        except: HookId,
    ) -> impl Iterator<Item = String> + 's {
        let running = slot.borrowers.iter().filter(move |(hook, _)| self.is_another(*hook, except));
        running.map(|(_, name)| name.clone())
    }

    /// Whether `hook` has begun and not ended, and is not `except`.
    fn is_another(&self, hook: HookId, except: HookId) -> bool {
        hook != except && self.active.contains(&hook)
    }

    /// Whether `hook` may not get what it asks to take, although it is there: somebody has a share of
    /// it, or uses it. Only its type can tell, which may be `Clone`.
    pub(super) fn may_refuse(&self, hook: HookId, need: &Need) -> bool {
        let is_shared = |slot: &Slot| slot.value.as_deref().is_some_and(|v| (slot.shares)(v) > 1);
        need.access == Access::Take
            && (self.slots.get(&need.id).is_some_and(is_shared)
                || !self.users(need.id, hook).is_empty())
    }

    /// Something that could not be taken goes back where it was.
    pub(super) fn give_back<T: 'static>(&mut self, value: Box<dyn Any + Send>) {
        if let Some(slot) = self.slots.get_mut(&TypeId::of::<T>()) {
            slot.value = Some(value);
            slot.taken_by = None;
        }
    }

    pub(super) fn still_borrowed<T: 'static>(&self, except: HookId) -> String {
        let id = TypeId::of::<T>();
        let slot = self.slots.get(&id);
        let mut holders: Vec<_> =
            slot.into_iter().flat_map(|slot| self.holders(slot, except)).collect();
        holders.extend(self.users(id, except));
        holders.sort();
        holders.dedup();
        if holders.is_empty() && slot.is_some_and(|slot| slot.lent) {
            holders.push("code that called lifecycle::resource()".to_owned());
        }
        let holders = if holders.is_empty() {
            "somebody who cloned its Arc".to_owned()
        } else {
            holders.join(", ")
        };
        format!(
            "`{}` is still borrowed by {holders}, and is not Clone; let that let go of it before",
            type_name::<T>()
        )
    }

    pub(super) fn missing(&self, need: &Need) -> Option<Missing> {
        let type_name = (need.type_name)();
        let direct = self.slots.get(&need.id);
        if direct.is_some_and(|slot| slot.value.is_some()) {
            return None;
        }
        if need.access == Access::Borrow
            && self.slots.get(&need.arc_id).is_some_and(|slot| slot.value.is_some())
        {
            return None;
        }
        let why = match direct {
            Some(slot) => {
                format!("was taken by {}", slot.taken_by.as_deref().unwrap_or("somebody"))
            }
            None => format!("was never provided{}", self.near_miss(type_name)),
        };
        Some(Missing { type_name, why, was_provided: direct.is_some() })
    }

    /// What was provided instead, by the look of its name.
    pub(super) fn near_miss(&self, wanted: &str) -> String {
        let short = last_segment(wanted);
        let mut near: Vec<_> = self
            .slots
            .values()
            .filter(|slot| {
                let have = slot.type_name;
                last_segment(have) == short
                    || have.ends_with(&format!("<{wanted}>"))
                    || wanted.ends_with(&format!("<{have}>"))
            })
            .map(|slot| (slot.turn, format!("`{}` was, at {}", slot.type_name, slot.location)))
            .collect();
        near.sort();
        near.into_iter().map(|(_, text)| format!("; {text}")).collect()
    }
}

impl Slot {
    /// A share of the value, which becomes an `Arc` for it.
    pub(super) fn share<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        if !self.shared {
            let value = self.value.take()?.downcast::<T>();
            let value: Box<dyn Any + Send> = match value {
                Ok(value) => Box::new(Arc::<T>::from(value)),
                Err(value) => value,
            };
            self.value = Some(value);
            self.shared = true;
            self.shares = |value| value.downcast_ref::<Arc<T>>().map_or(1, Arc::strong_count);
        }
        self.value.as_ref()?.downcast_ref::<Arc<T>>().cloned()
    }
}

/// `PgPool` of `sqlx::PgPool`, `Arc<PgPool>` of `alloc::sync::Arc<sqlx::PgPool>`.
fn last_segment(type_name: &str) -> &str {
    let head = type_name.split('<').next().unwrap_or(type_name);
    let start = head.rfind("::").map_or(0, |at| at + 2);
    &type_name[start..]
}
