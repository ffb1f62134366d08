//! Who may speak to the socket, how it comes and goes, and what a client cannot do to it.

use std::{
    fs,
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lifecycle_admin_tests::Client;
use lifecycle_process_tests::{Child, Ending, Service, Signal};
use serde_json::Value;
use tempfile::TempDir;

const STATUS: &str = r#"{"request":"status"}"#;
const EVENTS: &str = r#"{"request":"events"}"#;

/// A service whose socket is in a folder of its own.
struct Served {
    _folder: TempDir,
    socket: PathBuf,
    child: Child,
}

impl Served {
    fn start(what: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let child = service(what, &socket).start();
        child.wait_for("up");
        Self { _folder: folder, socket, child }
    }

    fn client(&self) -> Client {
        Client::connect(&self.socket).unwrap()
    }

    #[track_caller]
    fn asked(&self, line: &str) -> Value {
        self.client().ask(line).unwrap()
    }

    #[track_caller]
    fn term(mut self) -> (Ending, PathBuf, TempDir) {
        self.child.signal(Signal::TERM);
        (self.child.end(), self.socket, self._folder)
    }
}

fn service(what: &str, socket: &Path) -> Service {
    Service::at(env!("CARGO_BIN_EXE_admin-app")).arg(what).env("ADMIN", socket)
}

fn state(answer: &Value) -> &str {
    answer["status"]["state"].as_str().unwrap_or_default()
}

/// Whether a socket of this inode is there.
fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

/// Puts another socket in the place of the one at `path`, as a successor does.
fn succeed(path: &Path) -> (UnixListener, u64) {
    let aside = path.with_extension("successor");
    let listener = UnixListener::bind(&aside).unwrap();
    fs::rename(&aside, path).unwrap();
    (listener, inode(path))
}

#[test]
fn status_plan_and_what_is_in_flight_are_answered() {
    let served = Served::start("works");
    let mut client = served.client();
    let status = client.ask(STATUS).unwrap();
    assert_eq!(state(&status), "running", "{status}");
    assert_eq!(status["status"]["ready"], true);
    assert_eq!(status["status"]["in_flight"], 1);
    assert_eq!(status["status"]["pid"], served.child.pid());
    assert_eq!(status["status"]["reason"], Value::Null);
    let plan = client.ask(r#"{"request":"plan"}"#).unwrap();
    assert_eq!(plan["plan"]["format"], "lifecycle.plan");
    assert_eq!(plan["plan"]["hooks"][0]["name"], "flush");
    assert_eq!(plan["plan"]["components"][0]["name"], "admin");
    let in_flight = client.ask(r#"{"request":"in_flight"}"#).unwrap();
    assert_eq!(in_flight["in_flight"][0]["name"], "orders", "{in_flight}");
    assert_eq!(in_flight["in_flight"][0]["in_flight"], 1);
    let (ending, socket, _folder) = served.term();
    ending.exits(0);
    assert!(!socket.exists());
}

#[test]
fn a_request_by_socket_stops_as_a_signal_does_and_the_report_is_the_last_word() {
    let served = Served::start("works");
    let mut follower = served.client();
    let first = follower.ask(EVENTS).unwrap();
    assert_eq!((&first["event"], &first["state"]), (&"status".into(), &"running".into()));
    let asked = served.asked(r#"{"request":"shutdown","reason":"deploy 7"}"#);
    assert_eq!(asked["shutdown"], "accepted", "{asked}");
    assert_eq!(asked["already_stopping"], false);
    let rest = follower.rest().unwrap();
    let states: Vec<_> = rest.iter().filter(|line| line["event"] == "state").collect();
    let states: Vec<_> = states.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["draining", "stopping", "stopped"]);
    let events: Vec<_> = rest.iter().map(|line| line["event"].as_str().unwrap()).collect();
    for event in ["requested", "hook_started", "hook_ended"] {
        assert!(events.contains(&event), "{events:?}");
    }
    let last = rest.last().unwrap();
    assert_eq!(last["event"], "report", "{last}");
    let report = lifecycle::Report::from_json(&last["report"].to_string()).unwrap();
    assert_eq!(report.reason().to_string(), "requested: deploy 7");
    assert_eq!((report.exit_code(), report.is_clean()), (0, true), "{report}");
    assert_eq!(report.site("orders").unwrap().finished(), 1);
    served.child.end().exits(0);
    assert!(!served.socket.exists());
}

#[test]
fn a_request_can_be_a_failure_and_says_who_asked() {
    let served = Served::start("plain");
    let mut follower = served.client();
    follower.ask(EVENTS).unwrap();
    follower.send(r#"{"request":"shutdown","failure":true}"#).unwrap();
    let last = follower.rest().unwrap().pop().unwrap();
    let reason = &last["report"]["reason"];
    assert_eq!(reason["kind"], "failure");
    let pid = format!("pid {}", std::process::id());
    assert!(reason["text"].as_str().unwrap().contains(&pid), "{reason}");
    served.child.end().exits(1);
}

/// As `printf .. | socat` speaks: it says all it has to say, and waits for the end.
#[test]
fn the_connection_that_asked_ends_when_the_stop_does() {
    let served = Served::start("works");
    let mut client = served.client();
    client.send(r#"{"request":"shutdown"}"#).unwrap();
    client.shut().unwrap();
    let asked = Instant::now();
    let answers = client.rest().unwrap();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0]["shutdown"], "accepted");
    // The call and the hook take 300 ms.
    assert!(asked.elapsed() > Duration::from_millis(250), "{:?}", asked.elapsed());
    served.child.end().exits(0);
}

#[test]
fn what_is_no_request_is_answered_and_the_next_one_too() {
    let served = Served::start("plain");
    let mut client = served.client();
    for wrong in [
        "nonsense",
        "{}",
        "[]",
        r#"{"request":"restart"}"#,
        r#"{"request":"shutdown","faliure":true}"#,
        r#"{"request":"status","more":1}"#,
        "\u{7f}",
    ] {
        let answer = client.ask(wrong).unwrap();
        let error = answer["error"].as_str().unwrap_or_else(|| panic!("{wrong}: {answer}"));
        assert!(error.contains("shutdown, events"), "{error}");
    }
    client.send("").unwrap();
    assert_eq!(state(&client.ask(STATUS).unwrap()), "running");
    served.term().0.exits(0);
}

#[test]
fn it_answers_within_50_ms_while_every_worker_is_blocked_and_is_gone_after_the_deadline() {
    let mut served = Served::start("blocked");
    let mut took: Vec<Duration> = (0..41)
        .map(|_| {
            let asked = Instant::now();
            assert_eq!(state(&served.asked(STATUS)), "running");
            asked.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("median {:?}, longest {:?}", took[20], took[40]);
    assert!(took[20] < Duration::from_millis(50), "{took:?}");

    let mut follower = served.client();
    follower.ask(EVENTS).unwrap();
    served.child.signal(Signal::TERM);
    let last = follower.rest().unwrap().pop().unwrap();
    assert_eq!(last["event"], "forced_exit");
    served.child.end().exits(124);
    assert!(!served.socket.exists());
}

#[test]
fn a_successors_socket_is_not_removed() {
    let mut served = Served::start("plain");
    let (_listener, made) = succeed(&served.socket);
    served.child.signal(Signal::TERM);
    served.child.end().exits(0);
    assert_eq!(inode(&served.socket), made);
}

#[test]
fn a_successors_socket_is_not_removed_at_the_deadline() {
    let mut served = Served::start("blocked");
    let (_listener, made) = succeed(&served.socket);
    served.child.signal(Signal::TERM);
    served.child.end().exits(124);
    assert_eq!(inode(&served.socket), made);
}

#[test]
fn what_a_killed_process_left_is_taken_over() {
    let mut served = Served::start("plain");
    served.child.signal(Signal::KILL);
    let Served { _folder, socket, child } = served;
    drop(child.end());
    assert!(fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    let mut child = service("plain", &socket).start();
    child.wait_for("up");
    let answer = Client::connect(&socket).unwrap().ask(STATUS).unwrap();
    assert_eq!(answer["status"]["pid"], child.pid());
    child.signal(Signal::TERM);
    child.end().exits(0);
}

#[test]
fn of_two_instances_the_second_does_not_start() {
    let served = Served::start("plain");
    let second = service("plain", &served.socket).run();
    second.exits(1).says("another instance has it").never_says("up");
    assert_eq!(state(&served.asked(STATUS)), "running");
    let (ending, socket, _folder) = served.term();
    ending.exits(0);
    assert!(!socket.exists());
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("admin.sock");
    fs::write(&socket, "precious").unwrap();
    service("plain", &socket).run().exits(1).says("no socket");
    assert_eq!(fs::read_to_string(&socket).unwrap(), "precious");
    fs::remove_file(&socket).unwrap();
    let _listener = UnixListener::bind(&socket).unwrap();
    let made = inode(&socket);
    service("plain", &socket).run().exits(1).says("somebody answers there");
    assert_eq!(inode(&socket), made);
}

#[test]
fn a_folder_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    for mode in [0o777, 0o1777, 0o770] {
        fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        let socket = open.join("admin.sock");
        service("plain", &socket).run().exits(1).says("others can write to");
    }
    let long = folder.path().join("x".repeat(100));
    service("plain", &long).run().exits(1).says("103 is the most");
    service("plain", &folder.path().join("absent/admin.sock")).run().exits(1).says("No such file");
}

#[test]
fn a_link_in_a_foreign_folder_is_not_followed() {
    let Some(_) = nobody() else { return };
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let [ours, foreign] = ["ours", "foreign"].map(|name| folder.path().join(name));
    [&ours, &foreign].into_iter().for_each(|path| fs::create_dir(path).unwrap());
    symlink(&ours, foreign.join("link")).unwrap();
    chown(&foreign, Some(65_534), Some(65_534)).unwrap();
    let socket = foreign.join("link/admin.sock");
    service("plain", &socket).run().exits(1).says("belongs to uid 65534");
    assert_eq!(fs::read_dir(&ours).unwrap().count(), 0);
    // The same link where nobody else can turn it.
    symlink(&ours, folder.path().join("link")).unwrap();
    let socket = folder.path().join("link/admin.sock");
    let mut child = service("plain", &socket).start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end().exits(0);
}

#[test]
fn another_user_is_refused_by_the_mode_and_behind_that_by_its_credentials() {
    let Some(nobody) = nobody() else { return };
    let served = Served::start("plain");
    let folder = served.socket.parent().unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.join("client");
    fs::copy(env!("CARGO_BIN_EXE_admin-app"), &program).unwrap();
    let said = || {
        let mut command = Command::new(nobody[0]);
        command.args(&nobody[1..]).arg("env").arg(format!("ADMIN={}", served.socket.display()));
        let output = command.arg(&program).arg("connect").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(fs::metadata(&served.socket).unwrap().mode() & 0o777, 0o600);
    assert_eq!(said(), "error PermissionDenied\n");
    fs::set_permissions(&served.socket, fs::Permissions::from_mode(0o666)).unwrap();
    let answer = said();
    assert!(answer.contains("uid 65534 may not"), "{answer}");
    assert_eq!(state(&served.asked(STATUS)), "running");
    served.term().0.exits(0);
}

/// What runs a command as another user, where this machine lets us.
fn nobody() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [
        &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"],
        &["sudo", "-n", "-u", "#65534"],
    ];
    let works = |way: &&[&str]| {
        let tried = Command::new(way[0]).args(&way[1..]).arg("true").output();
        tried.is_ok_and(|output| output.status.success())
    };
    let found = ways.into_iter().find(works);
    if found.is_none() {
        println!("not tested: no process of another user can be started here");
        assert_ne!(std::env::var("LIFECYCLE_E2E").as_deref(), Ok("all"));
    }
    found
}

#[test]
fn a_line_of_a_megabyte_is_refused_and_nobody_waits_for_it() {
    let served = Served::start("plain");
    let mut client = served.client();
    // The service lets go of it in the middle.
    let sent = client.send(&"x".repeat(1 << 20));
    let answer = client.next_line().unwrap();
    assert!(sent.is_err() || answer.is_some());
    if let Some(answer) = answer {
        assert!(answer["error"].as_str().unwrap().contains("4096 bytes"), "{answer}");
    }
    assert_eq!(client.next_line().unwrap_or_default(), None);
    // One byte less than is too much.
    let padded = format!("{STATUS}{}", " ".repeat(4_095 - STATUS.len()));
    assert_eq!(state(&served.asked(&padded)), "running");
    assert!(served.asked(&format!("{padded} "))["error"].is_string());
    served.term().0.exits(0);
}

#[test]
fn of_100_connections_8_are_served_and_the_others_are_told() {
    let served = Served::start("plain");
    let mut first = served.client();
    assert_eq!(state(&first.ask(STATUS).unwrap()), "running");
    let mut clients: Vec<_> = (0..100).map(|_| served.client()).collect();
    let mut told = 0;
    for client in &mut clients[7..] {
        let answer = client.next_line().unwrap().unwrap();
        told += usize::from(answer["error"].as_str().unwrap().contains("8 clients"));
    }
    assert_eq!(told, 93);
    let asked = Instant::now();
    assert_eq!(state(&first.ask(STATUS).unwrap()), "running");
    assert_eq!(state(&clients[6].ask(STATUS).unwrap()), "running");
    assert!(asked.elapsed() < Duration::from_secs(1));
    drop(clients);
    let until = Instant::now() + Duration::from_secs(10);
    while !served.client().ask(STATUS).is_ok_and(|answer| state(&answer) == "running") {
        assert!(Instant::now() < until, "nobody is let in again");
    }
    served.term().0.exits(0);
}

#[test]
fn a_client_that_never_reads_holds_nothing() {
    let served = Served::start("works");
    let mut deaf: Vec<_> = (0..7).map(|_| served.client()).collect();
    for client in &mut deaf {
        client.send(EVENTS).unwrap();
        // What it asks for beyond what it reads is left where it is.
        let plan = format!("{}\n", r#"{"request":"plan"}"#).repeat(100);
        for _ in 0..1 {
            client.send(plan.trim_end()).unwrap();
        }
    }
    let asked = Instant::now();
    assert_eq!(state(&served.asked(STATUS)), "running");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let (ending, socket, _folder) = served.term();
    ending.exits(0);
    assert!(ending.since_first_signal() < Duration::from_secs(2), "{ending:?}");
    assert!(!socket.exists());
}
