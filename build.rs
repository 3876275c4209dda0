//! Tells the program which build it is, `EVERLINK_BUILD` if it is set, else the commit; and makes the pages' files
//! ready: each gets an address with a digest of its content in it, and is compressed.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=EVERLINK_BUILD");
    println!("cargo:rerun-if-changed=migrations");
    println!("cargo:rerun-if-changed=assets");
    let named = setting("EVERLINK_BUILD").filter(|build| !build.is_empty());
    println!("cargo:rustc-env=EVERLINK_BUILD={}", named.or_else(commit).as_deref().unwrap_or("unknown"));
    let out = PathBuf::from(setting("OUT_DIR").unwrap_or_default());
    for entry in fs::read_dir("assets")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        make_asset(&name, &fs::read(&path)?, &out)?;
    }
    for (name, parts) in JOINED {
        let mut content = String::new();
        for part in *parts {
            let text = fs::read_to_string(Path::new("assets").join(part))?;
            // What a script declares is its own.
            content += &if name.ends_with(".js") { format!("{{\n{text}}}\n") } else { text };
        }
        make_asset(name, content.as_bytes(), &out)?;
    }
    Ok(())
}

/// Files that are of several: one request fetches all that a page of the owner's site needs.
const JOINED: &[(&str, &[&str])] = &[
    ("own.css", &["site.css", "upload.css", "drive.css"]),
    ("own.js", &["page.js", "upload.js", "drive.js"]),
];

fn setting(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "settings of the build, not of the program")]
    std::env::var(name).ok()
}

/// `site.css` has its address, `/assets/site-0123456789abcdef.css`, in `EVERLINK_ASSET_SITE_CSS`; its content is kept
/// beside the program, as it is and compressed.
fn make_asset(name: &str, content: &[u8], out: &Path) -> io::Result<()> {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let digest: String = Sha256::digest(content)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let variable = name.to_uppercase().replace(['.', '-'], "_");
    println!("cargo:rustc-env=EVERLINK_ASSET_{variable}=/assets/{stem}-{digest}.{extension}");
    let mut gzip = GzEncoder::new(fs::File::create(out.join(format!("{name}.gz")))?, Compression::best());
    gzip.write_all(content)?;
    gzip.finish()?;
    fs::write(out.join(name), content)
}

fn commit() -> Option<String> {
    // The first tells of another branch, the second of another commit on it.
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/logs/HEAD");
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| commit.trim().to_owned())
}
