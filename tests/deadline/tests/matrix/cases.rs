//! The table: what holds the process, and what is expected of it.

/// One way to hold a process.
#[derive(Debug)]
pub(crate) struct Case {
    /// As `deadline-hold` knows it.
    pub(crate) name: &'static str,
    /// On the runtime that has one thread, which is main's.
    pub(crate) current: Expected,
    pub(crate) workers: Expected,
    /// Whether it asks a name server.
    pub(crate) looks_up: bool,
}

#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) code: i32,
    /// It ends by itself, before the deadline.
    pub(crate) at_once: bool,
    /// What is on stderr, each in one line.
    pub(crate) said: &'static [Said],
    /// What is in the file that `LIFECYCLE_REPORT` names; `None` where there is no report.
    pub(crate) reported: Option<&'static [&'static str]>,
}

#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) parts: &'static [&'static str],
    /// With the time it took.
    pub(crate) elapsed: bool,
}

const fn both(name: &'static str, expected: Expected) -> Case {
    let Expected { code, at_once, said, reported } = expected;
    let workers = Expected { code, at_once, said, reported };
    Case { name, current: expected, workers, looks_up: false }
}

const fn split(name: &'static str, current: Expected, workers: Expected) -> Case {
    Case { name, current, workers, looks_up: false }
}

const fn looking_up(case: Case) -> Case {
    Case { looks_up: true, ..case }
}

