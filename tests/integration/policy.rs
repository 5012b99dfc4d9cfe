//! The deploy role may do what rehearsals of all commands really did, and nothing else.
//!
//! The statements of `DeployPolicy` in the bootstrap template are generated: their resources are
//! written by hand, their actions come from the calls that the embedded cloud received.
//! `UPDATE_GENERATED=1` writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::binary::Cloud;
use crate::program::{program, program_in};
use crate::stacks::operations;

mod template;

/// Which statements allow an action. Those that name it go before those that name its service.
const STATEMENTS: &[(&str, &[&str])] = &[
    (
        "Read",
        &[
            "application-autoscaling:DescribeScalableTargets",
            "cloudformation:DescribeStackDriftDetectionStatus",
            "cloudwatch:*",
            "ecr:GetAuthorizationToken",
            "ecs:DescribeTaskDefinition",
            "elasticloadbalancing:*",
            "sts:GetCallerIdentity",
            "synthetics:*",
        ],
    ),
    ("Stacks", &["cloudformation:*"]),
    ("ListStacks", &["cloudformation:DescribeStacks"]),
    ("CloudFormation", &["iam:PassRole"]),
    ("Services", &["ecs:DescribeServices", "ecs:UpdateService"]),
    ("Revisions", &["ecs:RegisterTaskDefinition", "ecs:RunTask", "ecs:TagResource"]),
    ("Tasks", &["ecs:DescribeTasks", "ecs:StopTask"]),
    ("ListTasks", &["ecs:ListTasks"]),
    ("TaskRoles", &["iam:PassRole"]),
    ("Shift", &["codedeploy:*"]),
    ("ShiftRole", &["iam:PassRole"]),
    ("Images", &["ecr:*"]),
    ("EmptyRepositories", &["ecr:BatchDeleteImage", "ecr:ListImages"]),
    ("Scaling", &["application-autoscaling:RegisterScalableTarget"]),
    ("ReadParameters", &["ssm:GetParameter", "ssm:GetParameters"]),
    ("WriteParameters", &["ssm:DeleteParameter", "ssm:PutParameter"]),
    ("Logs", &["logs:GetLogEvents"]),
    ("EmptyBuckets", &["s3:*"]),
    ("EmptyVaults", &["backup:*"]),
    ("DeleteRecoveryPoints", &["backup:DeleteRecoveryPoint"]),
];

/// What AWS asks for besides the operation that is called, and why.
const IMPLIED: &[(&str, &str)] = &[
    ("codedeploy:GetApplicationRevision", "CreateDeployment brings its revision with it"),
    ("codedeploy:RegisterApplicationRevision", "CreateDeployment brings its revision with it"),
    ("ecr:BatchCheckLayerAvailability", "docker push"),
    ("ecr:CompleteLayerUpload", "docker push"),
    ("ecr:GetDownloadUrlForLayer", "docker build: layers and cache come from the registry"),
    ("ecr:InitiateLayerUpload", "docker push"),
    ("ecr:PutImage", "docker push"),
    ("ecr:UploadLayerPart", "docker push"),
    ("ecs:TagResource", "RegisterTaskDefinition with tags"),
    (
        "ecs:UpdateService",
        "RegisterScalableTarget: Application Auto Scaling asks whether its caller may change the service",
    ),
    ("iam:PassRole", "CreateChangeSet, RunTask and UpdateDeploymentGroup hand roles to services"),
    ("s3:DeleteObject", "DeleteObjects of what has no version"),
];

/// What only a real Docker engine and registry lead to (`rehearse --docker`, which tests without an
/// engine cannot run), and the source that calls it.
const REACHED_ELSEWHERE: &[(&str, &str, &str)] = &[
    ("ecr:BatchGetImage", "src/pipeline/image/push.rs", ".image_configuration("),
    ("ecr:DescribeImageScanFindings", "src/pipeline/image/scan.rs", ".aws.scan("),
    ("ecr:GetAuthorizationToken", "src/pipeline/image/push.rs", ".registry_authorization("),
];

/// The quota of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas").
const QUOTA: usize = 6_144;

