//! What this worker has of each partition: decides what is handed out and what may be committed.
//!
//! Kafka knows of a partition one number: up to where all is done. So a partition has one job in hand
//! at a time, in order; were there more, one that is given back would take those behind it with it,
//! and they would run twice.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Instant,
};

/// Fetched ahead of what is handed out, of each partition: fetching pauses from there on, and goes
/// on when half of it is left.
const AHEAD: usize = 64;

/// Of a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
}

/// A job in hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) place: Place,
    pub(crate) offset: i64,
    /// Of the assignment by which it came: the same partition may go and come back.
    generation: u64,
}

/// What waits to be handed out.
#[derive(Debug)]
pub(crate) struct Waiting<M> {
    pub(crate) offset: i64,
    pub(crate) message: M,
    /// How often its handler has failed in this process.
    pub(crate) failures: u32,
    /// Not handed out before.
    pub(crate) not_before: Option<Instant>,
}

/// Up to where a partition is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) place: Place,
    /// The first that is not.
    pub(crate) next: i64,
    generation: u64,
}

/// All that this worker has. `M` is a message, `W` somebody who waits for a commit.
#[derive(Debug)]
pub(crate) struct Partitions<M, W> {
    all: BTreeMap<Place, Partition<M, W>>,
    generation: u64,
    /// Who is asked first, so that each has its turn.
    turn: usize,
    is_quiet: bool,
}

#[derive(Debug)]
struct Partition<M, W> {
    generation: u64,
    waiting: VecDeque<Waiting<M>>,
    in_hand: Option<i64>,
    /// Done, and not committed yet.
    done: Option<i64>,
    waiters: Vec<(i64, W)>,
    is_paused: bool,
    /// It is about to go to another worker.
    is_leaving: bool,
}

impl<M, W> Partitions<M, W> {
    pub(crate) const fn new() -> Self {
        Self { all: BTreeMap::new(), generation: 0, turn: 0, is_quiet: false }
    }

    /// These belong to this worker from now on.
    pub(crate) fn assign(&mut self, places: impl IntoIterator<Item = Place>) {
        self.generation += 1;
        let generation = self.generation;
        for place in places {
            let partition = Partition {
                generation,
                waiting: VecDeque::new(),
                in_hand: None,
                done: None,
                waiters: Vec::new(),
                is_paused: false,
                is_leaving: false,
            };
            self.all.insert(place, partition);
        }
    }

    /// A message was fetched. Returns whether fetching of its partition is to pause.
    pub(crate) fn arrive(&mut self, place: &Place, offset: i64, message: M) -> bool {
        if self.is_quiet {
            return false;
        }
        let Some(partition) = self.all.get_mut(place) else { return false };
        partition.waiting.push_back(Waiting { offset, message, failures: 0, not_before: None });
        let is_full = partition.waiting.len() >= AHEAD;
        is_full && !std::mem::replace(&mut partition.is_paused, true)
    }

    /// Hands out the first of partitions that have none in hand, `max` at most.
    pub(crate) fn take(&mut self, max: usize, now: Instant) -> Vec<(Ticket, Waiting<M>)> {
        if self.is_quiet || self.all.is_empty() {
            return Vec::new();
        }
        let first = self.turn % self.all.len();
        let mut taken = Vec::new();
        // Twice around, from the first one's turn on, is once for each.
        let places: Vec<_> = self.all.keys().cloned().collect();
        let mut asked = 0;
        for place in places.iter().cycle().skip(first).take(places.len()) {
            if taken.len() == max {
                break;
            }
            asked += 1;
            let Some(partition) = self.all.get_mut(place) else { continue };
            if partition.in_hand.is_some() || partition.is_leaving {
                continue;
            }
            let is_due = |waiting: &Waiting<M>| waiting.not_before.is_none_or(|at| at <= now);
            if let Some(waiting) = partition.waiting.pop_front_if(|waiting| is_due(waiting)) {
                partition.in_hand = Some(waiting.offset);
                let (place, offset) = (place.clone(), waiting.offset);
                let generation = partition.generation;
                taken.push((Ticket { place, offset, generation }, waiting));
            }
        }
        self.turn = first + asked;
        taken
    }

