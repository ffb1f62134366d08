//! Which endings are right, from what was sent and what the child said; by the rules of the ladder,
//! of which this is an account of its own.
//!
//! Every time here is an interval: a signal is handled after it was sent and before the child says
//! so, or before its end. Where the rules come to different ends inside the interval, all of them
//! are right, and the round is ambiguous. What the child's own words settle, no clock has to: its
//! facts come in the order in which the library decided.

use std::{collections::BTreeSet, time::Duration};

use crate::mark::{Fact, Kind, Mark, Meaning, Stage};

/// Signals this close to the last counted one are one with it.
const MERGE: Duration = Duration::from_millis(500);
/// Two signals of one kind may be one to the system, when the first has not been delivered at the
/// second.
const COALESCE: Duration = Duration::from_millis(100);
/// A process that lives on for this long after a signal without a word about it has lost it. The
/// thread that says so waits for its turn on a machine that does much else.
const LOST: Duration = Duration::from_secs(2);

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// By itself, with this code.
    Code(i32),
    /// By the default action of a signal.
    Killed(i32),
}

/// A signal that was sent, and when: no earlier than this.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Which.
    pub kind: Kind,
    /// Time since boot, just before.
    pub at: Duration,
}

/// All that is known of a life.
#[derive(Clone, Debug)]
pub struct Story {
    /// In order.
    pub sent: Vec<Sent>,
    /// In the order in which the child said them.
    pub marks: Vec<Mark>,
    /// When it had ended.
    pub ended: Duration,
}

/// What the oracle says.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The endings that are right.
    pub right: BTreeSet<End>,
    /// What is wrong whatever the ending: a lost signal, a signal that meant what it must not.
    pub wrong: Vec<String>,
}

/// The same where later words have come.
const UNHEARD: Duration = Duration::from_millis(400);

/// For how long a process may go on to end by itself after it was said that a signal ends it.
const RACE: Duration = Duration::from_millis(100);

/// From the earliest to the latest moment of something.
type Span = (Duration, Duration);

/// A signal at its place in the story.
#[derive(Clone, Copy)]
struct Handled {
    kind: Kind,
    span: Span,
}

/// One way in which things may have gone.
#[derive(Clone, Debug, Default)]
struct World {
    stopping: bool,
    last_counted: Option<Span>,
    hurried: Option<Hurry>,
    exits: Option<i32>,
}

/// The drain was ended by a signal, in time or not.
#[derive(Clone, Copy, Debug)]
struct Hurry {
    at: Span,
    in_time: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    No,
    Maybe,
    Yes,
}

impl Story {
    /// All the endings that are right.
    #[must_use]
    pub fn judge(&self) -> Verdict {
        let mut verdict = Verdict::default();
        let first = self.sent.first().map_or(Duration::MAX, |sent| sent.at);
        let heard_from = self.heard_from();
        if heard_from.is_none_or(|main| first <= main) {
            // Signals are heard somewhere between the two marks; before, their default action
            // kills.
            let unheard =
                self.sent.iter().filter(|sent| heard_from.is_none_or(|main| sent.at <= main));
            verdict.right.extend(unheard.map(|sent| End::Killed(sent.kind.number())));
        }
        if self.at(Fact::Up).is_none() {
            return verdict;
        }
        let (said, unsaid) = self.placed(&mut verdict);
        let mut worlds = self.replay(&said, &mut verdict);
        for signal in unsaid {
            worlds = worlds.into_iter().flat_map(|world| self.unsaid(world, signal)).collect();
        }
        for world in &worlds {
            self.endings(world, &mut verdict.right);
        }
        verdict
    }

    /// The stage that the child was in at `at`, as far as it had said so.
    #[must_use]
    pub fn stage(&self, at: Duration) -> Option<Stage> {
        let said = self.marks.iter().take_while(|mark| mark.at <= at);
        let entered = said.filter_map(|mark| match mark.fact {
            Fact::Up => Some(Stage::Starting),
            Fact::Entered(stage) => Some(stage),
            _ => None,
        });
        entered.last()
    }

    /// The code that the child's report says, where it came to one.
    #[must_use]
    pub fn report(&self) -> Option<i32> {
        self.marks.iter().find_map(|mark| match mark.fact {
            Fact::Report(code) => Some(code),
            _ => None,
        })
    }

