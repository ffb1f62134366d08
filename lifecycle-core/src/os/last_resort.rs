//! What is done in the moment in which the process ends, as data: nothing is allocated for it then,
//! and no lock can be held by a thread that does not go on.

#![allow(unsafe_code, reason = "raw system calls, and pointers that are owned once swapped out")]

use std::{
    fmt,
    path::PathBuf,
    ptr,
    sync::atomic::{AtomicPtr, Ordering},
};

use thiserror::Error;

/// How many there may be at once.
const PLACES: usize = 256;

/// How long everything may take that may block.
#[cfg(unix)]
const TIMEOUT: std::time::Duration = std::time::Duration::from_millis(50);

/// What the function that ends the process does first: at the deadline, at the last step of the
/// escalation, and where the process is still there after its report. A stop that ends by itself
/// does nothing of it.
#[derive(Debug)]
#[non_exhaustive]
pub enum LastResort {
    /// SIGKILL to every process of the group of this id. Let go of the handle before the leader of
    /// the group is waited for: its id may be another's after that.
    KillProcessGroup(u32),
    /// Removes this file.
    Unlink(PathBuf),
    /// Removes this file if it is still the same one: another may have been put in its place, such
    /// as the socket of a successor.
    #[cfg(unix)]
    UnlinkSame {
        /// Where it is.
        path: PathBuf,
        /// The device that it is on, as `st_dev` tells.
        device: u64,
        /// Its number there, as `st_ino` tells.
        inode: u64,
    },
    /// Writes these bytes, as many as can be written without waiting.
    #[cfg(unix)]
    Write {
        /// Where to; it is closed with the handle.
        fd: std::os::fd::OwnedFd,
        /// What.
        bytes: Vec<u8>,
    },
    /// Calls this function.
    Function(LastResortFn),
}

/// A function for [`LastResort::Function`].
#[derive(Clone, Copy, Debug)]
pub struct LastResortFn(fn());

impl LastResortFn {
    /// # Safety
    ///
    /// `function` runs while other threads stand anywhere, the one that holds the lock of the
    /// allocator among them. It must not allocate, lock, block, unwind or return late: what an
    /// async-signal-safe function may do, it may do.
    #[must_use]
    pub const unsafe fn new(function: fn()) -> Self {
        Self(function)
    }
}

/// Why a last resort was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum LastResortError {
    /// There are as many as there may be.
    #[error("there are {PLACES} last resorts, and no more can be had: let go of some")]
    Full,
    /// A group that is everybody's, or the process's own.
    #[error("process group {0} is not one to kill: 0, 1 and this process's own are refused")]
    NoGroupToKill(u32),
    /// The path cannot be given to the system.
    #[error("`{}` has a zero byte in it", .0.display())]
    NoPath(PathBuf),
    /// The system has no such thing.
    #[error("this system has no process groups")]
    Unsupported,
}

impl fmt::Display for LastResort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillProcessGroup(group) => write!(f, "kill process group {group}"),
            Self::Unlink(path) => write!(f, "unlink {}", path.display()),
            #[cfg(unix)]
            Self::UnlinkSame { path, .. } => {
                write!(f, "unlink {}, if it is the same file", path.display())
            }
            #[cfg(unix)]
            Self::Write { fd, bytes } => {
                let fd = std::os::fd::AsRawFd::as_raw_fd(fd);
                write!(f, "write {} bytes to descriptor {fd}", bytes.len())
            }
            Self::Function(_) => f.write_str("call a function"),
        }
    }
}

static TABLE: [AtomicPtr<Entry>; PLACES] = [const { AtomicPtr::new(ptr::null_mut()) }; PLACES];

struct Entry {
    what: Ready,
    /// A forked child ends without its parent's last resorts.
    process: u32,
    /// The next of those that may block, once this is out of the table.
    next: AtomicPtr<Self>,
}

