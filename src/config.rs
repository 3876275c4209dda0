//! Every flag and variable. The only reader of the environment.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use bytesize::ByteSize;
use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use jsonwebtoken::Algorithm;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::domain::link_scope::LinkScope;

/// What an installation is: where it listens, where it keeps things, whom it believes.
#[derive(Args, Clone, Debug)]
pub struct Settings {
    /// Address of the API and the pages
    #[arg(long, env = "EVERLINK_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "EVERLINK_ADMIN_LISTEN", default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    pub admin_listen: SocketAddr,

    /// URL under which clients reach the service; links start with it [default: http:// and the listen address]
    #[arg(long, env = "EVERLINK_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    pub public_url: Option<String>,

    /// Folder for what has no other place
    #[arg(long, env = "EVERLINK_DATA_DIR", default_value = "./everlink-data", value_name = "FOLDER")]
    pub data_dir: PathBuf,

    /// postgres://… or sqlite://… [default: sqlite:// and everlink.db in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// File with the password of the database's user, where the URL has none
    #[arg(long, env = "EVERLINK_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,

    /// Where contents are kept, file://FOLDER or s3://BUCKET/PREFIX [default: file:// and content in the data folder]
    #[arg(long, env = "EVERLINK_CONTENT_URL", value_name = "URL")]
    pub content_url: Option<String>,

    /// Send downloads to URLs of the object store's own, which open for a minute, rather than pass the bytes on
    #[arg(long, env = "EVERLINK_CONTENT_PRESIGNED", value_parser = BoolishValueParser::new())]
    pub content_presigned: bool,

    /// File of the secrets that sign links; made at the first start [default: keys.json in the data folder]
    #[arg(long, env = "EVERLINK_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// OpenID Connect issuer whose tokens are believed [default: the local issuer's, see `everlink token`]
    #[arg(long, env = "EVERLINK_OIDC_ISSUER", value_name = "URL", requires = "oidc_audience")]
    pub oidc_issuer: Option<String>,

    /// What the issuer's tokens must name as their audience: one of these, separated by commas
    #[arg(long, env = "EVERLINK_OIDC_AUDIENCE", value_name = "AUDIENCES", value_delimiter = ',')]
    pub oidc_audience: Vec<String>,

    /// Signature algorithms that the issuer uses
    #[arg(long, env = "EVERLINK_OIDC_ALGORITHMS", value_name = "ALGORITHMS", default_value = "RS256")]
    #[arg(value_delimiter = ',', value_parser = parse_algorithm)]
    pub oidc_algorithms: Vec<Algorithm>,

    /// Scope of a link where the request names none
    #[arg(long, env = "EVERLINK_DEFAULT_SCOPE", value_name = "SCOPE", default_value = "anonymous")]
    pub default_scope: LinkScope,

    /// How much each drive may hold
    #[arg(long, env = "EVERLINK_DRIVE_QUOTA", value_name = "SIZE", default_value = "1TiB")]
    pub drive_quota: ByteSize,

    /// Addresses or networks of proxies whose X-Forwarded headers are believed, separated by commas
    #[arg(long, env = "EVERLINK_TRUSTED_PROXIES", value_name = "NETWORKS")]
    #[arg(value_delimiter = ',', value_parser = parse_network)]
    pub trusted_proxies: Vec<IpNet>,

    /// Threads that serve requests [default: one a processor]
    #[arg(long, env = "EVERLINK_WORKERS", value_name = "NUMBER")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Clients' connections that are open at once, at most: each may take some 160 KB of memory
    #[arg(long, env = "EVERLINK_CONNECTIONS", value_name = "NUMBER", default_value_t = 1024)]
    #[arg(value_parser = clap::value_parser!(u16).range(16..))]
    pub connections: u16,

    /// Connections to PostgreSQL that all workers share, at most; for links each worker has three more of its own
    #[arg(long, env = "EVERLINK_DATABASE_CONNECTIONS", value_name = "NUMBER", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,

    /// Requests that one query answers, at most; 1 answers each by a query of its own
    #[arg(long, env = "EVERLINK_BATCH_LIMIT", value_name = "NUMBER", default_value_t = 128)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub batch_limit: u16,

    /// Queries of one kind that each worker has under way at once
    #[arg(long, env = "EVERLINK_BATCHES_IN_FLIGHT", value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    pub batches_in_flight: u16,

    /// Refuse to start, rather than migrate, when the database's tables are older than this program
    #[arg(long, env = "EVERLINK_NO_MIGRATE", value_parser = BoolishValueParser::new())]
    pub no_migrate: bool,

    /// Least severe messages that are logged: error, warn, info, debug or trace
    #[arg(long, env = "EVERLINK_LOG", value_name = "LEVEL", default_value = "info")]
    pub log: tracing::Level,

    /// text for people, json for machines [default: text on a terminal, json elsewhere]
    #[arg(long, env = "EVERLINK_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// OpenTelemetry collector that traces are sent to by OTLP over HTTP [default: no traces]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = parse_collector)]
    pub otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// Where the key file is.
    pub fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data_dir.join("keys.json"))
    }

    pub fn database(&self) -> Result<DatabaseUrl, BadSetting> {
        match &self.database_url {
            Some(url) => DatabaseUrl::parse(url),
            None => Ok(DatabaseUrl::Sqlite(self.data_dir.join("everlink.db"))),
        }
    }

    /// Where contents are kept.
    pub fn content(&self) -> Result<ContentUrl, BadSetting> {
        match &self.content_url {
            None => Ok(ContentUrl::Folder(self.data_dir.join("content"))),
            Some(url) => url.parse(),
        }
    }
}

