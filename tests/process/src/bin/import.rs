//! A batch job that is stopped and goes on: `process-import FOLDER apart | one`.

use std::{
    error::Error,
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    time::Duration,
};

use lifecycle::work::checkpoint;

const ITEMS: u64 = 150;

type BoxError = Box<dyn Error + Send + Sync>;

#[lifecycle::main(job)]
async fn main() -> Result<(), BoxError> {
    let mut args = std::env::args().skip(1);
    let folder = PathBuf::from(args.next().ok_or("say in which folder")?);
    let path = folder.join("import.checkpoint");
    if args.next().as_deref() == Some("one") {
        one(folder, path).await
    } else {
        apart(folder, path).await
    }
}

/// What is done stands in one file, and how far it is in another: the two are not written at once.
async fn apart(folder: PathBuf, path: PathBuf) -> Result<(), BoxError> {
    let done = checkpoint::<u64>(path)?;
    let mut ledger = OpenOptions::new().create(true).append(true).open(folder.join("ledger"))?;
    let first = done.get().map_or(0, |item| item + 1);
    println!("up at {first}");
    done.for_each(first..ITEMS, async |item| {
        tokio::time::sleep(Duration::from_millis(item % 3)).await;
        ledger.write_all(format!("{item}\n").as_bytes())?;
        Ok(item)
    })
    .await
}

/// What is done is the checkpoint, and is handed out as a whole at the end.
async fn one(folder: PathBuf, path: PathBuf) -> Result<(), BoxError> {
    let mut done = checkpoint::<Vec<u64>>(path)?;
    let mut items = done.get().cloned().unwrap_or_default();
    println!("up at {}", items.len());
    while items.len() < usize::try_from(ITEMS)? {
        let work = tokio::time::sleep(Duration::from_millis(1));
        if lifecycle::until_requested(work).await.is_none() {
            return Ok(());
        }
        items.push(items.last().map_or(0, |item| item + 1));
        done.save(items.clone())?;
    }
    let ledger: String = items.iter().map(|item| format!("{item}\n")).collect();
    fs::write(folder.join("ledger"), ledger)?;
    Ok(done.complete()?)
}
