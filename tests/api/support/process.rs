//! The program itself, as a process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use super::app::TestApp;
use super::database::TestDatabase;
use super::user::User;

/// A running `everlink serve`. Killed when it is dropped.
pub struct Process {
    pub child: Child,
    pub url: String,
    pub admin: String,
    _output: BufReader<ChildStdout>,
}

impl Process {
    /// The program, with no settings from the test's own environment.
    pub fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_everlink"));
        command.env_clear().current_dir(folder);
        command
    }

    /// What a command says of a server's database and keys.
    pub fn ask(app: &TestApp, arguments: &[&str]) -> Output {
        Self::ask_of(&app.data_dir(), &app.database.url, arguments)
    }

    pub fn ask_of(data_dir: &Path, database_url: &str, arguments: &[&str]) -> Output {
        Self::command(data_dir)
            .args(arguments)
            .args(["--database-url", database_url, "--data-dir"])
            .arg(data_dir)
            .output()
            .expect("the program runs")
    }

    /// Starts a server and waits until it says where it listens.
    pub fn serve(folder: &Path, database: &TestDatabase, stderr: Stdio) -> Self {
        Self::serve_with(folder, database, stderr, |_| {})
    }

    /// Starts a server with more settings.
    pub fn serve_with(
        folder: &Path,
        database: &TestDatabase,
        stderr: Stdio,
        set: impl FnOnce(&mut Command),
    ) -> Self {
        Self::serve_by(folder, database, stderr, |folder| {
            let mut command = Self::command(folder);
            set(&mut command);
            command
        })
    }

    /// Starts a server by a command that is ready but for what all servers are told.
    pub fn serve_by(
        folder: &Path,
        database: &TestDatabase,
        stderr: Stdio,
        command: impl FnOnce(&Path) -> Command,
    ) -> Self {
        let mut command = command(folder);
        command.arg("serve");
        if !command.get_envs().any(|(name, _)| name == "EVERLINK_STOP_DELAY") {
            command.env("EVERLINK_STOP_DELAY", "0s");
        }
        command
            .args(["--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--log=trace", "--data-dir"])
            .arg(folder)
            .arg("--database-url")
            .arg(&database.url)
            .stdout(Stdio::piped())
            .stderr(stderr);
        let mut child = command.spawn().expect("the program runs");
        let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut after = |word: &str| loop {
            let mut line = String::new();
            assert_ne!(output.read_line(&mut line).expect("text"), 0, "the server ended before it was up");
            if let Some(rest) = line.trim().strip_prefix(word) {
                return rest.trim().to_owned();
            }
        };
        let url = format!("http://{}", after("listening"));
        let admin = after("admin").split("/readyz").next().expect("a URL").to_owned();
        Self { child, url, admin, _output: output }
    }

    /// The most memory that it has had, in megabytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
        let kilobytes: u64 =
            line.split_ascii_whitespace().nth(1).expect("a number").parse().expect("a number");
        kilobytes / 1024
    }

    /// The same user at this server.
    pub fn user(&self, user: &User) -> User {
        User::new(client(), self.url.clone(), user.token.clone())
    }

    /// Ends it the hard way.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ended");
    }

    /// Sends it a signal by name, and waits for its end.
    pub fn signal(&mut self, name: &str) -> ExitStatus {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(sent.expect("kill runs").success());
        self.child.wait().expect("it ended")
    }
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client")
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
