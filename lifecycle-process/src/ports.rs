//! Who listens on a port.

use std::fmt;

use crate::{Member, stop};

/// A port that a child had, and that somebody listens on when it is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldPort {
    /// Which.
    pub port: u16,
    /// Who listens there, as far as this process may see.
    pub by: Vec<Member>,
}

impl fmt::Display for HeldPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {} is still held by ", self.port)?;
        match &self.by[..] {
            [] => f.write_str("somebody who cannot be seen from here"),
            by => f.write_str(&stop::list(by)),
        }
    }
}

pub(crate) fn list(held: &[HeldPort]) -> String {
    held.iter().map(HeldPort::to_string).collect::<Vec<_>>().join("; ")
}

/// `None`: nobody listens on this TCP port.
pub(crate) fn held(port: u16) -> Option<HeldPort> {
    listeners(port).map(|by| HeldPort { port, by })
}

#[cfg(target_os = "linux")]
fn listeners(port: u16) -> Option<Vec<Member>> {
    let sockets = listening(port);
    if sockets.is_empty() {
        return None;
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    Some(pids.filter(|pid| has_one_of(*pid, &sockets)).map(named).collect())
}

#[cfg(not(target_os = "linux"))]
fn listeners(port: u16) -> Option<Vec<Member>> {
    let anywhere = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let timeout = std::time::Duration::from_millis(100);
    std::net::TcpStream::connect_timeout(&anywhere, timeout).ok().map(|_| Vec::new())
}

/// The inodes of the sockets that listen there.
#[cfg(target_os = "linux")]
fn listening(port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let texts = tables.map(|table| std::fs::read_to_string(table).unwrap_or_default());
    let of = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (_, listened) = fields.get(1)?.rsplit_once(':')?;
        let is_it = u16::from_str_radix(listened, 16) == Ok(port) && fields.get(3) == Some(&LISTEN);
        is_it.then(|| fields.get(9).map(|inode| format!("socket:[{inode}]")))?
    };
    texts.iter().flat_map(|text| text.lines().skip(1)).filter_map(of).collect()
}

#[cfg(target_os = "linux")]
fn has_one_of(pid: u32, sockets: &[String]) -> bool {
    let fds = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    fds.filter_map(|fd| std::fs::read_link(fd.path()).ok())
        .any(|link| link.to_str().is_some_and(|link| sockets.iter().any(|socket| socket == link)))
}

#[cfg(target_os = "linux")]
fn named(pid: u32) -> Member {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Member { pid, name: name.trim_end().to_owned(), state: '?' }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn who_listens_is_named_and_who_is_gone_is_not() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        // A child that another test starts has what is open here, until it is a program of its own.
        let held_by = held(port).expect("somebody").by;
        assert!(held_by.iter().any(|member| member.pid == std::process::id()), "{held_by:?}");
        drop(listener);
        let is_free = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            held(port).is_none()
        });
        assert!(is_free, "{:?}", held(port));
    }
}
