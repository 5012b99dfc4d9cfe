//! The plan of a deployment.

use std::time::Duration;

use serde_json::{Value, json};

use crate::config::model::{Model, Service};
use crate::domain::{
    AlarmState, DeploymentConfig, Identity, ImageDigest, LiveRevision, ObservedService,
    RunningDeployment, Shift, Weight,
};

use super::{
    Action, Alarms, CheckResult, Deployment, MARK, Migration, Plan, Route, Side, Step, appspec,
    checks, config_name, definition, digest, power,
};

/// CodeDeploy's wait for us when smoke tests must pass first and nothing else is configured: a
/// dead runner then means a stopped deployment, not an untested one.
const SMOKE_READY_WAIT: Duration = Duration::from_secs(15 * 60);

/// The deployment configuration that a shift needs.
pub fn deployment_config(shift: Shift) -> DeploymentConfig {
    DeploymentConfig { name: config_name(shift), shift }
}

/// Plans the deployment of one service.
pub fn plan(
    model: &Model,
    service: &Service,
    identity: &Identity,
    observed: &ObservedService,
) -> Plan {
    let image = observed.image.as_ref();
    let wanted = definition::wanted(
        &observed.live,
        &service.container,
        &service.task,
        image.map(|image| image.uri.as_str()),
    );
    let (input, changes, container_problem) = match wanted {
        Ok(wanted) => (wanted.input, wanted.changes, None),
        Err(problem) => (Value::Null, Vec::new(), Some(problem)),
    };
    let goal = json!({
        "environment": model.environment.suffix,
        "service": service.name,
        "shift": service.rollout.shift,
    });
    let digest = digest(&[&goal, &input]);
    let unchanged = changes.is_empty();
    let reuse = observed
        .newest
        .as_ref()
        .filter(|newest| !unchanged && same(&definition::as_input(&newest.definition), &input));
    let ours = observed.active.as_ref().filter(|running| is_ours(running, &digest));
    let route = route(observed, ours);

    // The first refusal names the outcome: what explains the others comes before them.
    let mut checks =
        vec![checks::account(model, identity), checks::active(observed, ours.is_some())];
    let stance = if ours.is_some() { checks::Stance::Attach } else { checks::Stance::Deploy };
    checks.extend(checks::state(observed, service, stance));
    checks.push(checks::group(observed, service, guards(service, observed).len()));
    if let Some(problem) = container_problem {
        checks.push(super::Check {
            name: "container",
            found: problem,
            result: CheckResult::Refuse {
                outcome: crate::domain::OutcomeKind::Invalid,
                mend: "Name the container with `container:`.".into(),
            },
        });
    }
    checks.push(checks::image(observed));
    // Once our deployment runs, the gate judges the alarms, not the preflight.
    if ours.is_none() {
        checks.push(checks::alarms(observed, false));
    }
    checks.extend(checks::scaling(observed, service.rollout.suspend_scale_in));

    let attach = ours.map(|running| running.id.clone());
    let to = match (ours, unchanged, reuse) {
        (Some(running), ..) => {
            // CodeDeploy may not give the AppSpec back; then the newest revision is what we made.
            let newest = observed.newest.as_ref().unwrap_or(&observed.live);
            let revision = running.revision.as_ref().unwrap_or(&newest.revision);
            Side {
                revision: Some(revision.clone()),
                arn: Some(arn_of(&observed.live, revision)),
                digest: image.map(|image| image.digest.clone()),
            }
        }
        (None, true, _) => side(&observed.live),
        (None, false, Some(newest)) => side(newest),
        (None, false, None) => {
            Side { revision: None, arn: None, digest: image.map(|image| image.digest.clone()) }
        }
    };
    let mut plan = Plan {
        service: service.name.clone(),
        cluster: service.names.cluster.clone(),
        ecs_service: service.names.service.clone(),
        digest: digest.clone(),
        checks,
        from: from(observed, ours),
        to,
        route: route.clone(),
        steps: Vec::new(),
    };
    if unchanged && attach.is_none() {
        plan.steps.extend(record_leftover(observed));
        plan.steps.extend(resume_leftover(observed, service));
        return plan;
    }

    plan.checks.extend(power::check(service, observed));
    let termination = service.rollout.termination_wait.unwrap_or(observed.group.termination_wait);
    plan.checks.push(checks::blue_outlives_bake(service, termination));
    let ready = service
        .rollout
        .ready_wait
        .or_else(|| (!service.rollout.smoke.is_empty()).then_some(SMOKE_READY_WAIT));
    let logs = definition::log_source(&observed.live.definition, &service.container);
    if attach.is_none() {
        if reuse.is_none() {
            let reason = format!("{} difference(s) to the live revision", changes.len());
            let input = with_tags(input, &observed.live, &digest);
            plan.steps.push(Step {
                id: "register",
                title: format!("register a revision of {}", observed.live.revision.family()),
                reason,
                action: Action::Register { input, changes },
            });
        }
        if let Some(migrate) = &service.migrate {
            plan.steps.push(Step {
                id: "migrate",
                title: format!("run `{}` once with the new revision", migrate.command.join(" ")),
                reason: "configured as `migrate`".into(),
                action: Action::Migrate(Migration {
                    migrate: migrate.clone(),
                    container: service.container.clone(),
                    placement: observed.placement.clone(),
                    logs: logs.clone(),
                }),
            });
        }
        if ready != observed.group.ready_wait || termination != observed.group.termination_wait {
            plan.steps.push(Step {
                id: "align-group",
                title: format!("set the waits of deployment group {}", observed.group.name),
                reason: "they differ from the configuration".into(),
                action: Action::AlignGroup { ready_wait: ready, termination_wait: termination },
            });
        }
        if !observed.deployment_config_exists {
            plan.steps.push(Step {
                id: "create-config",
                title: format!("create {}", observed.deployment_config.name),
                reason: "CodeDeploy has no predefined configuration for this shift".into(),
                action: Action::CreateConfig(observed.deployment_config.clone()),
            });
        }
    }
    let suspend = observed
        .scaling
        .as_ref()
        .filter(|target| service.rollout.suspend_scale_in && !target.scale_in_suspended);
    if let Some(now) = suspend {
        plan.steps.push(Step {
            id: "suspend-scale-in",
            title: "suspend scale-in".into(),
            reason: "scale-in in the middle of a shift can fail the deployment".into(),
            action: Action::SuspendScaleIn { now: now.clone() },
        });
    }
    plan.steps.push(Step {
        id: "deploy",
        title: format!("shift traffic: {}", shift_words(service.rollout.shift)),
        reason: match &attach {
            Some(id) => format!("{id} is ours and not over"),
            None => "the new revision does not serve yet".into(),
        },
        action: Action::Deploy(Box::new(Deployment {
            attach,
            application: service.names.application.clone(),
            group: service.names.deployment_group.clone(),
            cluster: service.names.cluster.clone(),
            ecs_service: service.names.service.clone(),
            config: observed.deployment_config.clone(),
            appspec: appspec::appspec(
                &service.container,
                service.port,
                &observed.placement,
                service.spot_percent,
                &service.rollout.hooks,
            ),
            description: format!("{MARK} {digest} deploy {}", service.name),
            alarms: if service.rollout.alarms.is_empty() {
                Alarms::Group
            } else {
                Alarms::These(guards(service, observed))
            },
            gating_alarms: guards(service, observed),
            canaries: service.rollout.canaries.clone(),
            gates: service.rollout.gates.clone(),
            smoke: service.rollout.smoke.clone(),
            test_url: observed.test_url.clone(),
            ready_wait: ready.is_some(),
            bake: service.rollout.bake,
            timeout: service.rollout.timeout,
            route,
            logs,
            container: service.container.clone(),
        })),
    });
    plan.steps.push(Step {
        id: "record",
        title: "record the revision as good".into(),
        reason: "a later rollback returns to it".into(),
        action: Action::Record { demote: None },
    });
    if let Some(now) = suspend {
        plan.steps.push(resume(now.clone()));
    } else {
        plan.steps.extend(resume_leftover(observed, service));
    }
    plan
}

