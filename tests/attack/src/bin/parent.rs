//! A parent that prepares a process and becomes it: `attack-parent <word>... -- <program> <arg>...`.
//!
//! Words: `block=TERM,INT`, `ignore=HUP`, `nofile=3`, `nproc=1`, `fsize=0`, `user=60001`,
//! `deny=sendto:EPERM,clone3:ENOSYS`, `cd=/somewhere`, `stderr=unread|/path/to/a/file`,
//! `stderr=socket`, `close=3`, `reap=all`.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsRawFd, IntoRawFd},
        unix::net::UnixStream,
    },
};

use lifecycle_attack_tests::os;

fn main() {
    let mut words = std::env::args().skip(1);
    for word in words.by_ref().take_while(|word| word != "--") {
        let Some((what, to)) = word.split_once('=') else { panic!("no word: {word}") };
        prepare(what, to);
    }
    let Some(program) = words.next() else { panic!("no program") };
    os::exec(&program, &words.collect::<Vec<_>>());
}

fn prepare(what: &str, to: &str) {
    match what {
        "block" => os::block_signals(&to.split(',').map(signal).collect::<Vec<_>>()),
        "ignore" => to.split(',').for_each(|name| os::set_handler(signal(name), libc::SIG_IGN)),
        "default" => to.split(',').for_each(|name| os::set_handler(signal(name), libc::SIG_DFL)),
        "nofile" | "nproc" | "fsize" => os::limit(what, number(to)),
        "user" => os::become_user(number(to) as u32),
        "deny" => os::deny(&to.split(',').map(denied).collect::<Vec<_>>()),
        "cd" => std::env::set_current_dir(to).unwrap_or_else(|error| panic!("{to}: {error}")),
        "reap" => os::reap_descendants(),
        "close" => os::close_from(number(to) as u32),
        "stderr" => {
            let stderr = match to {
                "unread" => unread().unwrap_or_else(|error| panic!("no pipe: {error}")),
                "socket" => socket().unwrap_or_else(|error| panic!("no socket: {error}")),
                path => File::create(path)
                    .unwrap_or_else(|error| panic!("{path}: {error}"))
                    .into_raw_fd(),
            };
            os::duplicate(stderr, 2);
        }
        _ => panic!("no such word: {what}"),
    }
}

/// A pipe whose reader is gone.
fn unread() -> io::Result<i32> {
    let (reader, writer) = io::pipe()?;
    drop(reader);
    Ok(writer.into_raw_fd())
}

/// A socket; what comes out of it goes where stderr went before, by a process of its own.
fn socket() -> io::Result<i32> {
    let (mut near, far) = UnixStream::pair()?;
    os::fork(|| {
        os::setsid();
        // The other end must not be held open here.
        os::close_but(&[2, near.as_raw_fd()]);
        let _ = io::copy(&mut near, &mut io::stderr());
        0
    });
    Ok(far.into_raw_fd())
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn signal(name: &str) -> i32 {
    match name {
        "TERM" => libc::SIGTERM,
        "INT" => libc::SIGINT,
        "HUP" => libc::SIGHUP,
        "QUIT" => libc::SIGQUIT,
        "PIPE" => libc::SIGPIPE,
        "XFSZ" => libc::SIGXFSZ,
        _ => panic!("no such signal: {name}"),
    }
}

fn denied(word: &str) -> (i64, i32) {
    let Some((call, errno)) = word.split_once(':') else { panic!("no error: {word}") };
    let call = match call {
        "sendto" => libc::SYS_sendto,
        "clone3" => libc::SYS_clone3,
        "clone" => libc::SYS_clone,
        "pwritev2" => libc::SYS_pwritev2,
        "close_range" => libc::SYS_close_range,
        "tgkill" => libc::SYS_tgkill,
        "sched_setscheduler" => libc::SYS_sched_setscheduler,
        "fstat" => libc::SYS_fstat,
        "prlimit64" => libc::SYS_prlimit64,
        _ => panic!("no such call: {call}"),
    };
    let errno = match errno {
        "EPERM" => libc::EPERM,
        "ENOSYS" => libc::ENOSYS,
        "EAGAIN" => libc::EAGAIN,
        _ => panic!("no such error: {errno}"),
    };
    (call, errno)
}
