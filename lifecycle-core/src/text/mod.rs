//! Text before it is shown: secrets taken out, nothing that moves a terminal's cursor, columns
//! counted.

mod intern;
pub(crate) mod json;
pub(crate) mod redact;
pub(crate) mod terminal;
