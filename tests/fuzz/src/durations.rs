//! Durations: what is read is shown so that it is read again.

use lifecycle_duration::{display, parse};

use crate::choices::Choices;

const PARTS: [&str; 16] = [
    "0",
    "1",
    "9",
    "99999999999",
    ".",
    "h",
    "m",
    "s",
    "ms",
    "us",
    "ns",
    " ",
    "-",
    "٣",
    "S",
    "\u{0}",
];

pub(crate) fn body(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let text = match choices.byte() {
        0..128 => (0..choices.0.len().min(12)).map(|_| *choices.one_of(&PARTS)).collect(),
        _ => String::from_utf8_lossy(choices.0).into_owned(),
    };
    match parse(&text) {
        Ok(read) => {
            let shown = display(read).to_string();
            let again = parse(&shown).unwrap_or_else(|error| panic!("{error}: {text:?}"));
            // Of a long one the end is not shown.
            assert!(again <= read, "{text:?}: {shown}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let _ = display(choices.duration()).to_string();
}
