//! The stacks of an environment, each an instance of a template.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Serialize, Serializer};

use super::arguments::{Shares, arguments};
use crate::catalog::{self, Region, Source, Template};
use crate::config::model::{ImageSelector, Model, Service, Stack};
use crate::domain::{AccountId, ImageDigest, ObservedStacks, ServiceName, StackKey, Suffix};

/// The tags of every stack: whose it is, and what.
pub(super) const APP: &str = "ha-deploy:app";
pub(super) const SUFFIX: &str = "ha-deploy:suffix";
pub(super) const TEMPLATE: &str = "ha-deploy:template";
pub(super) const SERVICE: &str = "ha-deploy:service";

/// One stack that an environment is to have.
#[derive(Debug, Clone, Serialize)]
pub struct Instance {
    /// Its template.
    #[serde(serialize_with = "template_name")]
    pub template: &'static Template,
    /// The service that it belongs to, when each has one.
    pub service: Option<ServiceName>,
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// How many stacks must be there one after the other before it.
    pub wave: usize,
    /// The stacks that it comes after.
    pub after: Vec<StackKey>,
    /// Its parameters, in the order of the template.
    pub arguments: Vec<Argument>,
    /// Its tags. Nothing that changes with the template: tags of a stack are tags of its
    /// resources, so a template's digest among them would touch every resource, the production
    /// rule included, whenever a template is edited.
    pub tags: BTreeMap<String, String>,
    /// What must be looked at before the stack of a service is touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Guard>,
}

/// The names by which the traffic of a service is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guard {
    /// The ECS cluster.
    pub cluster: String,
    /// The ECS service.
    pub service: String,
    /// The CodeDeploy application.
    pub application: String,
    /// The CodeDeploy deployment group.
    pub group: String,
    /// The image that the service starts with, when it is one of ours: it must be there before
    /// the service is made.
    pub image: Option<FirstImage>,
}

/// An image in the account's own registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FirstImage {
    /// The repository.
    pub repository: String,
    /// Its tag; with neither tag nor digest, `latest`.
    pub tag: Option<String>,
    /// Its digest.
    pub digest: Option<ImageDigest>,
}

/// A parameter of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Where its value comes from.
    #[serde(flatten)]
    pub value: ArgumentValue,
}

/// Where the value of a parameter comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArgumentValue {
    /// This text; for SSM types, the name of the parameter that another stack publishes.
    Text(String),
    /// What another stack publishes, read by us; empty when it publishes nothing.
    Read {
        /// The region of the producer.
        region: String,
        /// The name of the SSM parameter.
        name: String,
    },
    /// What the stack has already; when it has nothing, this, or the template's default.
    Kept(Option<String>),
}

/// What instances are made from.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'a> {
    /// The environment.
    pub model: &'a Model,
    /// The account, when it is known.
    pub account: Option<&'a AccountId>,
    /// What exists.
    pub observed: &'a ObservedStacks,
}

/// Why an environment has no plan of stacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// The file has no `stack` section.
    NoStack,
    /// The catalog is broken; a test rules it out.
    Catalog(String),
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStack => f.write_str("the configuration has no `stack` section"),
            Self::Catalog(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for PlanError {}

fn template_name<S: Serializer>(template: &&Template, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(template.name)
}

/// Finds a template of the catalog.
fn template(name: &str) -> Result<&'static Template, PlanError> {
    match catalog::template(name) {
        Some(Ok(template)) => Ok(template),
        Some(Err(error)) => Err(PlanError::Catalog(error.to_string())),
        None => Err(PlanError::Catalog(format!("there is no template `{name}`"))),
    }
}