/// Takes what was added out of the table, when it is dropped.
#[must_use = "dropping it takes the last resort out of the table"]
#[derive(Debug)]
pub(crate) struct Added {
    place: &'static AtomicPtr<Entry>,
    entry: *mut Entry,
}

// SAFETY: it holds an address to compare and to free once, and what is there is `Send` and `Sync`.
unsafe impl Send for Added {}
// SAFETY: as above; `&Added` gives no access to anything.
unsafe impl Sync for Added {}

/// Whether `what` is something that can be done.
pub(crate) fn check(what: &LastResort) -> Result<(), LastResortError> {
    Ready::check(what)
}

/// Adds to the table.
pub(crate) fn add(what: LastResort) -> Result<Added, LastResortError> {
    check(&what)?;
    let next = AtomicPtr::new(ptr::null_mut());
    let entry = Entry { what: Ready::new(what), process: std::process::id(), next };
    let entry = Box::into_raw(Box::new(entry));
    for place in &TABLE {
        // Release: whoever takes the pointer sees what it points to.
        let free = ptr::null_mut();
        if place.compare_exchange(free, entry, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return Ok(Added { place, entry });
        }
    }
    // SAFETY: nobody else has seen it.
    drop(unsafe { Box::from_raw(entry) });
    Err(LastResortError::Full)
}

impl Drop for Added {
    fn drop(&mut self) {
        let free = ptr::null_mut();
        let ours =
            self.place.compare_exchange(self.entry, free, Ordering::AcqRel, Ordering::Relaxed);
        if ours.is_ok() {
            // SAFETY: made by `Box::into_raw`, and ours since it is out of the table. `run` takes
            // an entry out before it looks at it and never frees it, so the address is not
            // another's meanwhile.
            drop(unsafe { Box::from_raw(self.entry) });
        }
    }
}

/// Does what is in the table, each once. Allocates nothing, takes no lock; what may block, such as
/// on a frozen filesystem, is not waited for beyond its time.
pub(crate) fn run() {
    begin().finish();
}

/// Takes all out of the table, and does what never blocks.
pub(crate) fn begin() -> Begun {
    let process = std::process::id();
    let mut first = ptr::null_mut();
    for place in TABLE.iter().rev() {
        let taken = place.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: null, or an entry that is ours since it is out of the table. It is left to the
        // end.
        let Some(entry) = (unsafe { taken.as_ref() }) else { continue };
        if entry.process != process {
            continue;
        }
        if entry.what.may_block() {
            entry.next.store(first, Ordering::Relaxed);
            first = taken;
        } else {
            entry.what.perform();
        }
    }
    Begun(first)
}

/// What may block and is still to be done, a list.
#[must_use = "what may block is not done yet"]
pub(crate) struct Begun(*mut Entry);

impl Begun {
    pub(crate) fn finish(self) {
        if self.0.is_null() {
            return;
        }
        #[cfg(unix)]
        {
            use super::unix::apart::{self, Lane};
            extern "C" fn perform(first: *mut libc::c_void) -> libc::c_int {
                perform_all(first.cast());
                0
            }
            apart::run_or_do(Lane::LastResorts, perform, self.0.cast(), TIMEOUT);
        }
        #[cfg(windows)]
        perform_all(self.0);
    }
}

fn perform_all(first: *mut Entry) {
    let mut next = first;
    // SAFETY: null, or an entry that was taken out of the table and that nobody frees.
    while let Some(entry) = unsafe { next.as_ref() } {
        entry.what.perform();
        next = entry.next.load(Ordering::Relaxed);
    }
}

#[cfg(unix)]
use unix::Ready;
#[cfg(windows)]
use windows::Ready;

#[cfg(unix)]
mod unix {
    use std::{
        ffi::{CStr, CString},
        mem::MaybeUninit,
        os::{
            fd::{AsRawFd, OwnedFd},
            unix::ffi::{OsStrExt, OsStringExt},
        },
        path::PathBuf,
    };

    use super::{LastResort, LastResortError};

