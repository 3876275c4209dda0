//! `everlink completions` and `everlink man`: what is known of the commands, for shells and for readers.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::cli::Failure;

#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(&self, mut commands: Command) -> Result<(), Failure> {
        clap_complete::generate(self.shell, &mut commands, "everlink", &mut std::io::stdout());
        Ok(())
    }
}

#[derive(Args)]
pub struct Man {
    /// Where the pages go, such as /usr/local/share/man/man1
    folder: PathBuf,
}

impl Man {
    pub fn run(&self, commands: Command) -> Result<(), Failure> {
        let failed = |error| Failure(format!("{}: {error}", self.folder.display()));
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(commands, &self.folder).map_err(failed)
    }
}
