//! A child that was started, and the hook that stops it.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use lifecycle_core::{
    HookHandle, Signal,
    ext::{Handle, LastResort, LastResortHandle, as_library, note},
};
use tokio::{
    runtime,
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    Command, Containment, ExitStatus, Member, Restart, SpawnError, StopError, Stopped,
    contained::{self, Control, Started},
    output::{Reading, Tail},
    restart::Pauses,
    stop::{self, KILL_TIMEOUT},
    word::Word,
};

/// A child process whose stop is a hook of the plan. Dropping this changes nothing: the hook stops
/// it, and what ends the service ends it.
#[derive(Clone)]
pub struct Child {
    inner: Arc<Inner>,
}

impl Child {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        self.inner.name()
    }

    /// Its process id; that of the last one, after it has ended.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.inner.lock().run.as_ref().map_or(0, |run| run.pid)
    }

    /// What holds its tree together.
    #[must_use]
    pub fn containment(&self) -> Containment {
        self.inner.lock().run.as_ref().map_or(Containment::Group, |run| run.containment)
    }

    /// Completes when it has ended, and says how: `None` where nobody knows, as its keeper was
    /// killed. Of one that is started again, the one that runs now. What it has left behind may
    /// live. Cancel safe.
    pub async fn wait(&self) -> Option<ExitStatus> {
        let run = self.inner.lock().run.clone();
        let mut seen = run?.seen;
        let ended = seen.wait_for(|seen| seen.status.is_some() || seen.is_over()).await;
        ended.ok().and_then(|seen| seen.status)
    }

    /// Stops it now, as its hook would; the hook is taken back. When this returns nothing of its
    /// tree is left, or the error says what is. Dropped half-way, it is asked to stop and not
    /// killed; the hook is gone by then, and the keeper ends it with the service.
    ///
    /// # Errors
    ///
    /// As [`StopError`] lists them.
    pub async fn stop(&self) -> Result<Stopped, StopError> {
        let run = self.inner.stop_for_good().expect("started before the child is given away");
        let stopped = stop::stop(&self.inner, run).await;
        self.hook().unregister();
        stopped
    }

    /// Its hook, for hooks of the service that come before or after it.
    #[must_use]
    pub fn hook(&self) -> &HookHandle {
        self.inner.hook.get().expect("set before the child is given away")
    }
}

impl fmt::Debug for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Child").field("name", &self.name()).field("id", &self.id()).finish()
    }
}

#[track_caller]
pub(crate) fn spawn(command: Command) -> Result<Child, SpawnError> {
    let name = command.name.clone();
    let Ok(runtime) = runtime::Handle::try_current() else {
        return Err(SpawnError::NoRuntime { name });
    };
    if is_stopping() {
        return Err(SpawnError::Stopping { name });
    }
    let mut hook = lifecycle_core::hook(name.clone()).timeout(command.stop_timeout + KILL_TIMEOUT);
    for other in &command.after {
        hook = hook.after_handle(other);
    }
    for other in &command.before {
        hook = hook.before_handle(other);
    }
    let inner = Arc::new(Inner {
        command,
        state: Mutex::default(),
        tail: Tail::default(),
        hook: OnceLock::new(),
    });
    // First the hook: from here a stop that begins is told of the child, or the child is not started.
    let stopped = Arc::clone(&inner);
    let handle = hook
        .register(move || async move {
            // None where the stop was faster than the start, which then finds it stopped.
            let Some(run) = stopped.stop_for_good() else { return Ok(()) };
            let ended = stop::stop(&stopped, run).await;
            let how = ended.as_ref().unwrap_or_else(StopError::stopped);
            note(&how.name, how.to_string());
            ended.map(drop)
        })
        .map_err(|source| SpawnError::Plan { name: name.clone(), source })?;
    let handle = inner.hook.get_or_init(|| handle);
    if let Err(error) = inner.start() {
        handle.unregister();
        return Err(error);
    }
    // Asked for here, as it is asked on the lifecycle of the caller.
    let requested = as_library(lifecycle_core::requested);
    runtime.spawn(attend(Arc::clone(&inner), requested));
    Ok(Child { inner })
}

