//! Eight ways to get away from who stops a child, against each containment: what lives on.

use std::{
    collections::BTreeSet,
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use lifecycle::process::{Command, Containment, StopError, Stopped};
use lifecycle_children_tests::{cgroup::Cgroup, command_lines, cookie, kill, kill_all, namespace};
use lifecycle_process_tests::{Child as Owner, Service, Signal};

/// The ways, each a script for `sh`. `SLEEPS` is a program that sleeps.
const WAYS: [(&str, &str); 8] = [
    ("ignores", "trap '' TERM; SLEEPS & while :; do sleep 1; done # COOKIE"),
    ("setsid", "setsid SLEEPS & wait"),
    ("daemon", "(setsid sh -c \"SLEEPS &\" COOKIE) & sleep 60; :"),
    ("orphan", "(setsid sh -c \"SLEEPS &\" COOKIE)"),
    ("no-environment", "(env -i PATH=$PATH setsid sh -c \"SLEEPS &\" COOKIE)"),
    ("stopped", "setsid sh -c 'kill -STOP $$; sleep 60; :' COOKIE & wait"),
    // From process to process, every 2 ms.
    ("chain", "setsid sh CHAIN COOKIE & wait; sleep 60"),
    ("cgroup", "echo $$ > CGROUP; setsid SLEEPS & wait"),
];

/// The last of them, by somebody who may not.
const AS_A_USER: (&str, &str) = (
    "user-cgroup",
    "setpriv --reuid=65534 --regid=65534 --clear-groups \
     sh -c \"echo \\$\\$ > CGROUP; setsid SLEEPS & wait\" COOKIE",
);

/// All of them against one containment.
struct Row {
    cookie: String,
    folder: tempfile::TempDir,
    /// Where one of them goes.
    cgroup: Option<Cgroup>,
}

impl Row {
    fn new(of: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let cgroup = Cgroup::make(&format!("away-from-{of}"));
        let row = Self { cookie: cookie(of), folder, cgroup };
        let hop = "sleep 0.002; setsid sh \"$0\" \"$1\" & exit 0";
        fs::write(row.chain(), hop).expect("written");
        row
    }

    fn chain(&self) -> PathBuf {
        self.folder.path().join("chain")
    }

    /// Those that are possible here.
    fn ways(&self) -> impl Iterator<Item = (&'static str, String)> {
        let possible = WAYS.into_iter().chain([AS_A_USER]);
        possible.filter(|(way, _)| self.cgroup.is_some() || !way.contains("cgroup")).map(
            |(way, script)| {
                let cookie = self.cookie_of(way);
                let cgroup = self.cgroup.as_ref().map(Cgroup::procs).unwrap_or_default();
                let script = script
                    .replace("SLEEPS", &format!("sh -c 'sleep 60; :' {cookie}"))
                    .replace("COOKIE", &cookie)
                    .replace("CHAIN", &self.chain().display().to_string())
                    .replace("CGROUP", &cgroup);
                (way, script)
            },
        )
    }

    /// Their names.
    fn all(&self) -> BTreeSet<&'static str> {
        self.ways().map(|(way, _)| way).collect()
    }

    fn cookie_of(&self, way: &str) -> String {
        format!("{}-{way}-", self.cookie)
    }

    /// Which of them have a process now.
    fn there(&self) -> BTreeSet<&'static str> {
        let lines = command_lines(&self.cookie, false);
        self.all().into_iter().filter(|way| lines.contains(&self.cookie_of(way))).collect()
    }

    /// Which got away. One that goes from process to process is missed by some looks.
    fn survivors(&self) -> BTreeSet<&'static str> {
        let survivors: BTreeSet<_> = (0..20).flat_map(|_| self.there()).collect();
        println!("{}: {survivors:?} of {:?} live on", self.cookie, self.all());
        survivors
    }

    /// Waits until all are on their way: not who was started, but what that has started.
    fn settle(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        let chain = format!("sh {}", self.chain().display());
        let away = ["sh -c sleep 60; :", "sh -c kill -STOP", &chain];
        let mut seen = BTreeSet::new();
        while seen != self.all() {
            let lines = command_lines(&self.cookie, false);
            let lines = lines.lines().filter(|line| away.iter().any(|away| line.starts_with(away)));
            let lines: String = lines.collect();
            seen.extend(self.all().into_iter().filter(|way| lines.contains(&self.cookie_of(way))));
            assert!(Instant::now() < until, "only {seen:?} have come");
        }
        // Who was between goes.
        thread::sleep(Duration::from_millis(50));
    }

    /// A service that has a child for each, held by its process group.
    fn owner<'a>(&self, below: impl IntoIterator<Item = &'a str>) -> Owner {
        for (way, script) in self.ways() {
            fs::write(self.folder.path().join(format!("{way}.sh")), script).expect("written");
        }
        let mut line: Vec<&str> = below.into_iter().collect();
        let folder = self.folder.path().display().to_string();
        line.extend([env!("CARGO_BIN_EXE_children-owner"), "escapes", &folder]);
        let owner = Service::at(line[0]).args(&line[1..]).start();
        owner.wait_for("up");
        self.settle();
        owner
    }

    /// Starts a child for each, and stops them.
    async fn stop(&self, containment: Containment) -> Vec<(&'static str, Stop)> {
        let children = self.ways().map(|(way, script)| {
            let child = Command::new("sh").args(["-c", &script, &self.cookie_of(way)]).name(way);
            let child = child.stop_timeout(Duration::from_millis(300)).containment(containment);
            let child = child.spawn().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(child.containment(), containment);
            (way, child)
        });
        let children: Vec<_> = children.collect();
        self.settle();
        let stops = children
            .into_iter()
            .map(|(way, child)| (way, tokio::spawn(async move { child.stop().await })));
        let mut stopped = Vec::new();
        for (way, stop) in stops.collect::<Vec<_>>() {
            stopped.push((way, stop.await.expect("stopped")));
        }
        stopped
    }
}

