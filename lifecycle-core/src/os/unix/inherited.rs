//! The sockets that this process was given by whoever started it, by systemd's protocol:
//! `LISTEN_PID`, `LISTEN_FDS`, `LISTEN_FDNAMES`, and the descriptors from 3 on.

#![allow(unsafe_code, reason = "descriptors that the environment speaks of are owned")]

use std::{
    env, io,
    os::fd::{FromRawFd, OwnedFd, RawFd},
    sync::atomic::{AtomicBool, Ordering},
};

const FIRST: RawFd = 3;
/// The kernel's default limit of open files: more is a slip of somebody's pen.
const MOST: usize = 1024;
/// What systemd calls a descriptor that has no name.
const NAMELESS: &str = "unknown";

/// Takes what this process was given, each with its name; close-on-exec from here on. Nothing the
/// second time, and in a process that was not meant.
///
/// # Errors
/// When the variables make no sense, or speak of a descriptor that is not open: nothing is taken.
pub fn inherited() -> io::Result<Vec<(String, OwnedFd)>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let read = |name: &str| env::var(name).ok();
    let names = names(std::process::id(), read)?;
    if TAKEN.load(Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    let found = names.into_iter().zip(FIRST..).map(|(name, number)| {
        close_on_exec(number).map_err(|error| {
            io::Error::new(error.kind(), format!("LISTEN_FDS: descriptor {number} is not open"))
        })?;
        Ok((name, number))
    });
    let found = found.collect::<io::Result<Vec<_>>>()?;
    // Relaxed: the descriptors are the kernel's to share.
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Ok(Vec::new());
    }
    // SAFETY: open, and by the protocol of these variables meant for this process alone, which
    // takes them here, once.
    let own = |(name, number)| (name, unsafe { OwnedFd::from_raw_fd(number) });
    Ok(found.into_iter().map(own).collect())
}

/// The name of each descriptor, from `FIRST` on.
fn names(own_pid: u32, read: impl Fn(&str) -> Option<String>) -> io::Result<Vec<String>> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
    let Some(count) = read("LISTEN_FDS") else { return Ok(Vec::new()) };
    if read("LISTEN_PID").is_none_or(|pid| pid != own_pid.to_string()) {
        return Ok(Vec::new());
    }
    let count = count.parse().ok().filter(|count| *count <= MOST);
    let count = count.ok_or_else(|| wrong("LISTEN_FDS is not a number of sockets".to_owned()))?;
    let names = read("LISTEN_FDNAMES").unwrap_or_default();
    let mut names: Vec<_> =
        names.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.len() > count {
        let (named, given) = (names.len(), count);
        return Err(wrong(format!("LISTEN_FDNAMES names {named} sockets, LISTEN_FDS has {given}")));
    }
    names.resize(count, NAMELESS.to_owned());
    Ok(names)
}

fn close_on_exec(number: RawFd) -> io::Result<()> {
    // SAFETY: flags of a descriptor; one that is not open is an error.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    // SAFETY: the same.
    let done =
        flags >= 0 && unsafe { libc::fcntl(number, libc::F_SETFD, flags | libc::FD_CLOEXEC) } >= 0;
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        names(7, get).map_err(|error| error.to_string())
    }

    #[test]
    fn sockets_have_the_names_that_they_are_given_with() {
        let given = [("LISTEN_PID", "7"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", "http:grpc")];
        assert_eq!(read(&given).unwrap(), ["http", "grpc"]);
        assert_eq!(read(&given[..2]).unwrap(), ["unknown", "unknown"]);
    }

    #[test]
    fn what_is_meant_for_another_process_is_not_taken() {
        assert_eq!(read(&[]).unwrap(), [""; 0]);
        assert_eq!(read(&[("LISTEN_PID", "8"), ("LISTEN_FDS", "1")]).unwrap(), [""; 0]);
        assert_eq!(read(&[("LISTEN_FDS", "1")]).unwrap(), [""; 0]);
    }

    #[test]
    fn variables_that_make_no_sense_are_errors() {
        for count in ["-1", "two", "100000"] {
            let said = read(&[("LISTEN_PID", "7"), ("LISTEN_FDS", count)]).unwrap_err();
            assert_eq!(said, "LISTEN_FDS is not a number of sockets");
        }
        let more = [("LISTEN_PID", "7"), ("LISTEN_FDS", "1"), ("LISTEN_FDNAMES", "a:b")];
        assert_eq!(read(&more).unwrap_err(), "LISTEN_FDNAMES names 2 sockets, LISTEN_FDS has 1");
    }
}
