//! Time spans as systemd writes them: `90`, `5min 20s`, `infinity`.

use std::time::Duration;

const UNITS: [(&[&str], u64); 9] = [
    (&["us", "usec", "µs", "μs"], 1),
    (&["ms", "msec"], 1_000),
    (&["s", "sec", "second", "seconds", ""], 1_000_000),
    (&["m", "min", "minute", "minutes"], 60_000_000),
    (&["h", "hr", "hour", "hours"], 3_600_000_000),
    (&["d", "day", "days"], 86_400_000_000),
    (&["w", "week", "weeks"], 604_800_000_000),
    (&["M", "month", "months"], 2_629_800_000_000),
    (&["y", "year", "years"], 31_557_600_000_000),
];

/// The sum of the spans in `text`, which are seconds where they have no unit; `None`: without end, which
/// systemd takes 0 for as well.
pub(super) fn parse(text: &str) -> Result<Option<Duration>, String> {
    if text.trim() == "infinity" {
        return Ok(None);
    }
    let unreadable =
        || format!("found {text:?}, a time span is needed, such as 90, 90s, 1min 30s or infinity");
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(unreadable());
    }
    while !rest.is_empty() {
        let number = &rest
            [..rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len())];
        rest = rest[number.len()..].trim_start();
        let unit = &rest[..rest.find(|char: char| !char.is_alphabetic()).unwrap_or(rest.len())];
        rest = rest[unit.len()..].trim_start();
        let micros =
            UNITS.iter().find(|(names, _)| names.contains(&unit)).ok_or_else(unreadable)?.1;
        let number: f64 = number.parse().map_err(|_| unreadable())?;
        let span =
            Duration::try_from_secs_f64(number * micros as f64 / 1e6).map_err(|_| unreadable())?;
        total = total.saturating_add(span);
    }
    Ok((!total.is_zero()).then_some(total))
}
