//! What an application says is shown without its secrets, cut where it is too long, and cannot be
//! taken for what the library says: by every door, in every output.
#![cfg(all(feature = "testing", feature = "pictures"))]

#[path = "../lifecycle-core/src/text/redact/shapes.rs"]
mod shapes;

use std::{
    error::Error,
    fmt::{self, Write},
    panic::resume_unwind,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use lifecycle::{Config, Outcome, Plan, Reason, Report, State, testing::Scenario};
use lifecycle_core::ext::{Component, ComponentError};
use tracing::{Subscriber, field::Visit, span};

use self::shapes::{KEPT, SECOND, table};

/// What was shown, and where.
struct Shown {
    report: Report,
    outputs: Vec<(&'static str, String)>,
}

/// How a text of the application comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    HookError,
    HookPanic,
    HookName,
    HoldName,
    Failure,
    Requested,
    /// A reason that is the library's own to give.
    Forged,
    MainError,
    MainPanic,
    ComponentName,
    ComponentStart,
    ComponentStop,
    ComponentPanic,
}

/// Those that take any number of texts at once.
const FOR_MANY: [Door; 4] = [Door::HookError, Door::HookPanic, Door::HookName, Door::HoldName];
const FOR_ONE: [Door; 9] = [
    Door::Failure,
    Door::Requested,
    Door::Forged,
    Door::MainError,
    Door::MainPanic,
    Door::ComponentName,
    Door::ComponentStart,
    Door::ComponentStop,
    Door::ComponentPanic,
];

/// Its name, and how it ends.
struct Part(String, Result<(), ComponentError>, Result<(), ComponentError>);

impl Component for Part {
    fn name(&self) -> String {
        self.0.clone()
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        std::mem::replace(&mut self.1, Ok(()))
    }

    async fn stop(&mut self) -> Result<(), ComponentError> {
        match std::mem::replace(&mut self.2, Ok(())) {
            Err(error) if error.is::<Thrown>() => resume_unwind(Box::new(error.to_string())),
            stopped => stopped,
        }
    }
}

#[derive(Debug)]
struct Thrown(String);

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Thrown {}

/// A stop in which `texts` come in by `door`.
fn stop(door: Door, texts: &[String]) -> Shown {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let log = Log::default();
    let _logged = tracing::subscriber::set_default(log.clone());
    let (report, mut outputs) = runtime.block_on(scenario(door, texts));
    outputs.push(("log", log.0.lock().unwrap().clone()));
    outputs.push(("timeline", report.to_string()));
    outputs.push(("timeline in colour", without_our_colours(&format!("{report:#}"))));
    outputs.push(("JSON", report.to_json()));
    outputs.push(("SVG", report.to_svg()));
    outputs.push(("HTML", report.to_html()));
    outputs.push(("its Debug", format!("{report:?}")));
    Shown { report, outputs }
}

async fn scenario(door: Door, texts: &[String]) -> (Report, Vec<(&'static str, String)>) {
    let text = texts[0].clone();
    let failing = || Err(text.clone().into());
    let config = Config::new().grace_period(Duration::from_secs(60));
    let config = match door {
        Door::ComponentName => {
            config.component(Part(text.clone(), Ok(()), Err("it failed".into())))
        }
        Door::ComponentStart => config.component(Part("part".into(), failing(), Ok(()))),
        Door::ComponentStop => config.component(Part("part".into(), Ok(()), failing())),
        Door::ComponentPanic => {
            config.component(Part("part".into(), Ok(()), Err(Box::new(Thrown(text.clone())))))
        }
        _ => config,
    };
    let plan = Plan::declared().to_json();
    let scenario = Scenario::new().config(config);
    let mut events = lifecycle::events();
    let holds: Vec<_> = match door {
        Door::HoldName => texts.iter().map(|text| lifecycle::hold_ready(text.clone())).collect(),
        _ => Vec::new(),
    };
    for text in texts {
        let text = text.clone();
        let registered = match door {
            Door::HookError => lifecycle::hook("fails").register(|| async { Err::<(), _>(text) }),
            Door::HookPanic => lifecycle::hook("panics").register(|| panics(text)),
            Door::HookName => {
                lifecycle::hook(text).register(|| async { Err::<(), _>("it failed") })
            }
            _ => break,
        };
        registered.unwrap();
    }
    let (by_main, status) = (text.clone(), Arc::new(Mutex::new(String::new())));
    let seen = Arc::clone(&status);
    let look = move || write!(seen.lock().unwrap(), "{:?}", lifecycle::status()).unwrap();
    let report = match door {
        Door::MainError => scenario.main(async move { Err::<(), _>(by_main) }).run().await,
        Door::MainPanic => {
            scenario.main(async move { resume_unwind(Box::new(by_main)) }).run().await
        }
        _ => {
            let reason = match door {
                Door::Failure => Reason::failure(text),
                Door::Requested => Reason::requested(text),
                Door::Forged => Reason::MainFailed(text),
                _ => Reason::requested("enough"),
            };
            // Some are never ready.
            let scenario = if holds.is_empty() { scenario } else { scenario.starting() };
            let main = async move {
                look();
                lifecycle::draining().await;
                look();
            };
            scenario.main(main).shutdown(reason).await
        }
    };
    assert_eq!(report.hooks().len() > 1, texts.len() > 1 && door != Door::HoldName);
    let mut outputs = vec![("plan", plan), ("status", status.lock().unwrap().clone())];
    let mut told = String::new();
    loop {
        let event = events.recv().await.expect("an end before");
        write!(told, "{event:?}").unwrap();
        if matches!(event, lifecycle::event::Event::State { state: State::Stopped, .. }) {
            break;
        }
    }
    outputs.push(("events", told));
    outputs.push(("reason", format!("{:?}", report.reason())));
    outputs.push(("problems", report.problems().join("\n")));
    (report, outputs)
}

async fn panics(text: String) {
    resume_unwind(Box::new(text));
}

/// Keeps what it is told, without any escaping.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "lifecycle"
    }

    fn new_span(&self, span: &span::Attributes<'_>) -> span::Id {
        span.record(&mut Kept(&self.0));
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        values.record(&mut Kept(&self.0));
    }

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut Kept(&self.0));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Kept<'l>(&'l Mutex<String>);

