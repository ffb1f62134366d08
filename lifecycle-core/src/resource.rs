//! Typed resources: what `provide` stores and hooks find by type.
//!
//! Invariants:
//! 1. No code of the application runs under the store's lock: values leave it before they are dropped
//!    or cloned.
//! 2. A value that a hook takes leaves the store as itself: borrowers share it through an `Arc` that is
//!    unwrapped when the last of them has ended.

use std::{
    any::{Any, TypeId, type_name},
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    SourceLocation,
    context::ShutdownContext,
    hook::{Access, Need},
    plan::{HookId, Uses},
};

/// The resources of one lifecycle.
#[derive(Default)]
pub(crate) struct Resources {
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    slots: HashMap<TypeId, Slot>,
    uses: Vec<Uses>,
    next: u64,
    /// The hooks that have begun and not ended: who may still borrow.
    active: HashSet<HookId>,
    /// `provide` is over: the last hook has begun its work without it.
    closed: bool,
}

struct Slot {
    value: Option<Box<dyn Any + Send>>,
    /// Whether `value` holds an `Arc<T>` where `T` was provided.
    shared: bool,
    /// Whether somebody outside the hooks has a share.
    lent: bool,
    taken_by: Option<String>,
    type_name: &'static str,
    location: SourceLocation,
    /// The turn in which it was provided.
    turn: u64,
    borrowers: Vec<(HookId, String)>,
}

/// Why `provide` turned a value away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    Twice { first: SourceLocation },
    TooLate,
}

impl Resources {
    /// Stores `value`; when `strict`, a second value of the type is turned away.
    pub(crate) fn provide<T: Send + 'static>(
        &self,
        value: T,
        location: SourceLocation,
        strict: bool,
    ) -> Result<(), (Turned, T)> {
        let mut shelf = self.lock();
        if shelf.closed {
            return Err((Turned::TooLate, value));
        }
        if strict && let Some(slot) = shelf.slots.get(&TypeId::of::<T>()) {
            return Err((Turned::Twice { first: slot.location }, value));
        }
        let old = shelf.put(value, location);
        drop(shelf);
        drop(old);
        Ok(())
    }

    /// Puts `value` in the place of what is there.
    pub(crate) fn replace<T: Send + 'static>(&self, value: T, location: SourceLocation) -> Option<Arc<T>> {
        let old = self.lock().put(value, location)?;
        let shared = old.shared;
        old.value.and_then(|old| {
            if shared {
                old.downcast::<Arc<T>>().ok().map(|arc| *arc)
            } else {
                old.downcast::<T>().ok().map(Arc::from)
            }
        })
    }

    /// A share of the resource, for code outside the hooks.
    pub(crate) fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.lock().share::<T>(None)
    }

    pub(crate) fn uses(&self) -> Vec<Uses> {
        self.lock().uses.clone()
    }

    pub(crate) fn add_uses(&self, uses: Uses) {
        self.lock().uses.push(uses);
    }

    /// What `needs` asks for and is not there.
    pub(crate) fn missing(&self, needs: &[Need]) -> Vec<Missing> {
        let shelf = self.lock();
        needs
            .iter()
            .filter(|need| !need.optional && need.id != TypeId::of::<ShutdownContext>())
            .filter_map(|need| shelf.missing(need))
            .collect()
    }

    /// `hook` begins: from here until `ended` it may borrow.
    pub(crate) fn began(&self, hook: HookId) {
        self.lock().active.insert(hook);
    }

    pub(crate) fn ended(&self, hook: HookId) {
        self.lock().active.remove(&hook);
    }

    /// No `provide` is accepted from here.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// What nobody took, last provided first. The caller drops it.
    pub(crate) fn leftovers(&self) -> Vec<Leftover> {
        let mut shelf = self.lock();
        let mut left: Vec<_> = shelf
            .slots
            .values_mut()
            .filter_map(|slot| {
                let value = slot.value.take()?;
                slot.taken_by = Some("the end of the teardown".to_owned());
                Some(Leftover { type_name: slot.type_name, location: slot.location, turn: slot.turn, value })
            })
            .collect();
        left.sort_by_key(|leftover| std::cmp::Reverse(leftover.turn));
        left
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource that no hook took.
pub(crate) struct Leftover {
    pub(crate) type_name: &'static str,
    pub(crate) location: SourceLocation,
    turn: u64,
    value: Box<dyn Any + Send>,
}

impl Leftover {
    /// Runs the value's destructor.
    pub(crate) fn drop_value(self) {
        drop(self.value);
    }
}

/// A resource that a hook wants and cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) type_name: &'static str,
    pub(crate) why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.type_name, self.why)
    }
}

