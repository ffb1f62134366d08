//! Sources and handlers are foreign code: where it panics, a job is not forgotten.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt;

use crate::SourceError;

/// What a source is asked for: a panic is an error of it.
pub(crate) async fn asked<T, F>(ask: impl FnOnce() -> F) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let asked = AssertUnwindSafe(async { ask().await }).catch_unwind().await;
    asked.unwrap_or_else(|panic| Err(format!("panicked: {}", text(&*panic)).into()))
}

/// What a source says of a job; nothing where it panics.
pub(crate) fn said<T: Default>(say: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(say)).unwrap_or_default()
}

/// A destructor that panics ends nothing but itself; the panic hook has said so.
pub(crate) fn dropped<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

pub(crate) fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}