/// The stacks of an environment, each after those that it needs.
///
/// # Errors
///
/// When the environment has no `stack` section, or the catalog is broken.
pub fn instances(basis: Basis<'_>) -> Result<Vec<Instance>, PlanError> {
    let stack = basis.model.stack.as_ref().ok_or(PlanError::NoStack)?;
    let mut waiting = Vec::new();
    for name in &stack.templates {
        let template = template(name)?;
        if template.head.per_service {
            for service in &basis.model.services {
                waiting.push(Seed { template, service: Some(service) });
            }
        } else {
            waiting.push(Seed { template, service: None });
        }
    }
    let shelf = Shelf { basis, stack, seeds: &waiting };
    let shares = Shares::of(basis);
    let mut placed: Vec<Instance> = Vec::new();
    let mut rest: Vec<&Seed<'_>> = waiting.iter().collect();
    while !rest.is_empty() {
        let (mut ready, mut later) = (Vec::new(), Vec::new());
        for seed in rest {
            let after = shelf.after(seed);
            let waves: Option<Vec<usize>> = after
                .iter()
                .map(|key| placed.iter().find(|done| done.key() == *key).map(|done| done.wave + 1))
                .collect();
            match waves {
                Some(waves) => {
                    let wave = waves.into_iter().max().unwrap_or_default();
                    ready.push(shelf.instance(seed, wave, after, &shares));
                }
                None => later.push(seed),
            }
        }
        if ready.is_empty() {
            let names: Vec<String> = later.iter().map(|seed| shelf.name(seed)).collect();
            let why = format!("these stacks wait for each other: {}", names.join(", "));
            return Err(PlanError::Catalog(why));
        }
        placed.extend(ready);
        rest = later;
    }
    placed.sort_by(|a, b| (a.wave, &a.name).cmp(&(b.wave, &b.name)));
    Ok(placed)
}

/// The stack that an account has before any environment: buckets, roles, identity provider.
///
/// # Errors
///
/// When the catalog is broken.
pub fn bootstrap(
    region: &str,
    suffix: &Suffix,
    app: &str,
    values: &BTreeMap<String, String>,
) -> Result<Instance, PlanError> {
    let template = template("bootstrap")?;
    let value = |name: &str| match name {
        "App" => Some(app.to_owned()),
        "Suffix" => Some(suffix.to_string()),
        _ => values.get(name).cloned(),
    };
    let arguments = template.parameters.iter().filter_map(|parameter| {
        let value = ArgumentValue::Text(value(&parameter.name)?);
        Some(Argument { name: parameter.name.clone(), value })
    });
    Ok(Instance {
        template,
        service: None,
        name: format!("bootstrap-{suffix}"),
        region: region.to_owned(),
        wave: 0,
        after: Vec::new(),
        arguments: arguments.collect(),
        tags: tags(app, suffix, template, None),
        guard: None,
    })
}

fn tags(
    app: &str,
    suffix: &Suffix,
    template: &Template,
    service: Option<&ServiceName>,
) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::from([
        (APP.to_owned(), app.to_owned()),
        (SUFFIX.to_owned(), suffix.to_string()),
        (TEMPLATE.to_owned(), template.name.to_owned()),
    ]);
    if let Some(service) = service {
        tags.insert(SERVICE.to_owned(), service.to_string());
    }
    tags
}

impl Instance {
    /// Where it is.
    pub fn key(&self) -> StackKey {
        StackKey { region: self.region.clone(), name: self.name.clone() }
    }
}

/// A stack before its place is known.
#[derive(Clone, Copy)]
pub(super) struct Seed<'a> {
    pub(super) template: &'static Template,
    pub(super) service: Option<&'a Service>,
}

/// What instances are looked up in while they are made.
pub(super) struct Shelf<'a> {
    pub(super) basis: Basis<'a>,
    pub(super) stack: &'a Stack,
    seeds: &'a [Seed<'a>],
}

