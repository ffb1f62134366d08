//! One child and its stop.

use std::time::{Duration, Instant};

use lifecycle::{
    Signal,
    process::{Child, Command, Containment, ExitStatus, Filter, SpawnError, StopError},
};
use lifecycle_children_tests::{kill, lacks, with};

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script]).stop_timeout(Duration::from_millis(500))
}

fn started(command: Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{error}"))
}

async fn settled() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn who_ends_in_time_is_stopped_clean_and_his_last_lines_are_kept() {
    let child =
        started(shell("trap 'echo bye; exit 0' TERM; echo hi; while :; do sleep 0.01; done"));
    assert_eq!(child.containment(), Containment::Keeper);
    settled().await;
    let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stopped.status, Some(ExitStatus::Code(0)));
    assert_eq!(stopped.signal, Some(Signal::Term));
    assert_eq!(stopped.tail, ["hi", "bye"]);
    assert!(!stopped.escalated());
}

#[tokio::test]
async fn the_signal_is_the_one_that_was_asked_for() {
    let script = "trap 'exit 0' INT; trap 'exit 3' TERM; while :; do sleep 0.01; done";
    let child = started(shell(script).stop_signal(Signal::Int));
    settled().await;
    assert_eq!(child.stop().await.expect("clean").status, Some(ExitStatus::Code(0)));
}

/// As images do whose `STOPSIGNAL` is `SIGRTMIN+3`.
#[tokio::test]
async fn a_signal_without_a_name_is_sent_whatever_holds_the_child() {
    let signal = Signal::from_number(37).expect("a signal of this system");
    for containment in [Containment::Keeper, Containment::Group] {
        let command = shell("exec sleep 60").stop_signal(signal).containment(containment);
        let child = started(command.kill_others(Filter::new().command_line("sleep 61.37")));
        let mut other = std::process::Command::new("sleep").arg("61.37").spawn().expect("a sleep");
        settled().await;
        let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(stopped.status, Some(ExitStatus::Signal(37)));
        assert_eq!(stopped.others.iter().map(|it| it.pid).collect::<Vec<_>>(), [other.id()]);
        use std::os::unix::process::ExitStatusExt;
        assert_eq!(other.wait().expect("ended").signal(), Some(37));
    }
}

#[tokio::test]
async fn who_does_not_end_is_killed_and_named_with_what_he_said_last() {
    let child =
        started(shell("trap '' TERM; echo busy; while :; do sleep 0.05; done").name("mule"));
    settled().await;
    let began = Instant::now();
    let error = child.stop().await.expect_err("it had to be killed");
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    let text = error.to_string();
    let StopError::Killed(stopped) = error else { panic!("{text}") };
    assert_eq!(stopped.status, Some(ExitStatus::Signal(9)));
    assert!(text.starts_with(&format!("`mule` ({}) did not end by", child.id())), "{text}");
    assert!(text.contains("in 500.0ms: killed") && text.ends_with("its last line: busy"), "{text}");
}

