//! Compiled, not run: no Windows machine has tested this.

use std::{
    cell::Cell,
    fs,
    io::{self, Write},
    path::Path,
    sync::{Condvar, Mutex, OnceLock, PoisonError},
    thread::{Builder, JoinHandle},
    time::{Duration, Instant},
};

use super::{Call, Disposition, Listening};
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
        // A flood of equal ones is one.
        if !calls.contains(&call) {
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

/// Who is told of console events.
static WAKER: OnceLock<&'static Waker> = OnceLock::new();

/// Makes the console events that stand for `signals` ring `waker`. Tokio keeps the handler of
/// close, log-off and shutdown events from returning, so that the system grants its few seconds.
pub(crate) fn listen(waker: &'static Waker, signals: &[Signal]) -> io::Result<()> {
    use tokio::signal::windows;
    let signals = signals.to_vec();
    let _ = WAKER.set(waker);
    spawn("lifecycle-events", move || {
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

/// Console events are neither inherited as ignored nor replaced by another handler.
pub(crate) fn listening(signals: &[Signal]) -> Vec<Listening> {
    let disposition =
        if WAKER.get().is_some() { Disposition::Heard } else { Disposition::NotListened };
    let of = |&signal: &Signal| Listening { signal, disposition, is_blocked_here: false };
    signals.iter().map(of).collect()
}

/// There is no fork.
pub(crate) mod fork {
    pub(crate) const fn watch() {}
    pub(crate) const fn wakes() {}
    pub(crate) const fn sleeps() {}
}

/// Nobody forked.
pub(crate) const fn is_forked_child() -> bool {
    false
}

/// Starts a thread of the library's own.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    Builder::new().name(name.to_owned()).spawn(work).map_err(|error| {
        io::Error::new(error.kind(), format!("no thread `{name}` can be had ({error})"))
    })
}

/// Nothing is kept from a thread here.
pub(crate) const fn run_as_application() {}

pub(crate) const fn run_as_usual() {}

pub(crate) const fn run_first() {}

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

/// Written aside and renamed. Nothing bounds it: the thread that calls may hang.
pub(crate) fn replace_file(path: &Path, bytes: Vec<u8>, _: Duration) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.tmp", std::process::id()));
    // Left by a process of the same number that was killed.
    let _ = fs::remove_file(&aside);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&aside)?;
    let written = file.write_all(&bytes).and_then(|()| {
        drop(file);
        fs::rename(&aside, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// Nothing bounds it.
pub(crate) fn overwrite_file(path: &Path, bytes: Vec<u8>, _: Duration) -> io::Result<()> {
    fs::OpenOptions::new().write(true).truncate(true).open(path)?.write_all(&bytes)
}

/// Has `run` called at the end of this thread; says whether that can be.
pub(crate) fn at_thread_end(run: fn()) -> bool {
    struct AtEnd(Cell<Option<fn()>>);

    impl Drop for AtEnd {
        fn drop(&mut self) {
            if let Some(run) = self.0.get() {
                run();
            }
        }
    }

    thread_local! {
        static AT_END: AtEnd = const { AtEnd(Cell::new(None)) };
    }
    AT_END.try_with(|at_end| at_end.0.set(Some(run))).is_ok()
}

/// A thread that sleeps at a condition variable: it takes a lock that nothing of the application's
/// is taken under, and ends the process by `std::process::exit`, which a destructor of a library
/// may hold.
pub(crate) mod guard {
    use std::sync::Once;

    use super::*;
    use crate::os::armed::{Armed, Next};

    static ARMED: Armed = Armed::of(crate::os::atomic::AtomicU64::new(0));
    static TURN: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());
    static WORDS: Mutex<Option<String>> = Mutex::new(None);

    pub(crate) fn start() -> io::Result<()> {
        static STARTED: Once = Once::new();
        let mut started = Ok(());
        STARTED.call_once(|| started = spawn("lifecycle-guard", serve).map(drop));
        started
    }

    pub(crate) const fn set_driver(_: &'static Waker) {}

    pub(crate) fn set_words(words: String) {
        *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }

    pub(crate) fn arm(deadline: Duration, code: u8) -> bool {
        turn(ARMED.arm(deadline, code))
    }

    pub(crate) fn arm_earlier(deadline: Duration, code: u8) -> bool {
        turn(ARMED.arm_earlier(deadline, code))
    }

    pub(crate) fn arm_first(deadline: Duration, code: u8) -> bool {
        turn(ARMED.arm_first(deadline, code))
    }

    pub(crate) fn disarm_if(deadline: Duration, code: u8) -> bool {
        turn(ARMED.disarm_if(deadline, code))
    }

    pub(crate) fn disarm() -> bool {
        turn(ARMED.disarm())
    }

    pub(crate) const CODE_OF_SIGNAL: u8 = 0;

    /// A console event comes to a thread of its own, which wakes the library's: there is no handler
    /// to arm from.
    pub(crate) const fn arm_by_signals(_: Option<(&[Signal], Duration, u8)>) {}

    fn turn(is_alive: bool) -> bool {
        *TURN.0.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        TURN.1.notify_one();
        is_alive
    }

    fn serve() {
        loop {
            let before = *TURN.0.lock().unwrap_or_else(PoisonError::into_inner);
            let left = match ARMED.next(boot_time()) {
                Next::Sleep | Next::Over => Duration::MAX,
                Next::SleepFor(left) => left,
                Next::End(code, _) => {
                    let words = WORDS.lock().unwrap_or_else(PoisonError::into_inner).take();
                    write_stderr(&words.unwrap_or_default());
                    crate::os::last_resort::run();
                    exit_now(code);
                }
            };
            let turn = TURN.0.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = TURN.1.wait_timeout_while(turn, left, |turn| *turn == before);
        }
    }
}
