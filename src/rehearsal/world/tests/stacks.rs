//! Stacks whose resources are the world's own.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Client, WebAnswer, WebRequest};
use crate::rehearsal::backend::Backend;
use crate::rehearsal::setup::{ServiceSetup, Setup, StackSetup};
use crate::rehearsal::stacks::tests::templates::{Plan, plans};

const HOME: &str = "eu-central-1";

/// The plans, each after those that write what it reads.
fn ordered() -> Vec<Plan> {
    // Who writes a parameter is in its name.
    let mut waiting = plans(HOME);
    let mut done: Vec<Plan> = Vec::new();
    let writer = |read: &str| {
        let stack = read.split('/').nth(3).unwrap_or_default().to_owned();
        if stack == "service-web" { "service-codedeploy".to_owned() } else { stack }
    };
    while !waiting.is_empty() {
        let ready = |plan: &Plan| {
            plan.reads.iter().all(|read| done.iter().any(|known| known.name == writer(read)))
        };
        let (now, later): (Vec<Plan>, Vec<Plan>) = waiting.into_iter().partition(ready);
        assert!(!now.is_empty());
        done.extend(now);
        waiting = later;
    }
    done
}

fn web_service() -> ServiceSetup {
    ServiceSetup {
        cluster: "cluster-stg".to_owned(),
        service: "web-stg".to_owned(),
        application: "shop-web-stg".to_owned(),
        deployment_group: "web-stg".to_owned(),
        blue_target_group: "web-blue-stg".to_owned(),
        green_target_group: "web-green-stg".to_owned(),
        family: "web-stg".to_owned(),
        log_group: "/ecs/web-stg".to_owned(),
        deployment_config: "CodeDeployDefault.ECSAllAtOnce".to_owned(),
        ..ServiceSetup::sample("web")
    }
}

/// A world in which everything was deployed earlier.
fn deployed(yaml: &str) -> Client {
    let stacks = ordered().into_iter().map(|plan| {
        let word = |p: &Value, key: &str| p[key].as_str().unwrap().to_owned();
        let parameters: BTreeMap<String, String> = plan
            .parameters
            .iter()
            .map(|p| (word(p, "ParameterKey"), word(p, "ParameterValue")))
            .collect();
        StackSetup {
            name: plan.name,
            region: plan.region.to_owned(),
            template: plan.body,
            parameters,
            policy: None,
            tags: Vec::new(),
        }
    });
    let setup =
        Setup { services: vec![web_service()], stacks: stacks.collect(), ..Setup::sample() };
    Client::with(setup, yaml, 7)
}

fn physical(client: &Client, stack: &str, logical: &str) -> String {
    let input = json!({"StackName": stack, "LogicalResourceId": logical});
    let found = client.call("cloudformation", "DescribeStackResource", input);
    found["StackResourceDetail"]["PhysicalResourceId"].as_str().unwrap().to_owned()
}

/// Changes parameters of the service's stack, all others as they were; gives the final status.
fn change(client: &mut Client, name: &str, changes: &[(&str, &str)]) -> String {
    let input = json!({"StackName": "service-codedeploy"});
    let stack = client.call("cloudformation", "DescribeStacks", input)["Stacks"][0].clone();
    let parameters: Vec<Value> = stack["Parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| {
            let key = p["ParameterKey"].as_str().unwrap();
            match changes.iter().find(|(changed, _)| *changed == key) {
                Some((_, value)) => json!({"ParameterKey": key, "ParameterValue": value}),
                None => json!({"ParameterKey": key, "UsePreviousValue": true}),
            }
        })
        .collect();
    let input = json!({
        "StackName": "service-codedeploy", "ChangeSetName": name, "UsePreviousTemplate": true,
        "Parameters": parameters, "Capabilities": ["CAPABILITY_NAMED_IAM"],
    });
    let set = client.call("cloudformation", "CreateChangeSet", input);
    client.pass(6);
    let input = json!({"ChangeSetName": set["Id"]});
    let described = client.call("cloudformation", "DescribeChangeSet", input.clone());
    assert_eq!(described["Status"], "CREATE_COMPLETE", "{described}");
    client.call("cloudformation", "ExecuteChangeSet", input);
    let status = |client: &Client| {
        let input = json!({"StackName": "service-codedeploy"});
        let found = client.call("cloudformation", "DescribeStacks", input);
        found["Stacks"][0]["StackStatus"].as_str().unwrap().to_owned()
    };
    client.until(3_600, |client| !status(client).ends_with("IN_PROGRESS"));
    status(client)
}