    /// When the next one that failed may be handed out again.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let idle = self.all.values().filter(|partition| partition.in_hand.is_none());
        idle.filter_map(|partition| partition.waiting.front()?.not_before).min()
    }

    /// Whether the job is still this worker's.
    pub(crate) fn holds(&self, ticket: &Ticket) -> bool {
        let is_held = |partition: &Partition<M, W>| partition.is_of(ticket);
        self.all.get(&ticket.place).is_some_and(is_held)
    }

    /// The job is done, and `waiter` waits for its commit. It comes back where the job is not this
    /// worker's any more.
    pub(crate) fn done(&mut self, ticket: &Ticket, waiter: W) -> Result<(), W> {
        let partition = self.all.get_mut(&ticket.place).filter(|partition| partition.is_of(ticket));
        let Some(partition) = partition else { return Err(waiter) };
        partition.in_hand = None;
        partition.done = Some(ticket.offset + 1);
        partition.waiters.push((ticket.offset + 1, waiter));
        Ok(())
    }

    /// The job was not done, and is the next of its partition, from `not_before` on. Returns whether
    /// it was this worker's.
    pub(crate) fn again(&mut self, ticket: &Ticket, waiting: Waiting<M>) -> bool {
        let partition = self.all.get_mut(&ticket.place).filter(|partition| partition.is_of(ticket));
        let Some(partition) = partition else { return false };
        partition.in_hand = None;
        if !self.is_quiet {
            partition.waiting.push_front(waiting);
        }
        true
    }

    /// What is done and not committed.
    pub(crate) fn to_commit(&self) -> Vec<Position> {
        let position = |(place, partition): (&Place, &Partition<M, W>)| {
            let (place, generation) = (place.clone(), partition.generation);
            Some(Position { place, next: partition.done?, generation })
        };
        self.all.iter().filter_map(position).collect()
    }

    /// It was committed, or will not be. Returns who has waited for it.
    pub(crate) fn committed(&mut self, position: &Position) -> Vec<W> {
        let Some(partition) = self.all.get_mut(&position.place) else { return Vec::new() };
        if partition.generation != position.generation {
            return Vec::new();
        }
        partition.done = partition.done.filter(|next| *next > position.next);
        let told = partition.waiters.extract_if(.., |(next, _)| *next <= position.next);
        told.map(|(_, waiter)| waiter).collect()
    }

    /// Those whose fetching may go on.
    pub(crate) fn resumed(&mut self) -> Vec<Place> {
        let mut places = Vec::new();
        for (place, partition) in &mut self.all {
            if partition.is_paused && partition.waiting.len() <= AHEAD / 2 {
                partition.is_paused = false;
                places.push(place.clone());
            }
        }
        places
    }

    /// Nothing more is handed out of these, as they go to another worker.
    pub(crate) fn leave(&mut self, places: &[Place]) {
        for place in places {
            if let Some(partition) = self.all.get_mut(place) {
                partition.is_leaving = true;
                partition.waiting.clear();
            }
        }
    }

    /// They are not this worker's any more. What of them is in hand is lost; who waits for a commit
    /// is dropped.
    pub(crate) fn revoke(&mut self, places: &[Place]) {
        for place in places {
            self.all.remove(place);
        }
    }

    /// Nothing more is handed out.
    pub(crate) fn quiet(&mut self) {
        self.is_quiet = true;
        for partition in self.all.values_mut() {
            partition.waiting.clear();
        }
    }

    pub(crate) const fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// Whether none of these is in hand or waits for its commit.
    pub(crate) fn are_idle(&self, places: &[Place]) -> bool {
        places.iter().filter_map(|place| self.all.get(place)).all(Partition::is_idle)
    }

    /// Whether none at all is.
    pub(crate) fn is_idle(&self) -> bool {
        self.all.values().all(Partition::is_idle)
    }
}

impl<M, W> Partition<M, W> {
    fn is_of(&self, ticket: &Ticket) -> bool {
        self.generation == ticket.generation && self.in_hand == Some(ticket.offset)
    }

    const fn is_idle(&self) -> bool {
        self.in_hand.is_none() && self.done.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Tested = Partitions<&'static str, u32>;

    fn place(partition: i32) -> Place {
        Place { topic: "jobs".into(), partition }
    }

    /// Two partitions, with three messages each.
    fn filled() -> Tested {
        let mut partitions = Tested::new();
        partitions.assign([place(0), place(1)]);
        for (offset, message) in [(10, "a"), (11, "b"), (12, "c")] {
            for partition in [0, 1] {
                assert!(!partitions.arrive(&place(partition), offset, message));
            }
        }
        partitions
    }

    fn again(offset: i64, not_before: Option<Instant>) -> Waiting<&'static str> {
        Waiting { offset, message: "again", failures: 1, not_before }
    }

