//! Plans and reports of `lifecycle-hooks` as SVG, and reports as one page of HTML. Its feature `pictures`
//! links this crate; there is nothing to call here.
//!
//! `plan` and `report` say what there is to draw. `layout` and `pack` find places for the boxes of a graph,
//! `graph` and `timeline` draw, `svg` writes, `style` has the colours, `page` puts drawings and tables
//! together. Nothing here knows a runtime, a clock or a file: the same input gives the same bytes. No
//! drawing has ids, so that two of them fit into one page.

mod axis;
mod graph;
mod in_flight;
mod layout;
mod legend;
mod marks;
mod pack;
mod page;
mod plan;
mod report;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod timeline;

use lifecycle_core::ext::{PlanWriter, ReportWriter, register};

register!(PlanWriter::new("svg", plan::to_svg));
register!(ReportWriter::new("svg", report::to_svg));
register!(ReportWriter::new("html", report::to_html));
