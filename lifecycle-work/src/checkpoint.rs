//! Where a batch job was when it was stopped: one value in one file.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// What a file begins with that is one of ours, with the version of its form.
const FORMAT: &str = "lifecycle-checkpoint-1";

/// Opens the checkpoint at `path`: what the last run [saved](Checkpoint::save), or nothing yet
/// where there is no file. It is this process's alone until it is dropped, by a lock on a file
/// beside it (`….lock`), which stays.
///
/// ```no_run
/// # use lifecycle_work as work;
/// # async fn import(row: u64) -> Result<(), Box<dyn std::error::Error>> { Ok(()) }
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let done = work::checkpoint::<u64>("/data/import.checkpoint")?;
/// let first = done.get().map_or(0, |row| row + 1);
/// done.for_each(first..1_000_000, async |row| {
///     import(row).await?;
///     Ok(row)
/// })
/// .await
/// # }
/// ```
///
/// # Errors
/// When another process has it; when what is there is no whole checkpoint, or of another type,
/// which is never taken for none; when the folder is missing or cannot be written to.
pub fn checkpoint<T>(path: impl Into<PathBuf>) -> Result<Checkpoint<T>, CheckpointError>
where
    T: Serialize + DeserializeOwned,
{
    let path = path.into();
    let lock = lock(&path)?;
    let value = read(&path)?;
    Ok(Checkpoint { path, value, _lock: lock })
}

/// Made by [`checkpoint()`].
#[derive(Debug)]
#[must_use = "a checkpoint that is dropped lets another process have it"]
pub struct Checkpoint<T> {
    path: PathBuf,
    value: Option<T>,
    _lock: File,
}

impl<T: Serialize + DeserializeOwned> Checkpoint<T> {
    /// What was saved last, by this run or by one before it; `None` where the job begins.
    #[must_use]
    pub const fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Where its file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Saves how far the job has come. When it returns, a process that is killed and a machine that
    /// loses power leave this value; until then, they leave it or the one before, whole.
    ///
    /// It is written aside, synced and renamed, which blocks the thread for as long as the disk
    /// takes: mostly a few milliseconds. Where an item takes less, save every hundredth.
    ///
    /// # Errors
    /// When the file cannot be written. What was saved before is still there.
    pub fn save(&mut self, value: T) -> Result<(), CheckpointError> {
        let aside = beside(&self.path, ".saving");
        let text = serde_json::to_string(&Written { format: FORMAT.to_owned(), value: &value });
        let saved = text.map_err(io::Error::from).and_then(|text| {
            let mut file = File::create(&aside)?;
            writeln!(file, "{text}")?;
            file.sync_all()?;
            fs::rename(&aside, &self.path)?;
            sync_folder(&self.path)
        });
        saved.map_err(|error| self.error(Problem::Save(error)))?;
        self.value = Some(value);
        Ok(())
    }

    /// The job is done: removes the file, so that the next run begins from the start, and says
    /// [`completed`](lifecycle_core::completed()), so that a stop that was asked for meanwhile does
    /// not make it an interrupted one. Nothing that must not be done twice may come after it.
    ///
    /// # Errors
    /// When the file cannot be removed: the next run goes on behind what was saved last.
    pub fn complete(self) -> Result<(), CheckpointError> {
        let removed = match fs::remove_file(&self.path) {
            // Nothing was to be done.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.and_then(|()| sync_folder(&self.path)),
        };
        removed.map_err(|error| self.error(Problem::Remove(error)))?;
        lifecycle_core::completed();
        Ok(())
    }

    /// Works on one item after the other: `work` does it and returns what is to be saved then.
    /// After the last the job is [complete](Self::complete). Once a stop was asked for, no item
    /// begins; the one under way has the drain's time, and main returns behind it, interrupted.
    ///
    /// # Errors
    /// The first of `work`, and of saving. The next run begins with the item that failed, or whose
    /// end was not saved.
    ///
    /// # Cancel safety
    /// Dropped, the item under way is not saved, and begins anew in the next run.
    pub async fn for_each<I, E>(
        mut self,
        items: impl IntoIterator<Item = I>,
        mut work: impl AsyncFnMut(I) -> Result<T, E>,
    ) -> Result<(), E>
    where
        E: From<CheckpointError>,
    {
        for item in items {
            if lifecycle_core::until_requested(std::future::ready(())).await.is_none() {
                return Ok(());
            }
            let value = work(item).await?;
            self.save(value)?;
        }
        Ok(self.complete()?)
    }

    fn error(&self, problem: Problem) -> CheckpointError {
        CheckpointError { path: self.path.clone(), problem }
    }
}

/// Why a checkpoint cannot be had, or not be saved. Its text has the path and what to do.
#[derive(Debug, thiserror::Error)]
#[error("the checkpoint {}: {problem}", path.display())]
pub struct CheckpointError {
    path: PathBuf,
    #[source]
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("another process works behind it: wait for its end, or give each a path of its own")]
    InUse,
    #[error("it cannot be locked ({0}): its folder has to exist, on a disk, and be writable")]
    Lock(io::Error),
    #[error("it cannot be read ({0}): see that this process may read it")]
    Read(io::Error),
    #[error(
        "what is there is no whole checkpoint of this job ({0}): put back the right file, or remove \
         it to begin from the start"
    )]
    Foreign(serde_json::Error),
    #[error("it cannot be saved ({0}): see that its folder can be written to and has room")]
    Save(io::Error),
    #[error(
        "the job is done and it cannot be removed ({0}): remove it by hand before the next run"
    )]
    Remove(io::Error),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Written<T> {
    format: String,
    value: T,
}

