//! The page of the documentation that holds the tables.

use std::{fs, path::Path, process::Command};

const BEGIN: &str = "<!-- deadline: begin, written by benches/deadline -->\n";
const END: &str = "<!-- deadline: end -->";

/// Puts `tables` between the two markers, with what they were measured on.
pub(crate) fn write(tables: &str) -> Result<(), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/deadline.md");
    let fail = |what: &str| format!("{}: {what}", path.display());
    let page = fs::read_to_string(&path).map_err(|error| fail(&error.to_string()))?;
    let missing = || fail(&format!("the markers are missing: `{}` and `{END}`", BEGIN.trim_end()));
    let (before, rest) = page.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    let page = format!("{before}{BEGIN}\n{}\n\n{tables}\n{END}{after}", measured_on());
    fs::write(&path, page).map_err(|error| fail(&error.to_string()))
}

fn measured_on() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "Measured on {}, {processors} processors, {}; {}.",
        std::env::consts::OS,
        rustc_version(),
        versions()
    )
}

/// As the lock file has them.
fn versions() -> String {
    const PEERS: [&str; 4] = ["tokio-graceful-shutdown", "tokio-graceful", "tokio", "tokio-util"];
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let entry = format!("name = \"{name}\"\nversion = \"");
        let found = lock.split_once(entry.as_str()).and_then(|(_, rest)| rest.split_once('"'));
        format!("{name} {}", found.map_or("?", |(version, _)| version))
    };
    PEERS.map(version).join(", ")
}

fn rustc_version() -> String {
    let output = Command::new("rustc").arg("--version").output().ok();
    let said = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    said.and_then(|said| Some(said.split(" (").next()?.trim().to_owned()))
        .unwrap_or_else(|| "rustc".to_owned())
}
