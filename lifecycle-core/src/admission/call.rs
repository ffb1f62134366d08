//! An admitted call that is more than a frame on its thread.

use std::{fmt, ops::Deref, sync::Arc};

use super::{
    counters::Entry,
    details::Who,
    ending::Ending,
    gate::{Gate, PROCESS},
    lane::{ARMED, CLOSED, Lane, Slot},
    refused::Refused,
    task::task,
    thread,
};
use crate::Site;

/// One admitted call. It is in flight until the last of its handles is gone.
pub(super) struct Call {
    slot: &'static Slot,
}

/// A gate that somebody is at.
pub(super) enum GateRef {
    /// Costs no count.
    Process,
    Own(Arc<Gate>),
}

impl Gate {
    /// Lets a fresh call in, or turns it away.
    pub(super) fn admit(self: &Arc<Self>, site: &'static Site) -> Result<Call, Refused> {
        let who = Who::here(task());
        if let Some(call) = self.note(site, false, Ending::Finished, who) {
            return Ok(call);
        }
        let entry = self.admit_counted(site, who)?;
        Ok(Call::counted(self, site, entry, false, Ending::Finished, who))
    }

    /// Lets a call in that belongs to admitted work.
    pub(super) fn inherit(self: &Arc<Self>, site: &'static Site) -> Call {
        let who = Who::here(task());
        if let Some(call) = self.note(site, true, Ending::Finished, who) {
            return call;
        }
        let entry = self.inherit_counted(site, who);
        Call::counted(self, site, entry, true, Ending::Finished, who)
    }

    /// Counts a call for what a source may yield; `None` once draining, whatever the policy and
    /// whoever asks. It is withdrawn unless somebody says otherwise.
    pub(super) fn begin_pull(
        self: &Arc<Self>,
        site: &'static Site,
        inherited: bool,
        settles: bool,
    ) -> Option<Call> {
        let who = Who::here(task());
        // One that may settle changes its kind on the way, so it is in the counters from the begin.
        if !settles && let Some(call) = self.note(site, inherited, Ending::Withdrawn, who) {
            return Some(call);
        }
        let entry = self.pull_counted(site, inherited, settles, who)?;
        Some(Call::counted(self, site, entry, inherited, Ending::Withdrawn, who))
    }

    /// A call is noted on the lane of this thread; `None` where it is to be counted instead.
    fn note(
        self: &Arc<Self>,
        site: &'static Site,
        inherited: bool,
        ending: Ending,
        who: Who,
    ) -> Option<Call> {
        let lane = thread::lane().filter(|lane| lane.gate() == self.number())?;
        if lane.is(CLOSED) {
            return None;
        }
        self.note_used();
        let call = Call::begin(lane, self, Some(site), None, inherited, ending, who);
        let mode = lane.settle();
        if mode & CLOSED != 0 && !self.counts_slot(call.slot) {
            return None;
        }
        if mode & ARMED != 0 {
            self.hear_first_call();
        }
        Some(call)
    }
}

impl Call {
    /// For a hook: its own calls inherit, itself it counts nowhere.
    pub(super) fn uncounted(gate: &Arc<Gate>) -> Self {
        Self::anywhere(gate, None, None, true, Ending::Finished, Who::default())
    }

    fn counted(
        gate: &Arc<Gate>,
        site: &'static Site,
        entry: Entry,
        inherited: bool,
        ending: Ending,
        who: Who,
    ) -> Self {
        Self::anywhere(gate, Some(site), Some(entry), inherited, ending, who)
    }

    /// Of no matter which lane, as it is not noted.
    fn anywhere(
        gate: &Arc<Gate>,
        site: Option<&'static Site>,
        entry: Option<Entry>,
        inherited: bool,
        ending: Ending,
        who: Who,
    ) -> Self {
        let call = Self::begin(thread::lane_or_new(), gate, site, entry, inherited, ending, who);
        thread::release_if_ended();
        call
    }

    fn begin(
        lane: &'static Lane,
        gate: &Arc<Gate>,
        site: Option<&'static Site>,
        entry: Option<Entry>,
        inherited: bool,
        ending: Ending,
        who: Who,
    ) -> Self {
        let slot = lane.take();
        slot.details.describe(ending, inherited, who);
        if gate.number() != PROCESS {
            slot.details.set_gate(Arc::clone(gate) as _);
        }
        if let Some(entry) = entry {
            slot.set_entry(entry.to_bits());
        }
        slot.begin(site, gate.number(), 0);
        Self { slot }
    }

