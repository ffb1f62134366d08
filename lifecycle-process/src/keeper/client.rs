//! The service's side of a keeper.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Read, Write},
    os::unix::{net::UnixStream, process::CommandExt},
    path::Path,
    process::Command,
    time::Duration,
};

use command_fds::{CommandFdExt, FdMapping};
use lifecycle_core::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    sync::mpsc,
};

use super::{MARK, SOCKET, body};
use crate::{
    contained::{self, Containment, Output, Started, group::Group},
    word::Word,
};

/// How long a keeper may take until its child runs.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// This very program, also after a deploy has replaced its file.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Whether keepers can be had here.
pub(crate) fn is_possible() -> bool {
    body::can_keep() && Path::new(THIS_PROGRAM).exists()
}

/// Starts `program` below a keeper. `set` says all but the program and its arguments.
pub(crate) fn start(
    name: &str,
    program: &OsStr,
    arguments: &[OsString],
    set: impl FnOnce(&mut Command),
) -> io::Result<Started> {
    let (mine, its) = UnixStream::pair()?;
    let mut command = Command::new(THIS_PROGRAM);
    set(&mut command);
    command
        .arg0(format!("lifecycle-keeper:{}", name.replace('\0', "")))
        .arg(program)
        .args(arguments)
        .env(MARK, SOCKET.to_string())
        .process_group(0);
    let mapping = FdMapping { parent_fd: its.into(), child_fd: SOCKET };
    command.fd_mappings(vec![mapping]).map_err(io::Error::other)?;
    let mut keeper = command.spawn()?;
    // With it goes our copy of the keeper's end.
    drop(command);
    let (pid, group) = match first_word(&mine) {
        Ok(Word::Started(pid, start)) => (pid, Group::of_process(pid, start)),
        wrong => {
            drop(mine);
            let _ = keeper.wait();
            return Err(match wrong {
                Ok(Word::Refused(number)) => io::Error::from_raw_os_error(number),
                Ok(word) => io::Error::other(format!("the keeper said `{word}`")),
                Err(error) => error,
            });
        }
    };
    mine.set_nonblocking(true)?;
    let teller = mine.try_clone()?;
    let socket = tokio::net::UnixStream::from_std(mine)?;
    let output = Output::of(&mut keeper);
    let (said, words) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut lines = BufReader::new(socket).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match line.parse() {
                Ok(word) => drop(said.send(word)),
                Err(_) => break,
            }
        }
        // It is on its way out, or somebody killed it.
        drop(said);
        let _ = tokio::task::spawn_blocking(move || keeper.wait()).await;
    });
    let control = Box::new(Control { teller, group });
    Ok(Started { pid, containment: Containment::Keeper, control, words, output })
}

struct Control {
    teller: UnixStream,
    /// That of the child, unless it ended at once.
    group: Option<Group>,
}

impl Control {
    fn tell(&self, line: &str) -> io::Result<()> {
        (&self.teller).write_all(line.as_bytes())
    }
}

impl contained::Control for Control {
    fn signal(&self, signal: Signal) {
        let _ = self.tell(&format!("signal {}\n", signal.number()));
    }

    fn kill(&self) {
        // A keeper that was killed itself has left its tree to the system: the group is what is
        // known of it.
        if self.tell("kill\n").is_err() {
            self.group.iter().for_each(Group::kill);
        }
    }
}

/// Byte by byte, as what follows belongs to another reader.
fn first_word(mut socket: &UnixStream) -> io::Result<Word> {
    socket.set_read_timeout(Some(START_TIMEOUT))?;
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < 256 {
        if socket.read(&mut byte)? == 0 {
            return Err(io::Error::other("the keeper ended before its child was started"));
        }
        if byte[0] == b'\n' {
            break;
        }
        line.push(byte[0]);
    }
    socket.set_read_timeout(None)?;
    String::from_utf8_lossy(&line).parse()
}
