//! Durations as Go writes them, which compose and Nomad are written in: `30s1m` and `1.5m30s` too.

use std::time::Duration;

use lifecycle_core::ext::ManifestError;

use super::{document::Node, field::not_zero};

const OF_GO: [(&str, u128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];
/// What compose's parser knows beside them.
const OF_COMPOSE: [(&str, u128); 2] = [("d", 86_400_000_000_000), ("w", 604_800_000_000_000)];

/// A duration in a compose file.
pub(super) fn of_compose(node: &Node) -> Result<Duration, ManifestError> {
    read(node, &[&OF_GO[..], &OF_COMPOSE].concat())
}

/// A duration in a job of Nomad.
pub(super) fn of_nomad(node: &Node) -> Result<Duration, ManifestError> {
    read(node, &OF_GO)
}

fn read(node: &Node, units: &[(&str, u128)]) -> Result<Duration, ManifestError> {
    node.settled()?;
    let text = node.text()?;
    let time = parse(&text, units).ok_or_else(|| match lifecycle_duration::parse(&text) {
        Err(why) => node.wrong(why),
        Ok(_) => node.wrong(format!("found {text:?}, a duration such as 1m30s is needed")),
    })?;
    not_zero(node, time)
}

/// Numbers, each with its unit, in any order; `0` needs none.
fn parse(text: &str, units: &[(&str, u128)]) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0_u128;
    while !rest.is_empty() {
        let (whole, after) = digits(rest);
        let (part, after) = after.strip_prefix('.').map_or(("", after), digits);
        let unit = &after[..after
            .find(|char: char| char == '.' || char.is_ascii_digit())
            .unwrap_or(after.len())];
        let nanos = units.iter().find(|(known, _)| *known == unit)?.1;
        if whole.is_empty() && part.is_empty() {
            return None;
        }
        let mut span = if whole.is_empty() { 0 } else { whole.parse::<u128>().ok()? };
        span = span.checked_mul(nanos)?;
        let mut worth = nanos;
        for digit in part.bytes() {
            worth /= 10;
            span = span.checked_add(u128::from(digit - b'0') * worth)?;
        }
        total = total.checked_add(span)?;
        rest = &after[unit.len()..];
    }
    // Go's own are at most 292 years.
    let nanos = u64::try_from(total).ok().filter(|nanos| i64::try_from(*nanos).is_ok())?;
    Some(Duration::from_nanos(nanos))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len()))
}
