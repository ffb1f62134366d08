//! What a plan is written as: a table for a terminal, JSON, Mermaid, dot. All read one view of it.

mod dot;
pub(crate) mod json;
mod mermaid;
pub(crate) mod table;
mod view;
mod writer;

pub use self::{
    view::{HookView, PlanView},
    writer::PlanWriter,
};
