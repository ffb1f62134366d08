//! A life and the signals that come into it, made up from a seed: the same seed makes the same
//! rounds.

use std::{fmt, time::Duration};

use crate::mark::Kind;

/// The platform's grace period in every round: more than a machine that does much else needs.
pub const GRACE: Duration = Duration::from_secs(5);

/// One round.
#[derive(Clone)]
pub struct Round {
    /// Which.
    pub number: usize,
    /// What kind of life it is.
    pub life: Life,
    /// The service's arguments.
    pub args: Vec<String>,
    /// `LIFECYCLE_SHUTDOWN_DELAY`.
    pub delay: Duration,
    /// What the first signal waits for the child to say.
    pub awaits: Option<&'static str>,
    /// Each signal, and how long after the one before it is sent.
    pub signals: Vec<(Duration, Kind)>,
}

/// A kind of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    /// Phases of a few milliseconds, a signal anywhere, more of them soon after.
    Short,
    /// The same, with the first signal into the execution of the program, before it hears signals.
    Early,
    /// The same, with the first signal at about the moment from which it hears them.
    Arming,
    /// It ends by itself, at about the time at which the first signal comes.
    SelfEnding,
    /// It ended by itself and is still held when the first signal comes.
    Lingering,
    /// A phase of 700 ms or more, or two, so that later signals count.
    Long,
}

impl Round {
    /// Round `number` of the storm that `seed` makes.
    #[must_use]
    pub fn new(seed: u64, number: usize) -> Self {
        let mut dice = Dice::new(seed, number);
        let life = match dice.below(1_000) {
            0..786 => Life::Short,
            786..792 => Life::Early,
            792..800 => Life::Arming,
            800..890 => Life::SelfEnding,
            890..896 => Life::Lingering,
            _ => Life::Long,
        };
        let mut round = Self {
            number,
            life,
            args: Vec::new(),
            delay: Duration::ZERO,
            // Before that, to be killed is right.
            awaits: Some(" armed"),
            signals: Vec::new(),
        };
        let [mut call, mut last] = [dice.below(6), dice.below(4)];
        let (mut lived, mut linger) = (None, None);
        match life {
            Life::Short => {
                if dice.below(4) == 0 {
                    round.delay = Duration::from_millis(dice.below(30));
                }
                // Half of them into start-up.
                let within = if dice.below(2) == 0 { 12_000 } else { 60_000 };
                round.sends(dice.micros(within), Kind::Term);
                round.sends_more(&mut dice, 40_000);
            }
            Life::Early => {
                round.awaits = None;
                round.sends(dice.micros(4_000), Kind::Term);
                round.sends_more(&mut dice, 10_000);
            }
            Life::Arming => {
                round.awaits = Some(" up");
                round.sends(dice.micros(1_500), Kind::Term);
                round.sends_more(&mut dice, 10_000);
            }
            Life::SelfEnding => {
                lived = Some(dice.below(25));
                round.sends(dice.micros(50_000), Kind::Term);
                round.sends_more(&mut dice, 30_000);
            }
            Life::Lingering => {
                (lived, linger) = (Some(dice.below(10)), Some(300));
                round.sends(dice.micros(330_000), Kind::Term);
                round.sends_more(&mut dice, 30_000);
            }
            Life::Long => {
                match dice.below(8) {
                    0 | 1 => round.delay = Duration::from_millis(700),
                    2 => call = 700,
                    3 => last = 700,
                    4 => (call, last) = (700, 700),
                    _ => (round.delay, last) = (Duration::from_millis(700), 1_200),
                }
                round.sends(dice.micros(60_000), Kind::Term);
                // Some climb as fast as they may.
                let climbs = dice.below(3) == 0;
                for _ in 0..1 + dice.below(3) {
                    let kind = if climbs { Kind::Int } else { dice.kind() };
                    let least = if climbs { 450 } else { 100 };
                    round.sends(Duration::from_millis(least) + dice.micros(500_000), kind);
                }
            }
        }
        let phases =
            [("startup", dice.below(8)), ("call", call), ("hook", dice.below(4)), ("last", last)];
        round.args.extend(phases.map(|(name, millis)| format!("{name}={millis}")));
        round.args.extend(lived.map(|millis| format!("life={millis}")));
        round.args.extend(linger.map(|millis: u64| format!("linger={millis}")));
        round
    }

    fn sends(&mut self, after: Duration, kind: Kind) {
        self.signals.push((after, kind));
    }

    /// None, one or two more, soon.
    fn sends_more(&mut self, dice: &mut Dice, within: u64) {
        for _ in 0..dice.below(3) {
            let kind = dice.kind();
            self.sends(dice.micros(within), kind);
        }
    }
}

impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, life, args, delay, signals, .. } = self;
        write!(f, "round {number}, {life:?}: {} delay={delay:?}; ", args.join(" "))?;
        f.debug_list().entries(signals).finish()
    }
}

/// Numbers that look random: SplitMix64.
struct Dice(u64);

impl Dice {
    fn new(seed: u64, number: usize) -> Self {
        let mut dice = Self(seed ^ (number as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn micros(&mut self, bound: u64) -> Duration {
        Duration::from_micros(self.below(bound))
    }

    fn kind(&mut self) -> Kind {
        Kind::ALL[self.below(3) as usize]
    }
}
