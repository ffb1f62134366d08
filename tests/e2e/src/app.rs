//! The server under test, as a child process.

use std::{
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Where the server listens.
#[derive(Clone, Debug)]
pub enum Listening {
    /// On a socket of its own, at this port; 0 for any.
    Own(u16),
    /// On this one, which it gets as from systemd.
    Inherited(std::sync::Arc<TcpListener>),
}

/// A server that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct App {
    child: Child,
    /// Where it serves.
    pub addr: SocketAddr,
    /// Where its health listener is.
    pub health: SocketAddr,
}

/// One that has ended.
#[derive(Debug)]
pub struct Ended {
    /// From the signal to the end.
    pub took: Duration,
    /// Its exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl App {
    /// Starts the program and waits until it says that it listens.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    pub fn start(program: &str, listening: &Listening, vars: &[(&str, &str)]) -> Self {
        Self::start_under("", program, listening, vars)
    }

    /// The same after a command of the shell: `ulimit -n 64`.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_under(
        before: &str,
        program: &str,
        listening: &Listening,
        vars: &[(&str, &str)],
    ) -> Self {
        assert!(Path::new(program).exists(), "{program} is not there");
        let before = if before.is_empty() { ":" } else { before };
        let (port, exec, stdin) = match listening {
            Listening::Own(port) => (*port, "exec \"$0\"".to_owned(), Stdio::null()),
            Listening::Inherited(socket) => {
                let socket = socket.try_clone().expect("a descriptor");
                let exec = "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" 3<&0 </dev/null".to_owned();
                (0, exec, Stdio::from(OwnedFd::from(socket)))
            }
        };
        let mut child = Command::new("/bin/sh")
            .args(["-c", &format!("{before}; {exec}"), program])
            .env("PORT", port.to_string())
            .envs(vars.iter().copied())
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut next = || lines.next().and_then(Result::ok).and_then(|line| line.parse().ok());
        let (Some(addr), Some(health)) = (next(), next()) else {
            let mut why = String::new();
            let _ = child.kill();
            let _ = child.stderr.take().expect("its errors").read_to_string(&mut why);
            panic!("{program} did not start: {why}");
        };
        Self { child, addr, health }
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = kill_process(pid.expect("a process"), Signal::TERM);
    }

    /// How much memory it has, in bytes.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/statm", self.child.id());
        let statm = std::fs::read_to_string(path).expect("it runs");
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.expect("a number of pages") * 4096
    }

    /// What it has spent of the processor, in ticks of 10 ms.
    ///
    /// # Panics
    /// When it has ended.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = std::fs::read_to_string(path).expect("it runs");
        let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }

    /// Asks it to stop, and waits for its end.
    ///
    /// # Panics
    /// When it has not ended after 30 s.
    #[must_use]
    pub fn stop(self) -> Ended {
        self.terminate();
        self.ended()
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When it has not ended after 30 s.
    #[must_use]
    pub fn ended(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "it does not end");
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = began.elapsed();
        let mut stderr = String::new();
        let _ = self.child.stderr.take().expect("its errors").read_to_string(&mut stderr);
        Ended { took, code: status.code(), stderr }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
