//! Which stacks an environment has, with which parameters, and what may happen to them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use ha_deploy::catalog;
use ha_deploy::config::model::Model;
use ha_deploy::config::{self, Lookup, SsmLookup};
use ha_deploy::domain::{
    ChangeAction, ChangeSet, ChangeSetStatus, Difference, Drift, ObservedStack, ObservedStacks,
    ResourceChange, StackKey, StackStatus,
};
use ha_deploy::plan::stacks::*;

const FILE: &str = "\
version: 1
app: shop
environments:
  production: {suffix: prod, region: eu-west-1, accounts: [\"123456789012\"], protect: true}
services:
  web:
    image: {repository: shop/web, tag: v1}
    port: 8080
    rollout: {alarms: [shop-web-5xx], shift: {canary: {percent: 10, hold: 5m}}}
  api:
    image: {repository: shop/api, tag: v2}
    port: 9000
    cpu: 512
    spot_percent: 30
    rollout: {alarms: [shop-api-5xx], termination_wait: 1h}
    scaling: {min: 3, cpu: {target: 60, scale_in_cooldown: 4m}}
    stack_parameters: {service-codedeploy: {PathPattern: \"/api/*\"}}
stack:
  domain: shop.example.org
  templates: {cache: true, cdn: true}
  parameters: {network: {FlowLogDays: \"30\"}}
";

fn model_of(text: &str) -> Model {
    let lookup =
        Lookup { vars: BTreeMap::new(), git_sha: None, ssm: SsmLookup::Resolved(BTreeMap::new()) };
    config::load(text.as_bytes(), Path::new("f"), None, &lookup)
        .unwrap_or_else(|found| panic!("{found:#?}"))
        .model
}

fn all(model: &Model, observed: &ObservedStacks) -> Vec<Instance> {
    instances(Basis { model, account: None, observed }).unwrap()
}

fn named<'a>(instances: &'a [Instance], name: &str) -> &'a Instance {
    instances.iter().find(|instance| instance.name == name).unwrap_or_else(|| panic!("{name}"))
}

fn live(instance: &Instance, parameters: &[(&str, &str)]) -> ObservedStack {
    let mut values = instance.values(None, &ObservedStacks::default());
    for (name, value) in parameters {
        values.insert((*name).to_owned(), (*value).to_owned());
    }
    ObservedStack {
        name: instance.name.clone(),
        id: format!("arn:aws:cloudformation:eu-west-1:1:stack/{}/1-2-3", instance.name),
        status: StackStatus::new("UPDATE_COMPLETE"),
        reason: None,
        parameters: values,
        outputs: BTreeMap::new(),
        tags: instance.tags.clone(),
        termination_protection: false,
    }
}

fn observed(stacks: Vec<ObservedStack>) -> ObservedStacks {
    let mut observed = ObservedStacks::default();
    for stack in stacks {
        let key = StackKey { region: "eu-west-1".into(), name: stack.name.clone() };
        observed.stacks.insert(key, stack);
    }
    observed
}

fn value<'a>(given: &'a [(String, Given)], name: &str) -> Option<&'a Given> {
    given.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

fn text(value: &str) -> Given {
    Given::Value(value.to_owned())
}

fn change(id: &str, kind: &str, action: ChangeAction) -> ResourceChange {
    let (id, kind) = (id.to_owned(), kind.to_owned());
    ResourceChange { action, id, physical: Some("p".into()), kind, details: Vec::new() }
}

fn set(changes: Vec<ResourceChange>) -> ChangeSet {
    ChangeSet {
        id: "arn:c/1".into(),
        name: "c".into(),
        stack_id: "arn:s/1".into(),
        status: ChangeSetStatus::Ready,
        reason: None,
        execution: "AVAILABLE".into(),
        changes,
    }
}

#[test]
fn a_stack_comes_after_all_that_it_takes_from() {
    let model = model_of(FILE);
    let all = all(&model, &ObservedStacks::default());
    for instance in &all {
        for key in &instance.after {
            let producer = named(&all, &key.name);
            assert!(producer.wave < instance.wave, "{} {}", producer.name, instance.name);
        }
    }
    let names: Vec<&str> = all.iter().map(|instance| instance.name.as_str()).collect();
    assert!(names.contains(&"service-web-prod") && names.contains(&"scaling-api-prod"));
    assert!(names.contains(&"dns-prod") && names.contains(&"db-aurora-prod"));
    assert!(!names.contains(&"efs-prod") && !names.contains(&"bootstrap-account"));
    assert_eq!(named(&all, "cdn-prod").region, "us-east-1");
    assert!(named(&all, "service-web-prod").guard.is_some());
    assert!(named(&all, "network-prod").guard.is_none());
}

#[test]
fn parameters_come_from_the_file_from_other_stacks_and_from_the_stack_itself() {
    let model = model_of(FILE);
    let nothing = ObservedStacks::default();
    let instances = all(&model, &nothing);
    let api = named(&instances, "service-api-prod");
    let given = api.given(None, &nothing);
    assert_eq!(value(&given, "VpcId"), Some(&text("/ha/prod/network/vpc-id")));
    assert_eq!(value(&given, "PathPattern"), Some(&text("/api/*")));
    assert_eq!(value(&given, "Cpu"), Some(&text("512")));
    assert_eq!(value(&given, "TerminationWaitMinutes"), Some(&text("60")));
    assert_eq!(value(&given, "SpotWeight"), Some(&text("30")));
    assert_eq!(value(&given, "OnDemandWeight"), Some(&text("70")));
    assert_eq!(
        value(&given, "ImageUri"),
        Some(&text("123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/api:v2"))
    );
    let scaling = named(&instances, "scaling-api-prod").given(None, &nothing);
    assert_eq!(value(&scaling, "ServiceName"), Some(&text("/ha/prod/service-api/service-name")));
    assert_eq!(value(&scaling, "MinTasks"), Some(&text("3")));
    assert_eq!(value(&scaling, "ScaleInCooldown"), Some(&text("240")));
    assert_eq!(value(&scaling, "MaxTasks"), None, "the template's default");
    let network = named(&instances, "network-prod").given(None, &nothing);
    assert_eq!(value(&network, "FlowLogDays"), Some(&text("30")));
    assert_eq!(value(&network, "Zones"), Some(&text("3")));

    // An update keeps what deployments change, and reads what others publish by now.
    let mut now = observed(vec![live(api, &[("BlueWeight", "100"), ("RulePriority", "100")])]);
    let name = "/ha/prod/cache/secret-arn".to_owned();
    now.values.insert(("eu-west-1".into(), name), "arn:secret".into());
    let again = all(&model, &now);
    let api = named(&again, "service-api-prod");
    let given = api.given(now.stack("eu-west-1", "service-api-prod"), &now);
    for live in ["BlueWeight", "GreenWeight", "ImageUri", "Cpu", "RulePriority", "SpotWeight"] {
        assert_eq!(value(&given, live), Some(&Given::Previous), "{live}");
    }
    assert_eq!(value(&given, "CacheSecretArn"), Some(&text("arn:secret")));
    assert_eq!(value(&given, "FileSystemId"), None, "nobody publishes it here");
}

#[test]
fn the_same_intent_has_the_same_digest_and_another_has_another() {
    let model = model_of(FILE);
    let nothing = ObservedStacks::default();
    let digest = |model: &Model| {
        let all = all(model, &nothing);
        let network = named(&all, "network-prod");
        network.digest(&network.given(None, &nothing))
    };
    assert_eq!(digest(&model), digest(&model_of(FILE)));
    assert_ne!(digest(&model), digest(&model_of(&FILE.replace("\"30\"", "\"60\""))));
    // A stack's tags are its resources' tags: nothing in them may change with a template.
    for instance in all(&model, &nothing) {
        assert!(!instance.tags.values().any(|tag| *tag == instance.template.digest));
    }
}

#[test]
fn rules_and_repositories_keep_their_places() {
    let model = model_of(FILE);
    let nothing = ObservedStacks::default();
    let first = all(&model, &nothing);
    let of = |instances: &[Instance], stack: &str, name: &str| {
        let given = named(instances, stack).given(None, &nothing);
        value(&given, name).cloned()
    };
    // The service that answers the rest comes after all others.
    assert_eq!(of(&first, "service-api-prod", "RulePriority"), Some(text("100")));
    assert_eq!(of(&first, "service-web-prod", "RulePriority"), Some(text("40000")));
    assert_eq!(of(&first, "shared-prod", "Repository1Name"), Some(text("shop/web")));
    assert_eq!(of(&first, "shared-prod", "Repository2Name"), Some(text("shop/api")));
    let shared = live(
        named(&first, "shared-prod"),
        &[
            ("Repository1Name", "shop/old"),
            ("Repository2Name", "shop/api"),
            ("Repository3Name", ""),
        ],
    );
    let web = live(named(&first, "service-web-prod"), &[("RulePriority", "100")]);
    let later = all(&model, &observed(vec![shared, web]));
    assert_eq!(of(&later, "shared-prod", "Repository1Name"), Some(text("shop/old")));
    assert_eq!(of(&later, "shared-prod", "Repository3Name"), Some(text("shop/web")));
    assert_eq!(of(&later, "service-api-prod", "RulePriority"), Some(text("110")));
}

#[test]
fn an_offline_plan_names_every_resource_with_its_type_and_properties() {
    let model = model_of(FILE);
    let nothing = ObservedStacks::default();
    let basis = Basis { model: &model, account: None, observed: &nothing };
    let plan = offline(basis, &all(&model, &nothing));
    assert!(!plan.observed);
    assert!(plan.stacks.iter().all(|stack| stack.action == StackAction::Create));
    let network = plan.stacks.iter().find(|stack| stack.template == "network").unwrap();
    let vpc = network.resources.iter().find(|r| r.kind == "AWS::EC2::VPC").unwrap();
    assert_eq!(vpc.properties["CidrBlock"], "10.0.0.0/16");
    let gateways = |plan: &StackPlan| {
        let stacks = plan.stacks.iter().flat_map(|stack| &stack.resources);
        stacks.filter(|resource| resource.kind == "AWS::EC2::NatGateway").count()
    };
    assert_eq!(gateways(&plan), 3);
    let cheap = model_of(&FILE.replace("  domain:", "  nat: single\n  zones: 2\n  domain:"));
    let basis = Basis { model: &cheap, account: None, observed: &nothing };
    assert_eq!(gateways(&offline(basis, &all(&cheap, &nothing))), 1);
    // No function that can be resolved is left.
    for stack in &plan.stacks {
        for resource in &stack.resources {
            let left = resource.properties.to_string();
            for function in ["Fn::If", "Fn::FindInMap", "AWS::NoValue"] {
                assert!(!left.contains(function), "{} {}: {left}", stack.stack, resource.id);
            }
        }
    }
    let again = offline(basis, &all(&cheap, &nothing));
    assert_ne!(plan.digest, again.digest);
}

#[test]
fn policies_deny_only_what_exists() {
    let service = catalog::template("service-codedeploy").unwrap().unwrap();
    let made = made(service, "eu-west-1", &BTreeMap::new());
    let policy: Value = serde_json::from_str(&stack_policy(service, &made).unwrap()).unwrap();
    let denied = policy["Statement"][1]["Resource"].to_string();
    for id in &service.head.guarded {
        assert!(denied.contains(id.as_str()), "{denied}");
    }
    assert_eq!(policy["Statement"][1]["Action"], "Update:*");
    let none = std::collections::BTreeSet::new();
    assert_eq!(stack_policy(service, &none), None);
    let shared = catalog::template("shared").unwrap().unwrap();
    let two = ["DataKey".to_owned(), "LogsKey".to_owned()].into_iter().collect();
    let policy = stack_policy(shared, &two).unwrap();
    assert!(policy.contains("DataKey") && !policy.contains("Repository1"), "{policy}");
    let lifted = without(&policy, &["DataKey".to_owned()]);
    assert!(!lifted.contains("DataKey") && lifted.contains("LogsKey"), "{lifted}");
    let pretty: Value = serde_json::from_str(&policy).unwrap();
    assert!(same_policy(&policy, &serde_json::to_string_pretty(&pretty).unwrap()));
    assert!(!same_policy(&policy, ALLOW_ALL));
}

#[test]
fn data_are_lost_only_when_asked_for_and_traffic_is_never_touched_blindly() {
    let model = model_of(FILE);
    let instances = all(&model, &ObservedStacks::default());
    let database = named(&instances, "db-aurora-prod");
    let cluster = |action| set(vec![change("Cluster", "AWS::RDS::DBCluster", action)]);
    let none = Allowance::new();
    for action in [ChangeAction::Replace, ChangeAction::Remove] {
        let Judgement::Refuse { losses } = judge(database, &cluster(action), &none) else {
            panic!("{action:?} is not refused");
        };
        assert_eq!(losses[0].resource, "db-aurora-prod/Cluster");
    }
    // The stack policy stops these when they turn out to replace.
    let modest = judge(database, &cluster(ChangeAction::MayReplace), &none);
    assert_eq!(modest, Judgement::Execute { replaces: Vec::new() });
    let asked: Allowance = ["db-aurora-prod/Cluster".to_owned()].into_iter().collect();
    assert_eq!(
        judge(database, &cluster(ChangeAction::Replace), &asked),
        Judgement::Execute { replaces: vec!["Cluster".into()] }
    );
    // A type that holds data counts, whatever the head says.
    let bucket = set(vec![change("Logs", "AWS::S3::Bucket", ChangeAction::Remove)]);
    assert!(matches!(judge(database, &bucket, &none), Judgement::Refuse { .. }));
    let web = named(&instances, "service-web-prod");
    let rule =
        |action| change("ProductionRule", "AWS::ElasticLoadBalancingV2::ListenerRule", action);
    let edit = set(vec![rule(ChangeAction::Modify)]);
    assert!(matches!(judge(web, &edit, &none), Judgement::SyncFirst { .. }));
    assert_eq!(sync_is_harmless(web, &edit), Ok(()));
    let more =
        set(vec![rule(ChangeAction::Modify), change("X", "AWS::SNS::Topic", ChangeAction::Add)]);
    assert!(sync_is_harmless(web, &more).is_err());
    assert!(sync_is_harmless(web, &set(vec![rule(ChangeAction::MayReplace)])).is_err());
    let made = set(vec![rule(ChangeAction::Add)]);
    assert!(matches!(judge(web, &made, &none), Judgement::Execute { .. }));
}

#[test]
fn drift_of_deployments_is_ours_and_everything_else_is_somebodys() {
    let drift = |kind: &str, path: &str| Drift {
        id: "X".into(),
        physical: None,
        kind: kind.into(),
        deleted: false,
        differences: vec![Difference {
            path: path.into(),
            expected: "1".into(),
            actual: "2".into(),
        }],
    };
    let rule = "AWS::ElasticLoadBalancingV2::ListenerRule";
    for (kind, path, ours) in [
        (rule, "/Actions/0/ForwardConfig/TargetGroups/0/Weight", true),
        (rule, "/Conditions/0", false),
        (rule, "/ActionsMore", false),
        ("AWS::ECS::Service", "/DesiredCount", true),
        ("AWS::ECS::Service", "/TaskDefinition", true),
        ("AWS::ECS::Service", "/NetworkConfiguration", false),
        ("AWS::S3::Bucket", "/Actions", false),
    ] {
        let report = drifted("s", "r", &[drift(kind, path)]);
        assert_eq!(report.foreign().count() == 0, ours, "{kind} {path}");
    }
    let gone = Drift { deleted: true, ..drift(rule, "/Actions") };
    assert_eq!(drifted("s", "r", &[gone]).foreign().count(), 1);
}

#[test]
fn users_go_before_what_they_use() {
    let model = model_of(&FILE.replace("cdn: true", "cdn: false"));
    let wanted = all(&model, &ObservedStacks::default());
    let stacks: Vec<ObservedStack> = wanted.iter().map(|instance| live(instance, &[])).collect();
    let mut foreign = live(named(&wanted, "network-prod"), &[]);
    foreign.name = "network-other".into();
    foreign.tags.insert("ha-deploy:suffix".into(), "other".into());
    let mut observed = observed(stacks);
    let key = StackKey { region: "eu-west-1".into(), name: foreign.name.clone() };
    observed.stacks.insert(key, foreign);
    let graves = teardown(&model, &observed);
    assert_eq!(graves.len(), wanted.len());
    let network = graves.iter().find(|grave| grave.key.name == "network-prod").unwrap();
    assert!(network.users.iter().any(|key| key.name == "service-web-prod"));
    let web = graves.iter().find(|grave| grave.key.name == "service-web-prod").unwrap();
    assert!(web.users.iter().any(|key| key.name == "scaling-web-prod"));
    assert!(!web.users.iter().any(|key| key.name == "scaling-api-prod"));
    let keys: Vec<StackKey> = wanted.iter().skip(1).map(Instance::key).collect();
    assert_eq!(orphans(&model, &observed, &keys), [wanted[0].key()]);
}
