//! Threads for what must not hold the driver. Where none can be had, at the limit of processes or
//! of memory, the work is done by the runtime: late, or beside main, but not lost.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::runtime::Handle;

use crate::os;

type Work = Box<dyn FnOnce() + Send>;

/// Runs `work` on a thread of its own, or else as a task of `runtime`; the error says why neither
/// was to be had, and then the work was dropped.
pub(super) fn run_beside(
    name: &str,
    runtime: Option<&Handle>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<()> {
    let work: Arc<Mutex<Option<Work>>> = Arc::new(Mutex::new(Some(Box::new(work))));
    let on_thread = Arc::clone(&work);
    let spawned = os::spawn(name, move || {
        if let Some(work) = take(&on_thread) {
            work();
        }
    });
    let Err(error) = spawned else { return Ok(()) };
    let (Some(work), Some(runtime)) = (take(&work), runtime) else { return Err(error) };
    runtime.spawn(async move { work() });
    Ok(())
}

fn take(work: &Mutex<Option<Work>>) -> Option<Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner).take()
}
