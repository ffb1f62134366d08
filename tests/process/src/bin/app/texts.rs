//! A service that says what it is given, in every way there is.

use std::{
    panic::{panic_any, resume_unwind},
    process::ExitCode,
};

use lifecycle::Reason;

use crate::{
    hooks::note,
    kit::{flag, only, say, serve},
};

/// Its destructor panics with a text.
struct Explodes(String);

impl Drop for Explodes {
    fn drop(&mut self) {
        resume_unwind(Box::new(self.0.clone()));
    }
}

/// What a panic may be thrown with: its destructor panics with another one.
struct Again(usize, String);

impl Drop for Again {
    fn drop(&mut self) {
        match self.0 {
            0 => resume_unwind(Box::new(self.1.clone())),
            left => panic_any(Self(left - 1, self.1.clone())),
        }
    }
}

pub(crate) fn texts() -> ExitCode {
    // Rust's own words about a panic are not ours to redact.
    std::panic::set_hook(Box::new(|_| {}));
    let file = std::fs::read_to_string(std::env::var_os("TEXTS").unwrap_or_default());
    let texts = file.unwrap_or_else(|error| panic!("no texts: {error}"));
    let texts: Vec<String> = texts.split('\0').map(str::to_owned).collect();
    serve(only::<note>(), main(texts))
}

async fn throws(what: impl Send + 'static) {
    resume_unwind(Box::new(what));
}

async fn main(texts: Vec<String>) -> Result<(), String> {
    let first = texts[0].clone();
    let mut holds = Vec::new();
    for text in texts {
        let [error, panic, hold, again] = [(); 4].map(|()| text.clone());
        let fails = lifecycle::hook(text.clone()).register(|| async { Err::<(), _>(error) });
        let panics = lifecycle::hook("panics").register(|| throws(panic));
        let again = lifecycle::hook("again").register(|| throws(Again(2, again)));
        if [fails, panics, again].iter().any(Result::is_err) {
            panic!("a hook was refused");
        }
        holds.push(lifecycle::hold_ready(hold));
    }
    lifecycle::provide(Explodes(first.clone()));
    say("up");
    if flag("asks") {
        lifecycle::shutdown(Reason::failure(first.clone()));
    }
    Err(first)
}
