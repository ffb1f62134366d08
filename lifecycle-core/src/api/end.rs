//! What is registered for the very end.

use std::any::type_name;

use crate::{SourceLocation, runtime::Lifecycle};

/// Calls `last_word` before the library ends the process itself: at the deadline, at the last step
/// of the escalation, and where the process is still there after its report. A stop that ends by
/// itself does not call it. For what must not outlive the process, such as a process group that is
/// to be killed.
///
/// It is called once it is decided that the process ends, after what there is to say was said and
/// the report was left. It may block, and it is not waited for: the process ends 100 ms later
/// whatever it does. A panic is contained. What is registered first is called first; where the
/// library's own thread is held (in the loader, in the kernel), the process ends without it:
/// what can be said as data belongs to [`ext::LastResort`](crate::ext::LastResort), which has no
/// such limit. In a scenario, where no process is ended, the report lists it as a problem.
#[track_caller]
pub fn on_forced_exit(last_word: impl FnOnce() + Send + 'static) {
    let place = SourceLocation::caller();
    Lifecycle::current().forced_exit.add(place, Box::new(last_word));
}

/// Keeps `value` until the last line of the stop is in the log, and drops it then, before `run`
/// returns: for what writes the log, such as the `WorkerGuard` of `tracing-appender` or a tracer
/// provider, which would lose the lines of the stop if main dropped it. What is kept last is dropped
/// first, after hooks, resources and components, on a thread of its own.
///
/// All of it together has 2 s, and never beyond the deadline: what takes longer is named on stderr
/// and left. A process that is ended by force drops nothing.
///
/// ```no_run
/// # use lifecycle_core as lifecycle;
/// # struct WorkerGuard;
/// # fn non_blocking() -> ((), WorkerGuard) { ((), WorkerGuard) }
/// let (writer, guard) = non_blocking();
/// lifecycle::keep_until_exit(guard);
/// ```
#[track_caller]
pub fn keep_until_exit<T: Send + 'static>(value: T) {
    let what = format!("`{}`, kept at {}", type_name::<T>(), SourceLocation::caller());
    Lifecycle::current().kept.add(what, Box::new(value));
}
