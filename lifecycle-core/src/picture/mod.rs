//! Plan and report as pictures: SVG, and one page of HTML.
//!
//! `layout` and `pack` find places for the boxes of a graph, `graph` and `timeline` draw, `svg` writes, `style` has the
//! colours, `page` puts drawings and tables together. Nothing here knows a runtime, a clock or a file: the
//! same input gives the same bytes. No drawing has ids, so that two of them fit into one page.

mod axis;
mod graph;
mod in_flight;
mod layout;
mod legend;
mod marks;
mod pack;
mod page;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod timeline;

pub(crate) use self::{
    graph::{Hook, HookGraph},
    in_flight::InFlight,
    legend::short,
    page::{Column, Page, Table},
    timeline::{Bar, Moment, Row, Timeline},
};