    fn at(&self, fact: Fact) -> Option<Duration> {
        self.marks.iter().find(|mark| mark.fact == fact).map(|mark| mark.at)
    }

    /// When signals were heard for sure.
    fn heard_from(&self) -> Option<Duration> {
        let heard = |fact: Fact| !matches!(fact, Fact::Up);
        self.marks.iter().filter(|mark| heard(mark.fact)).map(|mark| mark.at).min()
    }

    /// The signals of which the child spoke, each with when it was handled; and those of which it
    /// did not.
    fn placed(&self, verdict: &mut Verdict) -> (Vec<Handled>, Vec<Sent>) {
        let mut taken = vec![false; self.sent.len()];
        let mut said = Vec::new();
        for mark in &self.marks {
            let Fact::Heard(kind, _) = mark.fact else { continue };
            // The latest that can be meant, as one that was still pending is one with it.
            let candidates = self.sent.iter().enumerate();
            let meant = candidates
                .rev()
                .find(|(place, sent)| !taken[*place] && sent.kind == kind && sent.at <= mark.at);
            let Some((place, sent)) = meant else {
                verdict.wrong.push(format!("it heard a {} that nobody sent", kind.name()));
                continue;
            };
            taken[place] = true;
            let one_with = |other: &&Sent| other.kind == kind && other.at + COALESCE >= sent.at;
            let earliest = self.sent.iter().find(one_with).map_or(sent.at, |other| other.at);
            said.push(Handled { kind, span: (earliest.min(sent.at), mark.at) });
        }
        let unsaid =
            self.sent.iter().enumerate().filter(|(place, _)| !taken[*place]).map(|(_, sent)| *sent);
        let unsaid: Vec<_> = unsaid.collect();
        for lost in unsaid.iter().filter(|sent| self.went_on_after(sent) && !self.is_doubled(sent))
        {
            verdict.wrong.push(format!("it lost a {} and went on", lost.kind.name()));
        }
        (said, unsaid)
    }

    /// Whether it did so much afterwards that there should be a word about this signal.
    fn went_on_after(&self, sent: &Sent) -> bool {
        // What the library says comes in order, and that it stopped it says after the last hook.
        let stopped = self.at(Fact::Entered(Stage::Stopped)).and_then(|_| self.at(Fact::HooksOver));
        stopped.is_some_and(|over| over >= sent.at + UNHEARD) || self.ended >= sent.at + LOST
    }

    /// Whether another of its kind may have been one with it to the system.
    fn is_doubled(&self, sent: &Sent) -> bool {
        let others =
            self.sent.iter().filter(|other| other.kind == sent.kind && other.at != sent.at);
        others.into_iter().any(|other| other.at.abs_diff(sent.at) < COALESCE)
    }

    /// Goes through what the library said, in its order, and holds each signal against the rules.
    fn replay(&self, said: &[Handled], verdict: &mut Verdict) -> Vec<World> {
        let mut worlds = vec![World::default()];
        let mut said = said.iter();
        let mut stage = Stage::Starting;
        for mark in &self.marks {
            match mark.fact {
                Fact::MainReturned => worlds.iter_mut().for_each(|world| world.stopping = true),
                Fact::Entered(entered) => {
                    if entered < stage {
                        verdict.wrong.push(format!("it went back from {stage:?} to {entered:?}"));
                    }
                    stage = entered;
                }
                Fact::Heard(kind, meaning) => {
                    let Some(signal) = said.next() else { continue };
                    let finished = stage == Stage::Stopped;
                    let in_time = if stage < Stage::Stopping { Answer::Yes } else { Answer::No };
                    let possible: Vec<_> = worlds
                        .iter()
                        .flat_map(|world| {
                            world.meanings(signal, finished).map(move |meaning| (world, meaning))
                        })
                        .collect();
                    let agreed = possible.iter().filter(|(_, possible)| *possible == meaning);
                    let mut agreed: Vec<_> = agreed
                        .map(|(world, meaning)| world.after(*meaning, signal, in_time))
                        .collect();
                    if agreed.is_empty() {
                        let rules: BTreeSet<_> =
                            possible.iter().map(|(_, meaning)| *meaning).collect();
                        verdict.wrong.push(format!(
                            "{} while {stage:?} meant {meaning:?} to the library and {rules:?} by the rules",
                            kind.name()
                        ));
                    }
                    if finished && meaning == Meaning::Exits && self.ended < mark.at + RACE {
                        // Main, which was returning, may have been quicker.
                        agreed.extend(worlds);
                    }
                    worlds = agreed;
                }
                _ => {}
            }
        }
        worlds
    }

