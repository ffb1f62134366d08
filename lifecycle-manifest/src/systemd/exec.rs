//! The commands of a unit: what stops the service beside the signal, and the containers that it runs.

use std::time::Duration;

use super::super::{place::Place, shell};

/// A command of a unit.
pub(super) struct Command {
    pub(super) words: Vec<String>,
    pub(super) place: Place,
}

/// A stop that `ExecStop=` asks a container engine for.
pub(super) struct EngineStop {
    pub(super) engine: &'static str,
    /// What the engine waits before it kills, where the command says so.
    pub(super) time: Option<Duration>,
    pub(super) signal: Option<String>,
    /// It kills at once.
    pub(super) kills: bool,
}

/// A container that is run in the foreground of a unit.
#[derive(Default)]
pub(super) struct EngineRun {
    pub(super) engine: &'static str,
    /// `NAME=value`, or `NAME` for that of the unit.
    pub(super) variables: Vec<String>,
    pub(super) env_files: Vec<String>,
    pub(super) stop_signal: Option<String>,
    pub(super) stop_timeout: Option<Duration>,
    pub(super) entry_point: Option<String>,
    pub(super) arguments: Vec<String>,
    /// It is made elsewhere, and only started here.
    pub(super) is_made_elsewhere: bool,
}

const ENGINES: [&str; 3] = ["docker", "podman", "nerdctl"];

/// Without what stands before the path: `-`, `@`, `!` and their kin.
pub(super) fn without_prefix(mut words: Vec<String>) -> Vec<String> {
    if let Some(first) = words.first_mut() {
        let plain = first.trim_start_matches(['-', '@', ':', '+', '!', '|']);
        let is_named = first[..first.len() - plain.len()].contains('@');
        *first = plain.to_owned();
        if is_named && words.len() > 1 {
            words.remove(1);
        }
    }
    words
}

/// A command, and those of the script where it is a shell that runs one.
pub(super) fn with_inner(words: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![words.to_vec()];
    let is_shell = words.first().is_some_and(|word| ["sh", "bash", "dash"].contains(&base(word)));
    if let Some(script) = words.last().filter(|_| is_shell && words.len() > 2) {
        let without_exec = |mut words: Vec<String>| {
            words.drain(..usize::from(words.first().is_some_and(|word| word == "exec")));
            words
        };
        all.extend(shell::simple_commands(script).into_iter().map(without_exec));
    }
    all
}

fn base(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or_default()
}

