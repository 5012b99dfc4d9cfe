//! The templates of the binary, priced with their defaults.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

use crate::catalog::evaluate::{Given, Inputs, evaluate_template};

use super::super::{Driver, Estimate, Money, Stack, Usage, estimate, view};
use super::PRICES;

/// YAML with its short forms made long.
fn json(yaml: serde_yaml::Value) -> Value {
    use serde_yaml::Value as Yaml;
    match yaml {
        Yaml::Sequence(items) => items.into_iter().map(json).collect(),
        Yaml::Mapping(entries) => Value::Object(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                    (key, json(value))
                })
                .collect(),
        ),
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string().trim_start_matches('!').to_owned();
            let long = if matches!(name.as_str(), "Ref" | "Condition") {
                name
            } else {
                format!("Fn::{name}")
            };
            Value::Object(Map::from_iter([(long, json(tagged.value))]))
        }
        scalar => serde_json::to_value(scalar).unwrap(),
    }
}

/// All templates with their defaults but for some parameters, the services' ones for one service
/// with 2 to 10 tasks.
fn everything(region: &str, given: &[(&str, &str)]) -> Vec<Stack> {
    let fixed = [("AWS::Region", region), ("MinTasks", "2"), ("MaxTasks", "10"), ("Suffix", "prd")];
    let text =
        |(name, value): &(&str, &str)| ((*name).to_owned(), Given::Text((*value).to_owned()));
    let parameters = fixed.iter().chain(given).map(text).collect();
    everything_with(region, Inputs { parameters, zones: Some(3) })
}

/// All parameters of all templates, none of them known.
fn unknown() -> Inputs {
    let mut inputs = Inputs::default();
    for (_, template) in templates() {
        let parameters = template.get("Parameters").and_then(Value::as_object);
        for name in parameters.into_iter().flat_map(Map::keys) {
            inputs.parameters.insert(name.clone(), Given::Unknown);
        }
    }
    inputs
}

fn templates() -> Vec<(String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/cloudformation");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 20, "{files:?}");
    let read = |file: &Path| {
        let text = fs::read_to_string(file).unwrap();
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, json(serde_yaml::from_str(&text).unwrap()))
    };
    files.iter().map(|file| read(file)).collect()
}

fn everything_with(region: &str, inputs: Inputs) -> Vec<Stack> {
    let stack = |(name, template): (String, Value)| {
        let service = name.starts_with("service") || name == "scaling";
        Stack {
            name,
            region: region.to_owned(),
            service: service.then(|| "web".to_owned()),
            resources: evaluate_template(&template, &inputs),
        }
    };
    templates().into_iter().map(stack).collect()
}

fn of(stacks: &[Stack]) -> Estimate {
    estimate(stacks, 3, &Usage::default(), &PRICES)
}

/// What the templates make that has no price, each with its reason. A new type must be given a
/// price, a reason to be free, or a place in this list.
const UNPRICED: &[(&str, &str)] = &[
    ("AWS::Backup::BackupVault", "backups of S3"),
    ("AWS::Backup::RestoreTestingPlan", "restore tests, and what runs while they do"),
];

#[test]
fn with_their_defaults_all_templates_are_priced_or_free_or_named() {
    let found = of(&everything("us-east-1", &[]));
    let mut named: Vec<(&str, &str)> =
        found.unpriced.iter().map(|one| (one.kind.as_str(), one.why.as_str())).collect();
    named.sort_unstable();
    named.dedup();
    assert_eq!(named, UNPRICED);
    assert!(found.rows.iter().all(|row| row.region == "us-east-1"));
    assert_eq!(view(&found).notes.iter().filter(|note| note.contains("us-east-1")).count(), 0);
}

#[test]
fn whatever_the_conditions_every_type_has_a_rule() {
    // Nothing is known, so that every resource may exist.
    let mut stacks = everything("us-east-1", &[]);
    let nothing = everything_with("us-east-1", Inputs { zones: None, ..unknown() });
    for (stack, other) in stacks.iter_mut().zip(nothing) {
        assert!(stack.resources.len() <= other.resources.len());
        *stack = other;
    }
    let found = of(&stacks);
    let ruleless: Vec<_> =
        found.unpriced.iter().filter(|one| one.why.starts_with("no rule")).collect();
    assert!(ruleless.is_empty(), "{ruleless:#?}");
}

#[test]
fn nat_endpoints_and_tasks_follow_their_parameters() {
    let sum = |estimate: &Estimate, kind: &str| -> Money {
        let rows =
            estimate.rows.iter().filter(|row| row.kind == kind && row.driver == Driver::Fixed);
        rows.map(|row| row.cost.expected).sum()
    };
    let of = |given: &[(&str, &str)]| of(&everything("us-east-1", given));
    let (all, single) = (of(&[]), of(&[("Nat", "single"), ("InterfaceEndpoints", "true")]));
    let one = sum(&single, "AWS::EC2::NatGateway");
    assert_eq!(sum(&all, "AWS::EC2::NatGateway"), one.plus(one).plus(one));
    assert_eq!(sum(&all, "AWS::EC2::VPCEndpoint"), Money::default());
    assert!(sum(&single, "AWS::EC2::VPCEndpoint") > one);
    assert!(of(&[("MaxTasks", "40")]).total.high > all.total.high);
    assert_eq!(
        of(&[("Nat", "none")]).rows.iter().filter(|row| row.what == "NAT gateway").count(),
        0
    );
}
