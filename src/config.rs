//! Every flag and variable. The only reader of the environment.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

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
    #[arg(value_parser = parse_address, help_heading = "Listening")]
    pub listen: SocketAddr,

    /// Address of /healthz, /readyz and /metrics
    #[arg(long, env = "EVERLINK_ADMIN_LISTEN", default_value = "127.0.0.1:9090", value_name = "ADDRESS")]
    #[arg(value_parser = parse_address, help_heading = "Listening")]
    pub admin_listen: SocketAddr,

    /// URL under which clients reach the service; links start with it [default: http:// and the listen address]
    #[arg(long, env = "EVERLINK_PUBLIC_URL", value_name = "URL", value_parser = parse_public_url)]
    #[arg(help_heading = "Listening")]
    pub public_url: Option<String>,

    /// Origin of its own for what people uploaded, when pages show or download it; it leads to the same service
    #[arg(long, env = "EVERLINK_CONTENT_ORIGIN", value_name = "URL", value_parser = parse_origin)]
    #[arg(requires = "public_url", help_heading = "Listening")]
    pub content_origin: Option<String>,

    /// After SIGTERM, how long requests are still taken while /readyz says «stopping»: what a proxy needs to see it
    #[arg(long, env = "EVERLINK_STOP_DELAY", value_name = "TIME", default_value = "5s")]
    #[arg(value_parser = humantime::parse_duration, help_heading = "Listening")]
    pub stop_delay: Duration,

    /// Then, how long requests that are under way may take to end
    #[arg(long, env = "EVERLINK_STOP_LIMIT", value_name = "TIME", default_value = "60s")]
    #[arg(value_parser = humantime::parse_duration, help_heading = "Listening")]
    pub stop_limit: Duration,

    /// Addresses or networks of proxies whose X-Forwarded headers are believed, separated by commas
    #[arg(long, env = "EVERLINK_TRUSTED_PROXIES", value_name = "NETWORKS")]
    #[arg(value_delimiter = ',', value_parser = parse_network, help_heading = "Listening")]
    pub trusted_proxies: Vec<IpNet>,

    #[command(flatten)]
    pub storage: Storage,

    /// Where contents are kept, file://FOLDER or s3://BUCKET/PREFIX [default: file:// and content in the data folder]
    #[arg(long, env = "EVERLINK_CONTENT_URL", value_name = "URL", help_heading = "Keeping things")]
    pub content_url: Option<String>,

    /// Send downloads to URLs of the object store's own, which open for a minute, rather than pass the bytes on
    #[arg(long, env = "EVERLINK_CONTENT_PRESIGNED", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Keeping things")]
    pub content_presigned: bool,

    /// Memory for links and items that were read lately, in MiB; 0: none. Whether they still hold is asked each time
    #[arg(long, env = "EVERLINK_CACHE_MIB", value_name = "NUMBER", default_value_t = 64)]
    #[arg(help_heading = "How much")]
    pub cache_mib: u32,

    /// Memory for small contents that were read lately, in MiB; 0: none
    #[arg(long, env = "EVERLINK_CONTENT_CACHE_MIB", value_name = "NUMBER", default_value_t = 64)]
    #[arg(help_heading = "How much")]
    pub content_cache_mib: u32,

    /// Refuse to start, rather than migrate, when the database's tables are older than this program
    #[arg(long, env = "EVERLINK_NO_MIGRATE", value_parser = BoolishValueParser::new())]
    #[arg(help_heading = "Keeping things")]
    pub no_migrate: bool,

    /// OpenID Connect issuer whose tokens are believed [default: the local issuer's, see `everlink token`]
    #[arg(long, env = "EVERLINK_OIDC_ISSUER", value_name = "URL", requires = "oidc_audience")]
    #[arg(help_heading = "Who may")]
    pub oidc_issuer: Option<String>,

    /// What the issuer's tokens must name as their audience: one of these, separated by commas
    #[arg(long, env = "EVERLINK_OIDC_AUDIENCE", value_name = "AUDIENCES", value_delimiter = ',')]
    #[arg(help_heading = "Who may")]
    pub oidc_audience: Vec<String>,

    /// Signature algorithms that the issuer uses
    #[arg(long, env = "EVERLINK_OIDC_ALGORITHMS", value_name = "ALGORITHMS", default_value = "RS256")]
    #[arg(value_delimiter = ',', value_parser = parse_algorithm, help_heading = "Who may")]
    pub oidc_algorithms: Vec<Algorithm>,

    /// The site's own client at the issuer, by which people sign in; without it nobody can
    #[arg(long, env = "EVERLINK_OIDC_CLIENT_ID", value_name = "ID", requires = "oidc_issuer")]
    #[arg(help_heading = "Who may")]
    pub oidc_client_id: Option<String>,

    /// File with that client's secret [default: none, for a public client]
    #[arg(long, env = "EVERLINK_OIDC_CLIENT_SECRET_FILE", value_name = "FILE", requires = "oidc_client_id")]
    #[arg(help_heading = "Who may")]
    pub oidc_client_secret_file: Option<PathBuf>,

    /// Id of the application that the site is: its links are those of this application
    #[arg(long, env = "EVERLINK_SITE_APP_ID", value_name = "ID", default_value = "everlink-site")]
    #[arg(help_heading = "Who may")]
    pub site_app_id: String,

    /// Scope of a link where the request names none
    #[arg(long, env = "EVERLINK_DEFAULT_SCOPE", value_name = "SCOPE", default_value = "anonymous")]
    #[arg(help_heading = "Who may")]
    pub default_scope: LinkScope,

    /// How much each drive may hold
    #[arg(long, env = "EVERLINK_DRIVE_QUOTA", value_name = "SIZE", default_value = "1TiB")]
    #[arg(help_heading = "How much")]
    pub drive_quota: ByteSize,

    /// How much of imported files is read in a second to know their digests; 0: none of it
    #[arg(long, env = "EVERLINK_DIGEST_RATE", value_name = "SIZE", default_value = "32MiB")]
    #[arg(help_heading = "How much")]
    pub digest_rate: ByteSize,

    /// Threads that serve requests [default: one a processor]
    #[arg(long, env = "EVERLINK_WORKERS", value_name = "NUMBER", help_heading = "How much")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Clients' connections that are open at once, at most: each may take some 160 KB of memory
    #[arg(long, env = "EVERLINK_CONNECTIONS", value_name = "NUMBER", default_value_t = 1024)]
    #[arg(value_parser = clap::value_parser!(u16).range(16..), help_heading = "How much")]
    pub connections: u16,

    /// Of one address, but for trusted proxies; those that are idle make room for new ones. 0: any number
    #[arg(long, env = "EVERLINK_CONNECTIONS_PER_ADDRESS", value_name = "NUMBER", default_value_t = 512)]
    #[arg(help_heading = "How much")]
    pub connections_per_address: u16,

    /// Connections to PostgreSQL that all workers share, at most; each worker has seven more of its own
    #[arg(long, env = "EVERLINK_DATABASE_CONNECTIONS", value_name = "NUMBER")]
    #[arg(default_value_t = DATABASE_CONNECTIONS, help_heading = "How much")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,

    /// Requests that one query answers, at most; 1 answers each by a query of its own
    #[arg(long, env = "EVERLINK_BATCH_LIMIT", value_name = "NUMBER", default_value_t = 128)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "How much")]
    pub batch_limit: u16,

    /// Queries of one kind that each worker has under way at once
    #[arg(long, env = "EVERLINK_BATCHES_IN_FLIGHT", value_name = "NUMBER", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64), help_heading = "How much")]
    pub batches_in_flight: u16,

    /// Wrong keys that one address may send in a minute before it is told to wait; 0: any number
    #[arg(long, env = "EVERLINK_WRONG_KEYS_PER_MINUTE", value_name = "NUMBER", default_value_t = 300)]
    #[arg(help_heading = "How much")]
    pub wrong_keys_per_minute: u32,

    /// Requests that one user may make in a minute; 0: any number
    #[arg(long, env = "EVERLINK_USER_REQUESTS_PER_MINUTE", value_name = "NUMBER", default_value_t = 0)]
    #[arg(help_heading = "How much")]
    pub user_requests_per_minute: u32,

    /// Requests that one application may make in a minute; 0: any number
    #[arg(
        long,
        env = "EVERLINK_APPLICATION_REQUESTS_PER_MINUTE",
        value_name = "NUMBER",
        default_value_t = 0
    )]
    #[arg(help_heading = "How much")]
    pub application_requests_per_minute: u32,

    #[command(flatten)]
    pub development: Development,

    #[command(flatten)]
    pub logging: Logging,

    /// OpenTelemetry collector that traces are sent to by OTLP over HTTP [default: no traces]
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL", value_parser = parse_collector)]
    #[arg(help_heading = "Logging")]
    pub otlp_endpoint: Option<String>,
}

