//! What a scenario stands on.

use super::harness::Harness;
use crate::{
    admission::{Gate, UseGate, context},
    runtime::{Lifecycle, Log},
};

/// The thread belongs to the scenario while this lives. The lifecycle itself is left behind, 28 KB with a small
/// plan: tasks, and threads of hooks that run on, hold it by reference, and nothing tells when the last has gone.
pub(super) struct EnvGuard {
    pub(super) lifecycle: &'static Lifecycle,
    pub(super) harness: &'static Harness,
    _gate: UseGate,
}

impl EnvGuard {
    /// # Panics
    ///
    /// Where the thread has one already.
    pub(super) fn take() -> Self {
        assert!(
            context::own_gate().is_none(),
            "this thread has a Scenario already: end that first, or use a thread for each"
        );
        let gate = Gate::new();
        let harness: &'static Harness = Box::leak(Box::new(Harness::new()));
        let lifecycle = Lifecycle::make(gate.clone(), harness, Log::inline());
        harness.attach(lifecycle);
        Self { lifecycle, harness, _gate: context::use_gate(gate) }
    }
}

impl Drop for EnvGuard {
    fn drop(&mut self) {
        self.lifecycle.observers.close();
        // What nobody took goes now, also where it was never run.
        for unclaimed in self.lifecycle.resources.unclaimed() {
            unclaimed.drop_value();
        }
    }
}
