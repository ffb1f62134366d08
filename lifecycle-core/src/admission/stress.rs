//! What only many threads at once can show, for gates whose calls are noted by thread, with each of
//! the barriers. `LIFECYCLE_STRESS=20` makes it twenty times as much; optimized, the two halves of
//! the barrier come close enough together to miss each other where one of them is left out.

use std::{
    cell::RefCell,
    pin::Pin,
    sync::{
        Arc, Barrier as Start, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use super::{
    Admission, Gate, GateObserver, Tracked, admitted, context, enter,
    lane::{CLOSED, FENCED, Lane},
    pool,
};
use crate::{Refused, Site, SiteReport, os::barrier::Barrier};

static OUTER: Site = Site::new("outer");
static INNER: Site = Site::new("inner");

/// Can be waited for.
#[derive(Default)]
struct Told {
    idle: Mutex<usize>,
    first: Mutex<usize>,
    changed: Condvar,
}

impl Told {
    fn by(gate: &Gate) -> Arc<Self> {
        let told = Arc::new(Self::default());
        gate.set_observer(Arc::clone(&told) as _);
        told
    }

    fn wait_until_idle(&self) {
        let not_yet = |count: &mut usize| *count == 0;
        let patience = Duration::from_secs(60);
        let waited =
            self.changed.wait_timeout_while(self.idle.lock().unwrap(), patience, not_yet).unwrap();
        assert!(!waited.1.timed_out(), "the wake-up of the drain was lost");
    }

    fn add_to(&self, count: &Mutex<usize>) {
        *count.lock().unwrap() += 1;
        self.changed.notify_all();
    }
}

impl GateObserver for Told {
    fn idle(&self) {
        self.add_to(&self.idle);
    }

    fn first_call(&self) {
        self.add_to(&self.first);
    }

    fn first_listener(&self) {}
}

/// Pending as often as it says.
struct Pending(usize);

impl Future for Pending {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        Poll::Pending
    }
}

/// Calls that are between their begin and their end, by what they say themselves.
#[derive(Default)]
struct Running {
    now: AtomicUsize,
    ever: AtomicUsize,
    drain_is_over: AtomicBool,
}

impl Running {
    fn begin(&self) -> Ran<'_> {
        self.now.fetch_add(1, SeqCst);
        self.ever.fetch_add(1, SeqCst);
        assert!(!self.drain_is_over.load(SeqCst), "a call ran after the drain");
        Ran(self)
    }
}

struct Ran<'r>(&'r Running);

impl Drop for Ran<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, SeqCst);
    }
}

fn sum(site: &SiteReport) -> usize {
    site.finished() + site.panicked() + site.dropped() + site.cancelled() + site.abandoned()
}

type Call = Pin<Box<dyn Future<Output = Result<(), Refused>> + Send>>;

