//! A listening socket by its name: the one that systemd holds, or one of our own.

use std::io;
#[cfg(unix)]
use std::{
    os::fd::OwnedFd,
    path::Path,
    sync::{Mutex, PoisonError},
};

#[cfg(unix)]
use lifecycle_core::ext;
#[cfg(unix)]
use rustix::net::{AddressFamily, SocketType, sockopt};
#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, ToSocketAddrs};

/// The socket of this name that systemd holds for the service (`FileDescriptorName=` of the
/// `.socket` unit); where systemd holds none for it, one that is bound at `addr`.
///
/// It is close-on-exec, and does not block. `lifecycle::http::serve` leaves the backlog of an
/// inherited one to the next process.
///
/// # Errors
/// When systemd holds sockets and none of this name, when the name was asked for before, when what
/// it holds is no listening TCP socket; and as `TcpListener::bind`.
///
/// # Panics
/// Outside of a tokio runtime with its I/O driver.
///
/// # Cancel safety
/// Dropped while an address is looked up, it has taken nothing.
pub async fn listener(name: &str, addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
    #[cfg(unix)]
    if let Some(socket) = take(name, &[AddressFamily::INET, AddressFamily::INET6], "TCP")? {
        let socket = std::net::TcpListener::from(socket);
        socket.set_nonblocking(true)?;
        ext::note_outliving(&socket.local_addr()?);
        return TcpListener::from_std(socket);
    }
    #[cfg(not(unix))]
    let _ = name;
    TcpListener::bind(addr).await
}

/// The same of a Unix socket, which is bound at `path` where systemd holds none. The path is
/// unlinked in neither case: systemd's belongs to systemd, and who binds says what is to become of
/// a file that is there already.
///
/// # Errors
/// As [`listener`], and as `UnixListener::bind`.
///
/// # Panics
/// Outside of a tokio runtime with its I/O driver.
#[cfg(unix)]
pub fn unix_listener(name: &str, path: impl AsRef<Path>) -> io::Result<UnixListener> {
    let Some(socket) = take(name, &[AddressFamily::UNIX], "Unix")? else {
        return UnixListener::bind(path);
    };
    let socket = std::os::unix::net::UnixListener::from(socket);
    socket.set_nonblocking(true)?;
    if let Some(path) = socket.local_addr()?.as_pathname() {
        ext::note_outliving(&path.display());
    }
    UnixListener::from_std(socket)
}

/// The inherited sockets that nobody has taken, and the names of all.
#[cfg(unix)]
#[derive(Debug)]
struct Inherited {
    names: Vec<String>,
    left: Vec<(String, OwnedFd)>,
}

/// `None`: systemd holds none for this process.
#[cfg(unix)]
fn take(name: &str, families: &[AddressFamily], kind: &str) -> io::Result<Option<OwnedFd>> {
    static INHERITED: Mutex<Option<Inherited>> = Mutex::new(None);
    let mut inherited = INHERITED.lock().unwrap_or_else(PoisonError::into_inner);
    let inherited = match &mut *inherited {
        Some(inherited) => inherited,
        unknown => unknown.insert(Inherited::new(ext::inherited()?)),
    };
    let Some(socket) = inherited.take(name).map_err(|why| wrong(name, &why))? else {
        return Ok(None);
    };
    check(&socket, families, kind).map_err(|why| wrong(name, &why))?;
    Ok(Some(socket))
}

#[cfg(unix)]
fn wrong(name: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("listener `{name}`: {why}"))
}

#[cfg(unix)]
impl Inherited {
    fn new(left: Vec<(String, OwnedFd)>) -> Self {
        Self { names: left.iter().map(|(name, _)| name.clone()).collect(), left }
    }

    fn take(&mut self, name: &str) -> Result<Option<OwnedFd>, String> {
        if let Some(at) = self.left.iter().position(|(known, _)| known == name) {
            return Ok(Some(self.left.remove(at).1));
        }
        if self.names.iter().any(|known| known == name) {
            return Err("it was asked for before; each socket is given once".to_owned());
        }
        if self.names.is_empty() {
            return Ok(None);
        }
        let names: Vec<_> = self.names.iter().map(|name| format!("`{name}`")).collect();
        Err(format!(
            "systemd holds {} and none of that name; write `FileDescriptorName={name}` in the \
             .socket unit",
            names.join(", ")
        ))
    }
}

/// That it is a socket of this kind that listens.
#[cfg(unix)]
fn check(socket: &OwnedFd, families: &[AddressFamily], kind: &str) -> Result<(), String> {
    let of = |_| "what systemd passed is no socket".to_owned();
    let is_stream = sockopt::socket_type(socket).map_err(of)? == SocketType::STREAM;
    let family = rustix::net::getsockname(socket).map_err(of)?.address_family();
    if !is_stream || !families.contains(&family) {
        return Err(format!("what systemd passed is no {kind} socket; look at its ListenStream="));
    }
    if !sockopt::socket_acceptconn(socket).map_err(of)? {
        return Err(
            "what systemd passed does not listen; write `Accept=no` in the .socket unit".to_owned()
        );
    }
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs::File, net::UdpSocket, os::unix::net::UnixDatagram};

    use super::*;

    const TCP: [AddressFamily; 2] = [AddressFamily::INET, AddressFamily::INET6];

    fn listening() -> OwnedFd {
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().into()
    }

    #[test]
    fn each_socket_is_given_once_and_by_its_name() {
        let given = ["http", "grpc", "http"].map(|name| (name.to_owned(), listening()));
        let mut inherited = Inherited::new(given.into());
        assert!(inherited.take("http").unwrap().is_some());
        assert!(inherited.take("grpc").unwrap().is_some());
        assert!(inherited.take("http").unwrap().is_some());
        let twice = inherited.take("grpc").unwrap_err();
        assert_eq!(twice, "it was asked for before; each socket is given once");
        let unknown = inherited.take("admin").unwrap_err();
        assert!(
            unknown.starts_with("systemd holds `http`, `grpc`, `http` and none of"),
            "{unknown}"
        );
        assert!(Inherited::new(Vec::new()).take("http").unwrap().is_none());
    }

    #[test]
    fn what_is_no_listening_socket_of_the_kind_is_said() {
        check(&listening(), &TCP, "TCP").unwrap();
        let said = |fd: OwnedFd| check(&fd, &TCP, "TCP").unwrap_err();
        assert_eq!(
            said(File::open("/dev/null").unwrap().into()),
            "what systemd passed is no socket"
        );
        let udp = said(UdpSocket::bind("127.0.0.1:0").unwrap().into());
        assert!(udp.contains("is no TCP socket"), "{udp}");
        let unix = said(UnixDatagram::unbound().unwrap().into());
        assert!(unix.contains("is no TCP socket"), "{unix}");
        let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let connection = std::net::TcpStream::connect(addr.local_addr().unwrap()).unwrap();
        assert!(said(connection.into()).contains("`Accept=no`"));
    }
}
