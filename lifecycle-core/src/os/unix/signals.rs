//! Signals that wake the library's own thread.

#![allow(unsafe_code, reason = "signal handlers have no safe face in std")]

use std::{
    io,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, AtomicUsize, Ordering},
};

use super::{
    guard, heard,
    pid::own_pid,
    threads::{Mask, bit},
    waker::Waker,
};
use crate::{
    Signal, SignalSender,
    os::{Disposition, Listening},
};

/// Who is woken: null, or `'static`.
static EAR: AtomicPtr<Waker> = AtomicPtr::new(ptr::null_mut());
/// The process that listens. A child that was forked has our handler and none of our threads.
static OWNER: AtomicI32 = AtomicI32::new(0);
/// A bit for each of those that the application had a handler of its own for; the registry calls
/// it.
static CHAINED: AtomicU64 = AtomicU64::new(0);
/// What `sigaction` shows where the registry's handler is installed.
static HANDLER: AtomicUsize = AtomicUsize::new(0);

/// Makes `signals` wake `waker` from now to the end of the process, beside whoever else listens
/// through the same registry (`tokio::signal` does). A signal that this process inherited as
/// ignored stays so. Called again in a child that was forked, it makes that child the process that
/// listens.
pub(crate) fn listen(waker: &'static Waker, signals: &[Signal]) -> io::Result<()> {
    EAR.store(ptr::from_ref(waker).cast_mut(), Ordering::Release);
    OWNER.store(own_pid(), Ordering::Release);
    for signal in signals {
        let number = signal.number();
        let before = installed(number);
        if before == libc::SIG_IGN || heard::has(number) {
            continue;
        }
        // SAFETY: what the action does inside of a signal handler is argued at `on_signal`.
        unsafe { signal_hook_registry::register_sigaction(number, on_signal) }.map_err(
            |error| io::Error::new(error.kind(), format!("cannot listen for {signal}: {error}")),
        )?;
        HANDLER.store(installed(number), Ordering::Release);
        if before != libc::SIG_DFL && before != installed(number) {
            CHAINED.fetch_or(bit(number), Ordering::AcqRel);
        }
        heard::add(number);
    }
    // It unblocks what it did not hear before.
    waker.wake();
    Ok(())
}

/// How each of `signals` stands; for the line at the start and whenever the library is awake
/// anyway.
pub(crate) fn listening(signals: &[Signal]) -> Vec<Listening> {
    let mask = Mask::current();
    let of = |&signal: &Signal| Listening {
        signal,
        disposition: disposition(signal),
        is_blocked_here: mask.has(signal.number()),
    };
    signals.iter().map(of).collect()
}

fn disposition(signal: Signal) -> Disposition {
    let number = signal.number();
    let is_registered = heard::has(number);
    match installed(number) {
        handler if is_registered && handler == HANDLER.load(Ordering::Acquire) => {
            Disposition::Heard
        }
        _ if is_registered => Disposition::Replaced,
        libc::SIG_IGN => Disposition::Ignored,
        _ => Disposition::NotListened,
    }
}

/// Whether this process is a child, forked without exec, of the one that listened: it has our
/// handlers and none of our threads.
pub(crate) fn is_forked_child() -> bool {
    !matches!(OWNER.load(Ordering::Acquire), 0) && OWNER.load(Ordering::Acquire) != own_pid()
}

/// Runs inside a signal handler, on any thread, in this process or in a child that has its memory.
///
/// It calls `getpid`, `sigaction`, `kill`, `clock_gettime` and `futex`, each a system call without
/// a lock in the C library (POSIX lists the first four as async-signal-safe), and otherwise reads
/// and writes atomics of 'static storage. It takes no lock, allocates nothing and cannot panic. The
/// registry keeps errno around it from version 1.4.8 on, which the manifest asks for. In a child it
/// writes to no memory: after `vfork` that is its parent's.
fn on_signal(info: &libc::siginfo_t) {
    let number = info.si_signo;
    if OWNER.load(Ordering::Acquire) != own_pid() {
        leave_to_system(number);
        return;
    }
    // SAFETY: null or 'static.
    if let Some(waker) = unsafe { EAR.load(Ordering::Acquire).as_ref() } {
        guard::signal_came(number);
        waker.put(number.unsigned_abs() as usize, sender(info));
    }
}

/// In a child: what the system would have done without us. The signal is blocked while its handler
/// runs, so that it is delivered once the handlers are through.
fn leave_to_system(number: libc::c_int) {
    if CHAINED.load(Ordering::Acquire) & bit(number) != 0 {
        // The application has a handler of its own, which the registry has called.
        return;
    }
    // SAFETY: a zeroed `sigaction` is a valid one, with the default action and no flags; the calls
    // touch nothing but this process's signals, which a `vfork` does not share.
    unsafe {
        let mut default = MaybeUninit::<libc::sigaction>::zeroed().assume_init();
        default.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(number, &raw const default, ptr::null_mut());
        libc::kill(own_pid(), number);
    }
}

fn sender(info: &libc::siginfo_t) -> Option<SignalSender> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match info.si_code {
        libc::SI_USER | libc::SI_QUEUE | libc::SI_TKILL => {
            // SAFETY: for these codes the kernel has filled in the sender.
            let (pid, uid) = unsafe { (info.si_pid(), info.si_uid()) };
            return Some(SignalSender::Process { pid: pid.cast_unsigned(), uid });
        }
        code if code > 0 => return Some(SignalSender::Kernel),
        _ => {}
    }
    let _ = info;
    None
}

/// The handler of a signal as the system has it, `SIG_DFL` and `SIG_IGN` included.
fn installed(number: libc::c_int) -> libc::sighandler_t {
    let mut current = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: a null new action only reads; the kernel fills `current` when it says 0.
    unsafe {
        if libc::sigaction(number, ptr::null(), current.as_mut_ptr()) != 0 {
            return libc::SIG_DFL;
        }
        current.assume_init().sa_sigaction
    }
}