/// Binds a hook's parameters to resources, for the code that `#[on_shutdown]` generates. The runtime
/// has checked `HookDecl::needs` before, so `None` is rare, and the binder remembers why.
pub struct Binder<'b> {
    resources: &'b Resources,
    hook: HookId,
    hook_name: &'b str,
    context: Arc<ShutdownContext>,
    problem: Option<String>,
}

impl<'b> Binder<'b> {
    pub(crate) fn new(
        resources: &'b Resources,
        hook: HookId,
        hook_name: &'b str,
        context: Arc<ShutdownContext>,
    ) -> Self {
        Self { resources, hook, hook_name, context, problem: None }
    }

    /// Why a parameter could not be had, after the binding said `None`.
    pub(crate) fn into_problem(self) -> Option<String> {
        self.problem
    }

    /// For `&T`: the resource, or the hook's `ShutdownContext` where `T` is that.
    pub fn borrow<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        let found = self.borrow_optional::<T>();
        if found.is_none() {
            self.note(&Need::borrow::<T>());
        }
        found
    }

    /// For `Option<&T>`.
    pub fn borrow_optional<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        let context: Arc<dyn Any + Send + Sync> = self.context.clone();
        if let Ok(context) = context.downcast::<T>() {
            return Some(context);
        }
        self.resources.lock().share::<T>(Some((self.hook, self.hook_name)))
    }

    /// For `T`; `cloner` serves where something that cannot be stopped still borrows it.
    pub fn take<T: Send + 'static>(&mut self, cloner: Option<fn(&T) -> T>) -> Option<T> {
        let taken = self.take_optional(cloner);
        if taken.is_none() {
            self.note(&Need::take::<T>());
        }
        taken
    }

    /// For `Option<T>`.
    pub fn take_optional<T: Send + 'static>(&mut self, cloner: Option<fn(&T) -> T>) -> Option<T> {
        let (value, shared, in_use) = self.resources.lock().take::<T>(self.hook, self.hook_name)?;
        if !shared && !in_use {
            return value.downcast::<T>().ok().map(|value| *value);
        }
        // Out of the store nobody can get a new share, so a count of one stays one.
        let alone = value.downcast_ref::<Arc<T>>().is_some_and(|share| Arc::strong_count(share) == 1);
        if alone && !in_use {
            return value.downcast::<Arc<T>>().ok().and_then(|share| Arc::try_unwrap(*share).ok());
        }
        let held = value.downcast_ref::<Arc<T>>().map(|share| &**share).or_else(|| value.downcast_ref::<T>());
        let clone = cloner.and_then(|clone| held.map(clone));
        let mut shelf = self.resources.lock();
        if clone.is_none() {
            self.problem = Some(shelf.still_borrowed::<T>(self.hook));
        }
        shelf.give_back::<T>(value);
        clone
    }

    fn note(&mut self, need: &Need) {
        if self.problem.is_none() {
            self.problem = self.resources.lock().missing(need).map(|missing| missing.to_string());
        }
    }
}

impl fmt::Debug for Binder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Binder").field("hook", &self.hook_name).finish_non_exhaustive()
    }
}

