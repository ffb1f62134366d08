//! systemd itself, as PID 1 of a container: units, sockets, its watchdog and its patience.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lifecycle_e2e::{
    all_is_demanded,
    load::{Load, Style},
    requests,
};

const UNIT: &str = env!("CARGO_BIN_EXE_e2e-unit");
const RESTARTS: u64 = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn systemd_understands_the_services_and_they_understand_systemd() {
    let Some(system) = System::boot() else { return };
    restarts_under_load(&system).await;
    system.install("starts-slowly", "TimeoutStartSec=2");
    system.install("progresses", "");
    system.install("stands-still", "");
    system.install("blocks", "WatchdogSec=1");
    system.install("hangs", "WatchdogSec=1\nRestart=on-failure\nRestartSec=100ms");
    // Always, and not with 78.
    let refused = "Environment=LIFECYCLE_GRACE_PERIOD=0s\nRestart=always\nRestartSec=100ms\n\
                   RestartPreventExitStatus=78";
    system.install("refuses", refused);
    system.control(&["daemon-reload"]);
    let services = ["starts-slowly", "progresses", "stands-still", "blocks", "hangs", "refuses"];
    let began = Instant::now();
    system.control(&[&["start", "--no-block"], &services[..]].concat());
    ready_only_when_ready(&system, began);
    stops(&system);
    watchdog_and_refusal(&system);
    system.control(&["stop", "starts-slowly", "hangs", "web", "web.socket"]);
    let failed = system.say(&["--failed", "--no-legend", "--plain", "list-units"]);
    let failed: Vec<_> = failed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(failed, ["refuses.service", "stands-still.service"]);
}

