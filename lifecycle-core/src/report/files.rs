//! What a stop leaves in files: the report, and on Kubernetes a summary of it.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    Platform, Report,
    config::{ReportFile, ReportFormat, Settings},
    os,
};

/// The kubelet makes it, reads it when the container has ended, and shows it in `kubectl describe pod`.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// Where to write.
pub(crate) struct ReportFiles {
    report: Option<ReportFile>,
    termination_log: bool,
}

impl ReportFiles {
    /// `None` where there is nothing to write.
    pub(crate) fn wanted_by(settings: &Settings) -> Option<Self> {
        let report = settings.report.clone();
        let on_kubernetes = settings.platform.value == Platform::Kubernetes;
        let termination_log = on_kubernetes && Path::new(TERMINATION_LOG).exists();
        (report.is_some() || termination_log).then_some(Self { report, termination_log })
    }

    /// Writes all of them, each in `timeout`: a file may be on a filesystem that is frozen. A failed
    /// write changes no exit code: it says what could not be written.
    pub(crate) fn write(&self, report: &Report, timeout: Duration) -> Result<(), String> {
        if self.termination_log {
            let summary = report.summary().into_bytes();
            // A cluster may grant the file to another user: then there is no summary, and no harm.
            let _ = os::overwrite_file(Path::new(TERMINATION_LOG), summary, timeout);
        }
        let Some(file) = &self.report else { return Ok(()) };
        let path = file.directory.join(expand(&file.path));
        let text = render(file.format, report).into_bytes();
        os::replace_file(&path, text, timeout).map_err(|error| {
            format!("the report could not be written to {}: {error}", path.display())
        })
    }
}

fn render(format: ReportFormat, report: &Report) -> String {
    match format {
        ReportFormat::Text => report.to_string(),
        ReportFormat::Json => report.to_json() + "\n",
        // The settings know only formats that are linked.
        ReportFormat::Linked(extension) => report.written_as(extension).unwrap_or_default(),
    }
}

/// `{pid}` and `{time}` (seconds since 1970) in the path.
fn expand(path: &str) -> PathBuf {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    PathBuf::from(
        path.replace("{pid}", &std::process::id().to_string()).replace("{time}", &time.to_string()),
    )
}
