//! A barrier with two halves of which one costs nothing.
//!
//! A thread that counts says `store; compiler fence; load`, which a processor may turn round. Who
//! wants to know says `store; Barrier::all_threads; load`: that has every other thread of the
//! process execute a full fence between two of its instructions. So for each thread, either its
//! load came after that and sees the store, or its own store came before and is seen.

#![cfg_attr(
    any(target_os = "linux", target_os = "android", windows),
    expect(unsafe_code, reason = "a system call")
)]

use std::{sync::OnceLock, thread, time::Duration};

/// How the stores of other threads are made visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Barrier {
    /// The kernel interrupts the others, so they need no fence of their own.
    System,
    /// Each thread has a fence of its own.
    Fence,
    /// Looked like `System`, but the kernel will refuse.
    #[cfg(test)]
    RefusedLater,
}

/// What forces the fences: for tests, and where a sandbox kills for a system call that it does not
/// know.
pub(crate) const VARIABLE: &str = "LIFECYCLE_BARRIER";

/// How long a processor may keep a store to itself, with a lot to spare. It writes back within
/// microseconds, and one that leaves a thread for another has done so before.
const STORE_IS_SEEN: Duration = Duration::from_millis(10);

impl Barrier {
    /// The one of this process: chosen at the first call, by what the system grants.
    pub(crate) fn of_process() -> Self {
        static CHOSEN: OnceLock<Barrier> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let forced = std::env::var_os(VARIABLE).is_some_and(|value| value == "fence");
            if !forced && system::register() { Self::System } else { Self::Fence }
        })
    }

    /// Whether threads that count need a fence of their own.
    pub(crate) fn needs_fences(self) -> bool {
        self == Self::Fence
    }

    /// Every other thread executes a full fence between the begin and the end of this, and so does
    /// the caller.
    ///
    /// A system that granted this and refuses it now (a sandbox that was entered late) leaves no
    /// way to interrupt anybody. Then this waits for longer than any processor keeps a store to
    /// itself.
    pub(crate) fn all_threads(self) {
        std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        let is_done = match self {
            Self::Fence => true,
            Self::System => system::all_threads(),
            #[cfg(test)]
            Self::RefusedLater => false,
        };
        if !is_done {
            thread::sleep(STORE_IS_SEEN);
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    pub(super) fn register() -> bool {
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
    }

    pub(super) fn all_threads() -> bool {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    fn membarrier(command: libc::c_int) -> bool {
        let none: libc::c_uint = 0;
        // SAFETY: `membarrier(command, flags, cpu)` takes three integers and touches no memory of
        // ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, none, none) == 0 }
    }
}

#[cfg(windows)]
mod system {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn FlushProcessWriteBuffers();
    }

    pub(super) fn register() -> bool {
        true
    }

    pub(super) fn all_threads() -> bool {
        // SAFETY: it takes nothing and cannot fail.
        unsafe { FlushProcessWriteBuffers() };
        true
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", windows)))]
mod system {
    pub(super) fn register() -> bool {
        false
    }

    pub(super) fn all_threads() -> bool {
        false
    }
}
