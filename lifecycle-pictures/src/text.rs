//! Text of any origin in a picture: what it may contain, and how wide it gets.

use lifecycle_core::ext::text::plain;
use unicode_width::UnicodeWidthChar;

/// How wide a column of fixed-width text is: fonts of 12 px have 6.6 to 7.23.
pub(super) const COLUMN: f64 = 7.25;
/// How wide a character of two columns is: as wide as it is high.
const WIDE: f64 = 12.0;

/// `text` as markup: escaped, on one line, and without what XML forbids.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in plain(&text.replace(['\r', '\n'], " ")).chars() {
        match char {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            char => out.push(char),
        }
    }
    out
}

/// How wide fixed-width `text` is drawn, at most.
pub(super) fn width(text: &str) -> f64 {
    let wide = |char| match column_count(char) {
        2 => WIDE,
        count => count as f64 * COLUMN,
    };
    text.chars().map(wide).sum()
}

/// The end of `name` in at most `most` columns, from the beginning of a segment where that leaves most of
/// it: the end of `orders::outbox::flush` says more than its beginning.
pub(super) fn end_of(name: &str, most: usize) -> String {
    let mut left = columns(name);
    if left <= most {
        return name.to_owned();
    }
    let mut chars = name.chars();
    while left + 1 > most {
        left -= chars.next().map_or(left, column_count);
    }
    let end = chars.as_str();
    let segment = end.find("::").filter(|at| at * 3 < end.len()).unwrap_or_default();
    format!("…{}", &end[segment..])
}

/// The beginning of `text` in at most `most` columns.
pub(super) fn start_of(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut left = most.saturating_sub(1);
    let fits = |char: &char| {
        let width = column_count(*char);
        let fits = width <= left;
        left -= width.min(left);
        fits
    };
    let start: String = text.chars().take_while(fits).collect();
    format!("{start}…")
}

/// How many columns fixed-width `text` has.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(column_count).sum()
}

/// As `escaped` has it: a sign for what is none.
fn column_count(char: char) -> usize {
    char.width().unwrap_or(1)
}
