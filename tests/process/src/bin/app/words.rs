//! Services that make the library say what no other scenario does.

use std::{
    cell::RefCell,
    future::{Future, pending},
    process::{ExitCode, Termination},
    sync::Arc,
    task::{Context, Poll, Wake},
    time::Duration,
};

use lifecycle::{Refused, on_shutdown, provide, tracked};
use lifecycle_core::ext::{Component, ComponentError, Observer, observe};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};

use crate::{
    hooks::{note, sticks},
    kit::{block, multi_thread, only, pause, serve, sleep, told},
    resources::Absent,
};

mod first {
    #[lifecycle::on_shutdown]
    pub(super) async fn tidy() {}
}

mod second {
    #[lifecycle::on_shutdown]
    pub(super) async fn tidy() {}
}

#[on_shutdown(if_provided)]
async fn may_be(_absent: &Absent) {}

struct Pool;
struct Panics;

impl Drop for Panics {
    fn drop(&mut self) {
        panic!("no such destructor");
    }
}

struct Blocks;

impl Drop for Blocks {
    fn drop(&mut self) {
        block();
    }
}

#[on_shutdown]
async fn takes(_pool: Pool) {}

#[on_shutdown(order = 3)]
async fn last() {}

pub(crate) fn words() -> ExitCode {
    let part = |part| only::<note>().component(part);
    let wanted = std::env::args().nth(2).unwrap_or_default();
    match wanted.as_str() {
        "sites" => serve(only::<note>(), sites()),
        "unregisters" => unregisters(),
        "if-provided" => serve(only::<may_be>(), ready()),
        "same-end" => serve(only::<(first::tidy, second::tidy)>(), ready()),
        "hint" => serve(only::<(takes, note)>(), ready()),
        "component-does-not-start" => serve(part(Part::Unstarted), ready()),
        "component-fails" => serve(part(Part::Fails), ready()),
        "component-panics" => serve(part(Part::Panics), ready()),
        "component-is-slow" => serve(part(Part::Slow), ready()),
        "component-hangs" => serve(part(Part::Hangs), ready()),
        "component-blocks" => serve(part(Part::Blocks), ready()),
        "observer" => serve(only::<note>(), async {
            let _ = observe(Panicking);
            ready().await;
        }),
        "waker" => serve(only::<note>(), waker()),
        "subscriber" => {
            let subscriber = tracing_subscriber::registry().with(Panicking);
            let _default = tracing::subscriber::set_default(subscriber);
            serve(only::<note>(), ready())
        }
        "kept-panics" => keeps(Panics),
        "kept-blocks" => keeps(Blocks),
        "destructor" => serve(only::<note>(), async {
            provide(Panics);
            ready().await;
        }),
        "twice" => serve(only::<note>(), async {
            lifecycle::ready();
            provide(Pool);
            provide(Pool);
        }),
        "leaks" => leaks(),
        "stays" => stays(),
        "late-plan" => late_plan(),
        "stuck-last" => serve(only::<(sticks, last)>(), ready()),
        "cuts" => serve(only::<note>(), async {
            lifecycle::ready();
            lifecycle::shutdown("enough");
            pending::<()>().await;
        }),
        "cuts-late" => serve(only::<note>(), async {
            let _listening = lifecycle::draining();
            lifecycle::ready();
            lifecycle::shutdown("enough");
            pending::<()>().await;
        }),
        other => panic!("there are no words {other:?}"),
    }
}

async fn ready() {
    lifecycle::ready();
}

#[tracked]
async fn place() -> Result<(), Refused> {
    told("finish").await;
    Ok(())
}

#[tracked(drain = cancel)]
async fn poll() -> Result<(), Refused> {
    pending().await
}

#[tracked]
async fn count() -> Result<(), Refused> {
    lifecycle::draining().await;
    panic!("no such number");
}

/// A call that finishes, one that is refused, one that is cancelled and one that panics.
async fn sites() {
    let draining = lifecycle::draining();
    let calls = [tokio::spawn(place()), tokio::spawn(poll()), tokio::spawn(count())];
    while lifecycle::status().in_flight() < calls.len() {
        sleep(1).await;
    }
    lifecycle::shutdown("enough");
    draining.await;
    let _ = place().await;
    println!("up");
    for call in calls {
        let _ = call.await;
    }
}

fn unregisters() -> ExitCode {
    let handle = lifecycle::hook("second").order(1).register(|| async {});
    let handle = handle.unwrap_or_else(|error| panic!("{error}"));
    let first = lifecycle::hook("first").register(move || async move {
        handle.unregister();
    });
    first.unwrap_or_else(|error| panic!("{error}"));
    serve(only::<()>(), ready())
}

enum Part {
    Unstarted,
    Fails,
    Panics,
    Slow,
    Hangs,
    Blocks,
}

impl Component for Part {
    fn name(&self) -> String {
        "health".to_owned()
    }

    fn stop_timeout(&self) -> Duration {
        Duration::from_millis(100)
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        match self {
            Self::Unstarted => Err("port 8080 is taken".into()),
            _ => Ok(()),
        }
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        match self {
            Self::Unstarted => {}
            Self::Fails => return Err("the socket is gone".into()),
            Self::Panics => panic!("no such socket"),
            Self::Slow => pause(150),
            Self::Hangs => pending().await,
            Self::Blocks => block(),
        }
        Ok(())
    }
}

/// As an observer and as a subscriber.
struct Panicking;

impl Observer for Panicking {
    fn event(&mut self, _: &lifecycle::event::Event) {
        panic!("no such observer");
    }
}

impl<S: tracing::Subscriber> Layer<S> for Panicking {
    fn on_event(&self, _: &tracing::Event<'_>, _: LayerContext<'_, S>) {
        panic!("no such subscriber");
    }
}

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("no such waker");
    }
}

/// Polls a milestone by hand.
async fn waker() {
    let mut requested = Box::pin(lifecycle::requested());
    let waker = Arc::new(Panicking).into();
    let polled = requested.as_mut().poll(&mut Context::from_waker(&waker));
    assert_eq!(polled, Poll::Pending);
    let draining = lifecycle::draining();
    lifecycle::shutdown("enough");
    draining.await;
}

fn keeps<T: Send + 'static>(value: T) -> ExitCode {
    lifecycle::keep_until_exit(value);
    serve(only::<note>(), ready())
}

async fn leave_blocking() {
    lifecycle::ready();
    let (begin, begun) = tokio::sync::oneshot::channel();
    tokio::task::spawn_blocking(|| {
        let _ = begin.send(());
        block();
    });
    let _ = begun.await;
}

/// What `#[lifecycle::main]` expands to, with a thread of the runtime that does not go.
fn leaks() -> ExitCode {
    lifecycle::__private::main(only::<note>(), || Ok(multi_thread()), leave_blocking).report()
}

thread_local! {
    static LEFT: RefCell<Option<Blocks>> = const { RefCell::new(None) };
}

/// Main's thread does not come to its end.
fn stays() -> ExitCode {
    LEFT.set(Some(Blocks));
    lifecycle::__private::main(only::<note>(), || Ok(multi_thread()), ready).report()
}

fn late_plan() -> ExitCode {
    serve(only::<note>(), async {
        lifecycle::ready();
        let long = lifecycle::hook("uploads").timeout(Duration::from_secs(90));
        let registered = long.register(|| async {});
        sleep(200).await;
        registered.map(drop)
    })
}
