//! `everlink serve`

use clap::Args;

use crate::cli::{Failure, LocalUser, asked_to_stop};
use crate::clock::Clock;
use crate::config::Settings;
use crate::server;
use crate::telemetry::{Traces, start_logging_aside};
use crate::website;

#[derive(Args)]
pub struct Serve {
    #[command(flatten)]
    settings: Settings,

    #[command(flatten)]
    local: LocalUser,
}

impl Serve {
    pub async fn run(&self) -> Result<(), Failure> {
        let settings = &self.settings;
        let traces = settings.otlp_endpoint.as_deref().map(Traces::start).transpose()?;
        let log = start_logging_aside(&settings.logging, traces.as_ref());
        let mut server = server::bind(settings, Clock::system()).await?;
        server.dropped_lines = log.dropped_lines.clone();
        match &server.dev {
            Some(dev) => println!("{}", dev.greeting(server.api, server.secure)),
            None => greet(settings, &server, self.local.name()).await?,
        }
        server.run(asked_to_stop()).await?;
        if let Some(traces) = traces {
            traces.stop().await;
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Says what runs where, and what to try next.
async fn greet(settings: &Settings, server: &server::Server, user: &str) -> Result<(), Failure> {
    let app = server.app();
    let bad = |bad: crate::config::BadSetting| Failure(bad.to_string());
    println!("Everlink {} is at {}", env!("CARGO_PKG_VERSION"), app.public_url);
    println!("  listening  {}", server.api);
    println!("  admin      http://{}/readyz and /metrics", server.health);
    println!(
        "  database   {}: {}",
        app.service.database(),
        settings.storage.database().map_err(bad)?.display()
    );
    println!("  content    {}", settings.content().map_err(bad)?);
    match &settings.oidc_issuer {
        Some(issuer) => println!("  tokens     of {issuer}"),
        None => {
            let key_file = settings.storage.keys.key_file();
            println!("  tokens     of the local issuer, key file {}", key_file.display());
            let sign_in = website::offer_address(&app.service, &app.public_url, user).await?;
            println!("  sign in    {sign_in}  (as {user}, once)");
            println!();
            println!("Try:");
            println!(
                "  token=$(everlink token --user alice --app-id demo --key-file {})",
                key_file.display()
            );
            let curl = "curl -H \"Authorization: Bearer $token\"";
            let item = format!("{}/drive/root:/README.md:", app.public_url);
            println!("  {curl} -T README.md {item}/content");
            println!("  {curl} -d '{{\"type\":\"view\"}}' {item}/createLink");
        }
    }
    Ok(())
}
