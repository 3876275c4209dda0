//! `everlink backup`

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Failure, Installed};

#[derive(Args)]
pub struct Backup {
    /// Folder for the copy of SQLite's database, which is made; there must be none in it yet
    #[arg(value_name = "FOLDER", required_unless_present = "keys_to")]
    folder: Option<PathBuf>,
    /// File for a copy of the keys: to be kept apart, for both together open all links
    #[arg(long, value_name = "FILE")]
    keys_to: Option<PathBuf>,
    #[command(flatten)]
    installed: Installed,
}

impl Backup {
    pub async fn run(&self) -> Result<(), Failure> {
        if let Some(folder) = &self.folder {
            self.back_up(folder).await?;
        }
        // After the database: no link in it is signed with a key that was added later.
        if let Some(keys_to) = &self.keys_to {
            let keys = fs::read(self.installed.storage.keys.key_file())?;
            create(keys_to)?;
            fs::write(keys_to, keys)?;
            File::open(keys_to)?.sync_all()?;
            println!("{}", keys_to.display());
        }
        if self.folder.is_some() {
            eprintln!("Copy the contents now, after the database: whatever it names is among them.");
        }
        Ok(())
    }

    async fn back_up(&self, folder: &Path) -> Result<(), Failure> {
        let installation = self.installed.open().await?;
        fs::create_dir_all(folder)?;
        let to = folder.join("everlink.db");
        // For its owner alone, from the first byte on.
        create(&to)?;
        if let Err(error) = installation.back_up(&to).await {
            fs::remove_file(&to)?;
            return Err(error.into());
        }
        File::open(&to)?.sync_all()?;
        File::open(folder)?.sync_all()?;
        installation.close().await;
        println!("{}", to.display());
        Ok(())
    }
}

/// A file that only its owner reads, where there is none yet.
fn create(path: &Path) -> Result<(), Failure> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.map(|_| ()).map_err(|error: io::Error| Failure(format!("{}: {error}", path.display())))
}
