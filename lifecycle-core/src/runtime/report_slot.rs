//! The report, for whoever waits for it.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{Report, foreign::Shielded};

#[derive(Default)]
pub(crate) struct ReportSlot {
    report: watch::Sender<Option<Report>>,
    /// For threads that wait.
    waiting: Mutex<()>,
    changed: Condvar,
}

impl ReportSlot {
    /// Waits for the report.
    pub(crate) fn published(&self) -> impl Future<Output = Report> + Send + Sync + use<> {
        let mut reports = self.report.subscribe();
        Shielded::new(async move {
            if let Ok(report) = reports.wait_for(Option::is_some).await
                && let Some(report) = report.clone()
            {
                return report;
            }
            // The lifecycle is gone without a report, so there will be none.
            std::future::pending().await
        })
    }

    /// Blocks until the report is published, for so long at most.
    pub(super) fn wait(&self, timeout: Duration) {
        let open = |(): &mut ()| self.get().is_none();
        let waited = self.changed.wait_timeout_while(self.lock(), timeout, open);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// The report, once it is published.
    pub(crate) fn get(&self) -> Option<Report> {
        self.report.borrow().clone()
    }

    /// The first report stands.
    pub(crate) fn publish(&self, report: Report) {
        self.report.send_if_modified(|published| {
            let first = published.is_none();
            published.get_or_insert(report);
            first
        });
        // Under the lock, so that who has just looked is not missed.
        let _waiting = self.lock();
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
