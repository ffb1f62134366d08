//! While nothing happens the library does nothing, whatever was done to it before.

use std::{fs, thread, time::Duration};

use lifecycle_attack_tests::programs;
use lifecycle_process_tests::{Child, Service, all};

/// How long the child is watched.
const WATCHED: Duration = Duration::from_secs(3);

/// The one that drives, and the one that guards.
const THREADS: usize = 2;

const SURROUNDINGS: [(&[&str], &str); 6] = [
    (&["default=TERM"], "obedient"),
    (&["default=TERM"], "closes-all-before-the-runtime"),
    (&["default=TERM"], "closes-all-and-others-come"),
    (&["block=TERM,INT,HUP"], "obedient"),
    (&["deny=sendto:EPERM"], "obedient"),
    (&["default=TERM"], "handler-replaced"),
];

#[test]
fn two_threads_and_they_sleep() {
    let cases: Vec<_> = SURROUNDINGS
        .iter()
        .flat_map(|surroundings| ["current_thread", "4"].map(|runtime| (surroundings, runtime)))
        .collect();
    all(&cases, |((words, name), runtime)| {
        let mut child = Service::at(programs!().parent)
            .args(*words)
            .args(["--", programs!().attack, runtime, name])
            .env("LIFECYCLE_GRACE_PERIOD", "20s")
            .start();
        child.wait_for("up");
        let pid = child.pid();
        is_idle(&mut child, pid);
    });
}

/// Also as a daemon, whose first process had threads of the library's as well.
#[test]
fn a_daemon_has_two_threads_and_they_sleep() {
    let names = ["daemonizes-after-install", "daemonizes-after-install-and-closes"];
    all(&names, |name| {
        let mut waits = Service::at(programs!().parent)
            .args(["reap=all", "--", programs!().attack, "current_thread", name])
            .env("LIFECYCLE_GRACE_PERIOD", "20s")
            .start();
        let line = waits.wait_for("daemon ");
        let daemon = line.rsplit(' ').next().expect("a process id").parse().expect("a number");
        waits.wait_for("up");
        is_idle(&mut waits, daemon);
        lifecycle_attack_tests::os::kill(daemon.cast_signed(), 9);
    });
}

fn is_idle(child: &mut Child, pid: u32) {
    settled(pid);
    let (before, used) = (switches(pid), processor_time(pid));
    assert_eq!(before.len(), THREADS, "the library's own threads: {before:?}");
    thread::sleep(WATCHED);
    assert_eq!(switches(pid), before, "(name, switches) of the library's threads over {WATCHED:?}");
    // In hundredths of a second, of the whole process.
    assert!(processor_time(pid) - used <= 2, "it burns a processor");
    assert!(child.is_running());
}

/// What is done at the start has been done: the thread that logs it is gone again.
fn settled(pid: u32) {
    for _ in 0..200 {
        thread::sleep(Duration::from_millis(50));
        let now = switches(pid);
        if now.len() == THREADS {
            thread::sleep(Duration::from_millis(500));
            if switches(pid) == now {
                return;
            }
        }
    }
    panic!("the library's threads do not come to rest: {:?}", switches(pid));
}

/// How often each thread of the library has been given the processor.
fn switches(pid: u32) -> Vec<(String, u64)> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("a process that runs");
    let status = |task: fs::DirEntry| fs::read_to_string(task.path().join("status")).ok();
    tasks
        .flatten()
        .filter_map(status)
        .filter_map(|status| {
            let field = |name: &str| {
                let line = status.lines().find(|line| line.starts_with(name))?;
                line.split_whitespace().nth(1).map(str::to_owned)
            };
            let name = field("Name:").filter(|name| name.starts_with("lifecycle"))?;
            let count = |name| field(name)?.parse::<u64>().ok();
            Some((name, count("voluntary_ctxt_switches:")? + count("nonvoluntary_ctxt_switches:")?))
        })
        .collect()
}

/// Of all its threads, in hundredths of a second.
fn processor_time(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process that runs");
    let fields = stat.rsplit(") ").next().expect("fields");
    let number = |at| fields.split(' ').nth(at).and_then(|field| field.parse::<u64>().ok());
    number(11).unwrap_or_default() + number(12).unwrap_or_default()
}
