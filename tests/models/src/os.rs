/// See the core's: the same names.
pub(crate) mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};

    /// Every thread has fences in a model, so the compiler's is of no consequence.
    pub(crate) fn compiler_fence(_: Ordering) {}
}

#[path = "../../../lifecycle-core/src/os/atomic_ref.rs"]
pub(crate) mod atomic_ref;
