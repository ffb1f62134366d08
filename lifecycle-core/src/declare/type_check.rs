//! Questions that the attributes' expansions ask about types, which a macro sees only by spelling.
//!
//! All use one rule of Rust: an inherent item of `Tag<T>` wins over one of the same name that a
//! trait gives to every `Tag`, wherever its bounds hold.

use std::{future::Future, marker::PhantomData};

use futures_core::Stream;

use crate::ShutdownContext;

/// Stands for the type `T` in questions about it.
#[derive(Debug)]
pub struct Tag<T: ?Sized>(PhantomData<T>);

/// What a hook's parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A resource.
    Resource,
    /// `&T` or `&mut T`.
    Reference,
    /// `Option<T>`.
    Option,
    /// `ShutdownContext`.
    Context,
}

/// The answers for types that are nothing special.
pub trait Otherwise {
    /// What a hook's parameter of this type is.
    const KIND: Kind = Kind::Resource;
    /// Whether the two types of a pair are one.
    const SAME: bool = false;

    /// Compiles where the type is no future.
    fn is_no_future() {}
    /// Compiles where the type is no stream.
    fn is_no_stream() {}
}
impl<T: ?Sized> Otherwise for Tag<T> {}

/// The cloner of types that are not `Clone`.
pub trait NotClone<T> {
    /// None.
    const CLONER: Option<fn(&T) -> T> = None;
}
impl<T> NotClone<T> for Tag<T> {}

impl<T: ?Sized> Tag<&T> {
    /// See [`Otherwise::KIND`].
    pub const KIND: Kind = Kind::Reference;
}

impl<T: ?Sized> Tag<&mut T> {
    /// See [`Otherwise::KIND`].
    pub const KIND: Kind = Kind::Reference;
}

impl<T> Tag<Option<T>> {
    /// See [`Otherwise::KIND`].
    pub const KIND: Kind = Kind::Option;
}

impl Tag<ShutdownContext> {
    /// See [`Otherwise::KIND`].
    pub const KIND: Kind = Kind::Context;
}

impl<T> Tag<(T, T)> {
    /// See [`Otherwise::SAME`].
    pub const SAME: bool = true;
}

impl<T: Clone> Tag<T> {
    /// What clones the resource.
    pub const CLONER: Option<fn(&T) -> T> = Some(T::clone);
}

impl<F: Future> Tag<F> {
    /// See [`Otherwise::is_no_future`].
    pub fn is_no_future()
    where
        F: SpelledOut,
    {
    }
}

impl<S: Stream> Tag<S> {
    /// See [`Otherwise::is_no_stream`].
    pub fn is_no_stream()
    where
        S: SpelledOut,
    {
    }
}

/// Implemented for nothing: a tracked function's future or stream must be seen by the macro.
#[diagnostic::on_unimplemented(
    message = "`#[tracked]` would count only the making of this future or stream, not its run",
    label = "a future or stream under another name",
    note = "spell the return type out: `impl Future<Output = ..>`, `Pin<Box<dyn Future<Output = ..>>>`, `BoxFuture<'_, ..>`, or the same with `Stream<Item = ..>`",
    note = "or make it an `async fn`"
)]
pub trait SpelledOut {}

/// Fails the build where a hook's parameter, spelled like a resource, is something else.
#[track_caller]
pub const fn must_be_resource(kind: Kind, taken: bool) {
    match kind {
        Kind::Resource => {}
        Kind::Context if !taken => {}
        Kind::Context => panic!("the shutdown context is lent to hooks: write `&ShutdownContext`"),
        Kind::Reference => panic!(
            "this is a reference under another name, or one more `&` than a resource has: write `&T` with the resource's own type"
        ),
        Kind::Option => panic!(
            "this is an `Option` under another name or behind a `&`: write `Option<&T>` to borrow a resource that may be missing, `Option<T>` to take it"
        ),
    }
}

/// Fails the build where a hook's parameter, spelled `Option<..>`, is something else.
#[track_caller]
pub const fn must_be_option(kind: Kind) {
    assert!(
        matches!(kind, Kind::Option),
        "this `Option` is not the standard library's: a resource of an own type needs another name here, for instance `use my::Option as Choice`"
    );
}

/// Fails the build where a hook takes a resource that another of its parameters names too.
#[track_caller]
pub const fn must_differ(same: bool) {
    assert!(
        !same,
        "this hook takes a resource that another of its parameters asks for too: leave one of them out, as what is taken can be borrowed inside"
    );
}

/// Fails the build where what a hook uses is asked for by one of its parameters.
#[track_caller]
pub const fn must_be_unasked(same: bool) {
    assert!(
        !same,
        "a parameter of this hook asks for that resource already: leave it out of `uses`"
    );
}

/// Fails the build where a written timeout is zero.
#[track_caller]
#[must_use]
pub const fn not_zero(timeout: std::time::Duration) -> std::time::Duration {
    assert!(
        !timeout.is_zero(),
        "a timeout of zero leaves no time to run: give it a length, or leave it out"
    );
    timeout
}

#[cfg(test)]
mod tests {
    use std::{pin::Pin, sync::Arc};

    use super::*;

    struct Plain;
    type Maybe<T> = Option<T>;
    type Lent<'a> = &'a Plain;
    type Same = Plain;

    #[test]
    fn kinds_are_seen_through_other_names() {
        assert_eq!(Tag::<Plain>::KIND, Kind::Resource);
        assert_eq!(Tag::<Arc<dyn Fn() + Send + Sync>>::KIND, Kind::Resource);
        assert_eq!(Tag::<Maybe<Plain>>::KIND, Kind::Option);
        assert_eq!(Tag::<Lent<'_>>::KIND, Kind::Reference);
        assert_eq!(Tag::<&mut Plain>::KIND, Kind::Reference);
        assert_eq!(Tag::<ShutdownContext>::KIND, Kind::Context);
    }

    #[test]
    #[allow(clippy::assertions_on_constants)]
    fn one_type_under_two_names_is_the_same() {
        assert!(Tag::<(Plain, Same)>::SAME);
        assert!(!Tag::<(Plain, Arc<Plain>)>::SAME);
    }

    #[test]
    fn what_is_clone_is_cloned() {
        let clone = Tag::<String>::CLONER.expect("strings are Clone");
        assert_eq!(clone(&"text".to_owned()), "text");
        assert!(Tag::<Arc<Plain>>::CLONER.is_some());
        assert!(Tag::<Plain>::CLONER.is_none());
        assert!(Tag::<Option<Plain>>::CLONER.is_none());
    }

    #[test]
    fn values_pass_as_no_future_and_no_stream() {
        Tag::<Result<u8, Plain>>::is_no_future();
        Tag::<Option<Pin<Box<dyn Future<Output = u8>>>>>::is_no_stream();
    }
}
