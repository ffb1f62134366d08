//! Tests of the plan, by what it is asked.

mod corrections;
mod diff;
mod errors;
mod fits;
mod hints;
mod hooks;
mod lifting;
mod random;
mod removal;
mod scale;
mod support;
mod table;
mod text_graphs;
