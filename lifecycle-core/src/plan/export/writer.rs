//! Other ways to write a plan, which linked crates give.

use crate::Plan;

/// A way to write a plan, for `LIFECYCLE_PLAN=<name>`.
///
/// The library's own names (`text`, `json`, `mermaid`, `dot`, `check`) stay its own. Where several crates
/// give one name, one of them writes.
#[derive(Clone, Copy, Debug)]
pub struct PlanWriter {
    name: &'static str,
    write: fn(&Plan) -> String,
}

inventory::collect!(PlanWriter);

impl PlanWriter {
    /// `write` is given plans that hold, and by [`Plan::declared`] also others; the same plan is to give
    /// the same text. A line break is put behind it.
    #[must_use]
    pub const fn new(name: &'static str, write: fn(&Plan) -> String) -> Self {
        Self { name, write }
    }

    /// The names that this program has writers for.
    pub(crate) fn names() -> Vec<&'static str> {
        let mut names: Vec<_> = inventory::iter::<Self>().map(|writer| writer.name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Plan {
    /// The plan as the writer `name` has it; `None` where no linked crate gives one.
    pub(crate) fn written_by(&self, name: &str) -> Option<String> {
        let writer = inventory::iter::<PlanWriter>().find(|writer| writer.name == name)?;
        Some((writer.write)(self))
    }
}