/// Ten restarts of a service whose socket systemd holds.
async fn restarts_under_load(system: &System) {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    system.install("web", "Environment=LIFECYCLE_SHUTDOWN_DELAY=300ms");
    let socket = format!(
        "[Socket]\nListenStream={free}\nFileDescriptorName=web\nTriggerLimitIntervalSec=0\n"
    );
    system.write("web.socket", &socket);
    system.control(&["daemon-reload"]);
    system.control(&["start", "web.socket"]);
    let wanted = requests(50_000).min(50_000);
    let load = load(free);
    for restart in 0..RESTARTS {
        while load.so_far() < wanted * restart / RESTARTS {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        system.control_beside(&["restart", "web"]).await;
    }
    while load.so_far() < wanted {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen = load.end().await;
    println!("systemd, {RESTARTS} restarts with a socket: {seen}");
    assert_eq!(seen.failures(), 0, "{seen}");
    assert_eq!(system.show("web", "Result"), "success");
    system.wait("web", "StatusText", "running; 0 in flight");
}

fn load(addr: SocketAddr) -> Load {
    Load::new().clients(10, Style::Fresh, addr).clients(20, Style::Kept, addr).clients(
        10,
        Style::Http2,
        addr,
    )
}

/// A start that is held for 4 s is no start before, and may take longer than its 2 s.
fn ready_only_when_ready(system: &System, began: Instant) {
    while began.elapsed() < Duration::from_millis(3_500) {
        assert_eq!(system.show("starts-slowly", "ActiveState"), "activating");
        std::thread::sleep(Duration::from_millis(100));
    }
    let status = system.show("starts-slowly", "StatusText");
    assert!(status.starts_with("starting: held by \"schema\""), "{status}");
    system.wait("starts-slowly", "ActiveState", "active");
    let took = began.elapsed();
    println!("systemd: a start that is held for 4 s took {took:.1?}, with TimeoutStartSec=2");
    assert!(took > Duration::from_millis(3_900));
}

/// All of them have `TimeoutStopSec=3`.
fn stops(system: &System) {
    for service in ["progresses", "stands-still", "blocks"] {
        system.wait(service, "ActiveState", "active");
    }
    let began = Instant::now();
    system.control(&["stop", "--no-block", "progresses", "stands-still", "blocks"]);
    let mut statuses = Vec::new();
    let mut took: [Option<Duration>; 3] = [None; 3];
    while took.contains(&None) && began.elapsed() < Duration::from_secs(15) {
        for (service, took) in ["progresses", "stands-still", "blocks"].iter().zip(&mut took) {
            let states = ["inactive", "failed"];
            if took.is_none() && states.contains(&&*system.show(service, "ActiveState")) {
                *took = Some(began.elapsed());
            }
        }
        statuses.push(system.show("blocks", "StatusText"));
        std::thread::sleep(Duration::from_millis(50));
    }
    let [progresses, stands_still, blocks] = took.map(|took| took.expect("it stops"));
    println!(
        "systemd, TimeoutStopSec=3: 8 hooks of 0.75 s in {progresses:.1?}, one of 6 s ended after \
         {stands_still:.1?}, a hook that blocks for 1.6 s after {blocks:.1?}"
    );
    assert_eq!(system.show("progresses", "Result"), "success");
    assert!(progresses >= Duration::from_secs(6), "{progresses:?}");
    // By its own hand and not by systemd's.
    assert_eq!(system.show("stands-still", "Result"), "exit-code");
    assert_eq!(system.show("stands-still", "ExecMainStatus"), "124");
    assert!(stands_still < Duration::from_millis(3_600), "{stands_still:?}");
    assert_eq!(system.show("blocks", "Result"), "success");
    let said = |part: &str| statuses.iter().any(|status| status.contains(part));
    assert!(said("draining; 1 in flight (work 1)"), "{statuses:#?}");
    assert!(said("stopping: 0 of 1 hooks have ended, blocks runs"), "{statuses:#?}");
}

fn watchdog_and_refusal(system: &System) {
    system.wait("hangs", "NRestarts", "1");
    system.wait("hangs", "ActiveState", "active");
    let journal = system.inside("journalctl", &["-u", "hangs", "-o", "cat", "--no-pager"]);
    assert!(journal.contains("Watchdog timeout"), "{journal}");
    system.wait("refuses", "ActiveState", "failed");
    assert_eq!(system.show("refuses", "ExecMainStatus"), "78");
    assert_eq!(system.show("refuses", "NRestarts"), "0");
}

/// A container with systemd in it, on the network of this machine.
struct System {
    tree: PathBuf,
    container: Child,
    leader: String,
}

impl System {
    /// `None` where this machine cannot, which is said.
    fn boot() -> Option<Self> {
        let lacks = |what: &str| {
            assert!(!all_is_demanded(), "LIFECYCLE_E2E=all: {what}");
            println!("skipped: {what}");
            None
        };
        if !rustix::process::geteuid().is_root() {
            return lacks("a container with systemd needs root");
        }
        for program in ["debootstrap", "systemd-nspawn", "nsenter"] {
            let found = Command::new(program).arg("--version").stdout(Stdio::null()).status();
            if found.is_err() {
                return lacks(&format!("{program} is not installed"));
            }
        }
        let tree = match tree() {
            Ok(tree) => tree,
            Err(why) => return lacks(&format!("there is no tree to boot: {why}")),
        };
        fs::copy(UNIT, tree.join("usr/local/bin/unit")).unwrap();
        let log = fs::File::create(tree.with_extension("log")).unwrap();
        let container = Command::new("systemd-nspawn")
            .args(["--quiet", "--register=no", "--keep-unit", "--console=passive", "--boot", "-D"])
            .arg(&tree)
            .env("UNIFIED_CGROUP_HIERARCHY", "1")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut system = Self { tree, container, leader: String::new() };
        let began = Instant::now();
        loop {
            let id = system.container.id();
            let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
            system.leader =
                children.unwrap_or_default().split(' ').next().unwrap_or_default().to_owned();
            let state = system.say(&["is-system-running"]);
            if ["running", "degraded"].contains(&&*state) {
                println!("systemd runs after {:.1?}: {state}", began.elapsed());
                break;
            }
            if began.elapsed() > Duration::from_secs(30) {
                let log = fs::read_to_string(system.tree.with_extension("log"));
                return lacks(&format!("systemd does not run in a container here: {log:?}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Some(system)
    }

    fn write(&self, unit: &str, text: &str) {
        fs::write(self.tree.join("etc/systemd/system").join(unit), text).unwrap();
    }

    /// A service of `src/bin/unit.rs`, with more lines.
    fn install(&self, service: &str, more: &str) {
        let unit = format!(
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=notify\nNotifyAccess=main\n\
             ExecStart=/usr/local/bin/unit {service}\nKillMode=mixed\nTimeoutStopSec=3\n\
             Environment=LIFECYCLE_GRACE_PERIOD=3s\n{more}\n"
        );
        self.write(&format!("{service}.service"), &unit);
    }

    /// What a program of the container says.
    fn inside(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.leader, "--all", program]).args(arguments);
        let output = command.stderr(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn say(&self, arguments: &[&str]) -> String {
        self.inside("systemctl", arguments)
    }

    fn control(&self, arguments: &[&str]) {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.leader, "--all", "systemctl"]).args(arguments);
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "systemctl {arguments:?}: {said}");
    }

    /// The same, while the clients of this process go on.
    async fn control_beside(&self, arguments: &[&str]) {
        tokio::task::block_in_place(|| self.control(arguments));
    }

    fn show(&self, service: &str, property: &str) -> String {
        self.say(&["show", service, "--property", property, "--value"])
    }

    fn wait(&self, service: &str, property: &str, wanted: &str) {
        let began = Instant::now();
        while self.show(service, property) != wanted {
            let shown = self.say(&["status", service]);
            assert!(began.elapsed() < Duration::from_secs(20), "{property}: {shown}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.say(&["poweroff", "--force"]);
        let began = Instant::now();
        while matches!(self.container.try_wait(), Ok(None)) {
            if began.elapsed() > Duration::from_secs(10) {
                let _ = self.container.kill();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        remove_groups();
    }
}

/// It leaves groups behind, without processes, where this process has its own.
fn remove_groups() {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = groups.lines().filter_map(|line| line.rsplit_once(":/").map(|(_, path)| path));
    for path in own {
        for hierarchy in ["", "unified", "systemd"] {
            let group = Path::new("/sys/fs/cgroup").join(hierarchy).join(path);
            ["payload", "supervisor"].iter().for_each(|left| remove_group(&group.join(left)));
        }
    }
}

fn remove_group(group: &Path) {
    let within = fs::read_dir(group).into_iter().flatten().flatten();
    within.filter(|entry| entry.path().is_dir()).for_each(|entry| remove_group(&entry.path()));
    // Only one that is empty goes.
    let _ = fs::remove_dir(group);
}

/// A Debian as this machine is one, made once, from where this machine has its own packages.
fn tree() -> Result<PathBuf, String> {
    let target = Path::new(UNIT).ancestors().nth(2).ok_or("no target folder")?;
    let release = fs::read_to_string("/etc/os-release").map_err(|error| error.to_string())?;
    let named = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let suite = named.ok_or("the release of this system has no name")?.trim_matches('"');
    let tree = target.join(format!("systemd-{suite}"));
    if tree.join("usr/local/bin").exists() {
        return Ok(tree);
    }
    let mirror = mirror().ok_or("apt has no source")?;
    let unfinished = tree.with_extension("unfinished");
    let _ = fs::remove_dir_all(&unfinished);
    let began = Instant::now();
    let output = Command::new("debootstrap")
        .args(["--variant=minbase", "--include=systemd,systemd-sysv", suite])
        .arg(&unfinished)
        .arg(mirror)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        return Err(said.lines().last().unwrap_or("debootstrap failed").to_owned());
    }
    fs::rename(&unfinished, &tree).map_err(|error| error.to_string())?;
    println!("a system in {:.1?}", began.elapsed());
    Ok(tree)
}

fn mirror() -> Option<String> {
    let folder = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten().flatten();
    let mut files: Vec<_> = folder.map(|entry| entry.path()).collect();
    files.sort();
    files.insert(0, PathBuf::from("/etc/apt/sources.list"));
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    let found = texts.flat_map(|text| {
        let uri = |line: &str| {
            let is_source = line.starts_with("URIs:") || line.starts_with("deb ");
            let mut words = line.split_whitespace().filter(|_| is_source);
            words.find(|word| word.contains("://")).map(str::to_owned)
        };
        text.lines().find_map(uri)
    });
    found.into_iter().next()
}
