//! Without a keeper: the process group of the child.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lifecycle_core::Signal;
use rustix::process::{Pid, WaitId, WaitIdOptions};
use tokio::sync::mpsc;

use super::{Containment, Output, Started};
use crate::{ExitStatus, signal, word::Word};

/// Between two looks at whether a group that was killed is empty: there is nothing to wait for.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn start(
    program: &OsStr,
    arguments: &[OsString],
    set: impl FnOnce(&mut Command),
) -> io::Result<Started> {
    let mut command = Command::new(program);
    set(&mut command);
    let mut child = command.args(arguments).process_group(0).spawn()?;
    let pid = child.id();
    let output = Output::of(&mut child);
    let (said, words) = mpsc::unbounded_channel();
    let is_reaped = Arc::new(Mutex::new(false));
    let control = Box::new(Control { pid, is_reaped: Arc::clone(&is_reaped) });
    tokio::task::spawn_blocking(move || {
        // Seen before it is waited for: until then nobody else gets its id.
        if let Some(pid) = raw(pid) {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while rustix::process::waitid(WaitId::Pid(pid), options)
                .is_err_and(|error| error == rustix::io::Errno::INTR)
            {}
        }
        let status = {
            let mut is_reaped = is_reaped.lock().unwrap_or_else(PoisonError::into_inner);
            *is_reaped = true;
            child.wait()
        };
        let _ = said.send(Word::Ended(status.map_or(ExitStatus::Code(0), ExitStatus::of)));
        while is_there(pid) && !said.is_closed() {
            std::thread::sleep(PAUSE);
        }
        let _ = said.send(Word::Gone);
    });
    Ok(Started { pid, containment: Containment::Group, control, words, output })
}

struct Control {
    pid: u32,
    is_reaped: Arc<Mutex<bool>>,
}

impl super::Control for Control {
    fn signal(&self, signal: Signal) {
        let is_reaped = self.is_reaped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pid) = raw(self.pid).filter(|_| !*is_reaped) else { return };
        if let Some(signal) = signal::of_number(signal.number()) {
            let _ = rustix::process::kill_process(pid, signal);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::CONT);
        }
    }

    fn kill(&self) {
        kill_group(self.pid);
    }
}

/// Kills the group that this process leads, or led: its number is not given to another process
/// while the group has a member.
pub(crate) fn kill_group(pid: u32) {
    if let Some(pid) = raw(pid) {
        let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

fn is_there(pid: u32) -> bool {
    raw(pid).is_some_and(|pid| {
        rustix::process::test_kill_process_group(pid)
            .map_or_else(|error| error != rustix::io::Errno::SRCH, |()| true)
    })
}

fn raw(pid: u32) -> Option<Pid> {
    // Not 1: a group of that number is everybody.
    Pid::from_raw(i32::try_from(pid).ok()?).filter(|pid| !pid.is_init())
}
