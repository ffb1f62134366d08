use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::DEADLINE;

/// What was measured, a row each.
#[derive(Debug, Default)]
pub struct Figures(Mutex<Vec<Row>>);

#[derive(Clone, Debug)]
struct Row {
    case: String,
    code: i32,
    gone: Duration,
}

impl Figures {
    /// One process, gone that long after the first signal.
    pub fn note(&self, case: impl Into<String>, code: i32, gone: Duration) {
        self.lock().push(Row { case: case.into(), code, gone });
    }

    /// The longest that any process overran the deadline.
    #[must_use]
    pub fn worst(&self) -> Duration {
        self.lock().iter().map(|row| row.gone.saturating_sub(DEADLINE)).max().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rows = self.lock().clone();
        rows.sort_by(|a, b| a.case.cmp(&b.case));
        writeln!(f, "{:<44} {:>4} {:>9} {:>10}", "case", "code", "gone", "overshoot")?;
        for Row { case, code, gone } in &rows {
            let overshoot = match gone.checked_sub(DEADLINE) {
                Some(over) => format!("{} ms", over.as_millis()),
                None => "-".to_owned(),
            };
            writeln!(f, "{case:<44} {code:>4} {:>6} ms {overshoot:>10}", gone.as_millis())?;
        }
        let mut overran: Vec<_> =
            rows.iter().filter_map(|row| row.gone.checked_sub(DEADLINE)).collect();
        overran.sort();
        let median = overran.get(overran.len() / 2).copied().unwrap_or_default();
        write!(
            f,
            "{} rows, {} ended by the deadline: overshoot {} ms at the median, {} ms at worst",
            rows.len(),
            overran.len(),
            median.as_millis(),
            self.worst().as_millis(),
        )
    }
}