/// Whether two task definitions say the same.
fn same(one: &Value, other: &Value) -> bool {
    super::canonical(one) == super::canonical(other)
}

/// Whether a deployment was made by the same plan.
fn is_ours(running: &RunningDeployment, digest: &str) -> bool {
    running.description.starts_with(&format!("{MARK} {digest} "))
}

/// Every alarm that guards: those configured and those of the group.
pub(super) fn guards(service: &Service, observed: &ObservedService) -> Vec<String> {
    let mut names: Vec<String> =
        service.rollout.alarms.iter().chain(&observed.group.alarms).cloned().collect();
    names.sort();
    names.dedup();
    names
}

/// Resumes scale-in that a run of ours suspended before it died. Nothing in Application Auto
/// Scaling says who suspended it; so it is resumed only where the configuration has us suspend it,
/// and only when nothing but scale-in is suspended, as we do it.
pub(super) fn resume_leftover(observed: &ObservedService, service: &Service) -> Option<Step> {
    let target = observed.scaling.as_ref()?;
    let as_we_do =
        target.scale_in_suspended && !target.scale_out_suspended && !target.scheduled_suspended;
    (service.rollout.suspend_scale_in && as_we_do).then(|| resume(target.clone()))
}

/// A revision of ours that a run brought to the end of its shift and then died: it serves, CodeDeploy
/// found no alarm, and nobody wrote down that it is good.
fn record_leftover(observed: &ObservedService) -> Option<Step> {
    let ours = observed.live.tags.contains_key("ha-deploy:plan");
    let recorded = observed.good.iter().any(|good| good.revision == observed.live.revision);
    let quiet = observed.alarms.iter().all(|alarm| alarm.state != AlarmState::Alarm);
    (ours && !recorded && quiet && observed.active.is_none()).then(|| Step {
        id: "record",
        title: "record the revision as good".into(),
        reason: "a run that died brought it to all traffic and could not record it".into(),
        action: Action::Record { demote: None },
    })
}

