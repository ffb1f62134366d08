//! The oracle on lives that are written down, so that a judgement of a real one can be trusted.

use std::{collections::BTreeSet, time::Duration};

use lifecycle_storm_tests::{
    mark::{Fact, Kind, Mark, Meaning, Stage},
    oracle::{End, Sent, Story, Verdict},
};

fn judge(sent: &[(u64, Kind)], marks: &[(u64, Fact)], ended: u64) -> Verdict {
    let at = Duration::from_millis;
    Story {
        sent: sent.iter().map(|(millis, kind)| Sent { kind: *kind, at: at(*millis) }).collect(),
        marks: marks.iter().map(|(millis, fact)| Mark { at: at(*millis), fact: *fact }).collect(),
        ended: at(ended),
    }
    .judge()
}

fn right(verdict: &Verdict, ends: &[End]) {
    assert_eq!(verdict.right, ends.iter().copied().collect::<BTreeSet<_>>(), "{verdict:?}");
}

const STOPPED: [(u64, Fact); 6] = [
    (1, Fact::Up),
    (2, Fact::Armed),
    (11, Fact::Heard(Kind::Term, Meaning::Stops)),
    (12, Fact::Entered(Stage::Draining)),
    (900, Fact::HooksOver),
    (901, Fact::Entered(Stage::Stopped)),
];

#[test]
fn who_does_not_hear_is_killed() {
    right(&judge(&[(1, Kind::Hup)], &[], 2), &[End::Killed(1)]);
    let at_the_edge = judge(&[(2, Kind::Term)], &STOPPED, 905);
    right(&at_the_edge, &[End::Code(0), End::Killed(15)]);
    right(&judge(&[(10, Kind::Term)], &STOPPED, 905), &[End::Code(0)]);
}

#[test]
fn a_signal_without_a_word_is_lost_unless_the_end_was_near() {
    let lost = judge(&[(10, Kind::Term), (100, Kind::Hup)], &STOPPED, 905);
    assert_eq!(lost.wrong, ["it lost a SIGHUP and went on"]);
    let late = judge(&[(10, Kind::Term), (903, Kind::Hup)], &STOPPED, 905);
    assert!(late.wrong.is_empty(), "{late:?}");
    right(&late, &[End::Code(0), End::Code(129)]);
}

#[test]
fn what_the_library_says_is_held_against_the_rules() {
    let mut marks = STOPPED;
    marks[3] = (300, Fact::Heard(Kind::Int, Meaning::Hurries));
    let too_soon = judge(&[(10, Kind::Term), (299, Kind::Int)], &marks, 905);
    assert_eq!(too_soon.wrong.len(), 1, "{too_soon:?}");
    marks[3].0 = 600;
    let in_time = judge(&[(10, Kind::Term), (599, Kind::Int)], &marks, 905);
    assert!(in_time.wrong.is_empty(), "{in_time:?}");
}

#[test]
fn a_call_that_outlives_a_hurried_drain_is_abandoned() {
    let life = |done: u64| {
        let marks = [
            (1, Fact::Up),
            (2, Fact::Armed),
            (5, Fact::Began(1)),
            (11, Fact::Heard(Kind::Term, Meaning::Stops)),
            (600, Fact::Heard(Kind::Int, Meaning::Hurries)),
            (602, Fact::Entered(Stage::Stopping)),
            (done, Fact::Done(1)),
            (done + 1, Fact::Answered(1)),
            (900, Fact::HooksOver),
            (901, Fact::Entered(Stage::Stopped)),
        ];
        judge(&[(10, Kind::Term), (599, Kind::Int)], &marks, 905)
    };
    right(&life(400), &[End::Code(0)]);
    right(&life(601), &[End::Code(0), End::Code(70)]);
    right(&life(700), &[End::Code(70)]);
}
