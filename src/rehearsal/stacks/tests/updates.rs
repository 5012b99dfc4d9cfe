//! Changing stacks: what is touched, what is replaced, and what a failure brings back.

use serde_json::{Value, json};

use super::{Bench, Verb, shown};

const APP: &str = r"
Parameters:
  Blue: {Type: Number, Default: 100}
  Size: {Type: String, Default: small}
Resources:
  Rule:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: arn:l
      Priority: 10
      Conditions: [{Field: path-pattern, Values: ['/*']}]
      Actions: [{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: arn:b, Weight: !Ref Blue}]}}]
  Topic:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !Ref Size}
  Group:
    Type: AWS::EC2::SecurityGroup
    Properties: {GroupDescription: first, VpcId: vpc-1}
  Ingress:
    Type: AWS::EC2::SecurityGroupIngress
    Properties: {GroupId: !Ref Group, IpProtocol: tcp, FromPort: 443, ToPort: 443}
";

fn previous(name: &str) -> Value {
    json!({"ParameterKey": name, "UsePreviousValue": true})
}

fn given(name: &str, value: &str) -> Value {
    json!({"ParameterKey": name, "ParameterValue": value})
}

fn made() -> Bench {
    let mut bench = Bench::new();
    bench.deploy("CREATE", APP, json!([given("Blue", "100")]));
    assert_eq!(bench.status("s"), "CREATE_COMPLETE");
    bench.cloud.done.clear();
    bench
}

fn touched(bench: &Bench) -> Vec<String> {
    bench.cloud.done.iter().map(|(verb, name, _)| format!("{verb:?} {name}")).collect()
}

#[test]
fn nothing_new_is_no_change() {
    let mut bench = made();
    let set = bench.deploy("UPDATE", APP, json!([previous("Blue"), previous("Size")]));
    assert_eq!(set["Status"], "FAILED");
    assert_eq!(
        set["StatusReason"],
        "The submitted information didn't contain changes. Submit different information to create \
         a change set."
    );
    assert_eq!(set["ExecutionStatus"], "UNAVAILABLE");
    let input = json!({"ChangeSetName": set["ChangeSetId"]});
    let error = bench.refused("ExecuteChangeSet", input);
    assert_eq!(error.code, "InvalidChangeSetStatusException");
    assert!(error.message.ends_with("cannot be executed in its current status of [FAILED]"));
    let update =
        json!({"StackName": "s", "TemplateBody": APP, "Parameters": [given("Blue", "100")]});
    assert_eq!(bench.refused("UpdateStack", update).message, "No updates are to be performed.");
}

#[test]
fn a_resource_without_a_difference_is_not_touched() {
    let mut bench = made();
    let set = bench.deploy("UPDATE", APP, json!([previous("Blue"), given("Size", "large")]));
    assert_eq!(shown(&set), ["Modify Topic False"]);
    let detail = &set["Changes"][0]["ResourceChange"]["Details"][0];
    assert_eq!(detail["ChangeSource"], "ParameterReference");
    assert_eq!(detail["CausingEntity"], "Size");
    assert_eq!(detail["Target"]["Name"], "DisplayName");
    assert_eq!(bench.status("s"), "UPDATE_COMPLETE");
    assert_eq!(touched(&bench), ["Update Topic"]);
    let diary = bench.diary();
    assert!(diary.contains(&"s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS".to_owned()));
}

#[test]
fn a_replacement_is_made_first_and_the_old_one_goes_in_the_cleanup() {
    let mut bench = made();
    let template = APP.replace("first", "second");
    let set = bench.deploy("UPDATE", &template, json!([previous("Blue"), previous("Size")]));
    // The ingress rule names the group, whose id is not known yet; its own can only be replaced.
    assert_eq!(shown(&set), ["Modify Group True", "Modify Ingress Conditional"]);
    let ingress = &set["Changes"][1]["ResourceChange"]["Details"][0];
    assert_eq!(ingress["ChangeSource"], "ResourceReference");
    assert_eq!(ingress["Target"]["RequiresRecreation"], "Always");
    assert_eq!(bench.status("s"), "UPDATE_COMPLETE");
    assert_eq!(
        touched(&bench),
        ["Create Group", "Create Ingress", "Delete Ingress", "Delete Group"]
    );
}

