use std::{
    collections::BTreeMap,
    fmt::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use lifecycle_deadline_tests::{DEADLINE, GRACE, in_time, is_late};
use lifecycle_process_tests::{Child, Ending, Exit, Service, Signal, Stream};

/// Main's thread alone, and runtimes with workers.
const RUNTIMES: &[&str] = &["current_thread", "1", "2", "4"];

/// What happens in a few of thirty is seen more often.
const TIMES: usize = 5;

/// How many processes run at once: they mostly wait.
const AT_ONCE: usize = 20;

/// How many of those that burn processors.
const LOUD_AT_ONCE: usize = 2;

/// One attack, and what is expected of the process all the same.
#[derive(Clone, Debug)]
pub struct Row {
    name: &'static str,
    parent: &'static [&'static str],
    variables: &'static [(&'static str, &'static str)],
    more: Vec<(&'static str, String)>,
    signals: &'static [Signal],
    runtimes: &'static [&'static str],
    times: usize,
    codes: &'static [i32],
    may_abort: bool,
    is_at_once: bool,
    stdout: &'static [&'static str],
    stderr: &'static [&'static [&'static str]],
    never: &'static [&'static str],
}

/// The attack of this name: it is stopped by SIGTERM, its hook runs, it ends by itself and with 0.
#[must_use]
pub const fn row(name: &'static str) -> Row {
    Row {
        name,
        parent: &[],
        variables: &[],
        more: Vec::new(),
        signals: &[Signal::TERM],
        runtimes: RUNTIMES,
        times: TIMES,
        codes: &[0],
        may_abort: false,
        is_at_once: true,
        stdout: &["hook: note"],
        stderr: &[],
        never: &[],
    }
}

