//! What the README tells its readers to do, done.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use end_to_end::artifacts;
use end_to_end::collector::Collector;
use end_to_end::rows::{assert_each_once, ledger};
use mimecast_sim::{LedgerQuery, Options, WorldOptions};

const README: &str = include_str!("../../../../README.md");

#[test]
fn its_configuration_collects_with_another_address_and_nothing_else_changed() {
    // All rows are visible from the start, so that what is due does not change meanwhile.
    let world = WorldOptions { late_max_secs: 0, ..WorldOptions::default() };
    let api = Options { world, ..Options::default() }.start().unwrap();
    let (_, rest) = README.split_once("```toml\n").unwrap();
    let (config, _) = rest.split_once("```").unwrap();
    let config = config
        .replace("https://api.services.mimecast.com", &api.base_url())
        .replace(
            "target/component/mimecast-ttp-source.wasm",
            artifacts::component().to_str().unwrap(),
        )
        .replace("events.ndjson", "events.json");
    // The other credentials stand beside in a comment.
    let of_api_1 = config.replace("\nauth = ", "\n# auth = ").replace("# API 1.0: auth", "auth");
    let rows = ledger(&api, &LedgerQuery::default());
    assert!(rows.len() > 900, "{} rows", rows.len());
    for (name, config) in [("readme-2", &config), ("readme-1", &of_api_1)] {
        let collector = Collector::with_config(name, api.keys(), config);
        collector.catch_up();
        assert_each_once(&collector.events(), &rows);
    }
    let stats = api.stats();
    assert!(stats.tokens_given == 1 && stats.requests > 4, "{stats:?}");
}

#[test]
fn its_commands_are_there() {
    let target = artifacts::source_host();
    let xtask = target.with_file_name("xtask");
    let help = |program: &Path, args: &[&str]| {
        let output = Command::new(program).args(args).arg("--help").output().unwrap();
        assert!(output.status.success(), "{} {args:?}", program.display());
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
    };
    let known = help(&xtask, &[]);
    let after = |command: &str| -> BTreeSet<String> {
        let uses = README.split(command).skip(1);
        uses.map(|rest| rest.split(['`', '\n', '#']).next().unwrap().trim().to_owned()).collect()
    };
    for command in after("cargo xtask ") {
        let (name, options) = command.split_once(" --").unwrap_or((&command, ""));
        let is_known = |end: char| known.contains(&format!("\n  {name}{end}"));
        assert!(is_known(' ') || is_known('\n'), "cargo xtask {command}");
        let option = options.split(' ').next().unwrap();
        assert!(known.contains(&format!("--{option}")), "cargo xtask {command}");
    }
    let hosts = after("source-host run ").into_iter().map(|rest| format!("run {rest}"));
    let checks = after("source-host check ").into_iter().map(|rest| format!("check {rest}"));
    let cursors = after("`source-host cursor ").into_iter().map(|rest| format!("cursor {rest}"));
    for command in hosts.chain(checks).chain(cursors) {
        let words: Vec<_> = command.split(' ').take_while(|word| !word.starts_with('-')).collect();
        let options = help(&target, &words);
        for option in command.split(' ').filter(|word| word.starts_with("--")) {
            assert!(options.contains(option), "source-host {command}");
        }
    }
    help(&artifacts::mimecast_sim(), &[]);
}
