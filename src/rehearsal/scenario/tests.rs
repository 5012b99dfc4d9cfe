use super::*;

const SHORTEST: &str = "description: x\nexpect: {outcome: done}\n";

fn with(lines: &str) -> Result<Scenario, ScenarioError> {
    parse(&format!("{SHORTEST}{lines}\n"), "x.yml")
}

#[test]
fn every_builtin_parses_under_its_own_name_and_carries_traffic() {
    for builtin in builtin() {
        let scenario = builtin.scenario().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(scenario.name, builtin.name);
        assert!(scenario.traffic.requests_per_second > 0.0);
        assert_eq!(find(builtin.name), Some(*builtin));
    }
    assert_eq!(find("no-such-scenario"), None);
}

#[test]
fn every_file_in_the_directory_is_built_in() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/rehearsal/scenarios");
    let mut files: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let mut names: Vec<String> = builtin().iter().map(|b| format!("{}.yml", b.name)).collect();
    names.sort();
    assert_eq!(files, names);
}

#[test]
fn the_candidate_is_like_the_live_revision_in_what_the_file_leaves_out() {
    let scenario = find("slow-canary").unwrap().scenario().unwrap();
    assert_eq!(scenario.live.latency.median, Duration::from_millis(40));
    assert_eq!(scenario.candidate.latency.median, Duration::from_millis(120));
    let same = Behaviour { latency: scenario.live.latency, ..scenario.candidate.clone() };
    assert_eq!(same, scenario.live);
}

#[test]
fn events_are_timed_absolutely_or_by_moments_of_the_deployment() {
    let scenario = with(
        "events:\n\
         - {at: 1h30m, cancel: sigint}\n\
         - {after: first-shift, delay: 90, scale: {desired: 7}}\n\
         - {during: Install, kill_runner: {}}\n\
         - {after: AfterAllowTestTraffic, alarm: {state: ALARM, hold: 5m}}",
    )
    .unwrap();
    let since = |moment, seconds| When::Since { moment, delay: Duration::from_secs(seconds) };
    let whens: Vec<_> = scenario.events.iter().map(|event| event.when.clone()).collect();
    assert_eq!(
        whens,
        [
            When::At(Duration::from_secs(5400)),
            since(Moment::FirstShift, 90),
            since(Moment::Began(LifecycleName::Install), 0),
            since(Moment::Ended(LifecycleName::AfterAllowTestTraffic), 0),
        ]
    );
    assert_eq!(scenario.events[2].act, Act::KillRunner { run_again_after: None });
}

#[test]
fn faults_are_found_where_they_are() {
    let cases = [
        ("zones: 4", 3, "from 2 to 3"),
        ("zonez: 2", 3, "zonez"),
        ("traffic: {requests_per_second: -1}", 3, "from 0 to 10000"),
        ("traffic: {requests_per_second: .nan}", 3, "non-finite"),
        ("revisions:\n  candidate:\n    error_rate: 105%", 5, "between 0 and 1"),
        (
            "revisions:\n  candidate: {latency_factor: 2, latency: {median: 1s}}",
            4,
            "leave `latency` out",
        ),
        ("migration: {duration: 3 weeks}", 3, "not a span of time"),
        ("migration: {duration: 25h}", 3, "at most 24h"),
        ("migration: {exit_code: 256}", 3, "from 0 to 255"),
        ("migration: {log: ['']}", 3, "lines"),
        ("hooks:\n  AllowTraffic: {answer: failed}", 4, "takes no hook"),
        ("hooks:\n  Nonsense: {answer: failed}", 4, "not a lifecycle event"),
        ("events:\n- {at: 1m}", 4, "exactly one of incident"),
        ("events:\n- {at: 1m, cancel: sigint, scale: {desired: 1}}", 4, "exactly one of incident"),
        ("events:\n- {cancel: sigint}", 4, "exactly one of `at`"),
        ("events:\n- {at: 1m, delay: 1m, cancel: sigint}", 4, "`delay` goes with"),
        ("events:\n- {after: lunch, cancel: sigint}", 4, "first-shift"),
        ("events:\n- {at: 1m, incident: {duration: 1m}}", 4, "an incident has"),
        (
            "zones: 2\nevents:\n- {at: 1m, zone_outage: {zone: c, duration: 1m}}",
            5,
            "first 2 letters",
        ),
        ("faults: {throttle: 1}", 3, "at most 0.9"),
        ("faults: {deny: [CreateDeployment]}", 3, "service:Operation"),
        ("initial:\n  weights: {live: 70, candidate: 20}", 4, "add up to 100"),
        ("initial: {alarm_firing: yes}", 3, ""),
        ("description: twice", 3, "duplicate"),
        ("name: Not Kebab", 3, "lower-case"),
        ("tasks: &a 4", 3, ""),
    ];
    for (lines, line, words) in cases {
        let error = with(lines).unwrap_err();
        assert_eq!(error.line, line, "{lines}: {error}");
        assert!(error.message.contains(words), "{lines}: {error}");
    }
}

#[test]
fn the_expected_outcome_and_exit_code_agree() {
    let error = parse("description: x\nexpect:\n  outcome: done\n  exit_code: 3\n", "x.yml");
    assert_eq!(error.unwrap_err().to_string(), "x.yml:4:14: `done` has exit code 0");
    let error = parse("description: x\nexpect: {outcome: fine}\n", "x.yml").unwrap_err();
    assert!(error.message.contains("rolled-back"), "{error}");
    for kind in OutcomeKind::ALL {
        let name = serde_json::to_value(kind).unwrap();
        assert_eq!(name, serde_json::json!(resolve::outcome_name(kind)));
    }
}

#[test]
fn hostile_files_are_refused() {
    let bomb = "a: &a [x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n";
    let deep = format!("description: {}", "[".repeat(5000));
    let long = format!("{SHORTEST}# {}", "x".repeat(300 * 1024));
    let many = format!("{SHORTEST}events:\n{}", "- {at: 1m, cancel: sigint}\n".repeat(201));
    for text in [bomb, &deep, &long, &many, "", "- 1", "\u{0}", "description: x\n---\n"] {
        assert!(parse(text, "x.yml").is_err());
    }
}

#[test]
fn the_worked_example_of_the_documentation_parses() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/scenarios.md");
    let page = std::fs::read_to_string(path).unwrap();
    let example = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let scenario = parse(example, "my-failover.yml").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(scenario.events.len(), 2);
    for builtin in builtin() {
        assert!(page.contains(&format!("| `{}` |", builtin.name)), "{}", builtin.name);
    }
}

#[test]
fn a_file_names_the_scenario_that_does_not_name_itself() {
    assert_eq!(parse(SHORTEST, "dir/my-own.yml").unwrap().name, "my-own");
    assert_eq!(parse(SHORTEST, "My Own.yml").unwrap().name, "scenario");
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _result = parse(&text, "x.yml");
    }

    #[test]
    fn no_broken_builtin_panics(which in 0usize..14, at in 0usize..400, with in "\\PC{0,3}") {
        let mut text: Vec<char> = builtin()[which].text.chars().collect();
        let at = at.min(text.len());
        let end = (at + 2).min(text.len());
        text.splice(at..end, with.chars());
        let text: String = text.into_iter().collect();
        let _result = parse(&text, "x.yml");
    }

    #[test]
    fn spans_of_any_size_are_read_or_refused(number in 0u64..200_000_000, unit in "ms|s|m|h|d|") {
        let read = quantity::parse_span(&format!("{number}{unit}"));
        if let Ok(span) = read {
            proptest::prop_assert!(span <= quantity::LONGEST);
        }
    }
}
