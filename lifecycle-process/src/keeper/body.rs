//! What the keeper does, in its process.

#![allow(unsafe_code, reason = "a constructor, and a descriptor that is known by its number")]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    os::{
        fd::{FromRawFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Child, Command},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use rustix::{
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, set_child_subreaper,
        wait,
    },
};

use super::{MARK, SOCKET, tree::Killing};
use crate::{ExitStatus, processes, signal, word::Word};

/// Whether this program can be a keeper: that it ran before main shows that it was linked in.
static CAN_KEEP: AtomicBool = AtomicBool::new(false);

pub(super) fn can_keep() -> bool {
    CAN_KEEP.load(Ordering::Relaxed)
}

/// Before main, so that nothing of the application runs in a keeper, and no application has to say
/// anything in its main.
///
/// `unsafe`: what std promises holds from main on. What is used here (files, the environment,
/// threads, children) needs nothing that main prepares on Linux.
#[ctor::ctor(unsafe)]
fn before_main() {
    match env::var_os(MARK) {
        Some(mark) if mark == SOCKET.to_string().as_str() => keep(),
        _ => CAN_KEEP.store(true, Ordering::Relaxed),
    }
}

fn keep() -> ! {
    // SAFETY: whoever sets the mark puts a socket there, and nothing else in this process has run.
    let socket = UnixStream::from(unsafe { OwnedFd::from_raw_fd(SOCKET) });
    match Keeper::start(socket) {
        Some(keeper) => keeper.run(),
        None => exit(1),
    }
}

struct Keeper {
    socket: UnixStream,
    /// The child, for as long as it is not waited for.
    root: Pid,
    root_fd: Option<OwnedFd>,
    /// Lines are written by two threads.
    says: Mutex<()>,
}

impl Keeper {
    fn start(socket: UnixStream) -> Option<Self> {
        let _ = rustix::thread::set_name(c"lifecycle-keep");
        // The thread that starts the keeper may have some blocked, and a child is to hear its own.
        block_signals(false);
        set_child_subreaper(Some(rustix::process::getpid())).ok()?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC).ok()?;
        let says = Mutex::new(());
        let child = start_child();
        // Those that a service manager sends to all at once: the keeper goes when its tree has gone.
        block_signals(true);
        match child {
            Ok(child) => {
                let root = Pid::from_child(&child);
                let root_fd = pidfd_open(root, PidfdFlags::empty()).ok();
                let keeper = Self { socket, root, root_fd, says };
                close_standard_streams();
                // Nobody has waited for it: it has its id, alive or dead.
                let start = processes::read(child.id()).map_or(0, |child| child.start);
                keeper.say(&Word::Started(child.id(), start));
                // It is waited for with all others.
                std::mem::forget(child);
                Some(keeper)
            }
            Err(error) => {
                let mut socket = socket;
                let number = error.raw_os_error().unwrap_or_default();
                let _ = writeln!(socket, "{}", Word::Refused(number));
                None
            }
        }
    }

    /// One thread listens, the other waits for every process of the tree.
    fn run(self) -> ! {
        let this: &'static Self = Box::leak(Box::new(self));
        let listener = thread::Builder::new().name("listens".to_owned()).spawn(|| this.listen());
        // Nobody could tell it to stop: it does so at once.
        let mut alone = listener.is_err().then(Killing::default);
        let options = if alone.is_some() { WaitOptions::NOHANG } else { WaitOptions::empty() };
        loop {
            match wait(options) {
                Ok(Some((pid, status))) if pid == this.root => {
                    let status = std::process::ExitStatus::from_raw(status.as_raw());
                    this.say(&Word::Ended(ExitStatus::of(status)));
                }
                // The kernel's word that no child is left, and with it nothing of the tree.
                Err(Errno::CHILD) => {
                    this.say(&Word::Gone);
                    exit(0)
                }
                Ok(None) => alone.iter_mut().for_each(|killing| this.kill(killing)),
                Ok(_) | Err(_) => {}
            }
        }
    }

    fn listen(&self) {
        let lines = BufReader::new(&self.socket).lines();
        for line in lines.map_while(Result::ok) {
            match line.split_once(' ') {
                Some(("signal", number)) => self.signal(number.parse().unwrap_or_default()),
                _ => break,
            }
        }
        // It was told to, or whoever started this is gone. The other thread ends the process when
        // nothing is left.
        let mut killing = Killing::default();
        loop {
            self.kill(&mut killing);
        }
    }

    /// To the child alone: how its own children stop is its business.
    fn signal(&self, number: i32) {
        let (Some(fd), Some(signal)) = (&self.root_fd, signal::of_number(number)) else { return };
        let _ = pidfd_send_signal(fd, signal);
        // A stopped one has it pending until it is continued (systemd.kill(5) does the same).
        let _ = pidfd_send_signal(fd, Signal::CONT);
    }

    fn kill(&self, killing: &mut Killing) {
        killing.round(
            |member| self.say(&Word::Kills(member)),
            |member| self.say(&Word::Stuck(member)),
        );
    }

    fn say(&self, word: &Word) {
        let _one = self.says.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = (&self.socket).write_all(format!("{word}\n").as_bytes());
    }
}

/// The program and its arguments are those of this process, after its own name.
fn start_child() -> std::io::Result<Child> {
    // Not `env::args`, which some C libraries do not give before main.
    let line = std::fs::read("/proc/self/cmdline")?;
    let mut words = line.split(|byte| *byte == 0).skip(1).map(os_string);
    let program = words.next().unwrap_or_default();
    let mut arguments: Vec<_> = words.collect();
    // What stands behind the last end of a word.
    arguments.pop();
    // A group of its own: a Ctrl-C on the terminal reaches no child before its turn.
    Command::new(program).args(arguments).env_remove(MARK).process_group(0).spawn()
}

fn os_string(bytes: &[u8]) -> std::ffi::OsString {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(bytes.to_vec())
}

/// The child has copies; the ends of its pipes are to be its own alone.
fn close_standard_streams() {
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _ = rustix::stdio::dup2_stdin(&null);
        let _ = rustix::stdio::dup2_stdout(&null);
        let _ = rustix::stdio::dup2_stderr(&null);
    }
}

/// Which signals this thread, and what it starts, has blocked: none, or all of them. `Command` gives
/// its child the mask of whoever calls it.
fn block_signals(all: bool) {
    // SAFETY: a valid set, made first, and no place for the old one.
    unsafe {
        let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        if all {
            libc::sigfillset(set.as_mut_ptr());
        } else {
            libc::sigemptyset(set.as_mut_ptr());
        }
        libc::pthread_sigmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut());
    }
}

/// Without what the application has for its own end.
fn exit(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}
