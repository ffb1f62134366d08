//! Eight ways for a grandchild to get away, against each containment.

use std::{fs, io::Write, path::Path, time::Duration};

use lifecycle::process::{Command, Containment, StopError, Stopped};
use lifecycle_children_tests::{cookie, kill, with};

/// A program that sleeps, with the cookie as an argument that it does not look at.
fn sleeps(cookie: &str) -> String {
    format!("sh -c 'sleep 60; :' {cookie}")
}

/// The cases: a script for `sh`, and whether a process group holds it.
fn cases(folder: &Path) -> Vec<(&'static str, String, bool)> {
    let chain = folder.join("chain.sh");
    let mut file = fs::File::create(&chain).expect("a file");
    writeln!(file, "sleep 0.002; setsid sh {} $1 & exit 0", chain.display()).expect("written");
    let of = |case: &'static str, script: &str, is_held: bool| {
        let cookie = cookie(case);
        (case, script.replace("SLEEPS", &sleeps(&cookie)).replace("COOKIE", &cookie), is_held)
    };
    let mut cases = vec![
        of("ignores", "trap '' TERM; SLEEPS & while :; do sleep 1; done # COOKIE", true),
        of("setsid", "setsid SLEEPS & wait", false),
        of("daemon", "(setsid sh -c \"SLEEPS &\" COOKIE) & sleep 60; :", false),
        of("orphan", "(setsid sh -c \"SLEEPS &\" COOKIE)", false),
        of("no-environment", "(env -i PATH=$PATH setsid sh -c \"SLEEPS &\" COOKIE)", false),
        of("stopped", "setsid sh -c 'kill -STOP $$; sleep 60; :' COOKIE & wait", false),
        of("chain", &format!("setsid sh {} COOKIE & wait; sleep 60", chain.display()), false),
    ];
    match cgroup() {
        Some(cgroup) => {
            let leaves =
                format!("echo $$ > {}/cgroup.procs; setsid SLEEPS & wait", cgroup.display());
            cases.push(of("cgroup", &leaves, false));
        }
        None => println!("not possible here: a control group of its own"),
    }
    cases
}

/// A control group that is not that of the test, where one can be had.
fn cgroup() -> Option<std::path::PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let of_kind = |line: &&str| line.contains(" - cgroup2 ");
    let mount = mounts.lines().find(of_kind)?.split(' ').nth(4)?;
    let cgroup = Path::new(mount).join("lifecycle-children");
    (cgroup.is_dir() || fs::create_dir(&cgroup).is_ok()).then_some(cgroup)
}

async fn stop(case: &str, script: &str, containment: Containment) -> Result<Stopped, StopError> {
    let child = Command::new("sh")
        .args(["-c", script, &cookie(case)])
        .name(case)
        .stop_timeout(Duration::from_millis(300))
        .containment(containment)
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(child.containment(), containment);
    tokio::time::sleep(Duration::from_millis(150)).await;
    child.stop().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_away_from_a_keeper() {
    let folder = tempfile::tempdir().expect("a folder");
    for (case, script, _) in cases(folder.path()) {
        let stopped = stop(case, &script, Containment::Keeper).await;
        assert_eq!(with(&cookie(case), false), [0; 0], "{case}: {stopped:?}");
        // Each left something behind, which is no clean stop.
        let Err(StopError::Killed(stopped)) = stopped else { panic!("{case}: {stopped:?}") };
        assert!(stopped.escalated() && stopped.stuck.is_empty(), "{case}: {stopped:?}");
    }
}

#[tokio::test]
async fn what_leaves_its_process_group_gets_away_and_the_containment_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    for (case, script, is_held) in cases(folder.path()) {
        let case: &'static str = Box::leak(format!("group-{case}").into_boxed_str());
        let script = script.replace("cookie-", "cookie-group-");
        let _ = stop(case, &script, Containment::Group).await;
        // One that goes from process to process is missed by some looks.
        let looks = (0..20).map(|_| with(&cookie(case), false));
        let left = looks.max_by_key(Vec::len).unwrap_or_default();
        assert_eq!(left.is_empty(), is_held, "{case}: {left:?}");
        while let pids @ [_, ..] = &with(&cookie(case), false)[..] {
            pids.iter().for_each(|pid| kill("-KILL", *pid));
        }
    }
}
