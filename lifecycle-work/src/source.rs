//! Where jobs come from: what a broker has to be able to do.

use std::{error::Error, future::Future, sync::Arc, time::Duration};

/// Why a broker did not do what it was asked.
pub type SourceError = Box<dyn Error + Send + Sync>;

/// A queue that hands out jobs under a lease: who has received a job has it alone until the lease ends,
/// and the broker delivers it again after that.
///
/// A consumer decides for each job once what becomes of it: one of [`ack`](Self::ack),
/// [`give_back`](Self::give_back) and [`fail`](Self::fail) is called, once, or none where the job is
/// abandoned. It calls them from many tasks at once.
///
/// An error of any of these, a panic too, is said in the log and counted; nothing is acknowledged
/// that was not done.
pub trait Source: Send + Sync + 'static {
    /// A job and what the broker needs to know it by. A clone goes to the handler, so it is to be cheap.
    type Job: Clone + Send + Sync + 'static;

    /// Waits for jobs and completes with one at least and `max` at most, each under a lease from now on;
    /// or with none, and is called again then; where it does so at once time after time, every
    /// 100 ms. `max` is not zero.
    ///
    /// One call is under way at a time. Once a stop was asked for it is not called again, and what is
    /// under way is polled until it completes, as a broker may have handed out already what a future
    /// that is dropped would lose: let it come back soon after [`quiet`](Self::quiet), or every second
    /// or so.
    fn receive(
        &self,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Self::Job>, SourceError>> + Send;

    /// Says that the job is done: when it completes, the broker does not deliver it again.
    fn ack(&self, job: &Self::Job) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Gives a job back that was not done: when it completes, another worker can have it at once. A stop
    /// is not the job's fault, so where the broker lets it, this is no attempt that counts.
    fn give_back(&self, job: Self::Job) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Makes the lease of a job begin again. It may be under way as the broker is told what has
    /// become of the job: where it comes after that it is an error, and takes the job from nobody.
    fn renew(&self, job: &Self::Job) -> impl Future<Output = Result<(), SourceError>> + Send;

    /// Takes a job whose handler failed or panicked. It is given back where this says nothing else;
    /// brokers that count attempts count one, and wait before the next.
    fn fail(
        &self,
        job: Self::Job,
        error: &str,
    ) -> impl Future<Output = Result<(), SourceError>> + Send {
        let _ = error;
        self.give_back(job)
    }

    /// A stop was asked for: fetches nothing more ahead, gives back what it has fetched and not yet handed
    /// out, and makes a [`receive`](Self::receive) that is under way complete.
    fn quiet(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        std::future::ready(Ok(()))
    }

    /// The class of a job, which decides what becomes of it at a stop: one of those that the consumer
    /// declares, and any other text for none of them.
    fn class<'job>(&self, job: &'job Self::Job) -> &'job str {
        let _ = job;
        ""
    }

    /// What a job is called in the log and in the report.
    fn id(&self, job: &Self::Job) -> String {
        let _ = job;
        String::new()
    }

    /// How long the broker's own leases are, where it knows: renewed in time for these.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// The same queue, whose jobs `class` sorts into classes.
    fn classed_by<F>(self, class: F) -> ClassedBy<Self, F>
    where
        Self: Sized,
        F: Fn(&Self::Job) -> &str + Send + Sync + 'static,
    {
        ClassedBy { source: self, class }
    }
}

/// Made by [`Source::classed_by`].
#[derive(Clone, Debug)]
pub struct ClassedBy<S, F> {
    source: S,
    class: F,
}

impl<S, F> Source for ClassedBy<S, F>
where
    S: Source,
    F: Fn(&S::Job) -> &str + Send + Sync + 'static,
{
    type Job = S::Job;

    fn receive(&self, max: usize) -> impl Future<Output = Result<Vec<S::Job>, SourceError>> + Send {
        self.source.receive(max)
    }

    fn ack(&self, job: &S::Job) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.source.ack(job)
    }

    fn give_back(&self, job: S::Job) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.source.give_back(job)
    }

    fn renew(&self, job: &S::Job) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.source.renew(job)
    }

    fn fail(
        &self,
        job: S::Job,
        error: &str,
    ) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.source.fail(job, error)
    }

    fn quiet(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        self.source.quiet()
    }

    fn class<'job>(&self, job: &'job S::Job) -> &'job str {
        (self.class)(job)
    }

    fn id(&self, job: &S::Job) -> String {
        self.source.id(job)
    }

    fn lease(&self) -> Option<Duration> {
        self.source.lease()
    }
}

impl<S: Source> Source for Arc<S> {
    type Job = S::Job;

    fn receive(&self, max: usize) -> impl Future<Output = Result<Vec<S::Job>, SourceError>> + Send {
        S::receive(self, max)
    }

    fn ack(&self, job: &S::Job) -> impl Future<Output = Result<(), SourceError>> + Send {
        S::ack(self, job)
    }

    fn give_back(&self, job: S::Job) -> impl Future<Output = Result<(), SourceError>> + Send {
        S::give_back(self, job)
    }

    fn renew(&self, job: &S::Job) -> impl Future<Output = Result<(), SourceError>> + Send {
        S::renew(self, job)
    }

    fn fail(
        &self,
        job: S::Job,
        error: &str,
    ) -> impl Future<Output = Result<(), SourceError>> + Send {
        S::fail(self, job, error)
    }

    fn quiet(&self) -> impl Future<Output = Result<(), SourceError>> + Send {
        S::quiet(self)
    }

    fn class<'job>(&self, job: &'job S::Job) -> &'job str {
        S::class(self, job)
    }

    fn id(&self, job: &S::Job) -> String {
        S::id(self, job)
    }

    fn lease(&self) -> Option<Duration> {
        S::lease(self)
    }
}