/// A configuration of which no built-in scenario has anything: an own shift, a migration.
const CONFIG: &str = r#"
version: 1
app: shop
environments:
  production: {suffix: prod, region: eu-west-1, accounts: ["123456789012"]}
services:
  web:
    image: {repository: shop/web, tag: v1}
    port: 8080
    rollout: {alarms: [shop-web-5xx], shift: {canary: {percent: 7, hold: 3m}}}
    migrate: {command: [migrate], timeout: 1m}
stack:
  database: none
"#;

/// Scenarios for it.
const SCENARIOS: [&str; 3] = [
    "description: The shift is made\nexpect: {outcome: done, exit_code: 0}\n",
    "description: The task hangs\nmigration: {duration: 30m}\nexpect: {outcome: rolled-back, exit_code: 3}\n",
    "description: A life\ncommand: [provision, drift, destroy]\nexpect: {outcome: done, exit_code: 0}\n",
];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn counted(document: &Value) -> BTreeSet<String> {
    document["api_calls"].as_object().unwrap().keys().cloned().collect()
}

/// Every operation that any rehearsal called.
fn called() -> BTreeSet<String> {
    std::thread::scope(|scope| {
        let works: [fn() -> BTreeSet<String>; 4] = [built_in, own, served, operations::called];
        let works = works.map(|work| scope.spawn(work));
        works.into_iter().flat_map(|work| work.join().unwrap()).collect()
    })
}

/// With real sockets and real time.
fn served() -> BTreeSet<String> {
    let cloud = Cloud::serve();
    let deploy = ["deploy", "--image", "web=candidate", "--wait-termination", "--json"];
    let mut called = counted(&cloud.json(&deploy, 0));
    called.extend(counted(&cloud.json(&["rollback", "--json"], 0)));
    called
}

fn built_in() -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    let list = program(&["rehearse", "--list", "--json"]).json();
    for scenario in list.as_array().unwrap() {
        let name = scenario["name"].as_str().unwrap();
        called.extend(counted(&program(&["rehearse", "--scenario", name, "--json", "-q"]).json()));
    }
    called
}

/// Scenarios of this test.
fn own() -> BTreeSet<String> {
    let mut called = BTreeSet::new();
    for scenario in SCENARIOS {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ha-deploy.yml"), CONFIG).unwrap();
        fs::write(folder.path().join("scenario.yml"), scenario).unwrap();
        let arguments = ["rehearse", "--scenario", "scenario.yml", "--json", "-q"];
        let result = program_in(folder.path().to_owned(), &arguments).json();
        for expectation in result["rehearsal"]["expectations"].as_array().unwrap() {
            assert_eq!(expectation["met"], true, "{scenario}: {result:#}");
        }
        called.extend(counted(&result));
    }
    called
}

/// The IAM action of an API operation, where it is not of the same name
/// (service authorization reference of each service). The embedded cloud names services as
/// botocore does, the SDK's own count by their service ids.
fn action(call: &str) -> String {
    let (service, operation) = call.split_once(':').unwrap();
    let service = match service {
        "elbv2" | "Elastic Load Balancing v2" => "elasticloadbalancing".to_owned(),
        "CloudWatch Logs" => "logs".to_owned(),
        "Application Auto Scaling" => "application-autoscaling".to_owned(),
        other => other.to_lowercase(),
    };
    let operation = match (service.as_str(), operation) {
        ("s3", "ListObjectVersions") => "ListBucketVersions",
        ("s3", "DeleteObjects") => "DeleteObjectVersion",
        (_, same) => same,
    };
    format!("{service}:{operation}")
}

/// The actions that the source names with its calls.
fn named(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            named(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        found.extend(text.split('"').filter(|part| is_action(part)).map(str::to_owned));
    }
}

fn is_action(text: &str) -> bool {
    let Some((service, operation)) = text.split_once(':') else { return false };
    let lower = |c: char| c.is_ascii_lowercase() || c == '-' || c.is_ascii_digit();
    !service.is_empty()
        && service.chars().all(lower)
        && operation.starts_with(|c: char| c.is_ascii_uppercase())
        && operation.chars().all(|c| c.is_ascii_alphanumeric())
}

