//! The tool against services, and against the JSON of services.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lifecycle_process_tests::{Child, Ending, Service, Signal, Stream};
use tempfile::TempDir;

const APP: &str = env!("CARGO_BIN_EXE_admin-app");
/// Of the example, as it is reviewed.
const PLAN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/orders/tests/plan.json");
const MANIFEST: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/orders/deploy/k8s.yaml");

fn tool<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Service {
    Service::at(env!("CARGO_BIN_EXE_lifecycle-tool")).args(args)
}

/// A service with a socket, and its report when it has ended.
struct Served {
    folder: TempDir,
    child: Child,
}

impl Served {
    fn start(what: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::at(APP).arg(what).env("ADMIN", folder.path().join("admin.sock"));
        let child = service.env("LIFECYCLE_REPORT", folder.path().join("report.json")).start();
        child.wait_for("up");
        Self { folder, child }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }

    fn tool(&self, command: &str) -> Service {
        tool([command]).arg(self.socket())
    }
}

/// The report of a stop in which a call and a hook took 150 ms each.
fn report() -> (TempDir, PathBuf) {
    let mut served = Served::start("works");
    served.child.signal(Signal::TERM);
    served.child.end().exits(0);
    let path = served.folder.path().join("report.json");
    (served.folder, path)
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_running_service_says_how_it_is_and_what_it_would_do() {
    let mut served = Served::start("works");
    let pid = format!("running (pid {}), ready", served.child.pid());
    served.tool("status").run().exits(0).says_in_order(&[
        &pid,
        "in flight: 1",
        "      1  orders (",
    ]);
    served.tool("status").arg("--json").run().exits(0).says("\"state\":\"running\"");
    served.tool("plan").run().exits(0).says_in_order(&["flush", "worst case 2s", "admin 500ms"]);
    served.tool("plan").arg("--json").run().exits(0).says("\"format\": \"lifecycle.plan\"");
    let top = served.tool("top").args(["--interval", "20ms"]).start();
    top.wait_for_nth("in flight: 1", 3);
    served.child.signal(Signal::TERM);
    served.child.end().exits(0);
    top.end().exits(0).says("the service is gone");
    let gone = tool(["status"]).arg(served.folder.path().join("admin.sock")).run();
    gone.exits(2).says("there is no socket");
}

#[test]
fn a_stop_without_wait_only_asks() {
    let served = Served::start("works");
    served.tool("stop").args(["--reason", "deploy 7"]).run().exits(0).says("under way");
    let folder = served.folder;
    served.child.end().exits(0);
    let report = fs::read_to_string(folder.path().join("report.json")).unwrap();
    assert!(report.contains("deploy 7"), "{report}");
}

#[test]
fn a_stop_that_waits_shows_the_progress_and_has_the_exit_code_of_the_service() {
    let served = Served::start("works");
    let asked = served.tool("stop").args(["--wait", "20s", "--reason", "deploy 7"]).run();
    asked.exits(0).says_in_order(&[
        "stopping: requested: deploy 7",
        "draining",
        "stopping",
        "hook flush starts",
        "hook flush completed after",
        "stopped",
        "clean, exit code 0",
    ]);
    served.child.end().exits(0);

    let served = Served::start("fails");
    let asked = served.tool("stop").arg("--wait").run();
    asked.exits(70).says("hook flush failed after").says("the disk is full");
    served.child.end().exits(70);

    let served = Served::start("plain");
    served.tool("stop").args(["--failure", "--wait"]).run().exits(1);
    served.child.end().exits(1);
}

#[test]
fn on_a_terminal_bars_show_the_progress() {
    let served = Served::start("works");
    let asked = served.tool("stop").arg("--wait").env("TERM", "xterm").on_terminal().run();
    asked.exits(0).says("drain [").says("hooks [").says("1 in flight");
    served.child.end().exits(0);
}

#[test]
fn a_stop_that_comes_to_no_end_is_told_from_one_that_was_forced() {
    let mut served = Served::start("blocked");
    served.tool("stop").args(["--wait", "100ms"]).run().exits(3).says("still stopping");
    served.child.signal(Signal::TERM);
    served.tool("stop").args(["--wait", "20s"]).run().exits(124).says("ended by force");
    served.child.end().exits(124);
}

#[test]
fn a_plan_is_held_against_a_manifest_whether_it_is_a_file_or_a_binary() {
    tool(["check", PLAN, MANIFEST]).run().exits(0).says("the plan fits");
    let folder = tempfile::tempdir().unwrap();
    let manifest = fs::read_to_string(MANIFEST).unwrap();
    let line = manifest.lines().find(|line| line.contains("terminationGracePeriodSeconds:"));
    let line = line.unwrap().trim().to_owned();
    let short = manifest.replace(&line, "terminationGracePeriodSeconds: 3");
    let short = write(folder.path(), "k8s.yaml", &short);
    let short = short.to_str().unwrap();
    tool(["check", PLAN, short]).run().exits(1).says("is missing");

    // It needs neither socket nor main for that.
    let socket = folder.path().join("admin.sock");
    let unit = write(folder.path(), "a.service", "[Service]\nExecStart=/app\nTimeoutStopSec=20\n");
    let unit = unit.to_str().unwrap();
    // What the binary does without an argument is to panic.
    tool(["check", APP, unit]).env("ADMIN", &socket).run().exits(2).says("it ended with");
    tool(["check", "/nowhere/plan.json", unit]).run().exits(2).says("No such file");
    let compose = "services:\n  app:\n    image: app\n    stop_grace_period: 10s\n";
    let compose = write(folder.path(), "compose.yaml", compose);
    let compose = compose.to_str().unwrap();
    let script = write(folder.path(), "app.sh", &format!("#!/bin/sh\nexec {APP} works\n"));
    executable(&script);
    let script = script.to_str().unwrap();
    tool(["check", script, compose]).env("ADMIN", &socket).run().exits(0).says("the plan fits");
    let more = tool(["check", script, compose, "--reserve", "20s"]).env("ADMIN", &socket);
    more.run().exits(1).says("is missing");
    let silent = write(folder.path(), "silent.sh", "#!/bin/sh\necho hello\n");
    executable(&silent);
    tool(["check", silent.to_str().unwrap(), compose]).run().exits(2).says("does not know");
}

/// What a program sets in code is in the JSON that it answers.
#[test]
fn the_tool_and_the_binary_come_to_the_same_verdict() {
    const CONFIGURED: &str = env!("CARGO_BIN_EXE_admin-configured");
    let folder = tempfile::tempdir().unwrap();
    let compose = |name: &str, signal: &str| {
        let text = format!(
            "services:\n  app:\n    image: app\n    stop_grace_period: 10s\n    stop_signal: {signal}\n"
        );
        write(folder.path(), name, &text)
    };
    let (good, deaf) = (compose("good.yaml", "SIGQUIT"), compose("deaf.yaml", "SIGTERM"));
    for (drain, manifest, code, says) in [
        ("3", &good, 0, "the plan fits: it needs 7.65s of 9s"),
        // The platform's 10 s would do, the 9 s of the code do not.
        ("5", &good, 1, "650ms is missing"),
        ("3", &deaf, 1, "stop_signal: found SIGTERM"),
    ] {
        let tool = tool(["check", CONFIGURED]).arg(manifest).env("DRAIN", drain).run();
        tool.exits(code).says(says);
        let asked = Service::at(CONFIGURED).env("DRAIN", drain).env("LIFECYCLE_PLAN", "check");
        let binary = asked.env("LIFECYCLE_MANIFEST", manifest).run();
        binary.exits(if code == 0 { 0 } else { 78 });
        // To the word; the binary indents what is wrong with it.
        let account = |ending: &Ending| -> Vec<String> {
            let lines = [Stream::Stdout, Stream::Stderr].into_iter().flat_map(|s| ending.lines(s));
            let lines = lines.map(|line| line.trim_start_matches("lifecycle: ").trim().to_owned());
            lines.collect()
        };
        assert_eq!(account(&tool), account(&binary));
    }
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn plans_are_compared() {
    tool(["diff", PLAN, PLAN]).run().exits(0).says("the plan is unchanged");
    let folder = tempfile::tempdir().unwrap();
    let plan = fs::read_to_string(PLAN).unwrap();
    let timeout = plan.lines().find(|line| line.contains("\"timeout_seconds\"")).unwrap();
    let changed = plan.replacen(timeout, "      \"timeout_seconds\": 27,", 1);
    let changed = write(folder.path(), "changed.json", &changed);
    tool(["diff", PLAN, changed.to_str().unwrap()]).run().exits(1).says("-> 27s");
    let broken = write(folder.path(), "broken.json", "{\"format\":\"lifecycle.plan\"");
    let broken = broken.to_str().unwrap();
    tool(["diff", PLAN, broken]).run().exits(2).says("broken.json: this is no JSON");
}

#[test]
fn where_the_time_of_a_stop_went_is_told_and_drawn() {
    let (folder, report) = report();
    let report = report.to_str().unwrap();
    tool(["blame", report]).run().exits(0).says("flush  completed");
    let chain = tool(["chain", report]).run();
    chain.exits(0).says_in_order(&["delay", "drain", "flush", "from the request to the end"]);
    let draw = |from: &str, to: &str| {
        let path = folder.path().join(to);
        let ending = tool(["plot", from, "-o"]).arg(&path).run();
        (ending, fs::read_to_string(path).unwrap_or_default())
    };
    let drawn = |from: &str, to: &str, begin: &str| {
        let (ending, text) = draw(from, to);
        ending.exits(0);
        assert!(text.starts_with(begin) && text.contains("flush"), "{text}");
    };
    drawn(report, "report.svg", "<svg");
    drawn(report, "report.html", "<!");
    drawn(PLAN, "plan.svg", "<svg");
    draw(PLAN, "plan.html").0.exits(2).says("let it end in .svg");
    draw(report, "report.png").0.exits(2).says(".svg or .html");
    tool(["blame", PLAN]).run().exits(2).says("`lifecycle.report` is wanted");
}

#[test]
fn completions_and_the_manual_are_made_from_the_arguments() {
    for (shell, word) in
        [("bash", "_lifecycle()"), ("zsh", "#compdef lifecycle"), ("fish", "complete -c")]
    {
        tool(["completions", shell]).run().exits(0).says(word);
    }
    tool(["man"]).run().exits(0).says(".TH lifecycle").says("Exit codes");
    let folder = tempfile::tempdir().unwrap();
    tool(["man", "--dir"]).arg(folder.path()).run().exits(0);
    assert!(folder.path().join("lifecycle-storm.1").exists());
    tool(["--help"]).run().exits(0).says("Exit codes:").says("storm");
    tool(["stop"]).run().exits(2);
}

/// A storm over one of the services here; where they store what is theirs is known to a script.
fn storm(what: &str, more: &[&str]) -> (Ending, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let ending = tool(["storm", APP]).args(more).args(["--", what]).env("STORE", folder.path());
    (ending.run(), folder)
}

/// What was acknowledged is stored.
const VERIFY: &str = r#"
cd "$STORE"; touch acked stored; sort acked >a; sort stored >s; lost=$(comm -23 a s)
[ -z "$lost" ] || { echo "acknowledged and lost: $lost"; exit 1; }
"#;

#[test]
fn a_storm_finds_who_acknowledges_before_it_stores_and_passes_who_stores_first() {
    let rounds = ["--rounds", "5", "--within", "100ms", "--seed", "7", "--verify", VERIFY];
    let (ending, _) = storm("acknowledges-early", &rounds);
    ending.exits(1).says("verify: acknowledged and lost").says("replay: --seed");
    let (ending, folder) = storm("keeps", &rounds);
    ending.exits(0).says_in_order(&["5 rounds from seed 7", "exit 0", "0 of 5 rounds with faults"]);
    assert!(fs::read_to_string(folder.path().join("acked")).unwrap().lines().count() > 5);
}

#[test]
fn a_storm_finds_who_ends_half_way_and_replays_it() {
    let (ending, _) =
        storm("ends-half-way", &["--rounds", "1", "--within", "50ms", "--seed", "42"]);
    ending.exits(1).says("round   1  seed 42").says("half-way").says("1 of 1 rounds with faults");
    let first = round_of(&ending);
    let (again, _) = storm("ends-half-way", &["--rounds", "1", "--within", "50ms", "--seed", "42"]);
    assert_eq!(round_of(&again), first);
}

/// The signal of the first round, and when it came.
fn round_of(ending: &Ending) -> String {
    let lines: Vec<_> = ending.lines(Stream::Stdout).collect();
    let line = lines.iter().find(|line| line.starts_with("round")).unwrap();
    line.split("exit").next().unwrap().to_owned()
}

#[test]
fn a_storm_finds_who_outlives_its_grace_period_and_who_hears_nothing() {
    let trap = "trap 'echo no' TERM INT; while :; do sleep 0.05; done";
    let common = ["storm", "sh", "--rounds", "1", "--grace", "300ms", "--within", "10ms"];
    tool(common)
        .args(["--", "-c", trap])
        .run()
        .exits(1)
        .says("not gone 300ms after")
        .says("killed");
    let deaf = tool(common).args(["--", "-c", "exit 5"]).run();
    deaf.exits(1).says("no exit code 5").says("before the signal came");
    tool(["storm", "/nowhere/service"]).run().exits(2);
}

#[test]
fn the_load_of_a_storm_runs_while_the_service_does_and_is_gone_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let load = "echo $$ >\"$STORE/load\"; while :; do sleep 0.01; done";
    let storm = tool(["storm", APP, "--rounds", "1", "--within", "1s", "--load", load]);
    // After 634 ms.
    let storm = storm.args(["--seed", "6"]);
    storm.args(["--", "keeps"]).env("STORE", folder.path()).run().exits(0);
    let pid = fs::read_to_string(folder.path().join("load")).unwrap();
    assert!(!Path::new("/proc").join(pid.trim()).exists(), "{pid}");
}

/// A whole service: HTTP, a database, an outbox. Of the workspace's build.
#[test]
fn a_storm_passes_the_orders_example() {
    let orders = Path::new(APP).with_file_name("orders");
    if !orders.exists() {
        println!("not tested: {} is not built; cargo build -p orders", orders.display());
        assert_ne!(std::env::var("LIFECYCLE_E2E").as_deref(), Ok("all"));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("orders.db").display());
    let storm = tool(["storm", "--rounds", "4", "--within", "300ms", "--seed", "16"]).arg(&orders);
    let storm = storm.env("DATABASE_URL", database).env("ORDERS_ADDR", "127.0.0.1:0");
    let ending = storm.env("ORDERS_HEALTH_ADDR", "127.0.0.1:0").run();
    ending.exits(0).says("0 of 4 rounds with faults");
}