fn poll_once(call: &mut Call) -> Poll<Result<(), Refused>> {
    call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// One thread of `drain`: calls of each kind until one is refused. Those that are suspended go to
/// the next thread, which ends them.
fn make_calls(running: &Arc<Running>, next: &mpsc::Sender<Call>, calls: &mpsc::Receiver<Call>) {
    for number in 0_usize.. {
        let entered = match enter(&OUTER) {
            Ok(entered) => entered,
            Err(refused) => {
                assert!(!refused.ran());
                break;
            }
        };
        let ran = running.begin();
        match number % 4 {
            0 => drop(enter(&INNER).expect("it inherits")),
            1 => {
                let mine = Arc::clone(running);
                let mut call: Call = Box::pin(Tracked::new(&INNER, async move {
                    admitted(&INNER)?;
                    let _ran = mine.begin();
                    Pending(1).await;
                    Ok(())
                }));
                assert!(poll_once(&mut call).is_pending(), "it inherits");
                let _ = next.send(call);
            }
            2 => drop(Admission::current().expect("within a call")),
            _ => {}
        }
        drop(ran);
        drop(entered);
        for (number, mut call) in calls.try_iter().enumerate() {
            if number % 2 == 0 {
                assert!(poll_once(&mut call).is_ready());
            }
        }
    }
}

/// A drain while `THREADS` threads make calls as fast as they can. Returns how many calls there
/// were.
fn drain(barrier: Barrier, length: Duration) -> usize {
    const THREADS: usize = 3;
    let gate = Gate::by_thread(barrier);
    let told = Told::by(&gate);
    let running = Arc::new(Running::default());
    let start = Start::new(THREADS + 1);
    thread::scope(|scope| {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
        for (number, calls) in receivers.into_iter().enumerate() {
            let next = senders[(number + 1) % THREADS].clone();
            let (gate, running, start) = (Arc::clone(&gate), Arc::clone(&running), &start);
            scope.spawn(move || {
                let _in_use = context::use_gate(gate);
                start.wait();
                make_calls(&running, &next, &calls);
                drop(next);
                // What others still send is dropped half-way.
                calls.into_iter().for_each(drop);
            });
        }
        drop(senders);
        start.wait();
        thread::sleep(length);
        gate.close();
        told.wait_until_idle();
        running.drain_is_over.store(true, SeqCst);
        assert_eq!(running.now.load(SeqCst), 0, "the drain is over and calls run");
    });
    assert_eq!(gate.in_flight(), 0);
    gate.abandon();
    for site in gate.report() {
        assert_eq!(site.admitted(), sum(&site), "{site:?}");
        assert_eq!(site.abandoned(), 0, "{site:?}");
    }
    running.ever.load(SeqCst)
}

/// How much more is to be done than what is always done.
fn factor() -> usize {
    std::env::var("LIFECYCLE_STRESS").map_or(1, |factor| factor.parse().expect("a number"))
}

fn drain_often(barrier: Barrier, drains: usize) {
    let drains = drains * factor();
    let lengths = (0..drains).map(|number| Duration::from_micros(number as u64 % 7 * 300));
    let calls: usize = lengths.map(|length| drain(barrier, length)).sum();
    println!("{calls} calls in {drains} drains, {barrier:?}");
    assert!(calls > drains);
}

#[test]
fn each_call_is_seen_by_the_drain_or_refused() {
    drain_often(Barrier::of_process(), 60);
}

#[test]
fn each_call_is_seen_by_the_drain_or_refused_where_threads_have_fences() {
    drain_often(Barrier::Fence, 60);
}

/// A sandbox that is entered late.
#[test]
fn each_call_is_seen_by_the_drain_or_refused_where_the_system_refuses_later() {
    drain_often(Barrier::RefusedLater, 5);
}

/// The last call ends while draining begins.
fn ends_as_it_closes(barrier: Barrier, drains: usize) {
    let (work, to_do) = mpsc::channel::<(Arc<Gate>, Arc<Start>)>();
    let worker = thread::spawn(move || {
        for (gate, start) in to_do {
            let _in_use = context::use_gate(gate);
            let entered = enter(&OUTER).unwrap();
            start.wait();
            drop(entered);
        }
    });
    for number in 0..drains {
        let gate = Gate::by_thread(barrier);
        let told = Told::by(&gate);
        let start = Arc::new(Start::new(2));
        work.send((Arc::clone(&gate), Arc::clone(&start))).unwrap();
        start.wait();
        (0..number % 64).for_each(|_| std::hint::spin_loop());
        gate.close();
        told.wait_until_idle();
        assert_eq!(gate.in_flight(), 0);
    }
    drop(work);
    worker.join().unwrap();
}

#[test]
fn no_wake_up_of_ten_thousand_drains_is_lost() {
    ends_as_it_closes(Barrier::of_process(), 10_000);
}

#[test]
fn no_wake_up_of_ten_thousand_drains_is_lost_where_threads_have_fences() {
    ends_as_it_closes(Barrier::Fence, 10_000);
}

#[test]
fn who_looks_sees_each_call_once_while_calls_are_moved() {
    for barrier in [Barrier::of_process(), Barrier::Fence] {
        let gate = Gate::by_thread(barrier);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _in_use = context::use_gate(Arc::clone(&gate));
                let _outer = enter(&OUTER).unwrap();
                while !done.load(SeqCst) {
                    let inner = enter(&INNER).unwrap();
                    let admission = Admission::current();
                    drop(inner);
                    drop(admission);
                }
            });
            while gate.in_flight() == 0 {
                thread::yield_now();
            }
            for _ in 0..500 {
                let in_flight = gate.in_flight();
                assert!((1..=2).contains(&in_flight), "{in_flight}");
            }
            let sites = gate.snapshot();
            assert_eq!(
                sites.last().map(|site| (site.name(), site.in_flight())),
                Some(("outer", 1))
            );
            done.store(true, SeqCst);
        });
        assert_eq!(gate.in_flight(), 0);
    }
}

