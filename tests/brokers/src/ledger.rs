use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process,
    time::{Duration, SystemTime},
};

/// What workers did, as they wrote it down: a file that is only added to, and one more file for each
/// job whose effect was made.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    file: File,
}

/// Something that happened to a job.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What happened: the handler `begin`s and `end`s, or a test's own word.
    pub what: String,
    /// Which job it is.
    pub job: String,
    /// The process.
    pub pid: u32,
    /// Since the epoch.
    pub at: Duration,
}

impl Ledger {
    /// Opens that of this folder, which is made.
    ///
    /// # Panics
    /// When it cannot be opened, as all of these do.
    pub fn open(folder: &Path) -> Self {
        fs::create_dir_all(folder.join("effects")).expect("a folder");
        let path = folder.join("ledger");
        let file = OpenOptions::new().append(true).create(true).open(path).expect("a ledger");
        Self { folder: folder.to_owned(), file }
    }

    /// Writes a line, at once and whole.
    pub fn write(&self, what: &str, job: &str) {
        let at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after the epoch");
        let line = format!("{what} {job} {} {}\n", process::id(), at.as_micros());
        (&self.file).write_all(line.as_bytes()).expect("a line");
    }

    /// Makes the effect of a job, where it has not been made: what a unique key in a database is for.
    /// Returns whether it was this time.
    pub fn effect(&self, job: &str) -> bool {
        File::create_new(self.folder.join("effects").join(job)).is_ok()
    }

    /// How many jobs had their effect.
    pub fn effects(&self) -> usize {
        fs::read_dir(self.folder.join("effects")).expect("a folder").count()
    }

    /// All that was written so far.
    pub fn entries(&self) -> Vec<Entry> {
        let text = fs::read_to_string(self.folder.join("ledger")).expect("a ledger");
        let entry = |line: &str| {
            let mut words = line.split(' ');
            Some(Entry {
                what: words.next()?.to_owned(),
                job: words.next()?.to_owned(),
                pid: words.next()?.parse().ok()?,
                at: Duration::from_micros(words.next()?.parse().ok()?),
            })
        };
        text.lines().map(|line| entry(line).expect("an entry")).collect()
    }

    /// How often this happened to each job.
    pub fn count(&self, what: &str) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for entry in self.entries().into_iter().filter(|entry| entry.what == what) {
            *counts.entry(entry.job).or_default() += 1;
        }
        counts
    }
}
