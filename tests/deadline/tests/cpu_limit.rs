//! Under a tenth of a processor.

use std::{fs, io, path::PathBuf};

use lifecycle_deadline_tests::{Figures, GRACE, can, in_time};
use lifecycle_process_tests::{Exit, Service, Signal};

/// A control group of the test's own with 10 % of a processor: 10 ms in every 100 ms.
struct Limit(PathBuf);

impl Limit {
    fn set() -> Option<Self> {
        let name = format!("lifecycle-deadline-{}", std::process::id());
        let v2 = ("/sys/fs/cgroup", "cpu.max", "10000 100000");
        let v1 = ("/sys/fs/cgroup/cpu", "cpu.cfs_quota_us", "10000");
        [v2, v1].into_iter().find_map(|(root, file, quota)| {
            let group = Self(PathBuf::from(root).join(&name));
            fs::create_dir(&group.0).and_then(|()| group.write(file, quota)).ok().map(|()| group)
        })
    }

    /// Only into files that are there: elsewhere, writing would make one.
    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        use io::Write;
        fs::OpenOptions::new().write(true).open(self.0.join(file))?.write_all(text.as_bytes())
    }

    /// How often the kernel held the group back.
    fn throttled(&self) -> u64 {
        let stat = fs::read_to_string(self.0.join("cpu.stat")).unwrap_or_default();
        let line = stat.lines().find_map(|line| line.strip_prefix("nr_throttled "));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or_default()
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn the_deadline_holds_under_a_cpu_limit() {
    let limit = Limit::set();
    if !can("a CPU limit (cgroup cpu.max or cpu.cfs_quota_us)", limit.is_some()) {
        return;
    }
    let Some(limit) = limit else { return };
    let figures = Figures::default();
    for (case, runtime) in
        [("hook-blocks", "2"), ("hook-spins", "current_thread"), ("hook-spins", "2")]
    {
        // The shell joins the group and becomes the service.
        let service = Service::at("/bin/sh")
            .args(["-c", "echo $$ > \"$GROUP\"/cgroup.procs && exec \"$0\" \"$@\""])
            .args([env!("CARGO_BIN_EXE_deadline-hold"), runtime, case])
            .env("GROUP", &limit.0)
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()));
        let ending = in_time(|| {
            let mut child = service.clone().start();
            child.wait_for("up");
            child.signal(Signal::TERM);
            child.end_within(GRACE)
        });
        let Exit::Code(code @ (70 | 124)) = ending.exit() else {
            ending.fail("should be ended by the library");
        };
        ending.says("hook `deadline_hold::hooks::").says("it has been running for");
        figures.note(format!("{case} on {runtime}, 10 % CPU"), code, ending.since_first_signal());
    }
    println!("{figures}");
    assert!(limit.throttled() > 0, "the limit was none");
}
