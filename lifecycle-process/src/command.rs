//! What a service says of a child before it starts.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use lifecycle_core::{HookHandle, PlanError, Signal};
use thiserror::Error;

#[cfg(target_os = "linux")]
use crate::Filter;
use crate::{Child, Containment, Restart, child};

/// The longest time that a child may be given to stop.
const LONGEST_STOP: Duration = Duration::from_secs(30);

/// A child process that is to be a hook of the stop: it is asked to stop in its turn, has its time,
/// is killed with all that it started, and is proved gone.
///
/// The face is that of [`std::process::Command`]; what it adds is about the stop.
///
/// ```no_run
/// use lifecycle_core::Signal;
/// use lifecycle_process::Command;
/// use std::time::Duration;
///
/// # async fn start() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = Command::new("haproxy").args(["-db", "-f", "haproxy.cfg"]).spawn()?;
/// let database = Command::new("postgres")
///     .args(["-D", "/var/lib/data"])
///     .stop_signal(Signal::Int)
///     .stop_timeout(Duration::from_secs(10))
///     .after(&proxy) // about the stop: asked to stop after `proxy` is gone
///     .port(5432)
///     .spawn()?;
/// # let _ = database;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is spawned"]
pub struct Command {
    pub(crate) program: OsString,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) name: String,
    environment: Vec<(OsString, Option<OsString>)>,
    clears_environment: bool,
    folder: Option<PathBuf>,
    output: OutputTo,
    pub(crate) labels_output: bool,
    pub(crate) stop_signal: Signal,
    pub(crate) stop_timeout: Duration,
    pub(crate) after: Vec<HookHandle>,
    pub(crate) before: Vec<HookHandle>,
    pub(crate) ports: Vec<u16>,
    #[cfg(target_os = "linux")]
    pub(crate) others: Vec<Filter>,
    pub(crate) restart: Restart,
    pub(crate) containment: Option<Containment>,
}

#[derive(Clone, Copy, Debug)]
enum OutputTo {
    Read,
    Inherited,
    Nowhere,
}

