//! Every message that a process may say, in two files: `golden/stderr.txt` without a subscriber,
//! `golden/log.txt` of its subscriber, at info and above. A change of words is seen there.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use lifecycle_process_tests::{Service, Signal, Stream, all, service};

/// What is done to a service, in turn.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(&'static str),
    Send(Signal),
    /// One that counts as one with the last.
    Too(Signal),
    Tell(&'static str),
    Pause(u64),
    /// It does not end by itself: it is killed a second later.
    Kill,
}

use Step::{Kill, Pause, Send, Tell, Too, Wait};

/// A signal, once it is up.
const TERM: &[Step] = &[Wait("up"), Send(Signal::TERM)];
const INT: &[Step] = &[Wait("up"), Send(Signal::INT)];

#[derive(Debug)]
struct Case {
    /// What happens, in words.
    title: &'static str,
    service: Service,
    steps: &'static [Step],
}

fn case(title: &'static str, service: Service, steps: &'static [Step]) -> Case {
    Case { title, service, steps }
}

/// What ends or begins a stop, and what becomes of main.
fn ends() -> Vec<Case> {
    let short = |service: Service| service.env("LIFECYCLE_DRAIN_TIMEOUT", "200ms");
    vec![
        case("SIGTERM, and main returns", service!("worker"), TERM),
        case("SIGINT from a process", service!("worker"), INT),
        case(
            "SIGQUIT, which the service names",
            service!("worker", "quit"),
            &[Wait("up"), Send(Signal::QUIT)],
        ),
        case("main returns", service!("ends", "return"), &[]),
        case("main fails", service!("ends", "err-early"), &[]),
        case("main panics", service!("ends", "ask", "panic"), &[]),
        case("the application asks", service!("ends", "ask"), &[]),
        case("the application asks, as a failure", service!("ends", "ask-failure"), &[]),
        case("the run future is dropped", service!("dropped"), &[Wait("run is over"), Kill]),
        case("a job is stopped, and returns", service!("ends", "job"), TERM),
        case("a job is stopped, and does not return", service!("ends", "job", "stay"), TERM),
        case("main listens and does not return", service!("ends", "stay"), TERM),
        case(
            "the same, with a main_timeout",
            service!("words", "cuts-late").env("LIFECYCLE_MAIN_TIMEOUT", "200ms"),
            &[],
        ),
        case(
            "main is waited for",
            service!("main", "listens"),
            &[Wait("up"), Send(Signal::TERM), Pause(1_300), Tell("return")],
        ),
        case("main does not listen and is dropped", service!("words", "cuts"), &[]),
        case("nothing is tracked and nobody listens", service!(bin "process-bare"), TERM),
        case("main blocks the only thread", short(service!("blocked")).env(GRACE, "3s"), TERM),
        case(
            "start-up never ends",
            service!("early").env(GRACE, "1s"),
            &[Wait("installed"), Send(Signal::TERM)],
        ),
    ]
}

/// Signals after the first, and calls in flight.
fn signals_and_calls() -> Vec<Case> {
    vec![
        case(
            "three SIGINT, with a call in flight",
            service!("busy", "endless"),
            &[
                Wait("call began"),
                Send(Signal::INT),
                Pause(600),
                Send(Signal::INT),
                Wait("hook: endless"),
                Send(Signal::INT),
            ],
        ),
        case(
            "two SIGINT, and the hooks end",
            service!("busy"),
            &[Wait("call began"), Send(Signal::INT), Pause(600), Send(Signal::INT)],
        ),
        case(
            "two SIGINT at once",
            service!("busy"),
            &[
                Wait("call began"),
                Send(Signal::INT),
                Pause(100),
                Too(Signal::INT),
                Pause(100),
                Tell("finish"),
            ],
        ),
        case(
            "SIGTERM twice changes nothing",
            service!("busy"),
            &[
                Wait("call began"),
                Send(Signal::TERM),
                Pause(600),
                Send(Signal::TERM),
                Pause(600),
                Tell("finish"),
            ],
        ),
        case(
            "SIGTERM three times, where it escalates",
            service!("busy", "endless", "escalate"),
            &[
                Wait("call began"),
                Send(Signal::TERM),
                Pause(600),
                Send(Signal::TERM),
                Wait("hook: endless"),
                Send(Signal::TERM),
            ],
        ),
        case(
            "a signal after the run",
            service!("lingering"),
            &[Wait("run is over"), Send(Signal::TERM)],
        ),
        case("a call is abandoned", service!("ends", "abandon"), TERM),
        case(
            "calls finish, panic, are refused and cancelled",
            service!("words", "sites"),
            &[Wait("up"), Tell("finish")],
        ),
    ]
}

