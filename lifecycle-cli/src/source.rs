//! Where plans and reports come from: a file, or a binary that is asked for its plan.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use lifecycle_core::{Config, Plan, Report};

use crate::Trouble;

/// A binary prints its plan before it does anything. One that does something else instead is no
/// binary of ours, and is ended.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The JSON of the plan: that of the file, or what the binary says.
pub(crate) fn plan_json(path: &Path) -> Result<String, Trouble> {
    let json = text(path)?;
    // What is wrong with it is said by who reads it; the file is named here.
    Plan::from_json(&json).map_err(|error| named(path, &error.to_string()))?;
    Ok(json)
}

pub(crate) fn plan(path: &Path) -> Result<Plan, Trouble> {
    plan_and_config(path).map(|(plan, _)| plan)
}

/// The plan, and what its program sets in code.
pub(crate) fn plan_and_config(path: &Path) -> Result<(Plan, Config), Trouble> {
    let json = text(path)?;
    let read = Plan::from_json(&json).and_then(|plan| Ok((plan, Config::from_json(&json)?)));
    read.map_err(|error| named(path, &error.to_string()))
}

pub(crate) fn report(path: &Path) -> Result<Report, Trouble> {
    Report::from_json(&text(path)?).map_err(|error| named(path, &error.to_string()))
}

/// The file if it is JSON, else what it says as a binary.
pub(crate) fn text(path: &Path) -> Result<String, Trouble> {
    let shown = path.display().to_string();
    let mut file = File::open(path).map_err(Trouble::of(&shown))?;
    let mut begin = [0; 64];
    let count = file.read(&mut begin).map_err(Trouble::of(&shown))?;
    let is_json = begin[..count].trim_ascii_start().starts_with(b"{");
    if is_json || !is_executable(path) {
        return fs::read_to_string(path).map_err(Trouble::of(&shown));
    }
    asked(path)
}

fn named(path: &Path, why: &str) -> Trouble {
    Trouble::said(format!("{}: {why}", path.display()))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

fn asked(path: &Path) -> Result<String, Trouble> {
    let shown = path.display().to_string();
    // Without a slash it would be looked for elsewhere.
    let program = fs::canonicalize(path).map_err(Trouble::of(&shown))?;
    let mut command = Command::new(program);
    command.env("LIFECYCLE_PLAN", "json").env_remove("LIFECYCLE_MANIFEST");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Trouble::of(&shown))?;
    let [said, complaint] = [
        child.stdout.take().map(|pipe| thread::spawn(move || read(pipe))),
        child.stderr.take().map(|pipe| thread::spawn(move || read(pipe))),
    ];
    let until = Instant::now() + TIMEOUT;
    let status = loop {
        match child.try_wait().map_err(Trouble::of(&shown))? {
            Some(status) => break status,
            None if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
            None => {
                let _ = (child.kill(), child.wait());
                return Err(Trouble::said(format!(
                    "{shown}: it did not answer LIFECYCLE_PLAN=json within {TIMEOUT:?}: does its \
                     main run under #[lifecycle::main] or lifecycle::run?"
                )));
            }
        }
    };
    let text = |thread: Option<thread::JoinHandle<String>>| {
        thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    };
    let (said, complaint) = (text(said), text(complaint));
    if !status.success() {
        return Err(Trouble::said(format!(
            "{shown}: asked for its plan, it ended with {status}\n{}",
            complaint.trim_end()
        )));
    }
    // What it prints before its main begins is not the plan's.
    let begin = if said.starts_with('{') { Some(0) } else { said.find("\n{").map(|at| at + 1) };
    let begin = begin.ok_or_else(|| {
        Trouble::said(format!(
            "{shown}: it does not know LIFECYCLE_PLAN=json: does its main run under \
             #[lifecycle::main] or lifecycle::run?"
        ))
    })?;
    Ok(said[begin..].to_owned())
}

fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    let _ = pipe.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}
