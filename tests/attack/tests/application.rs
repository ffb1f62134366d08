//! What the application holds, spoils or takes away: gone before the platform kills, with the right
//! code and word, and hooks ran where they can.

use lifecycle_attack_tests::{Row, hold, library, programs, row};

const MAIN: &[&str] = &["lifecycle:", "main"];

const WAKERS: &[Row] = &[
    row("waker-parks-requested"),
    row("waker-parks-draining"),
    row("waker-parks-drained"),
    row("waker-parks-stopped"),
    row("waker-parks-until"),
    row("waker-parks-events"),
    row("waker-parks-cancelled").codes(&[0, 70]),
    row("waker-panics-requested").says(&[NO_EXECUTOR]),
    row("waker-panics-draining").says(&[NO_EXECUTOR]),
    row("waker-panics-drained").says(&[NO_EXECUTOR]),
    // The process may be over before there is time for a word.
    row("waker-panics-stopped"),
    row("waker-panics-until").says(&[NO_EXECUTOR]),
    row("waker-panics-events").says(&[NO_EXECUTOR]),
    row("waker-panics-cancelled").codes(&[0, 70]).says(&[NO_EXECUTOR]),
    row("waker-panics-with-a-bomb"),
    row("waker-drop-parks"),
    row("waker-drop-panics"),
    // A waker may be woken by whatever changes: then it is the one who asks first.
    row("waker-asks-back").codes(&[0, 143]),
    row("waker-parks-many"),
    row("run-waker-parks"),
    row("run-waker-panics"),
];

const NO_EXECUTOR: &[&str] = &["lifecycle:", "waker", "panicked", "no such executor"];

#[test]
fn a_waker_of_the_application_holds_no_decision() {
    hold(programs!(), WAKERS);
}

/// Held by the loader, the driver may not come to its end; the guard thread does.
const LOADER: &[Row] = &[
    row("dlopen-hangs").on(CURRENT).held().codes(HELD),
    row("dlopen-hangs").on(WORKERS).held().codes(HELD).ran(&[]).says(WORD),
    row("dlopen-hangs-before-run").held().codes(&[124]).ran(&[]).says(WORD),
    row("dlopen-hangs-beside-a-sync-hook").held().codes(HELD).ran(&[]).says(WORD),
    row("dlopen-hangs-beside-a-resource").on(CURRENT).held().codes(HELD).says(WORD),
    row("dlopen-hangs-beside-a-resource").on(WORKERS).held().codes(HELD).ran(&[]).says(WORD),
    row("dlopen-hangs-in-the-stop").held().codes(&[70, 124]).ran(&["hook: loads"]).says(WORD),
    row("dlclose-hangs").on(CURRENT).held().codes(HELD),
    row("dlclose-hangs").on(WORKERS).held().codes(HELD).ran(&[]).says(WORD),
    row("walk-of-libraries-hangs").held().codes(HELD),
    row("walk-of-libraries-hangs-and-a-hook-panics")
        .held()
        .codes(&[70, 124])
        .ran(&["hook: panics"]),
    row("forks-hang").held().codes(&[70]).ran(&["hook: fails"]).says(&[&["fails", "no such luck"]]),
];

/// Main's thread has its thread-locals by then.
const CURRENT: &[&str] = &["current_thread"];

/// A worker that has not run a hook before waits for the loader where one begins.
const WORKERS: &[&str] = &["1", "2", "4"];

const WORD: &[&[&str]] = &[&["lifecycle:"]];

/// The report's code, or that of the deadline.
const HELD: &[i32] = &[0, 70, 124];

#[test]
fn a_library_that_never_ends_loading_does_not_hold_the_process() {
    let folder = tempfile::tempdir().expect("a directory");
    // What hangs says so where nothing else can any more.
    let source = |kind: &str| {
        format!(
            "#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n\
             __attribute__(({kind})) static void hang(void) {{\n\
             const char *word = getenv(\"SAYS\");\n\
             if (word) write(1, word, strlen(word));\n\
             for (;;) pause();\n}}\n"
        )
    };
    let loads = library(folder.path(), "loads.so", &source("constructor"));
    let unloads = library(folder.path(), "unloads.so", &source("destructor"));
    let rows = LOADER.iter().map(|row| {
        let library = if row.name() == "dlclose-hangs" { &unloads } else { &loads };
        let row = row.clone().with("LIBRARY", library.display().to_string());
        row.with("SAYS", "up\n".to_owned())
    });
    let rows: Vec<_> = rows.collect();
    hold(programs!(), &rows);
}

