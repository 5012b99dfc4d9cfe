//! Plans from hand-made worlds: what is done, what is refused, and with which exit code.

mod rollbacks;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::config::model::{
    Environment, ImageSelector, ImageSource, Model, Names, Rollout, Scaling, Service,
    TargetHealthCheck, TaskSettings,
};
use crate::domain::{
    AccountId, AlarmReading, AlarmState, DeploymentStatus, EnvironmentName, GoodRevision, Group,
    Identity, Image, LiveRevision, ObservedService, PairedGroup, RunningDeployment, Suffix,
    TargetHealth, Weight,
};

const FAMILY: &str = "arn:aws:ecs:eu-west-1:123456789012:task-definition/api-prod";

fn digest_of(byte: &str) -> ImageDigest {
    ImageDigest::new(&format!("sha256:{}", byte.repeat(32))).unwrap()
}

fn identity() -> Identity {
    Identity {
        account: AccountId::new("123456789012").unwrap(),
        arn: "arn:aws:iam::1:role/x".into(),
    }
}

fn service() -> Service {
    let text = |text: &str| text.to_owned();
    Service {
        name: ServiceName::new("api").unwrap(),
        names: Names {
            cluster: text("cluster-prod"),
            service: text("api-prod"),
            application: text("shop-api-prod"),
            deployment_group: text("api-prod"),
            blue_target_group: text("api-blue-prod"),
            green_target_group: text("api-green-prod"),
            good_parameter: text("/ha/prod/api/good-revisions"),
        },
        image: ImageSource {
            repository: text("api"),
            selector: Some(ImageSelector::Tag(text("v2"))),
            build: None,
            check: crate::config::model::ImageCheck::default(),
            scan: None,
        },
        container: text("api"),
        port: 8080,
        task: TaskSettings::default(),
        spot_percent: None,
        migrate: None,
        rollout: Rollout {
            shift: Shift::Canary {
                percent: Weight::new(10).unwrap(),
                hold: Duration::from_secs(300),
            },
            bake: Duration::from_secs(600),
            ready_wait: None,
            termination_wait: None,
            smoke: Vec::new(),
            alarms: vec![text("api-5xx")],
            canaries: Vec::new(),
            gates: None,
            timeout: Duration::from_secs(3600),
            suspend_scale_in: true,
            hooks: BTreeMap::new(),
        },
        scaling: Scaling::default(),
        target_health_check: TargetHealthCheck::default(),
        stack_parameters: BTreeMap::new(),
    }
}

fn model(service: &Service) -> Model {
    Model {
        app: "shop".into(),
        environment: Environment {
            name: EnvironmentName::new("production").unwrap(),
            suffix: Suffix::new("prod").unwrap(),
            region: "eu-west-1".into(),
            accounts: vec![identity().account],
            role: None,
            protect: true,
        },
        services: vec![service.clone()],
        stack: None,
        file: PathBuf::from("ha-deploy.yml"),
    }
}

fn revision(number: u32, image: &str) -> LiveRevision {
    LiveRevision {
        revision: Revision::parse(&format!("api-prod:{number}")).unwrap(),
        arn: format!("{FAMILY}:{number}"),
        digest: image.rsplit_once('@').and_then(|(_, digest)| ImageDigest::new(digest)),
        tags: BTreeMap::from([("team".into(), "web".into()), ("aws:x".into(), "y".into())]),
        definition: json!({
            "taskDefinitionArn": format!("{FAMILY}:{number}"),
            "family": "api-prod", "revision": number, "status": "ACTIVE",
            "registeredAt": 1.0, "compatibilities": ["FARGATE"],
            "cpu": "256", "memory": "512",
            "aMemberFromTheFuture": { "kept": true },
            "containerDefinitions": [
                { "name": "xray", "image": "xray:1" },
                { "name": "api", "image": image, "environment": [{ "name": "A", "value": "1" }],
                  "logConfiguration": { "logDriver": "awslogs", "options": {
                      "awslogs-group": "/ecs/api", "awslogs-stream-prefix": "ecs" } } },
            ],
        }),
    }
}

fn uri(digest: &ImageDigest) -> String {
    format!("123456789012.dkr.ecr.eu-west-1.amazonaws.com/api@{digest}")
}

