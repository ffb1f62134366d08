use std::{ffi::c_int, mem::MaybeUninit, ptr, sync::mpsc::channel, thread, time::Duration};

use super::{in_process, said, this_test};
use crate::{
    Signal,
    os::{
        Call, Disposition,
        unix::{
            Waker, exit_now, is_forked_child, listen, listening, run_as_application, run_first,
            spawn,
        },
    },
};

const LONG: Option<Duration> = Some(Duration::from_secs(10));
const SHORT: Option<Duration> = Some(Duration::from_millis(150));

fn waker(signals: &[Signal]) -> &'static Waker {
    let waker = Box::leak(Box::new(Waker::new().unwrap()));
    listen(waker, signals).unwrap();
    assert_eq!(waker.wait(LONG), [Call::Woken]);
    waker
}

pub(super) fn set_handler(signal: c_int, handler: libc::sighandler_t) {
    // SAFETY: zeros are a valid `sigaction`, and the handlers of these tests are safe where they
    // run.
    unsafe {
        let mut action = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        action.sa_sigaction = handler;
        assert_eq!(libc::sigaction(signal, &raw const action, ptr::null_mut()), 0);
    }
}

fn kill(process: libc::pid_t, signal: c_int) {
    // SAFETY: `kill` has no precondition.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
}

fn own_pid() -> libc::pid_t {
    std::process::id().cast_signed()
}

fn block(signal: c_int) {
    // SAFETY: a set that `sigemptyset` fills.
    unsafe {
        let mut set = MaybeUninit::uninit();
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), signal);
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut());
    }
}

pub(super) fn ended(process: libc::pid_t) -> c_int {
    let mut status = 0;
    // SAFETY: a valid place.
    assert_eq!(unsafe { libc::waitpid(process, &raw mut status, 0) }, process);
    status
}

fn heard(calls: &[Call]) -> Vec<Signal> {
    let of = |call: &Call| match call {
        Call::Signal(signal, _) => Some(*signal),
        Call::Woken => None,
    };
    calls.iter().filter_map(of).collect()
}

/// What a test's own handler saw.
static SEEN: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);

extern "C" fn note(signal: c_int) {
    SEEN.store(signal, std::sync::atomic::Ordering::SeqCst);
}

