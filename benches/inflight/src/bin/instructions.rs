//! Calls one kind of function so many times, for a count of its instructions.

use std::{
    env,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use lifecycle_bench_inflight::*;

fn main() {
    let mut arguments = env::args().skip(1);
    let kind = arguments.next().expect("a kind of call");
    let rounds: u64 = arguments.next().expect("how many").parse().expect("a number");
    match &*kind {
        "sync nothing" => repeat(rounds, || plain(1)),
        "sync lifecycle" => repeat(rounds, || by_lifecycle(1)),
        "sync token" => repeat(rounds, || by_token(1)),
        "nested nothing" => repeat(rounds, || nested_plain(1)),
        "nested lifecycle" => repeat(rounds, || nested_by_lifecycle(1)),
        "async nothing" => repeat(rounds, || polled(async_plain(1))),
        "async lifecycle" => repeat(rounds, || polled(async_by_lifecycle(1))),
        "async token" => repeat(rounds, || polled(PEERS.tracker.track_future(async_plain(1)))),
        "suspended nothing" => repeat(rounds, || polled(once_plain(1))),
        "suspended lifecycle" => repeat(rounds, || polled(once_by_lifecycle(1))),
        "suspended token" => repeat(rounds, || polled(PEERS.tracker.track_future(once_plain(1)))),
        _ => panic!("no such kind of call: {kind}"),
    }
}

#[inline(never)]
fn repeat(rounds: u64, call: impl Fn() -> u64) {
    for _ in 0..rounds {
        black_box(call());
    }
}

/// Polls until it is ready.
#[inline(always)]
fn polled(future: impl Future<Output = u64>) -> u64 {
    let mut future = pin!(future);
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}
