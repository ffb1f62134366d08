//! What the manager's watchdog wants of this process.

use std::time::Duration;

/// How many times in its time it is fed, so that it is fed in time when one is late.
const OFTEN: u32 = 4;

/// How often it is to be fed; `None`: there is none, or it is another process's.
pub(crate) fn interval(own_pid: u32, read: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_ours = read("WATCHDOG_PID").is_none_or(|pid| pid == own_pid.to_string());
    let micros = read("WATCHDOG_USEC").filter(|_| is_ours)?.parse().ok()?;
    let interval = Duration::from_micros(micros) / OFTEN;
    (!interval.is_zero()).then_some(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_fed_four_times_in_its_time_by_the_process_it_watches() {
        let of = |variables: &'static [(&str, &str)]| {
            interval(7, |name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let quarter = Some(Duration::from_millis(500));
        assert_eq!(of(&[("WATCHDOG_USEC", "2000000")]), quarter);
        assert_eq!(of(&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "7")]), quarter);
        assert_eq!(of(&[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "8")]), None);
        for none in ["0", "-1", "soon"] {
            let read = |name: &str| (name == "WATCHDOG_USEC").then(|| none.to_owned());
            assert_eq!(interval(7, read), None);
        }
        assert_eq!(of(&[]), None);
    }
}
