//! What the application checks before it calls itself ready.

use std::{
    fmt::{self, Display},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lifecycle_core::ext::{as_library, text};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};
use tokio_util::task::AbortOnDropHandle;

const TIMEOUT: Duration = Duration::from_secs(1);
const CACHED: Duration = Duration::from_secs(1);

/// Adds a check to readiness: `check("database", || async { ping().await })`. It is asked when
/// `/readyz` is, at most once a second however many ask, and has a second to answer; a check that
/// takes longer has failed. Of two of one name the second takes the place of the first.
///
/// A check says whether this instance can do its work, so that traffic goes elsewhere when it
/// cannot. One that all instances fail together takes the whole service away.
pub fn check<F, Fut, E>(name: impl Into<String>, check: F) -> Check
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), E>> + Send + 'static,
    E: Display,
{
    let run = move || -> Run {
        let run = check();
        Box::pin(async move { run.await.map_err(text::error) })
    };
    let entry = Arc::new(Entry {
        name: name.into(),
        run: Box::new(run),
        times: Mutex::new(Times { timeout: TIMEOUT, cached: CACHED }),
        last: tokio::sync::Mutex::new(None),
    });
    let mut all = lock();
    all.retain(|other| other.name != entry.name);
    all.push(Arc::clone(&entry));
    Check { entry }
}

/// Made by [`check`]. It stays when this is dropped.
#[derive(Clone)]
pub struct Check {
    entry: Arc<Entry>,
}

impl Check {
    /// How long it has to answer: a second unless this says otherwise.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.entry.times.lock().unwrap_or_else(PoisonError::into_inner).timeout = timeout;
        self
    }

    /// How long its answer is good for: a second unless this says otherwise.
    pub fn cached_for(self, cached: Duration) -> Self {
        self.entry.times.lock().unwrap_or_else(PoisonError::into_inner).cached = cached;
        self
    }

    /// Takes it away again.
    pub fn remove(self) {
        lock().retain(|entry| !Arc::ptr_eq(entry, &self.entry));
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Check").field(&self.entry.name).finish()
    }
}

type Run = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

pub(super) struct Entry {
    name: String,
    run: Box<dyn Fn() -> Run + Send + Sync>,
    times: Mutex<Times>,
    last: tokio::sync::Mutex<Option<(Instant, Result<(), String>)>>,
}

#[derive(Clone, Copy)]
struct Times {
    timeout: Duration,
    cached: Duration,
}

impl Entry {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What it says now, or said a moment ago. Who comes while it is asked waits for that answer.
    /// It is run on `runtime`, else on that of who asks.
    pub(super) async fn result(&self, runtime: Option<&Handle>) -> Result<(), String> {
        let times = *self.times.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = self.last.lock().await;
        if let Some((at, result)) = &*last
            && at.elapsed() < times.cached
        {
            return result.clone();
        }
        let answer = async {
            let mut run = as_library(|| (self.run)());
            let run = std::future::poll_fn(move |cx| as_library(|| run.as_mut().poll(cx)));
            let Some(runtime) = runtime else { return run.await };
            let task = AbortOnDropHandle::new(runtime.spawn(run));
            task.await.unwrap_or_else(|error| Err(text::error(error)))
        };
        let result = match timeout(times.timeout, answer).await {
            Ok(result) => result,
            Err(_) => Err(format!("no answer within {:?}", times.timeout)),
        };
        let was_well = !matches!(&*last, Some((_, Err(_))));
        if let Err(error) = &result
            && was_well
        {
            tracing::warn!("the check `{}` fails: {error}", self.name);
        }
        *last = Some((Instant::now(), result.clone()));
        result
    }
}

/// The checks there are now.
pub(super) fn all() -> Vec<Arc<Entry>> {
    lock().clone()
}

fn lock() -> std::sync::MutexGuard<'static, Vec<Arc<Entry>>> {
    static ALL: Mutex<Vec<Arc<Entry>>> = Mutex::new(Vec::new());
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}