/// Each outcome of a hook.
fn hooks() -> Vec<Case> {
    vec![
        case("a hook fails", service!("fails"), &[]),
        case("a hook panics", service!("panics"), &[]),
        case("a hook times out", service!("hanging"), &[]),
        case("a hook times out, and has a second step", service!("second-step"), &[]),
        case("a hook is late", service!("ends", "ask", "hook-dawdles"), &[]),
        case("a hook is stuck", service!("words", "stuck-last").env(GRACE, "4s"), &[]),
        case("a hook is skipped", service!("missing", "ready"), &[]),
        case(
            "a hook is skipped, and something like it is there",
            service!("near-miss"),
            &[Wait("provided at"), Send(Signal::TERM)],
        ),
        case("a stuck hook keeps what another takes", service!("borrowed").env(GRACE, "4s"), &[]),
        case("a hook has no use", service!("words", "if-provided"), &[]),
        case("a hook is unregistered in the stop", service!("words", "unregisters"), &[]),
        case("hooks are registered too late", service!("register"), &[]),
        case("the destructor of a resource panics", service!("words", "destructor"), &[]),
        case("a resource is provided too late", service!("too-late"), &[]),
        case("a resource is provided twice", service!("words", "twice"), &[]),
    ]
}

/// What else the application brings.
fn extensions() -> Vec<Case> {
    let words = |which: &str| service!("words", which);
    vec![
        case("a component does not start", words("component-does-not-start"), &[]),
        case("a component fails to stop", words("component-fails"), &[]),
        case("a component panics", words("component-panics"), &[]),
        case("a component is slow to stop", words("component-is-slow"), &[]),
        case("a component does not stop", words("component-hangs"), &[]),
        case("a component blocks", words("component-blocks").env(GRACE, "2s"), &[]),
        case("an observer panics", words("observer"), &[]),
        case("a waker panics", words("waker"), &[]),
        case("the subscriber panics", words("subscriber"), &[]),
        case("what is kept until the exit panics", words("kept-panics"), &[]),
        case("what is kept until the exit does not end", words("kept-blocks"), &[]),
    ]
}

/// The deadline, and what is there after the report.
fn deadlines() -> Vec<Case> {
    vec![
        case("a destructor blocks", service!("ends", "ask", "breach").env(GRACE, "2s"), &[]),
        case(
            "a hook blocks up to the deadline",
            service!("ends", "ask", "hook-sticks").env(GRACE, "4s"),
            &[],
        ),
        case(
            "a thread of the runtime does not end",
            service!("words", "leaks").env("LIFECYCLE_EXIT_TIMEOUT", "500ms"),
            &[],
        ),
        case(
            "the process does not end",
            service!("words", "stays").env("LIFECYCLE_EXIT_TIMEOUT", "500ms"),
            &[],
        ),
        case("the report cannot be written", no_file(service!("worker")), TERM),
    ]
}

