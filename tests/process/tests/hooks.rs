//! Hooks: those that are registered at run time, and those that do not do as they should.

use lifecycle_process_tests::{Signal, service};

#[test]
fn they_are_registered_in_every_state_until_what_comes_after_them_has_begun() {
    let ending = service!("register").run();
    ending.exits(0);
    for (name, state) in [
        ("before", "starting"),
        ("starting", "starting"),
        ("running", "running"),
        ("delaying", "delaying"),
        ("draining", "draining"),
        ("stopping", "stopping"),
    ] {
        ending
            .says(&format!("{name}: accepted while {state}"))
            .says_times(&format!("ran {name}"), 1);
    }
    for (name, state, why) in [
        ("late", "stopping", "hooks that have to come after it have started"),
        ("stopped", "stopped", "the lifecycle has stopped"),
    ] {
        ending
            .says(&format!("{name}: turned away while {state}: "))
            .never_says(&format!("ran {name}"));
        let error = format!("`{name}` (tests/process/src/bin/app/registered.rs:");
        assert!(ending.count(&error) > 0 && ending.count(why) > 0, "{ending}");
    }
}

#[test]
fn handles_order_them_number_them_and_take_them_out() {
    let ending = service!("handles").run();
    ending.exits(0).says_in_order(&["first ends", "second starts"]);
    ending.says_in_order(&["hook: note", "third", "second starts"]);
    for name in ["conn", "conn#2", "conn#3", "last"] {
        ending.says_times(&format!("outcome of {name}: completed"), 1);
    }
    ending
        .says("unregister: true")
        .says("unregister again: false")
        .says("unregister what has run: false");
    ending.never_says("gone after all").never_says("outcome of gone");
}

#[test]
fn a_second_step_runs_when_the_first_was_cancelled_and_is_counted() {
    let ending = service!("second-step").run();
    ending.exits(70).says_in_order(&["first step dropped", "second step", "after flaky"]);
    ending.says("outcome of flaky: timed out").says("outcome of after: completed");
    // 150 ms, 1 s for the second step, 2 s for what comes after.
    ending.says("worst_case=\"3.15s\"");
}

#[test]
fn the_environment_has_the_last_word_on_registered_ones_too() {
    let ending = service!("second-step").env("LIFECYCLE_HOOK_TIMEOUT__FLAKY", "50ms").run();
    ending.exits(70).says("worst_case=\"3.05s\"");
}

#[test]
fn a_timeout_cancels_and_its_destructors_run_before_the_successor() {
    let ending = service!("hanging").run();
    ending.exits(70).says_in_order(&["hangs dropped", "hook: after_hangs"]);
    ending.says("outcome of process_app::hooks::hangs: timed out");
}

#[test]
fn one_that_cannot_be_stopped_is_named_and_its_successors_run() {
    let mut child = service!("stuck").quiet().start();
    // While it happens, and not in the end only.
    child.wait_for("is stuck: it has been running for");
    child.wait_for("hook: after_sticks");
    child.tell("go");
    let ending = child.end();
    ending
        .exits(70)
        .says("hook: after_sticks")
        .says("outcome of process_app::hooks::sticks: stuck");
    ending
        .says("lifecycle: hook `process_app::hooks::sticks` (tests/process/src/bin/app/hooks.rs:");
}

#[test]
fn one_that_panics_or_fails_releases_its_successors_with_its_text_kept() {
    let ending = service!("panics").run();
    ending.exits(70).says("hook: after_panics");
    ending
        .says("outcome of process_app::hooks::panics: panicked: no such luck at amqp://app:***@mq");

    let ending = service!("fails").run();
    ending.exits(70).says("hook: after_fails");
    ending.says(
        "outcome of process_app::hooks::fails: failed: the broker at amqp://app:***@mq is gone",
    );
}

#[test]
fn a_full_blocking_pool_does_not_starve_them() {
    let ending = service!("full-pool").run();
    ending.exits(0).says_in_order(&["the pool is full", "hook: calls_in 7"]).says("hook: note");
}

#[test]
fn one_that_asks_for_a_stop_again_changes_nothing() {
    let ending = service!("again").run();
    ending.exits(0).says("hook: asks_again while stopping").says("reason: main returned");
}

#[test]
fn without_any_the_stop_is_as_orderly() {
    service!("no-hooks").run().exits(0).never_says("outcome of");
    let mut child = service!(bin "process-bare", "listens").start();
    child.wait_for("up");
    child.signal(Signal::TERM);
    child.end().exits(0).says("stopped cleanly");
}
