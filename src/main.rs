//! Parses the command line, runs the command, and tells how it ended.

use std::process::ExitCode;

use clap::Parser;
use everlink::cli::Cli;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match actix_web::rt::System::new().block_on(cli.run()) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("everlink: {failure}");
            ExitCode::FAILURE
        }
    }
}
