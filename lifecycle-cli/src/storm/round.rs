//! One life of the service.

use std::{
    fs::{self, File},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use lifecycle_core::ext::text::plain;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{
    Choice,
    oracle::{self, Ending},
};
use crate::{
    Trouble,
    args::{StormArgs, StormSignal},
};

/// A service that hears no signal by then will never.
const UP_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(1);
/// How many of the last lines are shown of a round with a fault.
const LAST_LINES: usize = 8;

pub(super) struct Round {
    pub(super) number: u32,
    pub(super) seed: u64,
    pub(super) signal: StormSignal,
    /// From the moment in which it heard signals.
    pub(super) signalled_after: Duration,
    pub(super) took: Duration,
    pub(super) ended: Ending,
    pub(super) faults: Vec<String>,
    /// What the service said last, where there is a fault.
    pub(super) last_words: Vec<String>,
}

pub(super) fn play(args: &StormArgs, number: u32, seed: u64) -> Result<Round, Trouble> {
    let folder = tempfile::tempdir().map_err(Trouble::of("a folder for the report"))?;
    let (report, output) = (folder.path().join("report.json"), folder.path().join("output"));
    let mut choice = Choice::of(seed);
    let signal = args.signals[choice.below(args.signals.len() as u64) as usize];
    let within = u64::try_from(args.within.as_micros()).unwrap_or(u64::MAX);
    let after = Duration::from_micros(choice.below(within.saturating_add(1)));

    let mut service = Service(start(args, &report, &output)?);
    let mut faults = Vec::new();
    let early = service.hears(signal)?;
    let load = early.is_none().then_some(args.load.as_deref()).flatten();
    let load = load.map(|load| Load::start(load, number, seed)).transpose()?;
    let (mut ended, began) = match early {
        Some(status) => (Some(status), Instant::now()),
        None => {
            let ended = service.wait_until(Instant::now() + after)?;
            (ended, Instant::now())
        }
    };
    let is_signalled = ended.is_none();
    if is_signalled {
        service.send(signal)?;
        ended = service.wait_until(began + args.grace)?;
    }
    let took = began.elapsed();
    let status = match ended {
        Some(status) => Some(status),
        None => {
            service.kill();
            None
        }
    };
    drop(load);
    let ended = oracle::ending(status);
    let report = fs::read_to_string(&report).ok();
    let signal_sent = is_signalled.then_some(signal);
    faults.extend(oracle::faults(&ended, report.as_deref(), signal_sent, args.grace));
    faults.extend(
        args.verify.as_deref().map(|verify| verified(verify, number, seed)).transpose()?.flatten(),
    );
    let last_words = if faults.is_empty() { Vec::new() } else { last_lines(&output) };
    Ok(Round { number, seed, signal, signalled_after: after, took, ended, faults, last_words })
}

fn start(args: &StormArgs, report: &Path, output: &Path) -> Result<Child, Trouble> {
    let shown = args.binary.display().to_string();
    let out = File::create(output).map_err(Trouble::of("a file for what the service says"))?;
    let err = out.try_clone().map_err(Trouble::of("a file for what the service says"))?;
    let mut command = Command::new(&args.binary);
    command.args(&args.args).stdin(Stdio::null()).stdout(out).stderr(err);
    let grace = lifecycle_duration::display(args.grace).to_string();
    command.env("LIFECYCLE_GRACE_PERIOD", grace).env("LIFECYCLE_REPORT", report);
    command.env_remove("LIFECYCLE_PLAN");
    command.spawn().map_err(Trouble::of(shown))
}

/// The service. Dropped, it is killed.
struct Service(Child);

impl Service {
    /// Waits until the signal would be heard. `Some`: it has ended before.
    fn hears(&mut self, signal: StormSignal) -> Result<Option<ExitStatus>, Trouble> {
        let until = Instant::now() + UP_WITHIN;
        loop {
            let ended = self.0.try_wait().map_err(Trouble::of("the service"))?;
            if ended.is_some() || catches(self.0.id(), raw(signal)) || Instant::now() >= until {
                return Ok(ended);
            }
            thread::sleep(POLL);
        }
    }

    fn wait_until(&mut self, until: Instant) -> Result<Option<ExitStatus>, Trouble> {
        loop {
            let ended = self.0.try_wait().map_err(Trouble::of("the service"))?;
            if ended.is_some() || Instant::now() >= until {
                return Ok(ended);
            }
            thread::sleep(POLL);
        }
    }

    fn send(&self, signal: StormSignal) -> Result<(), Trouble> {
        // It has not been waited for, so the number is its own.
        let sent = pid(&self.0).map(|pid| kill_process(pid, raw(signal)));
        match sent {
            Some(Ok(())) => Ok(()),
            _ => Err(Trouble::said(format!("the service cannot be sent SIG{signal}"))),
        }
    }

    fn kill(&mut self) {
        let _ = (self.0.kill(), self.0.wait());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether the process has a handler. Where the system does not tell, it has had its time.
fn catches(pid: u32, signal: Signal) -> bool {
    let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else {
        thread::sleep(Duration::from_millis(200));
        return true;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|caught| caught & 1 << (signal.as_raw() - 1) != 0)
}

fn raw(signal: StormSignal) -> Signal {
    match signal {
        StormSignal::Term => Signal::TERM,
        StormSignal::Int => Signal::INT,
        StormSignal::Hup => Signal::HUP,
        StormSignal::Quit => Signal::QUIT,
    }
}

pub(super) fn number(signal: StormSignal) -> i32 {
    raw(signal).as_raw()
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

fn shell(script: &str, number: u32, seed: u64) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).stdin(Stdio::null());
    command.env("STORM_ROUND", number.to_string()).env("STORM_SEED", seed.to_string());
    command
}

/// A command and what it starts, in a group of their own. Dropped, they are killed.
struct Load(Child);

impl Load {
    fn start(script: &str, number: u32, seed: u64) -> Result<Self, Trouble> {
        let mut command = shell(script, number, seed);
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        command.spawn().map(Self).map_err(Trouble::of("--load"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Not waited for yet, so the group is its own.
        if let Some(pid) = pid(&self.0) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

/// What is wrong by the user's own look.
fn verified(script: &str, number: u32, seed: u64) -> Result<Option<String>, Trouble> {
    let output = shell(script, number, seed).output().map_err(Trouble::of("--verify"))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).map(plain);
    let status = output.status;
    Ok(Some(format!("verify: {}", last.unwrap_or_else(|| format!("it ended with {status}")))))
}

fn last_lines(output: &Path) -> Vec<String> {
    let said = fs::read(output).unwrap_or_default();
    let said = String::from_utf8_lossy(&said);
    let lines: Vec<_> = said.lines().map(plain).collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].to_vec()
}
