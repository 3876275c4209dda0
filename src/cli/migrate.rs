//! `everlink migrate`

use crate::cli::Failure;
use crate::config::Settings;
use crate::server::open_store;
use crate::telemetry::Metrics;
use crate::telemetry::start_logging;

pub async fn migrate(settings: &Settings) -> Result<(), Failure> {
    start_logging(settings);
    let settings = Settings { no_migrate: false, ..settings.clone() };
    let store = open_store(&settings, &Metrics::new()).await?;
    println!("{} is up to date", store.name());
    store.close().await;
    Ok(())
}
