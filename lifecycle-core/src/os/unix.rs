#![allow(
    unsafe_code,
    reason = "signal handlers, the clock that counts suspends, and _exit have no safe face in std"
)]

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, AsRawFd, RawFd},
        unix::{fs::FileTypeExt, fs::OpenOptionsExt, net::UnixStream},
    },
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::Call;
use crate::{Signal, SignalSender};

/// One record a call: kind or signal number, sender known, pid, uid.
const RECORD: usize = 16;
const WAKE: u8 = 0;

/// How long lines for stderr may take before they are given up.
const STDERR_WRITE_TIMEOUT: Duration = Duration::from_millis(20);

/// A pair of sockets: signal handlers and threads write records at one end, the library's thread
/// waits at the other. A socket and not a pipe, so that a handler can write without ever blocking.
pub(crate) struct Waker {
    wakes: UnixStream,
    heard: UnixStream,
    woken: AtomicBool,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        let (wakes, heard) = UnixStream::pair()?;
        wakes.set_nonblocking(true)?;
        Ok(Self { wakes, heard, woken: AtomicBool::new(false) })
    }

    /// Wakes the waiting thread; many wakes before it wakes are one.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            let woken = (&self.wakes).write(&[WAKE; RECORD]);
            if woken.is_err() {
                // Full of signals, any of which wakes the thread; the next ring has to try again.
                self.woken.store(false, Ordering::Release);
            }
        }
    }

    /// Waits until somebody wakes, a signal comes, or `timeout` is over (then the list is empty).
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Vec<Call> {
        // Not by a timeout of the socket: the kernel's coarse timers keep that, and may be an
        // eighth of it late, which is more than the margin. Those of `poll` are late by a
        // thousandth.
        let millis = timeout.map(|timeout| timeout.as_micros().div_ceil(1000));
        let millis =
            millis.map_or(-1, |millis| libc::c_int::try_from(millis).unwrap_or(libc::c_int::MAX));
        let mut asked =
            libc::pollfd { fd: self.heard.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid record.
        let ready = unsafe { libc::poll(&raw mut asked, 1, millis) };
        if ready < 0 && io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            std::thread::sleep(Duration::from_millis(1));
        }
        if ready < 1 {
            return Vec::new();
        }
        let mut records = [0; RECORD * 32];
        let read = (&self.heard).read(&mut records).unwrap_or(0);
        records[..read].chunks_exact(RECORD).filter_map(|record| self.decode(record)).collect()
    }

    fn decode(&self, record: &[u8]) -> Option<Call> {
        if record[0] == WAKE {
            self.woken.store(false, Ordering::Release);
            return Some(Call::Woken);
        }
        let number = |at: usize| record[at..at + 4].try_into().map(u32::from_ne_bytes).unwrap_or(0);
        let sender = match record[1] {
            b'k' => Some(SignalSender::Kernel),
            b'p' => Some(SignalSender::Process { pid: number(4), uid: number(8) }),
            _ => None,
        };
        Signal::from_number(i32::from(record[0])).map(|signal| Call::Signal(signal, sender))
    }
}

/// Makes `signals` ring `waker` from now to the end of the process, beside whoever else listens
/// through the same registry (`tokio::signal` does). A signal that this process inherited as
/// ignored stays so.
pub(crate) fn listen(waker: &'static Waker, signals: &[Signal]) -> io::Result<()> {
    let fd = waker.wakes.as_raw_fd();
    for signal in signals {
        if is_ignored(*signal) {
            continue;
        }
        // SAFETY: the action runs inside a signal handler. It builds a record on its stack and
        // calls `send`, which POSIX lists as async-signal-safe and which cannot block
        // (MSG_DONTWAIT) nor raise SIGPIPE (MSG_NOSIGNAL, and the other end is never closed:
        // `waker` is 'static). It takes no lock, allocates nothing and cannot panic; the registry
        // preserves errno around it.
        let registered = unsafe {
            signal_hook_registry::register_sigaction(signal.number(), move |info| {
                let record = encode(info);
                libc::send(
                    fd,
                    record.as_ptr().cast(),
                    RECORD,
                    libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                );
            })
        };
        registered?;
    }
    Ok(())
}

fn encode(info: &libc::siginfo_t) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[0] = info.si_signo as u8;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match info.si_code {
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL => {
            // SAFETY: for these codes the kernel has filled in the sender.
            let (pid, uid) = unsafe { (info.si_pid(), info.si_uid()) };
            record[1] = b'p';
            record[4..8].copy_from_slice(&pid.cast_unsigned().to_ne_bytes());
            record[8..12].copy_from_slice(&uid.to_ne_bytes());
        }
        code if code > 0 => record[1] = b'k',
        _ => {}
    }
    record
}

