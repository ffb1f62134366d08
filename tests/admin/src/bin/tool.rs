//! The tool `lifecycle`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lifecycle_cli::main()
}
