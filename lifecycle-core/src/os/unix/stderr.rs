//! Lines on stderr that cannot block, kill or need a new descriptor.

#![allow(unsafe_code, reason = "the calls that do not block have no safe face in std")]

use std::{io, mem::MaybeUninit, ptr, time::Duration};

use super::{
    apart::{self, Done, Lane},
    clock, threads,
};

const STDERR: libc::c_int = 2;

/// How long lines for stderr may take before they are given up.
const STDERR_WRITE_TIMEOUT: Duration = Duration::from_millis(20);

/// The same where another process has to be given the processor for it.
const FILE_WRITE_TIMEOUT: Duration = Duration::from_millis(250);

/// A pipe that is said to be writable takes this many bytes without blocking, on every system.
const ATOMIC_WRITE: usize = 512;

/// Writes to stderr and gives up rather than block: stderr may be a full pipe, a terminal that was
/// stopped, or a file on a filesystem that is frozen. Says whether all of it was written. Nobody
/// there to read it, or a file at its limit, is not the end of the process either.
pub(crate) fn write_stderr(text: &str) -> bool {
    threads::without_write_signals(|| match kind(STDERR) {
        Some(Kind::File) => {
            let text = Box::new(Text::new(text.to_owned()));
            let done = text.write_to_file(FILE_WRITE_TIMEOUT);
            if done.is_none() {
                // It is still being written.
                Box::leak(text);
            }
            done.unwrap_or(false)
        }
        Some(Kind::Terminal) => Reopened::open().map_or_else(
            || write_all(STDERR, Kind::Terminal, text.as_bytes(), STDERR_WRITE_TIMEOUT),
            |own| write_all(own.0, Kind::Plain, text.as_bytes(), STDERR_WRITE_TIMEOUT),
        ),
        Some(kind) => write_all(STDERR, kind, text.as_bytes(), STDERR_WRITE_TIMEOUT),
        None => false,
    })
}

/// The same just before the process ends, on a thread that no signal of a write is delivered to.
/// Allocates nothing and takes no lock.
pub(super) fn write_last<B: AsRef<[u8]>>(text: &'static Text<B>, timeout: Duration) {
    match kind(STDERR) {
        Some(Kind::File) => {
            text.write_to_file(timeout);
        }
        Some(kind) => {
            write_all(STDERR, kind, text.0.as_ref(), timeout);
        }
        None => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It may be on a filesystem that is frozen.
    File,
    Pipe,
    Socket,
    Terminal,
    /// /dev/null and its kin.
    Plain,
}

/// What a descriptor is; `None` if it is closed.
fn kind(fd: libc::c_int) -> Option<Kind> {
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel fills `stat` when it says 0.
    let mode = unsafe {
        if libc::fstat(fd, stat.as_mut_ptr()) != 0 {
            return None;
        }
        stat.assume_init().st_mode
    };
    Some(match mode & libc::S_IFMT {
        libc::S_IFREG => Kind::File,
        libc::S_IFIFO => Kind::Pipe,
        libc::S_IFSOCK => Kind::Socket,
        // SAFETY: `isatty` has no precondition.
        libc::S_IFCHR if unsafe { libc::isatty(fd) } == 1 => Kind::Terminal,
        _ => Kind::Plain,
    })
}

/// What is written, with a place that a process which is late may go on to read.
pub(super) struct Text<B>(B);

impl<B: AsRef<[u8]>> Text<B> {
    pub(super) const fn new(bytes: B) -> Self {
        Self(bytes)
    }

    /// Writes to a file, which may block: by a process of its own. Whether all was written; `None`
    /// if that is not known in time, and goes on: then this must stay for ever.
    fn write_to_file(&self, timeout: Duration) -> Option<bool> {
        extern "C" fn write<B: AsRef<[u8]>>(text: *mut libc::c_void) -> libc::c_int {
            apart::close_descriptors_but(STDERR);
            // SAFETY: what was handed over below, which stays.
            let text = unsafe { &*text.cast::<Text<B>>() };
            libc::c_int::from(!write_blocking(text.0.as_ref()))
        }
        match apart::run(Lane::Stderr, write::<B>, ptr::from_ref(self).cast_mut().cast(), timeout) {
            Done::Ended(code) => Some(code == 0),
            Done::Late => None,
            Done::Busy => Some(false),
            Done::Impossible => Some(write_blocking(self.0.as_ref())),
        }
    }
}

fn write_blocking(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match write(STDERR, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Refused::Interrupted) => {}
            Err(_) => return false,
        }
    }
    true
}

