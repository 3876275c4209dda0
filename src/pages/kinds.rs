//! Kinds of files: what people call them, and how a page shows them. A file's type is the one that the server decided
//! on by its name.

use crate::domain::item::{FileVersion, Item};
use crate::pages::views::FileKind;

/// How a page shows a file's content. What is not here is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Image,
    Video,
    Audio,
    Pdf,
    Text,
    Markdown,
    Table,
}

/// What browsers show by themselves and run nothing of.
const IMAGES: [&str; 9] = [
    "image/png",
    "image/jpeg",
    "image/gif",
    "image/webp",
    "image/avif",
    "image/bmp",
    "image/x-icon",
    "image/vnd.microsoft.icon",
    "image/svg+xml",
];
const VIDEOS: [&str; 5] = ["video/mp4", "video/webm", "video/ogg", "video/quicktime", "video/x-m4v"];
const AUDIOS: [&str; 10] = [
    "audio/mpeg",
    "audio/mp4",
    "audio/m4a",
    "audio/x-m4a",
    "audio/ogg",
    "audio/wav",
    "audio/x-wav",
    "audio/flac",
    "audio/aac",
    "audio/webm",
];
/// Text, whatever type its name has.
const CODE: [&str; 46] = [
    "bat",
    "c",
    "cc",
    "cfg",
    "conf",
    "cpp",
    "cs",
    "css",
    "diff",
    "dockerfile",
    "env",
    "go",
    "graphql",
    "h",
    "hpp",
    "htm",
    "html",
    "ini",
    "java",
    "js",
    "json",
    "jsonl",
    "jsx",
    "kt",
    "lua",
    "mjs",
    "patch",
    "php",
    "pl",
    "properties",
    "proto",
    "ps1",
    "py",
    "rb",
    "rs",
    "scss",
    "sh",
    "sql",
    "swift",
    "toml",
    "ts",
    "tsx",
    "vue",
    "xml",
    "yaml",
    "yml",
];
const PLAIN: [&str; 9] = ["txt", "log", "srt", "vtt", "tex", "rst", "nfo", "asc", "ics"];
const ARCHIVES: [&str; 10] = ["zip", "gz", "tgz", "tar", "7z", "rar", "bz2", "xz", "zst", "iso"];

fn extension(name: &str) -> String {
    let lower = name.to_lowercase();
    match lower.rsplit_once('.') {
        Some((_, extension)) => extension.to_owned(),
        None if lower == "dockerfile" => lower,
        None => String::new(),
    }
}

pub fn shown(name: &str, file: &FileVersion) -> Option<Shown> {
    let extension = extension(name);
    let mime_type = file.mime_type.as_str();
    match extension.as_str() {
        "md" | "markdown" => return Some(Shown::Markdown),
        "csv" | "tsv" => return Some(Shown::Table),
        extension if CODE.contains(&extension) || PLAIN.contains(&extension) => return Some(Shown::Text),
        _ => {}
    }
    if IMAGES.contains(&mime_type) {
        Some(Shown::Image)
    } else if VIDEOS.contains(&mime_type) {
        Some(Shown::Video)
    } else if AUDIOS.contains(&mime_type) {
        Some(Shown::Audio)
    } else if mime_type == "application/pdf" {
        Some(Shown::Pdf)
    } else {
        mime_type.starts_with("text/").then_some(Shown::Text)
    }
}

const FOLDER: FileKind = FileKind { icon: "folder", name: "Folder" };

pub fn kind_of(item: &Item) -> FileKind {
    let Some(file) = item.file() else { return FOLDER };
    let extension = extension(&item.name);
    let is = |icon, name| FileKind { icon, name };
    match shown(&item.name, file) {
        Some(Shown::Image) => is("image", image_name(&file.mime_type)),
        Some(Shown::Video) => is("video", "Video"),
        Some(Shown::Audio) => is("audio", "Audio"),
        Some(Shown::Pdf) => is("pdf", "PDF document"),
        Some(Shown::Markdown) => is("text", "Markdown text"),
        Some(Shown::Table) => is("table", "Table"),
        Some(Shown::Text) if CODE.contains(&extension.as_str()) => is("code", "Code"),
        Some(Shown::Text) => is("text", "Text"),
        None => match extension.as_str() {
            "doc" | "docx" | "odt" | "rtf" | "pages" => is("text", "Text document"),
            "xls" | "xlsx" | "ods" | "numbers" => is("table", "Spreadsheet"),
            "ppt" | "pptx" | "odp" | "key" => is("image", "Presentation"),
            extension if ARCHIVES.contains(&extension) => is("archive", "Archive"),
            _ if file.mime_type.starts_with("image/") => is("image", "Image"),
            _ if file.mime_type.starts_with("video/") => is("video", "Video"),
            _ if file.mime_type.starts_with("audio/") => is("audio", "Audio"),
            _ => is("file", "File"),
        },
    }
}

fn image_name(mime_type: &str) -> &'static str {
    match mime_type {
        "image/jpeg" => "JPEG image",
        "image/png" => "PNG image",
        "image/gif" => "GIF image",
        "image/webp" => "WebP image",
        "image/svg+xml" => "SVG image",
        _ => "Image",
    }
}
