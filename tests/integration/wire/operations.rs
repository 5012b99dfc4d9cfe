//! Every operation of the table through the real SDK client: what it sends is what the backend
//! gets, what the backend answers is what it returns, and every modelled error is typed.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_smithy_types::DateTime;
use aws_types::SdkConfig;

use super::cloud::{Cloud, check};
use super::sample::TABLE;

pub(super) type Names = BTreeSet<&'static str>;

#[tokio::test(start_paused = true)]
async fn every_operation_round_trips_through_the_sdk() {
    let cloud = Arc::new(Cloud::default());
    let config = cloud.config();
    for (service, names) in [
        ("sts", sts(&cloud, &config).await),
        ("ecs", ecs(&cloud, &config).await),
        ("codedeploy", Box::pin(codedeploy(&cloud, &config)).await),
        ("elbv2", elbv2(&cloud, &config).await),
        ("ecr", ecr(&cloud, &config).await),
        ("cloudwatch", cloudwatch(&cloud, &config).await),
        ("logs", logs(&cloud, &config).await),
        ("synthetics", synthetics(&cloud, &config).await),
        ("application-autoscaling", autoscaling(&cloud, &config).await),
        ("ssm", ssm(&cloud, &config).await),
        ("s3", super::storage::s3(&cloud, &config).await),
        ("backup", super::storage::backup(&cloud, &config).await),
        ("cloudformation", super::stacks::cloudformation(&cloud, &config).await),
    ] {
        let all = TABLE["services"][service]["operations"].as_object().unwrap();
        assert_eq!(names, all.keys().map(String::as_str).collect::<Names>(), "{service}");
    }
}

async fn sts(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_sts::types::Tag;
    let c = aws_sdk_sts::Client::new(config);
    let tag = Tag::builder().key("k&").value("v=1").build().unwrap();
    let role = "arn:aws:iam::123456789012:role/deploy";
    Names::from([
        check!(cloud, "sts", c.get_caller_identity(), {}),
        check!(cloud, "sts",
            c.assume_role().role_arn(role).role_session_name("ci-1").duration_seconds(900).tags(tag)
                .transitive_tag_keys("k&"),
            { "RoleArn": role, "RoleSessionName": "ci-1", "DurationSeconds": 900,
              "Tags": [{ "Key": "k&", "Value": "v=1" }], "TransitiveTagKeys": ["k&"] }),
    ])
}

