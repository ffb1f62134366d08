//! The plan that is proved is the plan that runs.

use lifecycle::{Plan, Platform, on_shutdown};
use lifecycle_process_tests::{Ending, Service, Signal, Stream, service};

#[on_shutdown]
async fn say_goodbye() {}

fn checked(service: Service) -> Ending {
    service.env("LIFECYCLE_PLAN", "check").run()
}

fn stopped(service: Service) -> Ending {
    let mut child = service.start();
    child.wait_for("up");
    // Until the service is ready and has looked at its plan.
    std::thread::sleep(std::time::Duration::from_millis(300));
    child.signal(Signal::TERM);
    child.end()
}

/// What the log says between the start and the stop.
#[track_caller]
fn warns_before_the_stop(ending: &Ending, text: &str) {
    let log: Vec<_> = ending.lines(Stream::Stderr).collect();
    let stop =
        log.iter().position(|line| line.contains("asks for a graceful stop")).unwrap_or(log.len());
    if !log[..stop].iter().any(|line| line.contains(text)) {
        ending.fail(&format!("should say {text:?} before the stop"));
    }
}

#[test]
fn edges_that_come_with_a_resource_are_held_against_the_grace_period_once_ready() {
    checked(service!(bin "truth-rows", "late-uses")).exits(0);
    let ending = stopped(service!(bin "truth-rows", "late-uses"));
    ending.says_in_order(&["hook: flush", "hook: close"]);
    warns_before_the_stop(&ending, "does not fit");
}

#[test]
fn hooks_that_come_at_run_time_are_held_against_the_grace_period_once_ready() {
    let ending = stopped(service!(bin "truth-rows", "late-hook"));
    ending.says("registered: true").says_in_order(&["hook: audit", "hook: close"]);
    warns_before_the_stop(&ending, "does not fit");
}

#[test]
fn a_check_says_that_it_knows_no_hook_of_run_time() {
    checked(service!(bin "truth-rows", "late-hook")).exits(0).says("run time");
}

/// The outbox has the pool, and no edge says so: the pool may be closed under the flush.
#[test]
fn who_takes_and_stands_beside_others_is_hinted_at() {
    let ending = checked(service!(bin "truth-rows", "outbox"));
    let hint = ending.lines(Stream::Stdout).chain(ending.lines(Stream::Stderr));
    let hint: Vec<_> = hint.filter(|line| line.contains("after = []")).collect();
    assert!(hint.len() == 1 && hint[0].contains("close"), "{ending}");
    warns_before_the_stop(&stopped(service!(bin "truth-rows", "outbox")), "after = []");
}

#[test]
fn an_empty_after_says_that_the_order_was_thought_of() {
    checked(service!(bin "truth-rows", "outbox-ordered")).exits(0).never_says("after = []");
    stopped(service!(bin "truth-rows", "outbox-ordered")).exits(0).never_says("after = []");
}

#[test]
fn uses_in_the_attribute_is_seen_by_the_check() {
    checked(service!(bin "truth-rows", "written-uses")).exits(78).says("does not fit");
}

#[test]
fn what_is_reserved_for_hooks_of_run_time_is_counted_by_the_check() {
    checked(service!(bin "truth-rows", "reserved")).exits(78).says("does not fit");
}

#[test]
fn a_hook_of_a_library_whose_resource_never_comes_is_told_with_what_to_write() {
    let ending = stopped(service!(bin "truth-rows", "never-provided"));
    warns_before_the_stop(&ending, "without");
}

#[test]
fn a_hook_for_what_may_not_be_there_is_clean_without_it() {
    let service = || service!(bin "truth-rows", "if-provided");
    stopped(service()).exits(0).says("report clean: true").never_says("hook: close");
    stopped(service().arg("provides")).exits(0).says("hook: close where there is one");
    checked(service()).exits(0).says("1s");
}

#[test]
fn one_hook_with_nothing_written_fits_every_platform() {
    let plan = Plan::collect().unwrap().only::<say_goodbye>();
    for platform in [
        Platform::Kubernetes,
        Platform::Ecs,
        Platform::Systemd,
        Platform::Nomad,
        Platform::CloudRun,
        Platform::Container,
        Platform::Unknown,
    ] {
        let fits = plan.fits(platform);
        assert!(fits.is_ok(), "{platform:?}: {}", fits.unwrap_err());
    }
    let json = plan.to_json();
    assert!(json.contains(r#""timeout_is_default": true"#), "{json}");
}

#[test]
fn a_program_with_one_hook_and_nothing_written_starts_without_a_warning() {
    for (variable, value) in [("NOMAD_ALLOC_ID", "1"), ("LIFECYCLE_GRACE_PERIOD", "10s")] {
        let service = || service!(bin "truth-rows", "nothing-written").env(variable, value);
        checked(service()).exits(0);
        let ending = stopped(service());
        ending.exits(0).says("hook: goodbye").never_says("WARN").never_says("does not fit");
    }
}

/// A share of less than half a second is none.
#[test]
fn a_grace_period_that_leaves_a_hook_too_little_does_not_fit() {
    let service = service!(bin "truth-rows", "nothing-written");
    checked(service.env("LIFECYCLE_GRACE_PERIOD", "600ms")).exits(78).says("does not fit");
}
