//! Sleeping until a word in memory changes, woken from anywhere, signal handlers included.

#![allow(unsafe_code, reason = "futex, poll and pipes have no safe face in std")]

pub(super) use self::system::Event;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::{io, ptr, sync::atomic::AtomicU32, time::Duration};

    /// A futex: it needs no descriptor, so nothing that an application does to its descriptors, and
    /// no sandbox that denies `sendto`, makes us deaf.
    pub(in crate::os::unix) struct Event;

    impl Event {
        #[allow(clippy::unnecessary_wraps, reason = "the same face as where it needs descriptors")]
        pub(in crate::os::unix) const fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Sleeps while `word` is `expected`, until a wake or for `timeout`. May end early.
        pub(in crate::os::unix) fn wait(
            &self,
            word: &AtomicU32,
            expected: u32,
            timeout: Option<Duration>,
        ) {
            let timeout = timeout.map(|timeout| libc::timespec {
                tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: timeout.subsec_nanos() as _,
            });
            let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
            // SAFETY: the word and the time are valid for the length of the call, which only reads
            // them.
            let ended = unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    word.as_ptr(),
                    libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                    expected,
                    timeout,
                )
            };
            // Anything else would come back at once, for ever.
            if ended < 0 && !matches!(errno(), libc::EAGAIN | libc::EINTR | libc::ETIMEDOUT) {
                super::super::clock::nap(Duration::from_millis(10));
            }
        }

        /// Wakes who sleeps at `word`.
        pub(in crate::os::unix) fn wake(&self, word: &AtomicU32) {
            // SAFETY: the call uses the address of the word and nothing behind it.
            unsafe {
                libc::syscall(
                    libc::SYS_futex,
                    word.as_ptr(),
                    libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG,
                    1,
                );
            }
        }
    }

    /// Without `io::Error`, which the guard thread has no use for.
    fn errno() -> libc::c_int {
        #[cfg(target_os = "linux")]
        // SAFETY: the address of this thread's own number.
        unsafe {
            *libc::__errno_location()
        }
        #[cfg(target_os = "android")]
        // SAFETY: the address of this thread's own number.
        unsafe {
            *libc::__errno()
        }
    }
}

/// Compiled, not run: no such machine has tested this.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod system {
    use std::{
        io,
        os::fd::{AsRawFd, OwnedFd, RawFd},
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    /// How long a sleep lasts at most once the pipe is not ours any more.
    const WITHOUT_PIPE: Duration = Duration::from_millis(50);

    /// A pipe whose ends do not block, and what says that they are still ours.
    pub(in crate::os::unix) struct Event {
        reader: (OwnedFd, Identity),
        writer: (OwnedFd, Identity),
    }

    #[derive(Clone, Copy, PartialEq, Eq)]
    struct Identity(libc::dev_t, libc::ino_t);

    impl Event {
        pub(in crate::os::unix) fn new() -> io::Result<Self> {
            let (reader, writer) = io::pipe()?;
            let end = |end: OwnedFd| {
                let fd = end.as_raw_fd();
                // SAFETY: flags of a descriptor that is ours.
                let set = unsafe {
                    libc::fcntl(
                        fd,
                        libc::F_SETFL,
                        libc::fcntl(fd, libc::F_GETFL) | libc::O_NONBLOCK,
                    )
                };
                match identity(fd) {
                    Some(identity) if set >= 0 => Ok((end, identity)),
                    _ => Err(io::Error::last_os_error()),
                }
            };
            Ok(Self { reader: end(reader.into())?, writer: end(writer.into())? })
        }

        /// Sleeps while `word` is `expected`, until a wake or for `timeout`. May end early.
        pub(in crate::os::unix) fn wait(
            &self,
            word: &AtomicU32,
            expected: u32,
            timeout: Option<Duration>,
        ) {
            if word.load(Ordering::Acquire) != expected {
                return;
            }
            let (fd, mine) = (self.reader.0.as_raw_fd(), self.reader.1);
            if identity(fd) != Some(mine) {
                // Somebody closed it, and it may be somebody else's by now: it is not read.
                super::super::clock::nap(
                    timeout.map_or(WITHOUT_PIPE, |most| most.min(WITHOUT_PIPE)),
                );
                return;
            }
            let millis = timeout.map_or(-1, |timeout| {
                i32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(i32::MAX)
            });
            let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
            let mut bytes = [0_u8; 64];
            // SAFETY: one valid record; the descriptor is ours and does not block, and the bytes
            // are valid for their length.
            unsafe {
                if libc::poll(&raw mut asked, 1, millis) > 0 && identity(fd) == Some(mine) {
                    libc::read(fd, bytes.as_mut_ptr().cast(), bytes.len());
                }
            }
        }

        /// Wakes who sleeps at a word.
        pub(in crate::os::unix) fn wake(&self, _word: &AtomicU32) {
            let (fd, mine) = (self.writer.0.as_raw_fd(), self.writer.1);
            // Both ends: a pipe without a reader would raise SIGPIPE.
            let reader_is_mine = identity(self.reader.0.as_raw_fd()) == Some(self.reader.1);
            if reader_is_mine && identity(fd) == Some(mine) {
                // SAFETY: one valid byte for a descriptor that is ours and does not block.
                unsafe {
                    libc::write(fd, [0_u8].as_ptr().cast(), 1);
                }
            }
        }
    }

    fn identity(fd: RawFd) -> Option<Identity> {
        let mut stat = std::mem::MaybeUninit::<libc::stat>::uninit();
        // SAFETY: the kernel fills `stat` when it says 0. POSIX lists `fstat` as async-signal-safe.
        unsafe {
            (libc::fstat(fd, stat.as_mut_ptr()) == 0).then(|| {
                let stat = stat.assume_init();
                Identity(stat.st_dev, stat.st_ino)
            })
        }
    }
}
