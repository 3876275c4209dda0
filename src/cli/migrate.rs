//! `everlink migrate`

use clap::Args;

use crate::cli::Failure;
use crate::config::Settings;
use crate::server::open_store;
use crate::telemetry::{Metrics, start_logging};

#[derive(Args)]
pub struct Migrate {
    /// PostgreSQL: a role that is to read the admins' views, and nothing else; made where it is not there
    #[arg(long, value_name = "NAME")]
    admin_role: Option<String>,
    #[command(flatten)]
    settings: Settings,
}

impl Migrate {
    pub async fn run(&self) -> Result<(), Failure> {
        start_logging(&self.settings, None);
        let settings = Settings { no_migrate: false, ..self.settings.clone() };
        let store = open_store(&settings, &Metrics::new()).await?;
        println!("{} is up to date", store.name());
        if let Some(role) = &self.admin_role {
            store.grant_views(role).await?;
            println!("{role} reads the views, and nothing else");
        }
        store.close().await;
        Ok(())
    }
}
