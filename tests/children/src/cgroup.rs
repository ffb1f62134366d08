//! Control groups (version 2) that belong to a test.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::lacks;

/// A control group of its own, which is removed with this. What is in it then is killed.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
}

impl Cgroup {
    /// One of this name, where it can be had; where it cannot, that is said.
    #[must_use]
    pub fn make(name: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let of_kind = |line: &&str| line.contains(" - cgroup2 ");
        let Some(mount) = mounts.lines().find(of_kind).and_then(|line| line.split(' ').nth(4))
        else {
            println!("not possible here: a control group, as no cgroup2 is mounted");
            return None;
        };
        let path = Path::new(mount).join(format!("lifecycle-{name}-{}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) => Some(Self { path }),
            // Of another user, or read-only as in a container: nobody can be asked for it there.
            Err(error) if !rustix::process::geteuid().is_root() || is_read_only(&error) => {
                println!("not possible here: a control group in {mount}: {error}");
                None
            }
            Err(error) => {
                lacks(&format!("a control group in {mount}: {error}"));
                None
            }
        }
    }

    /// What moves a process to it: its number, written there.
    #[must_use]
    pub fn procs(&self) -> String {
        self.path.join("cgroup.procs").display().to_string()
    }

    /// Kills all that is in it; whether the kernel says that nothing is left, before long.
    #[must_use]
    pub fn kill(&self) -> bool {
        let until = Instant::now() + Duration::from_secs(10);
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
        let populated = || fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        while !populated().contains("populated 0") {
            if Instant::now() > until {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
        true
    }
}

fn is_read_only(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::ReadOnlyFilesystem
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = fs::remove_dir(&self.path);
    }
}
