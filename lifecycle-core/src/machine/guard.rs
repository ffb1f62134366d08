//! When the process is to be ended by whoever stands behind the driver, and with which code: known
//! beforehand, as nobody can be asked then.

use super::{Effect, Guard, Machine};

impl Machine {
    /// First among the effects: what comes after it may hold the driver.
    pub(super) fn set_guard(&mut self, effects: &mut Vec<Effect>) {
        let guard = self.guarded();
        if guard != self.guard {
            self.guard = guard;
            effects.insert(0, Effect::Guard(guard));
        }
    }

    fn guarded(&self) -> Option<Guard> {
        let Some(finished) = self.finished else {
            let due = self.deadline()?;
            return Some(Guard { due, code: self.exit_code_if(true) });
        };
        // It stands until the process is gone.
        Some(Guard { due: finished.due?, code: finished.code })
    }
}
