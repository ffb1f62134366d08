//! When a job is due to be given back: pure, no clock and no task.

use std::time::Duration;

use crate::Policy;

/// What is kept of the drain for giving back what is not done by then.
pub(crate) const ROOM: Duration = Duration::from_secs(1);

/// How long giving back waits for the receive that is under way: what is given back before could be
/// handed out to that.
const QUIET: Duration = Duration::from_millis(100);

/// How far a stop has come, as a consumer knows it. Times count from any one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Closing {
    /// When a stop was asked for.
    pub(crate) requested: Option<Duration>,
    /// When the last receive had come back.
    pub(crate) quiet: Option<Duration>,
    /// When the drain began, and how long it may take.
    pub(crate) drain: Option<(Duration, Option<Duration>)>,
    /// Hooks run, or have run: whoever is still here is late.
    pub(crate) over: bool,
}

/// A class among those of its consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) policy: Policy,
    /// The how manieth to be given back when time is short: the lowest priority is 0.
    pub(crate) rank: u32,
    /// How many ranks there are.
    pub(crate) ranks: u32,
}

impl Closing {
    /// When a running job is due; `None` while nobody can know.
    pub(crate) fn due(&self, turn: Turn) -> Option<Duration> {
        let (requested, at_once) = (self.requested?, self.at_once()?);
        let own = match turn.policy {
            Policy::Requeue | Policy::Abandon => Some(at_once),
            Policy::RequeueAfter(time) => Some(requested.saturating_add(time)),
            Policy::Finish => None,
        };
        if self.over {
            return Some(requested);
        }
        let of_drain = self.drain.and_then(|(began, allotted)| {
            let last = latest(allotted?, turn.rank, turn.ranks);
            Some(began.saturating_add(last))
        });
        own.into_iter().chain(of_drain).min()
    }

    /// When jobs that do not run are given back.
    pub(crate) fn at_once(&self) -> Option<Duration> {
        let latest = self.requested?.saturating_add(QUIET);
        Some(self.quiet.map_or(latest, |quiet| quiet.min(latest)))
    }

    /// How long a job that is due may keep its thread before somebody else gives it back.
    pub(crate) fn patience(&self) -> Duration {
        let allotted = self.drain.and_then(|(_, allotted)| allotted);
        allotted.map_or(ROOM, room) / 10
    }
}

fn room(allotted: Duration) -> Duration {
    ROOM.min(allotted / 4)
}

/// How long after the begin of the drain the jobs of a rank are due at the latest: one rank after the
/// other in the first three quarters of the room, so that the last is given back in time as well.
fn latest(allotted: Duration, rank: u32, ranks: u32) -> Duration {
    let room = room(allotted);
    allotted - room + room * 3 / 4 * rank / ranks.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    const fn turn(policy: Policy) -> Turn {
        Turn { policy, rank: 0, ranks: 1 }
    }

    fn draining(requested: u64, began: u64, allotted: u64) -> Closing {
        Closing {
            requested: Some(secs(requested)),
            quiet: Some(secs(requested)),
            drain: Some((secs(began), Some(secs(allotted)))),
            over: false,
        }
    }

    #[test]
    fn nothing_is_due_before_a_stop_is_asked_for() {
        for policy in [Policy::Finish, Policy::Requeue, Policy::RequeueAfter(secs(1))] {
            assert_eq!(Closing::default().due(turn(policy)), None);
        }
    }

    #[test]
    fn what_is_given_back_at_once_does_not_wait_for_the_drain() {
        let delaying =
            Closing { requested: Some(secs(7)), quiet: Some(secs(7)), ..Closing::default() };
        assert_eq!(delaying.due(turn(Policy::Requeue)), Some(secs(7)));
        assert_eq!(delaying.due(turn(Policy::Abandon)), Some(secs(7)));
        assert_eq!(delaying.due(turn(Policy::RequeueAfter(secs(3)))), Some(secs(10)));
        assert_eq!(delaying.due(turn(Policy::Finish)), None);
    }

    #[test]
    fn giving_back_waits_for_the_receive_that_is_under_way_but_not_for_long() {
        let parked = Closing { requested: Some(secs(7)), ..Closing::default() };
        assert_eq!(parked.due(turn(Policy::Requeue)), Some(secs(7) + QUIET));
        let quiet = Closing { quiet: Some(secs(7) + QUIET / 2), ..parked };
        assert_eq!(quiet.due(turn(Policy::Requeue)), Some(secs(7) + QUIET / 2));
        let late = Closing { quiet: Some(secs(9)), ..parked };
        assert_eq!(late.due(turn(Policy::Requeue)), Some(secs(7) + QUIET));
    }

    #[test]
    fn what_is_finished_has_the_drain_but_for_the_time_to_give_it_back() {
        assert_eq!(draining(7, 12, 10).due(turn(Policy::Finish)), Some(secs(21)));
        let short = Closing { drain: Some((secs(12), Some(secs(2)))), ..draining(7, 12, 2) };
        assert_eq!(short.due(turn(Policy::Finish)), Some(Duration::from_millis(13_500)));
    }

    #[test]
    fn time_of_its_own_is_the_drains_at_most() {
        assert_eq!(draining(7, 12, 10).due(turn(Policy::RequeueAfter(secs(60)))), Some(secs(21)));
    }

    #[test]
    fn a_drain_without_a_limit_cuts_nothing() {
        let closing = Closing {
            requested: Some(secs(1)),
            drain: Some((secs(1), None)),
            ..Closing::default()
        };
        assert_eq!(closing.due(turn(Policy::Finish)), None);
    }

    #[test]
    fn low_priorities_go_first_and_the_last_in_time() {
        let closing = draining(0, 0, 30);
        let due = |rank| closing.due(Turn { policy: Policy::Finish, rank, ranks: 40 }).unwrap();
        assert!((1..40).all(|rank| due(rank - 1) < due(rank)));
        assert_eq!(due(0), secs(29));
        assert!(due(39) + closing.patience() < secs(30));
    }

    #[test]
    fn once_hooks_run_everything_is_due() {
        let over = Closing { over: true, ..draining(0, 0, 30) };
        assert!(over.due(turn(Policy::Finish)) <= Some(secs(0)));
    }
}
