//! Stops of a worker on virtual time.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use lifecycle_core::{Config, Report, Signal, State, ext, testing::Scenario};
use tokio::time::sleep;

use crate::{
    Class, Consumer, Source, SourceError, Worked, consumer,
    testing::{FakeJob, FakeSource},
};

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A stop at `at` of a worker whose jobs take so long as they are numbers of milliseconds.
async fn stop_at(at: Duration, consumer: Consumer, queue: &FakeSource<u64>) -> (Report, Worked) {
    let source = queue.clone();
    stopped(
        at,
        async move { consumer.run(source, |job| async move { sleep(ms(*job)).await }).await },
    )
    .await
}

async fn stopped(at: Duration, work: impl Future<Output = Worked> + 'static) -> (Report, Worked) {
    let worked = Arc::new(Mutex::new(Worked::default()));
    let of_main = Arc::clone(&worked);
    let report = Scenario::new()
        .config(Config::new().grace_period(secs(30)))
        .main(async move { *of_main.lock().unwrap() = work.await })
        .signal_at(at, Signal::Term)
        .run()
        .await;
    let worked = *worked.lock().unwrap();
    (report, worked)
}

fn notes(report: &Report) -> String {
    report.notes().iter().map(|note| format!("{note}\n")).collect()
}

#[tokio::test(start_paused = true)]
async fn running_jobs_are_finished_and_waiting_ones_given_back() {
    let queue = FakeSource::new([800; 30]);
    let worker = consumer("orders").concurrency(4).prefetch(10);
    let (report, worked) = stop_at(ms(1_000), worker, &queue).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(queue.done().len(), 8);
    assert_eq!(queue.waiting().len(), 22);
    // Of the fourteen that were held, four ran.
    assert_eq!((worked.received, worked.done, worked.given_back), (14, 8, 6));
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
    assert!(
        notes(&report).contains("consumer orders: 14 received, 8 done, 6 given back"),
        "{report}"
    );
}

