//! The syntax of systemd's units and environment files. `systemd-unit-edit` was tried: it refuses a comment
//! within a continued line and an indented key, splits `"A=b c"` in two, and what a drop-in says replaces an
//! `Environment=` instead of adding to it.

use lifecycle_core::ext::ManifestError;

use super::super::place::Place;

/// Editors put it at the begin of a file, and systemd skips it.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// An assignment of a unit.
pub(in super::super) struct Assignment {
    pub(in super::super) section: String,
    pub(in super::super) key: String,
    pub(in super::super) value: String,
    pub(in super::super) place: Place,
}

/// The assignments of a unit or a drop-in, in order; each line that systemd passes over is noted.
pub(super) fn assignments(
    file: &str,
    text: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Assignment>, ManifestError> {
    let mut assignments = Vec::new();
    let mut section = String::new();
    for (line, text) in logical_lines(text) {
        let place = Place { file: file.to_owned(), line };
        if let Some(name) = text.strip_prefix('[') {
            let name = name
                .strip_suffix(']')
                .ok_or_else(|| place.wrong("section", format!("`{text}` lacks its `]`")))?;
            name.clone_into(&mut section);
            continue;
        }
        let Some((key, value)) = text.split_once('=').filter(|_| !section.is_empty()) else {
            let what = if section.is_empty() {
                "it stands before any [Section]: move it into one"
            } else {
                "it has no `=`"
            };
            notes.push(format!("{place}: systemd passes over `{text}`, as {what}"));
            continue;
        };
        let [key, value] = [key, value].map(|part| part.trim().to_owned());
        assignments.push(Assignment { section: section.clone(), key, value, place });
    }
    Ok(assignments)
}

/// The variables of an environment file, with their lines.
pub(in super::super) fn variables(text: &str) -> Vec<(usize, String, String)> {
    let assigned = |(line, text): (usize, String)| {
        let (name, value) = text.split_once('=')?;
        let value = words(value.trim()).unwrap_or_default().join(" ");
        Some((line, name.trim().to_owned(), value))
    };
    logical_lines(text).into_iter().filter_map(assigned).collect()
}

/// The words of `value`, without the quotes and escapes that held them together.
pub(in super::super) fn words(value: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = value.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => word.get_or_insert_default().push(escaped(&mut chars)),
            '"' | '\'' if quote == Some(char) => quote = None,
            '"' | '\'' if quote.is_none() => {
                quote = Some(char);
                word.get_or_insert_default();
            }
            char if char.is_whitespace() && quote.is_none() => words.extend(word.take()),
            char => word.get_or_insert_default().push(char),
        }
    }
    if let Some(quote) = quote {
        return Err(format!("found {value}, where a {quote} is not closed"));
    }
    words.extend(word);
    Ok(words)
}

/// What a backslash and the characters after it stand for.
fn escaped(chars: &mut std::str::Chars) -> char {
    let plain = |char| match char {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        's' => ' ',
        char => char,
    };
    let digits = chars.as_str().strip_prefix('x').and_then(|rest| rest.get(..2));
    match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
        Some(code) => {
            chars.nth(2);
            char::from(code)
        }
        None => chars.next().map_or('\\', plain),
    }
}

/// Lines that say something, joined where they end in a backslash; a comment in between does not end them.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut continued = false;
    for (at, line) in text.trim_start_matches(BYTE_ORDER_MARK).lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with(['#', ';']) || (line.trim_end().is_empty() && !continued) {
            continue;
        }
        // Two backslashes are one that is meant, and one before a blank is at no end.
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        let (part, goes_on) = match backslashes % 2 {
            1 => (&line[..line.len() - 1], true),
            _ => (line.trim_end(), false),
        };
        match lines.last_mut() {
            Some((_, whole)) if continued => {
                whole.push(' ');
                whole.push_str(part);
            }
            _ => lines.push((at + 1, part.to_owned())),
        }
        continued = goes_on;
    }
    lines
}