    /// The holder of a slot's handle.
    pub(super) const fn of(slot: &'static Slot) -> Self {
        Self { slot }
    }

    /// The slot, with a handle that somebody else has to drop.
    pub(super) fn into_slot(self) -> &'static Slot {
        let slot = self.slot;
        std::mem::forget(self);
        slot
    }

    /// Work of this call that will outlive it: in flight by itself, at the same site.
    pub(super) fn branch(&self) -> Self {
        match self.slot.site() {
            Some(site) => self.gate().inherit(site),
            None => self.clone(),
        }
    }

    pub(super) fn gate(&self) -> GateRef {
        GateRef::of(self.slot)
    }

    pub(super) fn site_name(&self) -> Option<&'static str> {
        self.slot.site().map(Site::name)
    }

    /// Whether it was let in as part of another call.
    pub(super) fn is_inherited(&self) -> bool {
        self.slot.details.is_inherited()
    }

    /// How it ends, as far as one of its holders knows: the last word stands. Where nobody says
    /// anything, it finishes, unless its last holder is dropped by a panic.
    pub(super) fn end(&self, ending: Ending) {
        self.slot.details.verdict.say(ending);
    }

    /// Whether a panic is going through it.
    pub(super) fn is_unwinding(&self) -> bool {
        self.slot.details.verdict.is_unwinding()
    }

    /// `drain = cancel` is about to drop it.
    pub(super) fn cancel(&self) {
        if self.slot.details.verdict.cancel()
            && let Some(entry) = self.entry()
        {
            self.gate().cancel(entry);
        }
    }

    /// Of a receive that may settle: the source has brought nothing yet.
    pub(super) fn park(&self) {
        if let Some(entry) = self.entry() {
            self.gate().park(entry);
        }
    }

    /// Of a receive that may settle: its source is to be polled again. Of no use once the drain is
    /// over.
    pub(super) fn resume(&self) -> bool {
        self.entry().is_some_and(|entry| self.gate().resume(entry))
    }

    /// Of a receive that may settle: the source has brought something.
    pub(super) fn receive(&self) {
        if let Some(entry) = self.entry() {
            self.gate().receive(entry, self.is_inherited());
        }
    }

    /// Where it is in the counters: all calls are once draining has begun.
    fn entry(&self) -> Option<Entry> {
        self.slot.entry().map(Entry::from_bits)
    }

    /// The last handle is gone.
    fn finish(slot: &'static Slot) {
        let lane = thread::lane();
        if let Some(site) = slot.site() {
            let ending = slot.details.verdict.last();
            let is_noted = ending != Ending::Panicked
                && slot.entry().is_none()
                && lane.is_some_and(|lane| lane.gate() == slot.gate());
            match lane.filter(|_| is_noted) {
                Some(lane) => {
                    slot.end();
                    if lane.settle() & CLOSED != 0 {
                        GateRef::of(slot).end_slot(slot, site, ending);
                    }
                }
                None => GateRef::of(slot).end_slot(slot, site, ending),
            }
        } else {
            slot.end();
        }
        let gate = slot.details.take_gate();
        slot.give_back(lane);
        drop(gate);
    }
}

impl Clone for Call {
    fn clone(&self) -> Self {
        self.slot.add_handle();
        Self { slot: self.slot }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.slot.drop_handle() {
            Self::finish(self.slot);
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.site_name()).finish()
    }
}

impl GateRef {
    pub(super) fn into_arc(self) -> Arc<Gate> {
        match self {
            Self::Process => Arc::clone(Gate::process()),
            Self::Own(gate) => gate,
        }
    }

    pub(super) fn of(slot: &Slot) -> Self {
        let own = slot.details.gate().and_then(|gate| gate.downcast().ok());
        own.map_or(Self::Process, Self::Own)
    }
}

impl Deref for GateRef {
    type Target = Arc<Gate>;

    fn deref(&self) -> &Arc<Gate> {
        match self {
            Self::Process => Gate::process(),
            Self::Own(gate) => gate,
        }
    }
}