/// Ended by the library's thread at the deadline, or a moment before it by itself.
const fn held(code: i32, said: &'static [Said], reported: &'static [&'static str]) -> Expected {
    Expected { code, at_once: false, said, reported: Some(reported) }
}

/// Ended by itself.
const fn ends(code: i32, said: &'static [Said], reported: &'static [&'static str]) -> Expected {
    Expected { code, at_once: true, said, reported: Some(reported) }
}

/// Ended by the application, over the head of the library.
const fn leaves(code: i32) -> Expected {
    Expected { code, at_once: true, said: &[], reported: None }
}

macro_rules! said {
    ($($part:expr),+) => { Said { parts: &[$($part),+], elapsed: true } };
}

/// A hook by name, place and what became of it.
macro_rules! hook {
    ($file:literal, $name:literal, $what:literal) => {
        said!(
            concat!(
                "hook `deadline_hold::",
                $file,
                "::",
                $name,
                "` (tests/deadline/src/bin/hold/",
                $file,
                ".rs:"
            ),
            $what
        )
    };
}

/// A site by name and place.
macro_rules! site {
    ($file:literal, $name:literal) => {
        said!(
            concat!("call(s) of `", $name, "` (tests/deadline/src/bin/hold/", $file, ".rs:"),
            "were abandoned when the drain's time was up"
        )
    };
}

/// The hook is in the report as well, by name and place.
macro_rules! stuck {
    ($file:literal, $name:literal) => {
        held(
            70,
            &[
                hook!($file, $name, "is stuck: "),
                hook!($file, $name, "stuck: it could not be stopped, after"),
            ],
            &[
                "unclean, exit code 70",
                concat!(
                    "hook `deadline_hold::",
                    $file,
                    "::",
                    $name,
                    "` (tests/deadline/src/bin/hold/",
                    $file,
                    ".rs:"
                ),
                "stuck",
            ],
        )
    };
}

/// The process stayed although the report was clean: its threads are named.
macro_rules! stays {
    ($($threads:literal),+) => {
        held(0, &[said!("the report has been final for", "did not end in time: exit 0", "threads still there", $($threads),+)], &["clean, exit code 0"])
    };
}

/// Main stayed, in its poll or its destructor.
macro_rules! main_stays {
    () => {
        held(
            70,
            &[
                Said {
                    parts: &["main blocks its thread and did not let go by the end of the drain"],
                    elapsed: false,
                },
                said!("did not end in time: exit 70", "threads still there"),
                said!("main has not returned", "after the request: it blocks its thread"),
            ],
            &["exit code 70", "main blocks its thread"],
        )
    };
}

const CLEAN: &[&str] = &["clean, exit code 0"];

/// A hook that cannot run is stuck; what is said beside it is why.
const WORKERS: Expected = held(
    70,
    &[
        hook!("hooks", "note", "stuck: it could not be stopped, after"),
        said!("the runtime has run no task for", "every worker is blocked"),
    ],
    &["unclean, exit code 70", "the runtime has run no task for"],
);

pub(crate) const CASES: &[Case] = &[
    // Hooks.
    both("hook-obedient", ends(0, &[], CLEAN)),
    both("hook-blocks", stuck!("hooks", "blocks")),
    both("hook-sync", stuck!("hooks", "endless")),
    both("hook-drop-blocks", stuck!("hooks", "drop_blocks")),
    split(
        "hook-in-place",
        ends(
            70,
            &[hook!("hooks", "blocks_in_place", "panicked: can call blocking only")],
            &["panicked"],
        ),
        stuck!("hooks", "blocks_in_place"),
    ),
    both("hook-locks", stuck!("hooks", "locks")),
    both(
        "hook-panics",
        ends(70, &[hook!("hooks", "panics", "panicked: no such luck, after")], &["panicked"]),
    ),
    both("panic-hook-blocks", stuck!("hooks", "panics")),
    both("hook-prints", ends(0, &[], CLEAN)),
    // An overrun that ended by itself.
    both(
        "hook-late",
        ends(70, &[hook!("hooks", "late", "late: it ended after its timeout, after")], &["late"]),
    ),
    both("hook-late-panic", ends(70, &[hook!("hooks", "late_panic", ", after")], &["late_panic"])),
    both(
        "hook-very-late",
        ends(
            70,
            &[
                hook!("hooks", "very_late", "is stuck: it has been running for"),
                hook!("hooks", "very_late", "late: it ended after its timeout, after"),
            ],
            &["late"],
        ),
    ),
    // Hooks that call back.
    both("hook-asks-again", ends(0, &[], CLEAN)),
    both("hook-registers", ends(0, &[], &["registered"])),
    // Look-ups.
    looking_up(both(
        "hook-looks-up",
        held(70, &[hook!("hooks", "looks_up", "timed out, after")], &["timed out", "hooks.rs:"]),
    )),
    looking_up(both("looks-up", stays!("tokio-rt-worker"))),
    // Work.
    both(
        "guard-forgotten",
        ends(70, &[site!("registers", "exports")], &["exports", "registers.rs:"]),
    ),
    both("guard-too-late", ends(0, &[], CLEAN)),
    both(
        "tracked-endless",
        ends(70, &[site!("registers", "deadline_hold::registers::export")], &["registers.rs:"]),
    ),
    both(
        "tracked-blocking",
        held(
            70,
            &[
                site!("tasks", "deadline_hold::tasks::import"),
                said!("threads still there", "tokio-rt-worker"),
            ],
            &["tasks.rs:"],
        ),
    ),
    // Tasks and threads.
    both("tasks-block", WORKERS),
    both("tasks-block-twice", WORKERS),
    both("task-drop-blocks", stays!("deadline-hold")),
    both("spawn-blocking", stays!("tokio-rt-worker")),
    both("stdin", stays!("tokio-rt-worker")),
    both(
        "destructor",
        held(
            124,
            &[
                said!("the deadline", "after the request, has passed: exit 124"),
                said!(
                    "the destructor of `deadline_hold::kit::Immortal`, provided at tests/deadline/src/bin/hold/tasks.rs:",
                    "has been running for"
                ),
            ],
            &["exit code 124", "the destructor of"],
        ),
    ),
    // Mains.
    split("main-blocks-before", stuck!("hooks", "note"), main_stays!()),
    split("main-blocks-after", stuck!("hooks", "note"), main_stays!()),
    split("main-drop-blocks", stuck!("hooks", "note"), main_stays!()),
    both(
        "main-ignores",
        ends(
            70,
            &[Said {
                parts: &["main listened (asked at", "did not return by the end of the drain"],
                elapsed: false,
            }],
            &["main listened"],
        ),
    ),
    split(
        "main-in-place",
        ends(
            1,
            &[Said { parts: &["main panicked: can call blocking only"], elapsed: false }],
            &["panicked"],
        ),
        main_stays!(),
    ),
    both(
        "main-panics",
        ends(
            1,
            &[Said { parts: &["main panicked: no such luck"], elapsed: false }],
            &["main panicked"],
        ),
    ),
    split("main-panics-too-late", stuck!("hooks", "note"), main_stays!()),
    both(
        "starts-for-ever",
        held(
            124,
            &[
                said!("the deadline", "after the request, has passed: exit 124"),
                Said { parts: &["run was not reached: start-up still goes on"], elapsed: false },
            ],
            &["exit code 124"],
        ),
    ),
    both("main-leaks", stays!("uploader")),
    // Exits.
    both("hook-exits", leaves(3)),
    both("main-exits", leaves(5)),
    both("hook-exits-atexit", stuck!("exits", "exits")),
    split("main-exits-atexit", stuck!("hooks", "note"), main_stays!()),
    both("after-run-atexit", stays!("deadline-hold")),
    both("after-run-exits-atexit", stays!("deadline-hold")),
    both("after-run-thread-local", stays!("deadline-hold")),
    // Words.
    both("subscriber-blocks", ends(0, &[], CLEAN)),
    both("subscriber-blocks-on-stop", ends(0, &[], CLEAN)),
];

/// Those that burn a processor.
pub(crate) const LOUD: &[Case] = &[
    both("hook-spins", stuck!("hooks", "spins")),
    split("main-spins", stuck!("hooks", "note"), main_stays!()),
];
