//! Time spans as systemd reads them: `90`, `5min 20s`, `+.5h`, `infinity`.

use std::time::Duration;

/// In the order in which systemd tries them: `msec` before `ms` before `m`.
const UNITS: [(&str, u64); 29] = [
    ("seconds", 1_000_000),
    ("second", 1_000_000),
    ("sec", 1_000_000),
    ("s", 1_000_000),
    ("minutes", 60_000_000),
    ("minute", 60_000_000),
    ("min", 60_000_000),
    ("months", 2_629_800_000_000),
    ("month", 2_629_800_000_000),
    ("M", 2_629_800_000_000),
    ("msec", 1_000),
    ("ms", 1_000),
    ("m", 60_000_000),
    ("hours", 3_600_000_000),
    ("hour", 3_600_000_000),
    ("hr", 3_600_000_000),
    ("h", 3_600_000_000),
    ("days", 86_400_000_000),
    ("day", 86_400_000_000),
    ("d", 86_400_000_000),
    ("weeks", 604_800_000_000),
    ("week", 604_800_000_000),
    ("w", 604_800_000_000),
    ("years", 31_557_600_000_000),
    ("year", 31_557_600_000_000),
    ("y", 31_557_600_000_000),
    ("usec", 1),
    ("us", 1),
    ("µs", 1),
];

/// The sum of the spans in `text`, which are seconds where they have no unit; `None`: without end, which
/// systemd takes 0 for as well.
pub(in super::super) fn parse(text: &str) -> Result<Option<Duration>, String> {
    if text.trim() == "infinity" {
        return Ok(None);
    }
    let micros = micros(text).ok_or_else(|| {
        format!("found {text:?}, a time span is needed, such as 90, 90s, 1min 30s or infinity")
    })?;
    Ok((micros > 0).then(|| Duration::from_micros(micros)))
}

/// Word for word what systemd's `parse_sec` does, so that nothing is taken or refused that it does not.
fn micros(text: &str) -> Option<u64> {
    // Both letters that are written for micro are one to it.
    let text = text.replace('\u{3bc}', "\u{b5}");
    let mut rest = text.trim_start();
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u64;
    while !rest.is_empty() {
        let unsigned = rest.strip_prefix('+').unwrap_or(rest);
        let (whole, after) = digits(unsigned);
        let (part, after) = match (if whole.is_empty() { rest } else { after }).strip_prefix('.') {
            Some(after) if !after.starts_with(|char: char| char.is_ascii_digit()) => return None,
            Some(after) => digits(after),
            None if whole.is_empty() => return None,
            None => ("", after),
        };
        let number_ends = after.starts_with(char::is_whitespace) || after.is_empty();
        let after = after.trim_start();
        let unit = UNITS.iter().find(|(name, _)| after.starts_with(name));
        let (rest_of_it, worth) = match unit {
            Some((name, worth)) => (&after[name.len()..], *worth),
            // A number without its unit ends the text, or a blank ends it.
            None if number_ends => (after, 1_000_000),
            None => return None,
        };
        let mut span = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
        span = span.checked_mul(worth)?;
        let mut worth = worth / 10;
        for digit in part.bytes() {
            span = span.checked_add(u64::from(digit - b'0') * worth)?;
            worth /= 10;
        }
        total = total.checked_add(span)?;
        rest = rest_of_it.trim_start();
    }
    Some(total)
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()))
}
