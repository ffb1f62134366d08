use std::time::Duration;

use crate::ExitStatus;

/// The first pause before a restart; it doubles with each that follows soon.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A child that ran for so long begins anew with [`FIRST_PAUSE`].
const RAN_WELL: Duration = Duration::from_secs(10);

/// When a child that has ended by itself is started again. Never once a stop was requested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Not at all.
    #[default]
    Never,
    /// When it ended otherwise than with 0.
    OnFailure,
    /// Whenever it ended.
    Always,
}

impl Restart {
    pub(crate) const fn wants(self, status: ExitStatus) -> bool {
        match self {
            Self::Never => false,
            Self::OnFailure => !matches!(status, ExitStatus::Code(0)),
            Self::Always => true,
        }
    }
}

/// How long to wait before the next start.
#[derive(Default)]
pub(crate) struct Pauses {
    last: Option<Duration>,
}

impl Pauses {
    pub(crate) fn next(&mut self, ran: Duration) -> Duration {
        let pause = match self.last {
            Some(last) if ran < RAN_WELL => LONGEST_PAUSE.min(last * 2),
            _ => FIRST_PAUSE,
        };
        self.last = Some(pause);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_a_good_run() {
        let mut pauses = Pauses::default();
        let soon = Duration::from_millis(1);
        let all: Vec<_> = (0..12).map(|_| pauses.next(soon).as_millis()).collect();
        assert_eq!(all[..4], [100, 200, 400, 800]);
        assert_eq!(all[10..], [30_000, 30_000]);
        assert_eq!(pauses.next(RAN_WELL), FIRST_PAUSE);
    }

    #[test]
    fn who_ended_well_is_started_again_only_when_always() {
        let (well, badly) = (ExitStatus::Code(0), ExitStatus::Signal(11));
        assert!(!Restart::Never.wants(badly));
        assert!(Restart::OnFailure.wants(badly) && !Restart::OnFailure.wants(well));
        assert!(Restart::Always.wants(well));
    }
}
