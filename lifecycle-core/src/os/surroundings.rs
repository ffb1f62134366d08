//! What stands between the platform, which sends the signal, and this process, which is to hear it.

use std::{fs, path::Path};

/// A shell that the platform signals in our place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShellBetween {
    pid: u32,
    name: String,
}

impl ShellBetween {
    /// What is wrong with it, for the log.
    pub(crate) fn warning(&self) -> String {
        let Self { pid, name } = self;
        let what = match pid {
            1 => format!("PID 1 is `{name}` and this process its child"),
            _ => format!("`{name}` (pid {pid}) stands between the platform and this process"),
        };
        format!(
            "{what}: a shell passes no signal on, and when it ends this process is killed without a hook; write \
             `exec` before the last command of the shell, or start the service without one"
        )
    }
}

/// The shell that hears what is meant for us, if there is one: in a container, under its init, or as
/// the main process of a systemd unit, whose `INVOCATION_ID` is set. Not somebody who types, and not
/// what a cron job or a Makefile starts.
pub(crate) fn shell_between(is_unit: bool) -> Option<ShellBetween> {
    let is_contained = in_container();
    find(std::process::id(), is_unit, is_contained, &|pid| Process::read(Path::new("/proc"), pid))
}

/// Whether something like Docker confines this process.
pub(crate) fn in_container() -> bool {
    std::process::id() == 1
        || Path::new("/.dockerenv").exists()
        || Path::new("/run/.containerenv").exists()
}

const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox"];

/// Those that stand as PID 1 in a container and pass signals to their child.
const CONTAINER_INITS: [&str; 5] = ["tini", "dumb-init", "catatonit", "docker-init", "podman-init"];

/// More generations than a container has are not looked at.
const GENERATIONS: usize = 16;

struct Process {
    parent: u32,
    name: String,
    /// With its own name.
    arguments: Vec<String>,
}

impl Process {
    fn read(proc: &Path, pid: u32) -> Option<Self> {
        let of = proc.join(pid.to_string());
        let stat = fs::read_to_string(of.join("stat")).ok()?;
        // The name may have brackets and spaces in it.
        let (before, after) = stat.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let parent = after.split_whitespace().nth(1)?.parse().ok()?;
        let line = fs::read(of.join("cmdline")).unwrap_or_default();
        let arguments = line.split(|byte| *byte == 0).filter(|argument| !argument.is_empty());
        let arguments = arguments.map(|argument| String::from_utf8_lossy(argument).into_owned());
        Some(Self { parent, name: name.to_owned(), arguments: arguments.collect() })
    }

    /// Whether it is a shell that runs what somebody wrote beforehand: it has a script or `-c`.
    fn is_shell_with_script(&self) -> bool {
        let rest = self.arguments.get(1..).unwrap_or_default();
        let mut rest = rest.iter().filter(|argument| !SHELLS.contains(&argument.as_str()));
        SHELLS.contains(&self.name.as_str())
            && rest.any(|argument| !argument.starts_with('-') || argument.ends_with('c'))
    }
}

fn find(
    own: u32,
    is_unit: bool,
    is_contained: bool,
    look: &dyn Fn(u32) -> Option<Process>,
) -> Option<ShellBetween> {
    let mut between = Vec::new();
    let mut pid = look(own)?.parent;
    let top = loop {
        let process = look(pid)?;
        if pid == 1 {
            break process;
        }
        if !process.is_shell_with_script() || between.len() == GENERATIONS {
            return None;
        }
        let parent = process.parent;
        between.push(ShellBetween { pid, name: process.name });
        pid = parent;
    };
    if top.is_shell_with_script() {
        return Some(ShellBetween { pid: 1, name: top.name });
    }
    let is_platform = is_contained || is_unit || CONTAINER_INITS.contains(&top.name.as_str());
    between.pop().filter(|_| is_platform)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From PID 1 down to the service: each the parent of the next.
    fn found(chain: &[&str], is_unit: bool, is_contained: bool) -> Option<(u32, String)> {
        let look = |pid: u32| {
            let command = chain.get(usize::try_from(pid).ok()?.checked_sub(1)?)?;
            let arguments: Vec<_> = command.split(' ').map(str::to_owned).collect();
            let name = arguments[0].rsplit('/').next()?.trim_start_matches('-').to_owned();
            Some(Process { parent: pid - 1, name, arguments })
        };
        let own = u32::try_from(chain.len()).unwrap();
        find(own, is_unit, is_contained, &look).map(|shell| (shell.pid, shell.name))
    }

    #[test]
    fn a_shell_that_the_platform_signals_in_our_place_is_found() {
        let shell = |pid, name: &str| Some((pid, name.to_owned()));
        assert_eq!(found(&["/bin/sh -c migrate;svc", "svc"], false, false), shell(1, "sh"));
        assert_eq!(found(&["bash /entry.sh", "sh -c svc;x", "svc"], false, true), shell(1, "bash"));
        assert_eq!(found(&["busybox sh -ec svc;x", "svc"], false, true), shell(1, "busybox"));
        let under_init = ["/sbin/tini -- sh -c svc;x", "sh -c migrate&&svc", "svc"];
        assert_eq!(found(&under_init, false, false), shell(2, "sh"));
        assert_eq!(found(&["any-init", "bash /entry.sh", "svc"], false, true), shell(2, "bash"));
        assert_eq!(found(&["systemd", "sh -c svc|logger", "svc"], true, false), shell(2, "sh"));
    }

    #[test]
    fn nothing_is_said_where_nobody_is_in_between_or_somebody_types() {
        for chain in [
            &["svc"] as &[&str],
            &["tini -- svc", "svc"],
            &["bash", "svc"],
            &["-bash", "svc"],
            &["bash -l", "svc"],
            &["systemd", "cron -f", "sh -c svc", "svc"],
            &["systemd", "sshd -D", "-bash", "svc"],
            &["systemd", "sshd -D", "-bash", "make run", "sh -c svc", "svc"],
            &["systemd", "runsv svc", "sh ./run", "python main.py", "svc"],
        ] {
            assert_eq!(found(chain, false, true), None, "{chain:?}");
            assert_eq!(found(chain, true, false), None, "{chain:?}");
        }
        // Reparented to the system's init: somebody's shell script, on a whole machine.
        assert_eq!(found(&["systemd", "sh run.sh", "svc"], false, false), None);
        // Entered from outside: its parents are not of this namespace.
        let outside = |pid| {
            (pid == 9).then(|| Process { parent: 0, name: "svc".into(), arguments: Vec::new() })
        };
        assert_eq!(find(9, false, true, &outside), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_very_process_is_read() {
        let own = Process::read(Path::new("/proc"), std::process::id()).unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id());
        assert!(own.arguments[0].contains("lifecycle_core"), "{:?}", own.arguments);
    }
}
