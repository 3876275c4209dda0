//! `everlink token`

use std::time::Duration;

use clap::Args;

use crate::auth::{LocalIssuer, NewToken};
use crate::cli::Failure;
use crate::clock::Clock;
use crate::config::KeyStorage;
use crate::keys::Keys;

#[derive(Args)]
pub struct NewTokenArgs {
    /// The user it is for; an application's own token where there is none
    #[arg(long, value_parser = plain_text)]
    user: Option<String>,

    /// The application it is for
    #[arg(long, value_parser = plain_text)]
    app_id: String,

    /// The user's name, for display
    #[arg(long, value_parser = plain_text)]
    user_name: Option<String>,

    /// The application's name, for display
    #[arg(long, value_parser = plain_text)]
    app_name: Option<String>,

    /// The organization both belong to
    #[arg(long, default_value = "default", value_parser = plain_text)]
    tenant: String,

    /// What it grants, separated by spaces: a user's scopes, or an application's roles
    /// [default: Files.ReadWrite, and Files.ReadWrite.All for an application's own token]
    #[arg(long)]
    scope: Option<String>,

    /// How long it is good for: 90s, 15m, 1h, 30days
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
    ttl: Duration,

    #[command(flatten)]
    keys: KeyStorage,
}

impl NewTokenArgs {
    pub fn run(self) -> Result<(), Failure> {
        let key_file = self.keys.key_file();
        let keys = Keys::load_or_create(&key_file).map_err(crate::error::Error::internal)?;
        let default_scope = if self.user.is_some() { "Files.ReadWrite" } else { "Files.ReadWrite.All" };
        let token = NewToken {
            user: self.user,
            user_name: self.user_name,
            application: self.app_id,
            application_name: self.app_name,
            tenant: self.tenant,
            scope: self.scope.unwrap_or_else(|| default_scope.to_owned()),
            lifetime: self.ttl,
        };
        println!("{}", LocalIssuer::new(&keys.local_issuer).issue(&token, Clock::system().now())?);
        Ok(())
    }
}

/// What the servers take as an id or a name.
fn plain_text(text: &str) -> Result<String, &'static str> {
    if crate::auth::is_plain(text) { Ok(text.to_owned()) } else { Err("not 1 to 256 bytes of plain text") }
}
