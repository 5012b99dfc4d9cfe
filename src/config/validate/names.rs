//! Names of AWS resources: by convention, or as configured.

use std::collections::BTreeMap;

use super::Site;
use crate::config::diagnostic::Code;
use crate::config::model::{Names, Service};
use crate::config::raw;
use crate::config::source::{Fault, Faults, Span};
use crate::config::tree::quote;
use crate::domain::Suffix;

/// What names are made of.
pub(super) struct Convention<'a> {
    pub(super) app: Option<&'a str>,
    pub(super) suffix: Option<&'a Suffix>,
    pub(super) suffix_at: Span,
    pub(super) environment: &'a str,
}

/// A target group's name has at most 32 characters (ELBv2 API reference, `CreateTargetGroup`).
const TARGET_GROUP: usize = 32;
/// CodeDeploy names have at most 100 characters (CodeDeploy user guide, limits).
const CODEDEPLOY: usize = 100;

/// Names the resources of one service.
pub(super) fn names(
    raw: raw::Names,
    site: Site<'_>,
    convention: &Convention<'_>,
    faults: &mut Faults,
) -> Option<Names> {
    let suffix = convention.suffix?;
    let service = &site.entry.key;
    let mut length = |name: String, most: usize, what: &str, key: &str| {
        let over = name.chars().count().saturating_sub(most);
        if over > 0 {
            let message = format!(
                "in environment {}, the {what} of {} would be {}, {over} {} longer than the {most} \
                 that AWS takes",
                quote(convention.environment),
                site.name(),
                quote(&name),
                if over == 1 { "character" } else { "characters" },
            );
            let help = format!(
                "shorten the suffix or the service name by {over}, or set \
                 `services.{service}.names.{key}`"
            );
            faults.push(
                Fault::new(Code::NameTooLong, convention.suffix_at, message)
                    .help(help)
                    .related(site.entry.key_span, "the service"),
            );
        }
        name
    };
    let by_service = format!("{service}-{suffix}");
    Some(Names {
        cluster: raw.cluster.map_or_else(|| format!("cluster-{suffix}"), |name| name.0),
        service: raw.service.map_or_else(|| by_service.clone(), |name| name.0),
        blue_target_group: match raw.blue_target_group {
            Some(name) => name.0,
            None => length(
                format!("{service}-blue-{suffix}"),
                TARGET_GROUP,
                "blue target group",
                "blue_target_group",
            ),
        },
        green_target_group: match raw.green_target_group {
            Some(name) => name.0,
            None => length(
                format!("{service}-green-{suffix}"),
                TARGET_GROUP,
                "green target group",
                "green_target_group",
            ),
        },
        application: match (raw.application, convention.app) {
            (Some(name), _) => name.0,
            (None, Some(app)) => length(
                format!("{app}-{service}-{suffix}"),
                CODEDEPLOY,
                "CodeDeploy application",
                "application",
            ),
            (None, None) => return None,
        },
        deployment_group: raw.deployment_group.map_or(by_service, |name| name.0),
        good_parameter: raw
            .good_parameter
            .map_or_else(|| format!("/ha/{suffix}/{service}/good-revisions"), |name| name.0),
    })
}

/// Reports two resources of one environment with the same name: a deployment of one service would
/// act on the other.
pub(super) fn clashes(services: &[(Service, Site<'_>)], faults: &mut Faults) {
    let mut seen: BTreeMap<(&str, String), Span> = BTreeMap::new();
    for (service, site) in services {
        let names = &service.names;
        let group = format!("{}/{}", names.application, names.deployment_group);
        let ecs = format!("{}/{}", names.cluster, names.service);
        for (what, name, key) in [
            ("ECS service", ecs, "service"),
            ("deployment group", group, "deployment_group"),
            ("target group", names.blue_target_group.clone(), "blue_target_group"),
            ("target group", names.green_target_group.clone(), "green_target_group"),
            ("SSM parameter", names.good_parameter.clone(), "good_parameter"),
        ] {
            let at = site.at(&["names", key]);
            let message = format!("the {what} {} is named twice", quote(&name));
            if let Some(first) = seen.insert((what, name), at) {
                faults.push(
                    Fault::new(Code::NameClash, at, message)
                        .help(format!("give each its own name in `services.<name>.names.{key}`"))
                        .related(first, "the first one"),
                );
            }
        }
    }
}