impl Command {
    /// A child that runs `program`, found as [`std::process::Command`] finds it. Its standard input
    /// is empty; what it writes is passed on to the service's own, and its last lines are kept for
    /// the report.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref().to_owned();
        let path = PathBuf::from(&program);
        let name = path.file_name().unwrap_or(&program).to_string_lossy().into_owned();
        Self {
            program,
            arguments: Vec::new(),
            name,
            environment: Vec::new(),
            clears_environment: false,
            folder: None,
            output: OutputTo::Read,
            labels_output: false,
            stop_signal: Signal::Term,
            stop_timeout: Duration::from_secs(10),
            after: Vec::new(),
            before: Vec::new(),
            ports: Vec::new(),
            #[cfg(target_os = "linux")]
            others: Vec::new(),
            restart: Restart::Never,
            containment: None,
        }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((key.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Takes a variable out of its environment.
    pub fn env_remove(mut self, key: impl AsRef<OsStr>) -> Self {
        self.environment.push((key.as_ref().to_owned(), None));
        self
    }

    /// Begins with an empty environment, whatever the service has; what was set before is forgotten.
    pub fn env_clear(mut self) -> Self {
        self.environment.clear();
        self.clears_environment = true;
        self
    }

    /// The folder it starts in.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Each line that is passed on begins with its name: `postgres | ready`.
    pub fn label_output(mut self) -> Self {
        self.labels_output = true;
        self
    }

    /// It writes to the service's own output, unread: its last lines are in no report.
    pub fn inherit_output(mut self) -> Self {
        self.output = OutputTo::Inherited;
        self
    }

    /// What it writes is thrown away.
    pub fn no_output(mut self) -> Self {
        self.output = OutputTo::Nowhere;
        self
    }

    /// What its hook is called. Default: the file name of the program.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// What asks it to stop. Default: `TERM`. It is sent to the child alone: how its own children
    /// stop is its business. A child that is stopped (`SIGSTOP`) is continued.
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// How long it has from there until it is killed with all that it started: at most 30 s, and at
    /// most what is left of the stop. Default: 10 s. Its hook may take 2.5 s more, for the killing.
    pub fn stop_timeout(mut self, timeout: Duration) -> Self {
        self.stop_timeout = timeout.min(LONGEST_STOP);
        self
    }

    /// It is asked to stop after `other` is gone.
    pub fn after(mut self, other: &Child) -> Self {
        self.after.push(other.hook().clone());
        self
    }

    /// It is gone before `other` is asked to stop.
    pub fn before(mut self, other: &Child) -> Self {
        self.before.push(other.hook().clone());
        self
    }

    /// A TCP port that is free once it is gone, as all of its tree is. Whoever listens there still is
    /// somebody else: named in the report, and left alone, be it process 1 that passed the socket on,
    /// the service itself, or a stranger.
    pub fn port(mut self, port: u16) -> Self {
        self.ports.push(port);
        self
    }

    /// Other processes that belong to it, and end with it: once it is gone, they are asked by its
    /// stop signal and killed 500 ms later. Linux.
    #[cfg(target_os = "linux")]
    pub fn kill_others(mut self, which: Filter) -> Self {
        self.others.push(which);
        self
    }

    /// What happens when it ends by itself. Default: nothing, and its hook is taken back.
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// It is not started where nothing kills it when the service is gone, however the service ended
    /// (`SIGKILL` included): a [`Containment::Keeper`] or an error.
    pub fn guarded(mut self) -> Self {
        self.containment = Some(Containment::Keeper);
        self
    }

    /// Has its tree held together by this, and by nothing stronger. Default: the strongest that can
    /// be had; [`Child::containment`] says which.
    pub fn containment(mut self, containment: Containment) -> Self {
        self.containment = Some(containment);
        self
    }

    /// Starts it. It runs when this returns, and its hook is part of the plan. It must be called in
    /// a tokio runtime, that of `run`. It blocks until the program is executed: some milliseconds.
    ///
    /// # Errors
    ///
    /// When the program cannot be executed, when the hook contradicts the plan, when a stop is under
    /// way, and outside of a runtime. Nothing runs then.
    #[track_caller]
    pub fn spawn(self) -> Result<Child, SpawnError> {
        child::spawn(self)
    }

    /// What each of its lines begins with.
    pub(crate) fn label(&self) -> String {
        if self.labels_output { format!("{} | ", self.name) } else { String::new() }
    }

    /// All but program, arguments and group.
    pub(crate) fn set(&self, command: &mut std::process::Command) {
        if self.clears_environment {
            command.env_clear();
        }
        for (key, value) in &self.environment {
            match value {
                Some(value) => command.env(key, value),
                None => command.env_remove(key),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let output = || match self.output {
            OutputTo::Read => Stdio::piped(),
            OutputTo::Inherited => Stdio::inherit(),
            OutputTo::Nowhere => Stdio::null(),
        };
        command.stdin(Stdio::null()).stdout(output()).stderr(output());
    }
}

/// Why a child does not run.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SpawnError {
    /// The program cannot be executed.
    #[error("`{name}` cannot be started: {program:?}: {source}")]
    Start {
        /// What the child is called.
        name: String,
        /// What was to be executed.
        program: OsString,
        /// What the system said.
        source: io::Error,
    },
    /// Its hook is not part of the plan.
    #[error("`{name}` is not started, as its hook cannot be planned: {source}")]
    Plan {
        /// What the child is called.
        name: String,
        /// Why.
        source: PlanError,
    },
    /// A stop is under way.
    #[error("`{name}` is not started: the service is shutting down")]
    Stopping {
        /// What the child is called.
        name: String,
    },
    /// There is no tokio runtime here.
    #[error(
        "`{name}` is not started: there is no tokio runtime here; call `spawn` in main, or in a \
        task of it"
    )]
    NoRuntime {
        /// What the child is called.
        name: String,
    },
}
