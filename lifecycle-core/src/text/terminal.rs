//! What is the same for everything that a terminal shows: columns, control characters, colour.

use std::{ffi::OsString, fmt};

use unicode_width::UnicodeWidthChar;

/// What a colour stands for. Everything that is said in colour is said by a sign or a word as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tint {
    Good,
    Doubtful,
    Bad,
    Faint,
    Strong,
}

impl Tint {
    /// Writes `text`, in colour where `f` is asked for the alternate form.
    pub(crate) fn paint(self, f: &mut fmt::Formatter<'_>, text: impl fmt::Display) -> fmt::Result {
        if !f.alternate() {
            return write!(f, "{text}");
        }
        let code = match self {
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "31",
            Self::Faint => "2",
            Self::Strong => "1",
        };
        write!(f, "\x1b[{code}m{text}\x1b[0m")
    }
}

/// `what` for a stream that is a terminal or not: in its alternate form, which is in colour, where
/// a person sees it and wants colours (see no-color.org).
pub(crate) fn shown(what: &dyn fmt::Display, is_terminal: bool) -> impl fmt::Display {
    let is_set = |name| std::env::var_os(name).is_some_and(|value: OsString| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let colours = is_terminal && !is_set("NO_COLOR") && !is_dumb;
    fmt::from_fn(move |f| if colours { write!(f, "{what:#}") } else { write!(f, "{what}") })
}

/// `text` in one line, without what would move a terminal's cursor or colour it, what would turn
/// the direction of the text beside it or hide in it, and what no document may contain.
pub(crate) fn plain(text: &str) -> String {
    let plain = |char: char| match char {
        '\t' => Some(' '),
        char if is_hidden(char) => None,
        // Some programs begin a line at the two that are no control characters.
        char if !is_plain(char) => Some('?'),
        char => Some(char),
    };
    text.chars().filter_map(plain).collect()
}

/// Whether [`plain`] has something else in its place.
pub(super) fn is_plain(char: char) -> bool {
    !char.is_control()
        && !is_hidden(char)
        && !matches!(char, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
}

/// Marks of direction, and others that show nothing. Not those that join letters and emoji.
const fn is_hidden(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// The same of text of several lines. Those after the first are indented, so that none of them
/// looks like a line of our own.
pub(crate) fn plain_lines(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines().map(plain) {
        if !lines.is_empty() {
            lines.push_str("\n    ");
        }
        lines.push_str(&line);
    }
    lines
}

/// The lines of `text`, plain, each broken at spaces, where there are any, into lines of at most
/// `most` columns.
pub(crate) fn broken(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines().map(plain) {
        let mut current = String::new();
        for word in line.split(' ') {
            let fits = columns(&current) + 1 + columns(word) <= most;
            if !current.is_empty() && !fits {
                lines.push(std::mem::take(&mut current));
            } else if !current.is_empty() {
                current.push(' ');
            }
            for char in word.chars() {
                if columns(&current) + column_count(char) > most {
                    lines.push(std::mem::take(&mut current));
                }
                current.push(char);
            }
        }
        lines.push(current);
    }
    lines
}

/// How many columns a terminal gives the text: the sum over its characters, as terminals count, so
/// that what is cut between two characters adds up.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(column_count).sum()
}

/// How many columns a terminal gives the character.
pub(crate) fn column_count(char: char) -> usize {
    char.width().unwrap_or_default()
}

/// As much of the end of `text` as has at most `most` columns.
pub(crate) fn last_columns(text: &str, most: usize) -> &str {
    let mut left = columns(text);
    let mut chars = text.chars();
    while left > most {
        left -= chars.next().map_or(left, column_count);
    }
    chars.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_moves_the_cursor_but_ends_of_lines() {
        assert_eq!(plain_lines("a\tb\u{1b}[2J\r\nc\u{7}\nd"), "a b?[2J\n    c?\n    d");
    }

    #[test]
    fn no_line_of_a_text_looks_like_one_of_ours() {
        for end in ["\n", "\r\n", "\r", "\u{85}", "\u{b}", "\u{c}", "\u{2028}", "\u{2029}"] {
            let shown = plain_lines(&format!("it failed{end}lifecycle: clean, exit 0"));
            assert!(!shown.contains("\nlifecycle"), "{shown:?}");
            let others = shown.chars().filter(|char| *char != '\n');
            assert!(others.clone().all(|char| !char.is_control()), "{shown:?}");
            assert!(others.clone().all(|char| !"\u{2028}\u{2029}".contains(char)), "{shown:?}");
        }
        assert_eq!(plain_lines("a\n  b\nc"), "a\n      b\n    c");
        assert_eq!(plain_lines("a\n INFO lifecycle: b"), "a\n     INFO lifecycle: b");
    }

    #[test]
    fn nothing_turns_the_text_beside_it() {
        assert_eq!(
            plain("a\u{202e}b\u{2066}c\u{2069}\u{200f}\u{61c}d\u{ffff}שלום\u{200d}"),
            "abcd?שלום\u{200d}"
        );
    }

    #[test]
    fn no_character_that_shows_nothing_is_left_but_what_joins() {
        let all: String = ('\0'..=char::MAX).filter(|char| *char != '\t').collect();
        let shown = plain(&all);
        let shows_nothing = |char: &char| {
            char.is_control()
                || matches!(*char as u32, 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f)
                || matches!(*char as u32, 0xfeff | 0xfff9..=0xfffb | 0xfffe | 0xffff)
                || matches!(*char as u32, 0xe0000..=0xe007f)
        };
        let left: Vec<_> = shown.chars().filter(shows_nothing).collect();
        assert_eq!(left, ['\u{200c}', '\u{200d}']);
    }
}
