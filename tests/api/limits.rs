//! The table of limits in `docs/security.md`, held against the settings and limits that there are.

use std::path::Path;

use clap::{CommandFactory, Parser};
use everlink::config::Settings;
use everlink::limits::Limits;

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

#[test]
fn the_limits_of_the_program_are_in_the_table() {
    let (table, limits) = (table(), Limits::default());
    let told = [
        format!("{} MB", limits.upload / (1024 * 1024)),
        format!("next {} KiB", limits.pace / 1024),
        format!("{} seconds", limits.stall.as_secs()),
        format!("{} minutes", limits.unread.as_secs() / 60),
    ];
    for text in told {
        assert!(table.contains(&text), "{text} is not in the table");
    }
    assert_eq!(limits.ticket.as_secs(), 3_600);
    assert!(table.contains("an hour"));
}