impl Visit for Kept<'_> {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

fn without_our_colours(text: &str) -> String {
    ["0", "1", "2", "31", "32", "33"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(&format!("\x1b[{code}m"), ""))
}

#[test]
fn no_secret_leaves_by_any_door() {
    let texts: Vec<String> = table().map(|(text, ..)| text).collect();
    assert!(texts.len() >= 400, "{}", texts.len());
    let mut leaks = Vec::new();
    let mut look = |door: Door, texts: &[String]| {
        let shown = stop(door, texts);
        for (output, said) in &shown.outputs {
            let leak = said.lines().find(|line| line.contains(SECOND));
            leaks.extend(leak.map(|leak| format!("{door:?}, {output}: {leak}")));
        }
        // It came in.
        let is_hold = door == Door::HoldName;
        let place = if is_hold { "status" } else { "JSON" };
        let said = shown.outputs.iter().find(|(output, _)| *output == place);
        assert!(said.is_some_and(|(_, said)| said.contains("***")), "{door:?} {}", texts[0]);
    };
    // Each text comes by some of them, and every shape by all.
    let some = |door: Door, of: usize| texts.iter().skip(door as usize % of).step_by(of).cloned();
    for door in FOR_MANY {
        look(door, &some(door, 3).collect::<Vec<_>>());
    }
    for door in FOR_ONE {
        some(door, 9).for_each(|text| look(door, &[text]));
    }
    assert!(leaks.is_empty(), "{} leak:\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn what_holds_no_secret_is_shown_as_it_is() {
    let texts: Vec<String> = KEPT.iter().map(|text| (*text).to_owned()).collect();
    let shown = stop(Door::HookError, &texts);
    let mut kept: Vec<_> = shown.report.hooks().iter().map(|hook| hook.outcome().clone()).collect();
    let mut expected: Vec<_> = texts.iter().cloned().map(Outcome::Failed).collect();
    let text_of = |outcome: &Outcome| outcome.to_string();
    kept.sort_by_key(text_of);
    expected.sort_by_key(text_of);
    assert_eq!(kept, expected);
    for text in &texts {
        let shown = stop(Door::Failure, std::slice::from_ref(text));
        assert_eq!(*shown.report.reason(), Reason::Failure(text.clone()));
    }
}

/// What a text would do to a terminal, and a line that looks like ours after each end of a line.
fn forged() -> String {
    let mut text = "it failed".to_owned();
    for end in ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"] {
        text += end;
        text += "lifecycle: clean, exit code 0";
    }
    text + "\n! forged\nclean, exit code 0\nstopped cleanly: exit code 0\nmessage=stopped cleanly\
            \x1b[2J\x1b]0;title\x07\u{9b}31m\u{202e}\u{2066}\u{200f}\u{feff}\u{e0041}\u{ad}\u{8}\0"
}