fn observed() -> ObservedService {
    let group = |name: &str, weight, primary, healthy| PairedGroup {
        name: name.to_owned(),
        arn: format!("arn:{name}"),
        weight,
        primary,
        health: TargetHealth { healthy, ..TargetHealth::default() },
    };
    let new = digest_of("c2");
    ObservedService {
        name: ServiceName::new("api").unwrap(),
        live: revision(7, &uri(&digest_of("a1"))),
        newest: None,
        desired: 4,
        running: 4,
        pending: 0,
        groups: [
            group("api-blue-prod", Weight::ALL, true, 4),
            group("api-green-prod", Weight::NONE, false, 0),
        ],
        group: Group {
            application: "shop-api-prod".into(),
            name: "api-prod".into(),
            ready_wait: None,
            termination_wait: Duration::from_secs(900),
            alarms: vec!["group-alarm".into()],
            auto_rollback: true,
            ignore_poll_alarm_failure: false,
            network_load_balancer: false,
        },
        active: None,
        alarms: vec![AlarmReading {
            name: "api-5xx".into(),
            state: AlarmState::Ok,
            reason: "".into(),
        }],
        missing_alarms: Vec::new(),
        image_wanted: "api:v2".into(),
        image: Some(Image {
            repository: "api".into(),
            uri: uri(&new),
            digest: new,
            tags: vec!["v2".into()],
        }),
        scaling: None,
        good: Vec::new(),
        deployment_config: deployment_config(service().rollout.shift),
        deployment_config_exists: true,
        test_url: Some("http://alb:8443".into()),
        listener: "arn:listener".into(),
        balancer: "app/alb/1".into(),
        endpoint: Some(("api".into(), 8080)),
        codedeploy: true,
        task_sets: 1,
        traffic: None,
        weights_problem: None,
        placement: json!({ "PlatformVersion": "1.4.0", "NetworkConfiguration": { "AwsvpcConfiguration": { "Subnets": ["s-1"] } } }),
    }
}

fn planned(service: &Service, observed: &ObservedService) -> Plan {
    plan(&model(service), service, &identity(), observed)
}

fn ids(plan: &Plan) -> Vec<&'static str> {
    plan.steps.iter().map(|step| step.id).collect()
}

fn refused(plan: &Plan) -> Vec<(&'static str, u8)> {
    plan.refusals().map(|(check, outcome, _)| (check.name, outcome.exit_code())).collect()
}

fn deployment(plan: &Plan) -> &Deployment {
    plan.steps
        .iter()
        .find_map(|step| match &step.action {
            Action::Deploy(deployment) => Some(&**deployment),
            _ => None,
        })
        .unwrap()
}

#[test]
fn a_new_image_changes_the_image_and_nothing_else() {
    let plan = planned(&service(), &observed());
    assert_eq!(refused(&plan), []);
    assert_eq!(ids(&plan), ["register", "deploy", "record"]);
    let Action::Register { input, changes } = &plan.steps[0].action else { panic!() };
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].path, "containers.api.image");
    let mut expected = definition::as_input(&observed().live.definition);
    expected["containerDefinitions"][1]["image"] = uri(&digest_of("c2")).into();
    expected["tags"] = json!([
        { "key": "team", "value": "web" },
        { "key": "ha-deploy:plan", "value": plan.digest },
    ]);
    assert_eq!(input, &expected);
    assert_eq!(input["aMemberFromTheFuture"]["kept"], true);
    assert!(input.get("registeredAt").is_none() && input.get("revision").is_none());
}

#[test]
fn the_appspec_repeats_what_codedeploy_would_drop() {
    let plan = planned(&service(), &observed());
    let text = with_task_definition(&deployment(&plan).appspec, &format!("{FAMILY}:8"));
    let spec: Value = serde_json::from_str(&text).unwrap();
    let properties = &spec["Resources"][0]["TargetService"]["Properties"];
    assert_eq!(properties["TaskDefinition"], format!("{FAMILY}:8"));
    assert_eq!(properties["PlatformVersion"], "1.4.0");
    assert_eq!(properties["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"][0], "s-1");
    assert_eq!(
        properties["LoadBalancerInfo"],
        json!({ "ContainerName": "api", "ContainerPort": 8080 })
    );
    assert!(text.contains("\"version\":0.0"), "{text}");
}

#[test]
fn configured_alarms_are_added_to_those_of_the_group() {
    let plan = planned(&service(), &observed());
    let names = vec!["api-5xx".to_owned(), "group-alarm".to_owned()];
    assert_eq!(deployment(&plan).alarms, Alarms::These(names));
}

#[test]
fn nothing_is_done_when_nothing_differs() {
    let mut observed = observed();
    observed.live = revision(8, &uri(&digest_of("c2")));
    // A firing alarm is no reason to fail a run that has nothing to do.
    observed.alarms[0].state = AlarmState::Alarm;
    assert!(planned(&service(), &observed).is_empty());
}

