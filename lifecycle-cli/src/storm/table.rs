//! The rounds, for people.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use lifecycle_core::ext::text::short;

use super::{oracle::Ending, round::Round};

/// A line for one.
pub(super) fn line(round: &Round) -> String {
    let mark = if round.faults.is_empty() { "ok" } else { "FAULT" };
    format!(
        "round {:>3}  seed {:<20}  SIG{:<4} after {:>8}  {:>10} in {:>8}  {mark}",
        round.number + 1,
        round.seed,
        round.signal.to_string().to_uppercase(),
        short(round.signalled_after),
        round.ended.to_string(),
        short(round.took),
    )
}

/// A line for each way to end: how often, and how long that took.
pub(super) fn of(rounds: &[Round]) -> String {
    let mut ways: BTreeMap<Ending, Vec<Duration>> = BTreeMap::new();
    for round in rounds {
        ways.entry(round.ended).or_default().push(round.took);
    }
    let mut text = format!(
        "\n{:12} {:>7} {:>10} {:>10} {:>10}\n",
        "ended by", "rounds", "shortest", "median", "longest"
    );
    for (ended, mut took) in ways {
        took.sort_unstable();
        let at = |at: usize| short(took.get(at).copied().unwrap_or_default());
        let _ = writeln!(
            text,
            "{:12} {:>7} {:>10} {:>10} {:>10}",
            ended.to_string(),
            took.len(),
            at(0),
            at(took.len() / 2),
            at(took.len() - 1),
        );
    }
    let faulty: Vec<_> = rounds.iter().filter(|round| !round.faults.is_empty()).collect();
    let _ = write!(text, "{} of {} rounds with faults", faulty.len(), rounds.len());
    if !faulty.is_empty() {
        let seeds: Vec<_> = faulty.iter().map(|round| round.seed.to_string()).collect();
        let _ = write!(text, "; seeds: {}", seeds.join(", "));
    }
    text
}
