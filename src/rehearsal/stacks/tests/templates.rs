//! The project's own templates: each is made, found unchanged, and removed again.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::Bench;
use crate::rehearsal::stacks::template::Template;

/// What has no default in any template.
const GIVEN: &[(&str, &str)] = &[
    ("App", "shop"),
    ("Suffix", "stg"),
    ("Service", "web"),
    ("ContainerName", "web"),
    ("ContainerPort", "8080"),
    ("ImageUri", "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web@sha256:00"),
    ("DomainName", "example.org"),
    ("AlertEmail", "ops@example.org"),
    ("RepositoryOrg", "org"),
    ("RepositoryName", "repo"),
    ("RepositoryId", "1"),
    ("RepositoryOwnerId", "2"),
    ("VpcCidr", "10.0.0.0/16"),
];

/// A stack to be made: its template, its parameters, and the SSM parameters that it reads.
pub(in crate::rehearsal) struct Plan {
    pub(in crate::rehearsal) name: String,
    pub(in crate::rehearsal) region: &'static str,
    pub(in crate::rehearsal) body: String,
    pub(in crate::rehearsal) parameters: Vec<Value>,
    pub(in crate::rehearsal) reads: Vec<String>,
}

/// One stack for each template, of the service `web` in `home`, with the suffix `stg`.
pub(in crate::rehearsal) fn plans(home: &'static str) -> Vec<Plan> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/cloudformation");
    let mut plans = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // One of the two controllers; the other has the same names.
        if name == "service" || name == "db-rds" {
            continue;
        }
        let body = std::fs::read_to_string(&path).unwrap();
        let template = Template::parse(&body).unwrap_or_else(|text| panic!("{name}: {text}"));
        let region = match template.metadata["HaDeploy"]["Region"].as_str() {
            Some("dr") => "eu-west-2",
            Some("us-east-1") => "us-east-1",
            _ => home,
        };
        let needs = template.metadata["HaDeploy"]["Needs"].as_object().cloned().unwrap_or_default();
        let (mut parameters, mut reads) = (Vec::new(), Vec::new());
        for declared in &template.parameters {
            let need = needs.get(&declared.name).and_then(|need| match need {
                Value::Array(several) => several.first().and_then(Value::as_str),
                one => one.as_str(),
            });
            let value = match need {
                Some(need) => {
                    let need = need.replacen("service/", "service-web/", 1);
                    // Bootstrap is the account's.
                    let suffix = if need.starts_with("bootstrap/") { "account" } else { "stg" };
                    reads.push(format!("{region}/ha/{suffix}/{need}"));
                    format!("/ha/{suffix}/{need}")
                }
                None => match GIVEN.iter().find(|(key, _)| *key == declared.name) {
                    Some((_, _)) if name == "bootstrap" && declared.name == "Suffix" => {
                        "account".to_owned()
                    }
                    Some((_, value)) => (*value).to_owned(),
                    None if declared.default.is_some() => continue,
                    None => panic!("{name}: what should {} be?", declared.name),
                },
            };
            parameters.push(json!({"ParameterKey": declared.name, "ParameterValue": value}));
        }
        plans.push(Plan { name, region, body, parameters, reads });
    }
    plans
}

#[test]
fn every_template_stands_up_and_goes_again() {
    let mut bench = Bench::new();
    let mut waiting = plans("eu-west-1");
    assert!(waiting.len() > 15, "{}", waiting.len());
    let mut made: Vec<(&str, String, Value)> = Vec::new();
    let mut times = BTreeMap::new();
    while !waiting.is_empty() {
        let have = &bench.cloud.parameters;
        let ready = |plan: &Plan| plan.reads.iter().all(|name| have.contains_key(name));
        let (now, later): (Vec<Plan>, Vec<Plan>) = waiting.into_iter().partition(ready);
        let stuck: Vec<_> = later.iter().map(|p| (&p.name, &p.reads)).collect();
        assert!(!now.is_empty(), "nobody writes what these read: {stuck:?}");
        for plan in now {
            bench.region = plan.region;
            let input = json!({
                "StackName": plan.name, "TemplateBody": plan.body, "Parameters": plan.parameters,
                "Capabilities": ["CAPABILITY_NAMED_IAM"], "OnFailure": "DO_NOTHING",
            });
            bench.call("CreateStack", input).unwrap_or_else(|e| panic!("{}: {e:?}", plan.name));
            times.insert(plan.name.clone(), bench.settle());
            let name = json!({"StackName": plan.name});
            if bench.status(&plan.name) != "CREATE_COMPLETE" {
                let events = bench.call("DescribeStackEvents", name.clone()).unwrap();
                let failed: Vec<&Value> = events["StackEvents"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|e| e["ResourceStatus"].as_str().unwrap().ends_with("FAILED"))
                    .collect();
                panic!("{}: {failed:#?}", plan.name);
            }
            let previous: Vec<Value> = plan
                .parameters
                .iter()
                .map(|p| json!({"ParameterKey": p["ParameterKey"], "UsePreviousValue": true}))
                .collect();
            let again = json!({
                "StackName": plan.name, "UsePreviousTemplate": true, "Parameters": previous,
                "Capabilities": ["CAPABILITY_NAMED_IAM"],
            });
            let error = bench.refused("UpdateStack", again);
            assert_eq!(error.message, "No updates are to be performed.", "{}", plan.name);
            made.push((plan.region, plan.name, name));
        }
        waiting = later;
    }
    for (region, name, input) in made.iter().rev() {
        bench.region = region;
        let template = bench.call("GetTemplate", input.clone()).unwrap();
        assert!(template["TemplateBody"].as_str().unwrap().len() > 100);
        bench.call("DeleteStack", input.clone()).unwrap();
        bench.settle();
        // What is protected by default stays: that is what `Protect` is for.
        let status = bench.status(name);
        assert!(matches!(status, "none" | "DELETE_FAILED"), "{name}: {status}");
        if status == "DELETE_FAILED" {
            let events = bench.call("DescribeStackEvents", input.clone()).unwrap();
            let text = events.to_string();
            assert!(text.contains("rotect"), "{name}: {text}");
        }
    }
}
