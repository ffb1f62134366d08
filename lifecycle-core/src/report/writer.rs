//! Other ways to write a report, which linked crates give.

use crate::Report;

/// A way to write a report, for `LIFECYCLE_REPORT=path.<extension>`.
///
/// The library's own (`txt`, `json`) stay its own. Where several crates give one extension, one of them
/// writes. It is called while the process ends: what it takes is taken from the exit timeout.
#[derive(Clone, Copy, Debug)]
pub struct ReportWriter {
    extension: &'static str,
    write: fn(&Report) -> String,
}

inventory::collect!(ReportWriter);

impl ReportWriter {
    /// `extension` is without its dot. The same report is to give the same text.
    #[must_use]
    pub const fn new(extension: &'static str, write: fn(&Report) -> String) -> Self {
        Self { extension, write }
    }

    /// The extensions that this program has writers for.
    pub(crate) fn extensions() -> Vec<&'static str> {
        let mut known: Vec<_> = inventory::iter::<Self>().map(|writer| writer.extension).collect();
        known.sort_unstable();
        known.dedup();
        known
    }
}

impl Report {
    /// The report as the writer for `extension` has it; `None` where no linked crate gives one.
    pub(crate) fn written_as(&self, extension: &str) -> Option<String> {
        let mut writers = inventory::iter::<ReportWriter>();
        let writer = writers.find(|writer| writer.extension == extension)?;
        Some((writer.write)(self))
    }
}