/// What is refused, and what is warned of.
fn starts() -> Vec<Case> {
    let none = || service!("no-hooks");
    let answered = |answer| service!(bin "process-defaults").env("LIFECYCLE_PLAN", answer);
    vec![
        case("the environment makes no sense", none().env(GRACE, "30").env(HOOKS, "0s"), &[]),
        case("no time at all", none().env(GRACE, "0s"), &[]),
        case(
            "no time for one hook",
            service!("worker").env("LIFECYCLE_HOOK_TIMEOUT__NOTE", "0s"),
            &[],
        ),
        case(
            "a name that two hooks have",
            service!("words", "same-end").env("LIFECYCLE_HOOK_TIMEOUT__TIDY", "1s"),
            &[],
        ),
        case("a report of no known kind", none().env("LIFECYCLE_REPORT", "stop.pdf"), &[]),
        case("an answer of no known kind", none().env("LIFECYCLE_PLAN", "xml"), &[]),
        case("a terminal of no known kind", none().env("LIFECYCLE_TERMINAL", "loud"), &[]),
        case("an empty manifest", answered("check").env("LIFECYCLE_MANIFEST", ""), &[]),
        case("the plan does not fit, and is asked", answered("check").env(GRACE, "6s"), &[]),
        case("the plan does not fit", service!("second-step").env(GRACE, "2s"), &[]),
        case("the plan does not fit, as of late", service!("words", "late-plan"), &[]),
        case("a plan may be mistaken", service!("words", "hint"), &[]),
        case("the plan contradicts itself", service!(bin "process-invalid", "run"), &[]),
        case("no runtime", service!("no-runtime"), &[]),
        case("a second run", service!("run-twice"), &[]),
        case(
            "variables that are none, and those that nobody needs",
            none()
                .env("LIFECYCLE_GRACE_PERIODE", "5s")
                .env("LIFECYCLE_NONSENSE", "5s")
                .env("LIFECYCLE_HOOK_TIMEOUT__NOBODY", "1s")
                .env("LIFECYCLE_MANIFEST", "k8s.yaml")
                .env("LIFECYCLE_MANIFEST_PRE_STOP", "5s"),
            &[],
        ),
        case(
            "systemd is said to listen at what is no address",
            none().env("NOTIFY_SOCKET", "run/none"),
            &[],
        ),
        case("a signal is ignored", service!("worker").ignoring("HUP"), TERM),
        case("the answer cannot be written", full(), &[]),
    ]
}

const GRACE: &str = "LIFECYCLE_GRACE_PERIOD";
const HOOKS: &str = "LIFECYCLE_HOOK_TIMEOUT";

fn no_file(service: Service) -> Service {
    service.env("LIFECYCLE_REPORT", "/nowhere/stop.txt")
}

fn full() -> Service {
    Service::at("/bin/sh")
        .args(["-c", "\"$0\" >/dev/full", env!("CARGO_BIN_EXE_process-defaults")])
        .env("LIFECYCLE_PLAN", "json")
}

fn cases() -> Vec<Case> {
    [ends(), signals_and_calls(), hooks(), extensions(), deadlines(), starts()]
        .into_iter()
        .flatten()
        .collect()
}

/// What a service says, on stderr without a subscriber or in its log.
fn said(case: &Case, quiet: bool) -> Vec<String> {
    // Rust's own words about a panic are not the library's.
    let service = case.service.clone().env("RUST_BACKTRACE", "0");
    let mut child = if quiet { service.quiet() } else { service }.start();
    let mut is_killed = false;
    for step in case.steps {
        match *step {
            // Nothing of it can be seen without a log.
            Pause(millis) => std::thread::sleep(Duration::from_millis(millis)),
            Wait(text) => drop(child.wait_for(text)),
            Send(signal) => child.next_signal(signal),
            Too(signal) => child.signal(signal),
            Tell(word) => child.tell(word),
            Kill => is_killed = true,
        }
    }
    let ending = if is_killed { child.end_within(Duration::from_secs(1)) } else { child.end() };
    let is_log = |line: &str| [" INFO ", " WARN ", "ERROR "].iter().any(|l| line.starts_with(l));
    let is_said = |line: &str| if quiet { line.starts_with("lifecycle: ") } else { is_log(line) };
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in ending.lines(Stream::Stderr) {
        let text = normalised(&without_spans(line));
        // A line that goes on is indented. The process may end before the log has its last one.
        if !line.starts_with("    ") {
            goes_on = is_said(line) && !line.contains("ends the process now");
            // Of a feature, and of numbers; lifecycle-telemetry has its own test.
            goes_on &= !line.contains(" lifecycle.summary: ");
            // Progress comes as often as there is time for it.
            goes_on &= lines.last() != Some(&text);
            lines.extend(goes_on.then_some(text));
        } else if let Some(last) = lines.last_mut().filter(|_| goes_on) {
            *last += &format!("\n{text}");
        }
    }
    // Hooks run side by side.
    let hook = |line: &String| {
        let (_, name) = line.split_once("lifecycle: hook ")?;
        name.split_once(' ').map(|(name, _)| name.to_owned())
    };
    let is_run = |a: &String, b: &String| hook(a).is_some() && hook(b).is_some();
    lines.chunk_by_mut(is_run).filter(|_| !quiet).for_each(|run| run.sort_by_key(hook));
    // What the application was told in an error of its own.
    if quiet {
        let told = ending.lines(Stream::Stdout).filter(|line| line.contains("turned away"));
        lines.extend(told.map(|line| format!("(error) {}", normalised(line))));
    }
    lines
}

