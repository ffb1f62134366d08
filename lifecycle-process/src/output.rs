//! What a child writes: passed on line by line, and the end of it kept.

use std::{
    collections::VecDeque,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::unix::pipe,
    task::JoinSet,
    time::timeout,
};

use crate::contained::Output;

/// How many lines of the end are kept, and how much of each.
const LINES: usize = 10;
const LINE_LENGTH: usize = 500;

/// How long the output is read after the child has ended: one that it has left behind may hold the
/// pipe for ever.
const AFTER_THE_END: Duration = Duration::from_millis(250);

/// The last lines of a child.
#[derive(Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(LINE_LENGTH).collect());
    }
}

/// Who reads the pipes of a child.
pub(crate) struct Reading(JoinSet<()>);

impl Reading {
    pub(crate) fn start(output: Output, tail: &Tail, label: &str) -> Self {
        let mut readers = JoinSet::new();
        let receiver = |fd: std::os::fd::OwnedFd| pipe::Receiver::from_owned_fd(fd).ok();
        if let Some(pipe) = output.stdout.and_then(|pipe| receiver(pipe.into())) {
            readers.spawn(pass_on(pipe, tail.clone(), label.to_owned(), std::io::stdout()));
        }
        if let Some(pipe) = output.stderr.and_then(|pipe| receiver(pipe.into())) {
            readers.spawn(pass_on(pipe, tail.clone(), label.to_owned(), std::io::stderr()));
        }
        Self(readers)
    }

    /// Reads to the end, or for 250 ms.
    pub(crate) async fn finish(mut self) {
        let _ = timeout(AFTER_THE_END, async { while self.0.join_next().await.is_some() {} }).await;
    }
}

async fn pass_on(pipe: impl AsyncRead + Unpin, tail: Tail, label: String, mut to: impl Write) {
    let mut pipe = BufReader::new(pipe);
    let mut line = Vec::new();
    while pipe.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        // In one go, so that the lines of several do not mix.
        let whole = [label.as_bytes(), &line].concat();
        let _ = to.write_all(&whole).and_then(|()| to.flush());
        tail.push(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
}
