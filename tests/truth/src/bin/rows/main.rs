//! Small services that the tests stop at one moment: `truth-rows <service> [flags]`.

mod blocking;
mod calls;
mod carried;
mod job;
mod listening;
mod plans;

use std::process::ExitCode;

use lifecycle_truth_tests::log;

type Service = (&'static str, fn() -> ExitCode);

const SERVICES: &[Service] = &[
    ("until-drained", listening::until_drained),
    ("asked-in-a-call", listening::asked_in_a_call),
    ("asked-for-events", listening::asked_for_events),
    ("asked-by-a-call-in-a-task", listening::asked_by_a_call_in_a_task),
    ("asked-for-the-report", listening::asked_for_the_report),
    ("asked-once-in-a-task", listening::asked_once_in_a_task),
    ("migration", blocking::migration),
    ("blocked", blocking::blocked),
    ("endless", blocking::endless),
    ("lingering", blocking::lingering),
    ("bounded", blocking::bounded),
    ("job", job::job),
    ("exit-code", job::exit_code),
    ("maybe-exit-code", job::maybe_exit_code),
    ("panics", calls::panics),
    ("cancelled", calls::cancelled),
    ("inside-main", calls::inside_main),
    ("late-uses", plans::late_uses),
    ("late-hook", plans::late_hook),
    ("outbox", plans::outbox),
    ("outbox-ordered", plans::outbox_ordered),
    ("nothing-written", plans::nothing_written),
    ("never-provided", plans::never_provided),
    ("if-provided", plans::if_provided),
    ("written-uses", plans::written_uses),
    ("reserved", plans::reserved),
    ("inherits", carried::inherits),
    ("settles", carried::settles),
    ("tokens", carried::tokens),
];

fn main() -> ExitCode {
    log();
    let wanted = std::env::args().nth(1).unwrap_or_default();
    match SERVICES.iter().find(|(name, _)| *name == wanted) {
        Some((_, service)) => service(),
        None => panic!("there is no service {wanted:?}"),
    }
}