async fn ecs(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_ecs::types::*;
    let c = aws_sdk_ecs::Client::new(config);
    let container = ContainerDefinition::builder()
        .name("app")
        .image("repo@sha256:1")
        .cpu(128)
        .essential(true)
        .port_mappings(
            PortMapping::builder().container_port(8080).protocol(TransportProtocol::Tcp).build(),
        )
        .environment(KeyValuePair::builder().name("A").value("é\n\"").build())
        .docker_labels("l", "1")
        .log_configuration(
            LogConfiguration::builder()
                .log_driver(LogDriver::Awslogs)
                .options("awslogs-group", "g")
                .build()
                .unwrap(),
        )
        .build();
    let network = NetworkConfiguration::builder()
        .awsvpc_configuration(
            AwsVpcConfiguration::builder()
                .subnets("subnet-1")
                .subnets("subnet-2")
                .assign_public_ip(AssignPublicIp::Disabled)
                .build()
                .unwrap(),
        )
        .build();
    let over = TaskOverride::builder()
        .container_overrides(
            ContainerOverride::builder().name("app").command("migrate").command("--now").build(),
        )
        .build();
    Names::from([
        check!(cloud, "ecs", c.describe_services().cluster("c").services("a").include(ServiceField::Tags),
            { "cluster": "c", "services": ["a"], "include": ["TAGS"] }),
        check!(cloud, "ecs", c.describe_task_definition().task_definition("app:3"),
            { "taskDefinition": "app:3" }),
        check!(cloud, "ecs",
            c.register_task_definition().family("app").cpu("256").memory("512")
                .network_mode(NetworkMode::Awsvpc).requires_compatibilities(Compatibility::Fargate)
                .container_definitions(container),
            { "family": "app", "networkMode": "awsvpc", "containerDefinitions": [{
                "name": "app", "image": "repo@sha256:1", "cpu": 128,
                "portMappings": [{ "containerPort": 8080, "protocol": "tcp" }], "essential": true,
                "environment": [{ "name": "A", "value": "é\n\"" }], "dockerLabels": { "l": "1" },
                "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "g" } } }],
              "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512" }),
        check!(cloud, "ecs", c.deregister_task_definition().task_definition("app:1"),
            { "taskDefinition": "app:1" }),
        check!(cloud, "ecs", c.list_task_definitions().family_prefix("app").max_results(10)
                .sort(SortOrder::Desc),
            { "familyPrefix": "app", "sort": "DESC", "maxResults": 10 }),
        check!(cloud, "ecs", c.list_tasks().cluster("c").service_name("a")
                .desired_status(DesiredStatus::Stopped),
            { "cluster": "c", "serviceName": "a", "desiredStatus": "STOPPED" }),
        check!(cloud, "ecs", c.describe_tasks().cluster("c").tasks("t1").tasks("t2"),
            { "cluster": "c", "tasks": ["t1", "t2"] }),
        check!(cloud, "ecs", c.run_task().cluster("c").task_definition("app:3").count(1)
                .launch_type(LaunchType::Fargate).network_configuration(network).overrides(over),
            { "cluster": "c", "taskDefinition": "app:3", "count": 1, "launchType": "FARGATE",
              "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-1", "subnet-2"], "assignPublicIp": "DISABLED" } },
              "overrides": { "containerOverrides": [{ "name": "app", "command": ["migrate", "--now"] }] } }),
        check!(cloud, "ecs", c.stop_task().cluster("c").task("t1").reason("enough"),
            { "cluster": "c", "task": "t1", "reason": "enough" }),
        check!(cloud, "ecs", c.describe_clusters().clusters("c"), { "clusters": ["c"] }),
        check!(cloud, "ecs", c.list_services().cluster("c"), { "cluster": "c" }),
        check!(cloud, "ecs", c.update_service().cluster("c").service("a").desired_count(4),
            { "cluster": "c", "service": "a", "desiredCount": 4 }),
        check!(cloud, "ecs", c.describe_task_sets().cluster("c").service("a").task_sets("ts"),
            { "cluster": "c", "service": "a", "taskSets": ["ts"] }),
        check!(cloud, "ecs", c.tag_resource().resource_arn("arn")
                .tags(Tag::builder().key("k").value("v").build()),
            { "resourceArn": "arn", "tags": [{ "key": "k", "value": "v" }] }),
        check!(cloud, "ecs", c.list_tags_for_resource().resource_arn("arn"), { "resourceArn": "arn" }),
    ])
}

