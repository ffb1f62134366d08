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
    /// Of this attempt: the same job may fail and be handed out again, while something of the
    /// handler that failed goes on.
    number: u64,
}

/// What waits to be handed out.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
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
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Partitions<M, W> {
    all: BTreeMap<Place, Partition<M, W>>,
    generation: u64,
    /// Of what was handed out last.
    number: u64,
    /// Who is asked first, so that each has its turn.
    turn: usize,
    is_quiet: bool,
    /// Of partitions that were taken away, and whose handlers may go on until then.
    lost: Vec<(Ticket, Instant)>,
}

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
struct Partition<M, W> {
    generation: u64,
    waiting: VecDeque<Waiting<M>>,
    in_hand: Option<Ticket>,
    /// Up to where it is done, and not committed yet.
    done: Option<i64>,
    /// Up to where a commit was refused.
    refused: Option<i64>,
    waiters: Vec<(Ticket, W)>,
    is_paused: bool,
    /// It is about to go to another worker.
    is_leaving: bool,
}

impl<M, W> Partitions<M, W> {
    pub(crate) const fn new() -> Self {
        Self {
            all: BTreeMap::new(),
            generation: 0,
            number: 0,
            turn: 0,
            is_quiet: false,
            lost: Vec::new(),
        }
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
                refused: None,
                waiters: Vec::new(),
                is_paused: false,
                is_leaving: false,
            };
            self.all.insert(place, partition);
        }
    }

    /// A message was fetched. Returns whether fetching of its partition is to pause.
    pub(crate) fn arrive(&mut self, place: &Place, offset: i64, message: M) -> bool {
        let Some(partition) = self.all.get_mut(place) else { return false };
        let is_wanted = !self.is_quiet && !partition.is_leaving;
        if is_wanted {
            partition.waiting.push_back(Waiting { offset, message, failures: 0, not_before: None });
        }
        let is_full = !is_wanted || partition.waiting.len() >= AHEAD;
        is_full && !std::mem::replace(&mut partition.is_paused, true)
    }

    /// Hands out the first of partitions that have none in hand, `max` at most.
    pub(crate) fn take(&mut self, max: usize, now: Instant) -> Vec<(Ticket, Waiting<M>)> {
        if self.is_quiet || self.all.is_empty() {
            return Vec::new();
        }
        self.lost.retain(|(_, until)| now < *until);
        let first = self.turn % self.all.len();
        let mut taken = Vec::new();
        let places: Vec<_> = self.all.keys().cloned().collect();
        let mut asked = 0;
        for place in places.iter().cycle().skip(first).take(places.len()) {
            if taken.len() == max {
                break;
            }
            asked += 1;
            let Some(partition) = self.all.get_mut(place) else { continue };
            let is_lost = self.lost.iter().any(|(ticket, _)| ticket.place == *place);
            if partition.in_hand.is_some() || partition.is_leaving || is_lost {
                continue;
            }
            let is_due = |waiting: &Waiting<M>| waiting.not_before.is_none_or(|at| at <= now);
            if let Some(waiting) = partition.waiting.pop_front_if(|waiting| is_due(waiting)) {
                self.number += 1;
                let (place, offset, number) = (place.clone(), waiting.offset, self.number);
                let ticket = Ticket { place, offset, generation: partition.generation, number };
                partition.in_hand = Some(ticket.clone());
                taken.push((ticket, waiting));
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

    /// Whether the job is still this worker's: in hand, or about to be committed.
    pub(crate) fn holds(&self, ticket: &Ticket) -> bool {
        let Some(partition) = self.all.get(&ticket.place) else { return false };
        partition.is_of(ticket) || partition.waiters.iter().any(|(waits, _)| waits == ticket)
    }

    /// The job is done, and `waiter` waits for its commit; so does who asks again where that was
    /// refused, or takes long. It comes back where the job is not this worker's any more.
    pub(crate) fn done(&mut self, ticket: &Ticket, waiter: W) -> Result<(), W> {
        let Some(partition) = self.all.get_mut(&ticket.place) else { return Err(waiter) };
        if partition.is_of(ticket) {
            partition.in_hand = None;
            partition.done = Some(ticket.offset + 1);
        } else {
            let next = partition.done.max(partition.refused);
            let is_open = next.is_some_and(|next| ticket.offset < next);
            if partition.generation != ticket.generation || !is_open {
                return Err(waiter);
            }
            partition.done = next;
        }
        partition.waiters.push((ticket.clone(), waiter));
        Ok(())
    }

    /// The job was not done, and is the next of its partition, from `not_before` on. Returns whether
    /// it was this worker's.
    pub(crate) fn again(&mut self, ticket: &Ticket, waiting: Waiting<M>) -> bool {
        let partition = self.all.get_mut(&ticket.place).filter(|partition| partition.is_of(ticket));
        let Some(partition) = partition else { return false };
        partition.in_hand = None;
        if !self.is_quiet && !partition.is_leaving {
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

    /// It was committed, or is refused. Returns who has waited for it.
    pub(crate) fn committed(&mut self, position: &Position, is_refused: bool) -> Vec<W> {
        let Some(partition) = self.all.get_mut(&position.place) else { return Vec::new() };
        if partition.generation != position.generation {
            return Vec::new();
        }
        partition.done = partition.done.filter(|next| *next > position.next);
        partition.refused = is_refused.then_some(position.next);
        let told = partition.waiters.extract_if(.., |(ticket, _)| ticket.offset < position.next);
        told.map(|(_, waiter)| waiter).collect()
    }

    /// Those whose fetching may go on.
    pub(crate) fn resumed(&mut self) -> Vec<Place> {
        let mut places = Vec::new();
        if self.is_quiet {
            return places;
        }
        for (place, partition) in &mut self.all {
            if partition.is_paused && !partition.is_leaving && partition.waiting.len() <= AHEAD / 2
            {
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

    /// They are not this worker's any more. What of them is in hand is lost, and nothing is handed out
    /// of those places `until` then, or until its handler is [gone](Self::gone); who waits for a
    /// commit is dropped. Returns those whose fetching pauses.
    pub(crate) fn revoke(&mut self, places: &[Place], until: Instant) -> Vec<Place> {
        let mut paused = Vec::new();
        for place in places {
            let Some(partition) = self.all.remove(place) else { continue };
            self.lost.extend(partition.in_hand.map(|ticket| (ticket, until)));
            if partition.is_paused {
                paused.push(place.clone());
            }
        }
        paused
    }

    /// All of them are gone.
    pub(crate) fn revoke_all(&mut self, until: Instant) {
        let places: Vec<_> = self.all.keys().cloned().collect();
        drop(self.revoke(&places, until));
    }

    /// Nothing of its handler is left.
    pub(crate) fn gone(&mut self, ticket: &Ticket) {
        self.lost.retain(|(lost, _)| lost != ticket);
    }

    /// Whether handlers of what these have lost may go on.
    pub(crate) fn are_lost(&self, places: &[Place]) -> bool {
        self.lost.iter().any(|(ticket, _)| places.contains(&ticket.place))
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

    /// Whether none at all is, and no commit was refused, which is asked for again.
    pub(crate) fn is_idle(&self) -> bool {
        let is_idle =
            |partition: &Partition<M, W>| partition.is_idle() && partition.refused.is_none();
        self.all.values().all(is_idle)
    }
}

impl<M, W> Partition<M, W> {
    fn is_of(&self, ticket: &Ticket) -> bool {
        self.in_hand.as_ref() == Some(ticket)
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
        assert_eq!(partitions.committed(&commits[0], false), [1]);
        assert!(!partitions.is_idle());
        let rest = partitions.to_commit();
        assert_eq!(rest[0].next, 12);
        assert_eq!(partitions.committed(&rest[0], false), [2]);
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
        assert!(partitions.holds(ticket), "it is about to be committed");
        assert!(!partitions.again(ticket, again(10, None)));
        let commit = partitions.to_commit().remove(0);
        assert_eq!((commit.next, partitions.committed(&commit, false)), (11, vec![1]));
        assert!(!partitions.holds(ticket));
        assert_eq!(partitions.done(ticket, 2), Err(2));
    }

    #[test]
    fn a_commit_that_is_refused_is_tried_again_for_who_asks_again() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        let ticket = &taken[0].0;
        partitions.done(ticket, 1).unwrap();
        let commit = partitions.to_commit().remove(0);
        assert_eq!(partitions.committed(&commit, true), [1]);
        assert!(partitions.are_idle(&[place(0)]) && !partitions.is_idle());
        partitions.done(ticket, 2).unwrap();
        assert_eq!(partitions.to_commit(), std::slice::from_ref(&commit));
        // Asked once more while it is on its way.
        partitions.done(ticket, 3).unwrap();
        assert_eq!(partitions.committed(&commit, false), [2, 3]);
        assert_eq!(partitions.done(ticket, 4), Err(4));
    }

    #[test]
    fn what_is_left_of_an_attempt_that_failed_decides_nothing_of_the_next() {
        let (mut partitions, now) = (filled(), Instant::now());
        let first = partitions.take(1, now).remove(0).0;
        assert!(partitions.again(&first, again(10, None)));
        partitions.turn = 0;
        let second = partitions.take(1, now).remove(0).0;
        assert_eq!((second.offset, second.place.partition), (10, 0));
        assert!(!partitions.again(&first, again(10, None)));
        assert_eq!(partitions.done(&first, 1), Err(1));
        assert!(partitions.holds(&second) && !partitions.holds(&first));
    }

    #[test]
    fn a_partition_that_went_and_came_back_is_another() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        let until = now + Duration::from_secs(10);
        assert!(partitions.revoke(&[place(0)], until).is_empty());
        partitions.assign([place(0)]);
        partitions.arrive(&place(0), 10, "a");
        partitions.turn = 0;
        // Not beside the handler that has lost it: before that is gone, or ought to be.
        assert!(partitions.are_lost(&[place(0)]));
        assert_eq!(offsets(&partitions.take(10, now)), [(1, 10)]);
        let mut late = partitions.clone();
        assert_eq!(offsets(&late.take(10, until)), [(0, 10)]);
        partitions.gone(&taken[0].0);
        let anew = partitions.take(1, now);
        assert_eq!(offsets(&anew), [(0, 10)]);
        assert_eq!(partitions.done(&taken[0].0, 1), Err(1));
        assert!(partitions.holds(&anew[0].0) && partitions.to_commit().is_empty());
        // Nor is a commit of then one of now.
        partitions.done(&anew[0].0, 2).unwrap();
        let mut then = partitions.to_commit().remove(0);
        then.generation -= 1;
        assert!(partitions.committed(&then, false).is_empty());
        assert_eq!(partitions.to_commit().len(), 1);
    }

    #[test]
    fn of_a_partition_that_leaves_nothing_more_is_handed_out_and_the_others_go_on() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        partitions.leave(&[place(0)]);
        assert!(!partitions.are_idle(&[place(0)]) && partitions.are_idle(&[place(1)]));
        let soon = now + Duration::from_secs(1);
        assert!(partitions.again(&taken[0].0, again(10, Some(soon))));
        assert!(partitions.are_idle(&[place(0)]));
        // Nobody waits for what is not handed out here.
        assert_eq!(partitions.next_due(), None);
        assert_eq!(offsets(&partitions.take(10, now)), [(1, 10)]);
    }

    #[test]
    fn once_it_is_quiet_nothing_is_handed_out_whatever_comes() {
        let (mut partitions, now) = (filled(), Instant::now());
        let taken = partitions.take(1, now);
        partitions.quiet();
        assert!(partitions.arrive(&place(1), 13, "d"), "fetching pauses");
        assert!(!partitions.arrive(&place(1), 14, "e"), "once");
        assert!(partitions.resumed().is_empty());
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
        assert_eq!(partitions.clone().revoke(&[place(0)], Instant::now()), [place(0)]);
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
