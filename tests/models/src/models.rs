//! What the gate does with lanes, as small as it can be said: `Model` stands for `Gate` and its
//! counters, and says in each place what that does there.

use loom::{
    model::Builder,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst, fence},
    },
    thread,
};

use super::lane::{CLOSED, FENCED, Found, Frame, Lane, Slot};
use crate::Site;

static SITE: Site = Site::new("site");

const GATE: usize = 1;

/// The lock of a gate, and what is under it.
struct Model {
    lane: &'static Lane,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    closed: bool,
    /// The calls that the drain waits for.
    owed: usize,
    /// How often it was told that there are none.
    idle: usize,
}

impl Model {
    fn new() -> Arc<Self> {
        let lane = Lane::leak();
        lane.attach(GATE, FENCED);
        Arc::new(Self { lane, inner: Mutex::new(Inner::default()) })
    }

    /// `Gate::close`.
    fn close(&self) {
        let mut inner = self.inner.lock().unwrap();
        self.lane.set(CLOSED);
        fence(SeqCst);
        let mut owed = 0;
        self.lane.collect(GATE, &mut |found| match found {
            Found::Frame(frame, _) => {
                owed += 1;
                frame.set_entry(1);
            }
            Found::Slot(slot) if slot.entry().is_none() => {
                owed += 1;
                slot.set_entry(1);
            }
            Found::Slot(_) => {}
        });
        inner.closed = true;
        inner.owed = owed;
        inner.idle += usize::from(owed == 0);
    }

    /// `context::enter` and `context::stays`. The frame of a call that was let in.
    fn enter(&self) -> Option<&'static Frame> {
        let frame = self.lane.enter(&SITE, 0);
        if self.lane.settle() & CLOSED != 0 {
            let _inner = self.inner.lock().unwrap();
            if frame.entry().is_none() {
                self.lane.leave(frame);
                return None;
            }
        }
        Some(frame)
    }

    /// `Entered::drop` and `Gate::end_frame`.
    fn leave(&self, frame: &'static Frame) {
        assert!(self.lane.leave_light(frame));
        if self.lane.settle() & CLOSED != 0 {
            self.end(|| frame.take_entry());
        }
    }

    /// `context::promote` and `Gate::move_entry`.
    fn promote(&self, frame: &'static Frame) -> &'static Slot {
        let slot = self.lane.promote(frame, &SITE, |_| ());
        if self.lane.settle() & CLOSED != 0 {
            let _inner = self.inner.lock().unwrap();
            if let Some(entry) = frame.take_entry() {
                slot.set_entry(entry);
            }
        }
        slot
    }

    /// `Call::finish`, on the thread that has the lane or on another.
    fn finish(&self, slot: &'static Slot, own: Option<&'static Lane>) {
        match own {
            Some(lane) if slot.entry().is_none() => {
                slot.end();
                if lane.settle() & CLOSED != 0 {
                    self.end(|| slot.entry());
                }
            }
            _ => self.end(|| {
                slot.end();
                slot.entry()
            }),
        }
        slot.give_back(own);
    }

    fn end(&self, entry: impl FnOnce() -> Option<u64>) {
        let mut inner = self.inner.lock().unwrap();
        if entry().is_some() {
            inner.owed -= 1;
            inner.idle += usize::from(inner.owed == 0);
        }
    }

    fn count(&self) -> usize {
        let mut count = 0;
        self.lane.collect(GATE, &mut |_| count += 1);
        count
    }
}

