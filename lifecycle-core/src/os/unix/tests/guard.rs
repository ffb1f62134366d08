use std::{
    fs, io,
    os::{fd::AsRawFd, unix::process::ExitStatusExt},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use super::{command, in_process, in_process_with, said, this_test};
use crate::{
    Signal,
    os::unix::{Waker, boot_time, guard, listen},
};

const SOON: Duration = Duration::from_millis(300);

fn hang() -> ! {
    loop {
        thread::park();
    }
}

#[test]
fn a_process_that_hangs_is_ended_with_the_code_and_the_words_in_time() {
    let began = Instant::now();
    let ended = in_process(
        || {
            guard::start().unwrap();
            guard::set_words("never said\n".to_owned());
            guard::set_words("the words\n".to_owned());
            assert!(guard::arm(boot_time() + SOON, 124));
            hang();
        },
        this_test!(),
    );
    assert_eq!((ended.status.code(), &*said(&ended)), (Some(124), "the words\n"));
    let took = began.elapsed();
    assert!(took >= SOON && took < SOON + Duration::from_secs(3), "after {took:?}");
}

#[test]
fn what_was_armed_is_moved_and_disarmed() {
    let ended = in_process(
        || {
            guard::start().unwrap();
            let now = boot_time();
            assert!(guard::arm(now + Duration::from_millis(50), 1));
            assert!(guard::disarm());
            thread::sleep(Duration::from_millis(200));
            assert!(guard::arm(boot_time() + Duration::from_secs(3600), 2));
            assert!(guard::arm_earlier(boot_time() + Duration::from_secs(7200), 3));
            assert!(guard::arm_earlier(boot_time() + Duration::from_millis(100), 4));
            hang();
        },
        this_test!(),
    );
    assert_eq!(ended.status.code(), Some(4));
    assert!(said(&ended).contains("the deadline has passed"), "{}", said(&ended));
}

#[test]
fn a_signal_arms_by_itself_when_nobody_else_hears_it() {
    let ended = in_process(
        || {
            guard::start().unwrap();
            let waker = Box::leak(Box::new(Waker::new().unwrap()));
            listen(waker, &[Signal::Term, Signal::Hup]).unwrap();
            guard::arm_by_signals(Some((&[Signal::Term], SOON, 124)));
            // SAFETY: `raise` has no precondition.
            unsafe { libc::raise(libc::SIGHUP) };
            thread::sleep(SOON * 2);
            // SAFETY: as above.
            unsafe { libc::raise(libc::SIGTERM) };
            hang();
        },
        this_test!(),
    );
    assert_eq!(ended.status.code(), Some(124));
}

/// Every new thread, and every first use of a thread-local of a library, waits for the loader's
/// lock.
#[test]
#[cfg(target_os = "linux")]
fn a_library_that_never_ends_loading_does_not_hold_it() {
    let folder = tempfile::tempdir().unwrap();
    let (source, library) = (folder.path().join("hang.c"), folder.path().join("hang.so"));
    let hang_in_constructor =
        "#include <unistd.h>\n__attribute__((constructor)) void h(void) { for (;;) pause(); }\n";
    fs::write(&source, hang_in_constructor).unwrap();
    let path = std::env::var_os("LIFECYCLE_OS_LIBRARY").unwrap_or_else(|| {
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source);
        assert!(compile.status().expect("a C compiler").success());
        library.clone().into_os_string()
    });
    let ended = in_process_with(
        || {
            guard::start().unwrap();
            thread::spawn(|| {
                let path = std::env::var("LIFECYCLE_OS_LIBRARY").unwrap();
                let path = std::ffi::CString::new(path).unwrap();
                // SAFETY: a valid path; the constructor never returns.
                unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
            });
            thread::sleep(Duration::from_millis(200));
            guard::arm(boot_time() + SOON, 124);
            hang();
        },
        this_test!(),
        |command| command.env("LIFECYCLE_OS_LIBRARY", path).stderr(std::process::Stdio::piped()),
    );
    assert_eq!(ended.status.code(), Some(124));
    assert!(said(&ended).contains("the deadline has passed"), "{}", said(&ended));
}

