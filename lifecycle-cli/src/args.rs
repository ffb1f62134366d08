//! What may be written, with the help.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

/// Looks at services that stop by `lifecycle`, stops them, and tests how they do.
///
/// A running service is spoken to at its admin socket (`Config::admin`). Everything else works on
/// the JSON that every such binary writes: its plan (LIFECYCLE_PLAN=json) and the reports of its stops
/// (LIFECYCLE_REPORT=path.json).
#[derive(Debug, Parser)]
#[command(name = "lifecycle", version, max_term_width = 100, after_long_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    as asked
  1    the answer is no: the plan does not fit (check), it differs (diff), there are faults (storm)
  2    the command could not be done: no such file, nobody answers, arguments that make no sense
  3    the service is still stopping when the time of --wait is up (stop)
  any  of `stop --wait`: the exit code of the service's report; 124 where it was ended by force";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// How a running service is: state, readiness, what is in flight with its age, hooks
    Status(LiveArgs),
    /// What a running service would do if it were stopped now
    Plan(LiveArgs),
    /// The status of a running service, again and again
    Top(TopArgs),
    /// Asks a running service to stop
    #[command(after_long_help = STOP_CODES)]
    Stop(StopArgs),
    /// Whether the plan of a binary fits what its manifests grant
    #[command(after_long_help = CHECK_NOTE)]
    Check(CheckArgs),
    /// What differs between two plans
    Diff(DiffArgs),
    /// Draws a plan or a report
    Plot(PlotArgs),
    /// The hooks of a report, those that took longest first
    Blame(ReportArgs),
    /// The hooks of a report that decided how long its stop took
    Chain(ReportArgs),
    /// Plays the platform against a service: real signals at random moments
    #[command(after_long_help = STORM_NOTE)]
    Storm(StormArgs),
    /// Completions for a shell, on standard output
    Completions(CompletionsArgs),
    /// The manual, on standard output or as one page a command
    Man(ManArgs),
}

const STOP_CODES: &str = "\
Exit codes: without --wait 0 once the request was accepted. With it the exit code of the service's \
report; 0 where the connection ended without one, as the stop is over then; 124 where the service \
was ended by force; 3 where it still stops when the time is up; 2 where nobody was asked.";

const CHECK_NOTE: &str = "\
What the program sets in code (`Config`) is in the JSON that it answers, and the verdict is that of \
a binary with the feature `manifest` (LIFECYCLE_PLAN=check LIFECYCLE_MANIFEST=...). --shutdown-delay \
and its kin are for other numbers, and for a file of `Plan::to_json`, which has none. What the \
manifests set in LIFECYCLE_* variables is read.

Exit codes: 0 it fits, 1 it does not, 2 there was no plan to check.";

const STORM_NOTE: &str = "\
Each round starts the service, waits until it hears the signal, sends that at a random moment, and \
kills it by SIGKILL when the grace period is over. A fault is: not gone by then; an exit code that \
the library does not document (0, 1, 70, 75, 78, 124, 128 + n); 0 where the report does not say \
clean, or where there is none; another code than the report's; death by a signal; a --verify that fails. The \
service gets LIFECYCLE_GRACE_PERIOD and LIFECYCLE_REPORT; load and verify get STORM_ROUND and \
STORM_SEED, and are run by `sh -c`.

A round is replayed by its own seed: --seed S --rounds 1.

Exit codes: 0 no fault, 1 faults, 2 the service could not be started.";

#[derive(Debug, clap::Args)]
pub(crate) struct LiveArgs {
    /// The admin socket
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,
    /// The answer as it came, in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TopArgs {
    /// The admin socket
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,
    /// How often
    #[arg(long, value_parser = duration, default_value = "1s")]
    pub(crate) interval: Duration,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StopArgs {
    /// The admin socket
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) path: PathBuf,
    /// Why, for the log and the report
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// Calls the stop a failure: the service exits with 1
    #[arg(long)]
    pub(crate) failure: bool,
    /// Shows the progress and waits for the end, so long at most
    #[arg(long, value_parser = duration, num_args = 0..=1, default_missing_value = "30s")]
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// A binary, or the JSON of its plan
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) plan: PathBuf,
    /// What it is deployed by: the manifest, as `path` or `path#container`, and what goes with it
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub(crate) manifests: Vec<String>,
    /// What the preStop of the container takes, where the manifest does not tell
    #[arg(long, value_parser = duration)]
    pub(crate) pre_stop: Option<Duration>,
    /// The `max_kill_timeout` of the clients of Nomad
    #[arg(long, value_parser = duration)]
    pub(crate) max_kill_timeout: Option<Duration>,
    /// As in `Config::grace_period`
    #[arg(long, value_parser = duration, help_heading = "Instead of what the program sets in code")]
    pub(crate) grace_period: Option<Duration>,
    /// As in `Config::shutdown_delay`
    #[arg(long, value_parser = duration, help_heading = "Instead of what the program sets in code")]
    pub(crate) shutdown_delay: Option<Duration>,
    /// As in `Config::drain_timeout`
    #[arg(long, value_parser = duration, help_heading = "Instead of what the program sets in code")]
    pub(crate) drain_timeout: Option<Duration>,
    /// As in `Config::reserve`
    #[arg(long, value_parser = duration, help_heading = "Instead of what the program sets in code")]
    pub(crate) reserve: Option<Duration>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DiffArgs {
    /// A binary, or the JSON of its plan: as it was
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) old: PathBuf,
    /// The same, as it is
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) new: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct PlotArgs {
    /// A binary, the JSON of its plan, or the JSON of a report
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Where to; a report may end in .svg or .html, a plan in .svg
    #[arg(short, long, value_hint = ValueHint::FilePath)]
    pub(crate) output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ReportArgs {
    /// The JSON of a report
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) report: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct StormArgs {
    /// The service
    #[arg(value_hint = ValueHint::ExecutablePath)]
    pub(crate) binary: PathBuf,
    /// Its arguments
    #[arg(last = true)]
    pub(crate) args: Vec<OsString>,
    /// How many rounds
    #[arg(long, default_value_t = 20)]
    pub(crate) rounds: u32,
    /// From the signal to SIGKILL
    #[arg(long, value_parser = duration, default_value = "10s")]
    pub(crate) grace: Duration,
    /// The signal comes so long after the service hears it, at most
    #[arg(long, value_parser = duration, default_value = "1s")]
    pub(crate) within: Duration,
    /// A command that runs from before the signal to the end of the service
    #[arg(long, value_name = "CMD")]
    pub(crate) load: Option<String>,
    /// A command that runs when the service is gone: that it fails is a fault
    #[arg(long, value_name = "CMD")]
    pub(crate) verify: Option<String>,
    /// The seed of the first round; the next have the next
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The signals to choose from
    #[arg(long, value_delimiter = ',', default_values_t = [StormSignal::Term, StormSignal::Int])]
    pub(crate) signals: Vec<StormSignal>,
}

/// A signal that a platform or a person sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StormSignal {
    Term,
    Int,
    Hup,
    Quit,
}

impl std::fmt::Display for StormSignal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Term => "term",
            Self::Int => "int",
            Self::Hup => "hup",
            Self::Quit => "quit",
        })
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    pub(crate) shell: Shell,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Writes a page for each command into this folder instead
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

fn duration(text: &str) -> Result<Duration, String> {
    lifecycle_duration::parse(text).map_err(|error| error.to_string())
}
