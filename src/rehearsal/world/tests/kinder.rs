//! The rehearsal is not kinder than AWS: what AWS refuses is refused.

use super::*;

#[test]
fn a_second_deployment_is_refused_and_names_the_first() {
    let mut client = Client::new("");
    let id = client.deploy();
    let definition = client.register();
    let input = client.deployment_input(&definition);
    let refused = client.refused("codedeploy", "CreateDeployment", input.clone());
    assert_eq!(refused.code, "DeploymentLimitExceededException");
    assert_eq!(
        refused.message,
        format!("The Deployment Group 'api-prod' already has an active Deployment '{id}'")
    );
    // The termination wait counts too.
    client.until(900, |c| c.weights() == (0, 100));
    client.pass(60);
    let refused = client.refused("codedeploy", "CreateDeployment", input);
    assert_eq!(refused.code, "DeploymentLimitExceededException");
    assert_eq!(client.tally().deployments.len(), 1);
}

#[test]
fn codedeploy_services_cannot_be_updated_past_it() {
    let client = Client::new("");
    let update =
        json!({"cluster": "cluster-prod", "service": "api-prod", "taskDefinition": "api-prod"});
    let refused = client.refused("ecs", "UpdateService", update);
    assert_eq!(refused.code, "InvalidParameterException");
    assert!(refused.message.starts_with(
        "Unable to update task definition on services with a CODE_DEPLOY deployment controller."
    ));
    let update = json!({"service": "api-prod", "desiredCount": 6});
    assert_eq!(client.ecs("UpdateService", update)["service"]["desiredCount"], 6);
    let missing = json!({"cluster": "other", "services": ["api-prod"]});
    assert_eq!(client.refused("ecs", "DescribeServices", missing).code, "ClusterNotFoundException");
    let failures = client.ecs("DescribeServices", json!({"services": ["nobody"]}));
    assert_eq!(failures["failures"][0]["reason"], "MISSING");
}

#[test]
fn the_appspec_is_checked_against_the_task_definition() {
    let client = Client::new("");
    let definition = client.register();
    for (from, to) in [
        (definition.as_str(), "api-prod:999"),
        ("\"api\"", "\"other\""),
        ("8080", "8081"),
        ("AWS::ECS::Service", "AWS::Lambda::Function"),
    ] {
        let mut input = client.deployment_input(&definition);
        let content = input["revision"]["appSpecContent"]["content"].as_str().unwrap();
        let changed = content.replace(from, to);
        assert_ne!(content, changed);
        input["revision"]["appSpecContent"]["content"] = json!(changed);
        let refused = client.refused("codedeploy", "CreateDeployment", input);
        assert_eq!(refused.code, "InvalidRevisionException", "{to}");
    }
    let mut input = client.deployment_input(&definition);
    input["deploymentConfigName"] = json!("NoSuchConfig");
    let refused = client.refused("codedeploy", "CreateDeployment", input);
    assert_eq!(refused.code, "DeploymentConfigDoesNotExistException");
}

#[test]
fn capacity_providers_are_lost_unless_the_appspec_repeats_them() {
    let mut setup = Setup::sample();
    setup.services[0].capacity_providers = vec![("FARGATE_SPOT".to_owned(), 0, 1)];
    let mut client = Client::with(setup, "", 7);
    assert_eq!(client.service()["capacityProviderStrategy"][0]["capacityProvider"], "FARGATE_SPOT");
    let id = client.deploy();
    client.pass(20);
    let service = client.service();
    let sets = service["taskSets"].as_array().unwrap();
    let green = sets.iter().find(|set| set["externalId"] == json!(id)).unwrap();
    assert_eq!(green["launchType"], "FARGATE");
    assert!(green.get("capacityProviderStrategy").is_none());
}

#[test]
fn deployment_configurations_are_validated_and_unique() {
    let client = Client::new("");
    let config = |percent: u32| {
        json!({
            "deploymentConfigName": "Custom.Canary",
            "computePlatform": "ECS",
            "trafficRoutingConfig": {
                "type": "TimeBasedCanary",
                "timeBasedCanary": {"canaryPercentage": percent, "canaryInterval": 2},
            },
        })
    };
    let refused = client.refused("codedeploy", "CreateDeploymentConfig", config(100));
    assert_eq!(refused.code, "InvalidTrafficRoutingConfigurationException");
    client.call("codedeploy", "CreateDeploymentConfig", config(5));
    let refused = client.refused("codedeploy", "CreateDeploymentConfig", config(5));
    assert_eq!(refused.code, "DeploymentConfigAlreadyExistsException");
}

#[test]
fn listeners_take_only_valid_weights() {
    let client = Client::new("");
    let listener = client.call(
        "codedeploy",
        "GetDeploymentGroup",
        json!({"applicationName": "api-prod", "deploymentGroupName": "api-prod"}),
    )["deploymentGroupInfo"]["loadBalancerInfo"]["targetGroupPairInfoList"][0]["prodTrafficRoute"]
        ["listenerArns"][0]
        .clone();
    let groups = client.call("elbv2", "DescribeTargetGroups", json!({}));
    let arn = groups["TargetGroups"][0]["TargetGroupArn"].clone();
    let modify = |arn: Value, weight: u32| {
        json!({"ListenerArn": listener, "DefaultActions": [{"Type": "forward", "ForwardConfig":
            {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight}]}}]})
    };
    assert_eq!(
        client.refused("elbv2", "ModifyListener", modify(arn, 1000)).code,
        "ValidationError"
    );
    let refused = client.refused("elbv2", "ModifyListener", modify(json!("arn:nothing"), 1));
    assert_eq!(refused.code, "TargetGroupNotFound");
}

#[test]
fn task_definitions_are_validated() {
    let client = Client::new("");
    let live = client.call("ecs", "DescribeTaskDefinition", json!({"taskDefinition": "api-prod"}));
    let body = &live["taskDefinition"];
    for (key, value, says) in [
        ("memory", json!("512"), "No Fargate configuration exists"),
        ("networkMode", json!("bridge"), "awsvpc"),
        ("containerDefinitions", json!([]), "Container list cannot be empty."),
        ("executionRoleArn", json!(""), "execution role"),
    ] {
        let mut input = body.clone();
        input[key] = value;
        let refused = client.refused("ecs", "RegisterTaskDefinition", input);
        assert_eq!(refused.code, "ClientException");
        assert!(refused.message.contains(says), "{}", refused.message);
    }
    let missing = json!({"taskDefinition": "nobody"});
    assert_eq!(client.refused("ecs", "DescribeTaskDefinition", missing).code, "ClientException");
}

#[test]
fn unknown_operations_name_themselves() {
    let client = Client::new("");
    let refused = client.refused("ecs", "CreateCluster", json!({}));
    assert_eq!((refused.status, refused.code.as_str()), (501, "UnknownOperationException"));
    assert!(refused.message.contains("ecs:CreateCluster"));
}
