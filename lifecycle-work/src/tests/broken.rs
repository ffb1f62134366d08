//! Sources, handlers and stops that are not as they should be.

use tokio::time::Instant;

use super::*;

/// A queue of which one call is broken.
struct Broken {
    queue: FakeSource<u64>,
    call: &'static str,
    how: How,
}

#[derive(Clone, Copy)]
enum How {
    Panics,
    Takes(Duration),
}

impl Broken {
    async fn meet(&self, call: &str) {
        if call == self.call {
            match self.how {
                How::Panics => panic!("the client has an error in {call}"),
                How::Takes(time) => sleep(time).await,
            }
        }
    }

    fn look(&self, call: &str) {
        assert!(call != self.call, "the client has an error in {call}");
    }
}

impl Source for Broken {
    type Job = FakeJob<u64>;

    async fn receive(&self, max: usize) -> Result<Vec<FakeJob<u64>>, SourceError> {
        self.meet("receive").await;
        self.queue.receive(max).await
    }

    async fn ack(&self, job: &FakeJob<u64>) -> Result<(), SourceError> {
        self.meet("ack").await;
        self.queue.ack(job).await
    }

    async fn give_back(&self, job: FakeJob<u64>) -> Result<(), SourceError> {
        self.meet("give_back").await;
        self.queue.give_back(job).await
    }

    async fn renew(&self, job: &FakeJob<u64>) -> Result<(), SourceError> {
        self.meet("renew").await;
        self.meet(&format!("renew {}", **job)).await;
        self.queue.renew(job).await
    }

    async fn fail(&self, job: FakeJob<u64>, error: &str) -> Result<(), SourceError> {
        self.meet("fail").await;
        self.queue.fail(job, error).await
    }

    async fn quiet(&self) -> Result<(), SourceError> {
        self.meet("quiet").await;
        self.queue.quiet().await
    }

    fn class<'job>(&self, _: &'job FakeJob<u64>) -> &'job str {
        self.look("class");
        ""
    }

    fn id(&self, job: &FakeJob<u64>) -> String {
        self.look("id");
        job.to_string()
    }

    fn lease(&self) -> Option<Duration> {
        self.queue.lease()
    }
}

const fn told(worked: &Worked) -> u64 {
    let Worked { done, failed, given_back, abandoned, untold, .. } = *worked;
    done + failed + given_back + abandoned + untold
}

