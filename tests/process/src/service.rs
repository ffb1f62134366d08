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

use crate::{Child, Ending};

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

    /// With a terminal of its own for standard input and standard error, which it controls: keys that are
    /// [typed](Child::press) there become signals.
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
        let mut command = match self.ignored {
            None if self.on_terminal => {
                // Makes the session that owns the terminal, and becomes the program.
                let mut setsid = Command::new("setsid");
                setsid.arg("--ctty").arg(&self.program);
                setsid
            }
            None => Command::new(&self.program),
            // The shell sets the signal to be ignored and becomes the program, which inherits that.
            Some(signal) => {
                let mut shell = Command::new("/bin/sh");
                shell.arg("-c").arg(format!("trap '' {signal}; exec \"$0\" \"$@\"")).arg(&self.program);
                shell
            }
        };
        let steering = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("LIFECYCLE_") || PLATFORM.contains(&&*name)
        });
        for name in steering {
            command.env_remove(name);
        }
        command.args(&self.args).envs(self.variables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{} {}", self.program.display(), self.args.join(OsStr::new(" ")).display());
        let terminal = self.on_terminal.then(|| {
            let (terminal, far_end) = terminal().unwrap_or_else(|error| panic!("no terminal: {error}"));
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

    /// Starts it and waits for its end.
    #[must_use]
    pub fn run(self) -> Ending {
        self.start().end()
    }
}

/// A terminal: the end of whoever looks at it and types, and the end of the program.
fn terminal() -> io::Result<(File, File)> {
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&near)?;
    unlockpt(&near)?;
    let far = ptsname(&near, Vec::new())?;
    let far = rustix::fs::open(far, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    Ok((near.into(), far.into()))
}
