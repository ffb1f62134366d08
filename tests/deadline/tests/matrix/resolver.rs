//! A name server that never answers, and a service that asks it: in a mount namespace of its own,
//! where `/etc/resolv.conf` names that server.

use std::net::UdpSocket;

use lifecycle_deadline_tests::{can, succeeds};
use lifecycle_process_tests::Service;
use tempfile::NamedTempFile;

/// On an address of the loopback network that nobody else takes.
const ADDRESS: &str = "127.0.0.153";

pub(crate) struct Resolver {
    conf: NamedTempFile,
    _silent: UdpSocket,
}

impl Resolver {
    /// `None` where that needs more rights than there are.
    pub(crate) fn that_hangs() -> Option<Self> {
        let silent =
            UdpSocket::bind((ADDRESS, 53)).ok().filter(|_| succeeds("unshare --mount true"));
        if !can("a name server of the test's own, for look-ups that hang", silent.is_some()) {
            return None;
        }
        let conf = NamedTempFile::new().expect("a file");
        std::fs::write(&conf, format!("nameserver {ADDRESS}\noptions timeout:30\n"))
            .expect("written");
        Some(Self { conf, _silent: silent? })
    }

    /// The service, with this name server.
    pub(crate) fn service(&self, program: &str) -> Service {
        Service::at("/usr/bin/unshare")
            .args([
                "--mount",
                "/bin/sh",
                "-c",
                "mount --bind \"$CONF\" /etc/resolv.conf && exec \"$0\" \"$@\"",
            ])
            .arg(program)
            .env("CONF", self.conf.path())
    }
}
