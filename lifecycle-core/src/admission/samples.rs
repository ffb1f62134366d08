use std::time::Duration;

/// How many points are kept: a drain may see a million calls end.
const POINTS: usize = 256;

/// How many calls were in flight since draining began, at moments as close as the number of points
/// allows; the latest is always exact.
#[derive(Debug, Default)]
pub(super) struct Samples {
    points: Vec<(Duration, usize)>,
    /// How far apart points are.
    every: Duration,
}

impl Samples {
    /// So many are in flight, `at` after draining began.
    pub(super) fn note(&mut self, at: Duration, in_flight: usize) {
        if let [.., before, last] = self.points.as_mut_slice()
            && last.0.saturating_sub(before.0) < self.every
        {
            *last = (at, in_flight);
            return;
        }
        self.points.push((at, in_flight));
        if self.points.len() == POINTS {
            self.thin_out();
        }
    }

    /// When, and how many.
    pub(super) fn points(&self) -> &[(Duration, usize)] {
        &self.points
    }

    /// Half of the points make room for as long again.
    fn thin_out(&mut self) {
        let mut number = 0;
        self.points.retain(|_| {
            number += 1;
            number % 2 == 1 || number == POINTS
        });
        let span = self.points.last().map(|point| point.0).unwrap_or_default();
        self.every = span * 2 / POINTS as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_ends_are_a_few_points_and_the_last_is_exact() {
        let mut samples = Samples::default();
        for left in (0..1_000_000_u64).rev() {
            samples.note(Duration::from_micros(1_000_000 - left), left as usize);
        }
        let points = samples.points();
        assert!((POINTS / 4..POINTS).contains(&points.len()), "{}", points.len());
        assert_eq!(points.last(), Some(&(Duration::from_secs(1), 0)));
        assert!(points.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "{points:?}");
        let gaps = points.windows(2).map(|pair| pair[1].0 - pair[0].0);
        assert!(gaps.max() < Some(Duration::from_millis(20)));
    }

    #[test]
    fn a_few_ends_are_all_there() {
        let mut samples = Samples::default();
        let points = [(0, 3), (10, 2), (11, 1), (500, 0)];
        points.into_iter().for_each(|(at, left)| samples.note(Duration::from_millis(at), left));
        assert_eq!(samples.points(), points.map(|(at, left)| (Duration::from_millis(at), left)));
    }
}
