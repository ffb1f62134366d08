//! A started child and what holds its tree together.

pub(crate) mod group;

use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    process::{Child, Command},
};

use lifecycle_core::Signal;
use tokio::sync::mpsc;

use crate::word::Word;

/// What holds a child's tree together, and so what "gone" means of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Containment {
    /// A process between, to which everything falls that leaves its parent: all of the tree is
    /// killed, and the kernel says that none is left. It also kills the tree when the service is
    /// gone, however it ended. Linux.
    Keeper,
    /// The child's process group. What has left it (`setsid`, a daemon) is not found.
    Group,
}

impl fmt::Display for Containment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Keeper => "keeper",
            Self::Group => "process group",
        })
    }
}

/// A child that runs.
pub(crate) struct Started {
    pub(crate) pid: u32,
    pub(crate) containment: Containment,
    pub(crate) control: Box<dyn Control>,
    /// What becomes of it, ending with [`Word::Gone`]; ending without is to know no more.
    pub(crate) words: mpsc::UnboundedReceiver<Word>,
    pub(crate) output: Output,
}

/// What can be done to a child's tree.
pub(crate) trait Control: Send + Sync {
    /// Sends a signal to the child, and continues it where it is stopped.
    fn signal(&self, signal: Signal);

    /// Kills the tree.
    fn kill(&self);
}

/// The pipes of a child, where it has some.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) stdout: Option<std::process::ChildStdout>,
    pub(crate) stderr: Option<std::process::ChildStderr>,
}

impl Output {
    pub(crate) fn of(child: &mut Child) -> Self {
        Self { stdout: child.stdout.take(), stderr: child.stderr.take() }
    }
}

/// Starts a child with the strongest containment that can be had, or with `wanted`.
pub(crate) fn start(
    name: &str,
    program: &OsStr,
    arguments: &[OsString],
    wanted: Option<Containment>,
    set: impl FnOnce(&mut Command),
) -> io::Result<Started> {
    #[cfg(feature = "testing")]
    if let Some(played) = crate::testing::start(name) {
        return Ok(played);
    }
    #[cfg(target_os = "linux")]
    match wanted {
        Some(Containment::Group) => {}
        None if !crate::keeper::is_possible() => {}
        Some(Containment::Keeper) | None => {
            return crate::keeper::start(name, program, arguments, set);
        }
    }
    #[cfg(not(target_os = "linux"))]
    if wanted == Some(Containment::Keeper) {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("`{name}` is to be guarded, and there are keepers on Linux only"),
        ));
    }
    group::start(program, arguments, set)
}