#[test]
fn who_looks_sees_a_call_once_while_another_thread_runs_it() {
    let lanes = [Lane::leak(), Lane::leak()];
    lanes.iter().for_each(|lane| lane.attach(1, 0));
    let [began, runs] = lanes;
    let frame = began.enter(&OUTER, 0);
    let slot = began.promote(frame, &OUTER, |_| ());
    began.leave(frame);
    let frame = runs.resume(slot, false, 0);
    let mut seen = 0;
    lanes.iter().for_each(|lane| lane.collect(1, &mut |_| seen += 1));
    runs.leave(frame);
    assert_eq!(seen, 1);
}

#[test]
fn whoever_sleeps_over_nothing_is_told_of_the_first_call() {
    for barrier in [Barrier::of_process(), Barrier::Fence] {
        let gate = Gate::by_thread(barrier);
        let told = Told::by(&gate);
        gate.watch_first_call();
        let start = Start::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _in_use = context::use_gate(Arc::clone(&gate));
                for _ in 0..1_000 {
                    start.wait();
                    let entered = enter(&OUTER).unwrap();
                    start.wait();
                    drop(entered);
                    start.wait();
                }
            });
            for _ in 0..1_000 {
                start.wait();
                // Either the call is seen, or it says so.
                let before = *told.first.lock().unwrap();
                let seen = gate.in_flight() > 0;
                start.wait();
                assert!(seen || *told.first.lock().unwrap() > before);
                start.wait();
            }
        });
    }
}

#[test]
fn lanes_of_ended_threads_are_used_again() {
    let gate = Gate::by_thread(Barrier::of_process());
    let before = pool::len();
    let kept: Vec<_> = (0..10_000)
        .filter_map(|number| {
            let gate = Arc::clone(&gate);
            let work = move || {
                let _in_use = context::use_gate(gate);
                let entered = enter(&OUTER).unwrap();
                drop(entered);
                (number % 1_000 == 0).then(|| OUTER.admit().unwrap())
            };
            thread::Builder::new().stack_size(64 << 10).spawn(work).unwrap().join().unwrap()
        })
        .collect();
    assert_eq!(gate.in_flight(), 10, "what ended threads let in is still in flight");
    drop(kept);
    assert_eq!(gate.in_flight(), 0);
    // Other tests have threads as well.
    let lanes = pool::len() - before;
    assert!(lanes < 200, "{lanes} lanes");
}

thread_local! {
    static LAST: AtTheEnd = const { AtTheEnd(RefCell::new(None)) };
}

/// Makes calls when the thread has lost the rest of its data: its destructor is registered first,
/// so it runs last.
struct AtTheEnd(RefCell<Option<mpsc::Sender<(usize, usize)>>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        let entered = enter(&AT_THE_END).unwrap();
        let guard = AT_THE_END.admit().unwrap();
        let inherited = Admission::current().is_some();
        let within = in_flight_at_the_end();
        drop((entered, guard));
        let after = in_flight_at_the_end();
        assert!(inherited);
        let _ = self.0.borrow().as_ref().unwrap().send((within, after));
    }
}

static AT_THE_END: Site = Site::new("at the end of a thread");

fn in_flight_at_the_end() -> usize {
    let sites = Gate::process().snapshot();
    sites.iter().filter(|site| site.name() == AT_THE_END.name()).map(|site| site.in_flight()).sum()
}

#[test]
fn calls_count_while_the_data_of_their_thread_is_destroyed() {
    let (tell, told) = mpsc::channel();
    let work = move || {
        LAST.with(|last| *last.0.borrow_mut() = Some(tell));
        drop(enter(&OUTER).unwrap());
    };
    thread::spawn(work).join().unwrap();
    assert_eq!(told.recv().unwrap(), (2, 0));
}

#[test]
fn a_call_of_a_thread_that_ended_within_it_stays_in_flight() {
    let gate = Gate::by_thread(Barrier::of_process());
    let theirs = Arc::clone(&gate);
    let work = move || {
        let _in_use = context::use_gate(theirs);
        std::mem::forget(enter(&OUTER).unwrap());
    };
    thread::spawn(work).join().unwrap();
    assert_eq!(gate.in_flight(), 1);
    gate.close();
    gate.abandon();
    assert_eq!(gate.report()[0].abandoned(), 1);
}

