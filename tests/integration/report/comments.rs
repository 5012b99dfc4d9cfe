//! Snapshots of whole comments and consoles.

use ha_deploy::pipeline::event::Sink;
use ha_deploy::report::console::{Colour, Level, Lines, Live};
use ha_deploy::report::{Run, comment, json};

use super::events::{
    Paper, crash_loop, failed_migration, needs_person, rolled_back_by_alarm, success,
};

fn console(run: &Run, level: Level) -> String {
    let paper = Paper::default();
    let lines = Lines::new(Box::new(paper.clone()), level, Colour::Never, ["api"]);
    run.events.iter().for_each(|event| lines.emit(event));
    paper.text()
}

#[test]
fn comment_of_a_success() {
    insta::assert_snapshot!(comment::render(&success()));
}

#[test]
fn comment_of_a_rollback_by_alarm() {
    insta::assert_snapshot!(comment::render(&rolled_back_by_alarm()));
}

#[test]
fn comment_of_a_crash_loop() {
    insta::assert_snapshot!(comment::render(&crash_loop()));
}

#[test]
fn comment_of_a_failed_migration() {
    insta::assert_snapshot!(comment::render(&failed_migration()));
}

#[test]
fn comment_of_a_run_that_needs_a_person() {
    insta::assert_snapshot!(comment::render(&needs_person()));
}

#[test]
fn comment_of_two_services() {
    let mut run = rolled_back_by_alarm();
    let mut events = success().events;
    for event in &mut events {
        event.service = event.service.as_ref().map(|_| "web".to_owned());
    }
    events.append(&mut run.events);
    insta::assert_snapshot!(comment::render(&Run { events, rehearsed: None, ..run }));
}

#[test]
fn console_of_a_rollback() {
    insta::assert_snapshot!(console(&rolled_back_by_alarm(), Level::Normal));
}

#[test]
fn quiet_console_of_a_crash_loop() {
    insta::assert_snapshot!(console(&crash_loop(), Level::Quiet));
}

#[test]
fn json_of_a_rollback_says_how_fast() {
    let run = rolled_back_by_alarm();
    let value: serde_json::Value = serde_json::from_str(&json::render(&run).unwrap()).unwrap();
    assert_eq!(value["schema"], "ha-deploy/result/1");
    assert_eq!(value["outcome"], "rolled-back");
    assert_eq!(value["exit_code"], 3);
    assert_eq!(value["environment"], "prod");
    assert_eq!(value["services"]["api"]["from"]["revision"], "api-prod:41");
    assert_eq!(value["services"]["api"]["deployment"], "d-AAAAAAAAA");
    assert_eq!(value["services"]["api"]["rollback"], "d-BBBBBBBBB");
    assert_eq!(value["final_weights"]["api"]["green"], 0);
    assert_eq!(value["final_weights"]["api"]["blue"], 100);
    // The alarm's gate speaks 151 s after the first 10 %; traffic is back 19 s later.
    assert_eq!(value["detected_after_s"], 151.0);
    assert_eq!(value["restored_after_s"], 19.0);
    assert_eq!(value["requests"]["total"], 84_000);
    assert_eq!(value["bad_requests"], 61);
    assert_eq!(value["api_calls"]["ecs:DescribeServices"], 17);
    assert_eq!(value["events"].as_array().unwrap().len(), run.events.len());
    assert_eq!(value["events"][1]["at_s"], 1.0);
}

#[test]
fn json_of_a_success_has_no_times_of_failure() {
    let value: serde_json::Value =
        serde_json::from_str(&json::render(&success()).unwrap()).unwrap();
    assert!(value["detected_after_s"].is_null());
    assert!(value["requests"].is_null());
    assert_eq!(value["final_weights"]["api"]["green"], 100);
}

#[test]
fn the_live_tree_shows_traffic_and_keeps_failures() {
    let paper = Paper::default();
    let width = Box::new(|| 60);
    let live = Live::new(Box::new(paper.clone()), width, Level::Normal, Colour::Never, ["api"]);
    rolled_back_by_alarm().events.iter().for_each(|event| live.emit(event));
    drop(live);
    let text = paper.text();
    assert!(text.contains("api · register: register a task definition"), "{text}");
    assert!(text.contains("d-AAAAAAAAA is undone by d-BBBBBBBBB"), "{text}");
    assert!(text.contains("restored"), "{text}");
    assert!(text.contains("traffic ░░░░░░░░░░░░░░░░░░░░ green 0 % · blue 100 %"), "{text}");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let run = rolled_back_by_alarm();
    assert_eq!(comment::render(&run), comment::render(&rolled_back_by_alarm()));
    assert_eq!(json::render(&run).unwrap(), json::render(&rolled_back_by_alarm()).unwrap());
}