/// Times that were measured, lines of the source, processes and ids are all the same.
fn normalised(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from
            .find(|char: char| !(char.is_ascii_hexdigit() || ".-".contains(char)))
            .unwrap_or(from.len());
        text.push_str(before);
        let is_word = before.ends_with(|char: char| char.is_alphanumeric() || char == '_');
        let number = from[..end].trim_end_matches(|char: char| !char.is_ascii_digit());
        let unit = &from[number.len()..];
        let is_measured = (number.contains('.') || before.ends_with("the oldest "))
            && ["ns", "µs", "ms", "s"].iter().any(|known| unit.trim_start().starts_with(known));
        if is_word {
            text.push_str(number);
            rest = unit;
        } else if is_measured {
            text.push_str("1.0s");
            rest = unit.trim_start().trim_start_matches(['n', 'µ', 'm']);
            rest = rest.strip_prefix('s').unwrap_or(rest);
        } else if before.ends_with(".rs:")
            || before.ends_with("tracked_sites=")
            || before.ends_with("pid ")
            || before.ends_with("in task ")
            || before.ends_with("pid=")
        {
            text.push('1');
            rest = unit;
        } else {
            text.push_str(number);
            rest = unit;
        }
    }
    text.push_str(rest);
    // Which threads there are is a matter of moments.
    match text.split_once("threads still there: ") {
        Some((before, _)) => format!("{before}threads still there: main"),
        None => text,
    }
}

/// Where a span begins and ends is for the tests of spans.
fn without_spans(line: &str) -> String {
    match line
        .split_once("shutdown{id=")
        .and_then(|(level, rest)| Some((level, rest.split_once('}')?)))
    {
        Some((level, (_, rest))) => {
            let rest = rest.trim_start_matches(":drain").trim_start_matches([':', ' ']);
            format!("{level}{rest}")
        }
        None => line.to_owned(),
    }
}

#[test]
fn every_message_is_in_the_golden_files() {
    let cases = cases();
    let kept = Mutex::new(BTreeMap::new());
    let both: Vec<_> = (0..cases.len()).flat_map(|at| [(at, true), (at, false)]).collect();
    all(&both, |(at, quiet)| {
        let lines = said(&cases[*at], *quiet);
        kept.lock().unwrap().insert((!quiet, *at), lines);
    });
    let kept = kept.into_inner().unwrap();
    let mut twice = Vec::new();
    for (is_log, name) in [(false, "stderr.txt"), (true, "log.txt")] {
        let (mut text, mut known) = (String::new(), HashSet::new());
        for (at, case) in cases.iter().enumerate() {
            // A line of the log stands where it came first.
            let lines: Vec<_> =
                kept[&(is_log, at)].iter().filter(|line| !is_log || known.insert(*line)).collect();
            writeln!(text, "# {}\n", case.title).unwrap();
            lines.iter().for_each(|line| writeln!(text, "{line}").unwrap());
            text.push('\n');
            let is_twice = |at: &usize| !is_log && lines[..*at].contains(&lines[*at]);
            twice.extend(
                (0..lines.len()).filter(is_twice).map(|at| (case.title, lines[at].clone())),
            );
        }
        golden(name, &text);
    }
    assert!(twice.is_empty(), "said twice on stderr: {twice:#?}");
}

