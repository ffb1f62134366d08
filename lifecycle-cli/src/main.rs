//! The tool `lifecycle`: see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    lifecycle_cli::main()
}