#[test]
fn a_pipe_that_is_full_and_a_stderr_that_is_closed_do_not_hold_it() {
    let (_reader, writer) = io::pipe().unwrap();
    let full = writer.try_clone().unwrap();
    let ended = in_process_with(
        || {
            // SAFETY: bytes that are valid for their length; a pipe that does not block.
            unsafe {
                libc::fcntl(2, libc::F_SETFL, libc::O_NONBLOCK);
                while libc::write(2, [0_u8; 1].as_ptr().cast(), 1) == 1 {}
                libc::fcntl(2, libc::F_SETFL, 0);
            }
            guard::start().unwrap();
            guard::arm(boot_time() + SOON, 124);
            hang();
        },
        this_test!(),
        |command| command.stderr(full),
    );
    assert_eq!(ended.status.code(), Some(124));
    assert!(writer.as_raw_fd() > 2);
}

#[test]
fn nobody_who_reads_its_words_is_not_the_end_by_a_signal() {
    let (reader, writer) = io::pipe().unwrap();
    drop(reader);
    let ended = in_process_with(
        || {
            // SAFETY: the default, under which services in C run; Rust's start ignored it.
            unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
            guard::start().unwrap();
            guard::arm(boot_time() + SOON, 124);
            hang();
        },
        this_test!(),
        |command| command.stderr(writer),
    );
    assert_eq!((ended.status.code(), ended.status.signal()), (Some(124), None));
}

#[test]
#[cfg(target_os = "linux")]
fn its_words_reach_a_file() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let stderr = file.reopen().unwrap();
    let ended = in_process_with(
        || {
            guard::start().unwrap();
            guard::set_words("to a file\n".to_owned());
            guard::arm(boot_time() + SOON, 124);
            hang();
        },
        this_test!(),
        |command| command.stderr(stderr),
    );
    let mut written = String::new();
    let began = Instant::now();
    // By a process of its own, which on a busy machine may come after the end.
    while written.is_empty() && began.elapsed() < Duration::from_secs(5) {
        io::Read::read_to_string(file.as_file_mut(), &mut written).unwrap();
    }
    assert_eq!((ended.status.code(), &*written), (Some(124), "to a file\n"));
}

#[test]
#[cfg(target_os = "linux")]
fn it_sleeps_while_nothing_is_armed_and_no_signal_reaches_it() {
    fn status(of: &str) -> String {
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let mut found = tasks.flatten().filter_map(|task| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            status.starts_with(&format!("Name:\t{of}\n")).then_some(status)
        });
        found.next().expect("the thread")
    }
    fn line(status: &str, name: &str) -> String {
        status.lines().find(|line| line.starts_with(name)).unwrap().to_owned()
    }
    let ended = in_process(
        || {
            guard::start().unwrap();
            guard::start().unwrap();
            guard::arm(boot_time() + Duration::from_secs(60), 1);
            guard::disarm();
            thread::sleep(Duration::from_millis(300));
            let before = status("lifecycle-guard");
            thread::sleep(Duration::from_secs(1));
            let after = status("lifecycle-guard");
            for count in ["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"] {
                assert_eq!(line(&before, count), line(&after, count));
            }
            let blocked = line(&after, "SigBlk:");
            let blocked = u64::from_str_radix(&blocked[8..], 16).unwrap();
            for signal in [1, 2, 10, 12, 13, 14, 15, 17, 25, 27, 64] {
                assert_ne!(blocked & 1 << (signal - 1), 0, "signal {signal}");
            }
        },
        this_test!(),
    );
    assert!(ended.status.success(), "{}", said(&ended));
}

#[test]
fn a_forked_child_has_a_guard_of_its_own() {
    let ended = in_process(
        || {
            guard::start().unwrap();
            // SAFETY: the child starts one thread and waits.
            let child = unsafe { libc::fork() };
            if child == 0 {
                guard::start().unwrap();
                guard::arm(boot_time() + Duration::from_millis(50), 33);
                hang();
            }
            let mut status = 0;
            // SAFETY: a valid place.
            unsafe { libc::waitpid(child, &raw mut status, 0) };
            assert_eq!(libc::WEXITSTATUS(status), 33);
        },
        this_test!(),
    );
    assert!(ended.status.success(), "{}", said(&ended));
}

#[test]
fn once_it_ends_the_process_nothing_disarms_it() {
    let mut command = command(
        || {
            guard::start().unwrap();
            guard::arm(Duration::ZERO, 5);
            while guard::disarm() {
                guard::arm(Duration::ZERO, 5);
            }
            assert!(!guard::arm(boot_time() + Duration::from_secs(9), 6));
            hang();
        },
        this_test!(),
        |command| command,
    );
    for _ in 0..20 {
        assert_eq!(command.output().unwrap().status.code(), Some(5));
    }
}
