//! HAProxy before two servers, with active health checks and no retries.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// An HAProxy that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct HaProxy {
    child: Child,
    /// Where it speaks HTTP/1.
    pub http1: SocketAddr,
    /// Where it speaks HTTP/2 from the first byte.
    pub http2: SocketAddr,
}

impl HaProxy {
    /// Starts one before `servers`; `None` where none is installed and none is demanded.
    ///
    /// # Panics
    /// When it is demanded and missing, or does not start.
    #[must_use]
    pub fn start(directory: &Path, servers: &[SocketAddr]) -> Option<Self> {
        let installed = Command::new("haproxy").arg("-v").stdout(Stdio::null()).status().is_ok();
        if !installed {
            assert!(!crate::all_is_demanded(), "haproxy is not installed");
            eprintln!("passed over: haproxy is not installed");
            return None;
        }
        let (http1, http2) = (free_port(), free_port());
        let mut config = format!(
            "global\n  maxconn 4000\n\
             defaults\n  mode http\n  retries 0\n  timeout connect 1s\n  timeout client 30s\n  \
             timeout server 30s\n  timeout check 2s\n  option http-keep-alive\n\
             frontend in\n  bind {http1}\n  bind {http2} proto h2\n  default_backend apps\n\
             backend apps\n  balance roundrobin\n  option httpchk GET /readyz\n  \
             default-server check inter 100ms fastinter 50ms fall 1 rise 1\n"
        );
        for (n, server) in servers.iter().enumerate() {
            config.push_str(&format!("  server s{n} {server}\n"));
        }
        let path = directory.join("haproxy.cfg");
        std::fs::write(&path, config).expect("a configuration");
        let child = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy");
        let proxy = Self { child, http1, http2 };
        for _ in 0..100 {
            if std::net::TcpStream::connect(http1).is_ok() {
                std::thread::sleep(Duration::from_millis(300));
                return Some(proxy);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("haproxy does not listen");
    }
}

impl Drop for HaProxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn free_port() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address")
}