#[test]
fn a_call_that_never_yields_ages_from_the_first_look_on() {
    let gate = Gate::by_thread(Barrier::of_process());
    let _in_use = context::use_gate(Arc::clone(&gate));
    let _entered = enter(&OUTER).unwrap();
    assert_eq!(gate.snapshot()[0].oldest(), Duration::ZERO);
    thread::sleep(Duration::from_millis(50));
    let oldest = gate.snapshot()[0].oldest();
    assert!(oldest >= Duration::from_millis(30), "{oldest:?}");
    gate.close();
    gate.abandon();
    assert!(gate.report()[0].oldest_abandoned() >= Some(oldest), "the drain goes on from there");
}

#[test]
fn frames_are_as_many_as_it_takes_and_their_order_does_not_matter() {
    let gate = Gate::by_thread(Barrier::of_process());
    let _in_use = context::use_gate(Arc::clone(&gate));
    for _ in 0..3 {
        let mut entered: Vec<_> = (0..1_000).map(|_| enter(&OUTER).unwrap()).collect();
        assert_eq!(gate.in_flight(), 1_000);
        for left in (0..1_000).rev() {
            drop(entered.swap_remove(left * 7919 % entered.len()));
            if left % 100 == 0 {
                assert_eq!(gate.in_flight(), left);
            }
        }
        assert!(Admission::current().is_none());
    }
}

#[test]
fn the_task_of_the_oldest_is_known() {
    let gate = Gate::by_thread(Barrier::of_process());
    let _in_use = context::use_gate(Arc::clone(&gate));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let theirs = Arc::clone(&gate);
        let task = tokio::spawn(async move {
            let _entered = enter(&OUTER).unwrap();
            theirs.snapshot()[0].task().map(|task| task.to_string())
        });
        let id = task.id().to_string();
        assert_eq!(task.await.unwrap(), Some(id));
    });
}

/// The two halves of the barrier and nothing else, as close together as can be.
fn meet(barrier: Barrier, rounds: usize) {
    let rounds = rounds * factor();
    let lane = Lane::leak();
    let fences = if barrier.needs_fences() { FENCED } else { 0 };
    let [begun, entered, looked, left] = [const { AtomicUsize::new(0) }; 4];
    let wait_for = |step: &AtomicUsize, round| {
        while step.load(SeqCst) < round {
            thread::yield_now();
        }
    };
    let let_in = AtomicBool::new(false);
    let missed = thread::scope(|scope| {
        scope.spawn(|| {
            for round in 1..=rounds {
                // As it shall come at the same moment; but others may have the processor.
                for spins in 1_u32.. {
                    if begun.load(SeqCst) >= round {
                        break;
                    }
                    if spins % 1024 == 0 {
                        thread::yield_now();
                    }
                }
                // The mode is at hand, and the frame is not: the store takes its time.
                lane.settle();
                let frame = lane.enter(&OUTER, 0);
                let mode = lane.settle();
                let_in.store(mode == 0, SeqCst);
                entered.store(round, SeqCst);
                wait_for(&looked, round);
                lane.leave(frame);
                left.store(round, SeqCst);
            }
        });
        let closings = (1..=rounds).map(|round| {
            lane.attach(1, fences);
            lane.collect(1, &mut |_| panic!("nothing is noted"));
            begun.store(round, SeqCst);
            // A cycle or so each: all of the moments in which the two may cross.
            (0..round % 1024).for_each(|step| {
                std::hint::black_box(step);
            });
            lane.set(CLOSED);
            barrier.all_threads();
            let mut seen = 0;
            lane.collect(1, &mut |_| seen += 1);
            wait_for(&entered, round);
            let is_missed = let_in.load(SeqCst) && seen == 0;
            looked.store(round, SeqCst);
            wait_for(&left, round);
            usize::from(is_missed)
        });
        closings.sum::<usize>()
    });
    assert_eq!(missed, 0, "calls were let in and not seen, in {rounds} closings");
}

#[test]
fn the_two_halves_of_the_barrier_meet() {
    meet(Barrier::of_process(), 2_000);
}

#[test]
fn the_two_halves_of_the_barrier_meet_where_threads_have_fences() {
    meet(Barrier::Fence, 2_000);
}
