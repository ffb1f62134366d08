//! Who is told whether the service has work in flight.

use std::{fmt, sync::Arc};

use super::Config;

impl Config {
    /// Calls `told` with `true` when work is in flight where none was, and with `false` when none
    /// is any more: to ask a platform for protection from scale-in, to say "busy" to a queue. More
    /// than one may be added. It begins with no work in flight, and each call is the opposite of
    /// the one before.
    ///
    /// Work is what [`Status::in_flight`](crate::Status::in_flight) counts. It is looked at every
    /// 100 ms, so that nothing is paid for it where calls are made: `true` comes at once after an
    /// idle while, else within 100 ms, `false` within 100 ms of the end of the last call, and what
    /// begins and ends in between is not told. During a stop it is the same: `false` comes when the
    /// last work has ended, and at the latest when the report is final, though work was abandoned.
    ///
    /// `told` runs on a thread of its own, never on the driver's, and may take its time: what
    /// changes meanwhile is told afterwards, as far as it still holds. One that never returns holds
    /// the end of the stop for 200 ms. A panic ends it, and is said. In a `Scenario` it is called
    /// by the clock of the scenario, on the thread of the test.
    ///
    /// ```
    /// use lifecycle_core::Config;
    ///
    /// let config = Config::new().on_busy(|busy| println!("{}", if busy { "busy" } else { "idle" }));
    /// # let _ = config;
    /// ```
    pub fn on_busy(mut self, told: impl Fn(bool) + Send + Sync + 'static) -> Self {
        self.on_busy.0.push(Arc::new(told));
        self
    }
}

/// What a configuration wants to be called.
#[derive(Clone, Default)]
pub(crate) struct OnBusy(pub(crate) Vec<Arc<dyn Fn(bool) + Send + Sync>>);

impl fmt::Debug for OnBusy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} closures", self.0.len())
    }
}