fn resume(now: crate::domain::ScalableTarget) -> Step {
    Step {
        id: "resume-scale-in",
        title: "resume scale-in".into(),
        reason: "it is suspended only while traffic moves".into(),
        action: Action::ResumeScaleIn { now },
    }
}

/// Whether our running deployment has already made its revision the primary one: CodeDeploy does
/// so when all traffic has moved, while blue still waits for its termination.
pub(super) fn has_taken_over(observed: &ObservedService, ours: Option<&RunningDeployment>) -> bool {
    ours.is_some_and(|running| running.revision.as_ref() == Some(&observed.live.revision))
}

/// What served before: the live revision, or the newest good one when ours has taken over.
fn from(observed: &ObservedService, ours: Option<&RunningDeployment>) -> Side {
    if !has_taken_over(observed, ours) {
        return side(&observed.live);
    }
    let good = observed.good.iter().find(|good| good.revision != observed.live.revision);
    Side {
        revision: good.map(|good| good.revision.clone()),
        arn: good.map(|good| arn_of(&observed.live, &good.revision)),
        digest: good.and_then(|good| good.digest.clone()),
    }
}

pub(super) fn route(observed: &ObservedService, ours: Option<&RunningDeployment>) -> Route {
    let [a, b] = &observed.groups;
    // Blue is what the primary task set registers in; by weight where that is unknown.
    let first_serves = if a.primary != b.primary { a.primary } else { a.weight >= Weight::ALL };
    let blue_first = first_serves != has_taken_over(observed, ours);
    let (blue, green) = if blue_first { (a, b) } else { (b, a) };
    Route {
        listener: observed.listener.clone(),
        blue: blue.arn.clone(),
        green: green.arn.clone(),
        balancer: observed.balancer.clone(),
    }
}

pub(super) fn side(live: &LiveRevision) -> Side {
    let digest: Option<ImageDigest> = live.digest.clone();
    Side { revision: Some(live.revision.clone()), arn: Some(live.arn.clone()), digest }
}

/// The ARN of another revision in the same account and region.
pub(super) fn arn_of(live: &LiveRevision, revision: &crate::domain::Revision) -> String {
    let prefix = live.arn.rsplit_once('/').map_or("", |(prefix, _)| prefix);
    format!("{prefix}/{revision}")
}

/// The input with the live tags and ours. `aws:` tags are AWS's own and can't be set.
pub(super) fn with_tags(mut input: Value, live: &LiveRevision, digest: &str) -> Value {
    let mut tags: Vec<Value> = live
        .tags
        .iter()
        .filter(|(key, _)| !key.starts_with("aws:") && key.as_str() != "ha-deploy:plan")
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    tags.push(json!({ "key": "ha-deploy:plan", "value": digest }));
    input["tags"] = Value::Array(tags);
    input
}

fn shift_words(shift: Shift) -> String {
    match shift {
        Shift::AllAtOnce => "all at once".into(),
        Shift::Canary { percent, hold } => {
            format!("{percent}, hold {} min, then all", hold.as_secs() / 60)
        }
        Shift::Linear { percent, hold } => {
            format!("{percent} every {} min", hold.as_secs() / 60)
        }
    }
}