#[tokio::test(start_paused = true)]
async fn at_no_moment_of_a_stop_is_a_job_lost_or_run_twice() {
    for at in 0..400 {
        let queue = FakeSource::new((0..40).map(|n| 50 + 37 * (n % 7))).latency(ms(3));
        let worker = consumer("orders").concurrency(5).prefetch(9);
        let (report, worked) = stop_at(ms(at), worker, &queue).await;
        assert!(report.is_clean(), "at {at} ms: {report}");
        assert!(queue.invisible().is_empty(), "at {at} ms: {:?}", queue.invisible());
        assert_eq!(queue.done().len() + queue.waiting().len(), 40, "at {at} ms");
        let handed_out = queue.deliveries() as u64;
        assert_eq!(worked.received, handed_out, "at {at} ms");
        assert_eq!(worked.done + worked.given_back, handed_out, "at {at} ms");
        assert!(queue.faults().is_empty(), "at {at} ms: {:?}", queue.faults());
    }
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_is_parked_is_settled_and_what_it_brings_given_back() {
    let queue = FakeSource::new([]).latency(ms(400));
    let late = queue.clone();
    let source = queue.clone();
    let (report, worked) = stopped(ms(1_000), async move {
        tokio::spawn(async move {
            // Handed out 200 ms before the stop, under way until 200 ms after.
            sleep(ms(800)).await;
            late.push(1);
        });
        let run = consumer("orders").run(source, |_| async { unreachable!("it begins") as () });
        run.await
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((worked.received, worked.given_back), (1, 1));
    assert_eq!(queue.waiting(), [1]);
}

#[tokio::test(start_paused = true)]
async fn each_class_has_what_was_said_of_it() {
    let queue = FakeSource::new([20_000, 20_001, 20_002, 20_003, 20_004]);
    let source = queue.clone().classed_by(|job: &FakeJob<u64>| match **job {
        20_000 => "finish",
        20_001 => "requeue",
        20_002 => "later",
        20_003 => "abandon",
        _ => "nobody knows",
    });
    let worker = consumer("orders")
        .class(Class::new("finish").finish())
        .class(Class::new("requeue").requeue())
        .class(Class::new("later").requeue_after(secs(4)))
        .class(Class::new("abandon").abandon());
    let ended = Arc::new(Mutex::new(HashMap::new()));
    let of_jobs = Arc::clone(&ended);
    let began = tokio::time::Instant::now();
    let (report, worked) = stopped(secs(1), async move {
        let handler = move |job: FakeJob<u64>| {
            let ended = Ended(*job, Arc::clone(&of_jobs), began);
            async move {
                sleep(ms(*job)).await;
                drop(ended);
            }
        };
        worker.run(source, handler).await
    })
    .await;
    let at = |job| ended.lock().unwrap()[&job];
    assert!(at(20_000) > secs(19), "{:?}", at(20_000));
    assert!(at(20_001) < ms(1_500), "{:?}", at(20_001));
    assert!(at(20_002) > secs(5) && at(20_002) < ms(5_500), "{:?}", at(20_002));
    assert!(at(20_003) < ms(1_500), "{:?}", at(20_003));
    assert!(at(20_004) > secs(19), "of none of the classes: {:?}", at(20_004));
    assert_eq!((worked.done, worked.given_back, worked.abandoned), (2, 2, 1), "{report}");
    assert!(report.is_clean(), "it was declared: {report}");
    let report = notes(&report);
    assert!(report.contains("a job of class abandon was abandoned"), "{report}");
}

/// When a handler was dropped, done or not.
struct Ended(u64, Arc<Mutex<HashMap<u64, Duration>>>, tokio::time::Instant);

impl Drop for Ended {
    fn drop(&mut self) {
        self.1.lock().unwrap().insert(self.0, self.2.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_drain_has_no_time_for_is_given_back_and_the_stop_is_unclean() {
    let queue = FakeSource::new([500, 600_000]);
    let (report, worked) = stop_at(ms(100), consumer("orders"), &queue).await;
    assert_eq!((worked.done, worked.given_back), (1, 1));
    assert_eq!(queue.waiting(), [600_000], "another worker can have it at once");
    assert_eq!(report.exit_code(), 70, "{report}");
    assert!(notes(&report).contains("a job was given back after"), "{report}");
    assert!(queue.faults().is_empty(), "{:?}", queue.faults());
}

#[tokio::test(start_paused = true)]
async fn a_job_is_given_back_before_its_handler_is_dropped() {
    let queue = FakeSource::new([600_000]);
    let (source, seen) = (queue.clone(), Arc::new(Mutex::new(Vec::new())));
    let (looks, of_job) = (queue.clone(), Arc::clone(&seen));
    let (_, worked) = stopped(ms(100), async move {
        let handler = move |job: FakeJob<u64>| {
            let dropped = Dropped(looks.clone(), Arc::clone(&of_job));
            async move {
                sleep(ms(*job)).await;
                drop(dropped);
            }
        };
        consumer("orders").requeue().run(source, handler).await
    })
    .await;
    assert_eq!(worked.given_back, 1);
    assert_eq!(*seen.lock().unwrap(), [1], "waiting, when the handler was dropped");
}

/// How many jobs waited when a handler was dropped.
struct Dropped(FakeSource<u64>, Arc<Mutex<Vec<usize>>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0.waiting().len());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_holds_what_giving_back_waits_for_is_dropped_before() {
    // One connection for all, as a pool of one has.
    let connection = Arc::new(tokio::sync::Mutex::new(()));
    let queue = FakeSource::new([600_000]);
    let source = Pooled { queue: queue.clone(), connection: Arc::clone(&connection) };
    let (report, worked) = stopped(ms(100), async move {
        let handler = move |job: FakeJob<u64>| {
            let connection = Arc::clone(&connection);
            async move {
                let _held = connection.lock().await;
                sleep(ms(*job)).await;
            }
        };
        consumer("orders").requeue().run(source, handler).await
    })
    .await;
    assert_eq!(worked.given_back, 1);
    assert!(report.total() < secs(1), "{report}");
}

/// A queue of which something is otherwise.
macro_rules! otherwise {
    ($name:ident { $($field:ident: $type:ty),* } $($method:item)*) => {
        struct $name {
            queue: FakeSource<u64>,
            $($field: $type),*
        }

        impl Source for $name {
            type Job = FakeJob<u64>;
            $($method)*

            async fn ack(&self, job: &FakeJob<u64>) -> Result<(), SourceError> {
                self.queue.ack(job).await
            }

            async fn renew(&self, job: &FakeJob<u64>) -> Result<(), SourceError> {
                self.queue.renew(job).await
            }

            async fn quiet(&self) -> Result<(), SourceError> {
                self.queue.quiet().await
            }
        }
    };
}

otherwise! {
    Pooled { connection: Arc<tokio::sync::Mutex<()>> }

    async fn receive(&self, max: usize) -> Result<Vec<FakeJob<u64>>, SourceError> {
        self.queue.receive(max).await
    }

    async fn give_back(&self, job: FakeJob<u64>) -> Result<(), SourceError> {
        let _connection = self.connection.lock().await;
        self.queue.give_back(job).await
    }
}

otherwise! {
    Refusing { receives: AtomicUsize }

    async fn receive(&self, max: usize) -> Result<Vec<FakeJob<u64>>, SourceError> {
        if self.receives.fetch_add(1, Ordering::Relaxed) < 5 {
            return Err("connection refused".into());
        }
        self.queue.receive(max).await
    }

    async fn give_back(&self, job: FakeJob<u64>) -> Result<(), SourceError> {
        self.queue.give_back(job).await
    }
}

#[tokio::test(start_paused = true)]
async fn when_time_is_short_low_priorities_are_given_back_first() {
    let queue = FakeSource::new(0..40).latency(ms(1));
    let source = queue.clone().classed_by(|job: &FakeJob<u64>| NAMES[**job as usize]);
    let mut worker = consumer("orders").concurrency(40);
    for class in 0..40 {
        worker = worker.class(Class::named(class.to_string()).priority(class));
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let of_jobs = Arc::clone(&order);
    let (report, worked) = stopped(ms(100), async move {
        let handler = move |job: FakeJob<u64>| {
            let ended = Order(*job, Arc::clone(&of_jobs));
            async move {
                sleep(secs(600)).await;
                drop(ended);
            }
        };
        worker.run(source, handler).await
    })
    .await;
    assert_eq!(worked.given_back, 40, "{report}");
    assert_eq!(*order.lock().unwrap(), (0..40).collect::<Vec<_>>());
    // They share one budget: the drain's.
    assert!(report.total() < secs(28), "{report}");
    assert_eq!(queue.waiting().len(), 40);
}

struct Order(u64, Arc<Mutex<Vec<u64>>>);

impl Drop for Order {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// Each job is of a class of its own.
const NAMES: [&str; 40] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32",
    "33", "34", "35", "36", "37", "38", "39",
];

#[tokio::test(start_paused = true)]
async fn a_job_of_two_leases_is_renewed_and_runs_once_also_during_the_stop() {
    let queue = FakeSource::new([20_000]).visibility_timeout(secs(10));
    let (report, worked) = stop_at(secs(5), consumer("orders"), &queue).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((worked.received, worked.done, queue.deliveries()), (1, 1, 1));
    assert!(queue.renewals() >= 3, "{}", queue.renewals());
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_the_broker_has_shorter_is_the_brokers() {
    let queue = FakeSource::new([20_000]).visibility_timeout(secs(10));
    let (report, worked) = stop_at(secs(5), consumer("orders").lease(secs(60)), &queue).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((worked.done, queue.deliveries()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_a_place_keeps_its_lease() {
    let queue = FakeSource::new([12_000, 12_000]).visibility_timeout(secs(5));
    let worker = consumer("orders").concurrency(1).prefetch(2);
    let (report, worked) = stop_at(secs(23), worker, &queue).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((worked.done, queue.deliveries()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_lease_was_lost_is_dropped_and_named() {
    let queue = FakeSource::new([600_000]).visibility_timeout(secs(10));
    let broken = queue.clone();
    let source = queue.clone();
    let done = Arc::new(AtomicUsize::new(0));
    let (report, worked) = stopped(secs(14), async move {
        tokio::spawn(async move {
            sleep(secs(1)).await;
            broken.refuse(u32::MAX);
        });
        let handler = move |job: FakeJob<u64>| {
            let done = Arc::clone(&done);
            async move {
                sleep(ms(*job)).await;
                done.fetch_add(1, Ordering::Relaxed);
            }
        };
        consumer("orders").run(source, handler).await
    })
    .await;
    assert!(worked.untold >= 1, "{worked}");
    assert!(queue.deliveries() >= 2, "the broker gave it to somebody else");
    assert_eq!(worked.done, 0, "{report}");
}

#[tokio::test(start_paused = true)]
async fn an_ack_that_fails_is_tried_again_and_then_named() {
    let queue = FakeSource::new([100]);
    queue.refuse(2);
    let (report, worked) = stop_at(secs(1), consumer("orders"), &queue).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((worked.done, queue.done().len()), (1, 1));

    let queue = FakeSource::new([100]);
    queue.refuse(3);
    let (report, worked) = stop_at(ms(50), consumer("orders"), &queue).await;
    assert_eq!((worked.done, worked.untold), (0, 1));
    assert_eq!(report.exit_code(), 70, "{report}");
    assert!(notes(&report).contains("a job could not be acknowledged"), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_frozen_at_the_stop_holds_nothing_up_and_the_unfinished_is_named() {
    let queue = FakeSource::new([700, 900_000]).named(u64::to_string);
    let (frozen, source) = (queue.clone(), queue.clone());
    let (report, _) = stopped(ms(500), async move {
        tokio::spawn(async move {
            sleep(ms(400)).await;
            frozen.freeze();
        });
        consumer("orders").run(source, |job| async move { sleep(ms(*job)).await }).await
    })
    .await;
    assert!(report.total() < secs(28), "{report}");
    assert_eq!(report.exit_code(), 70, "{report}");
    let notes = notes(&report);
    assert!(notes.contains("2 in hand: job 700, job 900000"), "{notes}");
    assert!(notes.contains("a receive did not come back"), "{notes}");
    queue.thaw();
}

#[tokio::test(start_paused = true)]
async fn a_stop_asked_for_from_inside_a_handler_acknowledges_that_very_job() {
    let queue = FakeSource::new(0..10);
    let source = queue.clone();
    let (report, worked) = stopped(secs(60), async move {
        let handler = |job: FakeJob<u64>| async move {
            sleep(ms(100)).await;
            if *job == 3 {
                lifecycle_core::shutdown("job 3 says so");
            }
        };
        consumer("orders").concurrency(1).run(source, handler).await
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(queue.done(), [0, 1, 2, 3]);
    assert_eq!(worked.done, 4);
    assert_eq!(queue.waiting().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_or_panics_is_not_acknowledged() {
    let queue = FakeSource::new([1, 2, 3]);
    let source = queue.clone();
    let (report, worked) = stopped(secs(1), async move {
        let handler = |job: FakeJob<u64>| async move {
            match (*job, job.delivery()) {
                (1, 1) => Err("not today"),
                (2, 1) => panic!("never"),
                _ => Ok(()),
            }
        };
        consumer("orders").run(source, handler).await
    })
    .await;
    assert_eq!((worked.received, worked.done, worked.failed), (5, 3, 2), "{report}");
    assert_eq!(queue.done(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_is_asked_again() {
    let source = Refusing { queue: FakeSource::new([10]), receives: AtomicUsize::new(0) };
    let (report, worked) = stopped(secs(10), async move {
        consumer("orders").run(source, |job| async move { sleep(ms(*job)).await }).await
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(worked.done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_is_dropped_finishes_what_runs() {
    let queue = FakeSource::new([2_000; 6]);
    let source = queue.clone();
    let (report, _) = stopped(ms(1_500), async move {
        let run = consumer("orders").concurrency(2).prefetch(4).run(source, |job| async move {
            sleep(ms(*job)).await;
        });
        let _ = tokio::time::timeout(secs(1), run).await;
        lifecycle_core::draining().await;
        Worked::default()
    })
    .await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(queue.done().len(), 2);
    assert_eq!(queue.waiting().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn the_status_counts_by_consumer_and_class() {
    let queue = FakeSource::new([100, 100, 60_000]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_main = Arc::clone(&seen);
    let source =
        queue.clone().classed_by(|job: &FakeJob<u64>| if **job > 1_000 { "slow" } else { "" });
    let worker = consumer("orders").class(Class::new("slow").requeue());
    let (report, _) = stopped(secs(2), async move {
        tokio::spawn(async move {
            sleep(secs(1)).await;
            *of_main.lock().unwrap() = ext::Handle::current().status().jobs().to_vec();
        });
        worker.run(source, |job| async move { sleep(ms(*job)).await }).await
    })
    .await;
    let jobs = seen.lock().unwrap().clone();
    let row = |class: &str| jobs.iter().find(|jobs| jobs.class == class).unwrap();
    assert_eq!((row("").received, row("").done, row("").in_hand()), (2, 2, 0));
    assert_eq!((row("slow").received, row("slow").in_hand()), (1, 1));
    assert!(report.is_clean(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn no_job_begins_during_the_delay() {
    let begun = Arc::new(Mutex::new(Vec::new()));
    let of_jobs = Arc::clone(&begun);
    let queue = FakeSource::new([300; 50]);
    let report = Scenario::new()
        .config(Config::new().grace_period(secs(30)).shutdown_delay(secs(5)))
        .main({
            let source = queue.clone();
            async move {
                lifecycle_core::ready();
                let handler = move |job: FakeJob<u64>| {
                    let lifecycle = ext::Handle::current();
                    of_jobs.lock().unwrap().push(lifecycle.status().state());
                    async move { sleep(ms(*job)).await }
                };
                consumer("orders").concurrency(2).run(source, handler).await;
            }
        })
        .signal_at(secs(1), Signal::Term)
        .run()
        .await;
    assert!(report.is_clean(), "{report}");
    assert!(begun.lock().unwrap().iter().all(|state| *state <= State::Running));
    assert_eq!(queue.done().len() + queue.waiting().len(), 50);
}

mod broken;