/// The URL under which this machine reaches what listens there.
pub fn reachable_url(listening: SocketAddr) -> String {
    let mut reachable = listening;
    if listening.ip().is_unspecified() {
        reachable.set_ip(match listening {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{reachable}")
}

/// A setting that can't be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadSetting(pub String);

/// Which database.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    Postgres(SecretString),
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    pub fn parse(url: &SecretString) -> Result<Self, BadSetting> {
        let text = url.expose_secret();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(url.clone()));
        }
        match text.strip_prefix("sqlite://") {
            Some(":memory:" | "") => {
                Err(BadSetting("DATABASE_URL names no file; links that last need one".to_owned()))
            }
            Some(path) => Ok(Self::Sqlite(PathBuf::from(path))),
            None => Err(BadSetting("DATABASE_URL is neither postgres://… nor sqlite://FILE".to_owned())),
        }
    }

    /// The URL without its password.
    pub fn display(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite://{}", path.display()),
            Self::Postgres(url) => {
                let url = url.expose_secret();
                // Options after the question mark may hold a password too.
                let url = url.split('?').next().unwrap_or_default();
                let place = url.rsplit_once('@').map_or_else(
                    || url.trim_start_matches("postgresql://").trim_start_matches("postgres://"),
                    |(_, place)| place,
                );
                format!("postgres://{place}")
            }
        }
    }
}

/// Where contents are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentUrl {
    Folder(PathBuf),
    S3 {
        bucket: String,
        /// What keys start with; no slash at either end.
        prefix: String,
    },
}

impl FromStr for ContentUrl {
    type Err = BadSetting;

    fn from_str(url: &str) -> Result<Self, BadSetting> {
        if let Some(path) = url.strip_prefix("file://").filter(|path| !path.is_empty()) {
            return Ok(Self::Folder(PathBuf::from(path)));
        }
        if let Some(place) = url.strip_prefix("s3://") {
            let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
            if !bucket.is_empty() {
                return Ok(Self::S3 {
                    bucket: bucket.to_owned(),
                    prefix: prefix.trim_matches('/').to_owned(),
                });
            }
        }
        Err(BadSetting("EVERLINK_CONTENT_URL is neither file://FOLDER nor s3://BUCKET/PREFIX".to_owned()))
    }
}

impl std::fmt::Display for ContentUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(f, "file://{}", folder.display()),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// A network, `10.0.0.0/8`; or one address, `::1`.
fn parse_network(text: &str) -> Result<IpNet, String> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("{text:?} is not an address or a network"))
}

fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if plain && url.host_str().is_some() {
        Ok(url)
    } else {
        Err("not of the form http(s)://host[:port][/path]".to_owned())
    }
}

fn parse_public_url(text: &str) -> Result<String, String> {
    if parse_url(text)?.path() != "/" {
        return Err("a path is not supported: links start at the root".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn parse_collector(text: &str) -> Result<String, String> {
    parse_url(text).map(|_| text.trim_end_matches('/').to_owned())
}

fn parse_algorithm(text: &str) -> Result<Algorithm, String> {
    match text.parse() {
        // A shared secret is no way to believe an issuer whose keys are public.
        Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => {
            Err("not one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA".to_owned())
        }
        Ok(algorithm) => Ok(algorithm),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<DatabaseUrl, BadSetting> {
        DatabaseUrl::parse(&SecretString::from(url))
    }

    #[test]
    fn a_database_url_is_shown_without_its_password() {
        for (url, shown) in [
            (
                "postgres://ann:p%40ss@db:5432/links?sslmode=require&password=p%40ss@",
                "postgres://db:5432/links",
            ),
            ("postgresql:///links?host=/run/pg", "postgres:///links"),
            ("sqlite:///var/lib/everlink.db", "sqlite:///var/lib/everlink.db"),
        ] {
            let url = parse(url).expect("a database");
            assert_eq!(url.display(), shown);
            assert!(!format!("{url:?}").contains("p%40ss"));
        }
    }

    #[test]
    fn other_databases_are_refused() {
        for url in ["mysql://x", "sqlite://:memory:", "sqlite://", ""] {
            assert!(parse(url).is_err(), "{url:?} was accepted");
        }
    }

    #[test]
    fn a_network_is_one_or_an_address() {
        for (text, network) in
            [("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.1", "192.0.2.1/32"), ("::1", "::1/128")]
        {
            assert_eq!(parse_network(text).expect("a network").to_string(), network);
        }
        for bad in ["", "10.0.0.0/33", "x", "10.0.0.0/", "::/129"] {
            assert!(parse_network(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_shared_secret_is_no_algorithm_for_an_issuer() {
        assert!(parse_algorithm("HS256").is_err());
        assert!(parse_algorithm("none").is_err());
        assert_eq!(parse_algorithm("ES256"), Ok(Algorithm::ES256));
    }
}
