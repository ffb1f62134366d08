//! One connection from its acceptance to its end.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use axum::body::Body;
use http::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tower::Service;

use super::{
    Options,
    connection::{Connection, Held},
    io::Io,
    kind::Kind,
    phase::Phase,
    service::Requests,
};
use crate::BoxError;

/// What had reached the kernel when the linger ended has reached us after so long.
const SETTLE: Duration = Duration::from_millis(20);
/// How long a client has to acknowledge that its HTTP/2 connection ends.
const PONG_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a connection that keeps the drain waiting is looked at, so that it is reported as what
/// it is.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

pub(super) async fn drive<T, S, B>(
    io: T,
    service: S,
    connection: Arc<Connection>,
    options: Arc<Options>,
) where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<B>, Future: Send, Error: Into<BoxError>>
        + Clone
        + Send
        + 'static,
    B: http_body::Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    let io = TokioIo::new(Io::new(io, Arc::clone(&connection)));
    let requests = Requests { service, connection: Arc::clone(&connection) };
    let mut http = pin!(options.http.serve_connection_with_upgrades(io, requests));
    let mut phases = connection.server.phases();
    let mut course = Course::new(&connection, &options);
    loop {
        let phase = *phases.borrow_and_update();
        let next = match course.decide(phase, Instant::now()) {
            Decision::Wait(next) => next,
            Decision::Shutdown => {
                http.as_mut().graceful_shutdown();
                continue;
            }
            Decision::Close => return,
        };
        let http = poll_fn(|cx| match http.as_mut().poll(cx) {
            Poll::Pending if course.has_news() => Poll::Ready(false),
            polled => polled.map(|_| true),
        });
        tokio::select! {
            biased;
            is_over = http => if is_over { break },
            // The server outlives its connections.
            _ = phases.changed() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
    connection.end_promise();
    // The application has the socket.
    while connection.is_upgraded() && !connection.is_gone() {
        if *phases.borrow_and_update() >= Phase::Closing {
            course.held.hold(Kind::Upgraded);
        }
        tokio::select! {
            () = connection.gone.notified() => {}
            _ = phases.changed() => {}
        }
    }
    course.end(*phases.borrow());
}

/// What is to be done about a connection now.
enum Decision {
    /// Nothing until then.
    Wait(Option<Instant>),
    /// Tell it that it ends.
    Shutdown,
    /// Drop it.
    Close,
}

/// A connection's way through the phases.
struct Course<'a> {
    connection: &'a Connection,
    options: &'a Options,
    accepted: Instant,
    came_late: bool,
    shutdown_due: Option<Instant>,
    told: Option<Instant>,
    close_due: Option<Instant>,
    requests_before_drain: Option<u64>,
    held: Held,
}

impl<'a> Course<'a> {
    fn new(connection: &'a Connection, options: &'a Options) -> Self {
        Self {
            connection,
            options,
            accepted: Instant::now(),
            came_late: connection.server.is_stopping(),
            shutdown_due: None,
            told: None,
            close_due: None,
            requests_before_drain: None,
            held: Held::new(connection.server.sites),
        }
    }

    fn decide(&mut self, phase: Phase, now: Instant) -> Decision {
        if phase >= Phase::Draining && self.requests_before_drain.is_none() {
            let under_way = u64::from(self.connection.is_busy());
            self.requests_before_drain = Some(self.connection.requests() - under_way);
        }
        if let Some(due) = self.first_request_due()
            && due <= now
        {
            return self.close();
        }
        match phase {
            Phase::Running => Decision::Wait(self.first_request_due()),
            Phase::Delaying if self.told.is_none() && self.connection.speaks_http2() => {
                self.connection.promise();
                let due = self.goaway_due(now);
                if due <= now { self.shutdown(now) } else { Decision::Wait(Some(due)) }
            }
            Phase::Delaying => Decision::Wait(self.first_request_due()),
            Phase::Draining | Phase::Closing if self.connection.speaks_http2() => {
                self.end_http2(phase, now)
            }
            // What comes until then is answered.
            Phase::Draining => Decision::Wait(None),
            Phase::Closing => self.end_http1(now),
        }
    }

    /// Whether the connection has become something to decide about while it was polled.
    fn has_news(&self) -> bool {
        self.told.is_none()
            && self.shutdown_due.is_none()
            && self.connection.server.is_stopping()
            && self.connection.speaks_http2()
            && self.connection.requests() > 0
    }

    /// It is over, in whatever way.
    fn end(&mut self, phase: Phase) {
        if phase >= Phase::Draining {
            let before = self.requests_before_drain.unwrap_or_else(|| self.connection.requests());
            let has_answered = self.connection.requests() > before;
            self.held.hold_first(if has_answered {
                Kind::Answering
            } else {
                self.connection.kind()
            });
        }
        self.held.end();
    }

    fn end_http2(&mut self, phase: Phase, now: Instant) -> Decision {
        if phase == Phase::Closing {
            self.connection.end_promise();
        }
        let Some(told) = self.told else {
            let is_expected = self.came_late && self.connection.requests() == 0;
            if phase == Phase::Draining && is_expected {
                return Decision::Wait(None);
            }
            return self.shutdown(now);
        };
        let due = told + PONG_TIMEOUT;
        if self.connection.is_busy() {
            return self.keep(phase, now);
        }
        if due <= now { self.close() } else { Decision::Wait(Some(due)) }
    }

    fn end_http1(&mut self, now: Instant) -> Decision {
        if self.connection.is_busy() {
            if self.told.is_none() {
                return self.shutdown(now);
            }
            return self.keep(Phase::Closing, now);
        }
        // One from the backlog has as long to send its request as one that was there before.
        let linger_ends = self.accepted + self.options.linger;
        let due = *self.close_due.get_or_insert_with(|| now.max(linger_ends) + SETTLE);
        if due <= now { self.close() } else { Decision::Wait(Some(due)) }
    }

    fn keep(&mut self, phase: Phase, now: Instant) -> Decision {
        if phase == Phase::Closing {
            self.held.hold(self.connection.kind());
        }
        Decision::Wait(Some(now + LOOK_INTERVAL))
    }

    fn shutdown(&mut self, now: Instant) -> Decision {
        self.told = Some(now);
        Decision::Shutdown
    }

    fn close(&mut self) -> Decision {
        self.end(if self.connection.server.is_draining() {
            Phase::Closing
        } else {
            Phase::Running
        });
        Decision::Close
    }

    /// One that came when a stop was asked for is told as soon as it has asked for something.
    fn goaway_due(&mut self, now: Instant) -> Instant {
        if self.came_late && self.connection.requests() == 0 {
            return now + LOOK_INTERVAL;
        }
        let spread = if self.came_late { Duration::ZERO } else { self.options.spread };
        *self.shutdown_due.get_or_insert_with(|| now + spread.mul_f64(fastrand::f64()))
    }

    fn first_request_due(&self) -> Option<Instant> {
        let timeout = self.options.first_request_timeout?;
        (self.connection.requests() == 0).then(|| self.accepted + timeout)
    }
}

/// Runs the streams of HTTP/2 no longer than their server.
#[derive(Clone, Debug)]
pub struct Executor {
    cut: CancellationToken,
}

impl Executor {
    pub(super) const fn until(cut: CancellationToken) -> Self {
        Self { cut }
    }
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        tokio::spawn(self.cut.clone().run_until_cancelled_owned(future));
    }
}
