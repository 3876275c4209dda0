//! The settings, as the README tells them.

use std::collections::BTreeMap;

use clap::{CommandFactory, Parser};
use everlink::config::Settings;

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    _settings: Settings,
}

/// Flag and default of each variable in the README's table.
fn told() -> BTreeMap<String, (String, String)> {
    let rows = include_str!("../../README.md").lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [variable, flag, default] = cells[..] else { return None };
        let variable = variable.trim_matches('`');
        let is_variable =
            variable.chars().all(|c| c.is_ascii_uppercase() || c == '_') && flag.starts_with("`--");
        is_variable.then(|| (variable.to_owned(), (flag.trim_matches('`').to_owned(), default.to_owned())))
    });
    rows.collect()
}

#[test]
fn the_readme_tells_every_setting_and_its_default() {
    let mut told = told();
    for argument in Flags::command().get_arguments() {
        let Some(variable) = argument.get_env() else { continue };
        let variable = variable.to_str().expect("UTF-8");
        let (flag, default) =
            told.remove(variable).unwrap_or_else(|| panic!("{variable} is not in the README's table"));
        assert_eq!(Some(flag.as_str()), argument.get_long().map(|long| format!("--{long}")).as_deref());
        // A switch is off, which goes without saying.
        for value in argument.get_default_values().iter().filter_map(|value| value.to_str()) {
            assert!(value == "false" || default.contains(value), "{variable}: {value} is not in {default:?}");
        }
    }
    assert!(told.is_empty(), "these are no settings: {told:?}");
}