const HELD_THINGS: &[Row] = &[
    row("allocator-held").held().codes(&[124]).ran(&[]).says(&[&["lifecycle:", "deadline"]]),
    row("allocator-held-in-the-stop")
        .held()
        .codes(&[124])
        .ran(&["hook: holds"])
        .says(&[&["lifecycle:", "deadline"]]),
    row("stdio-held").codes(&[70]).held().ran(&["hook: fails"]).says(FAILS),
    row("site-held").codes(&[70]).says(&[&["calls", "abandoned"]]),
    row("last-resort-unread")
        .env(&[("DEFAULTS", "1")])
        .held()
        .codes(&[70])
        .ran(&["hook: blocks"])
        .says(&[&["blocks", "stuck"]]),
    row("handler-parks").held().codes(&[0, 70, 124]).ran(&[]),
    row("idle-process").held().codes(&[70]).ran(&["hook: blocks"]).times(1),
    row("blocks-all-its-signals"),
    row("handler-chained"),
];

const FAILS: &[&[&str]] =
    &[&["hook `attack::kit::fails` (tests/attack/src/bin/attack/kit.rs:", "no such luck"]];

#[test]
fn what_the_application_holds_does_not_hold_the_process() {
    hold(programs!(), HELD_THINGS);
}

const ENDS: &[Row] = &[
    row("main-error-text-panics").codes(&[1]).says(&[&["lifecycle:", "main", "panicked"]]),
    row("main-error-text-parks").held().codes(&[70, 124]).ran(&[]).says(&[MAIN]),
    row("main-error-drop-panics").codes(&[1]).says(&[&["lifecycle:", "main", "no such luck"]]),
    row("main-error-drop-parks").held().codes(&[1, 70, 124]).ran(&[]).says(&[MAIN]),
    row("main-panics-with-a-bomb").codes(&[1]).says(&[&["lifecycle:", "main panicked"]]),
    row("main-drop-panics-with-a-bomb").codes(&[1]).says(&[&["lifecycle:", "main panicked"]]),
    row("hook-panics-with-a-bomb")
        .codes(&[70])
        .ran(&[])
        .says(&[&["hook `attack::ends::panics_with_a_bomb`", "ends.rs:", "panicked"]])
        .never(&["timed out"]),
    row("sync-hook-panics-with-a-bomb")
        .codes(&[70])
        .ran(&[])
        .says(&[&["hook `attack::ends::sync_bomb`", "ends.rs:", "panicked"]])
        .never(&["timed out"]),
    row("hook-error-text-panics")
        .codes(&[70])
        .ran(&[])
        .says(&[&["hook `attack::ends::text_panics`", "ends.rs:"]])
        .never(&["timed out"]),
    row("hook-error-text-parks").held().codes(&[70]).ran(&[]).says(&[&[
        "hook `attack::ends::text_parks`",
        "ends.rs:",
        "stuck",
    ]]),
    row("hook-error-drop-panics")
        .codes(&[70])
        .ran(&[])
        .says(&[&["hook `attack::ends::error_drop_panics`", "ends.rs:"]])
        .never(&["timed out"]),
    row("hook-drop-panics-with-a-bomb")
        .codes(&[70])
        .ran(&[])
        .says(&[&["hook `attack::ends::drop_bombs`", "ends.rs:"]]),
    row("registered-hook-panics-with-a-bomb")
        .codes(&[70])
        .ran(&[])
        .says(&[&["hook `registered`", "panicked"]])
        .never(&["timed out"]),
    row("call-panics-with-a-bomb").codes(&[70]).says(&[&["attack::ends::call", "panicked"]]),
    row("resource-drop-panics-with-a-bomb").says(&[&["destructor", "Bombs", "panicked"]]),
    row("thread-local-drop-panics").ran(&["hook: leaves"]),
];

#[test]
fn values_that_misbehave_are_contained_and_named() {
    hold(programs!(), ENDS);
}

