//! The supervisor as a process: what it starts, and how all of it ends.

use std::{fs, path::PathBuf, thread, time::Duration};

use lifecycle_admin_tests::Client;
use lifecycle_children_tests::{cookie, left_after};
use lifecycle_process_tests::{Child, Service, Signal};

const SOON: Duration = Duration::from_secs(15);

/// A file of services, whose `COOKIE` is in the command line of everything that they start.
struct Services {
    folder: tempfile::TempDir,
    cookie: String,
}

impl Services {
    fn new(of: &str, text: &str) -> Self {
        let services = Self { folder: tempfile::tempdir().expect("a folder"), cookie: cookie(of) };
        services.write(text);
        services
    }

    fn write(&self, text: &str) {
        fs::write(self.path(), text.replace("COOKIE", &self.cookie)).expect("a file");
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("services.toml")
    }

    fn start(&self) -> Child {
        Service::at(env!("CARGO_BIN_EXE_supervisor")).arg(self.path()).start()
    }

    fn none_is_left(&self) {
        assert_eq!(left_after(&self.cookie, SOON), [""; 0]);
    }
}

const THREE: &str = r#"
[service.database]
command = ["sh", "-c", "trap 'echo gone; exit 0' INT; trap 'echo wrong' TERM; echo up; while :; do sleep 0.02; done", "COOKIE"]
stop_signal = "SIGINT"

[service.api]
command = ["sh", "-c", "trap 'sleep 0.2; echo gone; exit 0' TERM; echo up; while :; do sleep 0.02; done", "COOKIE"]
after = ["database"]

[service.beside]
command = ["sh", "-c", "trap 'echo asked; sleep 0.2; echo gone; exit 0' TERM; echo up; while :; do sleep 0.02; done", "COOKIE"]
"#;

#[test]
fn services_stop_in_the_opposite_order_and_by_their_own_signals() {
    let services = Services::new("order", THREE);
    let mut supervisor = services.start();
    supervisor.wait_for_nth("| up", 3);
    supervisor.wait_for("3 services run");
    supervisor.signal(Signal::TERM);
    let ending = supervisor.end();
    ending.exits(0).never_says("wrong");
    ending.says_in_order(&["database | up", "api | up", "api | gone", "database | gone"]);
    // Who has nobody to wait for does not wait.
    ending.says_in_order(&["beside | asked", "api | gone"]);
    services.none_is_left();
}

#[test]
fn an_interrupt_takes_the_same_path() {
    let services = Services::new("interrupt", THREE);
    let mut supervisor = services.start();
    supervisor.wait_for_nth("| up", 3);
    supervisor.wait_for("3 services run");
    supervisor.signal(Signal::INT);
    supervisor.end().exits(0).says_in_order(&["api | gone", "database | gone"]);
    services.none_is_left();
}