fn weights(client: &Client) -> (u32, u32) {
    let weights = client.cloud.weights("web-stg");
    (weights["web-blue-stg"], weights["web-green-stg"])
}

#[test]
fn what_was_deployed_earlier_belongs_to_its_stacks() {
    let client = deployed("");
    assert_eq!(client.tally().violations, [""; 0]);
    let rule = physical(&client, "service-codedeploy", "ProductionRule");
    let found = client.call("elbv2", "DescribeRules", json!({"RuleArns": [rule]}));
    let groups = &found["Rules"][0]["Actions"][0]["ForwardConfig"]["TargetGroups"];
    assert_eq!((&groups[0]["Weight"], &groups[1]["Weight"]), (&json!(100), &json!(0)));
    assert_eq!(weights(&client), (100, 0));
    let service = physical(&client, "service-codedeploy", "EcsService");
    assert!(service.ends_with(":service/cluster-stg/web-stg"), "{service}");
    let input = json!({"cluster": "cluster-stg", "services": [service]});
    let found = client.call("ecs", "DescribeServices", input);
    assert_eq!(found["services"][0]["runningCount"], 4);
    // The buckets were used, so their stack cannot just go.
    let elsewhere = client.try_call_in(
        "eu-west-1",
        "cloudformation",
        "DescribeStacks",
        json!({"StackName": "storage"}),
    );
    assert!(elsewhere.is_err());
}

#[test]
fn a_stack_moves_traffic_only_when_it_is_told_the_wrong_weights() {
    let mut client = deployed("events: [{at: 10s, weights: {live: 0, candidate: 100}}]");
    client.pass(12);
    assert_eq!(weights(&client), (0, 100));
    // Something else changes: the rule is not touched, whatever the template says about it.
    assert_eq!(change(&mut client, "one", &[("LogDays", "30")]), "UPDATE_COMPLETE");
    assert_eq!(weights(&client), (0, 100));
    // Sync, then edit.
    let live = [("BlueWeight", "0"), ("GreenWeight", "100")];
    assert_eq!(change(&mut client, "sync", &live), "UPDATE_COMPLETE");
    assert_eq!(change(&mut client, "edit", &[("RulePriority", "7")]), "UPDATE_COMPLETE");
    assert_eq!(weights(&client), (0, 100));
}

#[test]
fn an_edit_without_a_sync_is_an_outage() {
    let mut client = deployed("events: [{at: 10s, weights: {live: 0, candidate: 100}}]");
    client.pass(12);
    assert_eq!(change(&mut client, "edit", &[("RulePriority", "7")]), "UPDATE_COMPLETE");
    assert_eq!(weights(&client), (100, 0));
}

