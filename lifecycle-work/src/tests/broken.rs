//! Sources, handlers and stops that are not as they should be.

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