async fn codedeploy(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_codedeploy::types::*;
    let c = aws_sdk_codedeploy::Client::new(config);
    let revision = RevisionLocation::builder()
        .revision_type(RevisionLocationType::AppSpecContent)
        .app_spec_content(AppSpecContent::builder().content("{}").sha256("0").build())
        .build();
    let rollback = AutoRollbackConfiguration::builder()
        .enabled(true)
        .events(AutoRollbackEvent::DeploymentFailure)
        .build();
    let routing = TrafficRoutingConfig::builder()
        .r#type(TrafficRoutingType::TimeBasedCanary)
        .time_based_canary(
            TimeBasedCanary::builder().canary_percentage(10).canary_interval(5).build(),
        )
        .build();
    let style = DeploymentStyle::builder()
        .deployment_type(DeploymentType::BlueGreen)
        .deployment_option(DeploymentOption::WithTrafficControl)
        .build();
    let range = TimeRange::builder().start(DateTime::from_secs(1_700_000_000)).build();
    Names::from([
        check!(cloud, "codedeploy", c.get_application().application_name("a"), { "applicationName": "a" }),
        check!(cloud, "codedeploy", c.get_deployment_group().application_name("a").deployment_group_name("g"),
            { "applicationName": "a", "deploymentGroupName": "g" }),
        check!(cloud, "codedeploy", c.update_deployment_group().application_name("a")
                .current_deployment_group_name("g").auto_rollback_configuration(rollback.clone())
                .deployment_style(style),
            { "applicationName": "a", "currentDeploymentGroupName": "g",
              "autoRollbackConfiguration": { "enabled": true, "events": ["DEPLOYMENT_FAILURE"] },
              "deploymentStyle": { "deploymentType": "BLUE_GREEN",
                                   "deploymentOption": "WITH_TRAFFIC_CONTROL" } }),
        check!(cloud, "codedeploy", c.list_deployment_groups().application_name("a"),
            { "applicationName": "a" }),
        check!(cloud, "codedeploy", c.list_applications().next_token("n"), { "nextToken": "n" }),
        check!(cloud, "codedeploy", c.get_deployment_config().deployment_config_name("d"),
            { "deploymentConfigName": "d" }),
        check!(cloud, "codedeploy", c.create_deployment_config().deployment_config_name("d")
                .compute_platform(ComputePlatform::Ecs).traffic_routing_config(routing),
            { "deploymentConfigName": "d",
              "trafficRoutingConfig": { "type": "TimeBasedCanary",
                "timeBasedCanary": { "canaryPercentage": 10, "canaryInterval": 5 } },
              "computePlatform": "ECS" }),
        check!(cloud, "codedeploy", c.create_deployment().application_name("a").deployment_group_name("g")
                .revision(revision).description("d").auto_rollback_configuration(rollback),
            { "applicationName": "a", "deploymentGroupName": "g",
              "revision": { "revisionType": "AppSpecContent",
                            "appSpecContent": { "content": "{}", "sha256": "0" } },
              "description": "d",
              "autoRollbackConfiguration": { "enabled": true, "events": ["DEPLOYMENT_FAILURE"] } }),
        check!(cloud, "codedeploy", c.get_deployment().deployment_id("d-1"), { "deploymentId": "d-1" }),
        check!(cloud, "codedeploy", c.batch_get_deployments().deployment_ids("d-1"),
            { "deploymentIds": ["d-1"] }),
        check!(cloud, "codedeploy", c.list_deployments().application_name("a").deployment_group_name("g")
                .include_only_statuses(DeploymentStatus::InProgress).create_time_range(range),
            { "applicationName": "a", "deploymentGroupName": "g",
              "includeOnlyStatuses": ["InProgress"], "createTimeRange": { "start": 1_700_000_000 } }),
        check!(cloud, "codedeploy", c.stop_deployment().deployment_id("d-1").auto_rollback_enabled(true),
            { "deploymentId": "d-1", "autoRollbackEnabled": true }),
        check!(cloud, "codedeploy", c.continue_deployment().deployment_id("d-1")
                .deployment_wait_type(DeploymentWaitType::ReadyWait),
            { "deploymentId": "d-1", "deploymentWaitType": "READY_WAIT" }),
        check!(cloud, "codedeploy", c.list_deployment_targets().deployment_id("d-1"),
            { "deploymentId": "d-1" }),
        check!(cloud, "codedeploy", c.get_deployment_target().deployment_id("d-1").target_id("c:a"),
            { "deploymentId": "d-1", "targetId": "c:a" }),
        check!(cloud, "codedeploy", c.batch_get_deployment_targets().deployment_id("d-1").target_ids("c:a"),
            { "deploymentId": "d-1", "targetIds": ["c:a"] }),
        check!(cloud, "codedeploy", c.put_lifecycle_event_hook_execution_status().deployment_id("d-1")
                .lifecycle_event_hook_execution_id("e").status(LifecycleEventStatus::Succeeded),
            { "deploymentId": "d-1", "lifecycleEventHookExecutionId": "e", "status": "Succeeded" }),
    ])
}

