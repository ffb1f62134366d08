//! A second and a third signal of each kind, at every place of a life and on the way from one to
//! the next: the process is held there, and what each signal does is what the ladder says.

use std::time::{Duration, Instant};

use Meaning::{Exits, Hurries, Merged, Repeated, Stops};
use lifecycle_process_tests::{Child, all, service};
use lifecycle_storm_tests::{
    handlers::demand_to_hear,
    mark::{Kind, Meaning},
};

/// A place where a life can be held.
#[derive(Debug)]
struct Place {
    name: &'static str,
    /// What the child says when it can be sent its first signal.
    ready: &'static str,
    /// Whether the report is final there.
    is_finished: bool,
    /// Whether it also comes there when main returns by itself.
    by_itself: bool,
    /// Its exit code when a signal ends the drain there.
    hurried: i32,
}

const fn place(name: &'static str) -> Place {
    Place { name, ready: "state running", is_finished: false, by_itself: false, hurried: 0 }
}

static PLACES: [Place; 14] = [
    // Signals are heard, and there is no runtime.
    Place { ready: "running", ..place("before-run") },
    // The stop finds start-up in a tracked step.
    Place { ready: "held starting", hurried: 70, ..place("starting") },
    place("delaying"),
    // From the delay to the drain's end: main was told, and does not return.
    Place { hurried: 70, ..place("told-main") },
    // Main may be cut once nothing is in flight, and blocks while it is dropped.
    Place { hurried: 70, ..place("main-drop") },
    Place { by_itself: true, hurried: 70, ..place("call") },
    // The last call is over, and not yet its arguments.
    Place { by_itself: true, hurried: 70, ..place("argument") },
    Place { by_itself: true, ..place("hook") },
    Place { by_itself: true, ..place("blocking-hook") },
    Place { by_itself: true, ..place("sync-hook") },
    // The hooks are over, and the report is not final.
    Place { by_itself: true, ..place("resource") },
    // The report is final: before and in the end of the runtime, and in the end of the process.
    Place { by_itself: true, is_finished: true, ..place("returned") },
    Place { by_itself: true, is_finished: true, ..place("runtime") },
    Place { by_itself: true, is_finished: true, ..place("thread-local") },
];

/// When the second signal comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Second {
    /// So late that it counts.
    Counts,
    /// Soon after the first that it is one with that.
    AtOnce,
}

#[derive(Debug)]
struct Case {
    place: &'static Place,
    /// What stops it; nothing: main returns.
    stop: Option<Kind>,
    when: Second,
    signals: [Kind; 2],
}

impl Case {
    /// What the signals after the stop mean, and the code of the end.
    fn expected(&self) -> (Vec<Meaning>, i32) {
        let [second, third] = self.signals;
        let hurried = self.place.hurried;
        match (self.when, self.place.is_finished, second, third) {
            (Second::AtOnce, true, _, third) => (vec![Merged, Exits], 128 + third.number()),
            (Second::AtOnce, false, _, Kind::Int) => (vec![Merged, Hurries], hurried),
            (Second::AtOnce, false, ..) => (vec![Merged, Repeated], 0),
            (Second::Counts, true, second, _) => (vec![Exits], 128 + second.number()),
            (Second::Counts, false, Kind::Int, Kind::Int) => (vec![Hurries, Exits], 130),
            (Second::Counts, false, Kind::Int, _) => (vec![Hurries, Repeated], hurried),
            (Second::Counts, false, _, Kind::Int) => (vec![Repeated, Hurries], hurried),
            (Second::Counts, false, ..) => (vec![Repeated, Repeated], 0),
        }
    }

    fn start(&self) -> Child {
        let delay = if self.place.name == "delaying" { "10s" } else { "0s" };
        let by_itself = self.stop.is_none().then_some("self");
        service!(bin "storm-ladder", self.place.name)
            .args(by_itself)
            .env("LIFECYCLE_GRACE_PERIOD", "40s")
            .env("LIFECYCLE_SHUTDOWN_DELAY", delay)
            .env("LIFECYCLE_EXIT_TIMEOUT", "20s")
            // The service watches its events, and so listens; elsewhere main returns by itself.
            .env("LIFECYCLE_MAIN_TIMEOUT", if self.place.name == "main-drop" { "0s" } else { "1m" })
            .start()
    }

    /// Whether the machine was quick enough for what is to be one signal.
    fn plays(&self) -> bool {
        let mut child = self.start();
        let first = Instant::now();
        let mut heard = 0;
        if let Some(stop) = self.stop {
            child.wait_for(self.place.ready);
            child.signal(stop.into());
            heard += 1;
            check_heard(&child, heard, stop, Stops);
        }
        let held = if self.place.name == "delaying" { "state delaying" } else { "held " };
        child.wait_for(held);
        if self.stop.is_none() {
            child.wait_for("main-returned");
        }
        let (meanings, code) = self.expected();
        for (signal, meaning) in self.signals.into_iter().zip(&meanings) {
            match meaning {
                Merged => child.signal(signal.into()),
                _ => child.next_signal(signal.into()),
            }
            if *meaning == Exits {
                let ending = child.end();
                ending
                    .exits(code)
                    .says(&format!("exit {code} at once"))
                    .ends_within(Duration::from_secs(2));
                return true;
            }
            heard += 1;
            if *meaning == Merged && first.elapsed() > Duration::from_millis(400) {
                return false;
            }
            check_heard(&child, heard, signal, *meaning);
        }
        if meanings.contains(&Hurries) && self.place.name != "before-run" {
            // What is told to go now might end in the moment between the word and the deed.
            child.wait_for("state stopping");
        }
        child.tell("go");
        let ending = child.end();
        ending.exits(code).says_times(" heard ", heard);
        let reports = ending.count(" report ");
        ending.says_times(&format!(" report {code}"), reports);
        true
    }
}

#[track_caller]
fn check_heard(child: &Child, nth: usize, signal: Kind, meaning: Meaning) {
    let line = child.wait_for_nth(" heard ", nth);
    let expected = format!(" heard {} {}", signal.name(), meaning.words());
    assert!(line.contains(&expected), "should have{expected}, and has {line}");
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for place in &PLACES {
        let stops = Kind::ALL.into_iter().map(Some).chain(place.by_itself.then_some(None));
        for stop in stops {
            for second in Kind::ALL {
                for third in Kind::ALL {
                    // Where the second ends it there is no third.
                    if !place.is_finished || third == Kind::Term {
                        cases.push(Case {
                            place,
                            stop,
                            when: Second::Counts,
                            signals: [second, third],
                        });
                    }
                    if stop.is_some() {
                        cases.push(Case {
                            place,
                            stop,
                            when: Second::AtOnce,
                            signals: [second, third],
                        });
                    }
                }
            }
        }
    }
    cases
}

#[test]
fn each_signal_does_what_the_ladder_says_wherever_it_comes() {
    demand_to_hear();
    all(&cases(), |case| {
        let played = (0..10).any(|_| case.plays());
        assert!(played, "ten times too slow for two signals within half a second");
    });
}

/// Main may return at the very moment in which the library says with which code it ends the
/// process.
#[test]
fn how_it_says_that_it_ends_is_how_it_ends() {
    demand_to_hear();
    let mut child = service!(bin "storm-ladder", "said", "self").start();
    child.wait_for("held said");
    child.signal(Kind::Term.into());
    let ending = child.end();
    ending.exits(143).says(" heard SIGTERM ends the process");
}
