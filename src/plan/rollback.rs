//! The plan of a rollback: another deployment, whose target is a revision that was good.

use std::time::Duration;

use serde_json::json;

use crate::config::model::{Model, Service};
use crate::domain::{Identity, ImageDigest, LiveRevision, ObservedService, Revision, Shift};

use super::{
    Action, Alarms, CheckResult, Deployment, MARK, Plan, Side, Step, appspec, checks, definition,
    deploy, deployment_config, digest,
};

/// What to roll back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// The newest good revision that is not live.
    LastGood,
    /// This revision.
    Revision(Revision),
    /// The revision with this number in the live family.
    Number(u32),
    /// The newest good revision with this image.
    Digest(ImageDigest),
}

/// Why there is nothing to roll back to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing good was recorded but what is live.
    #[error("no good revision is recorded other than the live one ({live})")]
    NoneRecorded {
        /// The live revision.
        live: Revision,
    },
    /// No good revision has that image.
    #[error("no recorded good revision has the image {digest}")]
    UnknownDigest {
        /// The digest.
        digest: ImageDigest,
    },
    /// Revisions count from 1.
    #[error("there is no revision {number}: revisions count from 1")]
    NoSuchNumber {
        /// The number asked for.
        number: u32,
    },
    /// The revision belongs to another family.
    #[error("{revision} is not of the service's family `{family}`")]
    OtherFamily {
        /// The revision asked for.
        revision: Revision,
        /// The family of the live revision.
        family: String,
    },
}

/// Finds the revision to roll back to.
pub fn target(wanted: &Target, observed: &ObservedService) -> Result<Revision, TargetError> {
    let (live, good) = (&observed.live, &observed.good);
    let running = observed.active.as_ref();
    match wanted {
        // While a deployment moves traffic, the way back is what it replaces.
        Target::LastGood if running.is_some() && !deploy::has_taken_over(observed, running) => {
            Ok(live.revision.clone())
        }
        Target::LastGood => good
            .iter()
            .map(|good| &good.revision)
            .find(|revision| **revision != live.revision)
            .cloned()
            .ok_or_else(|| TargetError::NoneRecorded { live: live.revision.clone() }),
        Target::Revision(revision) if revision.family() != live.revision.family() => {
            Err(TargetError::OtherFamily {
                revision: revision.clone(),
                family: live.revision.family().to_owned(),
            })
        }
        Target::Revision(revision) => Ok(revision.clone()),
        Target::Number(number) => {
            let named = format!("{}:{number}", live.revision.family());
            Revision::parse(&named).ok_or(TargetError::NoSuchNumber { number: *number })
        }
        Target::Digest(digest) => good
            .iter()
            .find(|good| good.digest.as_ref() == Some(digest))
            .map(|good| good.revision.clone())
            .ok_or_else(|| TargetError::UnknownDigest { digest: digest.clone() }),
    }
}

/// The ECR repository of a revision's main container, without its registry.
pub fn repository_of(revision: &LiveRevision, container: &str) -> Option<String> {
    let containers = revision.definition.get("containerDefinitions")?.as_array()?;
    let found = containers.iter().find(|found| found["name"] == container)?;
    let image = found.get("image")?.as_str()?;
    let (name, _) = image.rsplit_once('@')?;
    let (_, repository) = name.split_once('/')?;
    Some(repository.split(':').next().unwrap_or(repository).to_owned())
}

