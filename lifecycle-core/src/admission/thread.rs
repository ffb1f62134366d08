//! The lane of the running thread.
//!
//! [`LOCAL`] has no destructor, so it is there to the very end of the thread, and to make it takes
//! no lock. That the end has begun is told by the system. From then on the thread has a lane only
//! while it has a call in it.

use std::cell::Cell;

use super::{
    lane::{ENDING, Lane},
    pool,
};
use crate::os;

thread_local! {
    static LOCAL: Local = const { Local::new() };
}

struct Local {
    lane: Cell<Option<&'static Lane>>,
    /// The same, while a call that begins here is of the lane's gate, whoever makes it.
    fast: Cell<Option<&'static Lane>>,
    ended: Cell<bool>,
    first_poll: Cell<FirstPoll>,
}

/// What a coroutine is to be told when it is polled for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstPoll {
    /// Nobody polls one for the first time.
    None,
    Admitted,
    Refused,
}

impl Local {
    const fn new() -> Self {
        Self {
            lane: Cell::new(None),
            fast: Cell::new(None),
            ended: Cell::new(false),
            first_poll: Cell::new(FirstPoll::None),
        }
    }
}

/// The lane, where a call that begins here is noted on it without a further look.
#[inline]
pub(super) fn fast() -> Option<&'static Lane> {
    LOCAL.with(|local| local.fast.get())
}

pub(super) fn set_fast(is_fast: bool) {
    LOCAL.with(|local| local.fast.set(local.lane.get().filter(|_| is_fast)));
}

/// The lane, if the thread has one.
#[inline]
pub(super) fn lane() -> Option<&'static Lane> {
    LOCAL.with(|local| local.lane.get())
}

/// The lane; where the thread has none, one that is not attached yet.
pub(super) fn lane_or_new() -> &'static Lane {
    lane().unwrap_or_else(|| {
        let lane = pool::acquire();
        LOCAL.with(|local| {
            local.lane.set(Some(lane));
            // Where nobody tells the end, it is taken for begun.
            local.ended.set(local.ended.get() || !os::at_thread_end(end));
            if local.ended.get() {
                lane.set(ENDING);
            }
        });
        lane
    })
}

/// To be said where a frame was left, or a slot taken: a thread that ends keeps no empty lane.
pub(super) fn release_if_ended() {
    LOCAL.with(|local| {
        if local.ended.get()
            && let Some(lane) = local.lane.get().filter(|lane| lane.is_empty())
        {
            local.fast.set(None);
            local.lane.set(None);
            pool::release(lane);
        }
    });
}

/// The coroutine that is polled next, for the first time, is to be told this.
#[inline]
pub(super) fn tell_first_poll(answer: FirstPoll) {
    LOCAL.with(|local| local.first_poll.set(answer));
}

/// What the running coroutine is told: once.
#[inline]
pub(super) fn first_poll() -> FirstPoll {
    LOCAL.with(|local| local.first_poll.replace(FirstPoll::None))
}

/// The end of the thread has begun.
fn end() {
    LOCAL.with(|local| {
        local.ended.set(true);
        if let Some(lane) = local.lane.get() {
            lane.set(ENDING);
        }
    });
    release_if_ended();
}