/// Follows the child until it is not started again.
async fn attend(inner: Arc<Inner>, requested: lifecycle_core::Milestone) {
    tokio::pin!(requested);
    let mut pauses = Pauses::default();
    loop {
        let Some(mut run) = inner.lock().run.clone() else { return };
        let began = Instant::now();
        let ended = run.seen.wait_for(|seen| seen.status.is_some() || seen.is_over()).await;
        let status = ended.ok().and_then(|seen| seen.status);
        if inner.lock().is_stopping {
            return;
        }
        let name = inner.name();
        let text = status.map_or_else(|| "nobody knows how".to_owned(), |how| how.to_string());
        let wants = status.is_none_or(|status| inner.command.restart.wants(status));
        if inner.command.restart == Restart::Never || !wants {
            tracing::warn!(target: "lifecycle::process", child = name, "`{name}` has ended: {text}");
            // What it has left behind is for the stop.
            let over = run.seen.wait_for(Seen::is_over).await.is_ok();
            if over && !inner.lock().is_stopping {
                inner.hook.get().map(HookHandle::unregister);
            }
            return;
        }
        let mut pause = pauses.next(began.elapsed());
        // Its successor finds nothing of it.
        run.control.kill();
        let _ = run.seen.wait_for(Seen::is_over).await;
        loop {
            tracing::warn!(target: "lifecycle::process", child = name,
                "`{name}` has ended: {text}; it is started again in {pause:.1?}");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = &mut requested => return,
            }
            match inner.start() {
                Ok(()) => break,
                Err(SpawnError::Stopping { .. }) => return,
                Err(error) => {
                    tracing::error!(target: "lifecycle::process", child = name, "{error}");
                    pause = pauses.next(Duration::ZERO);
                }
            }
        }
    }
}

/// What the handles, the hook and the attendant share.
pub(crate) struct Inner {
    command: Command,
    state: Mutex<State>,
    tail: Tail,
    hook: OnceLock<HookHandle>,
}

#[derive(Default)]
struct State {
    run: Option<Run>,
    reading: Option<Reading>,
    /// From here on nothing is started: looked at under the lock that a start holds.
    is_stopping: bool,
}

/// One run of the child.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) pid: u32,
    pub(crate) containment: Containment,
    pub(crate) control: Arc<dyn Control>,
    pub(crate) seen: watch::Receiver<Seen>,
}

/// What is known of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) status: Option<ExitStatus>,
    pub(crate) killed: Vec<Member>,
    pub(crate) stuck: Vec<Member>,
    /// Nothing of its tree is left.
    pub(crate) is_gone: bool,
    /// There is nobody who would say so.
    pub(crate) is_lost: bool,
}

impl Seen {
    /// Nothing more becomes known.
    pub(crate) fn is_over(&self) -> bool {
        self.is_gone || self.is_lost
    }
}

impl Inner {
    pub(crate) fn name(&self) -> &str {
        &self.command.name
    }

    pub(crate) fn stop_signal(&self) -> Signal {
        self.command.stop_signal
    }

    pub(crate) fn stop_timeout(&self) -> Duration {
        self.command.stop_timeout
    }

    pub(crate) fn ports(&self) -> &[u16] {
        &self.command.ports
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn others(&self) -> &[crate::Filter] {
        &self.command.others
    }

    pub(crate) fn tail(&self) -> Vec<String> {
        self.tail.lines()
    }

    /// From here on it is not started again; the last run.
    pub(crate) fn stop_for_good(&self) -> Option<Run> {
        let mut state = self.lock();
        state.is_stopping = true;
        state.run.clone()
    }

    pub(crate) async fn finish_output(&self) {
        let reading = self.lock().reading.take();
        if let Some(reading) = reading {
            reading.finish().await;
        }
    }

    fn start(&self) -> Result<(), SpawnError> {
        let Command { name, program, arguments, containment, .. } = &self.command;
        let mut state = self.lock();
        if state.is_stopping || is_stopping() {
            return Err(SpawnError::Stopping { name: name.clone() });
        }
        let started = contained::start(name, program, arguments, *containment, |command| {
            self.command.set(command);
        });
        let Started { pid, containment, control, words, output } = started.map_err(|source| {
            SpawnError::Start { name: name.clone(), program: program.clone(), source }
        })?;
        // A keeper sees by itself that the service is gone.
        let last_resort = match containment {
            Containment::Group => LastResort::KillProcessGroup(pid).register().ok(),
            Containment::Keeper => None,
        };
        let seen = follow(words, last_resort);
        state.reading = Some(Reading::start(output, &self.tail, &self.command.label()));
        state.run = Some(Run { pid, containment, control: Arc::from(control), seen });
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a stop was requested.
fn is_stopping() -> bool {
    as_library(|| Handle::current().status().reason().is_some())
}

fn follow(
    mut words: mpsc::UnboundedReceiver<Word>,
    last_resort: Option<LastResortHandle>,
) -> watch::Receiver<Seen> {
    let (see, seen) = watch::channel(Seen::default());
    tokio::spawn(async move {
        let _last_resort = last_resort;
        while let Some(word) = words.recv().await {
            see.send_modify(|seen| match word {
                Word::Ended(status) => seen.status = Some(status),
                Word::Kills(member) => seen.killed.push(member),
                Word::Stuck(member) => seen.stuck.push(member),
                Word::Gone => seen.is_gone = true,
                Word::Started(..) | Word::Refused(_) => {}
            });
        }
        see.send_modify(|seen| seen.is_lost = !seen.is_gone);
        // Whoever asks later is answered as well.
        see.closed().await;
    });
    seen
}
