//! How an admission goes where the work goes: to tasks, actors, pools and threads.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use super::{call::Call, context, ending::Ending, gate::Gate, tracked::Tracked};

/// The right of an admitted call to have its work finished, to be carried where the work goes: to
/// an actor, a pool, a thread.
///
/// What runs within [`scope`](Self::scope) or [`enter`](Self::enter) is part of the call: tracked
/// functions it calls are admitted in every state. While an `Admission` lives, its call is in
/// flight, and the drain waits for it.
///
/// ```
/// # use lifecycle_core as lifecycle;
/// # async fn handle(order: u32) {}
/// use lifecycle::Admission;
///
/// struct Letter {
///     order: u32,
///     admission: Option<Admission>, // `Admission::current()` where the letter is written
/// }
///
/// async fn receive(letter: Letter) {
///     match letter.admission {
///         Some(admission) => admission.scope(handle(letter.order)).await,
///         None => handle(letter.order).await,
///     }
/// }
/// ```
#[derive(Clone)]
#[must_use = "it carries a call only while it lives"]
pub struct Admission {
    call: Call,
}

impl Admission {
    /// That of the call which the running code belongs to; `None` outside a call.
    pub fn current() -> Option<Self> {
        context::current().map(Self::new)
    }

    /// Makes `future` part of the call, wherever it is polled and dropped. The call is in flight
    /// until `future` has completed or was dropped.
    ///
    /// # Cancel safety
    /// That of `future`.
    pub fn scope<F>(&self, future: F) -> Scoped<F> {
        Scoped { future: Tracked::part(Some(self.call.clone()), future) }
    }

    /// Runs `work` as part of the call, on this thread.
    ///
    /// # Panics
    /// When `work` does.
    pub fn enter<R>(&self, work: impl FnOnce() -> R) -> R {
        let _frame = context::push(self.call.clone(), false);
        work()
    }

    /// As [`scope`](Self::scope), where the call ends as `future` does.
    pub(super) fn whole_scope<F>(&self, future: F) -> Scoped<F> {
        Scoped { future: Tracked::whole(Some(self.call.clone()), future) }
    }

    /// As [`enter`](Self::enter), where the call ends as `work` does.
    pub(super) fn whole_enter<R>(&self, work: impl FnOnce() -> R) -> R {
        let _frame = context::push(self.call.clone(), true);
        let result = work();
        self.call.end(Ending::Finished);
        result
    }

    pub(super) fn cancel(&self) {
        self.call.cancel();
    }

    pub(super) fn lose(&self) {
        self.call.end(Ending::Lost);
    }

    /// The holder of the call is dropped.
    pub(super) fn let_go(&self) {
        if self.call.is_unwinding() {
            self.call.end(Ending::Panicked);
        }
    }

    pub(super) const fn new(call: Call) -> Self {
        Self { call }
    }
}

impl Gate {
    /// An admission that counts nowhere, under which hooks run: the calls they make are admitted in
    /// every state.
    pub(crate) fn hook_admission(self: &Arc<Self>) -> Admission {
        Admission::new(Call::uncounted(self))
    }
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Admission").field(&self.call.site_name()).finish()
    }
}

pin_project! {
    /// The future of [`Admission::scope`] and [`Guard::scope`](super::Guard::scope).
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Scoped<F> {
        #[pin]
        future: Tracked<F>,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// Takes the admission of the caller along: where the caller belongs to a call, `future` is part of
/// it, wherever it is polled and dropped. Outside a call it is `future` and nothing else.
///
/// For tasks that something else makes: a `JoinSet`, a `LocalSet`, a pool. The call is in flight
/// until `future` has completed or was dropped. How `future` ends says nothing of the call, as
/// whoever made it hears of that; work that shall count by itself is for [`spawn`](fn@spawn).
///
/// ```
/// # use lifecycle_core as lifecycle;
/// # async fn fetch(part: u32) {}
/// use tokio::task::JoinSet;
///
/// async fn fetch_all() {
///     let mut parts = JoinSet::new();
///     for part in 0..3 {
///         parts.spawn(lifecycle::inherit(fetch(part)));
///     }
///     parts.join_all().await;
/// }
/// ```
///
/// # Cancel safety
/// That of `future`.
pub fn inherit<F: Future>(future: F) -> Inherited<F> {
    let Origin { gate, call } = Origin::here();
    Inherited { gate, future: Tracked::part(call, future) }
}

/// Takes the admission of the caller along: where the caller belongs to a call, `work` is part of
/// it, on whatever thread it runs. Outside a call it is `work` and nothing else.
///
/// For threads and pools: `std::thread::spawn`, rayon. The call is in flight until the closure has
/// run or was dropped. See [`inherit`].
///
/// ```
/// # use lifecycle_core as lifecycle;
/// # fn compress() {}
/// std::thread::spawn(lifecycle::inherit_fn(compress)).join().unwrap();
/// ```
pub fn inherit_fn<R, W: FnOnce() -> R>(work: W) -> impl FnOnce() -> R {
    let origin = Origin::here();
    move || {
        let _gate = origin.gate.map(context::use_gate);
        let _frame = origin.call.map(|call| context::push(call, false));
        work()
    }
}

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
    let Origin { gate, call } = Origin::branch();
    tokio::spawn(Inherited { gate, future: Tracked::whole(call, future) })
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
    let Origin { gate, call } = Origin::branch();
    if let Some(call) = &call {
        // What is stated here stands where the closure is dropped before it has run.
        call.end(Ending::Dropped);
    }
    tokio::task::spawn_blocking(move || {
        let _gate = gate.map(context::use_gate);
        let _frame = call.map(|call| {
            call.end(Ending::Finished);
            context::push(call, true)
        });
        work()
    })
}

/// What a task takes along from where it is made.
struct Origin {
    /// Of a scenario; the process's own needs no carrying.
    gate: Option<Arc<Gate>>,
    call: Option<Call>,
}

impl Origin {
    fn here() -> Self {
        Self { gate: context::own_gate(), call: context::current() }
    }

    /// For work that is in flight by itself.
    fn branch() -> Self {
        let Self { gate, call } = Self::here();
        Self { gate, call: call.map(|call| call.branch()) }
    }
}

pin_project! {
    /// The future of [`inherit`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Inherited<F> {
        gate: Option<Arc<Gate>>,
        #[pin]
        future: Tracked<F>,
    }
}

impl<F: Future> Future for Inherited<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _gate = this.gate.clone().map(context::use_gate);
        this.future.poll(cx)
    }
}
