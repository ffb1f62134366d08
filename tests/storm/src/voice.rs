//! The library's own words, said as marks by a thread that nothing in the service can hold.

use std::time::Duration;

use lifecycle::{Reason, event::Event};

use crate::{handlers, mark::say};

/// Says from here on what the library tells of signals, states and the report.
///
/// # Panics
///
/// When the system grants no thread.
pub fn raise() {
    let mut events = lifecycle::events();
    let mut stopped = lifecycle::stopped();
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap_or_else(|error| panic!("no runtime for the voice: {error}"));
    let speak = async move {
        watch_handlers();
        loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => tell(&event),
                report = &mut stopped => {
                    say(&format!("report {}", report.exit_code()));
                    break;
                }
            }
        }
        // The ladder goes on after the report.
        while let Some(event) = events.recv().await {
            tell(&event);
        }
    };
    std::thread::spawn(move || runtime.block_on(speak));
}

/// Says when signals are heard: no line of the service's own is as close to that. Where the system
/// does not tell, main's first line has to do.
fn watch_handlers() {
    while let Some(installed) = handlers::are_installed() {
        if installed {
            say("armed");
            return;
        }
        std::thread::sleep(Duration::from_micros(50));
    }
}

fn tell(event: &Event) {
    match event {
        Event::Requested { reason: Reason::MainReturned, .. } => say("main-returned"),
        Event::State { state, .. } => say(&format!("state {state}")),
        Event::Signal { signal, did, .. } => say(&format!("heard {signal} {did}")),
        _ => {}
    }
}
