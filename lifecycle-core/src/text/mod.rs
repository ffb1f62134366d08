//! Text before it is shown: secrets taken out, cut, nothing that moves a terminal's cursor, columns
//! counted.

pub(crate) mod cut;
pub(crate) mod intern;
pub(crate) mod json;
pub(crate) mod redact;
pub(crate) mod terminal;

/// A name that the application made at run time, as it is shown everywhere: in one line.
pub(crate) fn name(text: &str) -> String {
    terminal::plain(&redact::redact(text))
}
