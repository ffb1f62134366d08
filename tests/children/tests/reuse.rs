//! The number of a dead process is given to another one, which has nothing to do with us. Each test
//! runs in a PID namespace of its own, where the number can be forced.

use std::{process::Child as Foreign, time::Duration};

use lifecycle::process::{Child, Command, Containment, Filter, StopError};
use lifecycle_children_tests::{
    kill,
    namespace::{is_inside, start_as},
};

fn shell(script: &str) -> Command {
    Command::new("sh").args(["-c", script]).stop_timeout(Duration::from_millis(300))
}

fn started(command: Command) -> Child {
    command.spawn().unwrap_or_else(|error| panic!("{error}"))
}

async fn settled() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}

/// Somebody else of this number, who leads a group of that number, too.
fn sleeper(pid: u32) -> Foreign {
    use std::os::unix::process::CommandExt;
    start_as(pid, std::process::Command::new("sleep").arg("60").process_group(0))
}

#[track_caller]
fn assert_unharmed(mut foreign: Foreign) {
    // A signal that was sent has its effect within that time.
    std::thread::sleep(Duration::from_millis(20));
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", foreign.id())).expect("its state");
    assert!(stat.contains(") S "), "{stat}");
    assert_eq!(foreign.try_wait().expect("a child"), None);
    let _ = (foreign.kill(), foreign.wait());
}

/// Process 1 is the parent of who has lost its own.
fn reap(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed());
    rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()).expect("an orphan");
}

#[tokio::test]
async fn a_child_that_has_ended_is_not_looked_for_by_its_number() {
    if !is_inside("a_child_that_has_ended_is_not_looked_for_by_its_number") {
        return;
    }
    for containment in [Containment::Keeper, Containment::Group] {
        let child = started(shell("exit 0").containment(containment));
        child.wait().await;
        settled().await;
        let foreign = sleeper(child.id());
        let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
        assert!(stopped.killed.is_empty() && stopped.signal.is_none(), "{stopped}");
        assert_unharmed(foreign);
    }
}

#[tokio::test]
async fn who_has_the_number_of_the_root_of_a_tree_is_none_of_the_tree() {
    if !is_inside("who_has_the_number_of_the_root_of_a_tree_is_none_of_the_tree") {
        return;
    }
    // Its child has a child, which is killed; the number of what was between is free.
    let child = started(shell("setsid sh -c 'sleep 60; :' & exit 0"));
    child.wait().await;
    settled().await;
    let foreign = sleeper(child.id());
    let error = child.stop().await.expect_err("it left somebody behind");
    let StopError::Killed(stopped) = &error else { panic!("{error}") };
    assert_eq!(stopped.killed.len(), 2, "{error}");
    assert!(stopped.killed.iter().all(|member| member.pid != foreign.id()), "{error}");
    assert_unharmed(foreign);
}

/// A keeper that is lost has left the group of its child as all that is known, and groups have
/// numbers.
#[tokio::test]
async fn a_group_is_not_killed_by_the_number_of_a_child_that_is_gone_with_its_keeper() {
    if !is_inside("a_group_is_not_killed_by_the_number_of_a_child_that_is_gone_with_its_keeper") {
        return;
    }
    let child = started(shell("exec sleep 60"));
    kill_keeper(&child);
    kill("-KILL", child.id());
    reap(child.id());
    let foreign = sleeper(child.id());
    let error = child.stop().await.expect_err("nobody knows");
    assert!(matches!(error, StopError::Lost(_)), "{error}");
    assert_unharmed(foreign);
}

/// What is left of the group is ours, also where its leader is gone.
#[tokio::test]
async fn the_rest_of_a_group_is_killed_when_keeper_and_leader_are_gone() {
    if !is_inside("the_rest_of_a_group_is_killed_when_keeper_and_leader_are_gone") {
        return;
    }
    let child = started(shell("sleep 60 & echo $!; wait"));
    settled().await;
    let with = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let rest = with(child.id()).expect("its children").trim().parse().expect("one");
    kill_keeper(&child);
    kill("-KILL", child.id());
    reap(child.id());
    let error = child.stop().await.expect_err("nobody knows");
    assert!(matches!(error, StopError::Lost(_)), "{error}");
    reap(rest);
}

fn kill_keeper(child: &Child) {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("a child");
    let keeper = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)).expect("ppid");
    kill("-KILL", keeper.parse().expect("a number"));
    std::thread::sleep(Duration::from_millis(50));
}

/// The sweep asks, waits, and kills what has not ended: it has ended, and its number lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_sweep_kills_nobody_who_got_the_number_of_one_that_it_asked() {
    if !is_inside("the_sweep_kills_nobody_who_got_the_number_of_one_that_it_asked") {
        return;
    }
    // Far from one another: what is started after one has the next numbers.
    let numbers = [1_000, 2_000, 3_000, 4_000];
    let mut others = numbers.map(sleeper);
    let which = Filter::new().command_line("sleep 60");
    let child = started(shell("exec sleep 61").kill_others(which));
    settled().await;
    let successors = std::thread::spawn(move || {
        others.iter_mut().for_each(|other| assert!(!other.wait().expect("ended").success()));
        numbers.map(sleeper)
    });
    let stopped = child.stop().await.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(stopped.others.len(), 4, "{stopped}");
    assert!(stopped.killed.is_empty(), "{stopped}");
    successors.join().expect("started").into_iter().for_each(assert_unharmed);
}