async fn elbv2(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_elasticloadbalancingv2::types::*;
    let c = aws_sdk_elasticloadbalancingv2::Client::new(config);
    let group = |arn: &str, weight| {
        TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build()
    };
    let forward = Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .order(1)
        .forward_config(
            ForwardActionConfig::builder()
                .target_groups(group("blue", 90))
                .target_groups(group("green", 10))
                .build(),
        )
        .build();
    let conditions = RuleCondition::builder()
        .field("path-pattern")
        .path_pattern_config(PathPatternConditionConfig::builder().values("/*").build())
        .build();
    let action = serde_json::json!({ "Type": "forward", "Order": 1, "ForwardConfig": { "TargetGroups": [
        { "TargetGroupArn": "blue", "Weight": 90 }, { "TargetGroupArn": "green", "Weight": 10 }] } });
    Names::from([
        check!(cloud, "elbv2", c.describe_load_balancers().load_balancer_arns("l").page_size(5),
            { "LoadBalancerArns": ["l"], "PageSize": 5 }),
        check!(cloud, "elbv2", c.describe_listeners().load_balancer_arn("l"), { "LoadBalancerArn": "l" }),
        check!(cloud, "elbv2", c.describe_rules().rule_arns("r1").rule_arns("r2"),
            { "RuleArns": ["r1", "r2"] }),
        check!(cloud, "elbv2", c.describe_target_groups().names("tg").marker("m"),
            { "Names": ["tg"], "Marker": "m" }),
        check!(cloud, "elbv2", c.describe_target_health().target_group_arn("tg")
                .targets(TargetDescription::builder().id("10.0.0.1").port(80).build()),
            { "TargetGroupArn": "tg", "Targets": [{ "Id": "10.0.0.1", "Port": 80 }] }),
        check!(cloud, "elbv2", c.modify_listener().listener_arn("l").default_actions(forward.clone()),
            { "DefaultActions": [action], "ListenerArn": "l" }),
        check!(cloud, "elbv2", c.modify_rule().rule_arn("r").actions(forward).conditions(conditions),
            { "Actions": [action], "Conditions": [{ "Field": "path-pattern",
                "PathPatternConfig": { "Values": ["/*"] } }], "RuleArn": "r" }),
    ])
}

