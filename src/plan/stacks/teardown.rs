//! Which stacks an environment has, whatever the configuration says now, and in which order they
//! can go.

use serde::Serialize;

use super::instance::{APP, Guard, SERVICE, SUFFIX, TEMPLATE};
use crate::catalog::{self, Template};
use crate::config::model::Model;
use crate::domain::{ObservedStack, ObservedStacks, StackKey};

/// A stack that is to go.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Grave {
    /// Where it is.
    pub key: StackKey,
    /// Its template, when this version knows it.
    #[serde(skip)]
    pub template: Option<&'static Template>,
    /// The service that it belongs to.
    pub service: Option<String>,
    /// The stacks that must be gone before it: they use what it makes.
    pub users: Vec<StackKey>,
    /// What must be looked at before traffic loses its way.
    pub guard: Option<Guard>,
}

/// Whether a stack is one of the environment, by its tags.
fn is_ours(model: &Model, stack: &ObservedStack) -> bool {
    let tag = |name: &str| stack.tags.get(name).map(String::as_str);
    tag(SUFFIX) == Some(model.environment.suffix.as_str())
        && tag(APP) == Some(model.app.as_str())
        // The account's own stack is no part of an environment.
        && tag(TEMPLATE).is_some_and(|template| template != "bootstrap")
}

/// The stacks of an environment, each with those that must be gone before it.
pub fn teardown(model: &Model, observed: &ObservedStacks) -> Vec<Grave> {
    let ours: Vec<(&StackKey, &ObservedStack)> =
        observed.stacks.iter().filter(|(_, stack)| is_ours(model, stack)).collect();
    let template =
        |stack: &ObservedStack| catalog::template(stack.tags.get(TEMPLATE)?).and_then(Result::ok);
    let uses = |user: &ObservedStack, used: &ObservedStack| {
        let (Some(user_template), Some(used_template)) = (template(user), template(used)) else {
            return false;
        };
        user_template.head.sources().any(|(_, source)| match source.stack.as_str() {
            "service" => {
                matches!(used_template.name, "service" | "service-codedeploy")
                    && user.tags.get(SERVICE) == used.tags.get(SERVICE)
            }
            name => name == used_template.name,
        })
    };
    ours.iter()
        .map(|(key, stack)| {
            let service = stack.tags.get(SERVICE).cloned();
            let users = ours.iter().filter(|(other, user)| other != key && uses(user, stack));
            let guarded = template(stack).is_some_and(|t| !t.head.guarded.is_empty());
            let configured = model
                .services
                .iter()
                .find(|known| guarded && Some(known.name.as_str()) == service.as_deref());
            Grave {
                key: (*key).clone(),
                template: template(stack),
                users: users.map(|(other, _)| (*other).clone()).collect(),
                guard: configured.map(|service| Guard {
                    cluster: service.names.cluster.clone(),
                    service: service.names.service.clone(),
                    application: service.names.application.clone(),
                    group: service.names.deployment_group.clone(),
                    image: None,
                }),
                service,
            }
        })
        .collect()
}

/// The stacks of an environment that its configuration no longer has.
pub fn orphans(model: &Model, observed: &ObservedStacks, wanted: &[StackKey]) -> Vec<StackKey> {
    let ours = observed.stacks.iter().filter(|(_, stack)| is_ours(model, stack));
    ours.map(|(key, _)| key.clone()).filter(|key| !wanted.contains(key)).collect()
}