/// Compares `text` with a golden file; `LIFECYCLE_GOLDEN=write` writes it instead.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("LIFECYCLE_GOLDEN").is_some_and(|value| value == "write") {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        return fs::write(&path, text).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(text.lines()).position(|(kept, said)| kept != said);
    let at = differs.unwrap_or_else(|| kept.lines().count().min(text.lines().count()));
    let line = |text: &str| text.lines().nth(at).unwrap_or("(the end)").to_owned();
    assert!(
        kept == text,
        "{}:{}: kept is\n{}\nand said is\n{}\nLIFECYCLE_GOLDEN=write accepts all; read what it changes",
        path.display(),
        at + 1,
        line(&kept),
        line(text)
    );
}

/// Where the library makes what it says. Budgets and what explains a plan have tests of their own.
const SAYING: [&str; 12] = [
    "config/diagnostic.rs",
    "foreign",
    "os/surroundings.rs",
    "plan/error.rs",
    "plan/hints.rs",
    "report/mod.rs",
    "report/problem.rs",
    "resource",
    "runtime",
    "values/outcome.rs",
    "values/reason.rs",
    "values/signal_action.rs",
];

/// What no process of these cases comes to, and why not. It is kept word by word as well.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "what is linked differs from build to build",
        &[
            "this program reads no manifests; build it with the feature `manifest` of \
             `lifecycle-hooks`",
            "this program has no admin socket; build it with the feature `admin` of \
             `lifecycle-hooks`",
            "this program answers no probes; build it with the feature `http` of `lifecycle-hooks`",
            "this program draws no pictures; build it with the feature `pictures` of \
             `lifecycle-hooks`",
            "is set: systemd waits for READY=1, which this program does not send; build it with \
             the feature `systemd` of `lifecycle-hooks`, let the service send it, or write \
             `Type=exec` in its unit",
            "is set: systemd restarts the service unless it sends WATCHDOG=1, which this program \
             does not; build it with the feature `systemd` of `lifecycle-hooks`, let the service \
             send it, or leave `WatchdogSec=` out of its unit",
            "Config::extend_up_to: this program speaks to no service manager, and no stop is \
             extended; build it with the feature `systemd` of `lifecycle-hooks`",
            ") is no more than the grace period of",
            "; extended up to",
            "what a linked crate does in the run panicked:",
        ],
    ),
    ("every name is near enough to one that is known", &["; leave it out"]),
    (
        "it takes a container",
        &[
            "` and this process its child",
            ") stands between the platform and this process",
            ": a shell passes no signal on, and when it ends this process is killed without a \
             hook; write `exec` before the last command of the shell, or start the service \
             without one",
        ],
    ),
    (
        "it takes a system that grants no thread, no descriptor or no time",
        &[
            "signals cannot be heard:",
            "; see RLIMIT_NOFILE (ulimit -n), RLIMIT_NPROC (ulimit -u) and the cgroup's pids.max",
            "lifecycle: the runtime has not been built within 10s: exit 78; see RLIMIT_NPROC \
             (ulimit -u) and the cgroup's pids.max",
            "lifecycle: the report is not written:",
            "the report is not written:",
            "what was to outlive the log is not dropped, and lines of it may be lost:",
            "resources are not dropped:",
            "lifecycle: an observer has no thread:",
            "on_busy is told nothing, as it has no thread:",
            "the deadline has passed",
            "the report is final and the process did not end in time",
            ", and the library's own thread is held (in the loader, the allocator or the kernel): \
             exit",
        ],
    ),
    (
        "it takes code that is not safe",
        &[
            "may not be heard any more: a handler was installed after lifecycle's (`ctrlc`, \
             `sigaction`); install it before lifecycle::install, or leave the signal to lifecycle",
            "taken by another handler:",
            "lifecycle: this process was forked from the one that runs the lifecycle: no signal is \
             heard and no hook runs in it; fork before lifecycle::install and lifecycle::run",
        ],
    ),
    ("the process may end before the log has it", &["ends the process now"]),
    (
        "it takes a minute",
        &[
            "main has neither called lifecycle::ready() nor asked for draining()",
            "still starting after 60 s:",
        ],
    ),
    (
        "only a plan in a picture, a scenario or a compiler says it",
        &[
            "invalid: it contradicts itself, and LIFECYCLE_PLAN=check says how",
            "contradictions, and LIFECYCLE_PLAN=check names them",
            "a process would call the closure of on_forced_exit at",
            "main cannot return `",
            "not a result of main",
            "main returns `()`, `!`, `ExitCode`, or `Result<(), E>` or `Result<ExitCode, E>` where \
             `E: Display + Debug`",
            "dropping it takes the last resort back",
        ],
    ),
    (
        "who comes first is not sure, or it takes a panic in a panic",
        &[
            "(a value that is no text)",
            "of the application has been running for",
            "code that called lifecycle::resource()",
            "somebody who cloned its Arc",
            "let all hooks but one borrow it, or order this one before",
            "it belongs to an earlier run of its configuration",
            "to stop, and has",
            "its task was dropped",
            "` has been stopping for",
            "; its destructor panicked:",
            "it returned exit code",
            "there is no runtime to run it on",
            "declared as blocking, and is async",
            "a resource was not there",
        ],
    ),
];

