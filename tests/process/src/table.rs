use std::{
    fmt::Debug,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::ending::LATE;

/// How many cases run at once: their processes mostly wait.
const AT_ONCE: usize = 12;

/// One in so many is few.
const FEW: usize = 10;

/// Runs `check` on every case, many at once, and names every case that failed. It may be the others
/// that made a few of them late: those are checked twice more, alone. Whatever else is wrong once, is
/// wrong.
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
                    if let Err(said) = checked(case, &check) {
                        failed.lock().unwrap_or_else(PoisonError::into_inner).push((case, said));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.len() <= cases.len() / FEW {
        failed.retain_mut(|(case, said)| {
            if !said.contains(LATE) {
                return true;
            }
            println!("once more, alone: {case:?}");
            match (0..2).try_for_each(|_| checked(*case, &check)) {
                Ok(()) => false,
                Err(again) => {
                    *said = again;
                    true
                }
            }
        });
    }
    let texts: Vec<_> = failed.iter().map(|(case, said)| format!("{case:?}\n{said}")).collect();
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        cases.len(),
        texts.join("\n")
    );
}

/// What the panic said is the error; it has been printed by then.
fn checked<C>(case: &C, check: impl Fn(&C)) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| check(case)))
        .map_err(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
}
