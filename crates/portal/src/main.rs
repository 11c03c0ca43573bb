//! The program; all else is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    portal::cli::run()
}