impl Shelf {
    fn put<T: Send + 'static>(&mut self, value: T, location: SourceLocation) -> Option<Slot> {
        self.next += 1;
        let slot = Slot {
            value: Some(Box::new(value)),
            shared: false,
            lent: false,
            taken_by: None,
            type_name: type_name::<T>(),
            location,
            turn: self.next,
            borrowers: Vec::new(),
        };
        self.slots.insert(TypeId::of::<T>(), slot)
    }

    fn share<T: Send + Sync + 'static>(&mut self, borrower: Option<(HookId, &str)>) -> Option<Arc<T>> {
        let direct = self.slots.get_mut(&TypeId::of::<T>()).and_then(Slot::share::<T>);
        let (id, arc) = match direct {
            Some(arc) => (TypeId::of::<T>(), arc),
            None => {
                let slot = self.slots.get_mut(&TypeId::of::<Arc<T>>())?;
                let arc = if slot.shared {
                    slot.value.as_ref()?.downcast_ref::<Arc<Arc<T>>>().map(|outer| Arc::clone(&**outer))
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

    /// The value, whether it is an `Arc<T>` of it, and whether a hook that runs on uses it through what it
    /// borrowed or took.
    fn take<T: 'static>(&mut self, hook: HookId, by: &str) -> Option<(Box<dyn Any + Send>, bool, bool)> {
        let in_use = !self.users(TypeId::of::<T>(), hook).is_empty();
        let slot = self.slots.get_mut(&TypeId::of::<T>())?;
        let value = slot.value.take()?;
        slot.taken_by = Some(by.to_owned());
        slot.borrowers.push((hook, by.to_owned()));
        Some((value, slot.shared, in_use))
    }

    /// The hooks that run and hold something that uses `used`, at any depth.
    fn users(&self, used: TypeId, except: HookId) -> Vec<String> {
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
        slots.flat_map(|slot| self.holders(slot, except)).collect()
    }

    /// The hooks that got the value of `slot`, or a share of it, and have not ended.
    fn holders<'s>(&'s self, slot: &'s Slot, except: HookId) -> impl Iterator<Item = String> + 's {
        let running =
            slot.borrowers.iter().filter(move |(hook, _)| *hook != except && self.active.contains(hook));
        running.map(|(_, name)| name.clone())
    }

    /// Something that could not be taken goes back where it was.
    fn give_back<T: 'static>(&mut self, value: Box<dyn Any + Send>) {
        if let Some(slot) = self.slots.get_mut(&TypeId::of::<T>()) {
            slot.value = Some(value);
            slot.taken_by = None;
        }
    }

    fn still_borrowed<T: 'static>(&self, except: HookId) -> String {
        let id = TypeId::of::<T>();
        let slot = self.slots.get(&id);
        let mut holders: Vec<_> = slot.into_iter().flat_map(|slot| self.holders(slot, except)).collect();
        holders.extend(self.users(id, except));
        holders.sort();
        holders.dedup();
        if holders.is_empty() && slot.is_some_and(|slot| slot.lent) {
            holders.push("code that called lifecycle::resource()".to_owned());
        }
        let holders =
            if holders.is_empty() { "somebody who cloned its Arc".to_owned() } else { holders.join(", ") };
        format!("`{}` is still borrowed by {holders}, and is not Clone", type_name::<T>())
    }

    fn missing(&self, need: &Need) -> Option<Missing> {
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
            Some(slot) => format!("was taken by {}", slot.taken_by.as_deref().unwrap_or("somebody")),
            None => format!("was never provided{}", self.near_miss(type_name)),
        };
        Some(Missing { type_name, why })
    }

    /// What was provided instead, by the look of its name.
    fn near_miss(&self, wanted: &str) -> String {
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
    fn share<T: Send + Sync + 'static>(&mut self) -> Option<Arc<T>> {
        if !self.shared {
            let value = self.value.take()?.downcast::<T>();
            let value: Box<dyn Any + Send> = match value {
                Ok(value) => Box::new(Arc::<T>::from(value)),
                Err(value) => value,
            };
            self.value = Some(value);
            self.shared = true;
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

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: SourceLocation = SourceLocation::new("src/here.rs", 1);

    fn id(n: u64) -> HookId {
        HookId::Registered(n)
    }

    fn binder<'b>(resources: &'b Resources, n: u64, name: &'b str) -> Binder<'b> {
        resources.began(id(n));
        Binder::new(resources, id(n), name, Arc::new(ShutdownContext::for_tests()))
    }

    #[derive(Debug, PartialEq)]
    struct Plain(u32);

    #[derive(Debug, PartialEq, Clone)]
    struct Copyable(u32);

    #[test]
    fn a_taker_gets_the_value_itself_after_its_borrowers() {
        let resources = Resources::default();
        resources.provide(Plain(7), HERE, true).unwrap();
        let share = binder(&resources, 1, "reader").borrow::<Plain>().unwrap();
        assert_eq!(*share, Plain(7));
        drop(share);
        resources.ended(id(1));
        assert_eq!(binder(&resources, 2, "taker").take::<Plain>(None), Some(Plain(7)));
        assert!(resources.missing(&[Need::borrow::<Plain>()])[0].why.contains("taken by taker"));
    }

    #[test]
    fn what_is_still_borrowed_is_cloned_or_refused_by_name() {
        let resources = Resources::default();
        resources.provide(Plain(1), HERE, true).unwrap();
        resources.provide(Copyable(2), HERE, true).unwrap();
        let mut stuck = binder(&resources, 1, "stuck_hook");
        let _plain = stuck.borrow::<Plain>().unwrap();
        let _copyable = stuck.borrow::<Copyable>().unwrap();

        let mut taker = binder(&resources, 2, "taker");
        assert_eq!(taker.take::<Copyable>(Some(|value| value.clone())), Some(Copyable(2)));
        assert_eq!(taker.take::<Plain>(None), None);
        let problem = taker.into_problem().unwrap();
        assert!(problem.contains("still borrowed by stuck_hook"), "{problem}");
    }

    #[test]
    fn what_a_hook_that_runs_on_uses_is_not_handed_out() {
        struct User;
        let resources = Resources::default();
        resources.provide(Plain(1), HERE, true).unwrap();
        resources.provide(Copyable(2), HERE, true).unwrap();
        resources.provide(User, HERE, true).unwrap_or_else(|_| unreachable!());
        resources.add_uses(Uses::new::<User, Plain>(HERE));
        resources.add_uses(Uses::new::<User, Copyable>(HERE));
        let _user = binder(&resources, 1, "stuck_hook").borrow::<User>().unwrap();

        let mut taker = binder(&resources, 2, "taker");
        assert_eq!(taker.take::<Plain>(None), None);
        let problem = taker.into_problem().unwrap();
        assert!(problem.contains("still borrowed by stuck_hook"), "{problem}");
        assert_eq!(
            binder(&resources, 3, "other").take::<Copyable>(Some(|value| value.clone())),
            Some(Copyable(2))
        );
        resources.ended(id(1));
        assert_eq!(binder(&resources, 4, "late").take::<Plain>(None), Some(Plain(1)));
    }

    #[test]
    fn an_arc_serves_a_borrow_of_what_it_holds() {
        let resources = Resources::default();
        resources.provide(Arc::new(Plain(3)), HERE, true).unwrap();
        assert!(resources.missing(&[Need::borrow::<Plain>()]).is_empty());
        assert_eq!(*binder(&resources, 1, "h").borrow::<Plain>().unwrap(), Plain(3));
        assert_eq!(**binder(&resources, 1, "h").borrow::<Arc<Plain>>().unwrap(), Plain(3));
        assert_eq!(*binder(&resources, 1, "h").borrow::<Plain>().unwrap(), Plain(3));
    }

    #[test]
    fn what_need_not_be_sync_can_be_taken() {
        let resources = Resources::default();
        resources.provide(std::cell::Cell::new(5), HERE, true).unwrap();
        assert_eq!(binder(&resources, 1, "h").take::<std::cell::Cell<i32>>(None).unwrap().get(), 5);
    }

    #[test]
    fn a_near_miss_is_named_with_its_place() {
        let resources = Resources::default();
        resources.provide(Arc::new(Plain(3)), HERE, true).unwrap();
        let missing = resources.missing(&[Need::take::<Plain>()]);
        assert!(
            missing[0].why.contains("Arc<") && missing[0].why.contains("src/here.rs:1"),
            "{}",
            missing[0]
        );
    }

    #[test]
    fn twice_is_turned_away_with_the_first_place_and_late_with_the_value() {
        let resources = Resources::default();
        resources.provide(Plain(1), HERE, true).unwrap();
        assert_eq!(
            resources.provide(Plain(2), SourceLocation::new("b.rs", 2), true),
            Err((Turned::Twice { first: HERE }, Plain(2)))
        );
        resources.provide(Plain(2), HERE, false).unwrap();
        assert_eq!(*resources.replace(Plain(4), HERE).unwrap(), Plain(2));
        resources.close();
        assert_eq!(resources.provide(Plain(3), HERE, false), Err((Turned::TooLate, Plain(3))));
    }

    #[test]
    fn leftovers_come_last_provided_first() {
        let resources = Resources::default();
        resources.provide(1_u8, HERE, true).unwrap();
        resources.provide(2_u16, HERE, true).unwrap();
        resources.provide(3_u32, HERE, true).unwrap();
        binder(&resources, 1, "h").take::<u16>(None).unwrap();
        let names: Vec<_> = resources.leftovers().iter().map(|leftover| leftover.type_name).collect();
        assert_eq!(names, ["u32", "u8"]);
    }
}
