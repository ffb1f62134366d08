//! The hook that sends what the providers still have.
//!
//! A provider's flush blocks its caller until the exporter has sent, and an exporter may send on the
//! application's runtime: so each provider is flushed by a thread of its own, and the hook, which is
//! async, only waits. That works on a runtime of one thread, and ends in time whatever a collector
//! does: the threads of those that do not answer are left behind, and hold nobody.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use lifecycle_core::{HookHandle, PlanError, hook, keep_until_exit, time_left};
use opentelemetry_sdk::{
    error::OTelSdkResult, logs::SdkLoggerProvider, metrics::SdkMeterProvider,
    trace::SdkTracerProvider,
};
use tokio::sync::oneshot;

const TIMEOUT: Duration = Duration::from_secs(5);
/// What of its time the hook uses: the rest is for saying in time what went wrong.
const USED: f64 = 0.9;
/// What is kept until exit has 2 s together.
const LONGEST_END: Duration = Duration::from_millis(1_500);

/// A last hook that has the providers of OpenTelemetry send what they still have: spans, metrics,
/// logs.
///
/// It comes after every hook with another order, so that the trace of the stop is complete: the root
/// `shutdown` ends when this hook begins. What comes later, as its own span and the last lines of
/// the log, is sent when the providers are shut down, after the last line, in what the hook has left
/// of its time.
///
/// A collector that cannot be reached, or does not answer, costs the stop the hook's time at most.
/// The hook fails then and says which provider sent nothing and why, so the exit code is 70. The
/// providers are shut down all the same, so that dropping the last of their clones does not block.
///
/// ```no_run
/// use lifecycle_telemetry::opentelemetry::Flush;
/// use opentelemetry_sdk::{metrics::SdkMeterProvider, trace::SdkTracerProvider};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tracer = SdkTracerProvider::builder().build();
/// let meter = SdkMeterProvider::builder().build();
/// opentelemetry::global::set_meter_provider(meter.clone());
/// Flush::new().tracer(&tracer).meter(&meter).register()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "it is a hook once it is registered"]
pub struct Flush {
    providers: Vec<Provider>,
    timeout: Duration,
}

impl Flush {
    /// Of no provider yet, with 5 s.
    pub const fn new() -> Self {
        Self { providers: Vec::new(), timeout: TIMEOUT }
    }

    /// Sends the spans of this provider.
    pub fn tracer(self, provider: &SdkTracerProvider) -> Self {
        self.with(Provider::Tracer(provider.clone()))
    }

    /// Sends the metrics of this provider, as they are then, and once more at the very end.
    pub fn meter(self, provider: &SdkMeterProvider) -> Self {
        self.with(Provider::Meter(provider.clone()))
    }

    /// Sends the logs of this provider.
    pub fn logger(self, provider: &SdkLoggerProvider) -> Self {
        self.with(Provider::Logger(provider.clone()))
    }

    /// The timeout of the hook: how much later the stop ends at most where nobody answers.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn with(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// Registers the hook. It is one of run time: the plan of the binary does not show it, and
    /// [`Config::reserve`](lifecycle_core::Config::reserve) makes `fits` count its time.
    ///
    /// # Errors
    ///
    /// As [`HookBuilder::register`](lifecycle_core::HookBuilder::register): when the stop is too far.
    #[track_caller]
    pub fn register(self) -> Result<HookHandle, PlanError> {
        let Self { providers, timeout } = self;
        let end = End { providers: providers.clone(), left: Arc::default() };
        let left = Arc::clone(&end.left);
        let hook = hook("opentelemetry::flush").order(i32::MAX).timeout(timeout);
        let hook = hook.register(move || async move {
            let timeout = time_left().map_or(timeout, |left| left.min(timeout)).mul_f64(USED);
            let until = Instant::now() + timeout;
            let sent = flush_beside(providers, timeout).await;
            if sent.is_ok() {
                *lock(&left) = Some(until.saturating_duration_since(Instant::now()));
            }
            sent
        })?;
        keep_until_exit(end);
        Ok(hook)
    }
}

