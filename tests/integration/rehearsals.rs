//! Every built-in scenario, through the program's own front door.

use serde_json::Value;

use crate::program::{program, program_in};

const SCENARIOS: [&str; 18] = [
    "healthy",
    "bad-canary",
    "slow-canary",
    "crash-loop",
    "failed-hook",
    "failed-smoke",
    "dies-in-bake",
    "failed-migration",
    "common-incident",
    "zone-outage",
    "throttled",
    "alarm-firing-at-start",
    "foreign-deployment",
    "weights-drifted",
    "cancelled",
    "runner-killed",
    "retrying-client",
    "provision",
];

fn rehearse(scenario: &str, seed: u32) -> Value {
    let seed = seed.to_string();
    let said = program(&["rehearse", "--scenario", scenario, "--seed", &seed, "--json", "--quiet"]);
    let result = said.json();
    assert_eq!(result["exit_code"], said.code, "{scenario}: the document and the process agree");
    result
}

/// What every rehearsal must keep, whatever its scenario.
fn keeps_the_promises(scenario: &str, result: &Value) {
    let rehearsal = &result["rehearsal"];
    assert_eq!(
        rehearsal["violations"].as_array().map(Vec::len),
        Some(0),
        "{scenario}: {rehearsal:#}"
    );
    for expectation in rehearsal["expectations"].as_array().unwrap() {
        assert_eq!(expectation["met"], true, "{scenario}: {expectation:#}\n{}", result["summary"]);
    }
    assert_eq!(result["requests"]["dropped"], 0, "{scenario}");
    // A refusal at the start takes no time, so nobody had time to come.
    let refused = result["took_s"].as_f64() < Some(1.0);
    assert!(
        refused || result["requests"]["total"].as_u64() > Some(1000),
        "{scenario}: users were there"
    );
}

#[test]
fn every_scenario_ends_as_it_says() {
    for scenario in SCENARIOS {
        keeps_the_promises(scenario, &rehearse(scenario, 1));
    }
}

#[test]
fn the_list_names_every_scenario() {
    let list = program(&["rehearse", "--list", "--json"]).json();
    let mut names: Vec<&str> =
        list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    let mut expected = SCENARIOS.to_vec();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let run = |seed: &str| {
        program(&["rehearse", "--scenario", "throttled", "--seed", seed, "--json", "-v"])
    };
    let (first, again, other) = (run("7"), run("7"), run("8"));
    assert_eq!(first.stdout, again.stdout);
    assert_eq!(first.stderr, again.stderr);
    assert_ne!(first.stdout, other.stdout);
}

#[test]
fn waiting_is_frugal_and_attentive() {
    for seed in 1..=10 {
        let result = rehearse("healthy", seed);
        let busiest = result["rehearsal"]["busiest_minute"].as_u64().unwrap();
        assert!((1..=12).contains(&busiest), "seed {seed}: {busiest} calls in a minute");
        let slowest = result["rehearsal"]["slowest_reaction_s"].as_f64().unwrap();
        assert!(slowest > 0.0 && slowest <= 10.0, "seed {seed}: {slowest} s");
    }
}

#[test]
fn a_bad_canary_is_rolled_back_on_many_seeds() {
    for seed in 2..=12 {
        let result = rehearse("bad-canary", seed);
        keeps_the_promises("bad-canary", &result);
        assert_eq!(result["exit_code"], 3, "seed {seed}");
        assert!(result["detected_after_s"].as_f64() > Some(0.0));
        assert!(result["restored_after_s"].as_f64() > Some(0.0));
    }
}

#[test]
fn throttling_is_survived_on_many_seeds() {
    for seed in 2..=12 {
        let result = rehearse("throttled", seed);
        assert_eq!(result["exit_code"], 0, "seed {seed}: {}", result["summary"]);
    }
}

#[test]
fn a_killed_runner_makes_no_second_deployment() {
    let result = rehearse("runner-killed", 1);
    assert_eq!(result["api_calls"]["codedeploy:CreateDeployment"], 1);
    assert_eq!(result["api_calls"]["ecs:RegisterTaskDefinition"], 1);
    let joined = result["events"]
        .as_array()
        .unwrap()
        .iter()
        .any(|event| event["event"] == "deployment-started" && event["attached"] == true);
    assert!(joined);
}

#[test]
fn refusals_change_nothing() {
    for scenario in ["alarm-firing-at-start", "foreign-deployment", "weights-drifted"] {
        let result = rehearse(scenario, 1);
        let calls = result["api_calls"].as_object().unwrap();
        for call in calls.keys() {
            let operation = call.split(':').nth(1).unwrap();
            let reads = ["Get", "List", "Describe", "BatchGet"];
            assert!(reads.iter().any(|read| operation.starts_with(read)), "{scenario}: {call}");
        }
    }
}

#[test]
fn an_unknown_scenario_names_those_there_are() {
    let said = program(&["rehearse", "--scenario", "no-such"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("bad-canary"), "{}", said.stderr);
}

#[test]
fn only_loopback_is_served() {
    let said = program(&["rehearse", "--serve", "0.0.0.0:0"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("loopback"), "{}", said.stderr);
}

#[test]
fn a_directory_without_configuration_rehearses_the_example() {
    let directory = tempfile::tempdir().unwrap();
    let said = program_in(directory.path().to_owned(), &["rehearse", "--json"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("built-in example"), "{}", said.stderr);
}

#[test]
fn the_comment_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("comment.md");
    let name = file.to_str().unwrap();
    let said = program(&["rehearse", "--scenario", "bad-canary", "--comment", name, "-q"]);
    assert_eq!(said.code, 3, "{}", said.stderr);
    insta::assert_snapshot!("bad_canary_comment", std::fs::read_to_string(file).unwrap());
}

#[test]
fn the_console_of_a_bad_canary_reads_as_a_story() {
    let said = program(&["rehearse", "--scenario", "bad-canary"]);
    insta::assert_snapshot!("bad_canary_console", said.stderr);
}
