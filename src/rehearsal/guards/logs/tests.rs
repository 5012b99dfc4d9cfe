use super::*;

const LATER: Duration = Duration::from_secs(600);

fn logs(lines: u64) -> Logs {
    let place = Place {
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        epoch: Duration::from_secs(1_800_000_000),
    };
    let mut logs = Logs::new(place);
    for number in 0..lines {
        logs.write("/ecs/web", "web/app/1", Duration::from_secs(number), format!("line {number}"));
    }
    logs
}

fn get(logs: &mut Logs, now: Duration, mut input: Value) -> Value {
    input["logGroupName"] = json!("/ecs/web");
    input["logStreamName"] = json!("web/app/1");
    logs.call(now, "GetLogEvents", &input).unwrap()
}

fn messages(answer: &Value) -> Vec<&str> {
    list_of(answer).iter().map(|event| event["message"].as_str().unwrap()).collect()
}

fn list_of(answer: &Value) -> &[Value] {
    super::super::list(answer, "events")
}

#[test]
fn reading_forward_ends_with_the_token_that_was_passed() {
    let mut logs = logs(5);
    let first = get(&mut logs, LATER, json!({ "startFromHead": true, "limit": 3 }));
    assert_eq!(messages(&first), ["line 0", "line 1", "line 2"]);
    let token = first["nextForwardToken"].clone();
    let second = get(&mut logs, LATER, json!({ "nextToken": token, "limit": 3 }));
    assert_eq!(messages(&second), ["line 3", "line 4"]);
    let token = second["nextForwardToken"].clone();
    let end = get(&mut logs, LATER, json!({ "nextToken": token }));
    assert!(messages(&end).is_empty());
    assert_eq!(end["nextForwardToken"], token);
    logs.write("/ecs/web", "web/app/1", LATER, "late");
    let more = get(&mut logs, LATER + INGESTION, json!({ "nextToken": token }));
    assert_eq!(messages(&more), ["late"]);
}

#[test]
fn the_default_is_the_newest_page_and_backward_goes_on_from_there() {
    let mut logs = logs(5);
    let newest = get(&mut logs, LATER, json!({ "limit": 2 }));
    assert_eq!(messages(&newest), ["line 3", "line 4"]);
    let token = newest["nextBackwardToken"].clone();
    let older = get(&mut logs, LATER, json!({ "nextToken": token, "limit": 2 }));
    assert_eq!(messages(&older), ["line 1", "line 2"]);
}

#[test]
fn lines_are_seen_after_ingestion_and_within_the_asked_time() {
    let mut logs = logs(5);
    let early = get(&mut logs, INGESTION, json!({ "startFromHead": true }));
    assert_eq!(messages(&early), ["line 0"]);
    let (from, to) = (1_800_000_001_000_i64, 1_800_000_003_000_i64);
    let some = get(&mut logs, LATER, json!({ "startTime": from, "endTime": to }));
    assert_eq!(messages(&some), ["line 1", "line 2"]);
}

#[test]
fn missing_groups_and_streams_say_which() {
    let mut logs = logs(1);
    let input = json!({ "logGroupName": "/ecs/x", "logStreamName": "s" });
    let error = logs.call(LATER, "GetLogEvents", &input).unwrap_err();
    assert_eq!(error.message, "The specified log group does not exist.");
    let input = json!({ "logGroupName": "/ecs/web", "logStreamName": "s" });
    let error = logs.call(LATER, "GetLogEvents", &input).unwrap_err();
    assert_eq!(error.message, "The specified log stream does not exist.");
    let input =
        json!({ "logGroupName": "/ecs/web", "logStreamName": "web/app/1", "nextToken": "f/x/s" });
    let error = logs.call(LATER, "GetLogEvents", &input).unwrap_err();
    assert_eq!(error.code, "InvalidParameterException");
}

#[test]
fn filtering_merges_streams_by_time() {
    let mut logs = logs(2);
    logs.write("/ecs/web", "web/app/2", Duration::from_millis(500), "other line 9");
    let input = json!({ "logGroupName": "/ecs/web", "filterPattern": "line" });
    let answer = logs.call(LATER, "FilterLogEvents", &input).unwrap();
    assert_eq!(messages(&answer), ["line 0", "other line 9", "line 1"]);
    let input = json!({ "logGroupName": "/ecs/web", "filterPattern": "\"other line\"" });
    let answer = logs.call(LATER, "FilterLogEvents", &input).unwrap();
    assert_eq!(messages(&answer), ["other line 9"]);
    let input = json!({ "logGroupName": "/ecs/web", "filterPattern": "{ $.a = 1 }" });
    assert_eq!(logs.call(LATER, "FilterLogEvents", &input).unwrap_err().status, 501);
}

#[test]
fn streams_are_listed_by_name_or_by_their_last_event() {
    let mut logs = logs(1);
    logs.write("/ecs/web", "a/older", Duration::ZERO, "x");
    logs.write("/ecs/web", "a/newer", Duration::from_secs(9), "x");
    let input = json!({ "logGroupName": "/ecs/web", "orderBy": "LastEventTime", "descending": true, "limit": 1 });
    let answer = logs.call(LATER, "DescribeLogStreams", &input).unwrap();
    assert_eq!(answer["logStreams"][0]["logStreamName"], json!("a/newer"));
    assert!(answer["nextToken"].is_string());
    assert_eq!(logs.incoming_bytes("/ecs/web"), 26 * 3 + 6 + 1 + 1);
}