fn check(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// A drain that is over has nothing running, and is told so.
fn assert_drained(model: &Model) {
    let inner = model.inner.lock().unwrap();
    assert_eq!(inner.owed, 0, "the drain would wait for ever");
    assert_eq!(inner.idle, 1, "it is told once that nothing is left");
}

#[test]
fn a_call_is_seen_by_the_closing_or_turned_away() {
    check(3, || {
        let model = Model::new();
        let runs = Arc::new(AtomicBool::new(false));
        let (theirs, is_running) = (Arc::clone(&model), Arc::clone(&runs));
        let worker = thread::spawn(move || {
            if let Some(frame) = theirs.enter() {
                is_running.store(true, SeqCst);
                is_running.store(false, SeqCst);
                theirs.leave(frame);
            }
        });
        model.close();
        let inner = model.inner.lock().unwrap();
        if inner.owed == 0 {
            assert!(!runs.load(SeqCst), "the drain is over and a call runs");
        }
        drop(inner);
        worker.join().unwrap();
        assert_drained(&model);
        assert!(model.enter().is_none());
    });
}

#[test]
fn the_last_call_wakes_the_drain() {
    check(4, || {
        let model = Model::new();
        let frame = model.enter().unwrap();
        let theirs = Arc::clone(&model);
        let closer = thread::spawn(move || theirs.close());
        model.leave(frame);
        closer.join().unwrap();
        assert_drained(&model);
    });
}

#[test]
fn a_call_that_is_moved_while_the_gate_closes_is_owed_once() {
    check(3, || {
        let model = Model::new();
        let frame = model.enter().unwrap();
        let theirs = Arc::clone(&model);
        let closer = thread::spawn(move || {
            theirs.close();
            theirs.inner.lock().unwrap().owed
        });
        let slot = model.promote(frame);
        model.lane.leave(frame);
        let owed = closer.join().unwrap();
        assert_eq!(owed, 1, "it was in flight all the time");
        model.finish(slot, Some(model.lane));
        assert_drained(&model);
    });
}

#[test]
fn a_call_that_ends_on_another_thread_while_the_gate_closes_wakes_the_drain() {
    check(3, || {
        let model = Model::new();
        let frame = model.enter().unwrap();
        let slot = model.promote(frame);
        model.lane.leave(frame);
        let (one, two) = (Arc::clone(&model), Arc::clone(&model));
        let closer = thread::spawn(move || one.close());
        let ender = thread::spawn(move || two.finish(slot, None));
        closer.join().unwrap();
        ender.join().unwrap();
        assert_drained(&model);
    });
}

#[test]
fn who_looks_sees_a_call_once_while_it_is_moved() {
    check(3, || {
        let model = Model::new();
        let frame = model.enter().unwrap();
        let theirs = Arc::clone(&model);
        let looker = thread::spawn(move || assert_eq!(theirs.count(), 1));
        model.promote(frame);
        model.lane.leave(frame);
        looker.join().unwrap();
    });
}

/// What a hook runs under is counted nowhere; its slot may be that of a call a moment later.
#[test]
fn a_call_that_is_moved_to_a_slot_that_was_counted_nowhere_is_owed_once() {
    check(3, || {
        let model = Model::new();
        let frame = model.enter().unwrap();
        let uncounted = model.lane.take();
        uncounted.begin(None, GATE, 0);
        let theirs = Arc::clone(&model);
        let closer = thread::spawn(move || {
            theirs.close();
            theirs.inner.lock().unwrap().owed
        });
        uncounted.end();
        uncounted.give_back(Some(model.lane));
        let slot = model.promote(frame);
        model.lane.leave(frame);
        assert_eq!(closer.join().unwrap(), 1);
        model.finish(slot, Some(model.lane));
        assert_drained(&model);
    });
}

/// A thread ends: its lane, and what lives there, goes to another, as the lock of the pool has it.
#[test]
fn what_an_ended_thread_let_in_is_counted_while_its_lane_changes_hands() {
    check(3, || {
        let model = Model::new();
        let frame = model.enter().unwrap();
        let slot = model.promote(frame);
        model.lane.leave(frame);
        let theirs = Arc::clone(&model);
        // The next thread has the lane.
        let next = thread::spawn(move || {
            if let Some(frame) = theirs.enter() {
                theirs.leave(frame);
            }
        });
        model.close();
        assert!(model.inner.lock().unwrap().owed >= 1);
        next.join().unwrap();
        model.finish(slot, None);
        assert_drained(&model);
    });
}

#[test]
fn slots_that_two_threads_give_back_are_all_free_again() {
    check(2, || {
        let lane = Lane::leak();
        let (one, two) = (lane.take(), lane.take());
        let give = |slot: &'static Slot| thread::spawn(move || slot.give_back(None));
        let (first, second) = (give(one), give(two));
        first.join().unwrap();
        second.join().unwrap();
        let mut free = Vec::new();
        while !free.iter().any(|seen| std::ptr::eq(*seen, one))
            || !free.iter().any(|seen| std::ptr::eq(*seen, two))
        {
            assert!(free.len() < 100, "a slot is lost");
            free.push(lane.take());
        }
    });
}
