//! The command line. One file a command.

mod backup;
mod create_links;
mod doctor;
mod import;
mod keys;
mod links;
mod login;
mod manual;
mod migrate;
mod recover;
mod serve;
mod share;
mod signin;
mod token;
mod verify;

use std::process::ExitCode;

use clap::{Arg, Args, CommandFactory, Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;

use crate::config::{Logging, Settings, Storage};
use crate::content::Content;
use crate::error::Error;
use crate::keys::BadKeys;
use crate::server::Stop;
use crate::service::installation::Installation;
use crate::telemetry::start_logging;

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
    Serve(Box<serve::Serve>),
    /// Put files or folders into a drive, share them, and print their links
    #[command(mut_args(hide_settings), after_help = "The settings of `everlink serve` are taken, too.")]
    Share(Box<share::Share>),
    /// Remember a server, and the token to share there with
    Login(login::LoginArgs),
    /// Forget the server that is remembered
    Logout,
    /// Print a bearer token of the local issuer
    Token(token::NewTokenArgs),
    /// Print an address by which the local user signs in at the site, once
    Signin(Box<signin::SignIn>),
    /// Bring the database's tables to this program's state
    Migrate(Box<migrate::Migrate>),
    /// List, show and revoke links
    #[command(subcommand)]
    Links(links::Links),
    /// List, add and withdraw the keys that sign links
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Take over files where they are: a folder's, a bucket's, or those that a list names
    #[command(mut_args(hide_settings), after_help = "The settings of `everlink serve` are taken, too.")]
    Import(Box<import::ImportFiles>),
    /// Check settings, keys, database and content store, and say what is wrong
    Doctor(Box<doctor::Doctor>),
    /// Copy SQLite's database, while servers run
    Backup(Box<backup::Backup>),
    /// Make a database that was restored from a backup fit to be served
    #[command(mut_args(hide_settings))]
    Recover(Box<recover::Recover>),
    /// Read all contents, and tell which are damaged, missing or nobody's
    #[command(mut_args(hide_settings))]
    Verify(Box<verify::Verify>),
    /// Print what makes a shell complete these commands
    Completions(manual::Completions),
    /// Write a manual page for each command into a folder
    Man(manual::Man),
}

/// What a service would be started with is told by `serve`; all but where it keeps things and listens.
fn hide_settings(argument: Arg) -> Arg {
    let is_setting = argument.get_help_heading().is_some();
    let is_shown = ["listen", "public_url", "data_dir"].contains(&argument.get_id().as_str());
    argument.hide(is_setting && !is_shown)
}

/// The installation that a command is about.
#[derive(Args)]
struct Installed {
    #[command(flatten)]
    storage: Storage,
    #[command(flatten)]
    logging: Logging,
}

impl Installed {
    async fn open(&self) -> Result<Installation, Failure> {
        start_logging(&self.logging);
        Ok(Installation::open(&self.storage).await?)
    }
}

/// The content store that the settings name.
fn content_of(settings: &Settings) -> Result<Content, Failure> {
    let url = settings.content().map_err(|bad| Failure(bad.to_string()))?;
    Ok(Content::open(&url, false, 0)?)
}

/// Who is at this machine, as the local issuer knows them: what they share is in the drive that they sign in to.
#[derive(Args)]
struct LocalUser {
    /// Who one is with a token of the local issuer: whose drive is shared from, and signed in to
    #[arg(long, env = "USER", default_value = "me")]
    user: String,
}

impl LocalUser {
    /// A variable that is set and empty names nobody.
    fn name(&self) -> &str {
        if self.user.is_empty() { "me" } else { &self.user }
    }
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
    pub async fn run(self) -> Result<ExitCode, Failure> {
        // What others write with these, such as manual pages, is for everybody.
        if !matches!(self.command, Command::Completions(_) | Command::Man(_)) {
            // Files that are made are their owner's alone, whatever the shell is set to.
            umask(Mode::RWXG | Mode::RWXO);
        }
        let done = match self.command {
            Command::Import(import) => return Box::pin(import.run()).await,
            Command::Serve(serve) => serve.run().await,
            Command::Share(share) => share.run().await,
            Command::Login(login) => login.run().await,
            Command::Logout => login::logout(),
            Command::Token(token) => token.run(),
            Command::Signin(signin) => signin.run().await,
            Command::Migrate(migrate) => migrate.run().await,
            Command::Links(links) => links.run().await,
            Command::Keys(keys) => keys.run().await,
            Command::Doctor(doctor) => doctor.run().await,
            Command::Backup(backup) => backup.run().await,
            Command::Recover(recover) => recover.run().await,
            Command::Verify(verify) => verify.run().await,
            Command::Completions(completions) => completions.run(Self::command()),
            Command::Man(man) => man.run(Self::command()),
        };
        done.map(|()| ExitCode::SUCCESS)
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

/// Ready when the process is asked to stop: by somebody who waits for it, or by what runs it.
async fn asked_to_stop() -> Stop {
    use tokio::signal::unix::{SignalKind, signal};

    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without a handler the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => Stop::AfterDelay,
        _ = interrupt.recv() => Stop::AtOnce,
    }
}
