//! What is left behind once the report is there: the process goes all the same, with the report's
//! code, and says who is left.

use std::time::Duration;

use lifecycle_deadline_tests::has_elapsed;
use lifecycle_process_tests::{Ending, Service, Signal, Stream, all, service};

fn stopped(service: Service) -> Ending {
    let mut child = service.env("RUST_BACKTRACE", "0").start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end()
}

/// After a stop by signal, the exit timeout runs from the report.
#[test]
fn a_thread_that_main_waits_for_is_named_and_the_code_stays() {
    all(&["current_thread", "2"], |runtime| {
        let service = service!(bin "deadline-hold", runtime, "main-leaks");
        let ending = stopped(service.env("LIFECYCLE_EXIT_TIMEOUT", "400ms"));
        ending.exits(0).says("did not end in time: exit 0; threads still there").says("uploader");
        if ending.since_first_signal() < Duration::from_millis(400) {
            ending.fail("went before its exit timeout");
        }
        ending.ends_within(Duration::from_secs(5));
    });
}

/// The code of an unclean report stays as well.
#[test]
fn the_exit_timeout_keeps_the_code_of_the_report() {
    let service = service!(bin "deadline-hold", "2", "hook-blocks");
    let ending = stopped(
        service.env("LIFECYCLE_EXIT_TIMEOUT", "200ms").env("LIFECYCLE_GRACE_PERIOD", "20s"),
    );
    ending.exits(70).says("did not end in time: exit 70").ends_within(Duration::from_secs(8));
}

/// The attribute's runtime gets half of the time that is left, and what it leaves behind is said.
#[test]
fn the_attribute_says_what_its_runtime_leaks() {
    all(&["current_thread", "workers"], |runtime| {
        let service = service!(bin "deadline-attribute", runtime);
        let ending = stopped(service.env("LIFECYCLE_EXIT_TIMEOUT", "800ms"));
        ending.exits(0);
        let said = |line: &str| {
            line.contains("the runtime did not end within")
                && line.contains("threads still there")
                && line.contains("tokio-rt-worker")
                && has_elapsed(line)
        };
        if !ending.lines(Stream::Stderr).any(said) {
            ending.fail("does not say what it leaked");
        }
        ending.never_says("did not end in time").ends_within(Duration::from_secs(5));
    });
}

#[test]
fn an_attribute_that_leaks_nothing_says_nothing() {
    all(&["current_thread", "workers"], |runtime| {
        let ending = stopped(service!(bin "deadline-attribute", runtime, "obedient"));
        ending.exits(0).never_says("still there");
    });
}
