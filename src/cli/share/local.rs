//! What is to be shared, as it is on this disk.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use crate::cli::Failure;
use crate::domain::name::Name;

/// A file, or a folder with all in it.
pub struct Source {
    /// As who shares it wrote it.
    pub shown: String,
    pub path: DrivePath,
    /// Itself and below, each after the one it is in; none where it is a file.
    pub folders: Vec<DrivePath>,
    pub files: Vec<LocalFile>,
}

/// Names from the drive's root down.
#[derive(Clone, Debug)]
pub struct DrivePath(pub Vec<Name>);

pub struct LocalFile {
    pub path: DrivePath,
    pub size: u64,
    bytes: Bytes,
}

enum Bytes {
    At(PathBuf),
    /// What came by standard input: a file without a name, so that nothing is left of it.
    Open(File),
}

impl Source {
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure(format!("{}: {error}", path.display()));
        let real = std::fs::canonicalize(path).map_err(failed)?;
        let metadata = std::fs::metadata(&real).map_err(failed)?;
        let shown = path.display().to_string();
        let place = DrivePath::of(&real)?;
        if metadata.is_file() {
            let file = LocalFile { path: place.clone(), size: metadata.len(), bytes: Bytes::At(real) };
            return Ok(Self { shown, path: place, folders: Vec::new(), files: vec![file] });
        }
        if !metadata.is_dir() {
            return Err(not_a_file(path));
        }
        if place.0.is_empty() {
            return Err(Failure(format!("{shown}: the whole disk can't be shared")));
        }
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        // Links are followed: who gets the folder has what they point to nowhere.
        for entry in WalkDir::new(&real).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| Failure(error.to_string()))?;
            let metadata = entry.metadata().map_err(|error| Failure(error.to_string()))?;
            let path = DrivePath::of(entry.path())?;
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                files.push(LocalFile { path, size: metadata.len(), bytes: Bytes::At(entry.into_path()) });
            } else {
                return Err(not_a_file(entry.path()));
            }
        }
        Ok(Self { shown, path: place, folders, files })
    }

    /// At the root of the drive, under the name.
    pub fn read_stdin(name: &str) -> Result<Self, Failure> {
        let path = DrivePath(vec![checked(name)?]);
        let mut file = tempfile::tempfile()?;
        let size = std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
        let file = LocalFile { path: path.clone(), size, bytes: Bytes::Open(file) };
        Ok(Self { shown: name.to_owned(), path, folders: Vec::new(), files: vec![file] })
    }
}

/// Reading a pipe or a device may never end.
fn not_a_file(path: &Path) -> Failure {
    Failure(format!("{}: not a file or a folder", path.display()))
}

/// What a drive can't call anything is refused by name, before anything is sent.
fn checked(name: &str) -> Result<Name, Failure> {
    Name::parse(name).map_err(|error| Failure(format!("{name:?} can't be shared under this name: {error}")))
}

impl DrivePath {
    fn of(path: &Path) -> Result<Self, Failure> {
        let mut names = Vec::new();
        for component in path.components() {
            if let Component::Normal(name) = component {
                let name = name.to_str();
                let name =
                    name.ok_or_else(|| Failure(format!("{}: the path is not UTF-8", path.display())))?;
                names.push(checked(name)?);
            }
        }
        Ok(Self(names))
    }

    pub fn parent(&self) -> Option<(Self, &Name)> {
        let (name, above) = self.0.split_last()?;
        Some((Self(above.to_vec()), name))
    }
}

impl LocalFile {
    pub fn open(&self) -> std::io::Result<File> {
        match &self.bytes {
            Bytes::At(path) => File::open(path),
            Bytes::Open(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(0))?;
                Ok(file)
            }
        }
    }

    /// Upper-case hexadecimal, as Microsoft's API has it.
    pub fn sha256(&self) -> std::io::Result<String> {
        let mut hasher = Sha256::new();
        let mut file = self.open()?;
        let mut chunk = vec![0; 64 * 1024];
        loop {
            match file.read(&mut chunk)? {
                0 => break,
                read => hasher.update(&chunk[..read]),
            }
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02X}")).collect())
    }

    pub fn failed(&self, error: impl std::fmt::Display) -> Failure {
        let name = self.path.0.last().map_or("", |name| name.as_str());
        Failure(format!("{name}: {error}"))
    }
}
