//! A port that says how the service is, on a thread of its own.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use lifecycle_core::ext::{Component, ComponentError, Handle};

/// Answers each connection with the state of the lifecycle, in a word.
#[derive(Debug, Default)]
pub struct Port {
    address: Arc<OnceLock<SocketAddr>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Port {
    /// One that is not there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where it is, once it has started.
    #[must_use]
    pub fn address(&self) -> Arc<OnceLock<SocketAddr>> {
        Arc::clone(&self.address)
    }
}

impl Component for Port {
    fn name(&self) -> String {
        "port".to_owned()
    }

    fn stop_timeout(&self) -> Duration {
        Duration::from_millis(1_500)
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let _ = self.address.set(listener.local_addr()?);
        let (lifecycle, stopping) = (Handle::current(), Arc::clone(&self.stopping));
        let thread = thread::Builder::new().name("port".to_owned());
        self.thread = Some(thread.spawn(move || {
            for connection in listener.incoming() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let state = lifecycle.status().state();
                // Whoever asked and is gone needs no answer.
                let _ = connection.and_then(|mut asks| write!(asks, "{state}"));
            }
        })?);
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        self.stopping.store(true, Ordering::SeqCst);
        // It waits for a connection.
        self.address.get().map(TcpStream::connect).transpose()?;
        self.thread.take().map(JoinHandle::join);
        Ok(())
    }
}

/// What the port answers.
///
/// # Errors
///
/// Where nobody listens there.
pub fn ask(address: SocketAddr) -> io::Result<String> {
    let mut answer = String::new();
    TcpStream::connect(address)?.read_to_string(&mut answer)?;
    Ok(answer)
}