/// To PostgreSQL, of all workers together.
pub const DATABASE_CONNECTIONS: u32 = 20;

/// Where an installation's database and keys are: all that commands need which serve nothing.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Keeping things")]
pub struct Storage {
    #[command(flatten)]
    pub keys: KeyStorage,

    /// postgres://… or sqlite://… [default: sqlite:// and everlink.db in the data folder]
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<SecretString>,

    /// File with the password of the database's user, where the URL has none
    #[arg(long, env = "EVERLINK_DATABASE_PASSWORD_FILE", value_name = "FILE")]
    pub database_password_file: Option<PathBuf>,
}

/// Where the keys are: all that is needed to make a token.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Keeping things")]
pub struct KeyStorage {
    /// Folder for what has no other place [default: ./everlink-data where there is one, else everlink in the user's
    /// folder for data]
    #[arg(long, env = "EVERLINK_DATA_DIR", value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,

    /// File of the secrets that sign links; made at the first start [default: keys.json in the data folder]
    #[arg(long, env = "EVERLINK_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,
}

/// What a service is that programs are tested against: see `dev`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "For tests of other programs")]
pub struct Development {
    /// Serve tests: HTTPS by a certificate of its own, anybody signs in as whoever they like, all begins empty or as
    /// the seed says. Never where links matter
    #[arg(long, env = "EVERLINK_DEV", value_parser = BoolishValueParser::new())]
    pub dev: bool,

