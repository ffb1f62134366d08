//! What a plan is written as: a table for a terminal, JSON, Mermaid, dot.

#[cfg(feature = "json")]
pub(crate) mod document;
mod dot;
mod json;
mod mermaid;
#[cfg(feature = "pictures")]
mod svg;
pub(crate) mod table;