#[test]
fn a_signal_that_came_blocked_is_heard() {
    let result = in_process(
        || {
            // Of every thread that there is, as inherited from a parent.
            for signal in [Signal::Term, Signal::Int, Signal::Hup, Signal::Quit] {
                block(signal.number());
            }
            let (say, heard_by) = channel();
            let waker: &'static Waker = Box::leak(Box::new(Waker::new().unwrap()));
            spawn("lifecycle", move || {
                loop {
                    say.send(heard(&waker.wait(None))).unwrap();
                }
            })
            .unwrap();
            listen(waker, &[Signal::Term]).unwrap();
            assert!(listening(&[Signal::Term])[0].is_blocked_here);
            assert_eq!(heard_by.recv_timeout(LONG.unwrap()).unwrap(), []);
            kill(own_pid(), libc::SIGTERM);
            assert_eq!(heard_by.recv_timeout(LONG.unwrap()).unwrap(), [Signal::Term]);
            // One that is listened for later.
            listen(waker, &[Signal::Hup]).unwrap();
            assert_eq!(heard_by.recv_timeout(LONG.unwrap()).unwrap(), []);
            kill(own_pid(), libc::SIGHUP);
            assert_eq!(heard_by.recv_timeout(LONG.unwrap()).unwrap(), [Signal::Hup]);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

#[test]
fn what_came_ignored_stays_so_and_what_was_replaced_is_seen() {
    let result = in_process(
        || {
            set_handler(libc::SIGINT, libc::SIG_IGN);
            let waker = waker(&[Signal::Term, Signal::Int]);
            let dispositions =
                || listening(&[Signal::Term, Signal::Int, Signal::Quit]).map_dispositions();
            let (heard_, ignored, not) =
                (Disposition::Heard, Disposition::Ignored, Disposition::NotListened);
            assert_eq!(dispositions(), [heard_, ignored, not]);
            kill(own_pid(), libc::SIGINT);
            kill(own_pid(), libc::SIGTERM);
            assert_eq!(heard(&waker.wait(LONG)), [Signal::Term]);
            set_handler(libc::SIGTERM, note as *const () as libc::sighandler_t);
            assert_eq!(dispositions()[0], Disposition::Replaced);
            set_handler(libc::SIGTERM, libc::SIG_DFL);
            assert_eq!(dispositions()[0], Disposition::Replaced);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

trait MapDispositions {
    fn map_dispositions(self) -> Vec<Disposition>;
}

impl MapDispositions for Vec<crate::os::Listening> {
    fn map_dispositions(self) -> Vec<Disposition> {
        self.into_iter().map(|listening| listening.disposition).collect()
    }
}

#[test]
fn a_forked_child_dies_of_its_signal_and_its_parent_hears_nothing() {
    let result = in_process(
        || {
            // Somebody who starts this in the background has it ignored.
            set_handler(libc::SIGINT, libc::SIG_DFL);
            let waker = waker(&[Signal::Term, Signal::Int]);
            assert!(!is_forked_child());
            for signal in [libc::SIGTERM, libc::SIGINT] {
                // SAFETY: the child waits for its end.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    if !is_forked_child() {
                        exit_now(1);
                    }
                    loop {
                        // SAFETY: `pause` has no precondition.
                        unsafe { libc::pause() };
                    }
                }
                kill(child, signal);
                let status = ended(child);
                assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == signal, "{status}");
                assert_eq!(waker.wait(SHORT), []);
            }
            kill(own_pid(), libc::SIGTERM);
            assert_eq!(heard(&waker.wait(LONG)), [Signal::Term]);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

#[test]
fn a_forked_child_that_listens_hears_for_itself() {
    let result = in_process(
        || {
            let parents = waker(&[Signal::Term]);
            // SAFETY: the child has one thread and needs no other.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let own = waker(&[Signal::Term]);
                assert!(!is_forked_child());
                kill(own_pid(), libc::SIGTERM);
                exit_now(u8::from(heard(&own.wait(LONG)) != [Signal::Term]));
            }
            let status = ended(child);
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{status}");
            assert_eq!(parents.wait(SHORT), []);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

#[test]
fn a_forked_child_keeps_the_applications_own_handler() {
    let result = in_process(
        || {
            set_handler(libc::SIGTERM, note as *const () as libc::sighandler_t);
            let _waker = waker(&[Signal::Term]);
            // SAFETY: the child ends at once.
            let child = unsafe { libc::fork() };
            if child == 0 {
                kill(own_pid(), libc::SIGTERM);
                exit_now(SEEN.load(std::sync::atomic::Ordering::SeqCst) as u8);
            }
            let status = ended(child);
            assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 15, "{status}");
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

/// The child of a `vfork` has its parent's memory.
#[test]
#[cfg(target_os = "linux")]
fn a_child_by_vfork_dies_of_its_signal_and_leaves_its_parents_memory_alone() {
    extern "C" fn child(_: *mut libc::c_void) -> c_int {
        kill(unsafe { libc::getpid() }, libc::SIGTERM);
        7
    }
    let result = in_process(
        || {
            let waker = waker(&[Signal::Term]);
            let mut stack = vec![0_u128; 4096];
            for _ in 0..20 {
                // SAFETY: a stack of its own, and this thread waits for its end.
                let process = unsafe {
                    let top = stack.as_mut_ptr().add(4096).cast();
                    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
                    libc::clone(child, top, flags, ptr::null_mut())
                };
                let status = ended(process);
                assert!(libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == 15, "{status}");
            }
            assert_eq!(waker.wait(SHORT), []);
            // The registry waits for handlers that are running: none may be left.
            listen(waker, &[Signal::Hup]).unwrap();
            assert_eq!(waker.wait(LONG), [Call::Woken]);
            kill(own_pid(), libc::SIGTERM);
            assert_eq!(heard(&waker.wait(LONG)), [Signal::Term]);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

#[test]
#[cfg(target_os = "linux")]
fn descriptors_that_are_closed_or_denied_do_not_make_it_deaf() {
    let result = in_process(
        || {
            let waker = waker(&[Signal::Term]);
            for fd in 0..1024 {
                // SAFETY: none of them is used by what follows.
                unsafe { libc::close(fd) };
            }
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: a valid limit.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const none) };
            kill(own_pid(), libc::SIGTERM);
            if heard(&waker.wait(LONG)) != [Signal::Term] {
                exit_now(1);
            }
            // A new one needs none either.
            let other = Waker::new().unwrap();
            other.wake();
            exit_now(u8::from(other.wait(LONG) != [Call::Woken]));
        },
        this_test!(),
    );
    assert_eq!(result.status.code(), Some(0), "{}", said(&result));
}

#[test]
fn a_stop_is_asked_for_from_a_handler_of_the_application() {
    extern "C" fn ask(_: c_int) {
        // SAFETY: POSIX lists `raise` as async-signal-safe.
        unsafe { libc::raise(libc::SIGTERM) };
    }
    let result = in_process(
        || {
            let waker = waker(&[Signal::Term]);
            set_handler(libc::SIGUSR1, ask as *const () as libc::sighandler_t);
            for _ in 0..100 {
                // SAFETY: `raise` has no precondition.
                unsafe { libc::raise(libc::SIGUSR1) };
            }
            assert_eq!(heard(&waker.wait(LONG)), [Signal::Term]);
            assert_eq!(waker.wait(SHORT), []);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

#[test]
fn the_librarys_threads_hear_nothing_and_the_applications_keep_their_mask() {
    fn is_blocked(signal: c_int) -> bool {
        super::super::threads::Mask::current().has(signal)
    }
    let result = in_process(
        || {
            block(libc::SIGUSR2);
            let (say, blocked) = channel();
            let of = [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGALRM, libc::SIGUSR2, libc::SIGSEGV];
            spawn("lifecycle", move || {
                say.send(of.map(is_blocked)).unwrap();
                run_as_application();
                say.send(of.map(is_blocked)).unwrap();
                thread::spawn(move || say.send(of.map(is_blocked)).unwrap());
            })
            .unwrap();
            let next = || blocked.recv_timeout(LONG.unwrap()).unwrap();
            assert_eq!(next(), [true, true, true, true, false]);
            assert_eq!(next(), [false, false, false, true, false]);
            assert_eq!(next(), [false, false, false, true, false]);
            assert_eq!(of.map(is_blocked), [false, false, false, true, false]);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

/// Where it is allowed.
#[test]
#[cfg(target_os = "linux")]
fn the_librarys_threads_run_first_and_the_applications_as_before() {
    fn nice() -> c_int {
        // SAFETY: `getpriority` has no precondition.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }
    let result = in_process(
        || {
            let (say, said) = channel();
            let before = nice();
            spawn("lifecycle", move || {
                run_first();
                let first = nice();
                assert!(first == -20 || first == before, "{first}");
                spawn("lifecycle-log", move || {
                    run_as_application();
                    say.send(nice()).unwrap();
                })
                .unwrap();
            })
            .unwrap();
            assert_eq!(said.recv_timeout(LONG.unwrap()).unwrap(), before);
            assert_eq!(nice(), before);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}