    /// Take --dev beside an issuer, or a public URL that is not this machine's
    #[arg(long, env = "EVERLINK_DEV_ANYWAY", value_parser = BoolishValueParser::new())]
    pub dev_anyway: bool,

    /// Address of the API over HTTPS
    #[arg(long, env = "EVERLINK_DEV_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    #[arg(value_parser = parse_address)]
    pub dev_listen: SocketAddr,

    /// Further names that the certificate is for, separated by commas
    #[arg(long, env = "EVERLINK_DEV_NAMES", value_name = "NAMES", value_delimiter = ',')]
    pub dev_names: Vec<String>,

    /// What there is at first, and after each reset: users, folders, files and links, in YAML or JSON
    #[arg(long, env = "EVERLINK_DEV_SEED", value_name = "FILE")]
    pub seed: Option<PathBuf>,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Logging")]
pub struct Logging {
    /// Least severe messages that are logged: error, warn, info, debug or trace
    #[arg(long, env = "EVERLINK_LOG", value_name = "LEVEL", default_value = "info")]
    pub log: tracing::Level,

    /// text for people, json for machines [default: text on a terminal, json elsewhere]
    #[arg(long, env = "EVERLINK_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// How much of clients' addresses is logged
    #[arg(long, env = "EVERLINK_LOG_ADDRESSES", value_name = "HOW", default_value = "full")]
    pub log_addresses: LogAddresses,
}

/// How much of clients' addresses is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogAddresses {
    Full,
    /// The network alone: 24 bits of IPv4, 48 of IPv6
    Network,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

impl Settings {
    /// Where contents are kept.
    pub fn content(&self) -> Result<ContentUrl, BadSetting> {
        match &self.content_url {
            None => Ok(ContentUrl::Folder(self.storage.keys.data_dir().join("content"))),
            Some(url) => url.parse(),
        }
    }
}

impl KeyStorage {
    pub fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_dir)
    }

    pub fn key_file(&self) -> PathBuf {
        self.key_file.clone().unwrap_or_else(|| self.data_dir().join("keys.json"))
    }
}

impl Storage {
    pub fn database(&self) -> Result<DatabaseUrl, BadSetting> {
        match &self.database_url {
            Some(url) => DatabaseUrl::parse(url),
            None => Ok(DatabaseUrl::Sqlite(self.keys.data_dir().join("everlink.db"))),
        }
    }
}

/// `./everlink-data` where there is one; else the user's own folder, so that what is shared from one folder is the same
/// drive's as what is shared from another. <https://specifications.freedesktop.org/basedir-spec/latest/>
fn default_data_dir() -> PathBuf {
    let here = PathBuf::from("./everlink-data");
    if here.is_dir() { here } else { of_user("XDG_DATA_HOME", ".local/share").unwrap_or(here) }
}

/// Where `everlink login` remembers a server and its token; none where the user has no folder.
pub fn login_file() -> Option<PathBuf> {
    of_user("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("login.json"))
}

/// The program's folder in one of the user's: that of the variable, or that below the home folder.
fn of_user(variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = |variable| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = named(variable).or_else(|| named("HOME").map(|home| home.join(below_home)))?;
    Some(folder.join("everlink"))
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

/// `127.0.0.1:8080`, `[::1]:8080`, or `localhost:8080`.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("{text:?} is not of the form ADDRESS:PORT");
    text.to_socket_addrs().map_err(|_| wrong())?.next().ok_or_else(wrong)
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

/// A URL of nothing but scheme and host: an origin, as browsers compare them.
fn parse_origin(text: &str) -> Result<String, String> {
    let url = parse_url(text)?;
    if url.path() != "/" || url.query().is_some() {
        return Err("an origin has no path".to_owned());
    }
    Ok(url.origin().ascii_serialization())
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
