//! Reads a duration.

use std::{error::Error, fmt, time::Duration};

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads one or more numbers with a unit each, largest unit first; the last may have a fraction
/// (`1.5s`).
///
/// # Errors
///
/// When `text` is no duration; the error says what to write instead.
pub fn parse(text: &str) -> Result<Duration, ParseError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(ParseError("an empty duration; write for instance `5s`".to_owned()));
    }
    let mut total: u64 = 0;
    let mut last_unit = u64::MAX;
    while !rest.is_empty() {
        let number = leading(rest, |c| c.is_ascii_digit() || c == '.');
        if number.is_empty() {
            return Err(ParseError::new(format_args!(
                "`{text}` is no duration; write for instance `5s`, `250ms` or `1m30s`"
            )));
        }
        rest = rest[number.len()..].trim_start();
        let name = leading(rest, |c| c.is_alphabetic());
        rest = rest[name.len()..].trim_start();
        let unit = unit(text, number, name)?;
        if unit >= last_unit {
            return Err(ParseError::new(format_args!(
                "`{text}` is no duration: units go from large to small, each at most once"
            )));
        }
        if number.contains('.') && !rest.is_empty() {
            return Err(ParseError::new(format_args!(
                "`{text}` is no duration: only its last number may have a fraction"
            )));
        }
        last_unit = unit;
        total = nanos(text, number, unit)?
            .checked_add(total)
            .ok_or_else(|| ParseError(format!("`{text}` is longer than 500 years")))?;
    }
    Ok(Duration::from_nanos(total))
}

fn leading(text: &str, mut belongs: impl FnMut(char) -> bool) -> &str {
    &text[..text.find(|c| !belongs(c)).unwrap_or(text.len())]
}

fn unit(text: &str, number: &str, name: &str) -> Result<u64, ParseError> {
    if name.is_empty() {
        return Err(ParseError(format!("`{text}` lacks a unit; did you mean `{number}s`?")));
    }
    UNITS.iter().find(|(known, _)| *known == name).map(|(_, nanos)| *nanos).ok_or_else(|| {
        ParseError::new(format_args!(
            "`{name}` is no unit of time in `{text}`; the units are `h`, `m`, `s`, `ms`, `us`, `ns`"
        ))
    })
}

fn nanos(text: &str, number: &str, unit: u64) -> Result<u64, ParseError> {
    let no_number = || ParseError(format!("`{number}` is no number in `{text}`"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') {
        return Err(no_number());
    }
    let too_long = || ParseError(format!("`{text}` is longer than 500 years"));
    let whole = whole.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).ok_or_else(too_long)?;
    let digits =
        u32::try_from(fraction.len()).ok().filter(|digits| *digits <= 9).ok_or_else(no_number)?;
    let fraction = fraction.parse::<u64>().map_err(|_| no_number())?;
    let fraction = u128::from(fraction) * u128::from(unit) / 10_u128.pow(digits);
    u64::try_from(fraction).ok().and_then(|part| whole.checked_add(part)).ok_or_else(too_long)
}

/// Why a text is no duration, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError(String);

impl ParseError {
    fn new(text: fmt::Arguments<'_>) -> Self {
        Self(text.to_string())
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// By hand, as the build of the attributes would wait for thiserror's.
impl Error for ParseError {}
