//! The signals that came and were not looked at yet: one word each, written by signal handlers. A
//! flood of equal signals is one; the order of different ones is kept.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::SignalSender;

/// One for each signal of Linux, real-time ones among them.
const SLOTS: usize = 65;

/// A word: whether it is one, who sent it, its place in the order, pid (Linux has 22 bits of them),
/// uid.
const CAME: u64 = 1 << 63;
const BY_KERNEL: u64 = 1 << 62;
const BY_PROCESS: u64 = 1 << 61;
const PLACE_SHIFT: u32 = 54;
const PLACE_MASK: u32 = 0x7f;
const PID_SHIFT: u32 = 32;
const PID_MASK: u32 = 0x3f_ffff;

pub(super) struct Pending {
    slots: [AtomicU64; SLOTS],
    next_place: AtomicU32,
}

impl Pending {
    pub(super) const fn new() -> Self {
        Self { slots: [const { AtomicU64::new(0) }; SLOTS], next_place: AtomicU32::new(0) }
    }

    /// Notes what came. Callable from a signal handler: no lock, no allocation, no system call.
    pub(super) fn put(&self, number: usize, sender: Option<SignalSender>) {
        let Some(slot) = self.slots.get(number) else { return };
        if slot.load(Ordering::Relaxed) != 0 {
            return;
        }
        let place = self.next_place.fetch_add(1, Ordering::AcqRel) & PLACE_MASK;
        let sender = match sender {
            None => 0,
            Some(SignalSender::Kernel) => BY_KERNEL,
            Some(SignalSender::Process { pid, uid }) => {
                BY_PROCESS | u64::from(pid & PID_MASK) << PID_SHIFT | u64::from(uid)
            }
        };
        let word = CAME | sender | u64::from(place) << PLACE_SHIFT;
        // An equal one that was faster has the place.
        let _ = slot.compare_exchange(0, word, Ordering::AcqRel, Ordering::Relaxed);
    }

    /// What came since the last time, in the order in which it came.
    pub(super) fn take(&self) -> Vec<(usize, Option<SignalSender>)> {
        let mut came: Vec<(usize, u64)> = self
            .slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.load(Ordering::Acquire) != 0)
            .map(|(number, slot)| (number, slot.swap(0, Ordering::AcqRel)))
            .collect();
        let next = self.next_place.load(Ordering::Acquire);
        let age = |word: u64| next.wrapping_sub((word >> PLACE_SHIFT) as u32) & PLACE_MASK;
        came.sort_by_key(|&(_, word)| std::cmp::Reverse(age(word)));
        came.into_iter().map(|(number, word)| (number, sender(word))).collect()
    }
}

const fn sender(word: u64) -> Option<SignalSender> {
    if word & BY_KERNEL != 0 {
        return Some(SignalSender::Kernel);
    }
    if word & BY_PROCESS == 0 {
        return None;
    }
    Some(SignalSender::Process { pid: (word >> PID_SHIFT) as u32 & PID_MASK, uid: word as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_taken_once_in_its_order_with_its_sender() {
        let pending = Pending::new();
        let sender = Some(SignalSender::Process { pid: 4_194_303, uid: u32::MAX });
        for _ in 0..1000 {
            pending.put(15, sender);
            pending.put(2, Some(SignalSender::Kernel));
            pending.put(1, None);
            let expected = [(15, sender), (2, Some(SignalSender::Kernel)), (1, None)];
            assert_eq!(pending.take(), expected);
            assert_eq!(pending.take(), []);
        }
    }

    #[test]
    fn a_flood_of_equal_ones_is_one_and_keeps_the_first_place_and_sender() {
        let pending = Pending::new();
        let first = Some(SignalSender::Process { pid: 7, uid: 0 });
        pending.put(2, first);
        for pid in 0..10_000 {
            pending.put(2, Some(SignalSender::Process { pid, uid: 1 }));
            pending.put(15, None);
        }
        assert_eq!(pending.take(), [(2, first), (15, None)]);
    }

    #[test]
    fn numbers_beyond_the_slots_are_not_noted() {
        let pending = Pending::new();
        pending.put(SLOTS, None);
        pending.put(usize::MAX, None);
        assert_eq!(pending.take(), []);
    }
}