impl Row {
    /// What its parent does to it: words of `attack-parent`.
    #[must_use]
    pub const fn parent(mut self, parent: &'static [&'static str]) -> Self {
        self.parent = parent;
        self
    }

    /// Variables beside the usual ones.
    #[must_use]
    pub const fn env(mut self, variables: &'static [(&'static str, &'static str)]) -> Self {
        self.variables = variables;
        self
    }

    /// A variable that is known only when the test runs.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: String) -> Self {
        self.more.push((name, value));
        self
    }

    /// Stopped by this signal.
    #[must_use]
    pub const fn signals(mut self, signals: &'static [Signal]) -> Self {
        self.signals = signals;
        self
    }

    /// On these runtimes alone.
    #[must_use]
    pub const fn on(mut self, runtimes: &'static [&'static str]) -> Self {
        self.runtimes = runtimes;
        self
    }

    /// So many times on each.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Ends with one of these codes.
    #[must_use]
    pub const fn codes(mut self, codes: &'static [i32]) -> Self {
        self.codes = codes;
        self
    }

    /// Or is aborted, by what the application broke of its own.
    #[must_use]
    pub const fn or_aborts(mut self) -> Self {
        self.may_abort = true;
        self
    }

    /// May last until the deadline.
    #[must_use]
    pub const fn held(mut self) -> Self {
        self.is_at_once = false;
        self
    }

    /// These lines are on stdout: what ran.
    #[must_use]
    pub const fn ran(mut self, stdout: &'static [&'static str]) -> Self {
        self.stdout = stdout;
        self
    }

    /// Each of these is a line on stderr that has all of its words.
    #[must_use]
    pub const fn says(mut self, stderr: &'static [&'static [&'static str]]) -> Self {
        self.stderr = stderr;
        self
    }

    /// On neither stream.
    #[must_use]
    pub const fn never(mut self, never: &'static [&'static str]) -> Self {
        self.never = never;
        self
    }

    /// As the tests name it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// With what makes it differ from others of its name.
    fn label(&self) -> String {
        let variables = self.variables.iter().map(|(name, value)| format!("{name}={value}"));
        let words = self.parent.iter().map(|word| (*word).to_owned()).chain(variables);
        std::iter::once(self.name.to_owned()).chain(words).collect::<Vec<_>>().join(" ")
    }

    fn start(&self, programs: Programs<'_>, runtime: &str) -> Child {
        let service = if self.parent.is_empty() {
            Service::at(programs.attack)
        } else {
            Service::at(programs.parent).args(self.parent).arg("--").arg(programs.attack)
        };
        self.environment(service.args([runtime, self.name])).start()
    }

    /// Numbers of the platform and the variables of the row.
    pub fn environment(&self, service: Service) -> Service {
        let service = service
            .env("LIFECYCLE_GRACE_PERIOD", format!("{}ms", GRACE.as_millis()))
            .env("LIFECYCLE_DRAIN_TIMEOUT", "500ms")
            .env("RUST_BACKTRACE", "0");
        let more = self.more.iter().map(|(name, value)| (*name, &**value));
        let variables = self.variables.iter().copied().chain(more);
        variables.fold(service, |service, (name, value)| service.env(name, value))
    }

    fn run(&self, programs: Programs<'_>, runtime: &str) -> Ending {
        let mut child = self.start(programs, runtime);
        child.wait_for("up");
        for signal in self.signals {
            child.signal(*signal);
        }
        child.end_within(GRACE)
    }

    /// Everything that is expected of it but the time.
    pub fn check(&self, ending: &Ending) {
        let code = match ending.exit() {
            Exit::Code(code) => code,
            Exit::Signal(number) if self.may_abort && number == Signal::ABORT.as_raw() => return,
            Exit::Signal(_) => ending.fail("was ended by a signal"),
        };
        if !self.codes.contains(&code) {
            ending.fail(&format!("should end with one of {:?}", self.codes));
        }
        if self.is_at_once && ending.since_first_signal() >= DEADLINE {
            ending.fail("should not have needed the deadline");
        }
        for line in self.stdout {
            if !ending.lines(Stream::Stdout).any(|said| said.contains(line)) {
                ending.fail(&format!("{line:?} did not run"));
            }
        }
        for parts in self.stderr {
            let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
            if !ending.lines(Stream::Stderr).any(has_all) {
                ending.fail(&format!("no line on stderr has all of {parts:?}"));
            }
        }
        for text in self.never {
            ending.never_says(text);
        }
    }
}

/// The two programs of this package.
#[derive(Clone, Copy, Debug)]
pub struct Programs<'p> {
    /// The service that is attacked.
    pub attack: &'p str,
    /// Its parent.
    pub parent: &'p str,
}

/// Those of the calling test.
#[macro_export]
macro_rules! programs {
    () => {
        $crate::Programs {
            attack: env!("CARGO_BIN_EXE_attack"),
            parent: env!("CARGO_BIN_EXE_attack-parent"),
        }
    };
}

/// Every row holds, on each of its runtimes, each time.
///
/// # Panics
///
/// When one does not.
pub fn hold(programs: Programs<'_>, rows: &[Row]) {
    run_all(programs, rows, AT_ONCE);
}

/// The same of rows that burn processors.
///
/// # Panics
///
/// When one does not hold.
pub fn hold_few(programs: Programs<'_>, rows: &[Row]) {
    run_all(programs, rows, LOUD_AT_ONCE);
}

/// What became of a row: how often it was run and failed, and the first failure.
#[derive(Default)]
struct Tally {
    runs: usize,
    failures: usize,
    first_failure: String,
    slowest: Duration,
}

type Tallies = Mutex<BTreeMap<String, Tally>>;

