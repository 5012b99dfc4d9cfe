//! The documents say which exit codes the program has.

use ha_deploy::domain::OutcomeKind;

/// The rows `| code | meaning | …` of a document.
fn rows(document: &str) -> Vec<(String, String)> {
    document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(code, _)| code.parse::<u8>().is_ok())
        .map(|(code, rest)| {
            let meaning = rest.split(" | ").next().unwrap_or_default().trim_end_matches(" |");
            (code.to_owned(), meaning.to_owned())
        })
        .collect()
}

#[test]
fn the_documented_exit_codes_are_the_real_ones() {
    let real: Vec<(String, String)> = OutcomeKind::ALL
        .iter()
        .map(|kind| (kind.exit_code().to_string(), kind.meaning().to_owned()))
        .collect();
    assert_eq!(rows(include_str!("../../../docs/exit-codes.md")), real);
    assert_eq!(rows(include_str!("../../../README.md")), real);
}
