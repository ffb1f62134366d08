//! While nothing happens, the library does nothing.

use std::{fs, thread, time::Duration};

use lifecycle_process_tests::{Child, all, service};

/// How long the child is watched.
const WATCHED: Duration = Duration::from_secs(5);

/// The one that drives, and the one that guards.
const THREADS: usize = 2;

#[test]
fn two_threads_and_they_sleep() {
    all(&["current_thread", "1", "4"], |runtime| {
        let mut child =
            service!(bin "deadline-hold", runtime, "hook-obedient").env("LOG", "1").start();
        child.wait_for("up");
        settled(&child);
        let before = switches(&child);
        assert_eq!(before.len(), THREADS, "the library's own threads: {before:?}");
        thread::sleep(WATCHED);
        assert_eq!(
            switches(&child),
            before,
            "(name, switches) of the library's threads over {WATCHED:?}"
        );
        assert!(child.is_running());
    });
}

/// What is done at the start has been done: the thread that logs it is gone again.
fn settled(child: &Child) {
    for _ in 0..200 {
        thread::sleep(Duration::from_millis(50));
        let now = switches(child);
        if now.len() == THREADS {
            thread::sleep(Duration::from_millis(500));
            if switches(child) == now {
                return;
            }
        }
    }
    panic!("the library's threads do not come to rest: {:?}", switches(child));
}

/// How often each thread of the library has been given the processor.
fn switches(child: &Child) -> Vec<(String, u64)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", child.pid())).expect("a process that runs");
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