#[test]
fn a_failed_edit_brings_the_weights_of_the_previous_template() {
    let mut client = deployed(
        "events: [{at: 10s, weights: {live: 0, candidate: 100}}]\n\
         stacks: [{resource: TestRule, on: update, message: not today, times: 1}]",
    );
    client.pass(12);
    let edit = [("RulePriority", "7"), ("BlueWeight", "0"), ("GreenWeight", "100")];
    assert_eq!(change(&mut client, "edit", &edit), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(weights(&client), (100, 0));
}

#[test]
fn drift_shows_the_live_weights() {
    let mut client = deployed("events: [{at: 10s, weights: {live: 0, candidate: 100}}]");
    client.pass(12);
    let stack = json!({"StackName": "service-codedeploy"});
    client.call("cloudformation", "DetectStackDrift", stack.clone());
    client.pass(30);
    let mut filter = stack;
    filter["StackResourceDriftStatusFilters"] = json!(["MODIFIED"]);
    let drifts = client.call("cloudformation", "DescribeStackResourceDrifts", filter);
    let drifts = drifts["StackResourceDrifts"].as_array().unwrap().clone();
    assert_eq!(drifts.len(), 1, "{drifts:#?}");
    assert_eq!(drifts[0]["LogicalResourceId"], "ProductionRule");
    let path = &drifts[0]["PropertyDifferences"][0]["PropertyPath"];
    assert_eq!(path, "/Actions/0/ForwardConfig/TargetGroups/0/Weight");
}

#[test]
fn a_controlled_service_refuses_another_task_definition() {
    let mut client = deployed("");
    // The family is a property of the task definition, which the service names.
    let input = json!({"StackName": "service-codedeploy"});
    let body = client.call("cloudformation", "GetTemplate", input)["TemplateBody"].clone();
    let body = body.as_str().unwrap().replace(
        "HealthCheckGracePeriodSeconds",
        "PlatformVersion: 1.3.0\n      HealthCheckGracePeriodSeconds",
    );
    let parameters: Vec<Value> =
        client.call("cloudformation", "DescribeStacks", json!({"StackName": "service-codedeploy"}))
            ["Stacks"][0]["Parameters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| json!({"ParameterKey": p["ParameterKey"], "UsePreviousValue": true}))
            .collect();
    let input = json!({
        "StackName": "service-codedeploy", "TemplateBody": body, "Parameters": parameters,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    });
    client.call("cloudformation", "UpdateStack", input);
    client.pass(600);
    let stack = json!({"StackName": "service-codedeploy"});
    let events = client.call("cloudformation", "DescribeStackEvents", stack).to_string();
    assert!(
        events.contains("Unable to update platform version on services with a CODE_DEPLOY"),
        "{events}"
    );
    assert_eq!(weights(&client), (100, 0));
}

#[test]
fn another_operator_is_seen_as_a_busy_stack() {
    let mut client = deployed("events: [{at: 10s, stack_update: {stack: network, duration: 2m}}]");
    client.pass(12);
    let input = json!({
        "StackName": "network", "ChangeSetName": "x", "UsePreviousTemplate": true,
        "Parameters": [{"ParameterKey": "Suffix", "UsePreviousValue": true}],
    });
    let error = client.refused("cloudformation", "CreateChangeSet", input.clone());
    assert!(
        error.message.ends_with("is in UPDATE_IN_PROGRESS state and can not be updated."),
        "{error:?}"
    );
    client.pass(130);
    let error = client.try_call("cloudformation", "CreateChangeSet", input);
    assert!(error.is_ok() || !error.unwrap_err().message.contains("IN_PROGRESS"));
}

#[test]
fn everything_is_made_from_nothing_and_serves() {
    let setup = Setup { services: Vec::new(), ..Setup::sample() };
    let mut client = Client::with(setup, "", 7);
    for plan in ordered() {
        let name = plan.name.clone();
        let input = json!({
            "StackName": plan.name, "TemplateBody": plan.body, "Parameters": plan.parameters,
            "Capabilities": ["CAPABILITY_NAMED_IAM"], "OnFailure": "DO_NOTHING",
        });
        client.try_call_in(plan.region, "cloudformation", "CreateStack", input).unwrap();
        let status = |client: &Client| {
            let input = json!({"StackName": name});
            let found = client.try_call_in(plan.region, "cloudformation", "DescribeStacks", input);
            found.unwrap()["Stacks"][0]["StackStatus"].as_str().unwrap().to_owned()
        };
        client.until(7_200, |client| !status(client).ends_with("IN_PROGRESS"));
        let events = client.try_call_in(
            plan.region,
            "cloudformation",
            "DescribeStackEvents",
            json!({"StackName": name}),
        );
        let events = events.unwrap();
        let events = events["StackEvents"].as_array().unwrap();
        let failed = events.iter().find(|e| {
            e["ResourceStatus"] == "CREATE_FAILED"
                && e["ResourceStatusReason"] != "Resource creation cancelled"
        });
        assert_eq!(status(&client), "CREATE_COMPLETE", "{name}: {failed:#?}");
    }
    let input = json!({"cluster": "cluster-stg", "services": ["web-stg"]});
    let service = client.call("ecs", "DescribeServices", input)["services"][0].clone();
    assert_eq!(service["runningCount"], 1);
    let balancer = client.call("elbv2", "DescribeLoadBalancers", json!({"Names": ["alb-stg"]}));
    let host = balancer["LoadBalancers"][0]["DNSName"].as_str().unwrap().to_owned();
    let request = WebRequest { host, port: 443, method: "GET".to_owned(), path: "/".to_owned() };
    client.pass(60);
    let answer = client.cloud.http(client.now, &request);
    assert!(matches!(answer, WebAnswer::Response { status: 200, .. }), "{answer:?}");
    assert_eq!(client.tally().violations, [""; 0]);
    assert_eq!(client.tally().requests.dropped, 0);
}
