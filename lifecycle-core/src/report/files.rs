//! What a stop leaves in files: the report, and on Kubernetes a summary of it.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    Platform, Report,
    config::{ReportFile, ReportFormat, Settings},
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

    /// Writes all of them. A failed write changes no exit code: it says what could not be written.
    pub(crate) fn write(&self, report: &Report) -> Result<(), String> {
        if self.termination_log {
            // A cluster may grant the file to another user: then there is no summary, and no harm.
            let _ = summarize(Path::new(TERMINATION_LOG), report);
        }
        let Some(file) = &self.report else { return Ok(()) };
        let path = expand(&file.path);
        save(&path, &render(file.format, report)).map_err(|error| {
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

/// Written aside and renamed, so that nobody ever reads half a report; readable by the owner alone.
fn save(path: &Path, text: &str) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}.tmp", std::process::id()));
    let aside = PathBuf::from(aside);
    // Left by a process of the same number that was killed; or put there to be written through.
    let _ = std::fs::remove_file(&aside);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(&aside)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| std::fs::rename(&aside, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&aside);
    }
    written
}

/// The file is a mount of its own: written in place, never made.
fn summarize(path: &Path, report: &Report) -> io::Result<()> {
    let mut file: File = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(report.summary().as_bytes())
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn nothing_is_written_through_what_stands_aside() {
        let folder = std::env::temp_dir().join(format!("lifecycle-records-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [path, victim] = ["report.txt", "victim"].map(|name| folder.join(name));
        fs::write(&victim, "untouched").unwrap();
        let aside = folder.join(format!("report.txt.{}.tmp", std::process::id()));
        std::os::unix::fs::symlink(&victim, &aside).unwrap();
        save(&path, "report").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
        assert_eq!(fs::read_to_string(&path).unwrap(), "report");
        assert!(!aside.exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
