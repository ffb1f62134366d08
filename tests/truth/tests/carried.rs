//! Admission that is carried, receives that are not dropped, and tokens.

use lifecycle_process_tests::{Ending, Service, Signal, service};

fn stopped_at(service: Service, line: &str) -> Ending {
    let mut child = service.start();
    child.wait_for(line);
    child.signal(Signal::TERM);
    child.end()
}

#[test]
fn what_an_admitted_request_spreads_over_tasks_and_threads_is_admitted() {
    stopped_at(service!(bin "truth-rows", "inherits"), "up")
        .exits(0)
        .says("order: 10")
        .says("outside: true");
}

#[test]
fn a_receive_under_way_may_end_and_what_it_brings_is_handled() {
    stopped_at(service!(bin "truth-rows", "settles"), "receiving 2")
        .exits(0)
        .says_in_order(&["received 2", "handled 2"])
        .never_says("receiving 3");
}

#[test]
fn a_receive_that_takes_longer_is_dropped_in_time() {
    stopped_at(service!(bin "truth-rows", "settles", "slow"), "receiving 1")
        .exits(0)
        .never_says("received 1")
        .ends_within(std::time::Duration::from_millis(2_500));
}

#[test]
fn who_asks_for_a_token_listens() {
    stopped_at(service!(bin "truth-rows", "tokens"), "up").exits(0).says_in_order(&[
        "requested, draining: false",
        "last work",
        "last work done",
    ]);
}
