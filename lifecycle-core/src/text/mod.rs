//! Text before it is shown: secrets taken out, nothing that moves a terminal's cursor, columns
//! counted.

#[cfg(feature = "json")]
pub(crate) mod intern;
pub(crate) mod redact;
pub(crate) mod terminal;
