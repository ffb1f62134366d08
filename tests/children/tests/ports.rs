//! Who listens on the port of a child that is gone: the child's own are killed, and nobody else is.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    os::fd::OwnedFd,
    process::{Child as Foreign, Command as Program, Stdio},
    time::Duration,
};

use lifecycle::process::{Command, StopError, Stopped};
use lifecycle_children_tests::{kill, namespace::is_inside};

const OWNER: &str = env!("CARGO_BIN_EXE_children-owner");

fn shell(script: &str, port: u16) -> Command {
    Command::new("sh").args(["-c", script]).stop_timeout(Duration::from_millis(300)).port(port)
}

/// Starts it, and stops it a little later.
async fn stop(command: Command) -> Result<Stopped, StopError> {
    let child = command.spawn().unwrap_or_else(|error| panic!("{error}"));
    tokio::time::sleep(Duration::from_millis(150)).await;
    child.stop().await
}

fn port_of(listener: &TcpListener) -> u16 {
    listener.local_addr().expect("an address").port()
}

/// A port that nobody has.
fn free_port() -> u16 {
    port_of(&TcpListener::bind("127.0.0.1:0").expect("a port"))
}

fn own() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = port_of(&listener);
    (listener, port)
}

/// A process that has nothing to do with us, and listens.
fn foreign() -> (Foreign, u16) {
    let port = free_port();
    let mut command = Program::new(OWNER);
    command.args(["listens", "nobody", &port.to_string()]).stdout(Stdio::piped());
    let mut foreign = command.spawn().expect("a program");
    wait_for(["listens"], &mut foreign);
    (foreign, port)
}

/// In any order.
fn wait_for<const N: usize>(words: [&str; N], of: &mut Foreign) {
    let mut missing = Vec::from(words);
    let lines = BufReader::new(of.stdout.as_mut().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        missing.retain(|word| *word != line);
        if missing.is_empty() {
            return;
        }
    }
    panic!("it never said {missing:?}");
}

fn name() -> String {
    std::fs::read_to_string("/proc/self/comm").expect("a name").trim_end().to_owned()
}

#[track_caller]
fn assert_open(port: u16) {
    TcpStream::connect(("127.0.0.1", port)).expect("it still listens");
}

#[tokio::test]
async fn a_listener_of_another_process_is_named_and_left_alone() {
    let (mut foreign, port) = foreign();
    let error = stop(shell("exec sleep 60", port)).await.expect_err("the port is held");
    let held = format!("port {port} is still held by children-owner ({})", foreign.id());
    assert_eq!(error.to_string(), format!("`sh`: {held}: none of its processes, and left alone"));
    // In the line of the report as well.
    assert!(error.stopped().to_string().contains(&held), "{}", error.stopped());
    assert!(foreign.try_wait().expect("a child").is_none(), "it was killed");
    assert_open(port);
    let _ = (foreign.kill(), foreign.wait());
}

#[tokio::test]
async fn a_listener_of_the_service_itself_is_named_and_left_alone() {
    let (_listener, port) = own();
    let error = stop(shell("exec sleep 60", port)).await.expect_err("the port is held");
    let held = format!("port {port} is still held by {} ({})", name(), std::process::id());
    assert!(error.to_string().contains(&held), "{error}");
    assert_open(port);
}

#[tokio::test]
async fn who_holds_a_port_is_said_also_where_the_child_had_to_be_killed() {
    let (_listener, port) = own();
    let stopped = stop(shell("trap '' TERM; while :; do sleep 0.02; done", port)).await;
    let Err(StopError::Killed(stopped)) = stopped else { panic!("{stopped:?}") };
    assert_eq!(stopped.ports.len(), 1, "{stopped}");
    assert!(stopped.to_string().contains(&format!("port {port} is still held by")), "{stopped}");
}

/// A daemon has left its group and its parent, and is ours.
#[tokio::test]
async fn a_listener_that_a_child_leaves_behind_is_killed_and_its_port_is_free() {
    let port = free_port();
    let script = format!("(setsid {OWNER} listens daemon {port} &); exec sleep 60");
    let child = shell(&script, port).spawn().unwrap_or_else(|error| panic!("{error}"));
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let stopped = child.stop().await;
    let Err(StopError::Killed(stopped)) = stopped else { panic!("{stopped:?}") };
    assert!(stopped.ports.is_empty(), "{stopped}");
    // Not `bind` of std, which would bind beside what is left of connections.
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_socket_that_was_passed_on_is_left_to_process_1_and_to_the_service() {
    if is_inside("a_socket_that_was_passed_on_is_left_to_process_1_and_to_the_service") {
        passed_on();
    }
}

#[test]
fn a_socket_that_was_passed_on_is_left_to_who_started_the_service() {
    passed_on();
}

/// As systemd does: this process has the socket, the service has it from here, and its child too.
fn passed_on() {
    let (listener, port) = own();
    let mut command = Program::new(OWNER);
    command.args(["passed", "nobody", &port.to_string()]);
    // Without what steers the library.
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("a path"));
    command.stdin(OwnedFd::from(listener.try_clone().expect("a copy")));
    let mut service = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    wait_for(["started", "up"], &mut service);
    kill("-TERM", service.id());
    let pid = service.id();
    let output = service.wait_with_output().expect("ended");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(70), "{said}");
    let line = said.lines().find(|line| line.contains(&format!("port {port} is still held by")));
    let line = line.unwrap_or_else(|| panic!("{said}"));
    for holder in
        [format!("{} ({})", name(), std::process::id()), format!("children-owner ({pid})")]
    {
        assert!(line.contains(&holder), "{holder}: {line}");
    }
    assert_open(port);
}