#[test]
fn a_failed_edit_brings_back_the_previous_template_and_its_values() {
    let mut bench = made();
    bench.cloud.faults.push(("Topic", Verb::Update, 1));
    // The weights moved meanwhile; the stack does not know.
    let template = APP
        .replace("Priority: 10", "Priority: 11")
        .replace("DisplayName: !Ref Size", "DisplayName: other");
    bench.deploy("UPDATE", &template, json!([given("Blue", "0"), previous("Size")]));
    assert_eq!(bench.status("s"), "UPDATE_ROLLBACK_COMPLETE");
    let rule: Vec<&Value> =
        bench.cloud.done.iter().filter(|(_, name, _)| name == "Rule").map(|(_, _, p)| p).collect();
    let weight = |p: &Value| p["Actions"][0]["ForwardConfig"]["TargetGroups"][0]["Weight"].clone();
    assert_eq!(rule.len(), 2);
    assert_eq!((weight(rule[0]), weight(rule[1])), (json!("0"), json!("100")));
    assert_eq!(rule[1]["Priority"], 10);
    let stack = bench.stack();
    assert_eq!(stack["Parameters"][0]["ParameterValue"], "100");
    let reason = bench.call("DescribeStackEvents", json!({"StackName": "s"})).unwrap();
    assert!(reason.to_string().contains("The following resource(s) failed to update: [Topic"));
    let body = bench.call("GetTemplate", json!({"StackName": "s"})).unwrap();
    assert_eq!(body["TemplateBody"], APP);
}

#[test]
fn a_failed_rollback_can_be_continued_and_skips_what_it_is_told() {
    let mut bench = made();
    bench.cloud.faults.push(("Topic", Verb::Update, 1));
    bench.cloud.faults.push(("Rule", Verb::Restore, 1));
    let template = APP
        .replace("Priority: 10", "Priority: 11")
        .replace("DisplayName: !Ref Size", "DisplayName: other");
    bench.deploy("UPDATE", &template, json!([previous("Blue"), previous("Size")]));
    assert_eq!(bench.status("s"), "UPDATE_ROLLBACK_FAILED");
    let update = json!({"StackName": "s", "TemplateBody": APP});
    let error = bench.refused("UpdateStack", update);
    assert!(error.message.ends_with("is in UPDATE_ROLLBACK_FAILED state and can not be updated."));
    let skip = json!({"StackName": "s", "ResourcesToSkip": ["Group"]});
    assert!(bench.refused("ContinueUpdateRollback", skip).message.contains("cannot be skipped"));
    let skip = json!({"StackName": "s", "ResourcesToSkip": ["Rule"]});
    bench.call("ContinueUpdateRollback", skip).unwrap();
    bench.settle();
    assert_eq!(bench.status("s"), "UPDATE_ROLLBACK_COMPLETE");
    let last = bench.cloud.done.iter().rev().find(|(_, name, _)| name == "Rule").unwrap();
    assert_eq!(last.2["Priority"], 11, "a skipped resource stays as it is");
}

#[test]
fn a_stack_policy_lets_the_update_fail() {
    let mut bench = made();
    let policy = r#"{"Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": "LogicalResourceId/Rule"}]}"#;
    let input = json!({"StackName": "s", "StackPolicyBody": policy});
    bench.call("SetStackPolicy", input).unwrap();
    bench.deploy("UPDATE", APP, json!([given("Blue", "0"), previous("Size")]));
    assert_eq!(bench.status("s"), "UPDATE_ROLLBACK_COMPLETE");
    assert_eq!(touched(&bench), [""; 0]);
    let events = bench.call("DescribeStackEvents", json!({"StackName": "s"})).unwrap().to_string();
    assert!(
        events.contains("Action denied by stack policy: Statement [#2] does not allow [Update:*]")
    );
}

