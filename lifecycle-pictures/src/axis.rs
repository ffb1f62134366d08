//! Time from left to right.

use std::time::Duration;

use lifecycle_duration::display;

/// The steps that people count in, in milliseconds from a minute on.
const MINUTES: [u64; 8] =
    [60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000];
/// How far apart ticks are at least: as far as the words of one.
const TICK: f64 = 84.0;

/// From the request to `end`, drawn from `left` on, `width` wide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) left: f64,
    pub(super) width: f64,
    end: Duration,
}

impl Axis {
    /// A stop that took no time is drawn as one of a millisecond.
    pub(super) fn new(left: f64, width: f64, end: Duration) -> Self {
        Self { left, width, end: end.max(Duration::from_millis(1)) }
    }

    /// Where `at` is; what is later is at the end.
    pub(super) fn x(&self, at: Duration) -> f64 {
        let share = at.as_secs_f64() / self.end.as_secs_f64();
        self.left + self.width * share.min(1.0)
    }

    /// Whether `at` is not in the picture.
    pub(super) fn is_beyond(&self, at: Duration) -> bool {
        at > self.end
    }

    pub(super) fn right(&self) -> f64 {
        self.left + self.width
    }

    /// Where there is a line, and its words.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let step = self.step();
        (0..)
            .map_while(|count: u32| step.checked_mul(count))
            .take_while(|at| !self.is_beyond(*at))
            .map(|at| {
                (self.x(at), if at.is_zero() { "0".to_owned() } else { display(at).to_string() })
            })
            .collect()
    }

    /// The smallest step whose ticks do not touch.
    fn step(&self) -> Duration {
        let least = self.end.mul_f64(TICK / self.width);
        let decades = (0..18).flat_map(|zeros| [1, 2, 5].map(|digit| digit * 10_u64.pow(zeros)));
        let small =
            decades.map(Duration::from_nanos).filter(|step| *step < Duration::from_secs(60));
        let large = MINUTES.into_iter().map(Duration::from_millis);
        let huge = (2..52).map(|power| Duration::from_secs(3_600 << power));
        let mut steps = small.chain(large).chain(huge);
        steps.find(|step| *step >= least).unwrap_or(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_do_not_touch() {
        for (end, words) in [
            (Duration::ZERO, vec!["0", "200us", "400us", "600us", "800us", "1ms"]),
            (Duration::from_millis(7), vec!["0", "1ms", "2ms", "3ms", "4ms", "5ms", "6ms", "7ms"]),
            (Duration::from_millis(2_345), vec!["0", "500ms", "1s", "1.5s", "2s"]),
            (Duration::from_secs(28), vec!["0", "5s", "10s", "15s", "20s", "25s"]),
            (Duration::from_secs(400), vec!["0", "1m", "2m", "3m", "4m", "5m", "6m"]),
            (Duration::from_secs(9_000), vec!["0", "30m", "1h", "1h30m", "2h", "2h30m"]),
        ] {
            let ticks = Axis::new(100.0, 620.0, end).ticks();
            let said: Vec<&str> = ticks.iter().map(|tick| tick.1.as_str()).collect();
            assert_eq!(said, words);
        }
        let longest = Axis::new(0.0, 600.0, Duration::MAX).ticks();
        assert!((2..=8).contains(&longest.len()), "{longest:?}");
        for power in 0..45 {
            for end in [1, 3, 7].map(|digit| Duration::from_nanos(digit << power)) {
                let ticks = Axis::new(0.0, 600.0, end).ticks();
                assert!((2..=8).contains(&ticks.len()), "{end:?}: {ticks:?}");
                assert!(
                    ticks.windows(2).all(|pair| pair[1].0 - pair[0].0 >= TICK - 0.01),
                    "{ticks:?}"
                );
            }
        }
    }
}