    /// What a pipe takes that says it can be written to.
    const ATOMIC: usize = 512;

    pub(super) enum Ready {
        KillProcessGroup(libc::pid_t),
        Unlink(CString),
        UnlinkSame(CString, u64, u64),
        Write(OwnedFd, Vec<u8>),
        Function(fn()),
    }

    impl Ready {
        pub(super) fn check(what: &LastResort) -> Result<(), LastResortError> {
            match what {
                LastResort::KillProcessGroup(group) => {
                    // SAFETY: it has no precondition.
                    let own = unsafe { libc::getpgrp() };
                    let is_possible = libc::pid_t::try_from(*group);
                    let is_possible = is_possible.is_ok_and(|group| group > 1 && group != own);
                    if is_possible { Ok(()) } else { Err(LastResortError::NoGroupToKill(*group)) }
                }
                LastResort::Unlink(path) | LastResort::UnlinkSame { path, .. }
                    if path.as_os_str().as_bytes().contains(&0) =>
                {
                    Err(LastResortError::NoPath(path.clone()))
                }
                _ => Ok(()),
            }
        }

        /// Of what was checked.
        pub(super) fn new(what: LastResort) -> Self {
            match what {
                LastResort::KillProcessGroup(group) => Self::KillProcessGroup(group.cast_signed()),
                LastResort::Unlink(path) => Self::Unlink(text(path)),
                LastResort::UnlinkSame { path, device, inode } => {
                    Self::UnlinkSame(text(path), device, inode)
                }
                LastResort::Write { fd, bytes } => Self::Write(fd, bytes),
                LastResort::Function(function) => Self::Function(function.0),
            }
        }

        /// A function promises that it does not.
        pub(super) const fn may_block(&self) -> bool {
            matches!(self, Self::Unlink(_) | Self::UnlinkSame(..) | Self::Write(..))
        }

        pub(super) fn perform(&self) {
            match self {
                Self::KillProcessGroup(group) => {
                    // SAFETY: it has no precondition.
                    unsafe { libc::kill(-group, libc::SIGKILL) };
                }
                Self::Unlink(path) => {
                    // SAFETY: a string that ends with a zero byte.
                    unsafe { libc::unlink(path.as_ptr()) };
                }
                Self::UnlinkSame(path, device, inode) => unlink_same(path, *device, *inode),
                Self::Write(fd, bytes) => write(fd.as_raw_fd(), bytes),
                Self::Function(function) => function(),
            }
        }
    }

    fn text(path: PathBuf) -> CString {
        CString::new(path.into_os_string().into_vec()).unwrap_or_default()
    }

    /// Between the look and the removal there is a moment that no system call takes away.
    #[allow(clippy::unnecessary_cast, reason = "the types differ from system to system")]
    fn unlink_same(path: &CStr, device: u64, inode: u64) {
        let mut found = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: a string that ends with a zero byte, and room for what is found.
        if unsafe { libc::lstat(path.as_ptr(), found.as_mut_ptr()) } != 0 {
            return;
        }
        // SAFETY: the call has filled it.
        let found = unsafe { found.assume_init() };
        if found.st_dev as u64 == device && found.st_ino as u64 == inode {
            // SAFETY: as above.
            unsafe { libc::unlink(path.as_ptr()) };
        }
    }