fn lock(path: &Path) -> Result<File, CheckpointError> {
    let fail = |problem| CheckpointError { path: path.to_owned(), problem };
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).open(beside(path, ".lock"));
    let file = file.map_err(|error| fail(Problem::Lock(error)))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(fail(Problem::InUse)),
        Err(TryLockError::Error(error)) => Err(fail(Problem::Lock(error))),
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, CheckpointError> {
    let fail = |problem| CheckpointError { path: path.to_owned(), problem };
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| fail(Problem::Read(error)))?,
    };
    let foreign = |error| fail(Problem::Foreign(error));
    let written: Written<T> = serde_json::from_slice(&text).map_err(foreign)?;
    if written.format != FORMAT {
        let error = format!("its format is `{}`, not `{FORMAT}`", written.format);
        return Err(foreign(serde::de::Error::custom(error)));
    }
    Ok(Some(written.value))
}

/// The path with something more at its end.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = OsString::from(path);
    beside.push(ending);
    beside.into()
}

/// Makes what its folder says of the file outlive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    // Elsewhere a folder is no file that one can open.
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use std::time::Duration;

    use lifecycle_core::{Config, Reason, Report, Signal, testing::Scenario};

    use super::*;

    type Failed = Box<dyn std::error::Error>;

    #[track_caller]
    fn refused<T: Serialize + DeserializeOwned + std::fmt::Debug>(path: &Path, said: &str) {
        let error = checkpoint::<T>(path).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
        assert!(error.contains(said), "{error}");
    }

    #[test]
    fn what_was_saved_is_where_the_next_run_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("import.checkpoint");
        let mut run = checkpoint::<(u64, String)>(&path).unwrap();
        assert_eq!(run.get(), None);
        run.save((1, "a".to_owned())).unwrap();
        run.save((2, "b".to_owned())).unwrap();
        drop(run);
        let run = checkpoint::<(u64, String)>(&path).unwrap();
        assert_eq!(run.get(), Some(&(2, "b".to_owned())));
        run.complete().unwrap();
        assert!(!path.exists());
        assert_eq!(checkpoint::<(u64, String)>(&path).unwrap().get(), None);
    }

    #[test]
    fn a_value_that_is_none_was_saved_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        checkpoint::<Option<u64>>(&path).unwrap().save(None).unwrap();
        assert_eq!(checkpoint::<Option<u64>>(&path).unwrap().get(), Some(&None));
    }

    #[test]
    fn what_is_no_whole_checkpoint_is_never_taken_for_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        checkpoint(&path).unwrap().save(1_234_567_u64).unwrap();
        let whole = fs::read(&path).unwrap();
        // The newline at its end is no part of it.
        for length in 0..whole.len() - 1 {
            fs::write(&path, &whole[..length]).unwrap();
            refused::<u64>(&path, "no whole checkpoint");
        }
        for foreign in ["{}", "17", "null", r#"{"format":"other","value":1}"#, "\u{0}\u{0}"] {
            fs::write(&path, foreign).unwrap();
            refused::<u64>(&path, "or remove it to begin from the start");
        }
        fs::write(&path, &whole).unwrap();
        refused::<String>(&path, "no whole checkpoint of this job");
        assert_eq!(checkpoint::<u64>(&path).unwrap().get(), Some(&1_234_567));
    }

    #[test]
    fn two_at_once_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let first = checkpoint::<u64>(&path).unwrap();
        refused::<u64>(&path, "another process works behind it");
        drop(first);
        checkpoint::<u64>(&path).unwrap().complete().unwrap();
        let _second = checkpoint::<u64>(&path).unwrap();
        refused::<u64>(&path, "another process works behind it");
    }

    #[test]
    fn a_folder_that_is_missing_is_said() {
        let folder = tempfile::tempdir().unwrap();
        refused::<u64>(&folder.path().join("no/such/folder/c"), "its folder has to exist");
    }

    #[test]
    fn what_cannot_be_saved_leaves_what_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c");
        let mut run = checkpoint::<u64>(&path).unwrap();
        run.save(1).unwrap();
        fs::create_dir(beside(&path, ".saving")).unwrap();
        let error = run.save(2).unwrap_err().to_string();
        assert!(error.contains("it cannot be saved"), "{error}");
        assert_eq!(run.get(), Some(&1));
        drop(run);
        assert_eq!(checkpoint::<u64>(&path).unwrap().get(), Some(&1));
    }

    /// Each item takes a second; how the job ended, and the items that were done.
    async fn stopped_at(at: Duration, path: &Path) -> (Report, Vec<u64>) {
        let (done, items) = std::sync::mpsc::channel();
        let path = path.to_owned();
        let report = Scenario::new()
            .config(Config::new().job(true).grace_period(Duration::from_secs(30)))
            .main(async move {
                let run = checkpoint::<u64>(path)?;
                let first = run.get().map_or(0, |item| item + 1);
                run.for_each(first..10, async |item| {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    done.send(item)?;
                    Ok::<_, Failed>(item)
                })
                .await
            })
            .signal_at(at, Signal::Term)
            .run()
            .await;
        (report, items.try_iter().collect())
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_job_ends_behind_its_item_and_goes_on_with_the_next() {
        for at in (50..9_900).step_by(350) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("c");
            let (report, mut items) = stopped_at(Duration::from_millis(at), &path).await;
            let is_last = items.len() == 10;
            assert_eq!(report.exit_code(), if is_last { 0 } else { 143 }, "{at}: {report}");
            assert_eq!(report.problems().len(), usize::from(!is_last), "{report}");
            let (report, rest) = stopped_at(Duration::from_secs(60), &path).await;
            if !is_last {
                assert_eq!((report.exit_code(), report.reason()), (0, &Reason::MainReturned));
                items.extend(rest);
            }
            assert_eq!(items, (0..10).collect::<Vec<_>>(), "{at}");
            assert!(!path.exists());
        }
    }
}
