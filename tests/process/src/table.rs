use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How many cases run at once: their processes mostly wait.
const AT_ONCE: usize = 12;

/// Runs `check` on every case, many at once, and names every case that failed.
///
/// # Panics
///
/// When a case failed.
pub fn all<C: Debug + Sync>(cases: &[C], check: impl Fn(&C) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(cases.len()) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    // The panic itself has been printed by then.
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(case))) {
                        let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        failed.push(format!("{case:?}\n{text}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}
