//! Each in a process of its own, which is this test program called for one test: what is tested
//! here ends processes, changes signals, limits and descriptors.

#![allow(unsafe_code, reason = "signals, limits and forks have no safe face in std")]

mod files;
mod fork;
mod guard;
mod signals;
mod stderr;

use std::{
    any::type_name_of_val,
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

const VARIABLE: &str = "LIFECYCLE_OS_TEST";

/// Whether this is the process of a test's body: what stands before it runs in both.
fn is_within() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// What became of `body` in a process of its own, which ends with 0 when it returns.
fn in_process(body: fn(), test: &str) -> Output {
    in_process_with(body, test, |command| command.stderr(Stdio::piped()))
}

fn in_process_with(
    body: fn(),
    test: &str,
    set: impl FnOnce(&mut Command) -> &mut Command,
) -> Output {
    command(body, test, set).output().expect("this program can be started")
}

fn command(body: fn(), test: &str, set: impl FnOnce(&mut Command) -> &mut Command) -> Command {
    let test = test.strip_prefix("lifecycle_core::").expect("a test of this crate");
    let test = test.trim_end_matches("::{{closure}}");
    if std::env::var(VARIABLE).is_ok_and(|is_run| is_run == test) {
        thread::spawn(|| {
            thread::sleep(Duration::from_secs(20));
            super::exit_now(99);
        });
        // A shell's `&` and `nohup` have some of them ignored.
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
            signals::set_handler(signal, libc::SIG_DFL);
        }
        body();
        super::exit_now(0);
    }
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command
        .args([test, "--exact", "--nocapture", "--test-threads=1"])
        .env(VARIABLE, test)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    set(&mut command);
    command
}

/// The name of the test that calls.
macro_rules! this_test {
    () => {
        $crate::os::unix::tests::name_of(&|| ())
    };
}
use this_test;

fn name_of<T>(within: &T) -> &'static str {
    type_name_of_val(within)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A filesystem of its own, to be frozen. Only root can have one.
#[cfg(target_os = "linux")]
struct Mount {
    folder: tempfile::TempDir,
}

#[cfg(target_os = "linux")]
impl Mount {
    fn new() -> Self {
        let mount = Self { folder: tempfile::tempdir().expect("a folder") };
        let image = mount.folder.path().join("image");
        std::fs::create_dir(mount.path()).expect("a folder");
        std::fs::File::create(&image).and_then(|file| file.set_len(16 << 20)).expect("an image");
        run("mkfs.ext4", &["-q".as_ref(), &image]);
        run("mount", &["-o".as_ref(), "loop".as_ref(), &image, &mount.path()]);
        mount
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("mount")
    }

    /// How `command` ends while the filesystem is frozen; `None` if it does not in five seconds.
    fn ending_while_frozen(&self, mut command: Command) -> Option<std::process::ExitStatus> {
        let mut child = command.spawn().expect("this program can be started");
        // It has its files open.
        drop(command);
        thread::sleep(Duration::from_millis(500));
        run("fsfreeze", &["-f".as_ref(), &self.path()]);
        let began = std::time::Instant::now();
        let mut ended = None;
        while ended.is_none() && began.elapsed() < Duration::from_secs(5) {
            thread::sleep(Duration::from_millis(20));
            ended = child.try_wait().expect("a child of ours");
        }
        run("fsfreeze", &["-u".as_ref(), &self.path()]);
        // In any case by now; what was late has written.
        child.wait().expect("a child of ours");
        thread::sleep(Duration::from_millis(500));
        ended
    }
}

#[cfg(target_os = "linux")]
impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[&self.path()]);
    }
}

#[cfg(target_os = "linux")]
fn run(program: &str, arguments: &[&std::path::Path]) {
    let status = Command::new(program).args(arguments).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} {arguments:?}");
}
