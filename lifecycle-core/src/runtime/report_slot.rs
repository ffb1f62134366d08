//! The report, for whoever waits for it.

use tokio::sync::watch;

use crate::Report;

#[derive(Default)]
pub(crate) struct ReportSlot {
    report: watch::Sender<Option<Report>>,
}

impl ReportSlot {
    /// Waits for the report.
    pub(crate) fn published(&self) -> impl Future<Output = Report> + Send + Sync + use<> {
        let mut reports = self.report.subscribe();
        async move {
            if let Ok(report) = reports.wait_for(Option::is_some).await
                && let Some(report) = report.clone()
            {
                return report;
            }
            // The lifecycle is gone without a report, so there will be none.
            std::future::pending().await
        }
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
    }
}