/// The actions of every statement, as they must be.
fn wanted(called: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut actions: BTreeSet<String> = called.iter().map(|call| action(call)).collect();
    let elsewhere = REACHED_ELSEWHERE.iter().map(|(action, ..)| *action);
    for extra in IMPLIED.iter().map(|(action, _)| *action).chain(elsewhere) {
        assert!(actions.insert(extra.to_owned()), "{extra} is called; it needs no exception");
    }
    let mut wanted = BTreeMap::new();
    let mut used = BTreeSet::new();
    for action in actions {
        let wildcard = format!("{}:*", action.split(':').next().unwrap());
        let pattern = [action.as_str(), &wildcard]
            .into_iter()
            .find(|pattern| STATEMENTS.iter().any(|(_, patterns)| patterns.contains(pattern)))
            .unwrap_or_else(|| panic!("no statement is for {action}"))
            .to_owned();
        for (sid, _) in STATEMENTS.iter().filter(|(_, p)| p.contains(&pattern.as_str())) {
            let actions: &mut BTreeSet<String> = wanted.entry((*sid).to_owned()).or_default();
            actions.insert(action.clone());
        }
        used.insert(pattern);
    }
    for pattern in STATEMENTS.iter().flat_map(|(_, patterns)| *patterns) {
        assert!(used.contains(*pattern), "nothing calls {pattern}");
    }
    wanted
}

#[test]
fn the_deploy_role_may_do_what_rehearsals_did_and_nothing_else() {
    let called = called();
    let mut source = BTreeSet::new();
    named(&root("src/aws"), &mut source);
    let mut reached: BTreeSet<String> = called.iter().map(|call| action(call)).collect();
    for (action, file, call) in REACHED_ELSEWHERE {
        let text: String = fs::read_to_string(root(file)).unwrap().split_whitespace().collect();
        assert!(text.contains(call), "{file} no longer calls {call} for {action}");
        reached.insert((*action).to_owned());
    }
    let unreached: Vec<&String> = source.difference(&reached).collect();
    assert!(unreached.is_empty(), "no rehearsal reaches {unreached:?} of src/aws");
    let unnamed: Vec<&String> = reached.difference(&source).collect();
    assert!(unnamed.is_empty(), "src/aws names no action for {unnamed:?}");

    let file = root("templates/cloudformation/bootstrap.yml");
    let text = fs::read_to_string(&file).unwrap();
    let wanted = wanted(&called);
    #[expect(clippy::disallowed_methods, reason = "a test switch, not the program's environment")]
    let update = std::env::var("UPDATE_GENERATED").is_ok();
    if update {
        fs::write(&file, template::with(&text, &wanted)).unwrap();
        return;
    }
    let found = template::statements(&text);
    let differences = template::differences(&wanted, &found);
    assert!(
        differences.is_empty(),
        "{}\nUPDATE_GENERATED=1 cargo test --test integration policy",
        differences.join("\n")
    );
}

/// The judge of templates measures the same with its own reader.
#[test]
fn the_policy_fits_the_quota() {
    let text = fs::read_to_string(root("templates/cloudformation/bootstrap.yml")).unwrap();
    let size = template::size(&text);
    assert!(size > 1_000 && size <= QUOTA, "{size} characters");
}

#[test]
fn one_too_many_and_one_missing_are_named() {
    let text = fs::read_to_string(root("templates/cloudformation/bootstrap.yml")).unwrap();
    let found = template::statements(&text);
    assert_eq!(template::with(&text, &found), text, "what is right is left as it is");
    for (sid, actions) in &found {
        for action in actions {
            let mut other = found.clone();
            other.get_mut(sid).unwrap().remove(action);
            let too_many = template::differences(&other, &found);
            assert_eq!(too_many, [format!("{sid}: superfluous: {action}")]);
            let missing = template::differences(&found, &other);
            assert_eq!(missing, [format!("{sid}: missing: {action}")]);
        }
    }
}
