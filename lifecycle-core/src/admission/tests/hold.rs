use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{FutureExt, Stream, StreamExt, stream};

use super::*;
use crate::admission::{Admission, HeldFuture, HeldStream, hold};

/// Keeps what it was given after it has completed, as futures written by hand do.
struct Keeping(Argument);

struct Argument(Arc<Gate>, Arc<AtomicBool>);

impl Drop for Argument {
    fn drop(&mut self) {
        self.1.store(self.0.in_flight() == 1 && INNER.admit().is_ok(), Ordering::Relaxed);
    }
}

impl Future for Keeping {
    type Output = u32;

    fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<u32> {
        self.0.0.close();
        std::task::Poll::Ready(7)
    }
}

#[tokio::test]
async fn a_future_is_in_flight_from_its_making_until_its_arguments_are_gone() {
    let (gate, _in_use) = own_gate();
    let outlived = Arc::new(AtomicBool::new(false));
    let argument = Argument(Arc::clone(&gate), Arc::clone(&outlived));
    let held = hold(&OUTER).unwrap();
    let mut call = Box::pin(held.future(|| {
        assert!(Admission::current().is_some(), "the eager part is in the call");
        Keeping(argument)
    }));
    assert!(Admission::current().is_none());
    assert_eq!(gate.in_flight(), 1);
    assert_eq!((&mut call).await, 7);
    assert!(outlived.load(Ordering::Relaxed));
    assert_eq!(gate.in_flight(), 0, "though the future lives");
}

#[tokio::test]
async fn a_future_that_is_never_polled_ends_its_call_when_dropped() {
    let (gate, _in_use) = own_gate();
    let call = hold(&OUTER).unwrap().future(std::future::pending::<()>);
    assert_eq!(gate.in_flight(), 1);
    drop(call);
    assert_eq!(gate.in_flight(), 0);
}

#[tokio::test]
async fn a_stream_is_a_call_until_it_ends() {
    let (gate, _in_use) = own_gate();
    let numbers = hold(&OUTER).unwrap().stream(|| stream::iter(0..3).then(nested));
    let mut numbers = Box::pin(numbers);
    assert_eq!(numbers.next().await, Some(Ok(0)));
    gate.close();
    assert!(nested(0).await.is_err(), "between the items the caller is not in the call");
    assert_eq!(gate.in_flight(), 1);
    assert_eq!(numbers.next().await, Some(Ok(1)));
    assert_eq!(numbers.next().await, Some(Ok(2)));
    assert_eq!(numbers.next().await, None);
    assert_eq!(gate.in_flight(), 0, "though the stream lives");
    assert_eq!(numbers.next().await, None);
}

#[tokio::test]
async fn a_refusal_is_answered_in_kind() {
    let (gate, _in_use) = own_gate();
    gate.close();
    let refused = hold(&OUTER).unwrap_err();
    let future: HeldFuture<std::future::Ready<Answer>> = HeldFuture::refused(Err(refused.clone()));
    assert_eq!(future.await, Err(refused.clone()));
    let stream: HeldStream<stream::Empty<Answer>> = HeldStream::refused(Err(refused.clone()));
    assert_eq!(stream.size_hint(), (1, Some(1)));
    assert_eq!(stream.collect::<Vec<_>>().await, [Err(refused)]);
    assert_eq!(gate.report()[0].refused(), 1);
}

#[test]
fn a_panic_in_the_eager_part_ends_the_call() {
    let (gate, _in_use) = own_gate();
    let made = std::panic::catch_unwind(|| {
        let _ = hold(&OUTER)
            .unwrap()
            .future(|| -> std::future::Ready<()> { panic!("on purpose") })
            .now_or_never();
    });
    assert!(made.is_err());
    assert_eq!(gate.in_flight(), 0);
    assert!(Admission::current().is_none());
}
