//! What is to be done when a thread ends, without a thread-local that has a destructor: to make one
//! of those takes the lock of the loader, which a library that never ends loading holds for good.

#![allow(unsafe_code, reason = "keys of threads have no safe face in std")]

use std::{ffi::c_void, mem, ptr, sync::OnceLock};

/// Has `run` called at the end of this thread, after the destructors of its thread-locals; says
/// whether that can be. Whoever asks within such a call is called once more.
pub(crate) fn at_thread_end(run: fn()) -> bool {
    static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: a valid place for the key; `end` is called with what was set here, by which time
        // this code is still there: who unloads a library that runs Rust threads has no say in that.
        let refused = unsafe { libc::pthread_key_create(&raw mut key, Some(end)) };
        (refused == 0).then_some(key)
    });
    // SAFETY: the key was made, and is never deleted.
    key.is_some_and(|key| unsafe { libc::pthread_setspecific(key, run as *const c_void) == 0 })
}

unsafe extern "C" fn end(run: *mut c_void) {
    debug_assert_ne!(run, ptr::null_mut(), "the system calls nobody who has set nothing");
    // SAFETY: nothing but a `fn()` is ever set.
    let run = unsafe { mem::transmute::<*mut c_void, fn()>(run) };
    run();
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::at_thread_end;

    static ENDED: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn it_is_done_when_the_thread_ends_and_not_before() {
        thread::spawn(|| {
            for _ in 0..2 {
                assert!(at_thread_end(|| {
                    ENDED.fetch_add(1, Ordering::SeqCst);
                }));
            }
            assert_eq!(ENDED.load(Ordering::SeqCst), 0);
        })
        .join()
        .unwrap();
        assert_eq!(ENDED.load(Ordering::SeqCst), 1);
    }
}