/// Whoever asks has the answer before the stop, follows it, and takes the end of the connection for
/// success.
#[test]
fn a_request_by_socket_starts_the_whole_stop_and_the_socket_is_gone_after_it() {
    let services = Services::new("socket", "");
    let socket = services.folder.path().join("admin.sock");
    services.write(&format!("admin = '{}'\n{THREE}", socket.display()));
    let supervisor = services.start();
    supervisor.wait_for_nth("| up", 3);
    supervisor.wait_for("3 services run");
    let mut client = Client::connect(&socket).expect("a socket");
    let answer = client.ask(r#"{"request":"shutdown","reason":"an operator"}"#).expect("an answer");
    assert_eq!(answer["shutdown"], "accepted", "{answer}");
    client.rest().expect("it ends with the stop");
    supervisor.end().exits(0).says_in_order(&["api | gone", "database | gone"]);
    services.none_is_left();
    assert!(!socket.exists());
}

/// Whatever a file says, and whatever a service does.
#[test]
fn the_whole_stop_is_over_in_its_limit() {
    let mule = "command = ['sh', '-c', \"trap '' TERM; echo up; while :; do sleep 0.05; done\", 'COOKIE']\nstop_timeout = '10m'\n";
    let services = Services::new("limit", &format!("grace = '2s'\n[service.mule]\n{mule}"));
    let mut supervisor = services.start();
    supervisor.wait_for("| up");
    supervisor.wait_for("1 services run");
    supervisor.signal(Signal::TERM);
    supervisor.end_within(Duration::from_secs(2)).exits(70).says("killed");
    services.none_is_left();

    let services = Services::new("cap", &format!("grace = '10m'\n[service.mule]\n{mule}"));
    let mut supervisor = services.start();
    supervisor.wait_for("grace period 30s");
    supervisor.signal(Signal::TERM);
    supervisor.next_signal(Signal::INT);
    supervisor.next_signal(Signal::INT);
    supervisor.next_signal(Signal::INT);
    let _ = supervisor.end();
    services.none_is_left();
}

#[test]
fn who_does_not_stop_in_its_time_is_killed_with_all_that_it_started() {
    let services = Services::new(
        "mule",
        r#"
[service.mule]
command = ["sh", "-c", "trap '' TERM; setsid sh -c 'sleep 60; :' COOKIE & echo up; while :; do sleep 0.05; done", "COOKIE"]
stop_timeout = "300ms"
"#,
    );
    let mut supervisor = services.start();
    supervisor.wait_for("| up");
    supervisor.wait_for("1 services run");
    supervisor.signal(Signal::TERM);
    supervisor.end().exits(70).says("did not end by SIGTERM in 300.0ms: killed");
    services.none_is_left();
}

#[test]
fn a_reload_stops_what_is_gone_and_starts_what_is_new() {
    let service = |name: &str, after: &str| {
        format!(
            "[service.{name}]\ncommand = [\"sh\", \"-c\", \"echo $$ up; exec sleep 60\", \"COOKIE\"]\nafter = [{after}]\n"
        )
    };
    let services = Services::new("reload", &[service("a", ""), service("b", "'a'")].concat());
    let mut supervisor = services.start();
    supervisor.wait_for("2 services run");
    supervisor.wait_for("b | ");
    services.write(&[service("a", ""), service("c", "'a'")].concat());
    supervisor.signal(Signal::HUP);
    supervisor.wait_for("b is gone");
    supervisor.wait_for("is read anew: 2 services run");
    services.write("[service.a]\ncommand = []\n");
    supervisor.signal(Signal::HUP);
    supervisor.wait_for("service `a` has no command; all stays as it is");
    supervisor.signal(Signal::TERM);
    let ending = supervisor.end();
    ending.exits(0).says_times("a runs", 1).says_times("c runs", 1);
    services.none_is_left();
}

#[test]
fn a_file_that_is_wrong_is_told_with_its_place_and_nothing_starts() {
    for (text, said) in [
        (
            "[service.a]\ncommand = ['true']\nstop_signal = 'SIGKILL'\n",
            "`SIGKILL` is no signal to stop by",
        ),
        ("[service.a]\ncommand = ['true']\nstop_timeout = '5 parsecs'\n", "line 3"),
        ("[service.a]\ncommand = ['true']\nafter = ['b']\n", "comes after `b`, which is not there"),
        ("[service.a]\ncommand = []\n", "service `a` has no command"),
        (
            "[service.a]\ncommand = ['true']\nafter = ['b']\n[service.b]\ncommand = ['true']\nafter = ['a']\n",
            "these come after one another: a, b",
        ),
        ("[service.a]\ncomand = ['true']\n", "unknown field `comand`"),
    ] {
        let services = Services::new("wrong", text);
        services.start().end().exits(78).says(said).says("services.toml");
    }
}

#[test]
fn a_program_that_is_not_there_ends_all_that_was_started() {
    let services = Services::new(
        "missing",
        "[service.a]\ncommand = ['sleep', '60', 'COOKIE']\n[service.b]\ncommand = ['/no/such/program']\n",
    );
    services.start().end().exits(1).says("`b` cannot be started");
    services.none_is_left();
}

#[test]
fn what_fails_is_started_again() {
    let services = Services::new(
        "fails",
        "[service.a]\ncommand = ['sh', '-c', 'echo began; exit 3', 'COOKIE']\n",
    );
    let mut supervisor = services.start();
    supervisor.wait_for_nth("| began", 3);
    supervisor.signal(Signal::TERM);
    let _ = supervisor.end();
    services.none_is_left();
}

/// As an image's entry point: who is process 1 has to listen to be stopped, and has no init.
#[test]
fn as_process_1_it_stops_as_well() {
    let services = Services::new("pid1", THREE);
    let is_possible =
        std::process::Command::new("unshare").args(["-pf", "--mount-proc", "true"]).status();
    if !is_possible.is_ok_and(|status| status.success()) {
        let demanded = std::env::var("LIFECYCLE_E2E").as_deref() == Ok("all");
        assert!(!demanded, "no namespace of processes can be had here");
        println!("not possible here: a namespace of processes (unshare)");
        return;
    }
    let supervisor = Service::at("unshare")
        .args(["--pid", "--fork", "--mount-proc", "--kill-child", env!("CARGO_BIN_EXE_supervisor")])
        .arg(services.path())
        .start();
    supervisor.wait_for_nth("| up", 3);
    supervisor.wait_for("3 services run");
    // The signal is for the process in there, not for who made its namespace.
    let inside = fs::read_to_string(format!("/proc/{0}/task/{0}/children", supervisor.pid()));
    let inside = inside.expect("its children").trim().parse().expect("one");
    thread::sleep(Duration::from_millis(50));
    lifecycle_children_tests::kill("-TERM", inside);
    supervisor.end().exits(0).says_in_order(&["api | gone", "database | gone"]);
    services.none_is_left();
}
