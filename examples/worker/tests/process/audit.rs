//! What clients were told, what workers say they did, what their reports say was cut, and the
//! database, held against one another.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::Instant,
};

use lifecycle_process_tests::Stream;
use sqlx::SqlitePool;
use worker::{db, jobs::KINDS};

use crate::service::{Ended, PATIENCE};

/// What happened until now.
#[derive(Default)]
pub(crate) struct Audit {
    /// The keys of jobs that a client was told are accepted.
    pub(crate) accepted: HashSet<String>,
    /// How often each job began, by kind and key.
    begun: HashMap<(String, String), u64>,
    /// How many jobs of a kind were cut when they had begun, at most, as the reports say.
    cut: HashMap<String, u64>,
    /// Those that the notes of the reports name.
    named: Vec<String>,
}

impl Audit {
    pub(crate) fn add(&mut self, ended: &Ended) {
        for line in ended.ending.lines(Stream::Stderr) {
            let Some(line) = line.strip_suffix(" begins") else { continue };
            let mut words = line.rsplit(' ');
            let (Some(key), Some(kind)) = (words.next(), words.next()) else { continue };
            *self.begun.entry((kind.to_owned(), key.to_owned())).or_default() += 1;
        }
        let Some(report) = &ended.report else { return };
        for kind in KINDS {
            let site = report.site(&format!("jobs: {kind}"));
            let cut = site.map_or(0, |site| site.cancelled() + site.abandoned());
            *self.cut.entry(kind.to_owned()).or_default() += cut as u64;
        }
        self.named.extend(report.notes().iter().map(ToString::to_string));
    }

    /// How many jobs of a kind began more than once, each time more counted.
    pub(crate) fn repeated(&self, kind: &str) -> u64 {
        let of_kind = self.begun.iter().filter(|((begun, _), _)| begun == kind);
        of_kind.map(|(_, times)| times - 1).sum()
    }

    pub(crate) fn repeated_in_all(&self) -> u64 {
        KINDS.iter().map(|kind| self.repeated(kind)).sum()
    }

    /// What began again was cut before, as a report says.
    pub(crate) fn repeats_are_reported(&self) {
        for kind in KINDS {
            let (repeated, cut) = (self.repeated(kind), self.cut.get(kind).copied().unwrap_or(0));
            assert!(repeated <= cut, "{repeated} of {kind} began again, {cut} were cut");
        }
        for ((kind, key), times) in &self.begun {
            let is_named = || self.named.iter().any(|note| note.contains(key));
            // Those of the others are counted by their class, and not each named.
            if *times > 1 && (kind == "invoice" || kind == "sweep") {
                assert!(is_named(), "{kind} {key} began {times} times, and no report names it");
            }
        }
    }

    /// None is lost, none is acknowledged and was not done, each has its effect once.
    pub(crate) async fn nothing_is_lost(&self, db: &Path) {
        let pool = db::connect(db).await.expect("the database");
        let keys = |query: &'static str| {
            let pool = pool.clone();
            async move {
                let keys: Vec<String> =
                    sqlx::query_scalar(query).fetch_all(&pool).await.expect("keys");
                keys.into_iter().collect::<HashSet<_>>()
            }
        };
        let (stored, acked) = (
            keys("SELECT key FROM jobs").await,
            keys("SELECT key FROM jobs WHERE done_at IS NOT NULL").await,
        );
        let effects = keys("SELECT key FROM effects").await;
        let lost: Vec<_> = self.accepted.difference(&stored).collect();
        assert!(lost.is_empty(), "accepted and not stored: {lost:?}");
        let undone: Vec<_> = stored.difference(&acked).collect();
        assert!(undone.is_empty(), "not done at the end: {undone:?}");
        let unprocessed: Vec<_> = acked.difference(&effects).collect();
        assert!(unprocessed.is_empty(), "acknowledged and not done: {unprocessed:?}");
        let once = i64::try_from(effects.len()).expect("a count");
        let times: i64 = sqlx::query_scalar("SELECT coalesce(sum(count), 0) FROM totals")
            .fetch_one(&pool)
            .await
            .expect("a sum");
        assert_eq!(times, once, "effects beyond the first of a job");
        pool.close().await;
    }
}

/// Waits until every job in the database is acknowledged.
pub(crate) async fn all_done(db: &Path) {
    let pool = db::connect(db).await.expect("the database");
    let since = Instant::now();
    while left(&pool).await > 0 {
        assert!(since.elapsed() < 2 * PATIENCE, "{} are not done", left(&pool).await);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    pool.close().await;
}

async fn left(pool: &SqlitePool) -> i64 {
    let left = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE done_at IS NULL");
    left.fetch_one(pool).await.expect("a count")
}