const DROPPED: &[&[&str]] = &[
    &["lifecycle:", "run", "dropped"],
    &["attack::ends::export", "tests/attack/src/bin/attack/ends.rs:"],
];

/// The platform's signal comes after `run` was dropped, or finds the process gone.
const RUNS: &[Row] = &[
    row("run-dropped").signals(&[]).times(10).ran(&[]).says(DROPPED),
    row("run-dropped-and-main-returns").signals(&[]).times(10).ran(&[]).says(DROPPED),
    row("run-dropped-by-its-runtime").signals(&[]).times(10).ran(&[]).says(DROPPED),
    row("run-dropped-in-the-stop").times(10).ran(&[]).says(DROPPED),
    row("run-forgotten").held().codes(&[70, 124]).ran(&[]).says(&[&["main"]]),
    row("run-polled-once").held().codes(&[70, 124]).ran(&[]).says(&[&["main"]]),
];

#[test]
fn a_run_that_is_let_go_of_says_so_and_names_what_it_cut() {
    hold(programs!(), RUNS);
}

const SUBSCRIBERS: &[Row] = &[
    row("subscriber-parks-in-register"),
    row("subscriber-parks-in-enabled"),
    row("subscriber-parks-in-new-span"),
    row("subscriber-parks-in-enter"),
    row("subscriber-parks-in-exit"),
    row("subscriber-parks-in-event"),
    row("subscriber-parks-in-close"),
    row("subscriber-parks-in-clone"),
    row("subscriber-panics-in-register"),
    row("subscriber-panics-in-enabled"),
    row("subscriber-panics-in-new-span"),
    row("subscriber-panics-in-enter"),
    row("subscriber-panics-in-exit"),
    row("subscriber-panics-in-event"),
    row("subscriber-panics-in-close"),
    row("subscriber-panics-in-clone"),
];

#[test]
fn a_subscriber_that_misbehaves_costs_no_hook() {
    hold(programs!(), SUBSCRIBERS);
}

const DESCRIPTORS: &[Row] = &[
    row("closes-all-before-the-runtime"),
    row("closes-all-and-fails").codes(&[70]).ran(&["hook: fails"]).says(FAILS),
    row("closes-all-and-others-come").ran(&["hook: note", "untouched"]),
    row("closes-all-in-main").held().codes(&[0, 70, 101, 124]).or_aborts().ran(&[]),
    row("no-descriptor-left").codes(&[70]).ran(&["hook: fails"]).says(FAILS),
    row("no-descriptor-left-and-held").held().codes(&[70]).ran(&["hook: blocks"]).says(&[&[
        "hook `attack::kit::blocks`",
        "kit.rs:",
        "stuck",
    ]]),
    row("limit-of-no-descriptors").codes(&[70]).ran(&["hook: fails"]).says(FAILS),
    row("closes-stderr").codes(&[70]).ran(&["hook: fails"]),
];

#[test]
fn descriptors_that_are_gone_or_used_up_make_it_neither_deaf_nor_mute() {
    hold(programs!(), DESCRIPTORS);
}

const LOST: &[&str] = &["runtime"];

const ENDED_RUNTIMES: &[Row] = &[
    row("runtime-ends-in-the-stop")
        .codes(&[70])
        .ran(&["hook: sleeps"])
        .says(&[&["hook `attack::runtimes::sleeps`", "runtimes.rs:", "runtime"]])
        .never(&["timed out"]),
    row("runtime-ends-before-a-hook")
        .codes(&[70])
        .ran(&["hook: pauses"])
        .says(&[&["hook `attack::runtimes::late`", "runtimes.rs:", "runtime"]])
        .never(&["timed out"]),
    row("runtime-ends-before-a-registered-hook")
        .codes(&[70])
        .ran(&["hook: pauses"])
        .says(&[&["hook `parks`", "runtime"]])
        .never(&["timed out"]),
    row("runtime-ends-before-a-resource").ran(&["hook: pauses", "dropped"]),
    row("runtime-ends-before-the-stop").codes(&[70]).ran(&[]).says(&[LOST]).never(&["timed out"]),
];

#[test]
fn a_runtime_that_is_gone_is_named_and_not_its_hooks() {
    hold(programs!(), ENDED_RUNTIMES);
}
