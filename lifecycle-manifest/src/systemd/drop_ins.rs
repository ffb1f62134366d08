//! Which drop-ins count for a unit, and in which order.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Where systemd looks for units of the system and of users, the first over the later ones.
const SEARCHED: [&[&str]; 2] = [
    &[
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/local/lib/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ],
    &[
        "/etc/systemd/user",
        "/run/systemd/user",
        "/usr/local/lib/systemd/user",
        "/usr/lib/systemd/user",
    ],
];

/// The drop-ins of the unit at `path`: those beside it, and where it is one of systemd's own, those of its
/// whole search path.
pub(super) fn of(path: &Path) -> Vec<PathBuf> {
    of_searched(path, &SEARCHED)
}

/// With these search paths.
pub(in super::super) fn of_searched(path: &Path, searched: &[&[&str]]) -> Vec<PathBuf> {
    let beside = path.parent().unwrap_or_else(|| Path::new(""));
    let own =
        searched.iter().find(|folders| folders.iter().any(|folder| Path::new(folder) == beside));
    let folders: Vec<PathBuf> = match own {
        Some(folders) => folders.iter().map(PathBuf::from).collect(),
        None => vec![beside.to_owned()],
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // By their names alone, whatever folder they are in; of two with one name the one that is more special,
    // then the one whose folder is searched first.
    let mut by_name: BTreeMap<String, PathBuf> = BTreeMap::new();
    for level in levels(&name) {
        for folder in &folders {
            let Ok(entries) = fs::read_dir(folder.join(format!("{level}.d"))) else { continue };
            for path in entries.flatten().map(|entry| entry.path()) {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if path.extension().is_some_and(|extension| extension == "conf") {
                    by_name.entry(name).or_insert(path);
                }
            }
        }
    }
    // An empty one, or a link to /dev/null, hides others of its name.
    let says =
        |path: &PathBuf| fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() > 0);
    by_name.into_values().filter(says).collect()
}

/// From the most special on: `a-b@c.service`, `a-b@.service`, `a-.service`, `service`.
fn levels(name: &str) -> Vec<String> {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, "service"));
    let mut levels = vec![name.to_owned()];
    let prefix = match stem.split_once('@') {
        Some((prefix, instance)) => {
            if !instance.is_empty() {
                levels.push(format!("{prefix}@.{kind}"));
            }
            prefix
        }
        None => stem,
    };
    let mut at = prefix.trim_end_matches('-').len();
    while let Some(dash) = prefix[..at].rfind('-') {
        levels.push(format!("{}-.{kind}", &prefix[..dash]));
        at = dash;
    }
    levels.push(kind.to_owned());
    levels
}
