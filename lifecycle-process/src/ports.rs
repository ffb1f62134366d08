//! Who listens on a port.

use crate::Member;

/// Who listens on this TCP port, as far as this process may see; `None`: nobody does.
#[cfg(target_os = "linux")]
pub(crate) fn held(port: u16) -> Option<Vec<Member>> {
    let sockets = listening(port);
    if sockets.is_empty() {
        return None;
    }
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    Some(pids.filter(|pid| has_one_of(*pid, &sockets)).map(named).collect())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn held(port: u16) -> Option<Vec<Member>> {
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
        let by = held(port).expect("somebody");
        assert_eq!(by.iter().map(|member| member.pid).collect::<Vec<_>>(), [std::process::id()]);
        drop(listener);
        assert!(held(port).is_none());
    }
}