fn is_ignored(signal: Signal) -> bool {
    let mut current = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null new action only reads; the kernel fills `current` when it says 0.
    unsafe {
        libc::sigaction(signal.number(), std::ptr::null(), current.as_mut_ptr()) == 0
            && current.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// The time since boot, suspends included: a laptop or a virtual machine that sleeps does not
/// extend the grace period, as the platform's clock went on.
pub(crate) fn boot_time() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mut now = MaybeUninit::<libc::timespec>::uninit();
        // SAFETY: the kernel fills `now` when it says 0.
        let now = unsafe {
            (libc::clock_gettime(libc::CLOCK_BOOTTIME, now.as_mut_ptr()) == 0)
                .then(|| now.assume_init())
        };
        if let Some(now) = now {
            return Duration::new(
                now.tv_sec.cast_unsigned(),
                u32::try_from(now.tv_nsec).unwrap_or(0),
            );
        }
    }
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// Ends the process at once: no destructor, no `atexit` handler, no flush, any of which may hang.
pub(crate) fn exit_now(code: u8) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(libc::c_int::from(code)) }
}

/// Writes to stderr and gives up rather than block: stderr may be a full pipe, or a terminal that
/// was stopped. Says whether all of it was written.
pub(crate) fn write_stderr(text: &str) -> bool {
    let until = Instant::now() + STDERR_WRITE_TIMEOUT;
    let mut rest = text.as_bytes();
    let mut sink = Sink::open();
    while !rest.is_empty() {
        match sink.write(rest) {
            Ok(0) => return false,
            Ok(written) => rest = &rest[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(_) => return false,
        }
    }
    true
}

/// A face of stderr that does not block.
enum Sink {
    /// A regular file: writing goes to the page cache.
    Direct(File),
    /// A pipe or a terminal, opened anew: the flag O_NONBLOCK is then ours alone and not the
    /// application's.
    Reopened(File),
    Socket(RawFd),
    /// A pipe that cannot be opened anew (no /proc, another user's): asked before each write.
    Polled(File),
    Closed,
}

impl Sink {
    fn open() -> Self {
        let stderr = io::stderr();
        let Ok(owned) = stderr.as_fd().try_clone_to_owned() else { return Self::Closed };
        let file = File::from(owned);
        let Ok(kind) = file.metadata().map(|metadata| metadata.file_type()) else {
            return Self::Closed;
        };
        if kind.is_socket() {
            return Self::Socket(stderr.as_raw_fd());
        }
        if !kind.is_fifo() && !stderr.is_terminal() {
            return Self::Direct(file);
        }
        let path = if cfg!(target_os = "linux") { "/proc/self/fd/2" } else { "/dev/fd/2" };
        let reopened = OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path);
        reopened.map_or(Self::Polled(file), Self::Reopened)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(file) | Self::Reopened(file) => file.write(bytes),
            Self::Socket(fd) => {
                // SAFETY: `bytes` is valid for its length, and the flags keep the call from
                // blocking.
                let sent = unsafe {
                    libc::send(
                        *fd,
                        bytes.as_ptr().cast(),
                        bytes.len(),
                        libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                    )
                };
                usize::try_from(sent).map_err(|_| io::Error::last_os_error())
            }
            Self::Polled(file) => {
                let mut asked =
                    libc::pollfd { fd: file.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
                // SAFETY: one valid record, and no waiting.
                let ready = unsafe { libc::poll(&raw mut asked, 1, 0) };
                if ready < 1 || asked.revents & libc::POLLOUT == 0 {
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                // A pipe that is writable takes this many bytes without blocking.
                file.write(&bytes[..bytes.len().min(512)])
            }
            Self::Closed => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }
}

/// The names of this process's threads, where the system tells.
pub(crate) fn thread_names() -> Vec<String> {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let mut names: Vec<_> = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        thread,
        time::{Duration, Instant},
    };

    use super::{Call, RECORD, Signal, Waker};

    #[test]
    fn waits_end_in_time() {
        // Of several lengths, and the median, as any single one may be late on a busy machine.
        let waits: Vec<_> = (0..9)
            .map(|at| {
                thread::spawn(move || {
                    let waker = Waker::new().expect("two sockets");
                    let timeout = Duration::from_millis(2060 + 29 * at);
                    let began = Instant::now();
                    assert!(waker.wait(Some(timeout)).is_empty());
                    began.elapsed().checked_sub(timeout).expect("no wait ends early")
                })
            })
            .collect();
        let mut late: Vec<_> = waits.into_iter().map(|wait| wait.join().expect("a wait")).collect();
        late.sort();
        assert!(late[4] < Duration::from_millis(40), "late by {late:.1?}");
    }

    #[test]
    fn a_flood_of_signals_does_not_silence_the_bell() {
        let waker = Waker::new().unwrap();
        let mut signal = [0; RECORD];
        signal[0] = 15;
        while (&waker.wakes).write(&signal).is_ok() {}
        waker.wake();
        while waker.wait(Some(Duration::ZERO)).contains(&Call::Signal(Signal::Term, None)) {}
        waker.wake();
        assert_eq!(waker.wait(Some(Duration::ZERO)), [Call::Woken]);
    }
}