#[test]
fn each_sentence_of_the_source_is_called_forth() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let golden = folder.join("tests/golden");
    let all = read(&golden.join("stderr.txt")) + &read(&golden.join("log.txt"));
    let core = folder.join("../../lifecycle-core/src");
    let mut elsewhere: HashSet<&str> =
        ELSEWHERE.iter().flat_map(|(_, sentences)| *sentences).copied().collect();
    let mut missing = Vec::new();
    for path in SAYING.iter().flat_map(|name| sources(&core.join(name))) {
        let sentences = literals(&read(&path)).into_iter().filter_map(|literal| sentence(&literal));
        let unsaid =
            sentences.filter(|sentence| !all.contains(sentence) && !elsewhere.remove(&**sentence));
        let name = path.strip_prefix(&core).unwrap().display();
        missing.extend(unsaid.map(|sentence| format!("{name}: {sentence}")));
    }
    assert!(missing.is_empty(), "no case calls these forth:\n{}", missing.join("\n"));
    assert!(elsewhere.is_empty(), "called forth here, or said no more: {elsewhere:#?}");
}

/// The files of a folder, without its tests; or the one file.
fn sources(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let files = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let is_source = |path: &PathBuf| {
        path.extension() == Some("rs".as_ref()) && path.file_name() != Some("tests.rs".as_ref())
    };
    files.filter(is_source).collect()
}

/// The longest part of a text without a placeholder, where it is a sentence.
fn sentence(literal: &str) -> Option<String> {
    let parts = literal.split(['{', '}']).enumerate().filter(|(at, _)| at % 2 == 0);
    let longest = parts.map(|(_, part)| part.trim()).max_by_key(|part| part.len())?;
    let longest = longest.lines().max_by_key(|line| line.len())?.trim();
    (longest.split(' ').count() > 3).then(|| longest.to_owned())
}

/// The texts of a source file, without those in comments, attributes and its tests.
fn literals(text: &str) -> Vec<String> {
    let product = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let is_code = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.contains("reason = \"")
    };
    let code: String = product.lines().filter(is_code).flat_map(|line| [line, "\n"]).collect();
    // Every second part of it is a text, once its own quotes are out of the way.
    let code = code.replace("'\"'", "").replace("\\\"", "\u{1}");
    code.split('"').skip(1).step_by(2).map(unescaped).collect()
}

fn unescaped(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let joined = lines.fold(first, |text, line| text + line.trim_start());
    joined.replace('\u{1}', "\"").replace("\\n", "\n").replace("{{", "").replace("}}", "")
}
