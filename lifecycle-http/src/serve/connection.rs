//! What is known of one connection: its socket and its requests write it down, its task decides by
//! it.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use lifecycle_core::{Guard, Scoped, ext};
use pin_project_lite::pin_project;
use tokio::sync::Notify;

use super::{
    kind::{Kind, Sites},
    phase::Server,
};

const PREFACE: &[u8; 4] = b"PRI ";
/// The client's whole preface, without the settings that follow.
const PREFACE_LEN: u64 = 24;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) server: Arc<Server>,
    read: AtomicU64,
    /// How many of the first bytes were those of HTTP/2's preface.
    preface: AtomicUsize,
    /// What had been read when the last request was complete.
    read_for_requests: AtomicU64,
    requests: AtomicU64,
    active: AtomicUsize,
    waits_for_body: AtomicBool,
    waits_to_write: AtomicBool,
    upgraded: AtomicBool,
    /// A stream of HTTP/2 was given to the application; nothing tells when it ends.
    tunnelled: AtomicBool,
    socket_gone: AtomicBool,
    /// Wakes the connection's task when its socket is gone.
    pub(super) gone: Notify,
    /// What comes on this connection is admitted although the service drains: its client could not
    /// know better. Over HTTP/1 that is the first request of a connection that was accepted after a
    /// stop was asked for, over HTTP/2 all until the linger ends.
    promise: Mutex<Option<Guard>>,
}

impl Connection {
    pub(super) fn new(server: Arc<Server>, promise: Option<Guard>) -> Arc<Self> {
        Arc::new(Self {
            server,
            read: AtomicU64::new(0),
            preface: AtomicUsize::new(0),
            read_for_requests: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            active: AtomicUsize::new(0),
            waits_for_body: AtomicBool::new(false),
            waits_to_write: AtomicBool::new(false),
            upgraded: AtomicBool::new(false),
            tunnelled: AtomicBool::new(false),
            socket_gone: AtomicBool::new(false),
            gone: Notify::new(),
            promise: Mutex::new(promise),
        })
    }

    pub(super) fn bytes_were_read(&self, bytes: &[u8]) {
        let before = self.read.fetch_add(bytes.len() as u64, Relaxed);
        if before < PREFACE.len() as u64 {
            let before = before as usize;
            let same = bytes.iter().zip(&PREFACE[before..]).take_while(|(a, b)| a == b).count();
            self.preface.fetch_add(same, Relaxed);
        }
    }

    pub(super) fn write_is_pending(&self, pending: bool) {
        if self.waits_to_write.load(Relaxed) != pending {
            self.waits_to_write.store(pending, Relaxed);
        }
    }

    pub(super) fn request_began(self: &Arc<Self>) -> Request {
        self.requests.fetch_add(1, Relaxed);
        self.active.fetch_add(1, Relaxed);
        Request(Arc::clone(self))
    }

    /// From now on, what comes is admitted.
    pub(super) fn promise(&self) {
        let mut promise = self.lock_promise();
        if promise.is_none() {
            *promise = self.server.sites.admit(Kind::New);
        }
    }

    /// Whether a request that comes now was promised to be admitted.
    pub(super) fn has_promised(&self) -> bool {
        self.server.is_stopping() && self.lock_promise().is_some()
    }

    /// Makes the answer to a request part of what was promised; `Err` where nothing is any more.
    pub(super) fn keep_promise<F>(&self, is_http2: bool, answer: F) -> Result<Scoped<F>, F> {
        let mut promise = self.lock_promise();
        let Some(guard) = &*promise else { return Err(answer) };
        let answer = guard.scope(answer);
        if !is_http2 {
            *promise = None;
        }
        Ok(answer)
    }

    /// What comes from here is refused.
    pub(super) fn end_promise(&self) {
        drop(self.lock_promise().take());
    }

    /// From here it is not HTTP that is spoken.
    pub(super) fn is_upgrading(&self) {
        self.upgraded.store(true, Relaxed);
    }

    pub(super) fn has_a_tunnel(&self) {
        self.tunnelled.store(true, Relaxed);
    }

    pub(super) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    pub(super) fn socket_is_gone(&self) {
        self.socket_gone.store(true, Relaxed);
        self.gone.notify_one();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.socket_gone.load(Relaxed)
    }

    pub(super) fn speaks_http2(&self) -> bool {
        self.preface.load(Relaxed) == PREFACE.len() && self.read.load(Relaxed) >= PREFACE_LEN
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    /// Whether the other end is owed something.
    pub(super) fn is_busy(&self) -> bool {
        self.active.load(Relaxed) > 0
            || self.waits_to_write.load(Relaxed)
            || self.tunnelled.load(Relaxed)
            || self.is_upgraded()
    }

    pub(super) fn kind(&self) -> Kind {
        let read = self.read.load(Relaxed);
        if self.is_upgraded() {
            Kind::Upgraded
        } else if self.waits_to_write.load(Relaxed) {
            Kind::SlowReader
        } else if self.active.load(Relaxed) > 0 {
            if self.waits_for_body.load(Relaxed) { Kind::HalfBody } else { Kind::Answering }
        } else if self.tunnelled.load(Relaxed) {
            Kind::Upgraded
        } else if read == 0 {
            Kind::Silent
        } else if self.speaks_http2() {
            Kind::Http2
        } else if read > self.read_for_requests.load(Relaxed) {
            Kind::HalfHead
        } else {
            Kind::Idle
        }
    }

    fn lock_promise(&self) -> MutexGuard<'_, Option<Guard>> {
        self.promise.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Request(Arc<Connection>);

impl Drop for Request {
    fn drop(&mut self) {
        let connection = &self.0;
        connection.read_for_requests.store(connection.read.load(Relaxed), Relaxed);
        connection.active.fetch_sub(1, Relaxed);
        connection.waits_for_body.store(false, Relaxed);
    }
}

pin_project! {
    /// The body of a request: whether its client owes the rest of it.
    pub(super) struct RequestBody<B> {
        #[pin]
        pub(super) body: B,
        pub(super) connection: Arc<Connection>,
    }
}

impl<B: Body> Body for RequestBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = this.body.poll_frame(cx);
        this.connection.waits_for_body.store(frame.is_pending(), Relaxed);
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pin_project! {
    /// The body of an answer: its request is under way as long as it is there.
    pub(super) struct ResponseBody<B> {
        #[pin]
        pub(super) body: B,
        pub(super) request: Option<Request>,
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.body.poll_frame(cx));
        if frame.is_none() {
            *this.request = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Keeps a connection in the drain, and in the report, under what it is.
#[derive(Debug)]
pub(super) struct Held {
    sites: Sites,
    held: Option<(Kind, Guard)>,
}

impl Held {
    pub(super) const fn new(sites: Sites) -> Self {
        Self { sites, held: None }
    }

    pub(super) fn hold(&mut self, kind: Kind) {
        if self.held.as_ref().is_none_or(|(held, _)| *held != kind) {
            self.held = self.sites.admit(kind).map(|guard| (kind, guard));
        }
    }

    /// Holds it as this unless it is held already.
    pub(super) fn hold_first(&mut self, kind: Kind) {
        if self.held.is_none() {
            self.hold(kind);
        }
    }

    /// It ended by itself, or as the table says that it does.
    pub(super) fn end(&mut self) {
        self.held = None;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some((_, guard)) = self.held.take() {
            ext::cancel(&guard);
        }
    }
}
