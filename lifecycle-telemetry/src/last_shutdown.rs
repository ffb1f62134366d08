//! The stop before this one, as its report tells it: a process that has ended is never scraped.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lifecycle_core::Report;

/// More than any report has: 100,000 hooks are 40 MB.
const LONGEST: u64 = 64 << 20;

/// What the file of `LIFECYCLE_REPORT` said before this run writes it.
pub(crate) struct LastShutdown {
    pub(crate) report: Report,
    /// When it was written, since 1970.
    pub(crate) at: Duration,
}

/// Why there is nothing to export of an earlier stop.
pub(crate) enum Nothing {
    /// As at every first start.
    NotYet(String),
    Unreadable(String),
}

/// The file, opened: the run may replace it from here on.
pub(crate) struct LastReport {
    path: PathBuf,
    file: io::Result<File>,
}

impl LastReport {
    /// `None` where no variable names one file of JSON that every run writes.
    pub(crate) fn open() -> Option<Self> {
        Self::at(env::var("LIFECYCLE_REPORT").ok()?)
    }

    fn at(path: String) -> Option<Self> {
        if path.contains("{pid}") || path.contains("{time}") {
            return None;
        }
        let path = PathBuf::from(path);
        path.extension().filter(|extension| *extension == "json")?;
        Some(Self { file: open(&path), path })
    }

    pub(crate) fn read(self) -> Result<LastShutdown, Nothing> {
        let file = self.file.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Nothing::NotYet(format!(
                "{} has no report of an earlier stop yet: there is no lifecycle_last_shutdown_*",
                self.path.display()
            )),
            _ => unreadable(&self.path, &error.to_string()),
        })?;
        read(file).map_err(|why| unreadable(&self.path, &why))
    }
}

fn unreadable(path: &Path, why: &str) -> Nothing {
    Nothing::Unreadable(format!(
        "{} is no report of a stop, so there is no lifecycle_last_shutdown_* until the end of this \
         run has written it: {why}",
        path.display()
    ))
}

/// What is no regular file may block whoever opens it.
fn open(path: &Path) -> io::Result<File> {
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}

fn read(file: File) -> Result<LastShutdown, String> {
    let written =
        file.metadata().and_then(|of| of.modified()).unwrap_or_else(|_| SystemTime::now());
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    let report = Report::from_json(&text).map_err(|error| error.to_string())?;
    Ok(LastShutdown { report, at: written.duration_since(UNIX_EPOCH).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use std::{fs, future::pending};

    use lifecycle_core::testing::Scenario;

    use super::*;

    fn why_unreadable(path: &Path) -> String {
        match LastReport::at(path.to_str().unwrap().to_owned()).unwrap().read() {
            Err(Nothing::Unreadable(why)) => why,
            Err(Nothing::NotYet(why)) => panic!("{why}"),
            Ok(last) => panic!("{}", last.report),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_report_is_read_as_it_was_before_it_is_replaced() {
        let report = Scenario::new().main(pending::<()>()).shutdown("deploy").await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("report.json");
        fs::write(&path, report.to_json()).unwrap();
        let opened = LastReport::at(path.to_str().unwrap().to_owned()).unwrap();
        fs::write(directory.path().join("new"), "another").unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        let Ok(read) = opened.read() else { panic!("it is not read") };
        assert_eq!(read.report.shutdown_id(), report.shutdown_id());
        assert!(read.at > Duration::from_secs(1_700_000_000));
    }

    #[test]
    fn what_is_no_report_is_a_sentence_that_names_the_file() {
        for (content, why) in [
            (&b""[..], "it is empty"),
            (b" \n", "it is empty"),
            (b"{\"format\": \"lifecycle.report\", \"ver", "EOF"),
            (b"{\"orders\": 3}", "format"),
            (b"\xff\xfe\x00", "UTF-8"),
        ] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("report.json");
            fs::write(&path, content).unwrap();
            let said = why_unreadable(&path);
            assert!(said.contains("report.json is no report") && said.contains(why), "{said}");
        }
    }

    #[test]
    fn a_missing_file_and_a_folder_are_no_failure() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("none.json").to_str().unwrap().to_owned();
        let missing = LastReport::at(missing).unwrap().read();
        assert!(matches!(missing, Err(Nothing::NotYet(_))));
        let folder = directory.path().join("folder.json");
        fs::create_dir(&folder).unwrap();
        let folder = why_unreadable(&folder);
        assert!(folder.contains("not a regular file"), "{folder}");
    }

    #[test]
    fn a_file_for_each_run_and_other_formats_are_left_alone() {
        for path in ["report-{pid}.json", "report-{time}.json", "report.txt", "report"] {
            assert!(LastReport::at(path.to_owned()).is_none(), "{path}");
        }
    }
}
