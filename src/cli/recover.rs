//! `everlink recover`

use clap::Args;

use crate::cli::{Actor, Failure, content_of};
use crate::clock::Clock;
use crate::config::Settings;
use crate::service::installation::Installation;
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct Recover {
    #[command(flatten)]
    actor: Actor,
    #[command(flatten)]
    settings: Settings,
}

impl Recover {
    pub async fn run(&self) -> Result<(), Failure> {
        start_logging(&self.settings.logging);
        let installation = Installation::migrate(&self.settings.storage).await?;
        let content = content_of(&self.settings)?;
        let recovered = installation.recover(&content, &self.actor.name(), Clock::system().now()).await?;
        installation.close().await;
        println!("{} links had been revoked since the backup, and are dead again", recovered.revoked);
        println!(
            "incarnation {}: download URLs and delta tokens from before have ended",
            recovered.incarnation
        );
        println!("`everlink verify` tells which contents are missing");
        Ok(())
    }
}