/// Writes what can be written without blocking, until all is or `timeout` is over.
fn write_all(fd: libc::c_int, kind: Kind, mut bytes: &[u8], timeout: Duration) -> bool {
    let until = clock::monotonic().saturating_add(timeout);
    while !bytes.is_empty() {
        match write_some(fd, kind, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Refused::Interrupted) => {}
            Err(Refused::ForNow) if clock::monotonic() < until => {
                clock::nap(Duration::from_millis(1));
            }
            Err(_) => return false,
        }
    }
    true
}

fn write_some(fd: libc::c_int, kind: Kind, bytes: &[u8]) -> Result<usize, Refused> {
    match kind {
        Kind::File | Kind::Plain => write(fd, bytes),
        Kind::Socket => {
            // SAFETY: `bytes` is valid for its length, and the flags keep the call from blocking.
            let sent = unsafe {
                libc::send(
                    fd,
                    bytes.as_ptr().cast(),
                    bytes.len(),
                    libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL,
                )
            };
            match outcome(sent) {
                // A sandbox may deny `send`.
                Err(Refused::NotToBeHad) => write_polled(fd, bytes),
                sent => sent,
            }
        }
        Kind::Pipe => match write_nowait(fd, bytes) {
            Err(Refused::NotToBeHad) => write_polled(fd, bytes),
            written => written,
        },
        Kind::Terminal => write_polled(fd, bytes),
    }
}

fn write(fd: libc::c_int, bytes: &[u8]) -> Result<usize, Refused> {
    // SAFETY: `bytes` is valid for its length.
    outcome(unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) })
}

/// Without setting O_NONBLOCK, which the application's own writes would share.
#[cfg(target_os = "linux")]
fn write_nowait(fd: libc::c_int, bytes: &[u8]) -> Result<usize, Refused> {
    let part = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let anywhere: libc::c_long = -1;
    // SAFETY: one valid part, which is only read.
    let written = unsafe {
        libc::syscall(
            libc::SYS_pwritev2,
            fd,
            &raw const part,
            1_usize,
            anywhere,
            anywhere,
            libc::RWF_NOWAIT,
        )
    };
    outcome(written as libc::ssize_t)
}

#[cfg(not(target_os = "linux"))]
fn write_nowait(fd: libc::c_int, bytes: &[u8]) -> Result<usize, Refused> {
    write_polled(fd, bytes)
}

/// Asks before it writes, as much as then fits. Another thread's write in between may still make it
/// block, so it is the last choice.
fn write_polled(fd: libc::c_int, bytes: &[u8]) -> Result<usize, Refused> {
    let mut asked = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one valid record, and no waiting.
    let ready = unsafe { libc::poll(&raw mut asked, 1, 0) };
    if ready == 0 {
        return Err(Refused::ForNow);
    }
    if ready < 0 || asked.revents & libc::POLLOUT == 0 {
        return Err(Refused::ForGood);
    }
    write(fd, bytes.get(..ATOMIC_WRITE).unwrap_or(bytes))
}

/// A terminal opened anew: the flag O_NONBLOCK is then ours alone and not the application's.
struct Reopened(libc::c_int);

impl Reopened {
    /// `None` where no descriptor is left, or another user's terminal.
    fn open() -> Option<Self> {
        let path = if cfg!(target_os = "linux") { c"/proc/self/fd/2" } else { c"/dev/fd/2" };
        let flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
        // SAFETY: a valid path.
        let fd = unsafe { libc::open(path.as_ptr(), flags) };
        (fd >= 0).then_some(Self(fd))
    }
}

impl Drop for Reopened {
    fn drop(&mut self) {
        // SAFETY: opened here, and used by nobody else.
        unsafe {
            libc::close(self.0);
        }
    }
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Interrupted,
    ForNow,
    /// The call is not to be had, here or of this descriptor.
    NotToBeHad,
    ForGood,
}

fn outcome(returned: libc::ssize_t) -> Result<usize, Refused> {
    match usize::try_from(returned) {
        Ok(0) => Err(Refused::ForGood),
        Ok(written) => Ok(written),
        // The number alone: no allocation.
        Err(_) => Err(match io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => Refused::Interrupted,
            Some(libc::EAGAIN | libc::ENOBUFS) => Refused::ForNow,
            Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::EPERM | libc::EACCES) => {
                Refused::NotToBeHad
            }
            _ => Refused::ForGood,
        }),
    }
}
