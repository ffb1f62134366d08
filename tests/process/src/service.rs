use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

use rustix::{
    fs::{Mode, OFlags},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};

use crate::{Child, Ending, Signal};

/// What tells the library which platform it runs on: none of it may leak from where the tests run.
const PLATFORM: [&str; 7] = [
    "NOMAD_ALLOC_ID",
    "ECS_CONTAINER_METADATA_URI_V4",
    "ECS_CONTAINER_METADATA_URI",
    "K_SERVICE",
    "CLOUD_RUN_JOB",
    "KUBERNETES_SERVICE_HOST",
    "SYSTEMD_EXEC_PID",
];

/// A program and how it is started.
#[derive(Clone, Debug)]
#[must_use = "a service runs when it is started"]
pub struct Service {
    program: PathBuf,
    args: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    ignored: Option<&'static str>,
    on_terminal: bool,
}

impl Service {
    /// The program at this path; [`service!`](crate::service) knows the paths of this package's.
    pub fn at(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            variables: Vec::new(),
            ignored: None,
            on_terminal: false,
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// A variable of its environment. Variables that steer the library are not inherited.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Without a `tracing` subscriber: what is on stderr then is what the library says in any case.
    pub fn quiet(self) -> Self {
        self.env("QUIET", "1")
    }

    /// Started with this signal ignored, as under `nohup`: `"HUP"`.
    pub fn ignoring(mut self, signal: &'static str) -> Self {
        self.ignored = Some(signal);
        self
    }

    /// With a terminal of its own for standard input and standard error, which it controls: keys
    /// that are [typed](Child::press) there become signals.
    pub fn on_terminal(mut self) -> Self {
        self.on_terminal = true;
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[must_use]
    pub fn start(self) -> Child {
        let mut line = self.wrappers();
        line.push(self.program.clone().into());
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]);
        let steering = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("LIFECYCLE_") || PLATFORM.contains(&&*name)
        });
        for name in steering {
            command.env_remove(name);
        }
        command.args(&self.args).envs(self.variables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what =
            format!("{} {}", self.program.display(), self.args.join(OsStr::new(" ")).display());
        let terminal = self.on_terminal.then(|| {
            let (terminal, far_end) =
                terminal().unwrap_or_else(|error| panic!("no terminal: {error}"));
            let input = far_end.try_clone().unwrap_or_else(|error| panic!("no terminal: {error}"));
            command.stdin(input).stderr(far_end);
            terminal
        });
        let started = Instant::now();
        let process = command.spawn();
        // The far end of the terminal is the child's alone from here.
        drop(command);
        match process {
            Ok(process) => Child::new(process, terminal, what, started),
            Err(error) => panic!("{what} cannot be started: {error}"),
        }
    }

    /// What sets the stage and then becomes the program: each keeps the process id.
    fn wrappers(&self) -> Vec<OsString> {
        let mut wrappers: Vec<&str> = Vec::new();
        if ignores_signals() {
            wrappers.extend(["env", "--default-signal=HUP,INT,QUIT,TERM"]);
        }
        let trap = self.ignored.map(|signal| format!("trap '' {signal}; exec \"$0\" \"$@\""));
        if let Some(trap) = &trap {
            wrappers.extend(["sh", "-c", trap]);
        }
        if self.on_terminal {
            // Makes the session that owns the terminal.
            wrappers.extend(["setsid", "--ctty"]);
        }
        wrappers.into_iter().map(OsString::from).collect()
    }

    /// Starts it and waits for its end.
    #[must_use]
    pub fn run(self) -> Ending {
        self.start().end()
    }
}

/// Whether the tests themselves were started with signals ignored, as jobs in the background of a
/// script are: children would inherit that, and rightly hear nothing.
fn ignores_signals() -> bool {
    let asked = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];
    let asked = asked.iter().fold(0, |mask, signal| mask | 1_u64 << (signal.as_raw() - 1));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored & asked != 0)
}

/// A terminal: the end of whoever looks at it and types, and the end of the program.
fn terminal() -> io::Result<(File, File)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let far = ptsname(&near, Vec::new())?;
    let far =
        rustix::fs::open(far, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((near.into(), far.into()))
}
