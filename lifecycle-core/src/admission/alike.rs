//! The gate of a process and that of a scenario tell the same of the same calls: random ones, of
//! each kind and within each other, that panic, are dropped by destructors, change gates and go on
//! while draining. `LIFECYCLE_STRESS=20` makes it twenty times as many.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread,
};

use super::{Admission, Gate, Guard, Tracked, admitted, context, enter, hold, inherit};
use crate::{Refused, Site, SiteReport, os::barrier::Barrier};

static SITES: [Site; 3] = [Site::new("one"), Site::new("two"), Site::new("three")];

/// How deep calls are in each other.
const DEPTH: usize = 6;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// One run: what there is at the moment, and what was seen of it.
struct World {
    gate: Arc<Gate>,
    other: Arc<Gate>,
    random: Cell<u64>,
    steps_left: Cell<usize>,
    seen: RefCell<Vec<String>>,
    work: RefCell<Vec<Work>>,
    admissions: RefCell<Vec<Admission>>,
    guards: RefCell<Vec<Guard>>,
}

/// Pending once, or not at all.
struct Ready(bool);

impl Future for Ready {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A destructor that does something.
struct OnDrop(Rc<World>, usize);

impl Drop for OnDrop {
    fn drop(&mut self) {
        let _ = caught(|| self.0.some_steps(self.1 + 1));
    }
}

fn caught<R>(work: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

impl World {
    fn new(gate: Arc<Gate>, other: Arc<Gate>, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            gate,
            other,
            random: Cell::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            steps_left: Cell::new(300),
            seen: RefCell::default(),
            work: RefCell::default(),
            admissions: RefCell::default(),
            guards: RefCell::default(),
        })
    }

    fn below(&self, most: usize) -> usize {
        let mut random = self.random.get();
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        self.random.set(random);
        (random >> 20) as usize % most
    }

