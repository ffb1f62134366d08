use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Looks at the gate when told, which would not end if the gate's lock were held.
pub(super) struct Observer {
    gate: Arc<Gate>,
    idle: AtomicUsize,
    first: AtomicUsize,
    nothing_to_cancel: AtomicUsize,
}

impl Observer {
    pub(super) fn of(gate: &Arc<Gate>) -> Arc<Self> {
        let observer = Arc::new(Self {
            gate: Arc::clone(gate),
            idle: AtomicUsize::new(0),
            first: AtomicUsize::new(0),
            nothing_to_cancel: AtomicUsize::new(0),
        });
        gate.set_observer(Arc::clone(&observer) as Arc<dyn GateObserver>);
        observer
    }

    /// How often it was told of idleness and of a first listener.
    pub(super) fn seen(&self) -> (usize, usize) {
        (self.idle.load(Ordering::Relaxed), self.first.load(Ordering::Relaxed))
    }

    pub(super) fn nothing_to_cancel(&self) -> usize {
        self.nothing_to_cancel.load(Ordering::Relaxed)
    }
}

impl GateObserver for Observer {
    fn idle(&self) {
        assert_eq!(self.gate.in_flight(), 0);
        self.idle.fetch_add(1, Ordering::Relaxed);
    }

    fn nothing_to_cancel(&self) {
        assert_eq!(self.gate.cancelling(), 0);
        self.nothing_to_cancel.fetch_add(1, Ordering::Relaxed);
    }

    fn first_listener(&self) {
        assert!(self.gate.listeners().len() <= 1);
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
