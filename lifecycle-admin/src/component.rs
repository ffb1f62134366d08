//! The socket as a part of the service: there before main, gone after the last hook.

use std::{
    path::{self, PathBuf},
    sync::Arc,
    time::Duration,
};

use lifecycle_core::{
    Config, Event, Report, State,
    ext::{self, AdminListener, Component, ComponentError, Observer, ObserverHandle},
};

use crate::{
    server::{Mailbox, Server, Word},
    socket::Socket,
};

const STOP_TIMEOUT: Duration = Duration::from_millis(500);
/// Less than observers have together, so that nobody waits for a client that does not read.
const LAST_WORDS: Duration = Duration::from_millis(150);

ext::register!(AdminListener::new(add));

fn add(config: Config, path: PathBuf) -> Config {
    config.component(AdminSocket::new(path))
}

/// The socket: a component, for `Config::component`. `Config::admin(path)` adds one.
///
/// Its file is there from before main is first polled until after the last hook, and is gone when
/// `run` returns; also where the library ends the process itself. Clients that follow what happens
/// have the report as their last word.
///
/// ```
/// use lifecycle_admin::AdminSocket;
/// use lifecycle_core::Config;
///
/// let config = Config::new().component(AdminSocket::new("/run/orders/admin.sock"));
/// # let _ = config;
/// ```
#[derive(Debug)]
#[must_use = "it is a component: give it to `Config::component`"]
pub struct AdminSocket {
    path: PathBuf,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    socket: Arc<Socket>,
    mailbox: Arc<Mailbox>,
    observer: Option<ObserverHandle>,
}

impl AdminSocket {
    /// One at `path`. A relative one begins where the process is now, as a hook may change that.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { path: path::absolute(&path).unwrap_or(path), running: None }
    }
}

impl Component for AdminSocket {
    fn name(&self) -> String {
        "admin".to_owned()
    }

    fn stop_timeout(&self) -> Duration {
        STOP_TIMEOUT
    }

    async fn start(&mut self) -> Result<(), ComponentError> {
        let (socket, listener) = Socket::bind(&self.path)?;
        let socket = Arc::new(socket);
        let mailbox = Server::start(listener, Arc::clone(&socket), ext::Handle::current())?;
        let observer = ext::observe(Follower { mailbox: Arc::clone(&mailbox) });
        tracing::info!("admin socket at {}", ext::text::plain(&self.path.to_string_lossy()));
        let observer = Some(observer);
        self.running = Some(Running { socket, mailbox, observer });
        Ok(())
    }

    /// Who is connected stays so until the report is there.
    async fn stop(&mut self) -> Result<(), ComponentError> {
        if let Some(mut running) = self.running.take() {
            running.observer = None;
            let removed = running.socket.remove();
            running.mailbox.push(Word::Close);
            removed?;
        }
        Ok(())
    }
}

impl Drop for Running {
    /// One that never stopped, as the start was cut: nobody will tell it of a report.
    fn drop(&mut self) {
        if let Some(observer) = self.observer.take() {
            observer.remove();
            self.mailbox.push(Word::End);
        }
    }
}

/// Passes on what happens.
struct Follower {
    mailbox: Arc<Mailbox>,
}

impl Observer for Follower {
    fn state(&mut self, state: State) {
        self.mailbox.push(Word::State(state));
    }

    fn event(&mut self, event: &Event) {
        self.mailbox.push(Word::Event(event.clone()));
    }

    fn dropped(&mut self, count: usize) {
        self.mailbox.push(Word::Dropped(count));
    }

    fn report(&mut self, report: &Report) {
        self.mailbox.push(Word::Report(Box::new(report.clone())));
        // As long as this takes, `run` does not return.
        self.mailbox.wait_until_over(LAST_WORDS);
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.mailbox.push(Word::End);
    }
}
