//! The proxy that is shipped, before servers of a test's own.

use std::fmt::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Process, eventually};

/// Ended when it is dropped.
pub struct Haproxy {
    pub url: String,
    child: Child,
    _folder: tempfile::TempDir,
}

impl Haproxy {
    /// By the rules of `deploy/proxy`; what names the servers is the test's.
    pub async fn before(servers: &[&Process]) -> Self {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/proxy/haproxy.cfg");
        let shipped = std::fs::read_to_string(shipped).expect("the shipped rules");
        // Two tests may be given the same port: then one proxy does not start, and the test fails by name.
        let port =
            TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let mut rules = String::new();
        let mut is_left_out = false;
        for line in shipped.lines() {
            if !line.starts_with(' ') {
                is_left_out = line.starts_with("resolvers ");
            }
            let word = line.split_whitespace().take(2).collect::<Vec<_>>();
            match word.as_slice() {
                _ if is_left_out => {}
                ["server", "everlink-1"] => {
                    for (number, server) in servers.iter().enumerate() {
                        let at = |url: &str| url.strip_prefix("http://").expect("a URL").to_owned();
                        let (address, admin) = (at(&server.url), at(&server.admin));
                        let admin = admin.split_once(':').expect("a port").1;
                        writeln!(rules, "    server s{number} {address} check port {admin}").expect("memory");
                    }
                }
                ["server", _] => {}
                ["bind", _] => writeln!(rules, "    bind 127.0.0.1:{port}").expect("memory"),
                ["default-server", _] => {
                    let line = line
                        .replace("check port 9090", "")
                        .replace("resolvers docker init-addr libc,none", "");
                    writeln!(rules, "{line}").expect("memory");
                }
                _ => writeln!(rules, "{line}").expect("memory"),
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("haproxy.cfg");
        std::fs::write(&file, rules).expect("a file");
        let child = Command::new("haproxy")
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "haproxy is not on this machine: scripts/test installs it (Debian: apt-get install haproxy)",
            );
        let proxy = Self { url: format!("http://127.0.0.1:{port}"), child, _folder: folder };
        eventually("the proxy leads to a server", async || {
            let docs = reqwest::get(format!("{}/docs", proxy.url)).await;
            docs.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        proxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
