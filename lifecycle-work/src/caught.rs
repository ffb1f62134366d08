//! Sources and handlers are foreign code: where it panics, a job is not forgotten.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
};

use futures_util::FutureExt;
use lifecycle_core::ext::text;

use crate::SourceError;

/// What a source is asked for: a panic is an error of it.
pub(crate) async fn asked<T, F>(ask: impl FnOnce() -> F) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    match AssertUnwindSafe(async { ask().await }).catch_unwind().await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(text::error(error).into()),
        Err(panic) => Err(format!("panicked: {}", text::panic(panic)).into()),
    }
}

/// What a source says of a job; nothing where it panics.
pub(crate) fn said<T: Default>(say: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(say)).map_err(text::panic).unwrap_or_default()
}

/// A destructor that panics ends nothing but itself; the panic hook has said so.
pub(crate) fn dropped<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value))).map_err(text::panic);
}
