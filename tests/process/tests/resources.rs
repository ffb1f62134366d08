//! Resources, from `provide` to the last destructor.

use lifecycle_process_tests::{Service, Signal, all, service};

#[test]
fn a_second_one_in_a_running_lifecycle_is_a_mistake_with_two_places() {
    let ending = service!("twice").run();
    let place = |which: &str| {
        let line = ending
            .lines(lifecycle_process_tests::Stream::Stdout)
            .find(|line| line.starts_with(which));
        line.and_then(|line| line.strip_prefix(which))
            .unwrap_or_else(|| ending.fail("no place"))
            .to_owned()
    };
    let (first, second) = (place("first at "), place("second at "));
    ending.exits(1).says("main panicked: a `process_app::resources::Counter` was provided at");
    ending.says(&format!(
        "provided at {first} and again at {second}; use lifecycle::resource::replace"
    ));
    ending.says("hook: counter 1");
}

#[test]
fn before_run_a_second_one_replaces_and_replace_always_does() {
    service!("replaced").run().exits(0).says("hook: counter 2");
    service!("replaced", "replace").run().exits(0).says("replaced 2").says("hook: counter 3");
}

#[test]
fn once_hooks_run_it_is_too_late_and_the_value_comes_back() {
    let ending = service!("too-late").run();
    ending.exits(0).never_says("accepted");
    ending.says(
        "turned away: `process_app::resources::Counter` was provided at tests/process/src/bin/app/",
    );
    ending.says("after hooks had begun to run").says("given back: 4");
}

#[test]
fn a_hook_that_lacks_one_is_skipped_which_is_clean_only_when_start_up_had_failed() {
    let skipped = "skipped: `process_app::resources::Absent` was never provided";
    let cases = [("", 70, true), ("fails", 1, false), ("ready", 70, true)];
    all(&cases, |(flag, code, is_problem)| {
        let ending = service!("missing", flag).run();
        ending.exits(*code).says(&format!("outcome of process_app::resources::lacks: {skipped}"));
        ending.never_says("hook: lacks").says("hook: note");
        let problem = "problem: hook `process_app::resources::lacks` (tests/process/src/bin/app/resources.rs:";
        ending.says_times(problem, usize::from(*is_problem));
    });
}

#[test]
fn what_will_be_missing_is_warned_of_when_the_service_is_up_with_near_misses() {
    let mut child = service!("near-miss").start();
    let place = child.wait_for("provided at ");
    let place = place.trim_start_matches("provided at ");
    let warning = child.wait_for("would be skipped");
    child.signal(Signal::TERM);
    let ending = child.end();
    for part in [
        "hook `process_app::resources::closes_ledger` (tests/process/src/bin/app/resources.rs:",
        "`process_app::resources::Ledger` was never provided",
        &format!("Arc<process_app::resources::Ledger>` was, at {place}"),
        "lifecycle::provide it, or make the parameter an Option",
    ] {
        assert!(warning.contains(part), "{part}: {ending}");
    }
    ending.exits(70).never_says("hook: closes_ledger");
}

#[test]
fn what_is_optional_is_not_missed() {
    let ending = service!("optional").run();
    ending.exits(0).says("hook: asks false false").never_says("would be skipped");
}

#[test]
fn what_nobody_took_is_dropped_last_provided_first() {
    let ending = service!("leftovers").run();
    ending.exits(0).says_in_order(&[
        "hook: takes_two",
        "two dropped",
        "the last dropped",
        "three dropped",
        "one dropped",
        "outcome of",
    ]);
    ending.says_times("dropped", 4);
}

#[test]
fn who_takes_comes_after_who_borrows_also_through_what_it_uses() {
    service!("owners").run().exits(0).says_in_order(&["hook: checks ends", "hook: closes starts"]);
    service!("uses").run().exits(0).says_in_order(&["hook: flushes ends", "hook: closes starts"]);
    // The control: without a word there is no edge.
    service!("uses", "unsaid")
        .run()
        .exits(0)
        .says_in_order(&["hook: closes starts", "hook: flushes ends"]);
}

#[test]
fn what_a_stuck_hook_borrows_is_cloned_for_its_taker_or_kept_from_it() {
    a_stuck_hook_keeps_it(service!("borrowed"), "keeps");
}

#[test]
fn what_a_stuck_hook_counts_as_borrowing_is_cloned_for_its_taker_or_kept_from_it() {
    a_stuck_hook_keeps_it(service!("borrowed", "uses"), "reaches");
}

fn a_stuck_hook_keeps_it(service: Service, hook: &str) {
    let ending = service.run();
    ending.exits(70).says("hook: takes_shared 5").never_says("hook: takes_plain");
    ending.says(&format!("outcome of process_app::resources::{hook}: stuck"));
    ending.says("outcome of process_app::resources::takes_shared: completed");
    ending.says(&format!(
        "outcome of process_app::resources::takes_plain: skipped: `process_app::resources::Plain` is still borrowed \
         by process_app::resources::{hook}",
    ));
}
