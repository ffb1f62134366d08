//! Who of a tree of processes is still there. Each test has a cookie of its own, which stands in the
//! command line of every process that it starts.

pub mod cgroup;
pub mod namespace;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

/// A cookie that no other test has.
#[must_use]
pub fn cookie(of: &str) -> String {
    format!("cookie-{of}-{}", std::process::id())
}

/// The processes whose command line has it; dead ones have none. Keepers, which have the words of
/// their child, count where `keepers` says so.
///
/// # Panics
///
/// Where there is no `/proc`.
#[must_use]
pub fn with(cookie: &str, keepers: bool) -> Vec<u32> {
    all_with(cookie, keepers).into_iter().map(|(pid, _)| pid).collect()
}

/// The command lines of those, one a line.
///
/// # Panics
///
/// As [`with`].
#[must_use]
pub fn command_lines(cookie: &str, keepers: bool) -> String {
    all_with(cookie, keepers).into_iter().map(|(_, line)| line + "\n").collect()
}

fn all_with(cookie: &str, keepers: bool) -> Vec<(u32, String)> {
    let pids = fs::read_dir("/proc").expect("proc").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        let counts = keepers || !line.starts_with("lifecycle-keeper");
        (counts && line.contains(cookie)).then_some((pid, line))
    })
    .collect()
}

/// Kills all of them, until there is none.
pub fn kill_all(cookie: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    while let pids @ [_, ..] = &with(cookie, true)[..] {
        for pid in pids.iter().filter_map(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
        if Instant::now() > until {
            return println!("not killed: {pids:?}");
        }
    }
}

/// Those that are there still when `timeout` is over, keepers too; none as soon as there is none.
#[must_use]
pub fn left_after(cookie: &str, timeout: Duration) -> Vec<String> {
    let until = Instant::now() + timeout;
    loop {
        let left = with(cookie, true);
        if left.is_empty() || Instant::now() > until {
            return left.into_iter().map(shown).collect();
        }
        thread::sleep(Duration::from_millis(5));
    }
}

fn shown(pid: u32) -> String {
    let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
    let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
    format!(
        "{} [{line}]",
        String::from_utf8_lossy(&read("stat")).chars().take(60).collect::<String>()
    )
}

/// Sends it a signal, by the name that `kill` has for it.
pub fn kill(signal: &str, pid: u32) {
    let _ = std::process::Command::new("kill").args([signal, &pid.to_string()]).status();
}

/// Says what cannot be had here, which is an error where everything is demanded.
///
/// # Panics
///
/// Under `LIFECYCLE_E2E=all`.
pub fn lacks(what: &str) {
    assert!(std::env::var("LIFECYCLE_E2E").as_deref() != Ok("all"), "not possible here: {what}");
    println!("not possible here: {what}");
}