#[test]
fn values_of_variables_are_not_shown() {
    let mut service = service();
    service.task.environment =
        BTreeMap::from([("A".into(), "hunter2".into()), ("B".into(), "x".into())]);
    let plan = planned(&service, &observed());
    let Action::Register { input, changes } = &plan.steps[0].action else { panic!() };
    let environment = &input["containerDefinitions"][1]["environment"];
    assert_eq!(
        environment,
        &json!([{ "name": "A", "value": "hunter2" }, { "name": "B", "value": "x" }])
    );
    assert_eq!(changes.len(), 3);
    let shown = serde_json::to_string(&plan).unwrap();
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_revision_that_a_dead_run_registered_is_used_again() {
    let mut observed = observed();
    observed.newest = Some(revision(8, &uri(&digest_of("c2"))));
    let plan = planned(&service(), &observed);
    assert_eq!(ids(&plan), ["deploy", "record"]);
    assert_eq!(plan.to.arn.as_deref(), Some(format!("{FAMILY}:8").as_str()));
    observed.newest = Some(revision(8, &uri(&digest_of("d3"))));
    assert_eq!(ids(&planned(&service(), &observed)), ["register", "deploy", "record"]);
}

fn running(description: String, revision: &str) -> RunningDeployment {
    RunningDeployment {
        id: DeploymentId("d-ABCDEF123".into()),
        status: DeploymentStatus::InProgress,
        description,
        creator: "user".into(),
        revision: Revision::parse(revision),
    }
}

#[test]
fn our_own_deployment_is_joined_and_a_foreign_one_refused() {
    let digest = planned(&service(), &observed()).digest;
    let mut ours = observed();
    ours.active = Some(running(format!("ha-deploy {digest} deploy api"), "api-prod:8"));
    ours.task_sets = 2;
    ours.groups[0].weight = Weight::new(90).unwrap();
    ours.groups[1].weight = Weight::new(10).unwrap();
    // The gate judges alarms while it runs.
    ours.alarms[0].state = AlarmState::Alarm;
    let plan = planned(&service(), &ours);
    assert_eq!(refused(&plan), []);
    assert_eq!(ids(&plan), ["deploy", "record"]);
    assert_eq!(deployment(&plan).attach, Some(DeploymentId("d-ABCDEF123".into())));
    assert_eq!(plan.route.blue, "arn:api-blue-prod");

    let mut foreign = observed();
    foreign.active = Some(running("by hand".into(), "api-prod:8"));
    assert_eq!(refused(&planned(&service(), &foreign)), [("active deployment", 7)]);
}

#[test]
fn a_joined_deployment_that_has_taken_over_still_knows_what_blue_was() {
    let digest = planned(&service(), &observed()).digest;
    let mut observed = observed();
    observed.live = revision(8, &uri(&digest_of("c2")));
    observed.active = Some(running(format!("ha-deploy {digest} deploy api"), "api-prod:8"));
    observed.groups[0] =
        PairedGroup { weight: Weight::NONE, primary: false, ..observed.groups[0].clone() };
    observed.groups[1] =
        PairedGroup { weight: Weight::ALL, primary: true, ..observed.groups[1].clone() };
    observed.good = vec![good(7, None)];
    let plan = planned(&service(), &observed);
    assert_eq!(ids(&plan), ["deploy", "record"]);
    assert_eq!(plan.route.blue, "arn:api-blue-prod");
    assert_eq!(plan.from.revision, Revision::parse("api-prod:7"));
}

#[test]
fn each_bad_start_is_refused_with_its_exit_code() {
    type Spoil = fn(&mut ObservedService);
    let cases: [(&str, u8, Spoil); 9] = [
        ("traffic weights", 4, |o| {
            o.groups[0].weight = Weight::new(60).unwrap();
            o.groups[1].weight = Weight::new(40).unwrap();
        }),
        ("traffic weights", 4, |o| o.weights_problem = Some("a third group".into())),
        ("traffic weights", 4, |o| {
            o.groups[0].primary = false;
            o.groups[1].primary = true;
        }),
        ("serving targets", 4, |o| o.groups[0].health.healthy = 0),
        ("service is steady", 5, |o| o.running = 3),
        ("gating alarms", 5, |o| o.alarms[0].state = AlarmState::Alarm),
        ("gating alarms", 2, |o| o.missing_alarms = vec!["gone".into()]),
        ("image", 2, |o| o.image = None),
        ("deployment controller", 2, |o| o.codedeploy = false),
    ];
    for (name, code, spoil) in cases {
        let mut observed = observed();
        spoil(&mut observed);
        let mut service = service();
        // Without an image there is still something to do.
        service.task.cpu = Some(512);
        assert_eq!(refused(&planned(&service, &observed)), [(name, code)]);
    }
    let mut model = model(&service());
    model.environment.accounts = vec![AccountId::new("999999999999").unwrap()];
    let plan = plan(&model, &service(), &identity(), &observed());
    assert_eq!(refused(&plan), [("account", 6)]);
}

#[test]
fn smoke_tests_make_codedeploy_wait_for_us() {
    let mut service = service();
    service.rollout.smoke = vec![SmokeTest {
        path: "/".into(),
        status: vec![200],
        contains: None,
        timeout: Duration::from_secs(5),
        attempts: 1,
        base: None,
    }];
    let plan = planned(&service, &observed());
    assert_eq!(ids(&plan), ["register", "align-group", "deploy", "record"]);
    assert!(deployment(&plan).ready_wait);
}

#[test]
fn scale_in_is_suspended_meanwhile_and_resumed_after_a_dead_run() {
    let mut observed = observed();
    let target = |suspended| ScalableTarget {
        min: 2,
        max: 10,
        scale_in_suspended: suspended,
        scale_out_suspended: false,
        scheduled_suspended: false,
    };
    observed.scaling = Some(target(false));
    let plan = planned(&service(), &observed);
    assert_eq!(ids(&plan), ["register", "suspend-scale-in", "deploy", "record", "resume-scale-in"]);
    // A run that died left it suspended: the next one resumes it, even with nothing else to do.
    observed.scaling = Some(target(true));
    observed.live = revision(8, &uri(&digest_of("c2")));
    assert_eq!(ids(&planned(&service(), &observed)), ["resume-scale-in"]);
}

fn good(number: u32, digest: Option<ImageDigest>) -> GoodRevision {
    let revision = Revision::parse(&format!("api-prod:{number}")).unwrap();
    GoodRevision { revision, digest, deployment: None, at: 0 }
}

#[test]
fn what_codedeploy_would_refuse_later_is_refused_now() {
    let mut many = observed();
    many.group.alarms = (0..10).map(|n| format!("alarm-{n}")).collect();
    assert_eq!(refused(&planned(&service(), &many)), [("deployment group", 2)]);
    let mut network = observed();
    network.group.network_load_balancer = true;
    assert_eq!(refused(&planned(&service(), &network)), [("deployment group", 2)]);
}

#[test]
fn a_revision_whose_run_died_after_the_shift_is_recorded_by_the_next() {
    let mut observed = observed();
    observed.live = revision(8, &uri(&digest_of("c2")));
    observed.live.tags.insert("ha-deploy:plan".into(), "x".into());
    assert_eq!(ids(&planned(&service(), &observed)), ["record"]);
    observed.good = vec![good(8, None)];
    assert!(planned(&service(), &observed).is_empty());
}

proptest! {
    /// The digest does not depend on the order in which AWS answers members.
    #[test]
    fn the_digest_does_not_depend_on_the_order_of_members(keys in proptest::collection::btree_map("[a-z]{1,6}", 0..99u32, 0..8), seed in 0..99usize) {
        let mut pairs: Vec<_> = keys.into_iter().collect();
        let forward: Value = pairs.iter().map(|(k, v)| (k.clone(), json!({ "x": v, "a": 1 }))).collect::<serde_json::Map<_, _>>().into();
        let by = seed % pairs.len().max(1);
        pairs.rotate_left(by);
        let turned: Value = pairs.iter().map(|(k, v)| (k.clone(), json!({ "a": 1, "x": v }))).collect::<serde_json::Map<_, _>>().into();
        prop_assert_eq!(digest(&[&forward]), digest(&[&turned]));
        let list = |from: &[(String, u32)]| json!({ "environment": from.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect::<Vec<_>>() });
        let mut sorted = pairs.clone();
        sorted.sort();
        prop_assert_eq!(digest(&[&list(&pairs)]), digest(&[&list(&sorted)]));
    }

    /// Whatever the settings, members that the configuration does not name stay as they are.
    #[test]
    fn unnamed_members_are_carried_over(cpu in proptest::option::of(1..9999u32), name in "[A-Z]{1,5}", value in ".*") {
        let mut service = service();
        service.task.cpu = cpu;
        service.task.environment = BTreeMap::from([(name, value)]);
        let observed = observed();
        let wanted = definition::wanted(&observed.live, "api", &service.task, None).unwrap();
        let before = definition::as_input(&observed.live.definition);
        prop_assert_eq!(&wanted.input["aMemberFromTheFuture"], &before["aMemberFromTheFuture"]);
        prop_assert_eq!(&wanted.input["containerDefinitions"][0], &before["containerDefinitions"][0]);
        prop_assert_eq!(&wanted.input["containerDefinitions"][1]["image"], &before["containerDefinitions"][1]["image"]);
    }
}