    fn offsets(taken: &[(Ticket, Waiting<&'static str>)]) -> Vec<(i32, i64)> {
        taken.iter().map(|(ticket, _)| (ticket.place.partition, ticket.offset)).collect()
    }

    #[test]
    fn a_partition_has_one_in_hand_and_the_next_one_only_when_that_is_decided() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(10, now);
        assert_eq!(offsets(&taken), [(0, 10), (1, 10)]);
        assert!(partitions.take(10, now).is_empty());
        partitions.done(&taken[0].0, 7).unwrap();
        assert_eq!(offsets(&partitions.take(10, now)), [(0, 11)]);
    }

    #[test]
    fn where_few_are_asked_for_each_partition_has_its_turn() {
        let (mut partitions, now) = (filled(), Instant::now());
        for (partition, offset) in [(0, 10), (1, 10), (0, 11), (1, 11)] {
            let taken = partitions.take(1, now);
            assert_eq!(offsets(&taken), [(partition, offset)]);
            partitions.done(&taken[0].0, 0).unwrap();
        }
    }

    #[test]
    fn a_commit_tells_those_who_wait_for_it_and_no_others() {
        let (mut partitions, now) = (filled(), Instant::now());
        let first = partitions.take(1, now);
        partitions.done(&first[0].0, 1).unwrap();
        let commits = partitions.to_commit();
        assert_eq!((commits.len(), commits[0].next), (1, 11));
        partitions.turn = 0;
        let second = partitions.take(1, now);
        assert_eq!(offsets(&second), [(0, 11)]);
        partitions.done(&second[0].0, 2).unwrap();
        assert_eq!(partitions.committed(&commits[0]), [1]);
        assert!(!partitions.is_idle());
        let rest = partitions.to_commit();
        assert_eq!(rest[0].next, 12);
        assert_eq!(partitions.committed(&rest[0]), [2]);
        assert!(partitions.is_idle() && partitions.to_commit().is_empty());
    }

    #[test]
    fn what_failed_is_the_next_of_its_partition_when_its_time_has_come() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        let later = now + Duration::from_secs(1);
        assert!(partitions.again(&taken[0].0, again(10, Some(later))));
        assert_eq!(partitions.next_due(), Some(later));
        assert_eq!(offsets(&partitions.take(10, now)), [(1, 10)]);
        let taken = partitions.take(10, later);
        assert_eq!(offsets(&taken), [(0, 10)]);
        assert_eq!(taken[0].1.failures, 1);
    }

    #[test]
    fn a_job_is_decided_once() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        let ticket = &taken[0].0;
        assert!(partitions.holds(ticket));
        partitions.done(ticket, 1).unwrap();
        assert!(!partitions.holds(ticket));
        assert_eq!(partitions.done(ticket, 2), Err(2));
        assert!(!partitions.again(ticket, again(10, None)));
        assert_eq!(partitions.to_commit()[0].next, 11);
    }

    #[test]
    fn a_partition_that_went_and_came_back_is_another() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        partitions.revoke(&[place(0)]);
        partitions.assign([place(0)]);
        partitions.arrive(&place(0), 10, "a");
        partitions.turn = 0;
        let anew = partitions.take(1, now);
        assert_eq!(offsets(&anew), [(0, 10)]);
        assert_eq!(partitions.done(&taken[0].0, 1), Err(1));
        assert!(partitions.holds(&anew[0].0) && partitions.to_commit().is_empty());
        // Nor is a commit of then one of now.
        partitions.done(&anew[0].0, 2).unwrap();
        let mut then = partitions.to_commit().remove(0);
        then.generation -= 1;
        assert!(partitions.committed(&then).is_empty());
        assert_eq!(partitions.to_commit().len(), 1);
    }

    #[test]
    fn of_a_partition_that_leaves_nothing_more_is_handed_out_and_the_others_go_on() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        partitions.leave(&[place(0)]);
        assert!(!partitions.are_idle(&[place(0)]) && partitions.are_idle(&[place(1)]));
        assert!(partitions.again(&taken[0].0, again(10, None)));
        assert!(partitions.are_idle(&[place(0)]));
        assert_eq!(offsets(&partitions.take(10, now)), [(1, 10)]);
    }

    #[test]
    fn once_it_is_quiet_nothing_is_handed_out_whatever_comes() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        partitions.quiet();
        assert!(!partitions.arrive(&place(1), 13, "d"));
        assert!(!partitions.is_idle());
        assert!(partitions.again(&taken[0].0, again(10, None)));
        assert!(partitions.is_idle() && partitions.take(10, now).is_empty());
    }

    #[test]
    fn fetching_pauses_once_where_much_waits_and_goes_on_when_half_is_left() {
        let mut partitions = Tested::new();
        partitions.assign([place(0)]);
        let ahead = i64::try_from(AHEAD).unwrap();
        let paused: Vec<_> =
            (0..2 * ahead).filter(|offset| partitions.arrive(&place(0), *offset, "a")).collect();
        assert_eq!(paused, [ahead - 1]);
        let mut left = 2 * AHEAD;
        while partitions.resumed().is_empty() {
            let taken = partitions.take(1, Instant::now());
            partitions.done(&taken[0].0, 0).unwrap();
            left -= 1;
        }
        assert_eq!(left, AHEAD / 2);
        assert!(partitions.resumed().is_empty());
    }
}
