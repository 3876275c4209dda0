//! `everlink signin`

use clap::Args;
use secrecy::ExposeSecret;

use crate::cli::{Failure, Installed, LocalUser};
use crate::clock::Clock;
use crate::website::{ADDRESS_LASTS, Local, address};

#[derive(Args)]
pub struct SignIn {
    /// What addresses of the service start with
    #[arg(long, env = "EVERLINK_PUBLIC_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    public_url: String,

    #[command(flatten)]
    local: LocalUser,

    #[command(flatten)]
    installed: Installed,
}

impl SignIn {
    pub async fn run(&self) -> Result<(), Failure> {
        let installation = self.installed.open().await?;
        let now = Clock::system().now();
        let code = installation.offer_sign_in(&Local::user(self.local.name()), now, ADDRESS_LASTS).await?;
        installation.close().await;
        println!("{}", address(self.public_url.trim_end_matches('/'), code.expose_secret()));
        Ok(())
    }
}
