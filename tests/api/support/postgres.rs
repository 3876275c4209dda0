//! A PostgreSQL server for the tests: the one `TEST_DATABASE_URL` names, else a private one that is
//! started from this machine's binaries and ends with the test process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// URL of a database on the server, given its name.
pub fn url(database: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
    match std::env::var("TEST_DATABASE_URL") {
        Ok(url) => {
            let (place, options) = url.split_once('?').unwrap_or((&url, ""));
            let (server, _) = place.rsplit_once('/').expect("TEST_DATABASE_URL is postgres://host/database");
            format!("{server}/{database}?{options}")
        }
        Err(_) => PRIVATE.url(database),
    }
}

static PRIVATE: LazyLock<PrivateServer> = LazyLock::new(|| PrivateServer::start(&[]));

/// A server of a test's own, with variables of its own.
pub fn on_failing_disk(variables: &[(&str, String)]) -> PrivateServer {
    PrivateServer::start(variables)
}

pub struct PrivateServer {
    folder: PathBuf,
    /// Holds the other end of the keeper's standard input: when this process ends, however it ends,
    /// the keeper reads the end of it and stops the server.
    _keeper: Child,
}

/// Makes a cluster, runs it without a network, and takes it away when its standard input ends. The
/// server is its child and waited for, so that not even a zombie is left.
const KEEPER: &str = r#"
set -e
bin=$1 folder=$2
as_postgres=
if [ "$(id -u)" = 0 ]; then as_postgres="setpriv --reuid=postgres --regid=postgres --clear-groups"; fi
trap true INT TERM HUP
if [ "$(id -u)" = 0 ]; then chown postgres "$folder"; fi
cd "$folder"
$as_postgres "$bin/initdb" -D "$folder/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$folder/log"
$as_postgres "$bin/postgres" -D "$folder/data" -c listen_addresses='' -c unix_socket_directories="$folder" \
    -c fsync=off -c max_connections=400 >>"$folder/log" 2>&1 &
server=$!
until "$bin/pg_isready" -q -h "$folder"; do
    kill -0 "$server"
    sleep 0.05
done
echo ready
cat >/dev/null || true
kill -QUIT "$server"
wait "$server" || true
cd /
rm -rf "$folder"
"#;

impl PrivateServer {
    fn start(variables: &[(&str, String)]) -> Self {
        let bin = binaries().expect(
            "PostgreSQL's server is not on this machine: install it (Debian: apt-get install postgresql), \
             or set TEST_DATABASE_URL",
        );
        let folder = tempfile::Builder::new().prefix("everlink-pg-").tempdir().expect("a folder").keep();
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(bin)
            .arg(&folder)
            .envs(variables.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let mut line = String::new();
        let output = keeper.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("the keeper speaks");
        assert_eq!(line, "ready\n", "PostgreSQL did not start: see {}", folder.display());
        Self { folder, _keeper: keeper }
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }
}

/// The folder with `initdb` and its like.
fn binaries() -> Option<PathBuf> {
    let in_path = std::env::var_os("PATH")
        .into_iter()
        .flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    debian.sort();
    in_path.chain(debian.into_iter().rev()).find(|folder: &PathBuf| is_server(folder))
}

fn is_server(folder: &Path) -> bool {
    folder.join("initdb").exists() && folder.join("pg_isready").exists() && folder.join("postgres").exists()
}
