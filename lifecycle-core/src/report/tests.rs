use std::time::Duration;

use super::{DrainReport, HookReport, Inner, Problem, Report};
use crate::{Outcome, Reason, Signal, SignalReport, SiteReport, SourceLocation, declare::HookId};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A hook that started at `started` and took `took`, both in milliseconds, of a second.
fn hook(name: &str, outcome: Outcome, started: Option<u64>, took: u64) -> HookReport {
    HookReport {
        id: Some(HookId::Registered(0)),
        name: name.to_owned(),
        location: SourceLocation::new("src/hooks.rs", 7),
        outcome,
        started: started.map(ms),
        took: ms(took),
        timeout: ms(1_000),
        allotted: ms(1_000),
        order: 0,
        waits_for: Vec::new(),
        released_by: None,
    }
}

fn after(before: usize, mut hook: HookReport) -> HookReport {
    hook.released_by = Some(before);
    hook
}

fn read(line: &str) -> Problem {
    Problem::Read(line.to_owned())
}

fn report(hooks: Vec<HookReport>) -> Report {
    Report::new(Inner {
        reason: Reason::Requested("over".to_owned()),
        shutdown_id: "1f-2e".to_owned(),
        exit_code: 0,
        total: ms(2_000),
        deadline: Some(ms(28_000)),
        signals: Vec::new(),
        drain: DrainReport::default(),
        hooks,
        problems: Vec::new(),
        notes: Vec::new(),
    })
}

fn changed(hooks: Vec<HookReport>, change: impl FnOnce(&mut Inner)) -> Report {
    let mut inner = (*report(hooks).inner).clone();
    change(&mut inner);
    Report::new(inner)
}

fn every_outcome() -> Vec<HookReport> {
    Outcome::every("text")
        .into_iter()
        .map(|outcome| hook(&format!("{outcome}"), outcome, Some(0), 500))
        .collect()
}