/// The signal that a command sends to the service, as it is written.
pub(super) fn signals(words: &[String]) -> Vec<String> {
    let Some((program, rest)) = words.split_first() else { return Vec::new() };
    match base(program) {
        "kill" | "pkill" | "killall" | "skill" => signal_of(rest).into_iter().collect(),
        "systemctl" if rest.iter().any(|word| word == "kill") => {
            signal_of(rest).into_iter().collect()
        }
        "fuser" if rest.iter().any(|word| word.starts_with("-k") || word == "--kill") => {
            let named =
                rest.iter().find_map(|word| word.strip_prefix('-').filter(|name| is_signal(name)));
            vec![named.unwrap_or("KILL").to_owned()]
        }
        "start-stop-daemon" if rest.iter().any(|word| word == "--stop" || word == "-K") => {
            vec![
                schedule(rest)
                    .map_or_else(|| signal_of(rest).unwrap_or_default(), |(first, _)| first),
            ]
        }
        "sh" | "bash" | "dash" | "ash" => {
            let script = rest.iter().rfind(|word| !word.starts_with('-'));
            let commands = script.map(|script| shell::simple_commands(script)).unwrap_or_default();
            commands
                .iter()
                .filter(|command| {
                    ["kill", "pkill", "killall"]
                        .contains(&command.first().map_or("", |word| base(word)))
                })
                .flat_map(|command| signals(command))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// What a command gives the service before it kills it.
pub(super) fn kills_after(words: &[String]) -> Option<Duration> {
    let (program, rest) = words.split_first()?;
    if base(program) != "start-stop-daemon" { None } else { schedule(rest)?.1 }
}

/// What `--retry` sends first, and the time until it sends KILL: `5`, `TERM/30/KILL/5`, `QUIT/5`.
fn schedule(rest: &[String]) -> Option<(String, Option<Duration>)> {
    let text = option(rest, &["--retry", "-R"])?;
    if let Ok(seconds) = text.parse() {
        let first = option(rest, &["--signal", "-s"]).unwrap_or_else(|| "TERM".to_owned());
        return Some((first, Some(Duration::from_secs(seconds))));
    }
    let mut parts = text.split('/').map(|part| part.trim_start_matches('-'));
    let first = parts.next()?.to_owned();
    let mut waited = 0_u64;
    for part in parts {
        match part.parse::<u64>() {
            Ok(seconds) => waited = waited.saturating_add(seconds),
            Err(_) if ["KILL", "SIGKILL"].contains(&part) => {
                return Some((first, Some(Duration::from_secs(waited))));
            }
            Err(_) => {}
        }
    }
    Some((first, None))
}

/// TERM where none is named; none at all for `-0`, which only looks.
fn signal_of(rest: &[String]) -> Option<String> {
    let mut words = rest.iter();
    let mut signal = "TERM".to_owned();
    while let Some(word) = words.next() {
        let named = match word.as_str() {
            "-s" | "--signal" | "-n" => words.next().cloned(),
            "-l" | "-L" => return None,
            _ => word
                .strip_prefix("--signal=")
                .or_else(|| word.strip_prefix("-s").filter(|rest| is_signal(rest)))
                .or_else(|| word.strip_prefix('-').filter(|rest| is_signal(rest)))
                .map(str::to_owned),
        };
        if let Some(named) = named {
            signal = named;
            break;
        }
    }
    (signal != "0").then_some(signal)
}

pub(in super::super) fn is_signal(text: &str) -> bool {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    let short = text.strip_prefix("SIG").unwrap_or(text);
    text.parse::<u8>().is_ok_and(|number| number <= 64)
        || NAMES.contains(&short)
        || ["IOT", "POLL", "CLD"].contains(&short)
        || short.starts_with("RTMIN")
        || short.starts_with("RTMAX")
}

/// The container engine that `words` call, and what they ask of it.
fn of_engine(words: &[String]) -> Option<(&'static str, &[String])> {
    let (program, rest) = words.split_first()?;
    let engine = ENGINES.into_iter().find(|engine| *engine == base(program))?;
    // Options of the engine itself stand before its command.
    let mut at = 0;
    while rest.get(at).is_some_and(|word| word.starts_with('-')) {
        let has_value = !rest[at].contains('=')
            && [
                "-H",
                "--host",
                "-c",
                "--context",
                "--config",
                "--log-level",
                "-l",
                "--url",
                "--root",
            ]
            .contains(&rest[at].as_str());
        at += 1 + usize::from(has_value);
    }
    let rest = &rest[at.min(rest.len())..];
    Some((
        engine,
        if rest.first().is_some_and(|word| word == "container") { &rest[1..] } else { rest },
    ))
}

/// Whether `words` have a compose file deployed.
pub(super) fn is_compose(words: &[String]) -> bool {
    words.first().is_some_and(|word| ["docker-compose", "podman-compose"].contains(&base(word)))
        || of_engine(words)
            .is_some_and(|(_, rest)| rest.first().is_some_and(|word| word == "compose"))
}

pub(super) fn engine_stop(words: &[String]) -> Option<EngineStop> {
    let (engine, rest) = of_engine(words)?;
    let (command, rest) = rest.split_first()?;
    let (flags, seconds) = match command.as_str() {
        "stop" => (["-t", "--time", "--timeout"], true),
        "rm" if rest.iter().any(|word| word == "-f" || word == "--force" || word == "-vf") => {
            (["-t", "--time", "--timeout"], engine == "podman")
        }
        "kill" => (["", "", ""], false),
        _ => return None,
    };
    let signal = option(rest, &["-s", "--signal"]);
    let time = if seconds { option(rest, &flags) } else { None };
    Some(EngineStop {
        engine,
        time: time.and_then(|time| time.parse().ok()).map(Duration::from_secs),
        kills: !seconds && signal.is_none(),
        signal,
    })
}

/// What an option has: `-t 2`, `-t2`, `--time=2`.
fn option(words: &[String], names: &[&str]) -> Option<String> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        for name in names.iter().filter(|name| !name.is_empty()) {
            if word == name {
                return words.next().cloned();
            }
            let value = word.strip_prefix(name).map(|value| match name.starts_with("--") {
                true => value.strip_prefix('='),
                false => Some(value.strip_prefix('=').unwrap_or(value)),
            });
            if let Some(Some(value)) = value {
                return Some(value.to_owned());
            }
        }
    }
    None
}

/// Options of `run` that have no value.
const FLAGS: [&str; 19] = [
    "--detach",
    "--rm",
    "--interactive",
    "--tty",
    "--init",
    "--privileged",
    "--read-only",
    "--no-healthcheck",
    "--oom-kill-disable",
    "--publish-all",
    "--sig-proxy",
    "--disable-content-trust",
    "--quiet",
    "--replace",
    "--tls-verify",
    "--rootfs",
    "--no-hosts",
    "--no-hostname",
    "--rmi",
];

pub(super) fn engine_run(words: &[String]) -> Option<EngineRun> {
    let (engine, rest) = of_engine(words)?;
    let (command, rest) = rest.split_first()?;
    let mut run = EngineRun { engine, ..EngineRun::default() };
    if command == "start" {
        run.is_made_elsewhere = true;
        return Some(run);
    }
    if command != "run" {
        return None;
    }
    let mut words = rest.iter();
    while let Some(word) = words.next() {
        if !word.starts_with('-') {
            run.arguments = words.cloned().collect();
            return Some(run);
        }
        let (name, value) = match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => (name, Some(value.to_owned())),
            _ if FLAGS.contains(&word.as_str()) => continue,
            _ if word.starts_with("--") => (word.as_str(), words.next().cloned()),
            // Short ones stand together, and the last may have a value.
            _ if word[1..].chars().all(|char| "ditPq".contains(char)) => continue,
            _ if word.len() > 2 && word.is_char_boundary(2) => {
                (&word[..2], Some(word[2..].to_owned()))
            }
            _ => (word.as_str(), words.next().cloned()),
        };
        let Some(value) = value else { continue };
        match name {
            "-e" | "--env" => run.variables.push(value),
            "--env-file" => run.env_files.push(value),
            "--stop-signal" => run.stop_signal = Some(value),
            "--stop-timeout" => run.stop_timeout = value.parse().ok().map(Duration::from_secs),
            "--entrypoint" => run.entry_point = Some(value),
            _ => {}
        }
    }
    Some(run)
}
