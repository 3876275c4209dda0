//! Takes the place of uploads where `EVERLINK_TEST_IMPORTED` is set: so what the tests find out of uploaded files they
//! find out of imported ones, too.

use std::path::PathBuf;

use everlink::clock::random_bytes;

use super::app::TestApp;
use super::process::Process;

/// Imports files into a user's drive.
#[derive(Clone)]
pub struct Importer {
    data_dir: PathBuf,
    database_url: String,
    tenant: String,
    user: String,
}

impl Importer {
    pub fn is_on() -> bool {
        #[expect(clippy::disallowed_methods, reason = "a setting of the tests, not of the program")]
        std::env::var("EVERLINK_TEST_IMPORTED").is_ok()
    }

    pub fn of(app: &TestApp, tenant: &str, user: &str) -> Self {
        Self {
            data_dir: app.data_dir(),
            database_url: app.database.url.clone(),
            tenant: tenant.to_owned(),
            user: user.to_owned(),
        }
    }

    /// Imports a folder with one file in it, whose path in the drive is free.
    pub fn import(&self, path: &str, body: &str) {
        let root = self.data_dir.join("imported").join(u64::from_ne_bytes(random_bytes()).to_string());
        let file = root.join(path.trim_start_matches('/'));
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, body).expect("it is written");
        let root = root.to_str().expect("UTF-8");
        let arguments = ["import", root, "--tenant", &self.tenant, "--user", &self.user];
        let output = Process::ask_of(&self.data_dir, &self.database_url, &arguments);
        // 2: a name that it has no place for.
        let is_told = matches!(output.status.code(), Some(0 | 2));
        assert!(is_told, "{}", String::from_utf8_lossy(&output.stderr));
    }
}
