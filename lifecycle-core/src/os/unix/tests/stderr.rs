use std::{
    fs, io,
    io::Read,
    os::unix::process::ExitStatusExt,
    process::Stdio,
    time::{Duration, Instant},
};

use super::{in_process, in_process_with, said, this_test};
use crate::os::unix::{exit_now, write_stderr};

fn limit(which: libc::__rlimit_resource_t, to: u64) {
    let to = libc::rlimit { rlim_cur: to, rlim_max: to };
    // SAFETY: a valid limit.
    assert_eq!(unsafe { libc::setrlimit(which, &raw const to) }, 0);
}

fn set_default(signal: i32) {
    // SAFETY: no handler.
    unsafe { libc::signal(signal, libc::SIG_DFL) };
}

fn without_descriptors() {
    // Standard descriptors stay; none can be added.
    limit(libc::RLIMIT_NOFILE, 0);
    assert!(fs::File::open("/dev/null").is_err());
    exit_now(u8::from(!write_stderr("said\n")));
}

#[test]
fn a_line_needs_no_new_descriptor() {
    let ended = in_process(without_descriptors, this_test!());
    assert_eq!((ended.status.code(), &*said(&ended)), (Some(0), "said\n"));
}

#[test]
fn a_line_for_a_file_needs_no_new_descriptor() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let stderr = file.reopen().unwrap();
    let ended =
        in_process_with(without_descriptors, this_test!(), |command| command.stderr(stderr));
    let mut written = String::new();
    file.read_to_string(&mut written).unwrap();
    assert_eq!((ended.status.code(), &*written), (Some(0), "said\n"));
}

#[test]
fn a_line_for_a_socket_needs_no_new_descriptor() {
    let (mut reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
    let writer = std::os::fd::OwnedFd::from(writer);
    let ended =
        in_process_with(without_descriptors, this_test!(), |command| command.stderr(writer));
    let mut written = String::new();
    reader.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    reader.read_to_string(&mut written).unwrap();
    assert_eq!((ended.status.code(), &*written), (Some(0), "said\n"));
}

#[test]
fn lines_for_a_file_come_in_order_and_leave_the_descriptors_alone() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let stderr = file.reopen().unwrap();
    let ended = in_process_with(
        || {
            let mut open = tempfile::tempfile().unwrap();
            for line in 0..100 {
                let line = format!("{line}\n");
                assert!(write_stderr(&line));
            }
            io::Write::write_all(&mut open, b"still open").unwrap();
            let mut children = 0;
            // SAFETY: a valid place; no child is left behind.
            let waited = unsafe { libc::waitpid(-1, &raw mut children, libc::WNOHANG) };
            assert_eq!(waited, -1);
        },
        this_test!(),
        |command| command.stderr(stderr),
    );
    let mut written = String::new();
    file.read_to_string(&mut written).unwrap();
    let expected: String = (0..100).map(|line| format!("{line}\n")).collect();
    assert_eq!((ended.status.code(), written), (Some(0), expected));
}

#[test]
fn nobody_who_reads_is_not_the_end_of_the_process() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let ended = in_process_with(
        || {
            set_default(libc::SIGPIPE);
            assert!(!write_stderr("to nobody\n"));
            assert!(!write_stderr("to nobody\n"));
        },
        this_test!(),
        |command| command.stderr(writer),
    );
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None));
}

#[test]
fn a_file_at_its_limit_is_not_the_end_of_the_process() {
    let file = tempfile::tempfile().unwrap();
    let ended = in_process_with(
        || {
            set_default(libc::SIGXFSZ);
            limit(libc::RLIMIT_FSIZE, 0);
            assert!(!write_stderr("to nowhere\n"));
        },
        this_test!(),
        |command| command.stderr(file),
    );
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(0), None));
}

#[test]
fn a_pipe_that_is_full_is_given_up_and_its_flags_stay() {
    let (_reader, writer) = io::pipe().unwrap();
    let ended = in_process_with(
        || {
            let began = Instant::now();
            while write_stderr(&"x".repeat(5000)) {}
            assert!(began.elapsed() < Duration::from_secs(5));
            // SAFETY: flags only.
            assert_eq!(unsafe { libc::fcntl(2, libc::F_GETFL) } & libc::O_NONBLOCK, 0);
        },
        this_test!(),
        |command| command.stderr(writer),
    );
    assert_eq!(ended.status.code(), Some(0));
}

#[test]
fn a_closed_stderr_is_no_error() {
    let ended = in_process_with(
        || {
            // SAFETY: nothing else uses it.
            unsafe { libc::close(2) };
            exit_now(u8::from(write_stderr("to nobody\n")));
        },
        this_test!(),
        |command| command.stderr(Stdio::null()),
    );
    assert_eq!(ended.status.code(), Some(0));
}

/// A thread that hangs there keeps its process from being gone.
#[test]
#[ignore = "mounts and freezes a filesystem, for which it has to be root"]
#[cfg(target_os = "linux")]
fn a_frozen_filesystem_holds_neither_a_line_nor_the_guard() {
    let mount = (!super::is_within()).then(super::Mount::new);
    let file = mount.as_ref().map_or_else(|| "/dev/null".into(), |mount| mount.path().join("log"));
    let stderr = fs::File::create(file).unwrap();
    let command = super::command(
        || {
            let began = Instant::now();
            while !write_stderr("") {}
            while write_stderr("on ice\n") {
                std::thread::sleep(Duration::from_millis(10));
            }
            assert!(began.elapsed() < Duration::from_secs(10));
            crate::os::guard::start().unwrap();
            crate::os::guard::arm(crate::os::boot_time(), 124);
            loop {
                std::thread::park();
            }
        },
        this_test!(),
        |command| command.arg("--ignored").stderr(stderr),
    );
    let ended = mount.expect("not within").ending_while_frozen(command);
    assert_eq!(ended.and_then(|status| status.code()), Some(124));
}
