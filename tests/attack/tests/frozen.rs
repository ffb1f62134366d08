//! What may hang where no signal ends it: a filesystem that is frozen, one whose server never
//! answers, a control group that pauses who is out of memory. They need root.

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use lifecycle_attack_tests::{os, programs};
use lifecycle_deadline_tests::{GRACE, can, in_time, is_late};
use lifecycle_process_tests::{Child, Ending, Exit, Service, Signal};

/// Where the machine does not allow it, that is said, or fails where all has to be possible.
fn possible<T>(what: &str, made: Option<T>) -> Option<T> {
    let is_possible = can(what, made.is_some());
    let demanded = std::env::var("LIFECYCLE_E2E").as_deref() == Ok("all");
    assert!(is_possible || !demanded, "not possible here: {what}");
    made
}

fn succeeds<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> bool {
    let done = Command::new(program).args(args).output();
    done.is_ok_and(|output| output.status.success())
}

fn service(args: &[&str]) -> Service {
    Service::at(programs!().attack)
        .args(args)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
        .env("LIFECYCLE_DRAIN_TIMEOUT", "500ms")
        .env("RUST_BACKTRACE", "0")
}

/// A filesystem of the test's own, on a file; thawed and unmounted when it is dropped.
struct Filesystem {
    folder: tempfile::TempDir,
}

impl Filesystem {
    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let image = folder.path().join("image");
        fs::create_dir(folder.path().join("mount")).expect("a directory");
        fs::File::create(&image).and_then(|file| file.set_len(16 << 20)).expect("a file");
        let filesystem = Self { folder };
        let mount = filesystem.mount();
        (succeeds("mkfs.ext4", [OsStr::new("-q"), image.as_os_str()])
            && succeeds("mount", [OsStr::new("-oloop"), image.as_os_str(), mount.as_os_str()])
            && filesystem.freeze()
            && filesystem.thaw())
        .then_some(filesystem)
    }

    fn mount(&self) -> PathBuf {
        self.folder.path().join("mount")
    }

    fn freeze(&self) -> bool {
        succeeds("fsfreeze", [OsStr::new("-f"), self.mount().as_os_str()])
    }

    fn thaw(&self) -> bool {
        succeeds("fsfreeze", [OsStr::new("-u"), self.mount().as_os_str()])
    }
}