impl<'a> Shelf<'a> {
    fn suffix(&self) -> &'a Suffix {
        &self.basis.model.environment.suffix
    }

    fn name(&self, seed: &Seed<'_>) -> String {
        let suffix = self.suffix();
        match (seed.service, seed.template.name) {
            (Some(service), "service" | "service-codedeploy") => {
                format!("service-{}-{suffix}", service.name)
            }
            (Some(service), template) => format!("{template}-{}-{suffix}", service.name),
            (None, template) => format!("{template}-{suffix}"),
        }
    }

    pub(super) fn region(&self, template: &Template) -> String {
        let own = &self.basis.model.environment.region;
        match template.head.region {
            Region::Primary => own.clone(),
            Region::Dr => self.stack.recovery_region.clone().unwrap_or_else(|| own.clone()),
            Region::UsEast1 => "us-east-1".to_owned(),
        }
    }

    /// The stack that publishes a value for another one, when the environment has it.
    pub(super) fn producer(&self, consumer: &Seed<'_>, source: &Source) -> Option<&Seed<'a>> {
        self.seeds.iter().find(|seed| match source.stack.as_str() {
            "service" => {
                matches!(seed.template.name, "service" | "service-codedeploy")
                    && seed.service.map(|s| &s.name) == consumer.service.map(|s| &s.name)
            }
            name => seed.template.name == name,
        })
    }

    /// The name of the SSM parameter that a source publishes.
    pub(super) fn ssm_name(&self, producer: &Seed<'_>, source: &Source) -> String {
        let suffix = self.suffix();
        match producer.service {
            Some(service) => format!("/ha/{suffix}/service-{}/{}", service.name, source.key),
            None => format!("/ha/{suffix}/{}/{}", source.stack, source.key),
        }
    }

    /// What the file says about a parameter, the service before the environment.
    pub(super) fn configured<'s>(
        &'s self,
        seed: &'s Seed<'_>,
        parameter: &str,
    ) -> Option<&'s String> {
        let own = seed.service.and_then(|service| service.stack_parameters.get(seed.template.name));
        let shared = self.stack.parameters.get(seed.template.name);
        own.and_then(|values| values.get(parameter))
            .or_else(|| shared.and_then(|values| values.get(parameter)))
    }

    /// The stacks that one comes after: the producers of what it takes, unless the file says the
    /// value.
    fn after(&self, seed: &Seed<'_>) -> Vec<StackKey> {
        let mut after = BTreeSet::new();
        let mut add = |source: &Source| match self.producer(seed, source) {
            Some(producer) => {
                let region = self.region(producer.template);
                after.insert(StackKey { region, name: self.name(producer) });
                true
            }
            None => false,
        };
        for need in &seed.template.head.needs {
            if self.configured(seed, &need.parameter).is_none() {
                add(&need.source);
            }
        }
        for want in &seed.template.head.wants {
            if self.configured(seed, &want.parameter).is_none() {
                // The first that is there.
                let _ = want.sources.iter().any(&mut add);
            }
        }
        after.into_iter().collect()
    }

    fn instance(
        &self,
        seed: &Seed<'_>,
        wave: usize,
        after: Vec<StackKey>,
        shares: &Shares<'_>,
    ) -> Instance {
        let service = seed.service.map(|service| service.name.clone());
        Instance {
            template: seed.template,
            name: self.name(seed),
            region: self.region(seed.template),
            wave,
            after,
            arguments: arguments(self, seed, shares),
            tags: tags(&self.basis.model.app, self.suffix(), seed.template, service.as_ref()),
            guard: self.guard(seed),
            service,
        }
    }

    /// The guard of a stack through which traffic goes.
    fn guard(&self, seed: &Seed<'_>) -> Option<Guard> {
        let service = seed.service.filter(|_| !seed.template.head.guarded.is_empty())?;
        let own = self.configured(seed, "ImageUri").is_none();
        let image = || {
            let (tag, digest) = match &service.image.selector {
                Some(ImageSelector::Tag(tag)) => (Some(tag.clone()), None),
                Some(ImageSelector::Digest(digest)) => (None, Some(digest.clone())),
                None => (Some("latest".to_owned()), None),
            };
            FirstImage { repository: service.image.repository.clone(), tag, digest }
        };
        Some(Guard {
            cluster: service.names.cluster.clone(),
            service: service.names.service.clone(),
            application: service.names.application.clone(),
            group: service.names.deployment_group.clone(),
            image: own.then(image),
        })
    }
}
