//! Pictures of plan and report. What draws them is another crate, which is linked in.

use crate::{Plan, Report, config::NO_PICTURES};

impl Plan {
    /// The hooks as an SVG that stands by itself, light or dark as its reader has it: a band for each
    /// order, in it who waits for whom, the critical path outlined. Of an invalid plan it has what does
    /// not contradict. The same plan gives the same text.
    ///
    /// # Panics
    ///
    /// In a program that depends on `lifecycle-core` and does not link `lifecycle-pictures`; the feature
    /// `pictures` of `lifecycle-hooks` does.
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.written_by("svg").expect(NO_PICTURES)
    }
}

impl Report {
    /// The timeline as an SVG that stands by itself, light or dark as its reader has it: the phases with
    /// what was in flight, a row a hook, its timeout as outline, what decided how long the stop took, and
    /// signals. Of a stop that never began it has the problems alone. The same report gives the same text.
    ///
    /// # Panics
    ///
    /// As [`Plan::to_svg`].
    #[must_use]
    pub fn to_svg(&self) -> String {
        self.written_as("svg").expect(NO_PICTURES)
    }

    /// A page of HTML that needs nothing else: the timeline, the hooks with who waited for whom, and the
    /// figures in tables. It has no script, and can be printed. The same report gives the same text.
    ///
    /// # Panics
    ///
    /// As [`Plan::to_svg`].
    #[must_use]
    pub fn to_html(&self) -> String {
        self.written_as("html").expect(NO_PICTURES)
    }
}
