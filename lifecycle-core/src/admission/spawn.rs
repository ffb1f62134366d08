use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use super::{Gate, call::Call, context, tracked::Tracked};

/// [`tokio::spawn`], as part of the call that the caller belongs to: what the task calls is
/// admitted in every state, and the task itself is in flight, at the caller's site, until it has
/// ended. Outside a call it is a plain spawn.
///
/// # Panics
/// Outside a tokio runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let Origin { gate, call } = Origin::here();
    tokio::spawn(Spawned { gate, future: Tracked::of(call, future) })
}

/// [`tokio::task::spawn_blocking`], as part of the call that the caller belongs to: see [`spawn`].
///
/// # Panics
/// Outside a tokio runtime.
#[track_caller]
pub fn spawn_blocking<R, W>(work: W) -> JoinHandle<R>
where
    W: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let Origin { gate, call } = Origin::here();
    tokio::task::spawn_blocking(move || {
        let _gate = gate.map(context::use_gate);
        let _frame = call.map(|call| context::push(Some(call)));
        work()
    })
}

/// What a task takes along from where it is made.
struct Origin {
    /// Of a scenario; the process's own needs no carrying.
    gate: Option<Arc<Gate>>,
    call: Option<Arc<Call>>,
}

impl Origin {
    fn here() -> Self {
        Self { gate: context::own_gate(), call: context::current().map(|call| call.branch()) }
    }
}

pin_project! {
    struct Spawned<F> {
        gate: Option<Arc<Gate>>,
        #[pin]
        future: Tracked<F>,
    }
}

impl<F: Future> Future for Spawned<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _gate = this.gate.clone().map(context::use_gate);
        this.future.poll(cx)
    }
}
