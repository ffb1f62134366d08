//! The file that says which services there are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use lifecycle::{
    Signal,
    process::{Command, Filter, Restart},
};
use serde::{Deserialize, Deserializer, de::Error};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// How long the stop of everything may take.
    #[serde(default, deserialize_with = "duration")]
    pub(crate) grace: Option<Duration>,
    /// Where an operator may ask: the path of a socket.
    pub(crate) admin: Option<PathBuf>,
    #[serde(default, rename = "service")]
    pub(crate) services: BTreeMap<String, Service>,
}

/// One service.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// The program and its arguments.
    command: Vec<String>,
    /// It is started after these, and stopped before them.
    #[serde(default)]
    pub(crate) after: BTreeSet<String>,
    #[serde(default, deserialize_with = "signal")]
    stop_signal: Option<Signal>,
    #[serde(default, deserialize_with = "duration")]
    stop_timeout: Option<Duration>,
    #[serde(default)]
    restart: RestartPolicy,
    port: Option<u16>,
    #[serde(default)]
    kill_others: Vec<Others>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    current_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum RestartPolicy {
    Never,
    #[default]
    OnFailure,
    Always,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Others {
    name: Option<String>,
    command_line: Option<String>,
    current_dir: Option<PathBuf>,
}

impl File {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// When it cannot be read or is no such file, when a service comes after one that is not there,
    /// and when services come after one another in a circle: with the place, in words.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let file: Self = toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
        for (name, service) in &file.services {
            if service.command.is_empty() {
                return Err(format!("{shown}: service `{name}` has no command"));
            }
            if let Some(other) =
                service.after.iter().find(|other| !file.services.contains_key(*other))
            {
                return Err(format!(
                    "{shown}: service `{name}` comes after `{other}`, which is not there"
                ));
            }
        }
        file.in_order().map_err(|circle| format!("{shown}: {circle}"))?;
        Ok(file)
    }

    /// The names, each after those that it comes after.
    pub(crate) fn in_order(&self) -> Result<Vec<&str>, String> {
        let mut order: Vec<&str> = Vec::new();
        while order.len() < self.services.len() {
            let next = self.services.iter().find(|(name, service)| {
                !order.contains(&name.as_str())
                    && service.after.iter().all(|other| order.contains(&other.as_str()))
            });
            let Some((name, _)) = next else {
                let left = self.services.keys().filter(|name| !order.contains(&name.as_str()));
                let left: Vec<_> = left.map(String::as_str).collect();
                return Err(format!("these come after one another: {}", left.join(", ")));
            };
            order.push(name);
        }
        Ok(order)
    }
}

impl Service {
    /// What runs it, but for its neighbours.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut words = self.command.iter();
        let mut command = Command::new(words.next().map_or("", String::as_str))
            .args(words)
            .name(name)
            .label_output()
            .restart(match self.restart {
                RestartPolicy::Never => Restart::Never,
                RestartPolicy::OnFailure => Restart::OnFailure,
                RestartPolicy::Always => Restart::Always,
            });
        for (key, value) in &self.env {
            command = command.env(key, value);
        }
        if let Some(folder) = &self.current_dir {
            command = command.current_dir(folder);
        }
        if let Some(signal) = self.stop_signal {
            command = command.stop_signal(signal);
        }
        if let Some(timeout) = self.stop_timeout {
            command = command.stop_timeout(timeout);
        }
        if let Some(port) = self.port {
            command = command.port(port);
        }
        for others in &self.kill_others {
            let mut filter = Filter::new();
            if let Some(name) = &others.name {
                filter = filter.name(name);
            }
            if let Some(part) = &others.command_line {
                filter = filter.command_line(part);
            }
            if let Some(folder) = &others.current_dir {
                filter = filter.current_dir(folder);
            }
            command = command.kill_others(filter);
        }
        command
    }
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    lifecycle_duration::parse(&text).map(Some).map_err(D::Error::custom)
}

/// `INT` or `SIGINT`, or a number.
fn signal<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Signal>, D::Error> {
    const NAMES: [(&str, i32); 8] = [
        ("HUP", 1),
        ("INT", 2),
        ("QUIT", 3),
        ("USR1", 10),
        ("USR2", 12),
        ("TERM", 15),
        ("WINCH", 28),
        ("PWR", 30),
    ];
    let text = String::deserialize(from)?;
    let name = text.strip_prefix("SIG").unwrap_or(&text);
    let number = NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number);
    let number = number.or_else(|| name.parse().ok());
    number.and_then(Signal::from_number).map(Some).ok_or_else(|| {
        let names = NAMES.map(|(name, _)| name).join(", ");
        D::Error::custom(format!("`{text}` is no signal to stop by: {names}, or a number"))
    })
}