/// Plans a rollback of one service to `to`, which was read from ECS.
///
/// `image_exists` says whether the image of `to` is still in its registry; `None`: it is not
/// pinned by digest, so nobody can say.
pub fn rollback(
    model: &Model,
    service: &Service,
    identity: &Identity,
    observed: &ObservedService,
    to: &LiveRevision,
    image_exists: Option<bool>,
    override_alarms: bool,
) -> Plan {
    let goal = json!({
        "environment": model.environment.suffix,
        "service": service.name,
        "rollback": to.arn,
    });
    let digest = digest(&[&goal]);
    let mut plan = Plan {
        service: service.name.clone(),
        cluster: service.names.cluster.clone(),
        ecs_service: service.names.service.clone(),
        digest: digest.clone(),
        checks: vec![checks::account(model, identity)],
        from: deploy::side(&observed.live),
        to: Side {
            revision: Some(to.revision.clone()),
            arn: Some(to.arn.clone()),
            digest: to.digest.clone(),
        },
        route: deploy::route(observed, None),
        steps: Vec::new(),
    };
    // Stopping what runs is itself a rollback, and the quickest: CodeDeploy turns traffic back to
    // the task set that still stands.
    if let Some(running) = &observed.active {
        let taken_over = deploy::has_taken_over(observed, Some(running));
        let previous = observed.good.iter().find(|good| good.revision != observed.live.revision);
        let undoes = if taken_over {
            previous.is_some_and(|good| good.revision == to.revision)
        } else {
            // A deployment *to* the target is on its way there already: nothing to stop.
            observed.live.revision == to.revision && running.revision.as_ref() != Some(&to.revision)
        };
        plan.checks.push(checks::active(observed, undoes));
        plan.from = plan.to.clone();
        plan.route = deploy::route(observed, Some(running));
        if undoes {
            plan.steps.push(Step {
                id: "stop",
                title: format!("stop {} and roll it back", running.id),
                reason: format!("it is active, and {} still stands", to.revision),
                action: Action::Stop { deployment: running.id.clone() },
            });
        }
        return plan;
    }
    plan.checks.extend(checks::state(observed, service, checks::Stance::Rollback));
    plan.checks.push(checks::alarms(observed, override_alarms));
    plan.checks.push(match image_exists {
        Some(true) => super::Check {
            name: "image",
            found: to.digest.as_ref().map(ToString::to_string).unwrap_or_default(),
            result: CheckResult::Pass,
        },
        Some(false) => super::Check {
            name: "image",
            found: format!("the image of {} is gone from its repository", to.revision),
            result: CheckResult::Refuse {
                outcome: crate::domain::OutcomeKind::Invalid,
                mend: "Choose another revision with --to, or push the image again.".into(),
            },
        },
        None => super::Check {
            name: "image",
            found: format!("{} does not pin its image by digest", to.revision),
            result: CheckResult::Warn,
        },
    });
    if observed.live.revision == to.revision {
        return plan;
    }
    plan.steps.push(Step {
        id: "deploy",
        title: format!("return all traffic to {} at once", to.revision),
        reason: "rollback".into(),
        action: Action::Deploy(Box::new(Deployment {
            attach: None,
            application: service.names.application.clone(),
            group: service.names.deployment_group.clone(),
            cluster: service.names.cluster.clone(),
            ecs_service: service.names.service.clone(),
            config: deployment_config(Shift::AllAtOnce),
            appspec: appspec::appspec(
                &service.container,
                service.port,
                &observed.placement,
                service.spot_percent,
                &Default::default(),
            ),
            description: format!("{MARK} {digest} rollback {}", service.name),
            alarms: if override_alarms {
                Alarms::Off
            } else if service.rollout.alarms.is_empty() {
                Alarms::Group
            } else {
                Alarms::These(deploy::guards(service, observed))
            },
            // A rollback returns to what was good; our own gates would only delay it.
            gating_alarms: Vec::new(),
            canaries: Vec::new(),
            gates: None,
            smoke: Vec::new(),
            test_url: observed.test_url.clone(),
            ready_wait: observed.group.ready_wait.is_some(),
            bake: Duration::ZERO,
            timeout: service.rollout.timeout,
            route: deploy::route(observed, None),
            logs: definition::log_source(&to.definition, &service.container),
            container: service.container.clone(),
        })),
    });
    plan.steps.push(Step {
        id: "record",
        title: "record the revision as good".into(),
        reason: "a later rollback returns to it".into(),
        action: Action::Record { demote: Some(observed.live.revision.clone()) },
    });
    plan.steps.extend(deploy::resume_leftover(observed, service));
    plan
}
