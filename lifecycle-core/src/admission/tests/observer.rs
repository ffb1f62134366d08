use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::SourceLocation;

/// Looks at the gate when told, which would not end if the gate's lock were held.
struct Observer {
    gate: Arc<Gate>,
    idle: AtomicUsize,
    first: AtomicUsize,
}

impl Observer {
    fn of(gate: &Arc<Gate>) -> Arc<Self> {
        let observer = Arc::new(Self {
            gate: Arc::clone(gate),
            idle: AtomicUsize::new(0),
            first: AtomicUsize::new(0),
        });
        gate.set_observer(Arc::clone(&observer) as Arc<dyn GateObserver>);
        observer
    }

    fn seen(&self) -> (usize, usize) {
        (self.idle.load(Ordering::Relaxed), self.first.load(Ordering::Relaxed))
    }
}

impl GateObserver for Observer {
    fn idle(&self) {
        assert_eq!(self.gate.in_flight(), 0);
        self.idle.fetch_add(1, Ordering::Relaxed);
    }

    fn first_listener(&self) {
        assert_eq!(self.gate.listeners().len(), 1);
        self.first.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn idle_is_said_each_time_nothing_is_left() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    drop(OUTER.admit());
    let guard = OUTER.admit().unwrap();
    gate.close();
    assert_eq!(observer.seen(), (0, 0));
    drop(guard);
    assert_eq!(observer.seen(), (1, 0));
    drop(gate.hook_admission().enter(|| OUTER.admit()));
    assert_eq!(observer.seen(), (2, 0));
    gate.set_observer(Observer::of(&gate));
    let late = Observer::of(&gate);
    assert_eq!(late.seen(), (1, 0), "said at once to who comes late");
}

#[test]
fn closing_an_idle_gate_says_so() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    gate.close();
    gate.close();
    assert_eq!(observer.seen(), (1, 0));
}

#[test]
fn listeners_are_known_by_place_while_they_live() {
    let (gate, _in_use) = own_gate();
    let observer = Observer::of(&gate);
    let (here, there) = (SourceLocation::new("a.rs", 1), SourceLocation::new("b.rs", 2));
    let first = gate.listen(here);
    let second = gate.listen(there);
    let again = gate.listen(here);
    assert_eq!(observer.seen(), (0, 1));
    assert_eq!(gate.listeners(), [here, there]);
    drop(first);
    assert_eq!(gate.listeners(), [here, there]);
    drop((again, second));
    assert_eq!(gate.listeners(), []);
    drop(gate.listen(there));
    assert_eq!(observer.seen(), (0, 1));
}

#[test]
fn who_comes_late_hears_of_the_listener() {
    let (gate, _in_use) = own_gate();
    let _listener = gate.listen(SourceLocation::new("a.rs", 1));
    assert_eq!(Observer::of(&gate).seen(), (0, 1));
}

#[test]
fn only_mains_own_refusals_are_noted() {
    let (gate, _in_use) = own_gate();
    let before = OUTER.admit().unwrap();
    gate.close();
    assert!(OUTER.admit().is_err());
    context::poll_as_main(|| before.enter(|| drop(INNER.admit().unwrap())));
    assert!(std::panic::catch_unwind(|| context::poll_as_main(|| panic!("on purpose"))).is_err());
    assert!(OUTER.admit().is_err());
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let unrelated = runtime.spawn(nested(0));
    assert!(context::poll_as_main(|| runtime.block_on(unrelated)).unwrap().is_err());
    assert!(!gate.main_was_refused());
    assert!(context::poll_as_main(|| OUTER.admit()).is_err());
    assert!(gate.main_was_refused());
}