fn run_all(programs: Programs<'_>, rows: &[Row], at_once: usize) {
    let runs: Vec<(&Row, &str)> = (0..rows.iter().map(|row| row.times).max().unwrap_or_default())
        .flat_map(|time| rows.iter().filter(move |row| time < row.times))
        .flat_map(|row| row.runtimes.iter().map(move |runtime| (row, *runtime)))
        .collect();
    let tallies = Tallies::default();
    let late: Mutex<Vec<(&Row, &str, Ending)>> = Mutex::default();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..at_once.min(runs.len()) {
            scope.spawn(|| {
                while let Some((row, runtime)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    note(&tallies, row, runtime, 1, || {
                        let ending = row.run(programs, runtime);
                        // Beside many others the attack itself may come too late.
                        let holds = || row.check(&ending);
                        if is_late(&ending) || catch_unwind(AssertUnwindSafe(holds)).is_err() {
                            lock(&late).push((*row, *runtime, ending));
                            return None;
                        }
                        Some(ending.since_first_signal())
                    });
                }
            });
        }
    });
    for Late { row, runtime, ending, times } in counted(late) {
        note(&tallies, row, runtime, times, || {
            // Wrong most of the time: it is not the machine. Else once more, and alone: of a machine
            // that does much else, what is to be there until its deadline is late most of the time.
            let is_wrong = !is_late(&ending) && times > 2 && times * 2 > row.times;
            let ending = if is_wrong { ending } else { in_time(|| row.run(programs, runtime)) };
            if is_late(&ending) {
                ending.fail(&format!("is far too late, and was {times} times among others"));
            }
            row.check(&ending);
            Some(ending.since_first_signal())
        });
    }
    tell(&tallies.into_inner().unwrap_or_else(PoisonError::into_inner));
}

/// A row that was late on a runtime.
struct Late<'r> {
    row: &'r Row,
    runtime: &'r str,
    /// The first time.
    ending: Ending,
    times: usize,
}

/// Each once, and how often it was there.
fn counted<'r>(late: Mutex<Vec<(&'r Row, &'r str, Ending)>>) -> Vec<Late<'r>> {
    let mut counted: Vec<Late<'_>> = Vec::new();
    for (row, runtime, ending) in late.into_inner().unwrap_or_else(PoisonError::into_inner) {
        let known =
            counted.iter_mut().find(|late| std::ptr::eq(late.row, row) && late.runtime == runtime);
        match known {
            Some(late) => late.times += 1,
            None => counted.push(Late { row, runtime, ending, times: 1 }),
        }
    }
    println!("{} were late among others", counted.iter().map(|late| late.times).sum::<usize>());
    counted
}

/// Notes what became of so many runs; `None`: that comes later.
fn note(
    tallies: &Tallies,
    row: &Row,
    runtime: &str,
    runs: usize,
    run: impl FnOnce() -> Option<Duration>,
) {
    // The panic itself has been printed by then.
    let result = catch_unwind(AssertUnwindSafe(run));
    let mut tallies = lock(tallies);
    let tally = tallies.entry(row.label()).or_default();
    match result {
        Ok(None) => return,
        Ok(Some(gone)) => tally.slowest = tally.slowest.max(gone),
        Err(panic) => {
            tally.failures += runs;
            if tally.first_failure.is_empty() {
                let text = panic.downcast_ref::<String>().cloned().unwrap_or_default();
                tally.first_failure = format!("on {runtime}: {text}");
            }
        }
    }
    tally.runs += runs;
}

fn tell(tallies: &BTreeMap<String, Tally>) {
    let mut failed = String::new();
    for (row, Tally { runs, failures, first_failure, slowest }) in tallies {
        let held = runs - failures;
        println!("{row:<44} held {held:>3} of {runs:>3}, gone in {:>5} ms", slowest.as_millis());
        if *failures > 0 {
            let _ =
                writeln!(failed, "{row} held {held} of {runs}; the first failure {first_failure}");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A shared library made of a few lines of C.
///
/// # Panics
///
/// When there is no C compiler, or it does not like them.
#[must_use]
pub fn library(folder: &Path, name: &str, source: &str) -> PathBuf {
    let (library, file) = (folder.join(name), folder.join(format!("{name}.c")));
    std::fs::write(&file, source).expect("written");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &file]).status();
    assert!(built.is_ok_and(|status| status.success()), "cc cannot make {name}");
    library
}