type Stop = Result<Stopped, StopError>;

impl Drop for Row {
    fn drop(&mut self) {
        // Ends the chain.
        let _ = fs::remove_file(self.chain());
        kill_all(&self.cookie);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_gets_away_from_a_keeper() {
    let row = Row::new("keeper");
    let stopped = row.stop(Containment::Keeper).await;
    assert_eq!(row.survivors(), BTreeSet::new(), "{stopped:?}");
    for (way, stopped) in stopped {
        // Each left something behind, which is no clean stop.
        let Err(StopError::Killed(stopped)) = stopped else { panic!("{way}: {stopped:?}") };
        assert!(stopped.escalated() && stopped.stuck.is_empty(), "{way}: {stopped:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leaves_its_process_group_gets_away_and_the_containment_says_so() {
    let row = Row::new("group");
    let stopped = row.stop(Containment::Group).await;
    let mut away = row.all();
    away.remove("ignores");
    assert_eq!(row.survivors(), away, "{stopped:?}");
}

/// Process 1 takes all others of its namespace with it, however it ended.
#[test]
fn nothing_outlives_a_pid_namespace_whose_process_1_owned_it() {
    if !namespace::is_possible() {
        return;
    }
    for signal in [Signal::TERM, Signal::KILL] {
        let row = Row::new(&format!("namespace-{}", signal.as_raw()));
        let owner = row.owner(namespace::UNSHARE);
        let inside = namespace::process_1(owner.pid());
        kill(&format!("-{}", signal.as_raw()), inside);
        let ending = owner.end();
        assert_eq!(row.survivors(), BTreeSet::new(), "{ending}");
    }
}

/// Root moves where it wants; an ordinary user stays where it was put.
#[test]
fn nothing_gets_away_from_a_control_group_but_root_that_moves_itself_to_another() {
    let Some(cgroup) = Cgroup::make("owner") else { return };
    let row = Row::new("cgroup");
    let procs = cgroup.procs();
    let owner = row.owner(["sh", "-c", "echo $$ > \"$0\"; exec \"$@\"", &procs]);
    assert!(cgroup.kill(), "it is populated still");
    owner.end().is_killed_by(Signal::KILL);
    assert_eq!(row.survivors(), BTreeSet::from(["cgroup"]));
    let there = fs::read_to_string(row.cgroup.as_ref().expect("another").procs());
    assert!(!there.expect("its processes").is_empty());
}