#[tokio::test]
async fn who_ends_with_an_error_when_asked_has_not_stopped_clean() {
    let child = started(shell("trap 'exit 3' TERM; while :; do sleep 0.01; done"));
    settled().await;
    let error = child.stop().await.expect_err("a code of its own");
    assert!(matches!(error, StopError::Failed(_)), "{error}");
    assert!(error.to_string().contains("ended with exit code 3"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_at_once() {
    let error = Command::new("/no/such/program").name("ghost").spawn().expect_err("nothing there");
    let SpawnError::Start { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().starts_with("`ghost` cannot be started"), "{error}");
}

#[tokio::test]
async fn a_stopped_child_is_continued() {
    let child = started(shell("trap 'exit 0' TERM; while :; do sleep 0.01; done"));
    settled().await;
    kill("-STOP", child.id());
    settled().await;
    let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stopped.status, Some(ExitStatus::Code(0)));
}

/// A dead process that nobody has waited for is no survivor.
#[tokio::test]
async fn a_zombie_is_not_taken_for_one_that_lives() {
    // Who has become `sleep` does not wait for its child.
    let child = started(shell("sleep 0.05 & exec sleep 60"));
    settled().await;
    let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stopped.status, Some(ExitStatus::Signal(15)));
    assert!(stopped.killed.is_empty(), "{stopped}");
}

/// As on a network filesystem whose server is gone: no signal ends it.
#[tokio::test]
async fn who_cannot_be_killed_is_named_and_not_waited_for() {
    let Some(filesystem) = Frozen::make() else {
        return lacks("a filesystem that is frozen");
    };
    let script = format!("echo x > {}/file", filesystem.mount().display());
    let child = started(shell(&script).name("writer"));
    settled().await;
    let began = Instant::now();
    let error = child.stop().await.expect_err("it is stuck");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let text = error.to_string();
    assert!(matches!(error, StopError::Stuck(_)), "{text}");
    assert!(text.contains(&format!("sh ({})", child.id())) && text.contains("wchan"), "{text}");
    drop(filesystem);
    // It ends once it can.
    assert!(matches!(child.wait().await, Some(ExitStatus::Signal(_))));
}

/// A filesystem of its own, frozen until it is dropped. Only root can have one.
struct Frozen {
    folder: tempfile::TempDir,
}

impl Frozen {
    fn make() -> Option<Self> {
        let frozen = Self { folder: tempfile::tempdir().expect("a folder") };
        let (image, mount) = (frozen.folder.path().join("image"), frozen.mount());
        std::fs::create_dir(&mount).expect("a folder");
        let file = std::fs::File::create(&image).expect("a file");
        file.set_len(16 << 20).expect("a size");
        let (image, mount) = (image.to_str()?, mount.to_str()?);
        (run("mkfs.ext4", &["-q", image])
            && run("mount", &["-o", "loop", image, mount])
            && run("fsfreeze", &["-f", mount]))
        .then_some(frozen)
    }

    fn mount(&self) -> std::path::PathBuf {
        self.folder.path().join("mount")
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let mount = self.mount();
        let mount = mount.to_str().unwrap_or_default();
        run("fsfreeze", &["-u", mount]);
        // Who was stuck in it has it open a moment longer.
        let _ = (0..100).find(|_| {
            std::thread::sleep(Duration::from_millis(20));
            run("umount", &[mount])
        });
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let done = std::process::Command::new(program).args(arguments).output();
    done.is_ok_and(|output| output.status.success())
}

#[tokio::test]
async fn a_grandchild_that_holds_the_pipe_does_not_hold_the_stop() {
    let child = started(shell("trap 'exit 0' TERM; sleep 60 & while :; do sleep 0.01; done"));
    settled().await;
    let began = Instant::now();
    let error = child.stop().await.expect_err("it left somebody behind");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(error.to_string().contains("left processes behind: killed sleep"), "{error}");
}

#[tokio::test]
async fn others_that_belong_to_it_end_with_it_and_nobody_else_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let start = |folder: &std::path::Path, script: &str| {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, "belongs"]).current_dir(folder).spawn().expect("a shell")
    };
    let mut asked = start(folder.path(), "trap 'exit 5' TERM; while :; do sleep 0.01; done");
    let mut mule = start(folder.path(), "trap '' TERM; while :; do sleep 0.01; done");
    let mut other = start(std::path::Path::new("/"), "while :; do sleep 0.01; done");
    let which = Filter::new().name("sh").command_line("belongs").current_dir(folder.path());
    let child = started(shell("exec sleep 60").kill_others(which).kill_others(Filter::new()));
    settled().await;
    let error = child.stop().await.expect_err("one had to be killed");
    let stopped = error.stopped();
    // Perhaps one more, which a shell has just forked to become `sleep`.
    let others: Vec<_> = stopped.others.iter().map(|member| member.pid).collect();
    assert!(others.contains(&asked.id()) && others.contains(&mule.id()), "{error}");
    assert!(!others.contains(&other.id()), "{error}");
    assert_eq!(stopped.killed.iter().map(|member| member.pid).collect::<Vec<_>>(), [mule.id()]);
    assert_eq!(asked.wait().expect("ended").code(), Some(5));
    assert_eq!(mule.wait().expect("ended").code(), None);
    assert!(other.try_wait().expect("a child").is_none(), "a stranger was killed");
    other.kill().expect("killed");
    other.wait().expect("ended");
}

#[tokio::test]
async fn what_is_left_of_a_process_group_is_killed_when_its_leader_has_ended() {
    let command = shell("sleep 60.25 & exit 0").containment(Containment::Group);
    let child = started(command);
    child.wait().await;
    assert_eq!(with("sleep 60.25", true).len(), 1);
    let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(with("sleep 60.25", true), [0; 0], "{stopped}");
}

#[tokio::test]
async fn who_ended_by_himself_is_known_and_his_hook_is_gone() {
    let child = started(shell("exit 7"));
    assert_eq!(child.wait().await, Some(ExitStatus::Code(7)));
    settled().await;
    assert!(!child.hook().unregister(), "the hook was still there");
}

#[tokio::test]
async fn a_keeper_that_is_killed_is_said() {
    let child = started(shell("while :; do sleep 0.05; done"));
    let status = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("a child");
    let keeper = status.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).expect("ppid");
    kill("-KILL", keeper.parse().expect("a pid"));
    settled().await;
    let error = child.stop().await.expect_err("nobody knows");
    assert!(matches!(error, StopError::Lost(_)), "{error}");
    settled().await;
    assert!(!std::path::Path::new(&format!("/proc/{}/exe", child.id())).exists(), "it lives");
}

#[tokio::test]
async fn a_terminals_interrupt_reaches_no_child() {
    let child = started(shell("exec sleep 60"));
    settled().await;
    // The group of this test is not that of the child, nor of its keeper.
    let group = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        let rest = stat.rsplit(") ").next().expect("fields").to_owned();
        let mut fields = rest.split(' ').skip(1);
        let parent: u32 = fields.next().and_then(|field| field.parse().ok()).expect("ppid");
        let group: u32 = fields.next().and_then(|field| field.parse().ok()).expect("pgrp");
        (parent, group)
    };
    let (_, mine) = group(std::process::id());
    let (keeper, of_child) = group(child.id());
    let (_, of_keeper) = group(keeper);
    assert_eq!(of_child, child.id());
    assert!(of_keeper != mine && of_child != mine);
    assert!(child.stop().await.is_ok());
}
