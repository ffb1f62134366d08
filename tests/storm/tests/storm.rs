//! Thousands of lives of a small service, with signals at random moments: each has to end as the
//! rules say, and before the platform would kill it.
//!
//! `LIFECYCLE_STORM_SEED=<number>` plays the same rounds again, `LIFECYCLE_STORM_ROUNDS=<number>`
//! more or fewer of them.

use std::{
    io::Write,
    str::FromStr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use lifecycle_process_tests::{Child, Exit, Stream, all, service};
use lifecycle_storm_tests::{
    handlers::demand_to_hear,
    mark::{Fact, Mark, Meaning, now},
    oracle::{End, Sent, Story},
    round::{GRACE, Round},
    tally::{Outcome, Tally},
};

/// Below this number of rounds a share of them says little.
const ENOUGH: usize = 2_000;

#[test]
fn every_life_ends_as_the_rules_say() {
    demand_to_hear();
    let seed = steered("LIFECYCLE_STORM_SEED").unwrap_or_else(seed_of_now);
    let count = steered("LIFECYCLE_STORM_ROUNDS").unwrap_or(3_000);
    // Past the capture of a test that passes: the figures of a run are for its log.
    let mut log = std::io::stderr();
    let _ = writeln!(log, "storm: LIFECYCLE_STORM_SEED={seed} LIFECYCLE_STORM_ROUNDS={count}");
    let rounds: Vec<_> = (0..count).map(|number| Round::new(seed, number)).collect();
    let began = Instant::now();
    let (outcomes, wrong) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let played = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        all(&rounds, |round| {
            let (outcome, complaints) = play(round);
            outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(outcome);
            if let Some(complaint) = complaints {
                wrong.fetch_add(1, Ordering::Relaxed);
                panic!("{complaint}");
            }
        });
    }));
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let tally = Tally::new(outcomes, began.elapsed(), wrong.into_inner());
    let _ = writeln!(log, "storm:\n{tally}");
    if let Err(panic) = played {
        std::panic::resume_unwind(panic);
    }
    assert!(count < ENOUGH || tally.clean() >= 0.95, "too few of them ended cleanly; {tally}");
    assert!(
        count < ENOUGH || tally.ambiguous() <= 0.05,
        "the clock settles too few of them; {tally}"
    );
}

/// Plays the platform to one life; says what came of it, and what is wrong about that.
fn play(round: &Round) -> (Outcome, Option<String>) {
    let mut child = service!(bin "storm-service")
        .args(&round.args)
        .env("LIFECYCLE_GRACE_PERIOD", format!("{}s", GRACE.as_secs()))
        .env("LIFECYCLE_SHUTDOWN_DELAY", format!("{}ms", round.delay.as_millis()))
        .start();
    if let Some(awaited) = round.awaits {
        child.wait_for(awaited);
    }
    let (mut sent, mut gone) = (Vec::new(), None);
    for (after, kind) in &round.signals {
        gone = gone_within(&child, *after);
        if gone.is_some() {
            break;
        }
        sent.push(Sent { kind: *kind, at: now() });
        child.signal((*kind).into());
    }
    let ending = child.end_within(GRACE);
    let ended = gone.unwrap_or_else(now);
    let first = sent.first().map_or(ended, |sent| sent.at);
    let end = match ending.exit() {
        Exit::Code(code) => End::Code(code),
        Exit::Signal(number) => End::Killed(number),
    };
    let marks: Vec<_> = ending.lines(Stream::Stdout).filter_map(Mark::read).collect();
    let story = Story { sent, marks, ended };
    let verdict = story.judge();
    let mut wrong = verdict.wrong.clone();
    if !verdict.right.contains(&end) {
        wrong.push(format!("it ended with {end:?}, and right is {:?}", verdict.right));
    }
    let outcome = Outcome {
        life: round.life,
        stage: story.stage(first),
        end,
        gone_after: ended.saturating_sub(first),
        right: verdict.right.len(),
        rungs: rungs(&story, end),
    };
    if let (Some(report), End::Code(code @ ..128)) = (story.report(), end)
        && report != code
    {
        wrong.push(format!("it ended with {code}, and its report says {report}"));
    }
    let complaint = format!("{}; sent {:?}; {ending}", wrong.join("; "), story.sent);
    (outcome, (!wrong.is_empty()).then_some(complaint))
}

/// Lets `time` pass; says when the child has ended in the meantime. It is not waited for, so that
/// its number stays its own.
fn gone_within(child: &Child, time: Duration) -> Option<Duration> {
    let until = Instant::now() + time;
    let pid = i32::try_from(child.pid()).ok().and_then(Pid::from_raw)?;
    loop {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if matches!(waitid(WaitId::Pid(pid), options), Ok(Some(_))) {
            return Some(now());
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return None;
        }
        thread::sleep(left.min(Duration::from_millis(2)));
    }
}

/// How far up the ladder it went: what the library said, and the last rung, which mostly leaves no
/// time for words.
fn rungs(story: &Story, end: End) -> usize {
    let hurried =
        story.marks.iter().any(|mark| matches!(mark.fact, Fact::Heard(_, Meaning::Hurries)));
    usize::from(hurried) + usize::from(matches!(end, End::Code(128..)))
}

fn steered<T: FromStr>(variable: &str) -> Option<T> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is no number")))
}

fn seed_of_now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::from(since.subsec_nanos()) ^ since.as_secs()
}
