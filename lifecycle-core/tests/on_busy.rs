//! Closures of `on_busy` in a process: one is told, one never returns, one panics.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lifecycle_core::{Config, Site};

static WORK: Site = Site::new("work");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flapping_is_coalesced_and_neither_a_hang_nor_a_panic_holds_the_stop() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (notes, panicked) = (Arc::clone(&told), Arc::new(AtomicBool::new(false)));
    let panics = Arc::clone(&panicked);
    let config = Config::new()
        .on_busy(move |busy| notes.lock().expect("no panic").push((busy, Instant::now())))
        .on_busy(|_| std::thread::sleep(Duration::from_secs(3_600)))
        .on_busy(move |_| {
            assert!(!panics.swap(true, Ordering::SeqCst), "it was told again");
            panic!("of the test");
        });
    let calls = || told.lock().expect("no panic").clone();
    let report = config.run(async {
        let pause = || tokio::time::sleep(Duration::from_millis(300));
        lifecycle_core::ready();
        pause().await;
        assert_eq!(calls(), [], "nothing was in flight");

        // At once, and not at the next look.
        let began = Instant::now();
        let guard = WORK.admit().expect("it runs");
        while calls().is_empty() {
            assert!(began.elapsed() < Duration::from_secs(5), "nobody is told");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        pause().await;
        assert_eq!(calls().len(), 1, "it is still busy");
        drop(guard);
        pause().await;
        assert_eq!(calls().len(), 2, "it is idle");

        let began = Instant::now();
        let mut flaps = 0;
        while began.elapsed() < Duration::from_secs(1) {
            flaps += 1;
            drop(WORK.admit().expect("it runs"));
            std::thread::sleep(Duration::from_micros(30));
        }
        assert!(flaps > 2_000, "{flaps}");
        pause().await;
        let during = calls().len() - 2;
        assert!(during <= 14, "told {during} times of {flaps}");
        assert!(!calls().last().expect("some").0, "it is idle");

        // In flight when the stop begins, and for 400 ms of it.
        let guard = WORK.admit().expect("it runs");
        tokio::spawn(async move {
            lifecycle_core::draining().await;
            tokio::time::sleep(Duration::from_millis(400)).await;
            drop(guard);
        });
        pause().await;
        assert!(calls().last().expect("some").0, "it is busy");
        lifecycle_core::shutdown("over");
        lifecycle_core::draining().await;
    });
    let report = report.await;
    assert!(report.is_clean(), "{report}");
    assert!(report.total() < Duration::from_secs(2), "{report}");
    // This returned to an embedder, and nothing is told any more.
    let at_the_end = calls();
    assert!(at_the_end.iter().zip(&at_the_end[1..]).all(|(a, b)| a.0 != b.0), "they alternate");
    assert!(!at_the_end.last().expect("some").0, "it is idle");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(calls().len(), at_the_end.len());
    assert!(panicked.load(Ordering::SeqCst));
}