    /// Stops where it would have to wait.
    fn write(fd: libc::c_int, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let mut asked = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
            // SAFETY: one valid record.
            let ready = unsafe { libc::poll(&raw mut asked, 1, 0) };
            if ready < 1 || asked.revents & libc::POLLOUT == 0 {
                return;
            }
            // SAFETY: so many bytes are there.
            let written = unsafe { libc::write(fd, rest.as_ptr().cast(), rest.len().min(ATOMIC)) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = &rest[written..],
                _ => return,
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::path::PathBuf;

    use super::{LastResort, LastResortError};

    /// The system's paths are made anew when a file is removed, which allocates.
    pub(super) enum Ready {
        Nothing,
        Unlink(PathBuf),
        Function(fn()),
    }

    impl Ready {
        pub(super) fn check(what: &LastResort) -> Result<(), LastResortError> {
            match what {
                LastResort::KillProcessGroup(_) => Err(LastResortError::Unsupported),
                _ => Ok(()),
            }
        }

        pub(super) fn new(what: LastResort) -> Self {
            match what {
                LastResort::KillProcessGroup(_) => Self::Nothing,
                LastResort::Unlink(path) => Self::Unlink(path),
                LastResort::Function(function) => Self::Function(function.0),
            }
        }

        pub(super) const fn may_block(&self) -> bool {
            matches!(self, Self::Unlink(_))
        }

        pub(super) fn perform(&self) {
            match self {
                Self::Nothing => {}
                Self::Unlink(path) => {
                    let _ = std::fs::remove_file(path);
                }
                Self::Function(function) => function(),
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{
        fs,
        io::Read,
        os::unix::{fs::MetadataExt, net::UnixStream},
        path::PathBuf,
        sync::atomic::{AtomicUsize, Ordering},
        time::{Duration, Instant},
    };

    use super::{LastResort, LastResortError, LastResortFn, PLACES, add, run};

    static CALLS: AtomicUsize = AtomicUsize::new(0);

    fn count() {
        CALLS.fetch_add(1, Ordering::SeqCst);
    }

    fn counted() -> LastResort {
        // SAFETY: it adds to a number.
        LastResort::Function(unsafe { LastResortFn::new(count) })
    }

    /// One test, as the table is the process's.
    #[test]
    fn what_is_in_the_table_is_done_once_without_waiting_and_the_table_can_be_full() {
        let folder = std::env::temp_dir().join(format!("last-resort-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [goes, stays, same, other] =
            ["goes", "stays", "same", "other"].map(|name| folder.join(name));
        let all = [&goes, &stays, &same, &other];
        all.into_iter().for_each(|path| fs::write(path, "").unwrap());
        let (mut near, far) = UnixStream::pair().unwrap();
        let kept = [
            add(LastResort::Unlink(goes.clone())).unwrap(),
            add(LastResort::Write { fd: far.into(), bytes: b"last words".to_vec() }).unwrap(),
            add(counted()).unwrap(),
        ];
        let unlink_same = |path: &PathBuf, off: u64| {
            let found = fs::metadata(path).unwrap();
            let (path, device, inode) = (path.clone(), found.dev(), found.ino() + off);
            add(LastResort::UnlinkSame { path, device, inode }).unwrap()
        };
        let files = [unlink_same(&same, 0), unlink_same(&other, 1)];
        // Nobody reads here: what does not fit is left out.
        let (_full, unread) = UnixStream::pair().unwrap();
        let long =
            add(LastResort::Write { fd: unread.into(), bytes: vec![b'x'; 8 << 20] }).unwrap();
        drop(add(LastResort::Unlink(stays.clone())).unwrap());
        let began = Instant::now();
        run();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(all.map(|path| path.exists()), [false, true, false, true]);
        let mut said = [0; 10];
        near.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"last words");
        run();
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
        drop((kept, files, long));

        let own = unsafe { libc::getpgrp() }.cast_unsigned();
        for group in [0, 1, own, u32::MAX] {
            let refused = add(LastResort::KillProcessGroup(group)).unwrap_err();
            assert_eq!(refused, LastResortError::NoGroupToKill(group));
        }
        let mut all: Vec<_> = (0..PLACES).map(|_| add(counted()).unwrap()).collect();
        let refused = add(counted()).unwrap_err();
        assert_eq!(refused, LastResortError::Full);
        assert!(refused.to_string().contains("256"), "{refused}");
        drop(all.pop());
        let _again = add(counted()).unwrap();
        drop(all);
        fs::remove_dir_all(folder).unwrap();
    }
}
