//! Resources, from anywhere.

use std::{any::type_name, fmt, marker::PhantomData, sync::Arc};

use thiserror::Error;

use crate::runtime::Lifecycle;
use crate::{PlanError, SourceLocation, State, declare::Uses, resource::Turned};

/// Gives `value` to the hooks that ask for a `T`: from here `&T` borrows it and `T` takes it. An `Arc<T>`
/// serves `&T` too. Two values of one type need newtypes.
///
/// # Panics
///
/// Within a running lifecycle, when a value of the type is there already (naming both places) or when hooks
/// already run. [`try_provide`] gives the value back instead, [`replace`] exchanges it. Outside of a running
/// lifecycle a second value replaces the first.
#[track_caller]
pub fn provide<T: Send + 'static>(value: T) -> Provided<T> {
    match try_provide(value) {
        Ok(provided) => provided,
        Err(error) => panic!("{error}"),
    }
}

/// Gives `value` to the hooks that ask for a `T`, as [`provide`] does.
///
/// # Errors
///
/// Where [`provide`] panics; the value is in the error.
#[track_caller]
pub fn try_provide<T: Send + 'static>(value: T) -> Result<Provided<T>, ProvideError<T>> {
    let lifecycle = Lifecycle::current();
    let location = SourceLocation::caller();
    match lifecycle.resources.provide(value, location, lifecycle.is_running()) {
        Ok(()) => Ok(Provided { location, _type: PhantomData }),
        Err((turned, value)) => Err(ProvideError { turned, location, value }),
    }
}

/// Puts `value` in the place of the `T` that was provided, and gives that back; what hooks already borrow
/// they keep.
#[track_caller]
pub fn replace<T: Send + 'static>(value: T) -> Option<Arc<T>> {
    Lifecycle::current().resources.replace(value, SourceLocation::caller())
}

/// A share of the `T` that was provided, if it is there and no hook has taken it. A hook that takes `T`
/// while the share lives gets a clone, or is skipped where `T` is not `Clone`.
#[must_use]
pub fn resource<T: Send + Sync + 'static>() -> Option<Arc<T>> {
    Lifecycle::current().resources.get()
}

/// A value of type `T` was provided.
#[derive(Debug)]
pub struct Provided<T> {
    location: SourceLocation,
    _type: PhantomData<fn() -> T>,
}

impl<T: 'static> Provided<T> {
    /// Says that the value uses the `U` that is provided: who borrows or takes it counts as borrowing `U`,
    /// so that whoever takes `U` comes after.
    ///
    /// # Panics
    ///
    /// Within a running lifecycle, when the plan would contradict itself. Before `run` begins, `run` finds
    /// that.
    #[expect(clippy::must_use_candidate, reason = "it is said for its effect")]
    #[expect(clippy::return_self_not_must_use, reason = "it is said for its effect")]
    pub fn uses<U: 'static>(self) -> Self {
        let lifecycle = Lifecycle::current();
        let uses = Uses::new::<T, U>(self.location);
        if lifecycle.is_running() && lifecycle.state() < State::Stopping {
            let plan = lifecycle.plan().with_uses(vec![uses]);
            let checked: Result<(), PlanError> = plan.check();
            if let Err(error) = checked {
                panic!("provide::<{}>().uses::<{}>(): {error}", type_name::<T>(), type_name::<U>());
            }
        }
        lifecycle.resources.add_uses(uses);
        lifecycle.registry.plan_changed();
        lifecycle.look_at_plan();
        self
    }
}

/// A value was not accepted, and is given back.
#[derive(Error)]
#[error("{}", not_accepted(.turned, *.location, type_name::<T>()))]
pub struct ProvideError<T> {
    turned: Turned,
    location: SourceLocation,
    value: T,
}

impl<T> ProvideError<T> {
    /// The value that was not accepted.
    pub fn into_value(self) -> T {
        self.value
    }
}

fn not_accepted(turned: &Turned, here: SourceLocation, name: &str) -> String {
    match turned {
        Turned::Twice { first } => format!(
            "a `{name}` was provided at {first} and again at {here}; use \
             lifecycle::resource::replace, or a newtype where there are two"
        ),
        Turned::TooLate => format!(
            "`{name}` was provided at {here} after hooks had begun to run; provide it before the \
             stop, or close it where it is made"
        ),
    }
}

/// The value need not be `Debug`.
impl<T> fmt::Debug for ProvideError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