#[tokio::test(start_paused = true)]
async fn a_source_that_panics_is_one_that_fails() {
    for call in ["receive", "ack", "give_back", "fail", "renew", "quiet", "class", "id"] {
        let queue = FakeSource::new([300, 301, 7_000, 600_000]).visibility_timeout(secs(4));
        let source = Broken { queue: queue.clone(), call, how: How::Panics };
        let worker = consumer("orders").concurrency(3).prefetch(4);
        let (report, worked) = stopped(secs(2), async move {
            let handler = |job: FakeJob<u64>| async move {
                sleep(ms(*job)).await;
                if *job == 301 { Err("not today") } else { Ok(()) }
            };
            worker.run(source, handler).await
        })
        .await;
        assert_eq!(told(&worked), worked.received, "{call}: {worked}: {report}");
        assert!(report.total() < secs(29), "{call}: {report}");
        let received = if call == "receive" { 0 } else { 4 };
        assert!(worked.received >= received, "{call}: {worked}");
        if !["receive", "ack", "renew"].contains(&call) {
            assert!(queue.done().contains(&7_000), "{call}: others go on: {worked}: {report}");
        }
        assert!(queue.faults().is_empty(), "{call}: {:?}", queue.faults());
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_and_whose_lease_was_lost_makes_room() {
    let queue = FakeSource::new([40_000, 1]).visibility_timeout(secs(10));
    let source = Broken { queue: queue.clone(), call: "renew 1", how: How::Takes(secs(3_600)) };
    let worker = consumer("orders").concurrency(1).prefetch(2);
    let (report, worked) = stopped(secs(25), async move {
        worker.run(source, |job| async move { sleep(ms(*job)).await }).await
    })
    .await;

    // One runs all the time; the other comes three times, and is given back at last.
    assert_eq!((worked.done, worked.untold, worked.given_back), (1, 2, 1), "{worked}: {report}");
    assert_eq!(told(&worked), worked.received, "{worked}: {report}");
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_took_longer_than_a_lease_brings_jobs_that_are_not_lost() {
    let queue = FakeSource::new([]).visibility_timeout(secs(10)).long_poll(secs(3_600));
    let (source, late) = (queue.clone(), queue.clone());
    let (report, worked) = stopped(secs(60), async move {
        tokio::spawn(async move {
            sleep(secs(30)).await;
            late.push(15_000);
        });
        consumer("orders").run(source, |job| async move { sleep(ms(*job)).await }).await
    })
    .await;
    assert_eq!((worked.received, worked.done), (1, 1), "{report}");
    assert_eq!(queue.deliveries(), 1);
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_dropped_before_the_broker_gives_its_job_to_somebody_else() {
    let queue = FakeSource::new([]).visibility_timeout(secs(10));
    let (source, late) = (queue.clone(), queue.clone());
    let running = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&most);
    let (report, _) = stopped(secs(15), async move {
        tokio::spawn(async move {
            sleep(ms(1_650)).await;
            // The next receive begins when this one has come, and its lease counts from there.
            late.push(1);
            sleep(ms(10)).await;
            late.push(600_000);
            sleep(ms(100)).await;
            late.refuse(u32::MAX);
        });
        let handler = move |job: FakeJob<u64>| {
            let (runs, most) = (Runs::new(&running), Arc::clone(&most));
            async move {
                most.fetch_max(runs.0.load(Ordering::Relaxed), Ordering::Relaxed);
                sleep(ms(*job)).await;
            }
        };
        consumer("orders").run(source, handler).await
    })
    .await;
    assert!(queue.deliveries() >= 2, "{report}");
    assert_eq!(seen.load(Ordering::Relaxed), 1, "at once");
}

/// One handler that runs.
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn new(running: &Arc<AtomicUsize>) -> Self {
        running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(running))
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

otherwise! {
    Hasty { receives: Arc<Mutex<Vec<Instant>>> }

    async fn receive(&self, _: usize) -> Result<Vec<FakeJob<u64>>, SourceError> {
        let mut receives = self.receives.lock().unwrap();
        receives.push(Instant::now());
        assert!(receives.len() < 10_000, "it is asked without end");
        Ok(Vec::new())
    }

    async fn give_back(&self, job: FakeJob<u64>) -> Result<(), SourceError> {
        self.queue.give_back(job).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_has_nothing_and_says_so_at_once_is_not_asked_without_end() {
    let receives = Arc::new(Mutex::new(Vec::new()));
    let source = Hasty { queue: FakeSource::new([]), receives: Arc::clone(&receives) };
    let (report, worked) =
        stopped(secs(10), async move { consumer("orders").run(source, |_| async {}).await }).await;
    assert_eq!(worked.received, 0, "{report}");
    let receives = receives.lock().unwrap().clone();
    assert!((50..500).contains(&receives.len()), "{}", receives.len());
    assert!(receives[1] - receives[0] < ms(10), "somebody else may have been faster");
}

#[tokio::test(start_paused = true)]
async fn what_a_settled_receive_brings_does_not_wait_for_a_source_that_does_not_go_quiet() {
    let queue = FakeSource::new([]).latency(ms(60));
    let (late, seen) = (queue.clone(), queue.clone());
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let of_main = Arc::clone(&waiting);
    let source = Broken { queue: queue.clone(), call: "quiet", how: How::Takes(secs(3_600)) };
    let (report, worked) = stopped(secs(1), async move {
        tokio::spawn(async move {
            sleep(ms(980)).await;
            late.push(5);
            sleep(ms(520)).await;
            *of_main.lock().unwrap() = seen.waiting();
        });
        consumer("orders").run(source, |_| async {}).await
    })
    .await;
    assert_eq!(worked.given_back, 1, "{worked}: {report}");
    assert_eq!(*waiting.lock().unwrap(), [5], "half a second after the request");
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the handler's destructor panics");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_destructor_panics_does_not_keep_its_job() {
    for call in ["", "give_back"] {
        let queue = FakeSource::new([600_000, 600_001, 600_002]);
        let source = Broken { queue: queue.clone(), call, how: How::Takes(ms(400)) };
        let source = source.classed_by(|job: &FakeJob<u64>| match **job {
            600_000 => "finish",
            600_001 => "requeue",
            _ => "abandon",
        });
        let worker = consumer("orders")
            .class(Class::new("finish"))
            .class(Class::new("requeue").requeue())
            .class(Class::new("abandon").abandon());
        let (report, worked) = stopped(secs(1), async move {
            let handler = |job: FakeJob<u64>| async move {
                let _bomb = Bomb;
                sleep(ms(*job)).await;
            };
            worker.run(source, handler).await
        })
        .await;
        assert_eq!((worked.given_back, worked.abandoned), (2, 1), "{worked}: {report}");
        assert_eq!(report.exit_code(), 70, "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_of_the_consumers_of_one_name_has_its_line() {
    let (queue, other) = (FakeSource::new([500; 3]), FakeSource::new([500; 4]));
    let sources = (queue.clone(), other.clone());
    let (report, _) = stopped(ms(100), async move {
        let worker = consumer("orders");
        let handler = |job: FakeJob<u64>| async move { sleep(ms(*job)).await };
        let (one, _) = tokio::join!(worker.run(sources.0, handler), worker.run(sources.1, handler));
        one
    })
    .await;
    assert!(report.is_clean(), "{report}");
    let notes = notes(&report);
    assert!(notes.contains("consumer orders: 3 received, 3 done\n"), "{notes}");
    assert!(notes.contains("consumer orders (2): 4 received, 4 done\n"), "{notes}");
}

#[tokio::test(start_paused = true)]
async fn times_without_end_are_no_error() {
    let queue = FakeSource::new([600_000, 100]);
    let source = queue.clone();
    let worker = consumer("orders").requeue_after(Duration::MAX).lease(Duration::MAX);
    let report = Scenario::new()
        .config(Config::new().grace_period(secs(30)).shutdown_delay(secs(3)))
        .main(async move {
            lifecycle_core::ready();
            let worker = worker.settle(Duration::MAX);
            worker.run(source, |job| async move { sleep(ms(*job)).await }).await;
        })
        .signal_at(secs(1), Signal::Term)
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((queue.done(), queue.waiting()), (vec![100], vec![600_000]), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_frozen_does_not_outlast_a_short_drain() {
    let queue = FakeSource::<u64>::new([]);
    queue.freeze();
    let source = queue.clone();
    let report = Scenario::new()
        .config(Config::new().grace_period(secs(4)))
        .main(async move {
            consumer("orders").run(source, |_| async {}).await;
        })
        .signal_at(secs(1), Signal::Term)
        .run()
        .await;
    println!("{report}\n{}", notes(&report));
    assert!(!report.drain().main_did_not_return(), "{report}");
}

/// A handler that keeps its thread cannot be stopped: its job goes to somebody else, and is named;
/// also where the handler ends, or yields at last, before the broker has the job.
#[tokio::test(flavor = "multi_thread", worker_threads = 5)]
async fn a_job_whose_handler_does_not_yield_is_given_back_and_named() {
    let queue = FakeSource::new([1_000, 1_001, 1_002]);
    let how = How::Takes(ms(1_200));
    let source = Broken { queue: queue.clone(), call: "give_back", how };
    let worked = Arc::new(Mutex::new(Worked::default()));
    let of_main = Arc::clone(&worked);
    let report = Config::new()
        .grace_period(secs(20))
        .signals([])
        .run(async move {
            std::thread::spawn(|| {
                std::thread::sleep(ms(200));
                lifecycle_core::shutdown("test");
            });
            let handler = |job: FakeJob<u64>| async move {
                std::thread::sleep(ms(*job));
                if *job == 1_001 {
                    std::future::pending::<()>().await;
                }
            };
            *of_main.lock().unwrap() = consumer("orders").requeue().run(source, handler).await;
        })
        .await;
    let worked = *worked.lock().unwrap();
    assert_eq!((worked.done, worked.given_back), (0, 3), "{report}");
    assert_eq!(queue.waiting().len(), 3);
    assert_eq!((report.exit_code(), report.drain().abandoned()), (70, 3), "{report}");
    assert_eq!(notes(&report).matches("it does not yield").count(), 3, "{report}");
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_comes_after_the_ack_is_no_fault() {
    let queue = FakeSource::new([4_750]).visibility_timeout(secs(10)).latency(ms(200));
    let (report, worked) = stop_at(secs(7), consumer("orders"), &queue).await;
    assert_eq!((worked.done, queue.renewals()), (1, 0), "{report}");
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_begun_again_and_again_does_not_fill_the_report() {
    let queue = FakeSource::new([700; 30]);
    let source = Arc::new(queue.clone());
    let (report, _) = stopped(secs(4), async move {
        let worker = consumer("orders").concurrency(3);
        let handler = |job: FakeJob<u64>| async move { sleep(ms(*job)).await };
        while tokio::time::timeout(ms(250), worker.run(Arc::clone(&source), handler)).await.is_err()
        {
        }
        Worked::default()
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert!(report.notes().len() < 6, "{report}");
    assert_eq!(queue.done().len() + queue.waiting().len(), 30);
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
}
