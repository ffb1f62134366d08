//! The thread of the library's own: it hears signals, keeps the time and drives the machine. It uses
//! nothing of the application's runtime, so that an application that blocks its runtime is stopped all
//! the same. While nothing happens it sleeps without a timeout.

use std::{
    io,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use super::lifecycle::Lifecycle;
use crate::{
    Signal,
    os::{self, Bell},
};

/// The thread, and the signals that ring its bell.
#[derive(Default)]
pub(crate) struct Supervisor {
    bell: OnceLock<&'static Bell>,
    signals: Mutex<Signals>,
}

#[derive(Default)]
struct Signals {
    /// Those whose handler is installed; it stays for the life of the process.
    installed: Vec<Signal>,
    /// Those that mean something.
    heeded: Vec<Signal>,
}

impl Supervisor {
    /// Wakes the thread, if it has been started.
    pub(crate) fn ring(&self) {
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// Whether `signal` means something to this lifecycle.
    pub(crate) fn heeds(&self, signal: Signal) -> bool {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).heeded.contains(&signal)
    }

    /// Starts the thread unless it runs, and makes it hear `signals` and no others.
    pub(crate) fn start(
        &self,
        lifecycle: &'static Lifecycle,
        signals: &[Signal],
    ) -> io::Result<()> {
        let mut known = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let bell = match self.bell.get() {
            Some(bell) => *bell,
            None => {
                let bell: &'static Bell = Box::leak(Box::new(Bell::new()?));
                std::thread::Builder::new()
                    .name("lifecycle".to_owned())
                    .spawn(move || serve(lifecycle, bell))?;
                self.bell.get_or_init(|| bell)
            }
        };
        let new: Vec<_> =
            signals.iter().copied().filter(|signal| !known.installed.contains(signal)).collect();
        known.heeded = signals.to_vec();
        known.installed.extend(&new);
        os::listen(bell, &new)
    }
}

fn serve(lifecycle: &'static Lifecycle, bell: &'static Bell) {
    loop {
        let mut wake = lifecycle.turn();
        if lifecycle.has_begun_unconfirmed() {
            // A signal from before `run` may not have been read yet.
            for call in bell.wait(Some(Duration::ZERO)) {
                lifecycle.call(call);
            }
            wake = lifecycle.turn();
            lifecycle.confirm_begin();
        }
        let timeout = wake.map(|wake| wake.saturating_sub(lifecycle.now()));
        for call in bell.wait(timeout) {
            lifecycle.call(call);
        }
    }
}
