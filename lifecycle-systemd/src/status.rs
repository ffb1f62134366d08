//! The service in one line, for `systemctl status`.

use lifecycle_core::{State, Status};

/// How many sites are named.
const SITES: usize = 3;
/// How long the line may be.
const LENGTH: usize = 400;

/// Where it stands, what is in flight, which hook runs, and how long there is.
pub(crate) fn line(status: &Status) -> String {
    let mut line = match status.state() {
        State::Starting => "starting".to_owned(),
        State::Running if status.is_ready() => "running".to_owned(),
        State::Running => "running, not ready".to_owned(),
        State::Delaying => "stopping, still open".to_owned(),
        State::Draining => "draining".to_owned(),
        State::Stopping => "stopping".to_owned(),
        _ => "stopped".to_owned(),
    };
    if status.state() <= State::Running && !status.holds().is_empty() {
        line += &format!(": held by {}", status.holds().join(", "));
    }
    if status.state() == State::Stopping {
        let hooks = status.hooks();
        line += &format!(": {} of {} hooks have ended", hooks.ended(), hooks.planned());
        if !hooks.running().is_empty() {
            line += &format!(", {} runs", hooks.running().join(", "));
        }
    }
    if status.state() < State::Stopped {
        line += &in_flight(status);
    }
    if let (Some(left), true) = (status.time_left(), status.state() < State::Stopped) {
        line += &format!("; {:.1} s left", left.as_secs_f64());
    }
    plain(&line)
}

fn in_flight(status: &Status) -> String {
    if status.in_flight() == 0 && status.state() != State::Running {
        return String::new();
    }
    let mut sites: Vec<_> = status.sites().iter().collect();
    sites.sort_by_key(|site| (std::cmp::Reverse(site.in_flight()), site.name()));
    let named = sites.iter().filter(|site| site.in_flight() > 0).take(SITES);
    let named: Vec<_> = named.map(|site| format!("{} {}", site.name(), site.in_flight())).collect();
    let named = if named.is_empty() { String::new() } else { format!(" ({})", named.join(", ")) };
    format!("; {} in flight{named}", status.in_flight())
}

/// One line, whatever names have in them.
fn plain(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LENGTH).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_end_the_line() {
        assert_eq!(plain("held by a\nREADY=1"), "held by a READY=1");
        assert_eq!(plain(&"x".repeat(1_000)).len(), LENGTH);
    }
}