    /// What may have come of a signal of which there is no word.
    fn unsaid(&self, world: World, sent: Sent) -> Vec<World> {
        if world.exits.is_some() {
            return vec![world];
        }
        let signal = Handled { kind: sent.kind, span: (sent.at, self.ended) };
        let hooks_ran = self.at(Fact::HookBegan).is_some();
        let in_time = if hooks_ran { Answer::Maybe } else { Answer::Yes };
        let finished: &[bool] = match self.was_finished(sent.at) {
            Answer::No => &[false],
            Answer::Maybe => &[false, true],
            Answer::Yes => &[true],
        };
        let mut worlds = Vec::new();
        for finished in finished {
            for meaning in world.meanings(&signal, *finished) {
                worlds.push(world.after(meaning, &signal, in_time));
            }
        }
        // The end may have been quicker.
        worlds.push(world);
        worlds
    }

    /// Whether the report was final when a signal that came at `at` was handled.
    fn was_finished(&self, at: Duration) -> Answer {
        match self.at(Fact::Entered(Stage::Stopped)) {
            Some(stopped) if stopped <= at => Answer::Yes,
            _ if self.at(Fact::HooksOver).is_some() => Answer::Maybe,
            _ => Answer::No,
        }
    }

    fn endings(&self, world: &World, right: &mut BTreeSet<End>) {
        if let Some(code) = world.exits {
            right.insert(End::Code(code));
            return;
        }
        let (may_finish, may_abandon) = match world.hurried {
            None => (true, false),
            Some(hurry) => self.after_hurry(hurry),
        };
        if may_finish {
            right.insert(End::Code(0));
        }
        if may_abandon {
            right.insert(End::Code(70));
        }
    }

    /// Whether a drain that was ended by a signal may have left nothing behind, and whether
    /// something.
    fn after_hurry(&self, hurry: Hurry) -> (bool, bool) {
        if hurry.in_time == Answer::No {
            return (true, false);
        }
        let stopping = self.at(Fact::Entered(Stage::Stopping)).or_else(|| self.at(Fact::HookBegan));
        let stopping = stopping.unwrap_or(self.ended);
        let (mut surely, mut maybe) = (false, false);
        for mark in &self.marks {
            let Fact::Began(call) = mark.fact else { continue };
            let done = self.at(Fact::Done(call));
            let answered = self.at(Fact::Answered(call));
            surely |= done.is_none_or(|done| done > stopping);
            maybe |= answered.is_none_or(|answered| answered >= hurry.at.0);
        }
        let surely = surely && hurry.in_time == Answer::Yes;
        (!surely, surely || maybe)
    }
}

impl World {
    /// What `signal` may mean here.
    fn meanings(&self, signal: &Handled, finished: bool) -> impl Iterator<Item = Meaning> + use<> {
        let (merged, counted) = match self.last_counted {
            None => (false, true),
            Some((earliest, latest)) => {
                let (from, to) = signal.span;
                (from.saturating_sub(latest) < MERGE, to.saturating_sub(earliest) >= MERGE)
            }
        };
        let meaning = if finished {
            Meaning::Exits
        } else if !self.stopping {
            Meaning::Stops
        } else if signal.kind != Kind::Int {
            Meaning::Repeated
        } else if self.hurried.is_some() {
            Meaning::Exits
        } else {
            Meaning::Hurries
        };
        merged.then_some(Meaning::Merged).into_iter().chain(counted.then_some(meaning))
    }

    fn after(&self, meaning: Meaning, signal: &Handled, in_time: Answer) -> Self {
        let mut world = self.clone();
        match meaning {
            Meaning::Merged | Meaning::Repeated => return world,
            Meaning::Stops => world.stopping = true,
            Meaning::Hurries => world.hurried = Some(Hurry { at: signal.span, in_time }),
            Meaning::Exits => world.exits = Some(128 + signal.kind.number()),
        }
        world.last_counted = Some(signal.span);
        world
    }
}