#[test]
fn one_change_set_makes_the_others_obsolete_and_a_busy_stack_refuses() {
    let mut bench = made();
    for name in ["one", "two"] {
        let parameters = json!([previous("Blue"), given("Size", name)]);
        let input = json!({"StackName": "s", "ChangeSetName": name, "TemplateBody": APP, "Parameters": parameters});
        bench.call("CreateChangeSet", input).unwrap();
    }
    let one = json!({"StackName": "s", "ChangeSetName": "one", "ClientRequestToken": "t"});
    let error = bench.refused("ExecuteChangeSet", one.clone());
    assert!(error.message.ends_with("current status of [CREATE_IN_PROGRESS]"), "{error:?}");
    bench.wait(6);
    bench.call("ExecuteChangeSet", one.clone()).unwrap();
    // The same request again, after a lost answer, is the same execution.
    bench.call("ExecuteChangeSet", one.clone()).unwrap();
    let two = json!({"StackName": "s", "ChangeSetName": "two"});
    let error = bench.refused("ExecuteChangeSet", two);
    assert!(error.message.ends_with("execution status of [OBSOLETE]"), "{error:?}");
    let input = json!({"StackName": "s", "ChangeSetName": "x", "UsePreviousTemplate": true});
    let error = bench.refused("CreateChangeSet", input);
    assert!(error.message.ends_with("is in UPDATE_IN_PROGRESS state and can not be updated."));
    bench.settle();
    bench.call("ExecuteChangeSet", one).unwrap();
    assert_eq!(bench.status("s"), "UPDATE_COMPLETE");
    let missing = json!({"StackName": "s", "ChangeSetName": "nope"});
    let error = bench.refused("DescribeChangeSet", missing);
    assert_eq!((error.code.as_str(), error.status), ("ChangeSetNotFoundException", 404));
}

#[test]
fn deletion_is_refused_where_it_must_be() {
    let mut bench = made();
    let protect = json!({"StackName": "s", "EnableTerminationProtection": true});
    bench.call("UpdateTerminationProtection", protect).unwrap();
    let error = bench.refused("DeleteStack", json!({"StackName": "s"}));
    assert!(error.message.contains("TerminationProtection is enabled"));
    let protect = json!({"StackName": "s", "EnableTerminationProtection": false});
    bench.call("UpdateTerminationProtection", protect).unwrap();
    let retain = json!({"StackName": "s", "RetainResources": ["Topic"]});
    assert!(bench.refused("DeleteStack", retain.clone()).message.contains("DELETE_FAILED"));
    bench.cloud.faults.push(("Group", Verb::Delete, 1));
    bench.call("DeleteStack", json!({"StackName": "s"})).unwrap();
    bench.settle();
    assert_eq!(bench.status("s"), "DELETE_FAILED");
    let stack = bench.stack();
    assert_eq!(stack["StackStatusReason"], "The following resource(s) failed to delete: [Group]. ");
    let left = bench.call("ListStackResources", json!({"StackName": "s"})).unwrap();
    assert_eq!(left["StackResourceSummaries"].as_array().unwrap().len(), 1);
    bench.call("DeleteStack", json!({"StackName": "s", "RetainResources": ["Group"]})).unwrap();
    bench.settle();
    assert_eq!(bench.status("s"), "none");
}

#[test]
fn drift_is_what_the_template_says_against_what_is_there() {
    let mut bench = made();
    let live = json!({"DisplayName": "changed", "TopicName": "x"});
    bench.cloud.live.insert("Topic".to_owned(), live);
    bench.cloud.live.insert("Group".to_owned(), Value::Null);
    let detection = bench.call("DetectStackDrift", json!({"StackName": "s"})).unwrap();
    let id = json!({"StackDriftDetectionId": detection["StackDriftDetectionId"]});
    let status = bench.call("DescribeStackDriftDetectionStatus", id.clone()).unwrap();
    assert_eq!(status["DetectionStatus"], "DETECTION_IN_PROGRESS");
    bench.wait(10);
    let status = bench.call("DescribeStackDriftDetectionStatus", id).unwrap();
    assert_eq!(
        (&status["StackDriftStatus"], &status["DriftedStackResourceCount"]),
        (&json!("DRIFTED"), &json!(2))
    );
    let filter = json!({"StackName": "s", "StackResourceDriftStatusFilters": ["MODIFIED"]});
    let drifts = bench.call("DescribeStackResourceDrifts", filter).unwrap();
    let drift = &drifts["StackResourceDrifts"][0];
    assert_eq!(drift["LogicalResourceId"], "Topic");
    assert_eq!(drift["PropertyDifferences"][0]["PropertyPath"], "/DisplayName");
    assert_eq!(drift["PropertyDifferences"][0]["ActualValue"], "changed");
}
