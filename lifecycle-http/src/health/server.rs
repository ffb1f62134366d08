//! The probes on a listener and a thread of their own.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use axum::Router;
use tokio::{runtime::Handle, sync::oneshot, task::AbortHandle};

use super::health;

const HEARTBEAT: Duration = Duration::from_millis(250);
const SILENCE: Duration = Duration::from_secs(10);

/// The probes of [`health`] with all details, on a thread of their own, so that they are answered
/// while the application starts, drains, or has blocked every worker of its runtime.
///
/// `/livez` needs a heartbeat of the application's runtime there: 503 when none came for 10 s, as
/// an orchestrator can mend that by a restart.
#[derive(Debug)]
pub struct HealthServer {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    beats: AbortHandle,
}

impl HealthServer {
    /// Listens at `addr`, and answers from when this returns. Called inside the runtime of the
    /// application, whose heartbeat it takes.
    ///
    /// # Errors
    /// The address cannot be bound, or no thread or runtime can be made.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(addr: SocketAddr) -> io::Result<Self> {
        Self::start_with(addr, SILENCE)
    }

    /// The same, with another silence of the runtime after which it is no longer taken to be alive.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start_with(addr: SocketAddr, silence: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind(addr)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let heartbeat = Arc::new(Heartbeat::new(silence));
        let beats = Arc::clone(&heartbeat);
        let beats = Handle::current().spawn(async move { beats.keep().await }).abort_handle();
        let router: Router = health().with_details().with_heartbeat(Some(heartbeat)).into_router();
        let (stop, stopped) = oneshot::channel();
        let (started, starts) = mpsc::channel();
        let thread =
            thread::Builder::new().name("lifecycle-health".to_owned()).spawn(move || {
                let runtime =
                    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                        Ok(runtime) => runtime,
                        Err(error) => return drop(started.send(Err(error))),
                    };
                runtime.block_on(async {
                    let listener = match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => listener,
                        Err(error) => return drop(started.send(Err(error))),
                    };
                    let _ = started.send(Ok(()));
                    tokio::select! {
                        _ = stopped => {}
                        _ = axum::serve(listener, router) => {}
                    }
                });
            })?;
        starts.recv().unwrap_or_else(|_| Err(io::Error::other("the health thread died")))?;
        Ok(Self { addr, stop: Some(stop), thread: Some(thread), beats })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Closes the listener and ends the thread; returns when both are gone. Dropping it does the
    /// same without waiting.
    pub fn stop(mut self) {
        self.tell();
        if let Some(thread) = self.thread.take() {
            // It panics only where it has nothing left to do.
            let _ = thread.join();
        }
    }

    fn tell(&mut self) {
        self.beats.abort();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for HealthServer {
    fn drop(&mut self) {
        self.tell();
    }
}

/// When the application's runtime last polled a task.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    began: Instant,
    last: AtomicU64,
    silence: Duration,
}

impl Heartbeat {
    fn new(silence: Duration) -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0), silence }
    }

    async fn keep(&self) {
        let every = HEARTBEAT.min(self.silence / 4);
        loop {
            self.last.store(self.now(), Relaxed);
            tokio::time::sleep(every).await;
        }
    }

    pub(super) fn result(&self) -> Result<(), String> {
        let silent = Duration::from_millis(self.now().saturating_sub(self.last.load(Relaxed)));
        if silent <= self.silence {
            return Ok(());
        }
        Err(format!("the runtime has polled nothing for {silent:.1?}"))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
