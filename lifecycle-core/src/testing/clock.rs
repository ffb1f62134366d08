//! Work that a paused clock does not see.

use std::fmt;

use tokio::runtime::Handle;

use super::harness::RealTimeHold;

/// Holds the paused clock of a test until what it returns is dropped, for 10 s of real time at most.
///
/// A paused clock jumps to the next timer as soon as the runtime has nothing to do, and it takes waiting for
/// a thread or a socket for that: what waits for a database times out at once. Hold the clock around such
/// work, and let hooks do so by [`Scenario::outside`](super::Scenario::outside). A clock that is not paused
/// is not held up.
///
/// ```
/// # use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (answer, answered) = tokio::sync::oneshot::channel();
/// std::thread::spawn(move || answer.send("from another thread"));
/// let held = lifecycle_core::testing::hold_clock();
/// let said = tokio::time::timeout(Duration::from_secs(1), answered).await;
/// drop(held);
/// assert_eq!(said.unwrap().unwrap(), "from another thread");
/// # }
/// ```
///
/// # Panics
///
/// Outside a tokio runtime.
pub fn hold_clock() -> ClockHold {
    ClockHold { _standstill: RealTimeHold::new(&Handle::current()) }
}

/// The clock stands still while this lives: see [`hold_clock`].
#[must_use = "the clock is held only while this lives"]
pub struct ClockHold {
    _standstill: RealTimeHold,
}

impl fmt::Debug for ClockHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClockHold").finish_non_exhaustive()
    }
}
