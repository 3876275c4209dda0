//! An arrow between modules may only point down, as the crate's documentation draws it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What each module may use, from the bottom up.
const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("domain", &["clock"]),
    ("error", &["domain"]),
    ("config", &["domain"]),
    ("forwarded", &[]),
    ("keys", &["clock", "domain"]),
    ("limits", &["domain", "error"]),
    ("sources", &["domain", "error", "limits"]),
    ("telemetry", &["clock", "config", "domain", "error", "limits", "sources"]),
    ("content", &["clock", "config", "domain", "error", "limits"]),
    ("auth", &["clock", "domain", "error", "keys", "sources"]),
    ("service", &["clock", "config", "content", "domain", "error", "keys", "limits", "telemetry"]),
    ("app", &["auth", "clock", "error", "forwarded", "service", "sources", "telemetry"]),
    ("graph", &["app", "auth", "clock", "domain", "error", "limits", "service", "telemetry"]),
    ("pages", &["auth", "clock", "domain", "error", "graph", "limits", "service"]),
    ("website", &["app", "auth", "clock", "domain", "error", "graph", "pages", "service"]),
    ("dev", &["app", "auth", "clock", "config", "domain", "error", "graph", "pages", "service", "telemetry"]),
    (
        "server",
        &[
            "app",
            "auth",
            "clock",
            "config",
            "dev",
            "error",
            "graph",
            "limits",
            "pages",
            "service",
            "sources",
            "telemetry",
            "website",
        ],
    ),
    (
        "cli",
        &[
            "auth",
            "clock",
            "config",
            "content",
            "domain",
            "error",
            "keys",
            "limits",
            "server",
            "service",
            "telemetry",
            "website",
        ],
    ),
];

/// The same within the operations: their store is below all of them.
const WITHIN_SERVICE: &[(&str, &[&str])] = &[
    ("store", &["shown"]),
    ("author", &["store"]),
    ("placed", &["store"]),
    ("outside", &["author", "store"]),
    ("pieces", &["outside", "store"]),
    ("key_check", &["store"]),
    ("sessions", &["store"]),
    ("content_check", &["store"]),
    ("recovery", &["store"]),
    ("pace", &[]),
    ("verify", &["outside", "pace", "pieces", "store"]),
    ("installation", &["content_check", "key_check", "recovery", "sessions", "store", "verify"]),
    ("shown", &[]),
    ("rights", &["author", "outside", "placed", "shown", "store"]),
    ("opens", &["rights", "store"]),
    ("new_ids", &[]),
    ("snapshot", &["opens", "store"]),
    ("links", &["opens", "placed", "recovery", "rights", "store"]),
    ("drive", &["author", "outside", "pace", "pieces", "placed", "recovery", "rights", "store"]),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source names after `crate::`, its tests and comments apart.
fn used_modules(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>())
        .filter(|module| !module.is_empty())
        .collect()
}

fn module_of(path: &Path, root: &Path) -> String {
    let inside = path.strip_prefix(root).expect("a source");
    let first = inside.components().next().expect("a name").as_os_str().to_str().expect("UTF-8");
    first.trim_end_matches(".rs").to_owned()
}

#[test]
fn modules_use_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 40);
    let may_use: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut used = BTreeMap::<String, BTreeSet<String>>::new();
    for file in files {
        let module = module_of(&file, &root);
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("text");
        let allowed =
            may_use.get(module.as_str()).unwrap_or_else(|| panic!("{module} has no place in the layers"));
        for other in used_modules(&text) {
            if other != module && !allowed.contains(&other.as_str()) {
                wrong.push(format!("{} uses {other}", file.display()));
            }
            used.entry(module.clone()).or_default().insert(other);
        }
    }
    assert!(wrong.is_empty(), "arrows that point up:\n{}", wrong.join("\n"));
    for (module, allowed) in MAY_USE {
        for other in *allowed {
            assert!(
                used[*module].contains(*other),
                "{module} does not use {other} any more: take it off the list"
            );
        }
    }
}

#[test]
fn no_module_is_above_and_below_another() {
    let mut seen = BTreeSet::new();
    for (module, allowed) in MAY_USE {
        assert!(allowed.iter().all(|below| seen.contains(below)), "{module} uses what is not below it");
        seen.insert(*module);
    }
}

/// The modules that a source names after `crate::service::`, one or many at once, by themselves or by what they are
/// known for outside.
fn used_operations(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut used = BTreeSet::new();
    for rest in code.split("crate::service::").skip(1) {
        let mut depth = 0;
        // At each place where a name of the module may begin.
        let mut begins = true;
        for (at, character) in rest.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                _ if character.is_whitespace() => {}
                _ if begins && depth <= 1 => {
                    begins = false;
                    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
                    match rest[at..].split(|c: char| !is_of_name(c)).next().unwrap_or_default() {
                        "PlacedItem" => used.insert("placed".to_owned()),
                        name if name.starts_with(|c: char| c.is_ascii_lowercase()) => {
                            used.insert(name.to_owned())
                        }
                        _ => false,
                    };
                }
                _ => {}
            }
            if depth == 0 && !begins {
                break;
            }
        }
    }
    used
}

#[test]
fn the_operations_use_only_what_is_below_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/service");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let may_use: BTreeMap<&str, &[&str]> = WITHIN_SERVICE.iter().copied().collect();
    for file in files {
        let module = module_of(&file, &root);
        if module == "mod" {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("text");
        let allowed = may_use.get(module.as_str()).unwrap_or_else(|| panic!("{module} has no place"));
        for other in used_operations(&text) {
            assert!(other == module || allowed.contains(&other.as_str()), "{} uses {other}", file.display());
        }
    }
}

#[test]
fn the_domain_knows_no_http() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("text");
        assert!(!text.contains("actix_web") && !text.contains("StatusCode"), "{}", file.display());
    }
}

#[test]
fn no_line_is_longer_than_a_screen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("text");
        for (number, line) in text.lines().enumerate() {
            assert!(line.chars().count() <= 120, "{}:{} is too long", file.display(), number + 1);
        }
    }
}

#[test]
fn sql_is_in_the_store_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    for file in files.iter().filter(|file| !file.starts_with(root.join("service/store"))) {
        let text = std::fs::read_to_string(file).expect("text");
        assert!(!text.contains("sqlx::query"), "{} has SQL", file.display());
    }
}
