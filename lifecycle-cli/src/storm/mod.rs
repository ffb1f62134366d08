//! The platform, played against a service: it is started, signalled at a random moment, and killed
//! when the grace period is over; an oracle looks at how it ended.

mod oracle;
mod round;
mod table;

use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Done, End, Trouble, args::StormArgs, print};

pub(crate) fn storm(args: &StormArgs) -> Done {
    if args.signals.is_empty() {
        return Err(Trouble::said("--signals: name one at least"));
    }
    let base = args.seed.unwrap_or_else(new_seed);
    print(format!("storm: {} rounds from seed {base}", args.rounds))?;
    let mut rounds = Vec::new();
    for number in 0..args.rounds {
        let seed = base.wrapping_add(u64::from(number));
        let round = round::play(args, number, seed)?;
        print(table::line(&round))?;
        for fault in &round.faults {
            print(format!("    fault: {fault}"))?;
        }
        if !round.faults.is_empty() {
            print(format!("    replay: --seed {seed} --rounds 1"))?;
            for line in &round.last_words {
                print(format!("    | {line}"))?;
            }
        }
        rounds.push(round);
    }
    print(table::of(&rounds))?;
    let is_good = rounds.iter().all(|round| round.faults.is_empty());
    Ok(if is_good { End::Good } else { End::Bad })
}

/// Short enough to be typed.
fn new_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Choice::of(now.as_nanos() as u64).next() % 1_000_000
}

/// What chance chooses: the same from the same seed.
struct Choice(u64);

impl Choice {
    const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// SplitMix64.
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    const fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.next() % limit }
    }
}
