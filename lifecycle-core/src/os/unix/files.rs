//! Files that are written in a bounded time: a filesystem may be frozen, or its server gone.

#![allow(unsafe_code, reason = "a process that shares our memory may make system calls only")]

use std::{ffi::CString, io, os::unix::ffi::OsStrExt, path::Path, ptr, time::Duration};

use super::{
    apart::{self, Done, Lane},
    threads,
};

/// Puts `bytes` in the place of the file at `path`: written aside and renamed, so that nobody ever
/// reads half of it; readable by the owner alone. Where that takes longer than `timeout` it goes
/// on, and may come to its end later.
pub(crate) fn replace_file(path: &Path, bytes: Vec<u8>, timeout: Duration) -> io::Result<()> {
    let mut aside = path.as_os_str().as_bytes().to_vec();
    aside.extend(format!(".{}.tmp", std::process::id()).bytes());
    let [path, aside] = [path.as_os_str().as_bytes().to_vec(), aside].map(CString::new);
    Work { path: path?, aside: Some(aside?), bytes }.done_within(timeout, Lane::Report)
}

/// Writes `bytes` into the file at `path`, which is there, in the place of what it holds. Bounded as
/// [`replace_file`] is.
pub(crate) fn overwrite_file(path: &Path, bytes: Vec<u8>, timeout: Duration) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    Work { path, aside: None, bytes }.done_within(timeout, Lane::TerminationLog)
}

/// What is written where; it stays where it is for who is late.
struct Work {
    path: CString,
    aside: Option<CString>,
    bytes: Vec<u8>,
}

type Errno = libc::c_int;

impl Work {
    fn done_within(self, timeout: Duration, lane: Lane) -> io::Result<()> {
        extern "C" fn apart(work: *mut libc::c_void) -> Errno {
            apart::close_descriptors();
            // SAFETY: what was handed over below, which stays.
            unsafe { &*work.cast::<Work>() }.perform()
        }
        let work = Box::new(self);
        let with = ptr::from_ref(&*work).cast_mut().cast();
        let errno = match apart::run(lane, apart, with, timeout) {
            Done::Ended(errno) => errno,
            Done::Impossible => threads::without_write_signals(|| work.perform()),
            Done::Late => {
                Box::leak(work);
                let words = format!("it takes longer than {timeout:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
            Done::Busy => {
                let words = "what was written before has not come to its end";
                return Err(io::Error::new(io::ErrorKind::TimedOut, words));
            }
        };
        match errno {
            0 => Ok(()),
            1.. => Err(io::Error::from_raw_os_error(errno)),
            // Somebody else waited for the process, or it was killed.
            _ => Err(io::Error::other("what became of it is not known")),
        }
    }

    /// System calls alone. Zero, or what is wrong.
    fn perform(&self) -> Errno {
        let Some(aside) = &self.aside else {
            return self.write(&self.path, libc::O_TRUNC);
        };
        // SAFETY: valid paths, here and below.
        let unlink = || unsafe { libc::unlink(aside.as_ptr()) };
        // Left by a process of the same number that was killed; or put there to be written through.
        unlink();
        let mut wrong = self.write(aside, libc::O_CREAT | libc::O_EXCL);
        // SAFETY: see above.
        if wrong == 0 && unsafe { libc::rename(aside.as_ptr(), self.path.as_ptr()) } != 0 {
            wrong = errno();
        }
        if wrong != 0 {
            unlink();
        }
        wrong
    }

    fn write(&self, path: &CString, flags: libc::c_int) -> Errno {
        let flags = libc::O_WRONLY | libc::O_CLOEXEC | libc::O_NOCTTY | flags;
        let mode: libc::c_uint = 0o600;
        // SAFETY: a valid path.
        let fd = unsafe { libc::open(path.as_ptr(), flags, mode) };
        if fd < 0 {
            return errno();
        }
        let mut left = &self.bytes[..];
        let mut wrong = 0;
        while !left.is_empty() && wrong == 0 {
            // SAFETY: valid bytes, and a descriptor of our own.
            let written = unsafe { libc::write(fd, left.as_ptr().cast(), left.len()) };
            match usize::try_from(written) {
                Ok(0) => wrong = libc::EIO,
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(_) if errno() == libc::EINTR => {}
                Err(_) => wrong = errno(),
            }
        }
        // SAFETY: opened above, and used by nobody else. A disk that is full may say so here.
        if unsafe { libc::close(fd) } != 0 && wrong == 0 {
            wrong = errno();
        }
        wrong
    }
}

/// The number alone: no allocation.
fn errno() -> Errno {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}
