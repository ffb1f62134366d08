//! Loops that are stopped in the middle of a round: no round is cut that had begun.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use lifecycle_process_tests::{Ending, Exit, Service, Signal, Stream, all, service};
use lifecycle_truth_tests::PLACES;

const FORMS: [&str; 6] =
    ["until-draining", "select", "spawned", "acknowledged", "state", "clean-up"];

/// How many stops of each loop in README and docs.
const STOPS: u64 = 300;
/// How many of each form that is only written here.
const STOPS_OF_FORMS: u64 = 50;

fn looping(which: &str, step: &str) -> Service {
    service!(bin "truth-loops", which, step).quiet()
}

/// No round was cut, or the cut was named and is no success.
fn tells_the_truth(ending: &Ending) -> bool {
    let cut = ending.count("began ").saturating_sub(ending.count("ended"));
    let named = ending.lines(Stream::Stderr).any(|line| line.starts_with("lifecycle: "));
    cut == 0 || (named && ending.exit() != Exit::Code(0))
}

/// The stop comes so long after this line of a loop whose steps take 150 ms.
#[track_caller]
fn no_round_is_cut(form: &str, line: &str, later: u64) {
    let mut child = looping(form, "150").start();
    child.wait_for(line);
    thread::sleep(Duration::from_millis(later));
    child.signal(Signal::TERM);
    let ending = child.end();
    if ending.count("ended") != ending.count("began ") {
        ending.fail("cut a round that had begun");
    }
    ending.exits(0).says_in_order(&["began ", "ended", "main returns"]);
}

#[track_caller]
fn finishes_the_round_that_it_stops_in(form: &str) {
    no_round_is_cut(form, "began 2", 50);
}

#[test]
fn a_loop_that_until_draining_ends_finishes_its_round() {
    finishes_the_round_that_it_stops_in("until-draining");
}

#[test]
fn a_loop_that_select_ends_finishes_its_round() {
    finishes_the_round_that_it_stops_in("select");
}

#[test]
fn a_loop_in_a_task_that_main_awaits_finishes_its_round() {
    finishes_the_round_that_it_stops_in("spawned");
}

#[test]
fn a_loop_that_looks_at_the_state_finishes_its_round() {
    finishes_the_round_that_it_stops_in("state");
}

/// The tracked call is over, and what follows it is main's own.
#[test]
fn an_acknowledgement_after_a_tracked_call_is_not_cut() {
    no_round_is_cut("acknowledged", "began 2", 200);
}

/// Once main has asked.
#[test]
fn clean_up_after_requested_is_not_cut() {
    no_round_is_cut("clean-up", "up", 100);
}

/// Stops each loop at random moments, and says of which how many stops cut a round without a word.
fn stopped_at_random_moments(loops: &[&str], stops: u64) {
    let stops: Vec<_> =
        loops.iter().flat_map(|name| (0..stops).map(move |at| (*name, at))).collect();
    let untold = Mutex::new(Vec::new());
    let rounds = Mutex::new(0);
    let random = RandomState::new();
    all(&stops, |(name, at)| {
        let mut child = looping(name, "8").start();
        child.wait_for("up");
        let mut hasher = random.build_hasher();
        hasher.write_u64(*at);
        let moment = Duration::from_micros(hasher.finish() % 60_000);
        thread::sleep(moment);
        child.signal(Signal::TERM);
        let ending = child.end();
        *rounds.lock().unwrap_or_else(PoisonError::into_inner) += ending.count("began ");
        if !tells_the_truth(&ending) {
            let mut untold = untold.lock().unwrap_or_else(PoisonError::into_inner);
            untold.push((*name, format!("{name} stopped after {moment:?}: {ending}")));
        }
    });
    let untold = untold.into_inner().unwrap_or_else(PoisonError::into_inner);
    let counts: Vec<_> = loops
        .iter()
        .map(|name| format!("{name}: {}", untold.iter().filter(|(of, _)| of == name).count()))
        .collect();
    assert!(
        untold.is_empty(),
        "{} of {} stops cut a round without a word ({}); one of them: {}",
        untold.len(),
        stops.len(),
        counts.join(", "),
        untold[0].1
    );
    let rounds = rounds.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(rounds >= stops.len(), "{rounds} rounds in {} stops are too few to tell", stops.len());
}

#[test]
fn no_round_of_a_loop_in_readme_and_docs_is_cut_without_a_word() {
    assert!(PLACES.iter().any(|place| place.starts_with("README.md:")), "{PLACES:?}");
    assert!(PLACES.iter().any(|place| place.starts_with("docs/shapes.md:")), "{PLACES:?}");
    stopped_at_random_moments(PLACES, STOPS);
}

#[test]
fn no_round_of_any_form_of_loop_is_cut_without_a_word() {
    stopped_at_random_moments(&FORMS, STOPS_OF_FORMS);
}
