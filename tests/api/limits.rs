//! The table of limits in `docs/security.md`, held against the settings and limits that there are.

use std::path::Path;
use std::time::Duration;

use clap::{CommandFactory, Parser};
use everlink::config::Settings;
use everlink::domain::name::PATH_LIMIT;
use everlink::limits::{self, Limits, Turn, Turns};

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    settings: Settings,
}

fn table() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, rest) = page.split_once("\n## Limits\n").expect("a part about limits");
    rest.split("\n## ").next().expect("its end").to_owned()
}

/// As people write it: `1,024`.
fn written(number: &str) -> String {
    let digits: Vec<char> = number.chars().rev().collect();
    let groups: Vec<String> = digits.chunks(3).map(|group| group.iter().collect()).collect();
    groups.join(",").chars().rev().collect()
}

#[test]
fn each_setting_of_the_table_has_the_default_that_it_tells() {
    let table = table();
    let command = Flags::command();
    let mut told = 0;
    for argument in command.get_arguments() {
        let Some(variable) = argument.get_env().and_then(|name| name.to_str()) else { continue };
        let Some(row) = table.lines().find(|row| row.contains(&format!("`{variable}`"))) else { continue };
        told += 1;
        for default in argument.get_default_values().iter().filter_map(|value| value.to_str()) {
            let is_told = match default {
                "0" => row.contains("any number"),
                number => row.contains(&written(number)),
            };
            assert!(is_told, "{variable} is {default}: {row}");
        }
    }
    assert!(told >= 5, "{table}");
}

/// Bytes as the table has them.
fn bytes(number: u64) -> String {
    match number {
        number if number.is_multiple_of(1 << 20) => format!("{} MiB", number >> 20),
        number => format!("{} KiB", number >> 10),
    }
}

/// The row that starts with a text.
fn row(table: &str, start: &str) -> String {
    let row = table.lines().find(|line| line.starts_with(&format!("| {start}")));
    row.unwrap_or_else(|| panic!("no row starts with «{start}»: {table}")).to_owned()
}

#[test]
fn the_limits_of_the_program_are_in_the_table() {
    let (table, defaults) = (table(), Limits::default());
    let turns = Turns::default();
    let each = |turn: &Turn| {
        let (all, each) = turn.shares_out();
        (written(&all.to_string()), written(&each.to_string()))
    };
    let seconds = |time: Duration| format!("{} seconds", time.as_secs());
    let count = |number: usize| written(&number.to_string());
    let told: [(&str, Vec<String>); 21] = [
        ("a JSON body", vec![bytes(limits::JSON_BODY as u64)]),
        (
            "a batch |",
            vec![
                count(limits::BATCH_REQUESTS),
                bytes(limits::BATCH_BODY as u64),
                bytes(limits::BATCH_ANSWERS as u64),
                format!("{} headers", limits::BATCH_HEADERS),
                bytes(limits::BATCH_URL as u64),
            ],
        ),
        ("an upload in one request", vec![bytes(defaults.upload)]),
        ("a range of an upload session", vec![bytes(limits::RANGE.cast_unsigned())]),
        (
            "an upload session",
            vec![
                format!("{} days", limits::UPLOAD_SESSION.num_days()),
                "one range".to_owned(),
                format!("{} ranges", written(&limits::RANGES.to_string())),
            ],
        ),
        ("a path", vec![format!("{PATH_LIMIT} characters")]),
        ("what is searched for", vec![format!("{} characters", limits::SEARCHED)]),
        ("a page of a list", vec![count(limits::PAGE), bytes(limits::PAGE_BYTES as u64)]),
        (
            "what a client sends",
            vec![seconds(defaults.stall), format!("next {}", bytes(defaults.pace as u64))],
        ),
        ("an answer", vec![format!("{} minutes", defaults.unread.as_secs() / 60)]),
        ("a download URL", vec![format!("{} hour", defaults.ticket.as_secs() / 3600)]),
        ("what downloads have read", vec![bytes(limits::READ_AHEAD as u64)]),
        (
            "uploads that wait",
            vec![
                bytes(turns.uploads.shares_out().0 as u64 * 1024),
                bytes(turns.uploads.shares_out().1 as u64 * 1024),
            ],
        ),
        ("downloads", vec![each(&turns.downloads).0, each(&turns.downloads).1]),
        ("lists", vec![each(&turns.lists).0, each(&turns.lists).1]),
        ("batches", vec![each(&turns.batches).0, each(&turns.batches).1]),
        ("archives", vec![each(&turns.archives).0, each(&turns.archives).1, count(limits::ARCHIVED)]),
        (
            "texts",
            vec![
                each(&turns.renders).0,
                each(&turns.renders).1,
                format!("{} deep", limits::SHOWN_DEPTH),
                bytes(limits::SHOWN_HTML as u64),
                bytes(limits::SHOWN_TEXT),
                format!("{} rows of {} columns", count(limits::SHOWN_ROWS), limits::SHOWN_COLUMNS),
            ],
        ),
        ("searches", vec![each(&turns.slow).0, each(&turns.slow).1]),
        ("copies", vec![each(&turns.copies).0, each(&turns.copies).1, count(limits::COPIED)]),
        (
            "lines of the log",
            vec![count(limits::WAITING_LINES), format!("{} refusals", limits::LOGGED_REFUSALS)],
        ),
    ];
    for (start, told) in told {
        let row = row(&table, start);
        for text in told {
            // As words of their own: 1 is not told by 16.
            let is_told = row.match_indices(&text).any(|(at, _)| {
                let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '.');
                !is_word(row[..at].chars().next_back()) && !is_word(row[at + text.len()..].chars().next())
            });
            assert!(is_told, "{text} is not in {row}");
        }
    }
    let of_network = u64::from(limits::WRONG_KEYS_OF_NETWORK) * 300;
    assert!(row(&table, "wrong keys").contains(&written(&of_network.to_string())));
}
