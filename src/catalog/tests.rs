//! What every embedded template must keep so that the engine can work with it.

use std::collections::{BTreeMap, BTreeSet};

use super::{MOST_BYTES, Region, Template, names, template, templates};

fn all() -> Vec<&'static Template> {
    templates().unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_embedded_template_reads_and_fits_inline() {
    let all = all();
    assert_eq!(all.len(), names().count());
    for template in all {
        assert!(template.text.len() <= MOST_BYTES, "{}: {}", template.name, template.text.len());
        assert!(!template.resources.is_empty(), "{}", template.name);
        assert_eq!(template.digest.len(), 64);
    }
}

#[test]
fn every_file_of_the_folder_is_embedded() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/cloudformation");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".yml").map(str::to_owned))
        .collect();
    assert_eq!(files, names().map(str::to_owned).collect());
}

#[test]
fn heads_name_what_the_template_declares() {
    for template in all() {
        let head = &template.head;
        for parameter in head
            .sources()
            .map(|(parameter, _)| parameter)
            .chain(head.live.iter().map(String::as_str))
        {
            assert!(template.parameter(parameter).is_some(), "{}: {parameter}", template.name);
        }
        for id in head.guarded.iter().chain(&head.data_stores) {
            // Skeletons declare their heads before their resources.
            let skeleton = template.resources.iter().all(|r| r.kind == "AWS::SSM::Parameter");
            assert!(skeleton || template.resource(id).is_some(), "{}: {id}", template.name);
        }
        for want in &head.wants {
            let declared = template.parameter(&want.parameter).unwrap();
            assert_eq!(declared.kind, "String", "{}: {}", template.name, want.parameter);
            assert_eq!(declared.default.as_deref(), Some(""), "{}", want.parameter);
        }
    }
}

/// An SSM name is looked up in the stack's own region, so a name can only be passed within one.
#[test]
fn needs_are_published_in_the_same_region() {
    for consumer in all() {
        for need in &consumer.head.needs {
            let producer = template(&need.source.stack).expect("a template").unwrap();
            assert_eq!(producer.head.region, consumer.head.region, "{}", consumer.name);
            let declared = consumer.parameter(&need.parameter).unwrap();
            assert!(declared.takes_ssm_name(), "{}: {}", consumer.name, need.parameter);
        }
    }
}

/// The names that a template publishes, as `<stack>/<key>`.
fn published(template: &Template) -> BTreeSet<String> {
    template
        .resources
        .iter()
        .filter(|resource| resource.kind == "AWS::SSM::Parameter")
        .filter_map(|resource| {
            let name = resource.properties.get("Name")?.get("Fn::Sub")?.as_str()?;
            let name = name.strip_prefix("/ha/${Suffix}/")?;
            Some(name.replace("service-${Service}", "service"))
        })
        .collect()
}

#[test]
fn what_is_taken_is_published() {
    let published: BTreeMap<&str, BTreeSet<String>> =
        all().into_iter().map(|template| (template.name, published(template))).collect();
    for consumer in all() {
        for need in &consumer.head.needs {
            let wanted = format!("{}/{}", need.source.stack, need.source.key);
            let found = published[need.source.stack.as_str()].contains(&wanted);
            assert!(found, "{}: {wanted} is published by nobody", consumer.name);
            if need.source.stack == "service" {
                assert!(published["service-codedeploy"].contains(&wanted), "{wanted}");
            }
        }
        for want in &consumer.head.wants {
            for source in &want.sources {
                let wanted = format!("{}/{}", source.stack, source.key);
                let found = published[source.stack.as_str()].contains(&wanted);
                assert!(found, "{}: {wanted} is published by nobody", consumer.name);
            }
        }
    }
}

#[test]
fn the_graph_of_templates_is_acyclic() {
    let all = all();
    let mut placed: BTreeSet<&str> = BTreeSet::new();
    while placed.len() < all.len() {
        let ready: Vec<&str> = all
            .iter()
            .filter(|template| !placed.contains(template.name))
            .filter(|template| {
                template.head.sources().all(|(_, source)| placed.contains(source.stack.as_str()))
            })
            .map(|template| template.name)
            .collect();
        assert!(!ready.is_empty(), "a cycle among {:?}", all.len() - placed.len());
        placed.extend(ready);
    }
}

#[test]
fn parameters_refuse_what_cloudformation_would() {
    let suffix = template("network").unwrap().unwrap().parameter("Suffix").unwrap().clone();
    let with = |change: fn(&mut super::Parameter), value: &str| {
        let mut parameter = suffix.clone();
        (parameter.allowed_pattern, parameter.max_length) = (None, None);
        change(&mut parameter);
        parameter.refuses(value)
    };
    assert_eq!(with(|_| {}, "anything"), None);
    let pattern: fn(&mut super::Parameter) = |p| p.allowed_pattern = Some("[a-z]+|[0-9]+".into());
    assert_eq!(with(pattern, "abc"), None);
    // The whole value must match, also where the pattern is an alternative.
    assert!(with(pattern, "abc1").is_some());
    assert!(with(|p| p.max_length = Some(2), "abc").is_some());
    assert!(with(|p| p.min_length = Some(4), "abc").is_some());
    assert!(with(|p| p.allowed_values = vec!["2".into(), "3".into()], "4").is_some());
    let number: fn(&mut super::Parameter) = |p| {
        p.kind = "Number".into();
        p.min_value = Some(1.0);
    };
    assert_eq!(with(number, "1"), None);
    assert!(with(number, "0").is_some() && with(number, "x").is_some());
}

#[test]
fn only_the_catalog_decides_the_region() {
    let of = |name: &str| template(name).unwrap().unwrap().head.region;
    assert_eq!(of("cdn"), Region::UsEast1);
    assert_eq!(of("dr"), Region::Dr);
    assert_eq!(of("network"), Region::Primary);
    assert!(template("no-such").is_none());
}