async fn ecr(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_ecr::types::ImageIdentifier;
    let c = aws_sdk_ecr::Client::new(config);
    let id = ImageIdentifier::builder().image_tag("v1").build();
    Names::from([
        check!(cloud, "ecr", c.describe_repositories().repository_names("app"),
            { "repositoryNames": ["app"] }),
        check!(cloud, "ecr", c.describe_images().repository_name("app").image_ids(id.clone()),
            { "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] }),
        check!(cloud, "ecr", c.batch_get_image().repository_name("app").image_ids(id.clone())
                .accepted_media_types("m"),
            { "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }], "acceptedMediaTypes": ["m"] }),
        check!(cloud, "ecr", c.list_images().repository_name("app"), { "repositoryName": "app" }),
        check!(cloud, "ecr", c.get_authorization_token(), {}),
        check!(cloud, "ecr",
            c.describe_image_scan_findings().repository_name("app").image_id(id.clone()),
            { "repositoryName": "app", "imageId": { "imageTag": "v1" } }),
        check!(cloud, "ecr", c.batch_delete_image().repository_name("app").image_ids(id),
            { "repositoryName": "app", "imageIds": [{ "imageTag": "v1" }] }),
    ])
}

async fn cloudwatch(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_cloudwatch::types::*;
    let c = aws_sdk_cloudwatch::Client::new(config);
    let at = DateTime::from_secs;
    let metric = Metric::builder()
        .namespace("AWS/ApplicationELB")
        .metric_name("RequestCount")
        .dimensions(Dimension::builder().name("LoadBalancer").value("app/a/1").build())
        .build();
    let query = MetricDataQuery::builder()
        .id("m1")
        .return_data(true)
        .metric_stat(MetricStat::builder().metric(metric).period(60).stat("Sum").build())
        .build();
    let datum = MetricDatum::builder()
        .metric_name("m")
        .value(1.5)
        .timestamp(at(1_700_000_001))
        .unit(StandardUnit::Count)
        .values(2.0)
        .counts(3.0)
        .storage_resolution(1)
        .build();
    Names::from([
        check!(cloud, "cloudwatch", c.describe_alarms().alarm_names("a").alarm_types(AlarmType::MetricAlarm)
                .state_value(StateValue::Alarm).max_records(100),
            { "AlarmNames": ["a"], "AlarmTypes": ["MetricAlarm"], "StateValue": "ALARM", "MaxRecords": 100 }),
        check!(cloud, "cloudwatch", c.get_metric_data().metric_data_queries(query)
                .start_time(at(1_700_000_000)).end_time(DateTime::from_secs_f64(1_700_000_060.5))
                .scan_by(ScanBy::TimestampAscending),
            { "MetricDataQueries": [{ "Id": "m1", "MetricStat": { "Metric": {
                "Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount",
                "Dimensions": [{ "Name": "LoadBalancer", "Value": "app/a/1" }] },
                "Period": 60, "Stat": "Sum" }, "ReturnData": true }],
              "StartTime": 1_700_000_000, "EndTime": 1_700_000_060.5, "ScanBy": "TimestampAscending" }),
        check!(cloud, "cloudwatch", c.put_metric_data().namespace("app").metric_data(datum),
            { "Namespace": "app", "MetricData": [{ "MetricName": "m", "Timestamp": 1_700_000_001,
                "Value": 1.5, "Values": [2.0], "Counts": [3.0], "Unit": "Count",
                "StorageResolution": 1 }] }),
        check!(cloud, "cloudwatch", c.set_alarm_state().alarm_name("a").state_value(StateValue::Ok)
                .state_reason("test"),
            { "AlarmName": "a", "StateValue": "OK", "StateReason": "test" }),
    ])
}

async fn logs(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_cloudwatchlogs::types::OrderBy;
    let c = aws_sdk_cloudwatchlogs::Client::new(config);
    Names::from([
        check!(cloud, "logs", c.get_log_events().log_group_name("g").log_stream_name("s").limit(20)
                .start_time(1_700_000_000_000).start_from_head(true),
            { "logGroupName": "g", "logStreamName": "s", "startTime": 1_700_000_000_000_i64,
              "limit": 20, "startFromHead": true }),
        check!(cloud, "logs", c.filter_log_events().log_group_name("g").filter_pattern("ERROR"),
            { "logGroupName": "g", "filterPattern": "ERROR" }),
        check!(cloud, "logs", c.describe_log_streams().log_group_name("g")
                .order_by(OrderBy::LastEventTime).descending(true),
            { "logGroupName": "g", "orderBy": "LastEventTime", "descending": true }),
    ])
}

async fn synthetics(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let c = aws_sdk_synthetics::Client::new(config);
    Names::from([
        check!(cloud, "synthetics", c.describe_canaries_last_run().names("smoke").max_results(3),
            { "MaxResults": 3, "Names": ["smoke"] }),
        check!(cloud, "synthetics", c.get_canary_runs().name("smoke_1").max_results(1),
            { "MaxResults": 1, "Name": "smoke_1" }),
    ])
}

async fn autoscaling(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_applicationautoscaling::types::*;
    let c = aws_sdk_applicationautoscaling::Client::new(config);
    let suspended = SuspendedState::builder().dynamic_scaling_in_suspended(true).build();
    let (namespace, dimension) = (ServiceNamespace::Ecs, ScalableDimension::EcsServiceDesiredCount);
    Names::from([
        check!(cloud, "application-autoscaling", c.describe_scalable_targets()
                .service_namespace(namespace.clone()).resource_ids("service/c/a"),
            { "ServiceNamespace": "ecs", "ResourceIds": ["service/c/a"] }),
        check!(cloud, "application-autoscaling", c.register_scalable_target()
                .service_namespace(namespace.clone()).resource_id("service/c/a")
                .scalable_dimension(dimension).min_capacity(2).max_capacity(9).suspended_state(suspended),
            { "ServiceNamespace": "ecs", "ResourceId": "service/c/a",
              "ScalableDimension": "ecs:service:DesiredCount", "MinCapacity": 2, "MaxCapacity": 9,
              "SuspendedState": { "DynamicScalingInSuspended": true } }),
        check!(cloud, "application-autoscaling", c.describe_scaling_activities()
                .service_namespace(namespace).include_not_scaled_activities(true),
            { "ServiceNamespace": "ecs", "IncludeNotScaledActivities": true }),
    ])
}

async fn ssm(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    use aws_sdk_ssm::types::ParameterType;
    let c = aws_sdk_ssm::Client::new(config);
    Names::from([
        check!(cloud, "ssm", c.get_parameter().name("/a").with_decryption(true),
            { "Name": "/a", "WithDecryption": true }),
        check!(cloud, "ssm", c.get_parameters().names("/a").names("/b"), { "Names": ["/a", "/b"] }),
        check!(cloud, "ssm", c.put_parameter().name("/a").value("v").r#type(ParameterType::String)
                .overwrite(true),
            { "Name": "/a", "Value": "v", "Type": "String", "Overwrite": true }),
        check!(cloud, "ssm", c.get_parameter_history().name("/a").max_results(50),
            { "Name": "/a", "MaxResults": 50 }),
        check!(cloud, "ssm", c.get_parameters_by_path().path("/a").recursive(true),
            { "Path": "/a", "Recursive": true }),
        check!(cloud, "ssm", c.delete_parameter().name("/a"), { "Name": "/a" }),
        check!(cloud, "ssm", c.delete_parameters().names("/a"), { "Names": ["/a"] }),
    ])
}
