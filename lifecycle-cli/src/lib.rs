#![doc = include_str!("../README.md")]
//!
//! `args` is what may be written, and has the help. `live` and `stop` speak to a running service by
//! `client`; `files` works on plans and reports, which `source` reads or has a binary write;
//! `storm` plays the platform.

mod args;
mod client;
mod files;
mod generate;
mod live;
mod source;
mod stop;
mod storm;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use lifecycle_core::ext::text::plain;
use lifecycle_manifest as _;
use lifecycle_pictures as _;
use thiserror::Error;

use self::args::{Args, Command};

/// The tool: reads its arguments, does what they say, and tells how that went.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Args::parse().command {
        Command::Status(args) => live::status(&args),
        Command::Plan(args) => live::plan(&args),
        Command::Top(args) => live::top(&args),
        Command::Stop(args) => stop::stop(&args),
        Command::Check(args) => files::check(&args),
        Command::Diff(args) => files::diff(&args),
        Command::Plot(args) => files::plot(&args),
        Command::Blame(args) => files::blame(&args),
        Command::Chain(args) => files::chain(&args),
        Command::Storm(args) => storm::storm(&args),
        Command::Completions(args) => generate::completions(&args),
        Command::Man(args) => generate::man(&args),
    };
    match done {
        Ok(end) => end.code(),
        Err(trouble) if trouble.is_broken_pipe() => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("lifecycle: {trouble}");
            ExitCode::from(TROUBLE)
        }
    }
}

/// As clap has it for what is written wrong.
const TROUBLE: u8 = 2;

/// How a command ended that could do its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Good,
    /// The answer is no: it does not fit, it differs, there are faults.
    Bad,
    /// The service still stops.
    Late,
    /// The service's own.
    Code(u8),
}

impl End {
    fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Late => 3,
            Self::Code(code) => code,
        })
    }
}

/// Why a command could not do its work, with what it was about.
#[derive(Debug, Error)]
enum Trouble {
    #[error("{0}")]
    Said(String),
    #[error("{0}: {1}")]
    Io(String, io::Error),
}

impl Trouble {
    fn said(why: impl AsRef<str>) -> Self {
        let lines = why.as_ref().lines().map(plain);
        Self::Said(lines.collect::<Vec<_>>().join("\n"))
    }

    fn of(what: impl AsRef<str>) -> impl FnOnce(io::Error) -> Self {
        let what = plain(what.as_ref());
        move |error| Self::Io(what, error)
    }

    /// Whoever read what is printed has seen enough.
    fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Io(_, error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

type Done = Result<End, Trouble>;

/// Writes to standard output, with a line break.
fn print(text: impl AsRef<str>) -> Result<(), Trouble> {
    writeln!(io::stdout(), "{}", text.as_ref()).map_err(Trouble::of("standard output"))
}
