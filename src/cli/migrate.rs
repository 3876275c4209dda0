//! `everlink migrate`

use clap::Args;

use crate::cli::{Failure, Installed};
use crate::service::installation::Installation;
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct Migrate {
    /// PostgreSQL: a role that is to read the admins' views, and nothing else; made where it is not there
    #[arg(long, value_name = "NAME")]
    admin_role: Option<String>,
    #[command(flatten)]
    installed: Installed,
}

impl Migrate {
    pub async fn run(&self) -> Result<(), Failure> {
        start_logging(&self.installed.logging);
        let installation = Installation::migrate(&self.installed.storage).await?;
        println!("{} is up to date", installation.database());
        if let Some(role) = &self.admin_role {
            installation.grant_views(role).await?;
            println!("{role} reads the views, and nothing else");
        }
        installation.close().await;
        Ok(())
    }
}