impl Default for Flush {
    fn default() -> Self {
        Self::new()
    }
}

/// Which providers sent nothing, and why.
#[derive(Debug)]
struct NotSent(Vec<String>);

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

async fn flush_beside(providers: Vec<Provider>, timeout: Duration) -> Result<(), NotSent> {
    let (done, is_done) = oneshot::channel();
    let flush = move || {
        let _ = done.send(at_once(&providers, timeout, Provider::flush));
    };
    let thread = thread::Builder::new().name("otel-flush".to_owned()).spawn(flush);
    if let Err(error) = thread {
        return Err(NotSent(vec![format!("there is no thread to flush by: {error}")]));
    }
    is_done.await.unwrap_or_else(|_| Err(NotSent(vec!["the thread that flushes died".to_owned()])))
}

/// Does it with all of them side by side, and blocks for so long at most.
fn at_once(
    providers: &[Provider],
    timeout: Duration,
    act: fn(&Provider, Duration) -> OTelSdkResult,
) -> Result<(), NotSent> {
    let until = Instant::now() + timeout;
    let started: Vec<_> = providers.iter().map(|provider| begin(provider, timeout, act)).collect();
    let mut not_sent = Vec::new();
    for (provider, ended) in providers.iter().zip(started) {
        let left = until.saturating_duration_since(Instant::now());
        let why = match ended.and_then(|ended| match ended.recv_timeout(left) {
            Ok(result) => result.map_err(|error| error.to_string()),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("it was not done within {timeout:.1?}; does the collector answer?"))
            }
            Err(RecvTimeoutError::Disconnected) => Err("its exporter panicked".to_owned()),
        }) {
            Ok(()) => continue,
            Err(why) => why,
        };
        not_sent.push(format!("the {} were not sent: {why}", provider.what()));
    }
    if not_sent.is_empty() { Ok(()) } else { Err(NotSent(not_sent)) }
}

fn begin(
    provider: &Provider,
    timeout: Duration,
    act: fn(&Provider, Duration) -> OTelSdkResult,
) -> Result<mpsc::Receiver<OTelSdkResult>, String> {
    let (end, ended) = mpsc::sync_channel(1);
    let provider = provider.clone();
    let work = move || {
        let _ = end.send(act(&provider, timeout));
    };
    let thread = thread::Builder::new().name("otel-flush".to_owned()).spawn(work);
    thread.map(|_| ended).map_err(|error| format!("there is no thread: {error}"))
}

/// Shuts the providers down when it is dropped, after the last line of the log.
struct End {
    providers: Vec<Provider>,
    /// What the hook left of its time; `None` where it did not succeed.
    left: Arc<Mutex<Option<Duration>>>,
}

impl Drop for End {
    fn drop(&mut self) {
        // One that sent nothing before sends nothing now. It is marked as shut down all the same.
        let left = lock(&self.left).unwrap_or_default().min(LONGEST_END);
        let _ = at_once(&self.providers, left, Provider::shut_down);
    }
}

#[derive(Clone, Debug)]
enum Provider {
    Tracer(SdkTracerProvider),
    Meter(SdkMeterProvider),
    Logger(SdkLoggerProvider),
}

impl Provider {
    const fn what(&self) -> &'static str {
        match self {
            Self::Tracer(_) => "spans",
            Self::Meter(_) => "metrics",
            Self::Logger(_) => "logs",
        }
    }

    /// Has a limit of its own, which is not ours.
    fn flush(&self, _: Duration) -> OTelSdkResult {
        match self {
            Self::Tracer(provider) => provider.force_flush(),
            Self::Meter(provider) => provider.force_flush(),
            Self::Logger(provider) => provider.force_flush(),
        }
    }

    fn shut_down(&self, timeout: Duration) -> OTelSdkResult {
        match self {
            Self::Tracer(provider) => provider.shutdown_with_timeout(timeout),
            Self::Meter(provider) => provider.shutdown_with_timeout(timeout),
            Self::Logger(provider) => provider.shutdown_with_timeout(timeout),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