#[test]
fn no_text_looks_like_a_line_of_ours_or_moves_a_terminal() {
    let text = forged();
    for door in FOR_MANY.into_iter().chain(FOR_ONE) {
        for (output, said) in stop(door, std::slice::from_ref(&text)).outputs {
            // Lists of texts as they are, for programs.
            if output == "problems" {
                continue;
            }
            let moves: Vec<_> = said.chars().filter(|char| is_dangerous(*char)).collect();
            assert!(moves.is_empty(), "{door:?}, {output}: {moves:?} in {said:?}");
            for line in said.lines() {
                let is_forged =
                    ["lifecycle: ", "! forged", "clean, exit code 0", "stopped cleanly"]
                        .iter()
                        .any(|ours| line.starts_with(ours));
                // A stop that was as it should be says so in a line of its own.
                let is_ours = door == Door::Requested || door == Door::HoldName;
                let is_verdict = is_ours && line.starts_with("clean, exit code 0, ");
                assert!(!is_forged || is_verdict, "{door:?}, {output}: {line}\n{said}");
                let is_forged = line == "message=stopped cleanly";
                assert!(!is_forged, "{door:?}, {output}: {line}\n{said}");
            }
        }
    }
}

fn is_dangerous(char: char) -> bool {
    (char.is_control() && char != '\n')
        || matches!(char, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{feff}')
        || matches!(char, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(char, '\u{e0000}'..='\u{e007f}')
}

/// 200 MB of text, made while it is shown; it counts what was made.
#[derive(Clone, Debug, Default)]
struct Huge(Arc<Mutex<usize>>);

const HUGE: usize = 200 << 20;

impl fmt::Display for Huge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let piece = "words and more words, ".repeat(50);
        for _ in 0..HUGE / piece.len() {
            *self.0.lock().unwrap() += piece.len();
            f.write_str(&piece)?;
        }
        Ok(())
    }
}

impl Error for Huge {}

#[tokio::test(start_paused = true)]
async fn an_error_is_shown_as_far_as_it_is_kept() {
    let [by_hook, by_main, by_part] = [(); 3].map(|()| Huge::default());
    let (hook, main, part) = (by_hook.clone(), by_main.clone(), by_part.clone());
    let config = Config::new().component(Part("part".into(), Ok(()), Err(Box::new(part))));
    let scenario = Scenario::new().config(config);
    lifecycle::hook("huge").register(|| async { Err::<(), _>(hook) }).unwrap();
    let report = scenario.main(async { Err::<(), _>(main) }).run().await;
    assert_eq!(report.problems().len(), 3, "{report}");
    for problem in report.problems() {
        let is_said = problem.contains("… (cut after 64 KiB)");
        assert!(is_said && problem.len() < 70_000, "{} {is_said}", problem.len());
    }
    for made in [by_hook, by_main, by_part] {
        assert!(*made.0.lock().unwrap() < 100_000);
    }
}

#[test]
fn a_text_of_any_size_costs_what_is_kept_of_it() {
    let huge = "words and more words, ".repeat((16 << 20) / 22);
    for door in FOR_MANY.into_iter().chain(FOR_ONE) {
        let texts = [huge.clone()];
        let began = Instant::now();
        let shown = stop(door, &texts);
        let took = began.elapsed();
        for (output, said) in &shown.outputs {
            assert!(said.len() < 1 << 20, "{door:?}, {output}: {}", said.len());
        }
        let is_hold = door == Door::HoldName;
        let place = if is_hold { "status" } else { "JSON" };
        let said = shown.outputs.iter().find(|(output, _)| *output == place);
        assert!(said.is_some_and(|(_, said)| said.contains("(cut after 64 KiB)")), "{door:?}");
        // The copies that the test makes are part of it.
        assert!(took < Duration::from_secs(5), "{door:?} took {took:?}");
    }
}
