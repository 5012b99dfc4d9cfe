//! Crashes, outages, faults, and what is odd at the start.

use super::*;

const CRASH: &str = "revisions: {candidate: {crash: {after: 2s, exit_code: 3, log: [boom]}}}";

#[test]
fn a_crash_loop_never_installs_and_says_why() {
    let mut client = Client::new(CRASH);
    let id = client.deploy();
    client.pass(180);
    assert_eq!(client.event(&id, "Install")["status"], "InProgress");
    let stopped = client.ecs("ListTasks", json!({"desiredStatus": "STOPPED"}));
    let arns = stopped["taskArns"].as_array().unwrap();
    assert!(arns.len() >= 4, "{arns:?}");
    let tasks = client.ecs("DescribeTasks", json!({"tasks": arns}));
    let task = &tasks["tasks"][0];
    assert_eq!(task["stoppedReason"], "Essential container in task exited");
    assert_eq!(task["stopCode"], "EssentialContainerExited");
    assert_eq!(task["containers"][0]["exitCode"], 3);
    let name = task["taskArn"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let input =
        json!({"logGroupName": "/ecs/api-prod", "logStreamName": format!("api/api/{name}")});
    let lines = client.call("logs", "GetLogEvents", input);
    assert_eq!(lines["events"][0]["message"], "boom");
    // Replacements slow down: far fewer than one a half minute for an hour.
    client.pass(1800);
    let later = client.ecs("ListTasks", json!({"desiredStatus": "STOPPED"}));
    assert!(later["taskArns"].as_array().unwrap().len() < 60);
    client.until(1900, |c| c.status(&id) == "Failed");
    let message = client.deployment(&id)["errorInformation"]["message"].to_string();
    assert!(message.contains("This time out period is 60 minutes"), "{message}");
    client.pass(60);
    assert_eq!(client.service()["taskSets"].as_array().unwrap().len(), 1);
    let tally = client.tally();
    assert_eq!((tally.bad_requests, tally.weights.len()), (0, 1));
}

#[test]
fn failing_health_checks_stop_tasks_with_their_reason() {
    let mut client = Client::new("revisions: {candidate: {health: {status: 500}}}");
    let id = client.deploy();
    client.pass(240);
    let stopped = client.ecs("ListTasks", json!({"desiredStatus": "STOPPED"}));
    let tasks = client.ecs("DescribeTasks", json!({"tasks": stopped["taskArns"]}));
    let reason = tasks["tasks"][0]["stoppedReason"].as_str().unwrap();
    assert!(
        reason.starts_with("Task failed ELB health checks in (target-group arn:aws:"),
        "{reason}"
    );
    assert_eq!(client.status(&id), "InProgress");
}

#[test]
fn a_zone_outage_costs_no_request_by_our_doing() {
    let mut client = Client::new(
        "tasks: 6\nevents: [{after: first-shift, delay: 30s, zone_outage: {zone: a, duration: 5m}}]",
    );
    let id = client.deploy();
    client.until(300, |c| c.weights() == (90, 10));
    client.pass(120);
    let stopped = client.ecs("ListTasks", json!({"desiredStatus": "STOPPED"}));
    assert!(!stopped["taskArns"].as_array().unwrap().is_empty());
    let running = client.ecs("ListTasks", json!({}));
    let tasks = client.ecs("DescribeTasks", json!({"tasks": running["taskArns"]}));
    let zones = tasks["tasks"].as_array().unwrap().iter();
    assert!(zones.into_iter().all(|task| task["availabilityZone"] != "eu-central-1a"));
    client.until(900, |c| c.status(&id) == "Succeeded");
    let tally = client.tally();
    assert!(tally.requests.failed > 0);
    assert_eq!((tally.requests.dropped, tally.violations.len()), (0, 0), "{tally:#?}");
}

#[test]
fn what_is_odd_at_the_start_is_there() {
    let client = Client::new("initial: {weights: {live: 70, candidate: 30}}");
    assert_eq!(client.weights(), (70, 30));
    assert_eq!(client.tally().violations, [""; 0]);

    let client = Client::new("initial: {foreign_deployment: true}");
    let input = json!({"applicationName": "api-prod", "deploymentGroupName": "api-prod",
        "includeOnlyStatuses": ["Created", "InProgress", "Ready"]});
    let listed = client.call("codedeploy", "ListDeployments", input);
    let id = listed["deployments"][0].as_str().unwrap().to_owned();
    assert_eq!(client.deployment(&id)["creator"], "user");
    assert_eq!(client.weights(), (90, 10));
    let refused = client.refused(
        "codedeploy",
        "CreateDeployment",
        client.deployment_input(&client.register()),
    );
    assert!(refused.message.contains(&id));

    let client = Client::new("initial: {alarm_firing: true}");
    let input = json!({"AlarmNames": ["api-5xx-prod"]});
    let alarms = client.call("cloudwatch", "DescribeAlarms", input);
    assert_eq!(alarms["MetricAlarms"][0]["StateValue"], "ALARM");
}

#[test]
fn calls_are_throttled_about_as_often_as_asked() {
    let client = Client::new("faults: {throttle: 0.3}");
    let input = json!({"deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce"});
    let refused = (0..400)
        .filter(|_| client.try_call("codedeploy", "GetDeploymentConfig", input.clone()).is_err())
        .count();
    assert!((80..160).contains(&refused), "{refused}");
    assert_eq!(client.tally().api_calls["codedeploy:GetDeploymentConfig"], 400);
}

#[test]
fn the_test_listener_shows_green_before_production_does() {
    let mut client = Client::new("revisions: {candidate: {smoke: {status: 500}}}");
    let status = |answer: WebAnswer| match answer {
        WebAnswer::Response { status, .. } => status,
        other => panic!("{other:?}"),
    };
    let id = client.deploy();
    assert_eq!(status(client.web(8443, "/ready")), 200);
    let done = |c: &Client| {
        c.deployment(&id)["status"] == "InProgress"
            && c.event(&id, "AllowTestTraffic")["status"] == "Succeeded"
    };
    client.until(200, done);
    assert_eq!(status(client.web(8443, "/ready")), 500);
    assert_eq!(status(client.web(8443, "/healthz")), 200);
    assert_eq!(client.web(8080, "/"), WebAnswer::Refused);
}

#[test]
fn autoscaling_in_the_middle_of_a_shift_scales_both_sides() {
    let mut client = Client::new("events: [{after: first-shift, delay: 20s, scale: {desired: 8}}]");
    let id = client.deploy();
    client.until(300, |c| c.weights() == (90, 10));
    client.pass(25);
    let service = client.service();
    assert_eq!(service["desiredCount"], 8);
    let sets = service["taskSets"].as_array().unwrap();
    assert!(sets.iter().all(|set| set["computedDesiredCount"] == 8));
    client.until(1200, |c| c.status(&id) == "Succeeded");
}

#[test]
fn a_migration_runs_once_by_token_and_writes_its_log() {
    let mut client = Client::new("migration: {exit_code: 4, duration: 10s, log: [one, two]}");
    let network = client.service()["networkConfiguration"].clone();
    let input = json!({
        "cluster": "cluster-prod", "taskDefinition": "api-prod", "clientToken": "t",
        "startedBy": "ha-deploy", "launchType": "FARGATE", "networkConfiguration": network,
        "overrides": {"containerOverrides": [{"name": "api", "command": ["migrate"]}]},
    });
    let arn = client.call("ecs", "RunTask", input.clone())["tasks"][0]["taskArn"].clone();
    let again = client.call("ecs", "RunTask", input)["tasks"][0]["taskArn"].clone();
    assert_eq!(arn, again);
    client.until(120, |c| {
        let tasks = c.ecs("DescribeTasks", json!({"tasks": [arn]}));
        tasks["tasks"][0]["lastStatus"] == "STOPPED"
    });
    let task = client.ecs("DescribeTasks", json!({"tasks": [arn]}))["tasks"][0].clone();
    assert_eq!(task["containers"][0]["exitCode"], 4);
    let id = arn.as_str().unwrap().rsplit('/').next().unwrap();
    let input = json!({"logGroupName": "/ecs/api-prod", "logStreamName": format!("api/api/{id}")});
    let events = client.call("logs", "GetLogEvents", input)["events"].clone();
    assert_eq!((&events[0]["message"], &events[1]["message"]), (&json!("one"), &json!("two")));
}

#[test]
fn an_outage_of_all_targets_fires_the_error_alarm_and_is_the_candidates_own() {
    let mut setup = Setup::sample();
    setup.services[0].termination_wait = s(1800);
    let dies = "revisions: {candidate: {start: 4m, crash: {after: 12m}}}";
    let mut client = Client::with(setup, dies, 3);
    let id = client.deploy();
    client.until(2400, |c| c.status(&id) == "Stopped");
    let stopped = client.deployment(&id)["errorInformation"].clone();
    assert_eq!(stopped["code"], "ALARM_ACTIVE");
    assert!(stopped["message"].as_str().unwrap().contains("api-5xx-prod"), "{stopped}");
    client.until(60, |c| c.weights() == (100, 0));
    let tally = client.tally();
    assert!(tally.bad_requests > 1000, "{}", tally.bad_requests);
    assert_eq!((tally.requests.dropped, tally.violations.len()), (0, 0));
}

#[test]
fn a_drain_that_is_too_short_cuts_slow_requests() {
    let slow = "revisions: {live: {latency: {median: 5s, sigma: 0.1}}}\n\
        events: [{at: 30s, scale: {desired: 2}}]";
    let dropped = |delay: &str| {
        let mut client = Client::new(&format!("deregistration_delay: {delay}\n{slow}"));
        client.pass(600);
        client.tally().requests.dropped
    };
    assert!(dropped("1s") > 0);
    assert_eq!(dropped("5m"), 0);
}

#[test]
fn weight_on_an_empty_group_is_dropped_and_a_violation() {
    let mut client = Client::new("");
    let groups = client.call("elbv2", "DescribeTargetGroups", json!({}))["TargetGroups"].clone();
    let green = groups
        .as_array()
        .unwrap()
        .iter()
        .find(|group| group["TargetGroupName"].as_str() == Some("api-green-prod"));
    let green = green.unwrap()["TargetGroupArn"].clone();
    let balancer = client.call("elbv2", "DescribeLoadBalancers", json!({}));
    let balancer = balancer["LoadBalancers"][0]["LoadBalancerArn"].clone();
    let listeners = client.call("elbv2", "DescribeListeners", json!({"LoadBalancerArn": balancer}));
    let listener = listeners["Listeners"].as_array().unwrap().iter().find(|l| l["Port"] == 443);
    let input = json!({
        "ListenerArn": listener.unwrap()["ListenerArn"],
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": green}],
    });
    client.call("elbv2", "ModifyListener", input);
    client.pass(10);
    let tally = client.tally();
    assert!(tally.requests.dropped > 100, "{}", tally.requests.dropped);
    assert!(tally.violations.iter().any(|text| text.contains("no healthy target")));
}

#[test]
fn a_one_off_needs_a_place_and_a_proper_name() {
    let client = Client::new("");
    let network = client.service()["networkConfiguration"].clone();
    let run = |more: serde_json::Value| {
        let mut input = json!({
            "cluster": "cluster-prod", "taskDefinition": "api-prod", "launchType": "FARGATE",
            "networkConfiguration": network,
        });
        for (key, value) in more.as_object().unwrap() {
            input[key] = value.clone();
        }
        client.try_call("ecs", "RunTask", input).map_err(|error| error.code)
    };
    let refused = [
        json!({"launchType": null}),
        json!({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
        json!({"startedBy": "ha deploy"}),
        json!({"startedBy": "a".repeat(129)}),
        json!({"clientToken": "a".repeat(65)}),
    ];
    for input in refused {
        assert_eq!(run(input.clone()).unwrap_err(), "InvalidParameterException", "{input}");
    }
    assert!(run(json!({"startedBy": "ha-deploy/0a_b", "clientToken": "a".repeat(64)})).is_ok());
}
