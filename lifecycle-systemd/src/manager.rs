//! The service manager's socket. A message is one system call that does not wait: it is sent, or it
//! is not.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write},
    os::unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
    process,
    sync::OnceLock,
    time::Duration,
};

const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Which process systemd started.
const SYSTEMD_EXEC_PID: &str = "SYSTEMD_EXEC_PID";

/// Where the manager listens. The address is looked at anew for each message, as a manager that was
/// started anew has another socket.
#[derive(Debug)]
pub(crate) struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// A child of a fork is no main process.
    pid: u32,
}

/// Why nobody is told of a service whose environment names a socket.
#[derive(Debug)]
pub(crate) enum Unusable {
    /// It is the socket of a process above this one.
    OfAnother(String),
    NoAddress(String),
    NoSocket(io::Error),
}

/// What the environment of this process names, looked at once; `None`: no manager.
pub(crate) fn manager() -> Option<&'static Result<Manager, Unusable>> {
    static MANAGER: OnceLock<Option<Result<Manager, Unusable>>> = OnceLock::new();
    let open = || {
        let path = env::var_os(NOTIFY_SOCKET)?;
        Some(Manager::open(&path, env::var(SYSTEMD_EXEC_PID).ok().as_deref(), process::id()))
    };
    MANAGER.get_or_init(open).as_ref()
}

/// Whether a manager listens to this process.
pub(crate) fn is_there() -> bool {
    matches!(manager(), Some(Ok(_)))
}

/// Tells it that starting or stopping goes on for so long from now.
pub(crate) fn extend(time: Duration) -> bool {
    let Some(Ok(manager)) = manager() else { return false };
    // On the thread that keeps the deadline: nothing is allocated.
    let mut message = [0; 64];
    let mut rest = &mut message[..];
    let written = write!(rest, "EXTEND_TIMEOUT_USEC={}", time.as_micros());
    let left = rest.len();
    written.is_ok() && manager.send(&message[..message.len() - left]).is_ok()
}

impl Manager {
    fn open(path: &OsStr, started: Option<&str>, own_pid: u32) -> Result<Self, Unusable> {
        if let Some(started) = started.filter(|pid| *pid != own_pid.to_string()) {
            return Err(Unusable::OfAnother(started.to_owned()));
        }
        let wrong = || Unusable::NoAddress(path.to_string_lossy().into_owned());
        let address = match path.as_bytes() {
            [b'@', name @ ..] => in_no_folder(name),
            [b'/', ..] => SocketAddr::from_pathname(path),
            _ => return Err(wrong()),
        };
        let address = address.map_err(|_| wrong())?;
        let socket = UnixDatagram::unbound().map_err(Unusable::NoSocket)?;
        socket.set_nonblocking(true).map_err(Unusable::NoSocket)?;
        Ok(Self { socket, address, pid: own_pid })
    }

    /// Sends `message`, or does not.
    ///
    /// # Errors
    /// When the socket is full or gone, and in a child of a fork.
    pub(crate) fn send(&self, message: &[u8]) -> io::Result<()> {
        if process::id() != self.pid {
            return Err(io::Error::other("this process was forked from the one that is watched"));
        }
        self.socket.send_to_addr(message, &self.address).map(|_| ())
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OfAnother(pid) => write!(
                f,
                "systemd started process {pid} and not this one ({SYSTEMD_EXEC_PID}), so nothing is \
                 sent to {NOTIFY_SOCKET}; where this is the service, start it by `exec`"
            ),
            Self::NoAddress(path) => {
                write!(f, "{NOTIFY_SOCKET}={path} is no address of a socket; nothing is sent there")
            }
            Self::NoSocket(error) => write!(f, "{NOTIFY_SOCKET} cannot be used: {error}"),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn in_no_folder(name: &[u8]) -> io::Result<SocketAddr> {
    <SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn in_no_folder(_: &[u8]) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &str, started: Option<&str>) -> Result<Manager, String> {
        Manager::open(path.as_ref(), started, process::id()).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn a_child_of_the_service_tells_nobody() {
        let own = process::id().to_string();
        assert!(open("/run/notify", Some(&own)).is_ok());
        assert!(open("/run/notify", None).is_ok());
        let said = open("/run/notify", Some("1")).unwrap_err();
        assert!(said.starts_with("systemd started process 1 and not this one"), "{said}");
    }

    #[test]
    fn what_is_no_address_is_said() {
        for path in ["", "run/notify", "vsock:2:9"] {
            let said = open(path, None).unwrap_err();
            assert!(said.contains("is no address of a socket"), "{said}");
        }
        let long = format!("/{}", "x".repeat(200));
        assert!(open(&long, None).is_err());
    }

    #[test]
    fn a_socket_that_is_full_or_gone_is_an_error_and_no_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let listening = UnixDatagram::bind(&path).unwrap();
        let manager = Manager::open(path.as_os_str(), None, process::id()).unwrap();
        manager.send(b"READY=1").unwrap();
        let full = (0..100_000).find_map(|_| manager.send(b"STATUS=full").err());
        assert_eq!(full.map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
        drop(listening);
        assert!(manager.send(b"READY=1").is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(manager.send(b"READY=1").is_err());
        // The manager was started anew.
        let listening = UnixDatagram::bind(&path).unwrap();
        manager.send(b"READY=1").unwrap();
        let mut message = [0; 16];
        assert_eq!(listening.recv(&mut message).unwrap(), 7);
    }

    #[test]
    fn another_process_with_the_same_memory_sends_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _listening = UnixDatagram::bind(&path).unwrap();
        let mut manager = Manager::open(path.as_os_str(), None, process::id()).unwrap();
        manager.pid += 1;
        assert!(manager.send(b"READY=1").is_err());
    }
}
