use std::{sync::Mutex, thread, time::Duration};

use super::{in_process, said, signals::ended, this_test};
use crate::os::unix::{exit_now, fork};

static LOCK: Mutex<()> = Mutex::new(());

/// As the library's thread does: awake it takes locks, asleep it has none.
fn works() {
    loop {
        fork::wakes();
        let held = LOCK.lock();
        thread::sleep(Duration::from_micros(100));
        drop(held);
        fork::sleeps();
        thread::sleep(Duration::from_micros(100));
    }
}

#[test]
fn a_fork_finds_no_lock_of_the_librarys_thread_held() {
    let result = in_process(
        || {
            fork::watch();
            thread::spawn(works);
            for _ in 0..500 {
                // SAFETY: the child only looks at the lock.
                let child = unsafe { libc::fork() };
                if child == 0 {
                    exit_now(u8::from(LOCK.try_lock().is_err()));
                }
                assert_eq!(ended(child), 0, "the child found the lock held");
            }
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}

#[test]
fn a_fork_does_not_wait_for_ever_for_a_thread_that_is_held() {
    let result = in_process(
        || {
            fork::watch();
            thread::spawn(|| {
                fork::wakes();
                thread::sleep(Duration::from_secs(60));
            });
            thread::sleep(Duration::from_millis(50));
            // SAFETY: the child ends at once.
            let child = unsafe { libc::fork() };
            if child == 0 {
                exit_now(0);
            }
            assert_eq!(ended(child), 0);
        },
        this_test!(),
    );
    assert!(result.status.success(), "{}", said(&result));
}
