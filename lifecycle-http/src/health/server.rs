//! The probes on a listener and a thread of their own.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use lifecycle_core::{
    Config,
    ext::{self, Component, ComponentError},
};
use tokio::{runtime::Handle, sync::oneshot, task::AbortHandle, time::timeout};

use super::{Health, health};

const HEARTBEAT: Duration = Duration::from_millis(250);
const SILENCE: Duration = Duration::from_secs(10);
const STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// A thread that is not scheduled for so long ends later, which nobody has to wait for.
const CLOSED_WITHIN: Duration = Duration::from_millis(200);

ext::register!(ext::HealthListener::new(add));

fn add(config: Config, addr: SocketAddr) -> Config {
    config.component(HealthServer::new(addr))
}

/// The probes of [`health`] with all details, on a thread of their own, so that they are answered
/// while the application starts, drains, or has blocked every worker of its runtime: a component,
/// for `Config::component`. `Config::health(addr)` adds one with its defaults.
///
/// It listens before main is first polled, and until after the last hook. `/livez` needs a
/// heartbeat of the application's runtime there: 503 when none came for [`silence`](Self::silence),
/// as an orchestrator can mend that by a restart. Checks are run on the application's runtime.
///
/// ```
/// use std::{net::SocketAddr, time::Duration};
/// use lifecycle_core::Config;
/// use lifecycle_http::HealthServer;
///
/// let addr = SocketAddr::from(([0, 0, 0, 0], 9090));
/// let health = HealthServer::new(addr).silence(Duration::from_secs(30));
/// let config = Config::new().component(health);
/// # let _ = config;
/// ```
#[derive(Debug)]
#[must_use = "it is a component: give it to `Config::component`"]
pub struct HealthServer {
    at: At,
    routes: Health,
    beside: Router,
    silence: Duration,
    running: Option<Running>,
}

#[derive(Debug)]
enum At {
    Addr(SocketAddr),
    Listener(TcpListener),
}

impl HealthServer {
    /// One that is to listen at `addr`.
    pub fn new(addr: SocketAddr) -> Self {
        Self::at(At::Addr(addr))
    }

    /// One on a socket that listens already: whose port is asked for, or that was inherited.
    pub fn on(listener: TcpListener) -> Self {
        Self::at(At::Listener(listener))
    }

    /// For how long the application's runtime may poll nothing before it is no longer taken to be
    /// alive: 10 s unless this says otherwise.
    pub const fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Answers these routes instead of the default paths.
    pub fn routes(mut self, routes: Health) -> Self {
        self.routes = routes;
        self
    }

    /// Answers these beside the probes, on their thread, for as long as them: `/metrics`, which is
    /// to be scraped while the service drains and its hooks run. A handler that blocks holds up the
    /// probes.
    ///
    /// # Panics
    /// When the component starts, where both have a route of one path; `run` ends with 1.
    pub fn merge(mut self, routes: Router) -> Self {
        self.beside = self.beside.merge(routes);
        self
    }

    fn at(at: At) -> Self {
        Self { at, routes: health(), beside: Router::new(), silence: SILENCE, running: None }
    }

    fn listener(&self) -> io::Result<TcpListener> {
        let listener = match &self.at {
            At::Addr(addr) => TcpListener::bind(addr)
                .map_err(|error| io::Error::new(error.kind(), format!("{addr}: {error}")))?,
            At::Listener(listener) => listener.try_clone()?,
        };
        listener.set_nonblocking(true)?;
        Ok(listener)
    }
}

impl Component for HealthServer {
    fn name(&self) -> String {
        "health".to_owned()
    }

    fn stop_timeout(&self) -> Duration {
        STOP_TIMEOUT
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        let listener = self.listener()?;
        tracing::info!("health at http://{}", listener.local_addr()?);
        let heartbeat = Arc::new(Heartbeat::new(self.silence));
        let probes = self.routes.clone().with_details(Details {
            lifecycle: ext::Handle::current(),
            heartbeat: Arc::clone(&heartbeat),
            runtime: Handle::current(),
        });
        let routes = probes.into_router().merge(self.beside.clone());
        let (stop, stopped) = oneshot::channel();
        let (ended, end) = oneshot::channel::<()>();
        let (started, starts) = mpsc::channel();
        thread::Builder::new().name("lifecycle-health".to_owned()).spawn(move || {
            let served = serve(listener, routes, stopped, &started);
            drop((served.map_err(|error| started.send(Err(error))), ended));
        })?;
        starts.recv().unwrap_or_else(|_| Err(io::Error::other("its thread died")))?;
        let beats = tokio::spawn(async move { heartbeat.keep().await }).abort_handle();
        self.running = Some(Running { stop: Some(stop), end, beats });
        Ok(())
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        if let Some(mut running) = self.running.take() {
            running.tell();
            let _ = timeout(CLOSED_WITHIN, &mut running.end).await;
        }
        Ok(())
    }
}

/// Until it is stopped, on the calling thread.
fn serve(
    listener: TcpListener,
    routes: Router,
    stopped: oneshot::Receiver<()>,
    started: &mpsc::Sender<io::Result<()>>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let _ = started.send(Ok(()));
        tokio::select! {
            _ = stopped => Ok(()),
            served = axum::serve(listener, routes) => served,
        }
    })
}

#[derive(Debug)]
struct Running {
    stop: Option<oneshot::Sender<()>>,
    end: oneshot::Receiver<()>,
    beats: AbortHandle,
}

impl Running {
    fn tell(&mut self) {
        self.beats.abort();
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell();
    }
}

/// What a listener of its own knows beside the lifecycle.
#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) lifecycle: ext::Handle,
    pub(super) heartbeat: Arc<Heartbeat>,
    /// The application's, whose checks belong there.
    pub(super) runtime: Handle,
}

/// When the application's runtime last polled a task.
#[derive(Debug)]
pub(super) struct Heartbeat {
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
