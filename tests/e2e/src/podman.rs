//! Containers of podman and runc, in a store of their own, from an image that is built here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

/// Without the limits that an unprivileged machine cannot set, on the network of the host, and with
/// a cgroup manager that needs no systemd.
const CONFIGURATION: &str = "[containers]\ndefault_ulimits = []\nnetns = \"host\"\n\
     [engine]\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\n";
const LIMITS: [&str; 4] = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=4096:4096"];
const IMAGE: &str = "localhost/orders:test";

/// A podman with the image of `examples/orders`. Dropped, its containers are killed.
#[derive(Debug)]
pub struct Podman {
    directory: PathBuf,
}

/// How a container has ended.
#[derive(Debug)]
pub struct Stopped {
    /// From `podman stop` to its return.
    pub took: Duration,
    /// The exit code; 137 of one that was killed.
    pub code: i32,
    /// What it logged.
    pub log: String,
}

impl Podman {
    /// Builds the image from the last stage of the Dockerfile and `binary`, and runs it once.
    /// `None` where this machine cannot, and it is not demanded.
    ///
    /// # Panics
    /// When it is demanded and cannot be done.
    #[must_use]
    pub fn start(directory: &Path, root: &Path, binary: &Path) -> Option<Self> {
        let podman = Self { directory: directory.to_owned() };
        match podman.prepare(root, binary) {
            Ok(()) => Some(podman),
            Err(why) => {
                assert!(!crate::all_is_demanded(), "no containers: {why}");
                eprintln!("passed over: no containers: {}", why.lines().last().unwrap_or_default());
                None
            }
        }
    }

    fn prepare(&self, root: &Path, binary: &Path) -> Result<(), String> {
        for needed in ["podman", "runc", "conmon", "catatonit"] {
            let installed = Command::new("which").arg(needed).stdout(Stdio::null()).status();
            if !installed.is_ok_and(|found| found.success()) {
                return Err(format!("{needed} is not installed"));
            }
        }
        let write = |name: &str, text: &str| {
            fs::write(self.directory.join(name), text).map_err(|error| format!("{name}: {error}"))
        };
        write("containers.conf", CONFIGURATION)?;
        let deploy = root.join("examples/orders/deploy");
        // As its first stage does.
        let image = self.directory.join("build/image");
        let filled =
            Command::new("sh").arg(deploy.join("image.sh")).args([binary, &image]).output();
        done(filled)?;
        let dockerfile = fs::read_to_string(deploy.join("Dockerfile")).unwrap_or_default();
        let last = dockerfile.rfind("FROM scratch").ok_or("the last stage is not from scratch")?;
        write("Dockerfile", &dockerfile[last..])?;
        let stage = format!("--build-context=build={}", self.directory.join("build").display());
        let file = self.directory.join("Dockerfile");
        let build = ["build", "--quiet", "--isolation=chroot", "--tag", IMAGE, &stage, "--file"];
        done(self.podman(&build).arg(file).arg(self.directory.join("build")).output())?;
        let run = ["run", "--rm", "--env", "LIFECYCLE_PLAN=check"];
        done(self.podman(&run).args(LIMITS).arg(IMAGE).output())?;
        Ok(())
    }

    fn podman(&self, arguments: &[&str]) -> Command {
        let mut podman = Command::new("podman");
        podman
            .env("CONTAINERS_CONF", self.directory.join("containers.conf"))
            .args(["--runtime", "runc", "--storage-driver", "vfs", "--root"])
            .arg(self.directory.join("root"))
            .arg("--runroot")
            .arg(self.directory.join("run"))
            .args(arguments);
        podman
    }

    /// Starts a container with `volume` at `/data`.
    ///
    /// # Panics
    /// When it does not start.
    pub fn run(&self, name: &str, volume: &Path, options: &[&str], vars: &[(&str, &str)]) {
        let volume = format!("{}:/data", volume.display());
        let mut run = self.podman(&["run", "--detach", "--name", name, "--read-only", "--volume"]);
        run.arg(volume).args(LIMITS).args(options);
        for (name, value) in vars {
            run.arg("--env").arg(format!("{name}={value}"));
        }
        done(run.arg(IMAGE).output()).unwrap_or_else(|why| panic!("{name}: {why}"));
    }

    /// `podman stop -t <grace>`, and what became of the container, which is removed.
    ///
    /// # Panics
    /// When podman fails.
    #[must_use]
    pub fn stop(&self, name: &str, grace: u64) -> Stopped {
        let began = Instant::now();
        let said = |arguments: &[&str]| {
            let output = self.podman(arguments).output();
            done(output).unwrap_or_else(|why| panic!("{name}: {why}"))
        };
        said(&["stop", "--time", &grace.to_string(), name]);
        let took = began.elapsed();
        let code = said(&["inspect", name, "--format", "{{.State.ExitCode}}"]);
        let log = said(&["logs", name]);
        said(&["rm", name]);
        Stopped { took, code: code.trim().parse().expect("a number"), log }
    }

    /// What a container has logged.
    ///
    /// # Panics
    /// When podman cannot be run.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        done(self.podman(&["logs", name]).output()).unwrap_or_else(|why| why)
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.podman(&["rm", "--all", "--force", "--time", "0"]).output();
    }
}

/// What it said on both streams; the error where it failed.
fn done(output: std::io::Result<Output>) -> Result<String, String> {
    let output = output.map_err(|error| error.to_string())?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    if output.status.success() { Ok(text) } else { Err(text) }
}
