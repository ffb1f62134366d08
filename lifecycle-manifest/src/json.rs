//! JSON where the file says that it is JSON: what reads it there is strict.

use std::borrow::Cow;

/// What is wrong with `text` as JSON: the line, and what.
pub(super) fn check(text: &str) -> Result<(), (usize, String)> {
    let Err(error) = serde_json::from_str::<serde_json::Value>(text) else { return Ok(()) };
    let said = error.to_string();
    let what = said.split(" at line ").next().unwrap_or_default();
    Err((error.line(), format!("this is not JSON: {what}, at column {}", error.column())))
}

/// JSON as YAML can read it: a character beyond the first 65,536 is two escapes to JSON (`\ud83d\ude00`), and
/// itself in YAML. Lines stay where they are. (Behind a backslash that is escaped itself there is never such a
/// pair: its second half would be alone, which is no JSON.)
pub(super) fn as_yaml(text: &str) -> Cow<'_, str> {
    let mut yaml = String::new();
    let mut done = 0;
    let mut at = 0;
    while let Some(found) = text[at..].find("\\u") {
        at += found;
        if let Some(char) = surrogates(&text[at..]) {
            yaml.push_str(&text[done..at]);
            yaml.push(char);
            at += PAIR;
            done = at;
        } else {
            at += "\\u".len();
        }
    }
    if done == 0 {
        return text.into();
    }
    yaml.push_str(&text[done..]);
    yaml.into()
}

/// How long a pair of escapes is.
const PAIR: usize = r"\ud83d\ude00".len();

/// What a pair of escapes at the begin of `text` stands for.
fn surrogates(text: &str) -> Option<char> {
    let unit =
        |at: usize| u16::from_str_radix(text.get(at..)?.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let pair = [unit(0)?, unit(PAIR / 2)?];
    char::decode_utf16(pair).next()?.ok().filter(|char| u32::from(*char) > 0xffff)
}
