//! The command line. One file a command.

mod doctor;
mod keys;
mod links;
mod migrate;
mod serve;
mod share;
mod token;

use clap::{Args, Parser, Subcommand};

use crate::config::Settings;
use crate::error::Error;
use crate::keys::BadKeys;

/// Sharing links that never break.
#[derive(Parser)]
#[command(version = crate::telemetry::VERSION, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API and the pages
    Serve(Box<Settings>),
    /// Put a file into a drive, share it, and print the link
    Share(Box<share::Share>),
    /// Print a bearer token of the local issuer
    Token(token::NewTokenArgs),
    /// Bring the database's tables to this program's state
    Migrate(Box<migrate::Migrate>),
    /// List and revoke links
    #[command(subcommand)]
    Links(links::Links),
    /// List, add and withdraw the keys that sign links
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Check settings, keys, database and content store, and say what is wrong
    Doctor(Box<doctor::Doctor>),
}

/// Who acts by a command.
#[derive(Args)]
struct Actor {
    /// Who revokes, for the audit trail
    #[arg(long = "as", value_name = "NAME", env = "USER", default_value = "admin")]
    actor: String,
}

impl Actor {
    /// As the audit trail has it.
    fn name(&self) -> String {
        format!("cli:{}", self.actor)
    }
}

/// Why a command failed, for who called it.
#[derive(Debug)]
pub struct Failure(String);

impl Cli {
    pub async fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(settings) => serve::serve(&settings).await,
            Command::Share(share) => share.run().await,
            Command::Token(token) => token.run(),
            Command::Migrate(migrate) => migrate.run().await,
            Command::Links(links) => links.run().await,
            Command::Keys(keys) => keys.run().await,
            Command::Doctor(doctor) => doctor.run().await,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    /// Who runs the program may see the inside.
    fn from(error: Error) -> Self {
        Self(error.inside().unwrap_or_else(|| error.to_string()))
    }
}

impl From<BadKeys> for Failure {
    fn from(bad: BadKeys) -> Self {
        Error::internal(bad).into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Ready when the process is asked to stop.
async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without a handler the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
