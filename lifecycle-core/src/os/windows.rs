//! Compiled, not run: no Windows machine has tested this.

use std::{
    io::{self, Write},
    sync::{Condvar, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use super::Call;
use crate::Signal;

/// A queue with a condition variable.
pub(crate) struct Waker {
    calls: Mutex<Vec<Call>>,
    woken: Condvar,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { calls: Mutex::default(), woken: Condvar::new() })
    }

    pub(crate) fn wake(&self) {
        self.push(Call::Woken);
    }

    fn push(&self, call: Call) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        if call != Call::Woken || !calls.contains(&Call::Woken) {
            calls.push(call);
        }
        self.woken.notify_one();
    }

    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Vec<Call> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let nothing = |calls: &mut Vec<Call>| calls.is_empty();
        let mut calls = match timeout {
            Some(timeout) => {
                self.woken
                    .wait_timeout_while(calls, timeout, nothing)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
            None => self.woken.wait_while(calls, nothing).unwrap_or_else(PoisonError::into_inner),
        };
        std::mem::take(&mut calls)
    }
}

/// Makes the console events that stand for `signals` ring `waker`. Tokio keeps the handler of
/// close, log-off and shutdown events from returning, so that the system grants its few seconds.
pub(crate) fn listen(waker: &'static Waker, signals: &[Signal]) -> io::Result<()> {
    use tokio::signal::windows;
    let signals = signals.to_vec();
    std::thread::Builder::new().name("lifecycle-events".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
            return;
        };
        runtime.block_on(async {
            let (Ok(mut c), Ok(mut brk), Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) = (
                windows::ctrl_c(),
                windows::ctrl_break(),
                windows::ctrl_close(),
                windows::ctrl_logoff(),
                windows::ctrl_shutdown(),
            ) else {
                return;
            };
            loop {
                let signal = std::future::poll_fn(|cx| {
                    if c.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(Signal::Int);
                    }
                    if brk.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(Signal::Quit);
                    }
                    if close.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(Signal::Hup);
                    }
                    if logoff.poll_recv(cx).is_ready() || shutdown.poll_recv(cx).is_ready() {
                        return std::task::Poll::Ready(Signal::Term);
                    }
                    std::task::Poll::Pending
                })
                .await;
                if signals.contains(&signal) {
                    waker.push(Call::Signal(signal, None));
                }
            }
        });
    })?;
    Ok(())
}

pub(crate) fn boot_time() -> Duration {
    static FIRST: OnceLock<Instant> = OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

pub(crate) fn exit_now(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

pub(crate) fn write_stderr(text: &str) -> bool {
    io::stderr().write_all(text.as_bytes()).is_ok()
}

pub(crate) fn thread_names() -> Vec<String> {
    Vec::new()
}
