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
    os::{self, Waker},
};

/// The thread, and the signals that ring its waker.
#[derive(Default)]
pub(crate) struct Driver {
    waker: OnceLock<&'static Waker>,
    signals: Mutex<Signals>,
}

#[derive(Default)]
struct Signals {
    /// Those whose handler is installed; it stays for the life of the process.
    installed: Vec<Signal>,
    /// Those that mean something.
    listened: Vec<Signal>,
}

impl Driver {
    /// Wakes the thread, if it has been started.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            waker.wake();
        }
    }

    /// Whether `signal` means something to this lifecycle.
    pub(crate) fn listens_for(&self, signal: Signal) -> bool {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner).listened.contains(&signal)
    }

    /// Starts the thread unless it runs, and makes it hear `signals` and no others.
    pub(crate) fn start(
        &self,
        lifecycle: &'static Lifecycle,
        signals: &[Signal],
    ) -> io::Result<()> {
        let mut known = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = match self.waker.get() {
            Some(waker) => *waker,
            None => {
                let waker: &'static Waker = Box::leak(Box::new(Waker::new()?));
                std::thread::Builder::new()
                    .name("lifecycle".to_owned())
                    .spawn(move || serve(lifecycle, waker))?;
                self.waker.get_or_init(|| waker)
            }
        };
        let new: Vec<_> =
            signals.iter().copied().filter(|signal| !known.installed.contains(signal)).collect();
        known.listened = signals.to_vec();
        known.installed.extend(&new);
        os::listen(waker, &new)
    }
}

fn serve(lifecycle: &'static Lifecycle, waker: &'static Waker) {
    loop {
        let mut wake = lifecycle.turn();
        if lifecycle.has_begun_unconfirmed() {
            // A signal from before `run` may not have been read yet.
            for call in waker.wait(Some(Duration::ZERO)) {
                lifecycle.call(call);
            }
            wake = lifecycle.turn();
            lifecycle.confirm_begin();
        }
        let timeout = wake.map(|wake| wake.saturating_sub(lifecycle.now()));
        for call in waker.wait(timeout) {
            lifecycle.call(call);
        }
    }
}
