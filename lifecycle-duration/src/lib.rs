//! Durations as people write and read them: `5s`, `250ms`, `1m30s`, `1.5s`, `2h`.

mod parse;

pub use self::parse::{ParseError, parse};
use std::{
    fmt::{self, Display},
    time::Duration,
};

/// Shows `duration` as [`parse`] reads it: `5s`, `1m30s`, `250ms`, `1.25s`. Below a second the
/// largest unit that leaves a whole part is chosen, with at most three digits of fraction.
#[must_use]
pub fn display(duration: Duration) -> impl Display {
    fmt::from_fn(move |f| {
        let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let mut text = String::new();
        for (count, unit) in [(hours, "h"), (minutes, "m")] {
            if count > 0 {
                text += &format!("{count}{unit}");
            }
        }
        if seconds > 0 || (text.is_empty() && nanos == 0) {
            text += &fraction(seconds * 1_000 + u64::from(nanos / 1_000_000), "s");
        } else if nanos >= 1_000_000 {
            text += &fraction(u64::from(nanos / 1_000), "ms");
        } else if nanos >= 1_000 {
            text += &fraction(u64::from(nanos), "us");
        } else if nanos > 0 {
            text += &format!("{nanos}ns");
        }
        f.pad(&text)
    })
}

fn fraction(thousandths: u64, unit: &str) -> String {
    let (whole, part) = (thousandths / 1_000, thousandths % 1_000);
    if part == 0 {
        return format!("{whole}{unit}");
    }
    let digits = format!("{part:03}");
    format!("{whole}.{}{unit}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for (text, nanos) in [
            ("5s", 5_000_000_000),
            ("250ms", 250_000_000),
            ("1m30s", 90_000_000_000),
            (" 1m 30s ", 90_000_000_000),
            ("2h", 7_200_000_000_000),
            ("3us", 3_000),
            ("7ns", 7),
            ("1.25s", 1_250_000_000),
            ("0.5m", 30_000_000_000),
            ("1h0.5m", 3_630_000_000_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_says_what_to_write() {
        for (text, hint) in [
            ("", "write for instance `5s`"),
            ("10", "did you mean `10s`?"),
            ("soon", "write for instance"),
            ("-5s", "write for instance"),
            ("5 sec", "`sec` is no unit of time"),
            ("5S", "`S` is no unit of time"),
            ("3d", "the units are `h`"),
            ("5s1m", "from large to small"),
            ("1s1s", "at most once"),
            ("1.5m3s", "only its last number"),
            ("1..5s", "`1..5` is no number"),
            (".5s", "`.5` is no number"),
            ("5.s", "`5.` is no number"),
            ("9999999h", "longer than"),
            ("99999999999999999999999s", "longer than"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_shown_reads_well_and_reads_back() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_secs(5), "5s"),
            (Duration::from_secs(90), "1m30s"),
            (Duration::from_secs(60), "1m"),
            (Duration::from_secs(7200), "2h"),
            (Duration::from_secs(3_661), "1h1m1s"),
            (Duration::from_millis(250), "250ms"),
            (Duration::from_millis(1250), "1.25s"),
            (Duration::from_millis(90_005), "1m30.005s"),
            (Duration::from_millis(60_250), "1m250ms"),
            (Duration::from_micros(1_500), "1.5ms"),
            (Duration::from_nanos(1_500), "1.5us"),
            (Duration::from_nanos(7), "7ns"),
        ] {
            assert_eq!(display(duration).to_string(), text);
            assert_eq!(parse(text), Ok(duration));
        }
        assert_eq!(format!("[{:>6}]", display(Duration::from_secs(5))), "[    5s]");
    }
}