impl Drop for Filesystem {
    fn drop(&mut self) {
        self.thaw();
        for _ in 0..50 {
            if succeeds("umount", [self.mount().as_os_str()]) {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// What is on the filesystem. A subscriber that writes there hangs where no signal ends it, and
/// with it the process: of that nobody but the subscriber can take care.
const PLACES: [(&str, bool, bool); 3] =
    [("stderr", true, false), ("the report", false, true), ("stderr and the report", true, true)];

#[test]
fn a_frozen_filesystem_does_not_hold_the_process() {
    let what = "a filesystem that is frozen (mkfs.ext4, mount -o loop, fsfreeze)";
    let Some(filesystem) = possible(what, Filesystem::make()) else { return };
    let rows: Vec<_> = PLACES
        .iter()
        .flat_map(|place| [("fails", 70), ("hook-blocks", 70)].map(|case| (place, case)))
        .flat_map(|case| ["current_thread", "1", "2", "4"].map(|runtime| (case, runtime)))
        .flat_map(|case| [case; 5])
        .collect();
    let number = AtomicUsize::new(0);
    // All that run at once freeze together.
    together(&rows, 16, |rows| {
        let mut children: Vec<_> = rows
            .iter()
            .map(|(((_, stderr, report), (name, _)), runtime)| {
                let file = number.fetch_add(1, Ordering::Relaxed).to_string();
                let file = filesystem.mount().join(file);
                let to =
                    if *stderr { format!("stderr={}", file.display()) } else { NOTHING.into() };
                let mut child = Service::at(programs!().parent)
                    .args([&to, "--", programs!().attack, runtime, name])
                    .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
                    .env("LIFECYCLE_DRAIN_TIMEOUT", "500ms");
                if *report {
                    child = child.env("LIFECYCLE_REPORT", file.with_extension("txt"));
                }
                child.start()
            })
            .collect();
        children.iter().for_each(|child| drop(child.wait_for("up")));
        assert!(filesystem.freeze(), "it could not be frozen");
        children.iter_mut().for_each(|child| child.signal(Signal::TERM));
        ended_together(children, || assert!(filesystem.thaw()))
    })
    .for_each(|(ending, (((what, ..), (name, code)), runtime))| {
        if is_late(&ending) {
            ending.fail(&format!("{what}, {name} on {runtime}: is far too late"));
        }
        if ending.exit() != Exit::Code(*code) && ending.exit() != Exit::Code(124) {
            ending.fail(&format!("{what}, {name} on {runtime}: should end with {code}"));
        }
    });
}

const NOTHING: &str = "default=TERM";

/// Runs so many rows at once; one that was late beside the others once more, and alone.
fn together<'r, R>(
    rows: &'r [R],
    at_once: usize,
    run: impl Fn(&[&'r R]) -> Vec<Ending>,
) -> impl Iterator<Item = (Ending, &'r R)> {
    let again = |row: &'r R, ending: Ending| {
        if is_late(&ending) { in_time(|| run(&[row]).remove(0)) } else { ending }
    };
    let all: Vec<_> = rows.iter().collect();
    let endings: Vec<_> = all.chunks(at_once).flat_map(&run).collect();
    let judged: Vec<_> =
        endings.into_iter().zip(rows).map(|(ending, row)| (again(row, ending), row)).collect();
    judged.into_iter()
}

/// Their ends, each at its own time. What held them is let go as soon as the platform would have
/// killed them: not even that ends who hangs there.
fn ended_together(children: Vec<Child>, let_go: impl FnOnce()) -> Vec<Ending> {
    thread::scope(|scope| {
        let waits: Vec<_> = children
            .into_iter()
            .map(|child| scope.spawn(move || child.end_within(GRACE)))
            .collect();
        thread::sleep(GRACE + Duration::from_millis(100));
        let_go();
        waits.into_iter().map(|wait| wait.join().expect("an end")).collect()
    })
}

/// A filesystem whose server takes every request and answers none.
struct Silent {
    folder: tempfile::TempDir,
    connection: Option<fs::File>,
}

impl Silent {
    fn make() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a directory");
        let device = fs::File::options().read(true).write(true).open("/dev/fuse").ok()?;
        if !os::mount_fuse(folder.path().to_str()?, device.as_raw_fd()) {
            return None;
        }
        let silent = Self { folder, connection: Some(device) };
        silent.begin().then_some(silent)
    }

    /// Answers the first request, which is INIT, and takes all others.
    fn begin(&self) -> bool {
        let Some(Ok(mut device)) = self.connection.as_ref().map(fs::File::try_clone) else {
            return false;
        };
        let mut request = vec![0_u8; 1 << 17];
        let Ok(length) = device.read(&mut request) else { return false };
        if length < 56 {
            return false;
        }
        // Length, error, the request's number; then version 7.31 and the largest write.
        let mut answer = vec![0_u8; 16 + 64];
        answer[0..4].copy_from_slice(&80_u32.to_ne_bytes());
        answer[8..16].copy_from_slice(&request[8..16]);
        answer[16..20].copy_from_slice(&7_u32.to_ne_bytes());
        answer[20..24].copy_from_slice(&31_u32.to_ne_bytes());
        answer[36..40].copy_from_slice(&4096_u32.to_ne_bytes());
        if device.write(&answer).is_err() {
            return false;
        }
        thread::spawn(move || while device.read(&mut request).is_ok() {});
        true
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Those who wait are told that it is gone.
        os::unmount(self.folder.path().to_str().unwrap_or_default());
        self.connection = None;
    }
}

#[test]
fn a_filesystem_that_never_answers_does_not_hold_the_process() {
    let what = "a filesystem whose server never answers (/dev/fuse)";
    if possible(what, Silent::make()).is_none() {
        return;
    }
    let rows: Vec<_> = [("obedient", 0), ("fails", 70), ("hook-blocks", 70)]
        .iter()
        .flat_map(|case| ["current_thread", "1", "2", "4"].map(|runtime| (*case, runtime)))
        .flat_map(|case| [case; 5])
        .collect();
    together(&rows, 20, |rows| {
        let silent = Silent::make().expect("another one");
        let report = silent.folder.path().join("report.txt");
        let start = |((name, _), runtime): &&((&str, i32), &str)| {
            service(&[runtime, name]).env("LIFECYCLE_REPORT", &report).start()
        };
        let mut children: Vec<_> = rows.iter().map(start).collect();
        children.iter().for_each(|child| drop(child.wait_for("up")));
        children.iter_mut().for_each(|child| child.signal(Signal::TERM));
        ended_together(children, || drop(silent))
    })
    .for_each(|(ending, ((_, code), _))| {
        if is_late(&ending) {
            ending.fail("is far too late");
        }
        if ending.exit() != Exit::Code(*code) && ending.exit() != Exit::Code(124) {
            ending.fail(&format!("should end with {code}"));
        }
        ending.says("hook: ");
    });
}

/// A control group with little memory, which pauses who wants more.
struct Paused(PathBuf);

impl Paused {
    fn make() -> Option<Self> {
        let name = format!("lifecycle-attack-{}", std::process::id());
        let group = Self(Path::new("/sys/fs/cgroup/memory").join(name));
        fs::create_dir(&group.0).ok()?;
        let write = |file: &str, text: &str| {
            let file = fs::OpenOptions::new().write(true).open(group.0.join(file));
            file.and_then(|mut file| file.write_all(text.as_bytes())).is_ok()
        };
        let limited = write("memory.limit_in_bytes", "64M") && write("memory.oom_control", "1");
        limited.then_some(group)
    }

    fn let_go(&self) {
        let _ = fs::write(self.0.join("memory.limit_in_bytes"), "-1");
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        self.let_go();
        for _ in 0..50 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A limit, as the README says: any page that has to be read again waits for ever there, those of the
/// guard's own code among them.
#[test]
#[ignore = "the kernel may keep the guard's own pages from it: run it alone"]
fn a_control_group_that_pauses_who_is_out_of_memory_does_not_hold_the_process() {
    let what = "a control group that pauses (memory.oom_control of cgroup v1)";
    let Some(group) = possible(what, Paused::make()) else { return };
    for runtime in ["current_thread", "1", "2", "4"] {
        // Where only others are paused, the stop goes its way.
        for (name, codes) in
            [("takes-all-memory", &[0, 70, 124][..]), ("takes-all-memory-in-the-stop", &[70, 124])]
        {
            let mut child = Service::at("/bin/sh")
                .args(["-c", "echo $$ > \"$GROUP\"/cgroup.procs && exec \"$0\" \"$@\""])
                .args([programs!().attack, runtime, name])
                .env("GROUP", &group.0)
                .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
                .start();
            child.wait_for("up");
            thread::sleep(Duration::from_millis(500));
            child.signal(Signal::TERM);
            let ending = child.end_within(GRACE);
            if is_late(&ending) {
                ending.fail("is far too late");
            }
            if !codes.iter().any(|code| ending.exit() == Exit::Code(*code)) {
                ending.fail(&format!("should end with one of {codes:?}"));
            }
        }
    }
}
