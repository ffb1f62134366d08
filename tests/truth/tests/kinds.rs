//! Every kind of service, stopped.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use lifecycle_process_tests::{Child, Ending, Signal, Stream, service};

const CTRL_C: u8 = 3;

/// The address in `<what> at 127.0.0.1:4711`.
fn address(child: &Child, what: &str) -> String {
    let line = child.wait_for(&format!("{what} at "));
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Sends `request` and reads all that comes.
fn ask(address: &str, request: &str) -> String {
    let mut answer = String::new();
    let asked = TcpStream::connect(address).and_then(|mut stream| {
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    });
    if let Err(error) = asked {
        answer += &error.to_string();
    }
    answer
}

fn get(address: &str, path: &str) -> String {
    ask(address, &format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"))
}

/// As many lines say the one as the other.
#[track_caller]
fn balances(ending: &Ending, begun: &str, done: &str) {
    ending.says_times(done, ending.count(begun));
}

#[test]
fn a_worker_acknowledges_what_it_received() {
    let mut child = service!(bin "truth-worker").start();
    child.wait_for("began 3");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0).says_in_order(&["acknowledged 3", "main returns", "disconnected"]);
    balances(&ending, "began ", "acknowledged ");
}

#[test]
fn of_two_servers_one_stops_accepting_and_the_other_answers_until_all_is_done() {
    let mut child = service!(bin "truth-servers").start();
    let (orders, health) = (address(&child, "orders"), address(&child, "health"));
    let request = thread::spawn(move || ask(&orders, ""));
    child.wait_for("order began");
    child.signal(Signal::TERM);
    child.wait_for("orders: no more");
    assert_eq!(ask(&health, ""), "busy");
    assert_eq!(request.join().unwrap(), "placed");
    child
        .end()
        .exits(0)
        .says_in_order(&["order placed", "health: no more", "main returns"])
        .ends_within(Duration::from_secs(2));
}

/// Workers of actix have runtimes of their own, and rayon's threads have none.
#[test]
fn actix_answers_a_request_that_computes_on_rayon() {
    let mut child = service!(bin "truth-actix").start();
    let server = address(&child, "up");
    let request = thread::spawn(move || get(&server, "/picture"));
    child.wait_for("picture began");
    child.signal(Signal::TERM);
    let answer = request.join().unwrap();
    assert!(answer.contains("200 OK") && answer.contains("parts: 3"), "{answer}");
    child.end().exits(0).says_in_order(&["picture done", "main returns", "palette put away"]);
}

/// Nothing of main's asks for a milestone, and nothing is tracked: it is told what to write.
#[test]
fn actix_alone_in_main_is_told_what_to_write() {
    let mut child = service!(bin "truth-actix-bare").quiet().start();
    let server = address(&child, "up");
    assert!(get(&server, "/").contains("plain"));
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0);
    let ours: Vec<_> =
        ending.lines(Stream::Stderr).filter(|line| line.starts_with("lifecycle: ")).collect();
    assert!(ours.len() == 1 && ours[0].contains("draining()"), "{ending}");
}

#[test]
fn a_scheduler_finishes_what_it_started_and_starts_no_more() {
    let mut child = service!(bin "truth-scheduler").start();
    child.wait_for("began 4");
    child.signal(Signal::TERM);
    let ending = child.end();
    ending.exits(0).says_in_order(&["main returns", "catalogue written"]);
    balances(&ending, "began ", "ended ");
}

#[test]
fn ctrl_c_at_a_terminal_is_all_that_a_small_program_needs() {
    let mut child = service!(bin "truth-ctrl-c").quiet().on_terminal().start();
    child.wait_for("press Ctrl-C");
    child.press(CTRL_C);
    child.end().exits(0).says_in_order(&["main returns", "goodbye"]);
}

#[test]
fn hooks_of_a_library_are_in_the_plan_of_each_program_that_names_it() {
    let mut child = service!(bin "truth-ledger-api").start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end().exits(0).says("totals of orders").says_in_order(&[
        "main returns",
        "ledger orders flushed",
        "ledger orders closed",
    ]);

    let import = service!(bin "truth-ledger-import").run();
    import.exits(0).says_in_order(&["entered 5", "ledger import flushed", "ledger import closed"]);

    let plan =
        |service: lifecycle_process_tests::Service| service.env("LIFECYCLE_PLAN", "text").run();
    plan(service!(bin "truth-ledger-api")).exits(0).says("post_totals").says("ledger::close");
    plan(service!(bin "truth-ledger-import"))
        .exits(0)
        .says("ledger::close")
        .never_says("post_totals");
    plan(service!(bin "truth-ctrl-c")).exits(0).never_says("ledger");
}

/// The entry that was begun is entered, the next is turned away, and how the job ends says so.
#[test]
fn a_job_over_a_library_ends_between_two_of_its_calls() {
    let mut child = service!(bin "truth-ledger-import").start();
    child.wait_for("entered 1");
    // The next one is under way by then.
    thread::sleep(Duration::from_millis(20));
    child.signal(Signal::INT);
    let ending = child.end();
    ending.is_killed_by(Signal::INT).says("entered 2").never_says("entered 5");
    ending.says_in_order(&["ledger import flushed", "ledger import closed"]);
}
