//! `lane.rs` and `atomic_ref.rs` of the core, on loom's atomics. What stands here instead of the
//! rest of the core is what they name.

mod admission;
mod os;

/// As much of a site as there need be: it has an address.
pub(crate) struct Site(&'static str);

impl Site {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self(name)
    }
}
