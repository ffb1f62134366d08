//! Children that have the library's handlers, and processes that have become another.

use std::process::{Command, ExitCode};

use lifecycle_attack_tests::os;
use tokio::runtime::Runtime;

use crate::{
    Attack, Early,
    kit::{note, obedient, only, pause, runtime_of, serve, thread},
};

pub(crate) const EARLY: &[Early] = &[
    ("daemonizes-before-install", |kind| {
        daemonize();
        lifecycle::install();
        serve::<note>(runtime_of(kind), obedient())
    }),
    ("daemonizes-before-run", |kind| {
        daemonize();
        serve::<note>(runtime_of(kind), obedient())
    }),
    ("daemonizes-after-install", |kind| {
        lifecycle::install();
        daemonize();
        serve::<note>(runtime_of(kind), obedient())
    }),
    ("daemonizes-between-installs", |kind| {
        lifecycle::install();
        daemonize();
        lifecycle::install();
        serve::<note>(runtime_of(kind), obedient())
    }),
    ("daemonizes-after-install-and-closes", |kind| {
        lifecycle::install();
        daemonize();
        os::close_from(3);
        serve::<note>(runtime_of(kind), obedient())
    }),
    ("daemonizes-after-install-and-is-held", |kind| {
        lifecycle::install();
        daemonize();
        serve::<crate::kit::blocks>(runtime_of(kind), obedient())
    }),
];

pub(crate) const ATTACKS: &[Attack] = &[
    ("forks", |runtime| with_child(runtime, || os::fork(pauses))),
    ("forks-and-asks", |runtime| {
        with_child(runtime, || {
            os::fork(|| {
                // Of its own copy, whose threads are its parent's.
                lifecycle::shutdown("in the child");
                let _ = (lifecycle::state(), lifecycle::status().in_flight());
                os::say("asked");
                pauses()
            })
        })
    }),
    ("vforks", |runtime| {
        thread(|| {
            pause(100);
            let child = os::vfork_and_pause();
            os::say(&format!("child ended: {}", os::wait(child)));
        });
        serve::<note>(runtime, obedient())
    }),
    ("spawns", |runtime| {
        let child = Command::new("sleep").arg("60").spawn();
        let Ok(mut child) = child else { panic!("no child") };
        thread(move || {
            os::say(&format!("child {}", child.id()));
            let ended = child.wait().map(|status| format!("child ended: {}", of(status)));
            os::say(&ended.unwrap_or_default());
        });
        serve::<note>(runtime, obedient())
    }),
    ("spawns-and-kills", |runtime| {
        thread(|| {
            // Each is hit around its exec.
            for _ in 0..300 {
                let Ok(mut child) = Command::new("sleep").arg("60").spawn() else { break };
                os::kill(child.id().cast_signed(), libc::SIGTERM);
                let ended = child.wait().map(of);
                assert_eq!(ended.ok().as_deref(), Some("signal 15"));
            }
            os::say("spawned");
        });
        serve::<note>(runtime, obedient())
    }),
    ("forks-and-runs", |runtime| {
        with_child(runtime, || {
            os::fork(|| {
                os::say(&format!("child {}", std::process::id()));
                let runtime = runtime_of("current_thread");
                i32::from(runtime.block_on(only::<note>().run(obedient())).exit_code())
            })
        })
    }),
];

fn of(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(signal) => format!("signal {signal}"),
        None => format!("code {}", status.code().unwrap_or_default()),
    }
}

fn pauses() -> i32 {
    os::say(&format!("child {}", std::process::id()));
    os::block()
}

fn with_child(runtime: Runtime, fork: fn() -> i32) -> ExitCode {
    thread(move || {
        while lifecycle::state() < lifecycle::State::Running {
            pause(5);
        }
        pause(50);
        let child = fork();
        os::say(&format!("child ended: {}", os::wait(child)));
    });
    serve::<note>(runtime, obedient())
}

/// Says who it is by then: the process that was started is gone.
fn daemonize() {
    os::daemonize();
    os::say(&format!("daemon {}", std::process::id()));
}
