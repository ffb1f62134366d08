//! The subscriber that is asked for the span of a call is the application's: it may do anything.

use std::{
    cell::RefCell,
    sync::{
        atomic::{AtomicBool, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Waker},
    thread,
};

use tracing::{
    Event, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::set_default,
};

use super::*;
use crate::admission::{Admission, enter};

/// Does something when it is asked for the first time.
struct Acts<A> {
    act: A,
    has_acted: AtomicBool,
}

impl<A> Acts<A> {
    const fn by(act: A) -> Self {
        Self { act, has_acted: AtomicBool::new(false) }
    }
}

impl<A: Fn() + Send + Sync + 'static> Subscriber for Acts<A> {
    fn current_span(&self) -> tracing_core::span::Current {
        if !self.has_acted.swap(true, Relaxed) {
            (self.act)();
        }
        tracing_core::span::Current::none()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn a_call_that_a_subscriber_asks_for_meanwhile_is_moved_once() {
    let (gate, _in_use) = own_gate();
    let _subscriber = set_default(Acts::by(|| drop(Admission::current())));
    let entered = enter(&OUTER).unwrap();
    drop(Admission::current().unwrap());
    assert_eq!(gate.in_flight(), 1);
    drop(entered);
    assert_eq!(gate.in_flight(), 0);
}

#[test]
fn a_panic_of_a_subscriber_is_no_matter_of_the_call() {
    let (gate, _in_use) = own_gate();
    let _subscriber = set_default(Acts::by(|| panic!("on purpose")));
    let mut call = Box::pin(tracked(&OUTER, std::future::pending::<Answer>()));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(gate.in_flight(), 1);
    drop(call);
    assert_eq!(gate.in_flight(), 0);
    assert!(Admission::current().is_none());
}

thread_local! {
    static LAST: Last = const { Last(RefCell::new(None)) };
}

/// Makes a call when the thread has lost its lane: what is registered first is destroyed last.
struct Last(RefCell<Option<mpsc::Sender<bool>>>);

impl Drop for Last {
    fn drop(&mut self) {
        let tell = self.0.take().expect("it was put there");
        let is_admitted = OUTER.admit().map(std::mem::forget).is_ok();
        tell.send(is_admitted).expect("the test waits");
    }
}

#[test]
fn a_call_at_the_end_of_a_thread_is_seen_by_the_closing_or_refused() {
    let gate = new_gate();
    let (tell, told) = mpsc::channel();
    let theirs = Arc::clone(&gate);
    let work = move || {
        std::mem::forget(context::use_gate(Arc::clone(&theirs)));
        // The gate closes between the call's look at it and its being noted, or just before.
        std::mem::forget(set_default(Acts::by(move || theirs.close())));
        // Where a test has paused the clock, the time is there as long as the runtime's data is.
        assert!(tokio::task::try_id().is_none());
        LAST.with(|last| last.0.replace(Some(tell)));
        // A thread's own call asks no subscriber.
        drop(enter(&OUTER));
    };
    thread::spawn(work).join().unwrap();
    let is_admitted = told.recv().unwrap();
    assert!(gate.is_closed());
    assert_eq!(gate.in_flight(), usize::from(is_admitted));
}
