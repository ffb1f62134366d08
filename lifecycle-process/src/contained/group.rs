//! Without a keeper: the process group of the child.

#[cfg(target_os = "linux")]
use std::os::fd::OwnedFd;
use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lifecycle_core::Signal;
#[cfg(target_os = "linux")]
use rustix::process::{PidfdFlags, pidfd_open};
use rustix::{
    io::Errno,
    process::{Pid, WaitId, WaitIdOptions},
};
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
    let group = Arc::new(Group::of_child(pid));
    let state = Arc::new(Mutex::new(State::Runs));
    let control = Box::new(Control { pid, group: Arc::clone(&group), state: Arc::clone(&state) });
    tokio::task::spawn_blocking(move || {
        let set = |to| *state.lock().unwrap_or_else(PoisonError::into_inner) = to;
        // Seen before it is waited for: until then nobody else gets its id.
        if let Some(pid) = raw(pid) {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            while rustix::process::waitid(WaitId::Pid(pid), options)
                .is_err_and(|error| error == Errno::INTR)
            {}
        }
        set(State::HasEnded);
        let status = child.wait();
        let _ = said.send(Word::Ended(status.map_or(ExitStatus::Code(0), ExitStatus::of)));
        while group.is_there() && !said.is_closed() {
            std::thread::sleep(PAUSE);
        }
        set(State::IsGone);
        let _ = said.send(Word::Gone);
    });
    Ok(Started { pid, containment: Containment::Group, control, words, output })
}

/// Changes before the number can become somebody else's, under a lock that those hold who use it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Runs,
    /// The child has. Others of its group may live.
    HasEnded,
    IsGone,
}

struct Control {
    pid: u32,
    group: Arc<Group>,
    state: Arc<Mutex<State>>,
}

impl super::Control for Control {
    fn signal(&self, signal: Signal) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pid) = raw(self.pid).filter(|_| *state == State::Runs) else { return };
        if let Some(signal) = signal::of_number(signal.number()) {
            let _ = rustix::process::kill_process(pid, signal);
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::CONT);
        }
    }

    fn kill(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state != State::IsGone {
            let _ = self.group.send(Some(rustix::process::Signal::KILL));
        }
    }
}

/// The process group that a process leads, or led. Its number is somebody else's when the group is
/// empty and the number was given out again; a descriptor of the leader stands for this group only.
pub(crate) struct Group {
    number: Option<Pid>,
    #[cfg(target_os = "linux")]
    leader: Option<OwnedFd>,
}

impl Group {
    /// That of a child that nobody has waited for yet.
    fn of_child(pid: u32) -> Self {
        let number = raw(pid);
        Self {
            number,
            #[cfg(target_os = "linux")]
            leader: number.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()),
        }
    }

    /// That of a process that somebody else waits for, where it is still the one that was started at
    /// `start`.
    #[cfg(target_os = "linux")]
    pub(crate) fn of_process(pid: u32, start: u64) -> Option<Self> {
        let leader = crate::processes::open(pid, start)?;
        Some(Self { number: raw(pid), leader: Some(leader) })
    }

    /// Kills this group, and not that of whoever has its number now.
    #[cfg(target_os = "linux")]
    pub(crate) fn kill(&self) {
        let Some(leader) = &self.leader else { return };
        let kill = Some(rustix::process::Signal::KILL);
        let sent = signal::send(leader, signal::Of::Group, kill);
        // Linux before 6.9: the number is that of this group as long as the leader has it.
        if sent == Err(Errno::INVAL)
            && signal::send(leader, signal::Of::Process, None).is_ok()
            && let Some(number) = self.number
        {
            let _ = rustix::process::kill_process_group(number, rustix::process::Signal::KILL);
        }
    }

    /// To all of it; by number before Linux 6.9 and elsewhere, so the group must have been there a
    /// moment ago. `None` only looks whether it is.
    fn send(&self, signal: Option<rustix::process::Signal>) -> rustix::io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(leader) = &self.leader {
            match signal::send(leader, signal::Of::Group, signal) {
                Err(Errno::INVAL) => {}
                sent => return sent,
            }
        }
        match (self.number, signal) {
            (Some(number), Some(signal)) => rustix::process::kill_process_group(number, signal),
            (Some(number), None) => rustix::process::test_kill_process_group(number),
            (None, _) => Err(Errno::SRCH),
        }
    }

    fn is_there(&self) -> bool {
        self.send(None).map_or_else(|error| error != Errno::SRCH, |()| true)
    }
}

fn raw(pid: u32) -> Option<Pid> {
    // Not 1: a group of that number is everybody.
    Pid::from_raw(i32::try_from(pid).ok()?).filter(|pid| !pid.is_init())
}
