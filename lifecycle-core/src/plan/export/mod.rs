//! What a plan is written as: a table for a terminal, JSON, Mermaid, dot. All read one view of it.

mod dot;
pub(crate) mod json;
mod mermaid;
#[cfg(feature = "pictures")]
mod svg;
pub(crate) mod table;
mod view;
