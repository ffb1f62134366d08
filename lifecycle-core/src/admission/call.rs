use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Gate, context,
    counters::{Ending, Entry},
};
use crate::{Refused, Site};

/// One admitted call. It is in flight until the last `Arc` is gone.
#[derive(Debug)]
pub(super) struct Call {
    gate: Arc<Gate>,
    /// `None` for a hook: its own calls inherit, itself it counts nowhere.
    counted: Option<(&'static Site, Entry)>,
    inherited: bool,
    cancelled: AtomicBool,
    withdrawn: AtomicBool,
}

impl Call {
    /// Lets a call of `site` in: as part of the call that the running code belongs to, or else as a
    /// fresh one.
    pub(super) fn admit(site: &'static Site) -> Result<Arc<Self>, Refused> {
        match context::current() {
            Some(caller) => Ok(caller.gate.inherit(site)),
            None => context::gate().admit(site),
        }
    }

    pub(super) fn fresh(gate: Arc<Gate>, site: &'static Site, entry: Entry) -> Arc<Self> {
        Self::new(gate, Some((site, entry)), false)
    }

    pub(super) fn inherited(gate: Arc<Gate>, site: &'static Site, entry: Entry) -> Arc<Self> {
        Self::new(gate, Some((site, entry)), true)
    }

    pub(super) fn uncounted(gate: Arc<Gate>) -> Arc<Self> {
        Self::new(gate, None, true)
    }

    /// Work of this call that will outlive it: in flight by itself, at the same site.
    pub(super) fn branch(self: &Arc<Self>) -> Arc<Self> {
        match self.counted {
            Some((site, _)) => self.gate.inherit(site),
            None => Arc::clone(self),
        }
    }

    pub(super) const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    pub(super) fn site_name(&self) -> Option<&'static str> {
        self.counted.map(|(site, _)| site.name())
    }

    /// Whether it was let in as part of another call.
    pub(super) const fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// `drain = cancel` is about to drop it.
    pub(super) fn cancel(&self) {
        if let Some((_, entry)) = self.counted
            && !self.cancelled.swap(true, Ordering::Relaxed)
        {
            self.gate.count_cancelled(entry);
        }
    }

    /// It was none after all.
    pub(super) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Relaxed);
    }

    fn new(gate: Arc<Gate>, counted: Option<(&'static Site, Entry)>, inherited: bool) -> Arc<Self> {
        Arc::new(Self {
            gate,
            counted,
            inherited,
            cancelled: AtomicBool::new(false),
            withdrawn: AtomicBool::new(false),
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let Some((_, entry)) = self.counted else { return };
        let ending = if *self.cancelled.get_mut() {
            Ending::Cancelled
        } else if *self.withdrawn.get_mut() {
            Ending::Withdrawn
        } else {
            Ending::Finished
        };
        self.gate.leave(entry, ending);
    }
}
