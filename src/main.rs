//! The `hopscope` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(hopscope::cli::main())
}
