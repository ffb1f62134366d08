//! Keeps the protection as the service is busy or not.

use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::{info, warn};

use crate::agent::Agent;

const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// Who is asked.
pub(crate) trait Ask {
    /// For protection for so many minutes; `None` gives it back.
    fn put(&self, minutes: Option<u64>) -> impl Future<Output = Result<(), String>> + Send;
}

impl Ask for Agent {
    fn put(&self, minutes: Option<u64>) -> impl Future<Output = Result<(), String>> + Send {
        Self::put(self, minutes)
    }
}

pub(crate) struct Keeper<A> {
    agent: A,
    minutes: u64,
    released_after: Duration,
    /// It was asked for, and not given back since: the agent may have granted what it did not
    /// answer.
    asked_for: bool,
    /// When it is to be renewed; `None`: it is not granted.
    renew_at: Option<Instant>,
    /// After a failure: when to ask again, and how long to wait after the next.
    retry: Option<(Instant, Duration)>,
}

impl<A: Ask> Keeper<A> {
    pub(crate) const fn new(agent: A, minutes: u64, released_after: Duration) -> Self {
        Self { agent, minutes, released_after, asked_for: false, renew_at: None, retry: None }
    }

    /// Until nobody tells any more whether the service is busy.
    pub(crate) async fn keep(mut self, mut busy: watch::Receiver<bool>) {
        let mut idle_since = Instant::now();
        loop {
            let is_busy = *busy.borrow_and_update();
            let due = if is_busy {
                Some(self.renew_at.unwrap_or_else(Instant::now))
            } else {
                self.asked_for.then_some(idle_since + self.released_after)
            };
            let due = due.map(|due| self.retry.map_or(due, |(at, _)| at.max(due)));
            let wait = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                changed = busy.changed() => match changed {
                    Ok(()) => {
                        if !*busy.borrow() {
                            idle_since = Instant::now();
                        }
                    }
                    // The service has stopped; the process may live on.
                    Err(_) if self.asked_for => return self.put(false).await,
                    Err(_) => return,
                },
                () = wait => self.put(is_busy).await,
            }
        }
    }

    async fn put(&mut self, protect: bool) {
        let asked = Instant::now();
        self.asked_for |= protect;
        match self.agent.put(protect.then_some(self.minutes)).await {
            Ok(()) => {
                if self.retry.take().is_some() {
                    info!(target: "lifecycle", "the agent answers again");
                }
                let half = Duration::from_secs(self.minutes * 30);
                self.asked_for = protect;
                self.renew_at = protect.then_some(asked + half);
            }
            Err(why) => {
                let delay = self.retry.map_or(FIRST_RETRY, |(_, next)| next);
                let what = if protect {
                    "the task is not protected from scale-in"
                } else {
                    "the protection from scale-in is not given back, and expires"
                };
                // Once, and not at each retry.
                if self.retry.is_none() {
                    warn!(target: "lifecycle", "{what}: {why}");
                }
                self.retry = Some((Instant::now() + delay, (delay * 2).min(LAST_RETRY)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::time::sleep;

    use super::*;

    const FIVE_SECONDS: Duration = Duration::from_secs(5);

    /// When, in seconds, and for how many minutes.
    type Asked = Vec<(u64, Option<u64>)>;

    /// Notes when it is asked, in seconds, and refuses so often.
    struct Noted {
        began: Instant,
        refusals: usize,
        asked: Arc<Mutex<Asked>>,
    }

    impl Ask for Noted {
        async fn put(&self, minutes: Option<u64>) -> Result<(), String> {
            let mut asked = self.asked.lock().unwrap();
            asked.push((self.began.elapsed().as_secs(), minutes));
            if asked.len() <= self.refusals { Err("no".to_owned()) } else { Ok(()) }
        }
    }

    /// When a service asks that is busy for so long.
    async fn asked(refusals: usize, busy_for: Duration) -> Asked {
        let (asked, (told, busy)) = (Arc::default(), watch::channel(false));
        let noted = Noted { began: Instant::now(), refusals, asked: Arc::clone(&asked) };
        let kept = tokio::spawn(Keeper::new(noted, 10, FIVE_SECONDS).keep(busy));
        told.send_replace(true);
        sleep(busy_for).await;
        told.send_replace(false);
        sleep(Duration::from_secs(60)).await;
        drop(told);
        kept.await.unwrap();
        Arc::into_inner(asked).unwrap().into_inner().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_after_half_its_time_and_given_back_after_five_idle_seconds() {
        let ten = Some(10);
        assert_eq!(
            asked(0, Duration::from_secs(1_000)).await,
            [(0, ten), (300, ten), (600, ten), (900, ten), (1_005, None)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_made_again_later_and_later() {
        let asked = asked(7, Duration::from_secs(100)).await;
        let at: Vec<_> = asked.iter().map(|(at, _)| *at).collect();
        assert_eq!(at, [0, 1, 3, 7, 15, 31, 61, 91, 105]);
    }
}
