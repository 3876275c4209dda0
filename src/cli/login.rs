//! `everlink login` and `logout`: which server things are shared with where nobody says, and by which token.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;

use clap::Args;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::share::{Remote, http_client};
use crate::config::login_file;

#[derive(Args)]
pub struct LoginArgs {
    /// Where the service is
    server: Url,

    /// Token to use there [default: asked for, or read from standard input]
    #[arg(long, env = "EVERLINK_TOKEN", hide_env_values = true)]
    token: Option<SecretString>,
}

/// What is remembered. The token keeps others than its user out by the file's mode alone.
#[derive(Debug, Deserialize)]
pub struct Login {
    pub server: Url,
    pub token: SecretString,
}

impl LoginArgs {
    pub async fn run(self) -> Result<(), Failure> {
        let token = match self.token {
            Some(token) => token,
            None if std::io::stdin().is_terminal() => rpassword::prompt_password("Token: ")?.into(),
            None => {
                let mut line = String::new();
                std::io::stdin().read_line(&mut line)?;
                line.trim().to_owned().into()
            }
        };
        let base = self.server.as_str().trim_end_matches('/').to_owned();
        let remote = Remote::new(http_client(Some(&self.server))?, base.clone(), token.clone());
        if !remote.is_there().await? {
            return Err(Failure(format!("no service answers at {base}")));
        }
        Login { server: self.server, token }.remember()?;
        println!("Things are shared with {base} from now on; `everlink logout` forgets it.");
        Ok(())
    }
}

impl Login {
    pub fn remembered() -> Result<Option<Self>, Failure> {
        let Some(path) = login_file() else { return Ok(None) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => SecretString::from(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure(format!("{}: {error}", path.display()))),
        };
        // The library's own message could quote what it read.
        serde_json::from_str(text.expose_secret())
            .map(Some)
            .map_err(|_| Failure(format!("{} is not of its form: `everlink login` anew", path.display())))
    }

    fn remember(&self) -> Result<(), Failure> {
        let path =
            login_file().ok_or_else(|| Failure("there is no home folder to remember it in".to_owned()))?;
        let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let draft = path.with_extension("draft");
        // An old draft may have another mode.
        let _ = std::fs::remove_file(&draft);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .map_err(failed)?;
        let text = json!({ "server": self.server, "token": self.token.expose_secret() });
        writeln!(file, "{text}").map_err(failed)?;
        std::fs::rename(&draft, &path).map_err(failed)
    }
}

pub fn logout() -> Result<(), Failure> {
    let Some(path) = login_file() else { return Ok(()) };
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure(format!("{}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
