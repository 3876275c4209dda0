//! Tells the program which build it is: `EVERLINK_BUILD` if it is set, else the commit.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=EVERLINK_BUILD");
    println!("cargo:rerun-if-changed=migrations");
    #[expect(clippy::disallowed_methods, reason = "a setting of the build, not of the program")]
    let named = std::env::var("EVERLINK_BUILD").ok().filter(|build| !build.is_empty());
    println!("cargo:rustc-env=EVERLINK_BUILD={}", named.or_else(commit).as_deref().unwrap_or("unknown"));
}

fn commit() -> Option<String> {
    // The first tells of another branch, the second of another commit on it.
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
