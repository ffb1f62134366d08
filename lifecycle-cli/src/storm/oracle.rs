//! What is a fault, of how a service ended.

use std::{fmt, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use lifecycle_core::{Report, ext::text::plain};

use super::round::number;
use crate::args::StormSignal;

/// As docs/configuration.md has them; 128 + n beside.
const CODES: [i32; 6] = [0, 1, 70, 75, 78, 124];
/// Those after which there may be no report: somebody ended the process.
const FORCED: i32 = 124;

/// How the process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Code(i32),
    Signal(i32),
    /// It had to be killed.
    Killed,
}

pub(super) fn ending(status: Option<ExitStatus>) -> Ending {
    let Some(status) = status else { return Ending::Killed };
    let signal = || Ending::Signal(status.signal().unwrap_or_default());
    status.code().map_or_else(signal, Ending::Code)
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Killed => f.write_str("killed"),
        }
    }
}

/// `report`: what it left; `sent`: the signal, where it came to that.
pub(super) fn faults(
    ending: &Ending,
    report: Option<&str>,
    sent: Option<StormSignal>,
    grace: Duration,
) -> Vec<String> {
    let mut faults = Vec::new();
    let report = match report.map(Report::from_json).transpose() {
        Ok(report) => report,
        Err(error) => {
            faults.push(format!("its report cannot be read: {}", plain(&error.to_string())));
            None
        }
    };
    let reported = report.as_ref().map(|report| i32::from(report.exit_code()));
    match *ending {
        Ending::Killed => faults.push(format!("it was not gone {grace:?} after the signal")),
        // An interrupted job ends by the signal itself, once it has stopped.
        Ending::Signal(signal) if reported == Some(128 + signal) => {}
        Ending::Signal(signal) => faults.push(match sent {
            Some(sent) if number(sent) == signal => {
                format!("signal {signal} ended it: it has no handler for that")
            }
            _ => format!("signal {signal} ended it"),
        }),
        Ending::Code(code) => {
            if !CODES.contains(&code) && !(129..=192).contains(&code) {
                faults.push(format!("the library documents no exit code {code}"));
            }
            match &report {
                None if faults.is_empty() && code != FORCED && code < 128 => {
                    faults.push(format!("it ended with {code} and left no report: half-way"));
                }
                Some(report) if reported != Some(code) => {
                    let said = report.exit_code();
                    faults.push(format!("it ended with {code}, and its report says {said}"));
                }
                Some(report) if code == 0 && !report.is_clean() => {
                    faults.push("it ended with 0, and its report is not clean".to_owned());
                }
                _ => {}
            }
            if sent.is_none() {
                faults.push("it ended before the signal came".to_owned());
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(10);
    const TERM: Option<StormSignal> = Some(StormSignal::Term);

    fn report(code: u8) -> String {
        format!(
            r#"{{"format":"lifecycle.report","version":1,"shutdown_id":"","clean":{},
            "reason":{{"kind":"requested","text":""}},"exit_code":{code},"total_seconds":1,
            "deadline_seconds":null,"signals":[],"drain":{{"delay_seconds":0,"took_seconds":0,
            "timed_out":false,"hurried":false,"main_did_not_return":false,"sites":[],
            "in_flight":[]}},"hooks":[],"critical_chain":[],"problems":[]}}"#,
            code == 0
        )
    }

    #[test]
    fn what_the_library_documents_is_no_fault() {
        for code in [0, 1, 70, 75, 124, 143] {
            let report = report(code);
            let ending = Ending::Code(i32::from(code));
            assert_eq!(faults(&ending, Some(&report), TERM, GRACE), [""; 0], "{code}");
        }
        assert_eq!(faults(&Ending::Code(124), None, TERM, GRACE), [""; 0]);
        assert_eq!(faults(&Ending::Signal(15), Some(&report(143)), TERM, GRACE), [""; 0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let clean = report(0);
        let unclean = report(0).replace(r#""problems":[]"#, r#""problems":["late"]"#);
        for (ending, report, fault) in [
            (Ending::Killed, None, "not gone 10s after"),
            (Ending::Signal(15), None, "no handler"),
            (Ending::Signal(11), None, "signal 11 ended it"),
            (Ending::Code(3), None, "no exit code 3"),
            (Ending::Code(0), None, "half-way"),
            (Ending::Code(70), None, "half-way"),
            (Ending::Code(70), Some(&clean), "its report says 0"),
            (Ending::Code(0), Some(&unclean), "not clean"),
        ] {
            let found = faults(&ending, report.map(String::as_str), TERM, GRACE);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(fault), "{found:?}");
        }
        let early = faults(&Ending::Code(1), Some(&report(1)), None, GRACE);
        assert_eq!(early, ["it ended before the signal came"]);
    }
}
