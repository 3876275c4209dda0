//! `everlink verify`

use bytesize::ByteSize;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::{Failure, Installation, content_of};
use crate::config::Settings;
use crate::service::installation::{Finding, Flaw};
use crate::telemetry::start_logging;

#[derive(Args)]
pub struct Verify {
    /// How much is read in a second, at most [default: as fast as it goes]
    #[arg(long, value_name = "SIZE")]
    rate: Option<ByteSize>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: Settings,
}

impl Verify {
    pub async fn run(&self) -> Result<(), Failure> {
        start_logging(&self.settings.logging);
        let installation = Installation::open(&self.settings.storage).await?;
        let content = content_of(&self.settings)?;
        installation.check_content(&content).await?;
        let total = installation.bytes_of_versions().await?.cast_unsigned();
        // It hides itself where nobody looks.
        let bar = ProgressBar::new(total).with_style(
            ProgressStyle::with_template("[{wide_bar}] {bytes}/{total_bytes} {eta}")
                .expect("the template is right")
                .progress_chars("=> "),
        );
        let rate = self.rate.map(|rate| rate.as_u64());
        let verified = installation.verify(&content, rate, &|bytes| bar.inc(bytes)).await?;
        bar.finish_and_clear();
        installation.close().await;
        if self.json {
            let text = serde_json::to_string_pretty(&verified).map_err(|error| Failure(error.to_string()))?;
            println!("{text}");
        } else {
            verified.findings.iter().for_each(tell);
            let bytes = ByteSize::b(verified.bytes);
            println!("{} contents, {} read", verified.contents, bytes.display().iec());
        }
        match verified.findings.len() {
            0 => Ok(()),
            1 => Err(Failure("1 content is not as it should be".to_owned())),
            many => Err(Failure(format!("{many} contents are not as they should be"))),
        }
    }
}

fn tell(finding: &Finding) {
    let flaw = match finding.flaw {
        Flaw::Damaged => "damaged",
        Flaw::Missing => "missing",
        Flaw::Orphaned => "orphaned",
    };
    let versions: Vec<String> =
        finding.versions.iter().map(|(item, version)| format!("{item} version {version}")).collect();
    println!("{flaw:<9} {}/{}  {}", finding.drive, finding.key, versions.join(", "));
}
