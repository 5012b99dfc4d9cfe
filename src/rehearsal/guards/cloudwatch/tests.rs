use super::*;

/// A full minute, so that virtual and wall minutes coincide.
const EPOCH: u64 = 1_800_000_000;

fn place() -> Place {
    Place {
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        epoch: Duration::from_secs(EPOCH),
    }
}

fn cloudwatch() -> CloudWatch {
    CloudWatch::new(place(), Parameters::default())
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const DIMENSIONS: [(&str, &str); 2] =
    [("LoadBalancer", "app/web/1"), ("TargetGroup", "targetgroup/green/2")];

fn elb(name: &str) -> Metric {
    Metric::new("AWS/ApplicationELB", name, &DIMENSIONS)
}

/// A minute of traffic that begins at `minute` minutes.
fn traffic(cloudwatch: &mut CloudWatch, minute: u64, requests: f64, errors: f64) {
    let start = at(minute * 60 + 10);
    cloudwatch.put(elb("RequestCount"), start, Datum::Sum(requests));
    cloudwatch.put(elb("HTTPCode_Target_5XX_Count"), start, Datum::Sum(errors));
}

fn stat(id: &str, name: &str, stat: &str, returned: bool) -> Value {
    let dimension = |(name, value): (&str, &str)| json!({ "Name": name, "Value": value });
    json!({
        "Id": id,
        "MetricStat": {
            "Metric": {
                "Namespace": "AWS/ApplicationELB",
                "MetricName": name,
                "Dimensions": DIMENSIONS.map(dimension),
            },
            "Period": 60,
            "Stat": stat,
        },
        "ReturnData": returned,
    })
}

fn expression(id: &str, text: &str) -> Value {
    json!({ "Id": id, "Expression": text })
}

fn get(cloudwatch: &mut CloudWatch, now: u64, queries: Value, extra: Value) -> Reply {
    let mut input = json!({
        "MetricDataQueries": queries,
        "StartTime": EPOCH,
        "EndTime": EPOCH + 600,
        "ScanBy": "TimestampAscending",
    });
    for (name, value) in extra.as_object().unwrap() {
        input[name] = value.clone();
    }
    cloudwatch.call(at(now), "GetMetricData", &input)
}

fn values(reply: &Reply, result: usize) -> Vec<f64> {
    let values = &reply.as_ref().unwrap()["MetricDataResults"][result]["Values"];
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

#[test]
fn a_minute_of_a_load_balancer_can_be_read_a_minute_after_it_closed() {
    let mut cloudwatch = cloudwatch();
    traffic(&mut cloudwatch, 0, 100.0, 5.0);
    let query = json!([stat("m1", "RequestCount", "Sum", true)]);
    assert!(values(&get(&mut cloudwatch, 119, query.clone(), json!({})), 0).is_empty());
    let reply = get(&mut cloudwatch, 120, query, json!({}));
    assert_eq!(values(&reply, 0), [100.0]);
    let result = &reply.unwrap()["MetricDataResults"][0];
    assert_eq!(result["Timestamps"], json!([EPOCH]));
    assert_eq!(
        (&result["StatusCode"], &result["Label"]),
        (&json!("Complete"), &json!("RequestCount"))
    );
}

#[test]
fn custom_metrics_come_sooner_and_by_the_second() {
    let mut cloudwatch = cloudwatch();
    let metric = Metric::new("ha-deploy", "Errors", &[]);
    cloudwatch.put(metric.clone(), at(3), Datum::Sum(0.0));
    cloudwatch.put(metric.clone(), at(12), Datum::Sum(4.0));
    let ten = Duration::from_secs(10);
    let latest = |now| cloudwatch.latest(at(now), &metric, Statistic::Sum, ten, 3);
    assert!(latest(10).is_empty());
    assert_eq!(latest(20), [0.0]);
    assert_eq!(latest(23), [0.0, 4.0]);
}

#[test]
fn counters_of_a_load_balancer_appear_only_when_something_happened() {
    let mut cloudwatch = cloudwatch();
    traffic(&mut cloudwatch, 0, 100.0, 0.0);
    traffic(&mut cloudwatch, 1, 100.0, 7.0);
    let queries = json!([
        stat("e", "HTTPCode_Target_5XX_Count", "Sum", true),
        stat("r", "RequestCount", "Sum", false),
        expression("ratio", "FILL(e, 0) / r"),
        expression("percent", "100 * (e / r)"),
    ]);
    let reply = get(&mut cloudwatch, 400, queries, json!({}));
    assert_eq!(values(&reply, 0), [7.0]);
    assert_eq!(values(&reply, 1), [0.0, 0.07]);
    assert_eq!(values(&reply, 2).len(), 1);
    // Each request is a sample of 1, as load balancers report.
    let average = json!([stat("r", "RequestCount", "Average", true)]);
    assert_eq!(values(&get(&mut cloudwatch, 400, average, json!({})), 0), [1.0, 1.0]);
}

#[test]
fn metric_math_does_what_the_guide_says() {
    let mut cloudwatch = cloudwatch();
    for (minute, errors) in [(0, 1.0), (1, 0.0), (2, 9.0)] {
        traffic(&mut cloudwatch, minute, 10.0, errors);
    }
    let cases: &[(&str, &[f64])] = &[
        ("e + 1", &[2.0, 10.0]),
        ("-e", &[-1.0, -9.0]),
        ("e * 2 + 3", &[5.0, 21.0]),
        ("e * (2 + 3)", &[5.0, 45.0]),
        ("r ^ 2", &[100.0, 100.0, 100.0]),
        ("2 ^ (e - 1)", &[1.0, 256.0]),
        ("FILL(e, REPEAT)", &[1.0, 1.0, 9.0, 9.0]),
        ("r / (r - r)", &[]),
        ("IF(r > 5 AND e > 5, e, 0)", &[0.0, 9.0]),
        ("IF(FILL(e, 0) == 0, r)", &[10.0]),
        ("SUM([e, r])", &[11.0, 10.0, 19.0]),
        ("MAX([e, r])", &[10.0, 10.0, 10.0]),
        ("e / SUM(e)", &[0.1, 0.9]),
        ("r * 0 + AVG(e)", &[5.0, 5.0, 5.0]),
        ("r * 0 + PERIOD(r)", &[60.0, 60.0, 60.0]),
        ("ABS(CEIL(e - 2.5))", &[1.0, 7.0]),
        ("DIFF(r)", &[0.0, 0.0]),
        ("RATE(e)", &[8.0 / 120.0]),
        ("e >= 9 || e < 0", &[0.0, 1.0]),
    ];
    for (text, expected) in cases {
        let queries = json!([
            stat("e", "HTTPCode_Target_5XX_Count", "Sum", false),
            stat("r", "RequestCount", "Sum", false),
            expression("x", text),
        ]);
        let end = json!({ "EndTime": EPOCH + 240 });
        let found = values(&get(&mut cloudwatch, 600, queries, end), 0);
        let alike = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(a, b)| (a - b).abs() < 1e-9);
        assert!(alike, "{text}: {found:?}");
    }
}

#[test]
fn what_is_not_simulated_or_wrong_is_refused_by_name() {
    let mut cloudwatch = cloudwatch();
    let cases = [
        ("ANOMALY_DETECTION_BAND(e, 2)", "ANOMALY_DETECTION_BAND"),
        ("SEARCH('{AWS/EC2}', 'Sum')", "SEARCH"),
        ("FILL(e, LINEAR)", "LINEAR"),
        ("e + missing", "missing"),
        ("e +", "unexpected end"),
        ("e $ 2", "'$'"),
        ("1 + 1", "did not return a time series"),
        ("x + 1", "circle"),
        ("FILL(e)", "FILL takes"),
    ];
    for (text, word) in cases {
        let queries = json!([stat("e", "RequestCount", "Sum", false), expression("x", text)]);
        let error = get(&mut cloudwatch, 600, queries, json!({})).unwrap_err();
        assert_eq!(error.code, "ValidationError", "{text}");
        assert!(error.message.contains(word), "{text}: {}", error.message);
    }
    let deep = format!("{}e{}", "(".repeat(900), ")".repeat(900));
    let queries = json!([stat("e", "RequestCount", "Sum", false), expression("x", &deep)]);
    assert!(get(&mut cloudwatch, 600, queries, json!({})).is_err());
    let mut odd = stat("e", "RequestCount", "Sum", true);
    odd["MetricStat"]["Period"] = json!(45);
    assert!(
        get(&mut cloudwatch, 600, json!([odd]), json!({})).unwrap_err().message.contains("Period")
    );
    let query = json!([stat("e", "RequestCount", "Sum", true)]);
    let times = json!({ "StartTime": EPOCH + 600 });
    assert!(get(&mut cloudwatch, 600, query, times).unwrap_err().message.contains("less than"));
    let twice =
        json!([stat("e", "RequestCount", "Sum", true), stat("e", "RequestCount", "Sum", true)]);
    assert!(get(&mut cloudwatch, 600, twice, json!({})).unwrap_err().message.contains("unique"));
}

#[test]
fn pages_of_datapoints_follow_each_other_and_say_when_they_are_partial() {
    let mut cloudwatch = cloudwatch();
    for minute in 0..5 {
        traffic(&mut cloudwatch, minute, 10.0 + minute as f64, 1.0);
    }
    let queries = json!([
        stat("r", "RequestCount", "Sum", true),
        stat("e", "HTTPCode_Target_5XX_Count", "Sum", true),
    ]);
    let mut token = Value::Null;
    let mut pages = Vec::new();
    loop {
        let mut extra = json!({ "MaxDatapoints": 4 });
        if !token.is_null() {
            extra["NextToken"] = token.clone();
        }
        let answer = get(&mut cloudwatch, 600, queries.clone(), extra).unwrap();
        let results = answer["MetricDataResults"].as_array().unwrap().clone();
        pages.extend(results.into_iter().map(|result| {
            let length = result["Values"].as_array().unwrap().len();
            (result["Id"].as_str().unwrap().to_owned(), length, result["StatusCode"] == "Complete")
        }));
        match answer.get("NextToken") {
            Some(next) => token = next.clone(),
            None => break,
        }
    }
    let page = |id: &str, length, complete| (id.to_owned(), length, complete);
    let expected = [
        page("r", 4, false),
        page("e", 0, false),
        page("r", 1, true),
        page("e", 3, false),
        page("e", 2, true),
    ];
    assert_eq!(pages, expected);
}

#[test]
fn two_bad_minutes_fire_a_ratio_alarm_a_minute_after_the_second() {
    let mut cloudwatch = cloudwatch();
    let setup = AlarmSetup::error_ratio("5xx", "app/web/1", "targetgroup/green/2", 0.01);
    cloudwatch.add_alarm(setup).unwrap();
    for minute in 0..20 {
        let errors = if (5..8).contains(&minute) { 50.0 } else { 1.0 };
        traffic(&mut cloudwatch, minute, 1000.0, errors);
    }
    let mut changes = Vec::new();
    let mut last = AlarmState::Ok;
    for second in 0..1200 {
        cloudwatch.advance(at(second));
        let state = cloudwatch.alarm_state("5xx").unwrap();
        if state != last {
            changes.push((second, state));
            last = state;
        }
    }
    // The minutes 5 and 6 are over at 420 s and can be read at 480 s; minute 8 is read at 600 s.
    assert_eq!(changes, [(480, AlarmState::Alarm), (600, AlarmState::Ok)]);
}

#[test]
fn the_reason_of_an_alarm_reads_as_cloudwatch_writes_it() {
    let mut cloudwatch = cloudwatch();
    let setup = AlarmSetup::on_metric("many", elb("RequestCount"), Statistic::Sum, 5.0);
    cloudwatch.add_alarm(setup).unwrap();
    for minute in 1..=3 {
        cloudwatch.put_before(elb("RequestCount"), at(minute * 60), Datum::Sum(2.0));
    }
    traffic(&mut cloudwatch, 0, 6.0, 0.0);
    let answer =
        cloudwatch.call(at(125), "DescribeAlarms", &json!({ "AlarmNames": ["many", "x"] }));
    let alarm = answer.unwrap()["MetricAlarms"][0].clone();
    assert_eq!(alarm["StateValue"], json!("ALARM"));
    assert_eq!(
        alarm["StateReason"],
        json!(
            "Threshold Crossed: 1 out of the last 1 datapoints [6.0 (15/01/27 08:00:00)] was \
             greater than the threshold (5.0) (minimum 1 datapoint for OK -> ALARM transition)."
        )
    );
    assert_eq!(alarm["StateUpdatedTimestamp"], json!(EPOCH + 120));
    assert_eq!(alarm["Statistic"], json!("Sum"));
    let data: Value = serde_json::from_str(alarm["StateReasonData"].as_str().unwrap()).unwrap();
    assert_eq!(data["recentDatapoints"], json!([6.0]));
    assert_eq!(data["queryDate"], json!("2027-01-15T08:02:00.000+0000"));
}

#[test]
fn a_state_set_by_hand_lasts_until_the_next_evaluation_or_its_hold() {
    let mut cloudwatch = cloudwatch();
    let setup = AlarmSetup::error_ratio("5xx", "app/web/1", "targetgroup/green/2", 0.01);
    cloudwatch.add_alarm(setup).unwrap();
    let input = json!({ "AlarmName": "5xx", "StateValue": "ALARM", "StateReason": "by hand" });
    cloudwatch.call(at(70), "SetAlarmState", &input).unwrap();
    assert_eq!(cloudwatch.alarm_state("5xx"), Some(AlarmState::Alarm));
    cloudwatch.advance(at(119));
    assert_eq!(cloudwatch.alarm_state("5xx"), Some(AlarmState::Alarm));
    cloudwatch.advance(at(120));
    assert_eq!(cloudwatch.alarm_state("5xx"), Some(AlarmState::Ok));
    assert!(cloudwatch.force_alarm(at(130), "5xx", AlarmState::Alarm, "held", at(300)));
    cloudwatch.advance(at(420));
    assert_eq!(cloudwatch.alarm_state("5xx"), Some(AlarmState::Alarm));
    cloudwatch.advance(at(480));
    assert_eq!(cloudwatch.alarm_state("5xx"), Some(AlarmState::Ok));
    let input = json!({ "AlarmName": "x", "StateValue": "OK", "StateReason": "" });
    let error = cloudwatch.call(at(480), "SetAlarmState", &input).unwrap_err();
    assert_eq!((error.code.as_str(), error.status), ("ResourceNotFound", 404));
}

#[test]
fn alarms_without_data_go_where_their_treatment_says() {
    let mut cloudwatch = cloudwatch();
    let treatments = [
        ("missing", MissingData::Missing, AlarmState::InsufficientData),
        ("ignore", MissingData::Ignore, AlarmState::Ok),
        ("breaching", MissingData::Breaching, AlarmState::Alarm),
        ("not-breaching", MissingData::NotBreaching, AlarmState::Ok),
    ];
    for (name, missing, _) in treatments {
        let setup = AlarmSetup::on_metric(name, elb("RequestCount"), Statistic::Sum, 5.0);
        cloudwatch.add_alarm(AlarmSetup { missing, ..setup }).unwrap();
    }
    cloudwatch.advance(at(60));
    for (name, _, state) in treatments {
        assert_eq!(cloudwatch.alarm_state(name), Some(state), "{name}");
    }
    let answer =
        cloudwatch.call(at(60), "DescribeAlarms", &json!({ "StateValue": "ALARM" })).unwrap();
    assert_eq!(
        answer["MetricAlarms"][0]["StateReason"],
        json!(
            "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint \
             was treated as [Breaching]."
        )
    );
}

#[test]
fn a_past_before_the_start_keeps_alarms_out_of_insufficient_data() {
    let mut cloudwatch = cloudwatch();
    cloudwatch
        .add_alarm(AlarmSetup::on_metric("a", elb("RequestCount"), Statistic::Sum, 5.0))
        .unwrap();
    for minute in 1..=5 {
        cloudwatch.put_before(elb("RequestCount"), at(minute * 60), Datum::Sum(2.0));
    }
    cloudwatch.advance(at(60));
    assert_eq!(cloudwatch.alarm_state("a"), Some(AlarmState::Ok));
}

#[test]
fn alarms_page_and_filter_by_name_prefix_and_state() {
    let mut cloudwatch = cloudwatch();
    for name in ["a-1", "a-2", "b-1"] {
        let setup = AlarmSetup::on_metric(name, elb("RequestCount"), Statistic::Sum, 5.0);
        cloudwatch.add_alarm(setup).unwrap();
    }
    let mut names = |input: Value| {
        let answer = cloudwatch.call(at(1), "DescribeAlarms", &input).unwrap();
        let alarms = answer["MetricAlarms"].as_array().unwrap().clone();
        let names: Vec<String> =
            alarms.iter().map(|alarm| alarm["AlarmName"].as_str().unwrap().to_owned()).collect();
        (names.join(" "), answer.get("NextToken").cloned())
    };
    assert_eq!(names(json!({ "AlarmNamePrefix": "a-" })), ("a-1 a-2".to_owned(), None));
    assert_eq!(names(json!({ "StateValue": "ALARM" })), (String::new(), None));
    let (first, token) = names(json!({ "MaxRecords": 2 }));
    assert_eq!(first, "a-1 a-2");
    assert_eq!(names(json!({ "NextToken": token.unwrap() })), ("b-1".to_owned(), None));
    let both = json!({ "AlarmNames": ["a-1"], "AlarmNamePrefix": "a" });
    assert!(cloudwatch.call(at(1), "DescribeAlarms", &both).is_err());
}

#[test]
fn published_data_is_taken_whole_or_not_at_all() {
    let mut cloudwatch = cloudwatch();
    let datum = |value: f64| json!({ "MetricName": "m", "Value": value, "StorageResolution": 1 });
    let bad = json!({ "MetricName": "m", "Value": 1.0, "Values": [1.0] });
    let put = |cloudwatch: &mut CloudWatch, data: Value| {
        let input = json!({ "Namespace": "own", "MetricData": data });
        cloudwatch.call(at(5), "PutMetricData", &input)
    };
    assert!(put(&mut cloudwatch, json!([datum(1.0), bad])).is_err());
    let metric = Metric::new("own", "m", &[]);
    let read =
        |cloudwatch: &CloudWatch| cloudwatch.latest(at(60), &metric, Statistic::Sum, at(10), 6);
    assert!(read(&cloudwatch).is_empty());
    put(&mut cloudwatch, json!([datum(1.0), datum(2.5)])).unwrap();
    let many = json!({ "MetricName": "m", "Values": [2.0, 3.0], "Counts": [2.0, 1.0] });
    put(&mut cloudwatch, json!([many])).unwrap();
    assert_eq!(read(&cloudwatch), [10.5]);
    let aws = json!({ "Namespace": "AWS/x", "MetricData": [datum(1.0)] });
    assert!(cloudwatch.call(at(5), "PutMetricData", &aws).is_err());
}

#[test]
fn alarms_that_aws_would_refuse_are_refused() {
    let good = AlarmSetup::on_metric("a", elb("RequestCount"), Statistic::Sum, 5.0);
    let refused = |setup: AlarmSetup| cloudwatch().add_alarm(setup).unwrap_err().rule;
    assert!(refused(AlarmSetup { datapoints_to_alarm: 2, ..good.clone() }).contains("datapoints"));
    assert!(refused(AlarmSetup { queries: Vec::new(), ..good.clone() }).contains("exactly one"));
    let odd = Query::metric("m1", elb("RequestCount"), Statistic::Sum, at(45));
    assert!(refused(AlarmSetup { queries: vec![odd], ..good.clone() }).contains("period"));
    let lost = Query::expression("x", "m9 + 1");
    assert!(refused(AlarmSetup { queries: vec![lost], ..good }).contains("m9"));
}

#[test]
fn a_latency_alarm_sees_three_times_the_latency() {
    let mut cloudwatch = cloudwatch();
    let limit = Duration::from_millis(200);
    let setup = AlarmSetup::p99_latency("p99", "app/web/1", "targetgroup/green/2", limit);
    cloudwatch.add_alarm(setup).unwrap();
    for minute in 0..10 {
        let slow = if minute >= 3 { 3.0 } else { 1.0 };
        let samples = (1..=200).map(|n| slow * (0.04 + f64::from(n) * 0.0003)).collect();
        cloudwatch.put(elb("TargetResponseTime"), at(minute * 60), Datum::Values(samples));
    }
    cloudwatch.advance(at(359));
    assert_eq!(cloudwatch.alarm_state("p99"), Some(AlarmState::Ok));
    cloudwatch.advance(at(360));
    assert_eq!(cloudwatch.alarm_state("p99"), Some(AlarmState::Alarm));
}

proptest::proptest! {
    #[test]
    fn no_expression_panics(text in "[a-zA-Z0-9+*/()\\[\\], .<>=!&|^-]{0,60}") {
        let mut cloudwatch = cloudwatch();
        traffic(&mut cloudwatch, 0, 10.0, 1.0);
        let queries = json!([stat("e", "RequestCount", "Sum", false), expression("x", &text)]);
        let _reply = get(&mut cloudwatch, 600, queries, json!({}));
    }

    #[test]
    fn no_text_panics_the_grammar(text in ".{0,80}") {
        let _expression = parse::parse(&text);
    }
}
