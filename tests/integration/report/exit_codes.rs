//! `docs/exit-codes.md` says what the program does.

use ha_deploy::domain::OutcomeKind;

#[test]
fn the_documented_exit_codes_are_the_real_ones() {
    let document = include_str!("../../../docs/exit-codes.md");
    let rows: Vec<(String, String)> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once(" | "))
        .filter(|(code, _)| code.parse::<u8>().is_ok())
        .map(|(code, rest)| {
            let meaning = rest.split(" | ").next().unwrap_or_default().trim_end_matches(" |");
            (code.to_owned(), meaning.to_owned())
        })
        .collect();
    let real: Vec<(String, String)> = OutcomeKind::ALL
        .iter()
        .map(|kind| (kind.exit_code().to_string(), kind.meaning().to_owned()))
        .collect();
    assert_eq!(rows, real);
}