    fn one_in(&self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn take<T>(&self, from: &RefCell<Vec<T>>) -> Option<T> {
        let mut all = from.borrow_mut();
        let many = all.len();
        (many > 0).then(|| all.swap_remove(self.below(many)))
    }

    fn see(&self, what: &str) {
        let sites = self.gate.snapshot();
        let sites: Vec<_> = sites.iter().map(|site| (site.name(), site.in_flight())).collect();
        let counts = (self.gate.in_flight(), self.other.in_flight());
        self.seen.borrow_mut().push(format!("{what}: {counts:?}, {sites:?}"));
    }

    fn some_steps(self: &Rc<Self>, depth: usize) {
        let steps = if depth > DEPTH { 0 } else { self.below(5) };
        (0..steps).for_each(|_| self.step(depth));
    }

    /// Does something, as code of `depth` calls in each other.
    fn step(self: &Rc<Self>, depth: usize) {
        if self.steps_left.get() == 0 {
            return;
        }
        self.steps_left.set(self.steps_left.get() - 1);
        let site = &SITES[self.below(SITES.len())];
        let within = || self.some_steps(depth + 1);
        let what = match self.below(20) {
            0..=2 => {
                let entered = enter(site);
                self.see("within a call");
                let _local = self.one_in(5).then(|| OnDrop(Rc::clone(self), depth));
                within();
                format!("a call, {}", entered.is_ok())
            }
            3 => {
                let (first, second) = (enter(site), enter(&SITES[0]));
                within();
                drop(first);
                within();
                drop(second);
                "calls that cross".to_owned()
            }
            4 => format!("caught {:?}", caught(|| (enter(site).is_ok(), within()))),
            5 | 6 => {
                let work = self.make_work(depth);
                self.work.borrow_mut().push(work);
                "made".to_owned()
            }
            7..=10 => {
                let Some(mut work) = self.take(&self.work) else { return };
                let polled = caught(|| poll(&mut work));
                if polled == Some(Poll::Pending) {
                    self.work.borrow_mut().push(work);
                }
                format!("polled, {polled:?}")
            }
            11 => format!("dropped, {:?}", caught(|| drop(self.take(&self.work)))),
            12 => {
                let current = Admission::current();
                let what = format!("belongs to {current:?}");
                self.admissions.borrow_mut().extend(current);
                what
            }
            13 => {
                let Some(admission) = self.take(&self.admissions) else { return };
                let entered = self.one_in(2).then(|| caught(|| admission.enter(within)));
                format!("an admission, {entered:?}")
            }
            14 => {
                let guard = site.admit();
                let what = format!("a guard, {}", guard.is_ok());
                self.guards.borrow_mut().extend(guard);
                what
            }
            15 => {
                let Some(guard) = self.take(&self.guards) else { return };
                let entered = self.one_in(2).then(|| caught(|| guard.enter(within)));
                format!("a guard, {entered:?}")
            }
            16 => {
                let pulled = poll(&mut Box::pin(site.pull(Ready(self.one_in(2)))));
                let what = format!("pulled, {:?}", pulled.is_ready());
                if let Poll::Ready(Some((_, guard))) = pulled {
                    self.guards.borrow_mut().push(guard);
                }
                what
            }
            17 => {
                let gate = if self.one_in(2) { &self.gate } else { &self.other };
                let _in_use = context::use_gate(Arc::clone(gate));
                within();
                "another gate".to_owned()
            }
            18 => {
                let hook = self.gate.hook_admission();
                format!("a hook, {:?}", caught(|| hook.enter(within)))
            }
            _ => self.stop_or_panic(),
        };
        self.see(&what);
    }

    fn stop_or_panic(&self) -> String {
        match self.below(16) {
            0 => self.gate.close(),
            1 if self.one_in(2) => self.other.close(),
            2 if self.gate.is_closed() => drop(self.gate.abandon()),
            3..=5 => self.gate.request(),
            // Silent, as there are many.
            6..=9 if !thread::panicking() => resume_unwind(Box::new(())),
            _ => {}
        }
        "a step of the stop".to_owned()
    }

    fn make_work(self: &Rc<Self>, depth: usize) -> Work {
        let site = &SITES[self.below(SITES.len())];
        let body = Rc::clone(self).work(depth);
        match self.below(5) {
            0 => Box::pin(inherit(body)),
            1 => match hold(site) {
                Ok(held) => Box::pin(held.future(|| body)),
                Err(_) => Box::pin(async {}),
            },
            2 => Box::pin(async { drop(site.track(body).await) }),
            3 => match site.admit() {
                Ok(guard) => Box::pin(async move { guard.scope(body).await }),
                Err(_) => Box::pin(async {}),
            },
            _ => Box::pin(async {
                let call = Tracked::new(site, async {
                    admitted(site)?;
                    body.await;
                    Ok::<_, Refused>(())
                });
                drop(call.await);
            }),
        }
    }

    fn work(self: Rc<Self>, depth: usize) -> impl Future<Output = ()> {
        let argument = self.one_in(3).then(|| OnDrop(Rc::clone(&self), depth));
        async move {
            let _argument = argument;
            for _ in 0..self.below(3) {
                let _local = self.one_in(4).then(|| OnDrop(Rc::clone(&self), depth));
                self.some_steps(depth + 1);
                Ready(false).await;
                if depth < DEPTH && self.one_in(3) {
                    let inner = self.make_work(depth + 1);
                    inner.await;
                }
            }
            self.some_steps(depth + 1);
        }
    }

    /// Ends all that there is, and returns what was seen.
    fn end(&self) -> Vec<String> {
        self.steps_left.set(0);
        self.gate.close();
        self.other.close();
        for work in self.work.take() {
            let _ = caught(|| drop(work));
        }
        self.admissions.take();
        self.guards.take();
        self.see("the end");
        assert_eq!((self.gate.in_flight(), self.other.in_flight()), (0, 0));
        let reports = [self.gate.report(), self.other.report()].concat();
        self.seen.borrow_mut().extend(reports.iter().map(counts));
        self.seen.take()
    }
}

fn counts(site: &SiteReport) -> String {
    let endings = [site.finished(), site.panicked(), site.dropped(), site.abandoned()];
    assert_eq!(site.admitted(), endings.iter().sum::<usize>(), "{site:?}");
    let late = site.finished_late();
    format!("{} {} {} {endings:?} {late}", site.name(), site.at_start(), site.refused())
}

fn seen(gate: Arc<Gate>, other: Arc<Gate>, seed: u64) -> Vec<String> {
    let _in_use = context::use_gate(Arc::clone(&gate));
    let world = World::new(gate, other, seed);
    for _ in 0..40 {
        let _ = caught(|| world.step(0));
    }
    assert!(Admission::current().is_none());
    world.end()
}

#[test]
fn random_calls_are_told_alike_by_both_kinds_of_gates() {
    let factor = std::env::var("LIFECYCLE_STRESS").map_or(1, |factor| factor.parse().unwrap());
    for seed in 0..50 * factor {
        let counted = seen(Gate::new(), Gate::new(), seed);
        for (gate, other) in [
            (Gate::by_thread(Barrier::of_process()), Gate::new()),
            (Gate::by_thread(Barrier::Fence), Gate::by_thread(Barrier::Fence)),
        ] {
            let noted = seen(gate, other, seed);
            let differs = counted.iter().zip(&noted).position(|(one, two)| one != two);
            let at = differs.unwrap_or(counted.len());
            let before = &counted[at.saturating_sub(8)..at];
            assert_eq!(counted.get(at), noted.get(at), "seed {seed}, after {before:#?}");
        }
    }
}