/// What a terminal makes of the text: wide characters take two columns, and nothing moves the cursor.
#[track_caller]
fn assert_fits(report: &Report) -> String {
    let text = report.to_string();
    for line in text.lines() {
        let width: usize = line
            .chars()
            .map(|char| match char {
                '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200f}' => 0,
                '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{d7a3}' | '\u{ff00}'..='\u{ff60}' => 2,
                '\u{1f300}'..='\u{3fffd}' => 2,
                _ => 1,
            })
            .sum();
        assert!(width <= 80, "{width} columns: {line}\n{text}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    text
}

#[test]
fn a_timeline_reads_like_this() {
    let hooks = vec![
        hook("orders::flush_outbox", Outcome::Completed, Some(1_000), 250),
        after(0, hook("orders::close_pool", Outcome::TimedOut, Some(1_250), 750)),
        hook("orders::lock", Outcome::NotStarted, None, 0),
    ];
    let report = changed(hooks, |inner| {
        inner.exit_code = 70;
        inner.drain = DrainReport { delay: ms(500), took: ms(500), ..DrainReport::default() };
        inner.problems =
            vec![read("hook `orders::close_pool` (src/hooks.rs:7) timed out, after 750ms")];
    });
    let expected = "\
shutdown 1f-2e (requested: over)
unclean, exit code 70, 2.00 s of 28s

    (delay)                        |========                        |   500 ms
  + (drain)                        |        ========                |   500 ms
> + orders::flush_outbox           |                ====            |   250 ms
> T orders::close_pool             |                    ============|   750 ms
  . orders::lock                   |                                |     0 us
                                   |0                         2.00 s|
  + completed  T timed out  . not started  > decided how long it took
! hook `orders::close_pool` (src/hooks.rs:7) timed out, after 750ms
";
    assert_eq!(assert_fits(&report), expected);
}

#[test]
fn every_outcome_has_its_sign_and_the_sign_its_word() {
    let report = report(every_outcome());
    let text = assert_fits(&report);
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("|=")).skip(1).collect();
    assert_eq!(rows.len(), report.hooks().len());
    let legend =
        text.lines().skip_while(|line| !line.contains("|0")).skip(1).collect::<Vec<_>>().join("");
    let mut signs = Vec::new();
    for (row, hook) in rows.iter().zip(report.hooks()) {
        let sign = row.chars().nth(2).unwrap();
        assert_eq!(sign, hook.outcome().sign());
        assert!(!signs.contains(&sign), "{sign:?} stands for two outcomes");
        signs.push(sign);
        let outcome = hook.outcome().to_string();
        let word = outcome.split([':', ' ']).next().unwrap();
        assert!(legend.contains(&format!("  {sign} {word}")), "{sign:?} is not explained: {text}");
    }
}

#[test]
fn the_drains_own_sign_is_explained() {
    let timed_out = changed(Vec::new(), |inner| inner.drain.timed_out = true);
    assert!(assert_fits(&timed_out).contains("  T timed out"));
    assert!(assert_fits(&report(Vec::new())).contains("  + completed"));
}

#[test]
fn nothing_is_wider_than_a_terminal() {
    let long = [
        "a::".repeat(60),
        "停止する関数".repeat(20),
        "e\u{301}".repeat(90),
        "🦀".repeat(50),
        "x".repeat(31),
        "名".repeat(16),
        format!("x{}", "名".repeat(15)),
        "tab\there\u{1b}[31mred\rback".to_owned(),
        String::new(),
    ];
    for name in &long {
        let hooks =
            (0..200).map(|n| hook(name, Outcome::Failed(name.clone()), Some(n * 10), 10)).collect();
        let report = changed(hooks, |inner| {
            inner.reason = Reason::Requested(name.clone());
            inner.drain.sites = vec![SiteReport::for_tests(
                "orders::place_order::inner",
                usize::MAX,
                ms(u64::MAX / 9),
            )];
            inner.problems = vec![
                Problem::Read(name.clone()),
                Problem::Read(format!("{} {}", name, name)),
                Problem::Read(format!("{}\r\n{}", name, name)),
                read(&" x".repeat(100)),
            ];
            inner.total = ms(400_000_000);
        });
        let text = assert_fits(&report);
        let rows = text.lines().filter(|line| line.starts_with("  x ")).count();
        assert!(rows >= 200, "{rows} of 200 hooks: {text}");
    }
}

#[test]
fn the_end_of_a_long_name_is_kept() {
    let name = "orders::persistence::outbox::flush_everything";
    let text = assert_fits(&report(vec![hook(name, Outcome::Completed, Some(0), 1)]));
    assert!(text.contains("  + ..ce::outbox::flush_everything |"), "{text}");
}

#[test]
fn nothing_is_lost_where_lines_are_broken() {
    let words: Vec<String> = (0..60).map(|n| format!("word{n}")).collect();
    let long = format!("{} {} end", words.join(" "), "y".repeat(300));
    let report = changed(Vec::new(), |inner| inner.problems = vec![read(&long)]);
    let text = assert_fits(&report);
    let said = text.split("! ").nth(1).unwrap();
    let without_spaces = |text: &str| text.split_whitespace().collect::<String>();
    assert_eq!(without_spaces(said), without_spaces(&long));
}

#[test]
fn a_stop_that_took_no_time_has_a_timeline() {
    let hooks = vec![hook("flush", Outcome::Completed, Some(0), 0)];
    let text = assert_fits(&changed(hooks, |inner| inner.total = Duration::ZERO));
    assert!(
        text.contains(
            "  + flush                          |=                               |     0 us"
        ),
        "{text}"
    );
}

#[test]
fn what_did_not_start_has_the_problems_and_nothing_else() {
    let problems = vec![
        read("the plan is invalid:\n   - `a` waits"),
        Problem::Read(format!("second{}", " word".repeat(15))),
    ];
    let expected = "\
did not start, exit code 78
! the plan is invalid:
    - `a` waits
! second word word word word word word word word word word word word word word
    word
";
    assert_eq!(assert_fits(&Report::invalid(problems)), expected);
    // As one may be read back.
    let other = changed(Vec::new(), |inner| {
        inner.reason = Reason::Invalid("first".to_owned());
        inner.problems = vec![read("second")];
    });
    assert_eq!(assert_fits(&other), "did not start, exit code 0\n! first\n! second\n");
}

#[test]
fn bars_stay_within_the_picture() {
    // What is stuck runs on while the report is written.
    let hooks = vec![
        hook("stuck", Outcome::Stuck, Some(1_999), 90_000),
        hook("late", Outcome::Late, Some(9_000), 1),
    ];
    let text = assert_fits(&report(hooks));
    let rows: Vec<&str> = text.lines().filter(|line| line.contains('=')).collect();
    assert_eq!(rows.len(), 3, "{text}");
    for row in rows {
        assert_eq!(row.matches('|').count(), 2, "{row}");
        assert_eq!(row.rfind('|'), Some(68), "{row}");
    }
}

#[test]
fn blame_is_longest_first() {
    let hooks = vec![
        hook("a", Outcome::Completed, Some(0), 5),
        hook("b", Outcome::Completed, Some(0), 50),
        hook("c", Outcome::NotStarted, None, 0),
        hook("d", Outcome::Completed, Some(0), 5),
    ];
    let names: Vec<String> =
        report(hooks).blame().iter().map(|hook| hook.name().to_owned()).collect();
    assert_eq!(names, ["b", "a", "d", "c"]);
}

fn chain(hooks: Vec<HookReport>) -> Vec<String> {
    report(hooks).critical_chain().iter().map(|hook| hook.name().to_owned()).collect()
}

#[test]
fn the_critical_chain_leads_to_the_hook_that_ended_last() {
    let completed = Outcome::Completed;
    let hooks = vec![
        hook("long", completed.clone(), Some(0), 300),
        hook("short", completed.clone(), Some(0), 100),
        after(1, hook("middle", completed.clone(), Some(100), 100)),
        after(2, hook("last", completed.clone(), Some(200), 150)),
        hook("never", Outcome::NotStarted, None, 0),
    ];
    assert_eq!(chain(hooks), ["short", "middle", "last"]);
    assert_eq!(chain(vec![hook("only", completed, Some(0), 0)]), ["only"]);
    assert_eq!(chain(vec![hook("never", Outcome::NotStarted, None, 0)]), [""; 0]);
    assert_eq!(chain(Vec::new()), [""; 0]);
}

/// A hook that was given up after a second and runs on does not decide what comes after that.
#[test]
fn who_is_stuck_counts_until_it_is_given_up() {
    let stuck = || hook("stuck", Outcome::Stuck, Some(0), 5_000);
    let long = || hook("long", Outcome::Completed, Some(0), 2_000);
    assert_eq!(chain(vec![stuck(), long()]), ["long"]);
    let behind = after(0, hook("behind", Outcome::Completed, Some(1_100), 1_500));
    assert_eq!(chain(vec![stuck(), long(), behind]), ["stuck", "behind"]);
    assert_eq!(chain(vec![stuck()]), ["stuck"]);
    let late = hook("late", Outcome::Late, Some(0), 5_000);
    assert_eq!(chain(vec![late, long()]), ["long"]);
}

/// `text` without its colours.
fn uncoloured(text: &str) -> String {
    let mut parts = text.split("\x1b[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn in_colour_it_says_the_same() {
    let mut hooks = every_outcome();
    hooks[1] = after(0, hooks[1].clone());
    let report = report(hooks);
    let coloured = format!("{report:#}");
    assert_eq!(uncoloured(&coloured), report.to_string());
    for colour in ["\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[2m"] {
        assert!(coloured.contains(colour), "{colour:?} in {coloured:?}");
    }
    assert!(!report.to_string().contains('\x1b'));
}

#[test]
fn more_signals_than_the_first_have_a_row_and_words() {
    let report = changed(vec![hook("a", Outcome::Completed, Some(1_000), 1_000)], |inner| {
        let signal = |signal, at, did: &str| SignalReport {
            signal,
            at: ms(at),
            action: None,
            did: did.to_owned(),
        };
        inner.signals = vec![
            signal(Signal::Term, 0, "asks for a graceful stop"),
            signal(Signal::Int, 1_000, "ends the delay and the drain now; hooks still run"),
            signal(Signal::Term, 2_000, "changes nothing"),
        ];
    });
    let text = assert_fits(&report);
    assert!(
        text.contains("    (signals)                      |^               ^              ^|\n"),
        "{text}"
    );
    assert!(
        text.contains("  SIGINT at 1.00 s ends the delay and the drain now; hooks still run\n"),
        "{text}"
    );
}

#[test]
fn a_summary_says_the_most_telling_first() {
    let hooks = vec![
        hook("orders::flush_outbox", Outcome::Completed, Some(1_000), 250),
        after(0, hook("orders::close_pool", Outcome::TimedOut, Some(1_250), 750)),
    ];
    let report = changed(hooks, |inner| {
        inner.exit_code = 70;
        inner.drain.took = ms(1_000);
        inner.drain.sites = vec![SiteReport::for_tests("orders::place", 3, ms(70))];
        inner.problems = vec![read("hook `orders::close_pool`\ntimed out")];
    });
    assert_eq!(
        report.summary(),
        "\
stopped uncleanly: exit code 70, 2.00 s of 28.00 s; requested: over
! hook `orders::close_pool`
  timed out
delay 0 us, drain 1.00 s
  orders::place: 3 in flight, 3 finished, 3 panicked, 3 dropped by their callers, 3 refused, 3 cancelled, 3 abandoned, 3 finished late, the oldest 70 ms
critical chain:
  orders::flush_outbox @1.00 s +250 ms
  orders::close_pool @1.25 s +750 ms
slowest hooks:
  orders::close_pool 750 ms of 1.00 s, timed out
  orders::flush_outbox 250 ms of 1.00 s, completed
"
    );
}

#[test]
fn a_summary_is_never_longer_than_kubernetes_reads() {
    let cases = [
        (0, 0, false),
        (1, 100_000, false),
        (4, 5_000, true),
        (9, 80, false),
        (50, 80, true),
        (5_000, 1, true),
    ];
    for (problems, length, is_cut) in cases {
        let hooks =
            (0..200).map(|n| hook(&format!("häßlich::{n}"), Outcome::Stuck, Some(0), n)).collect();
        let report =
            changed(hooks, |inner| inner.problems = vec![read(&"ü".repeat(length)); problems]);
        let summary = report.summary();
        assert!(summary.len() <= 4_096, "{problems} of {length}: {}", summary.len());
        let lines_left = summary.lines().last().is_some_and(|line| line.ends_with("lines more)"));
        assert_eq!(lines_left, is_cut, "{problems} of {length}: {summary}");
    }
}

#[test]
fn no_line_of_a_summary_is_forged() {
    let forged =
        "it failed\nstopped cleanly: exit code 0\r\n! forged\n(and 0 lines more)\u{202e}\x1b";
    let failed = vec![hook(forged, Outcome::Failed(forged.to_owned()), Some(0), 7)];
    let stopped = changed(failed, |inner| {
        inner.reason = Reason::Failure(forged.to_owned());
        inner.exit_code = 1;
        inner.problems = vec![read(forged)];
    });
    for report in [stopped, Report::invalid(vec![read(forged), read(forged)])] {
        let summary = report.summary();
        let first = summary.lines().next().unwrap();
        assert!(first.starts_with("stopped uncleanly: ") || first.starts_with("did not start: "));
        for line in summary.lines().skip(1) {
            let is_forged =
                ["stopped", "! forged", "(and"].iter().any(|ours| line.starts_with(ours));
            assert!(!is_forged, "{summary}");
        }
        let dangerous = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
        assert!(!summary.contains(dangerous), "{summary:?}");
    }
}

mod json {
    use super::*;
    use crate::SignalSender;

    /// Everything that a report can say.
    fn full(reason: Reason) -> Report {
        let mut hooks = every_outcome();
        hooks[2] = after(1, hooks[2].clone());
        hooks[2].waits_for = vec![0, 1];
        hooks[7].started = None;
        hooks[8].order = -7;
        changed(hooks, |inner| {
            inner.reason = reason;
            inner.exit_code = 70;
            inner.deadline = None;
            inner.total = Duration::from_nanos(1_234_567_891);
            inner.signals = vec![
                SignalReport {
                    signal: Signal::Int,
                    at: ms(3),
                    action: None,
                    did: "asks \"politely\"".to_owned(),
                },
                SignalReport {
                    signal: Signal::Term,
                    at: ms(700),
                    action: None,
                    did: "nothing".to_owned(),
                },
            ];
            inner.drain = DrainReport {
                delay: ms(5_000),
                took: ms(41),
                allotted: Some(ms(40)),
                timed_out: true,
                drain_skipped: true,
                main_did_not_return: true,
                sites: vec![SiteReport::for_tests("orders::place_order", 3, ms(70))],
                in_flight: vec![(ms(5_000), 3), (ms(5_041), 0)],
            };
            inner.problems = vec![read("hook `x`\nfailed")];
        })
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = || "wörds".to_owned();
        let reasons = [
            Reason::Signal {
                signal: Signal::Term,
                sender: Some(SignalSender::Process { pid: 1, uid: 0 }),
            },
            Reason::Signal { signal: Signal::Hup, sender: Some(SignalSender::Kernel) },
            Reason::Signal { signal: Signal::Quit, sender: None },
            Reason::Requested(text()),
            Reason::Failure(text()),
            Reason::MainReturned,
            Reason::MainFailed(text()),
            Reason::MainPanicked(text()),
            Reason::RunDropped,
            Reason::Invalid(text()),
        ];
        for reason in reasons {
            let report = full(reason);
            let read = Report::from_json(&report.to_json()).unwrap();
            assert_eq!(read.to_json(), report.to_json());
            assert_eq!(read.to_string(), report.to_string());
            assert_eq!(read.reason(), report.reason());
            assert_eq!(read.drain().in_flight(), report.drain().in_flight());
            assert_eq!(read.critical_chain().len(), report.critical_chain().len());
        }
    }

    #[test]
    fn slack_is_what_the_timeout_left() {
        let hooks = vec![
            hook("a", Outcome::Completed, Some(0), 300),
            hook("b", Outcome::Late, Some(0), 1_300),
            hook("c", Outcome::NotStarted, None, 0),
        ];
        let report = report(hooks);
        let slack: Vec<_> = report.hooks().iter().map(HookReport::slack).collect();
        assert_eq!(slack, [Some(ms(700)), Some(Duration::ZERO), None]);
        assert!(report.to_json().contains("\"slack_seconds\": 0.7,"));
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let json = full(Reason::MainReturned).to_json();
        let refused = |from: &str, to: &str| {
            let changed = json.replacen(from, to, 1);
            assert_ne!(changed, json, "{from}");
            Report::from_json(&changed).unwrap_err().to_string()
        };
        assert!(refused("\"version\": 1", "\"version\": 9").contains("version 9"));
        assert!(
            refused("lifecycle.report", "lifecycle.plan").contains("`lifecycle.report` is wanted")
        );
        assert!(refused("\"timed_out\": true", "\"timed_out\": 7").contains("line "));
        assert!(refused("\"took_seconds\": 0.041", "\"took_seconds\": -1").contains("-1 seconds"));
        assert!(
            refused("\"kind\": \"stuck\"", "\"kind\": \"odd\"").contains("`odd` is no outcome")
        );
        assert!(
            refused("\"signal\": \"SIGINT\"", "\"signal\": \"SIGFOO\"")
                .contains("`SIGFOO` is no signal")
        );
        // Sums of it would overflow.
        for time in ["total", "delay", "started", "took", "at"] {
            let first = json
                .lines()
                .find_map(|line| line.trim().strip_prefix(&format!("\"{time}_seconds\": ")));
            let first = format!("\"{time}_seconds\": {}", first.unwrap());
            let long = refused(&first, &format!("\"{time}_seconds\": 1e30,"));
            assert!(long.contains("no stop takes a century"), "{time}: {long}");
        }
        // A circle would be followed for ever.
        let itself = refused(
            "\"released_by\": \"late: it ended after its timeout\"",
            "\"released_by\": \"stuck: it could not be stopped\"",
        );
        assert!(itself.contains("which is no hook before it"), "{itself}");
    }

    #[test]
    fn a_reader_of_another_program_finds_hooks_by_place_and_name() {
        use crate::{Hook, declare::hook::HookDecl};
        enum Flush {}
        impl Hook for Flush {
            fn declared() -> &'static HookDecl {
                static DECL: HookDecl = HookDecl {
                    marker: std::any::TypeId::of::<Flush>(),
                    name: "orders::flush",
                    name_written: false,
                    location: SourceLocation::new("src/hooks.rs", 7),
                    order: None,
                    timeout: None,
                    after: &[],
                    after_written: false,
                    before: &[],
                    blocking: false,
                    needs: &[],
                    uses: &[],
                    if_provided: false,
                    start: |_| None,
                };
                &DECL
            }
        }
        let written = report(vec![hook("orders::flush", Outcome::TimedOut, Some(0), 9)]);
        assert_eq!(written.outcome::<Flush>(), None);
        let read = |report: &Report| {
            Report::from_json(&report.to_json()).unwrap().outcome::<Flush>().cloned()
        };
        assert_eq!(read(&written), Some(Outcome::TimedOut));
        // Of one macro, on one line.
        let other = hook("orders::flush_all", Outcome::Completed, Some(0), 9);
        let placed = hook("orders::flush@src/hooks.rs:7", Outcome::Stuck, Some(0), 9);
        assert_eq!(read(&report(vec![other.clone(), placed])), Some(Outcome::Stuck));
        assert_eq!(read(&report(vec![other])), None);
    }
}
