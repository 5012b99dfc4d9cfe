//! Preflight: what must hold before anything may change.

use crate::config::model::{Model, Service};
use crate::domain::{AlarmState, Identity, ObservedService, OutcomeKind, Shift, Weight};

use super::{Check, CheckResult};

fn check(name: &'static str, found: impl Into<String>, result: CheckResult) -> Check {
    Check { name, found: found.into(), result }
}

fn refuse(outcome: OutcomeKind, mend: impl Into<String>) -> CheckResult {
    CheckResult::Refuse { outcome, mend: mend.into() }
}

/// The account is one that the environment allows.
pub fn account(model: &Model, identity: &Identity) -> Check {
    let allowed = model.environment.accounts.contains(&identity.account);
    let found = format!("account {} as {}", identity.account, identity.arn);
    let result = if allowed {
        CheckResult::Pass
    } else {
        let list: Vec<&str> = model.environment.accounts.iter().map(|a| a.as_str()).collect();
        refuse(
            OutcomeKind::Denied,
            format!(
                "Environment `{}` allows {} only: use its credentials, or add the account to `accounts`.",
                model.environment.name,
                list.join(", ")
            ),
        )
    };
    check("account", found, result)
}

/// What the state of the service means for a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stance {
    /// A new revision: it can only be judged in a service that is well.
    Deploy,
    /// Our own deployment runs: two task sets and split weights are its doing.
    Attach,
    /// The way back: a service that is not well is the reason for it.
    Rollback,
}

/// How the service and its traffic stand.
pub(super) fn state(observed: &ObservedService, service: &Service, stance: Stance) -> Vec<Check> {
    let mut checks = vec![controller(observed), endpoint(observed, service)];
    if stance != Stance::Attach {
        checks.push(weights(observed));
        let mut health = [healthy(observed), stable(observed)];
        if stance == Stance::Rollback {
            for check in &mut health {
                if check.result != CheckResult::Pass {
                    check.result = CheckResult::Warn;
                }
            }
        }
        checks.extend(health);
    }
    checks
}

fn controller(observed: &ObservedService) -> Check {
    let result = if observed.codedeploy {
        CheckResult::Pass
    } else {
        refuse(
            OutcomeKind::Invalid,
            "Create the service with `deploymentController: CODE_DEPLOY`; it cannot be changed in place here.",
        )
    };
    let found = if observed.codedeploy { "CODE_DEPLOY" } else { "not CODE_DEPLOY" };
    check("deployment controller", found, result)
}

fn endpoint(observed: &ObservedService, service: &Service) -> Check {
    match &observed.endpoint {
        Some((container, port)) if *container == service.container && *port == service.port => {
            check("load balancer endpoint", format!("{container}:{port}"), CheckResult::Pass)
        }
        Some((container, port)) => check(
            "load balancer endpoint",
            format!("{container}:{port}"),
            refuse(
                OutcomeKind::Invalid,
                format!(
                    "ha-deploy.yml says {}:{}; the load balancer talks to {container}:{port}. Make them agree.",
                    service.container, service.port
                ),
            ),
        ),
        None => check(
            "load balancer endpoint",
            "none",
            refuse(OutcomeKind::Invalid, "The service has no load balancer; blue/green needs one."),
        ),
    }
}

fn stable(observed: &ObservedService) -> Check {
    let found = format!(
        "{} of {} tasks running, {} pending, {} task set(s)",
        observed.running, observed.desired, observed.pending, observed.task_sets
    );
    let stable =
        observed.running == observed.desired && observed.pending == 0 && observed.task_sets <= 1;
    let result = if stable {
        CheckResult::Pass
    } else {
        refuse(
            OutcomeKind::Inconclusive,
            "Wait until the service is steady, then run again: a deployment into an unsteady service cannot be judged.",
        )
    };
    check("service is steady", found, result)
}

fn weights(observed: &ObservedService) -> Check {
    const NAME: &str = "traffic weights";
    let [a, b] = &observed.groups;
    if let Some(problem) = &observed.weights_problem {
        return check(NAME, problem, person("Give the serving target group 100 and the other 0."));
    }
    let found = format!("{} {}, {} {}", a.name, a.weight, b.name, b.weight);
    let serving = [a, b].into_iter().find(|group| group.weight == Weight::ALL);
    match serving {
        None => check(
            NAME,
            found,
            person(
                "Traffic is split and no deployment of ours runs. Give the primary task set's target group 100 and the other 0.",
            ),
        ),
        Some(group) if !group.primary => check(
            NAME,
            found,
            person(
                "The primary task set registers in the target group that gets no traffic. Repair the listener rule.",
            ),
        ),
        Some(_) => check(NAME, found, CheckResult::Pass),
    }
}

fn person(mend: &str) -> CheckResult {
    refuse(OutcomeKind::NeedsPerson, mend)
}

fn healthy(observed: &ObservedService) -> Check {
    const NAME: &str = "serving targets";
    let Some(serving) = observed.groups.iter().find(|group| group.weight > Weight::NONE) else {
        return check(NAME, "no target group gets traffic", person("Repair the listener rule."));
    };
    let found = format!(
        "{}: {} healthy, {} unhealthy, {} starting, {} draining",
        serving.name,
        serving.health.healthy,
        serving.health.unhealthy,
        serving.health.initial,
        serving.health.draining
    );
    let result = if serving.health.healthy == 0 {
        person(
            "No healthy target serves: there is nothing to fall back to. Repair the service first.",
        )
    } else if serving.health.unhealthy > 0 {
        CheckResult::Warn
    } else {
        CheckResult::Pass
    };
    check(NAME, found, result)
}

/// No deployment is active, or it is ours.
pub(super) fn active(observed: &ObservedService, ours: bool) -> Check {
    const NAME: &str = "active deployment";
    match &observed.active {
        None => check(NAME, "none", CheckResult::Pass),
        Some(running) if ours => {
            check(NAME, format!("{} is ours: joining it", running.id), CheckResult::Pass)
        }
        Some(running) => check(
            NAME,
            format!("{} by {}: {}", running.id, running.creator, running.description),
            refuse(
                OutcomeKind::Busy,
                if running.revision.as_ref() == Some(&observed.live.revision) {
                    format!(
                        "{0} has all traffic and waits before it terminates blue. Wait, or end that wait with `aws deploy continue-deployment --deployment-wait-type TERMINATION_WAIT --deployment-id {0}`.",
                        running.id
                    )
                } else {
                    format!(
                        "CodeDeploy runs one deployment a group. Wait for {0}, or undo it with `ha-deploy rollback`.",
                        running.id
                    )
                },
            ),
        ),
    }
}

/// The group fits the rollout: CodeDeploy would refuse it only after the migration has run.
pub(super) fn group(observed: &ObservedService, service: &Service, alarms: usize) -> Check {
    const NAME: &str = "deployment group";
    /// CodeDeploy's limit for one deployment.
    const ALARMS: usize = 10;
    let found = format!("{} with {alarms} alarm(s)", observed.group.name);
    let result = if alarms > ALARMS {
        refuse(
            OutcomeKind::Invalid,
            "CodeDeploy takes 10 alarms at most, those of the group and of `rollout.alarms` together. Make a composite alarm of some.",
        )
    } else if observed.group.network_load_balancer && service.rollout.shift != Shift::AllAtOnce {
        refuse(
            OutcomeKind::Invalid,
            "The production listener belongs to a Network Load Balancer, which can only shift all at once.",
        )
    } else if observed.group.ignore_poll_alarm_failure {
        CheckResult::Warn
    } else {
        CheckResult::Pass
    };
    check(NAME, found, result)
}

/// No gating alarm fires, and every one exists.
pub(super) fn alarms(observed: &ObservedService, overridden: bool) -> Check {
    const NAME: &str = "gating alarms";
    if !observed.missing_alarms.is_empty() && !overridden {
        return check(
            NAME,
            format!("missing: {}", observed.missing_alarms.join(", ")),
            refuse(
                OutcomeKind::Invalid,
                "Create the alarms, or take them out of `rollout.alarms`.",
            ),
        );
    }
    let in_state = |state: AlarmState| {
        let names = observed.alarms.iter().filter(|alarm| alarm.state == state);
        names.map(|alarm| alarm.name.as_str()).collect::<Vec<_>>()
    };
    let firing = in_state(AlarmState::Alarm);
    let blind = in_state(AlarmState::InsufficientData);
    if !firing.is_empty() {
        let found = format!("firing: {}", firing.join(", "));
        let result = if overridden {
            CheckResult::Warn
        } else {
            refuse(
                OutcomeKind::Inconclusive,
                "An alarm that fires already can't tell a bad release from a good one. Wait until it is OK; a rollback may pass it with --override-alarms.",
            )
        };
        return check(NAME, found, result);
    }
    if observed.alarms.is_empty() {
        return check(NAME, "none configured: only health checks guard this", CheckResult::Warn);
    }
    if !blind.is_empty() {
        let found = format!("insufficient data: {}", blind.join(", "));
        return check(NAME, found, CheckResult::Warn);
    }
    check(NAME, format!("{} OK", observed.alarms.len()), CheckResult::Pass)
}

/// The image exists.
pub(super) fn image(observed: &ObservedService) -> Check {
    match &observed.image {
        Some(image) => {
            check("image", format!("{}@{}", image.repository, image.digest), CheckResult::Pass)
        }
        None => check(
            "image",
            format!("{} not found", observed.image_wanted),
            refuse(OutcomeKind::Invalid, "Push the image to ECR first, or correct its name."),
        ),
    }
}

/// Scale-in cannot disturb the shift, or the risk is stated.
pub(super) fn scaling(observed: &ObservedService, suspend: bool) -> Option<Check> {
    let target = observed.scaling.as_ref()?;
    let bounds = format!("{}–{} tasks", target.min, target.max);
    Some(if suspend || target.scale_in_suspended {
        check("autoscaling", format!("{bounds}; scale-in suspended meanwhile"), CheckResult::Pass)
    } else {
        check(
            "autoscaling",
            format!("{bounds}; a scaling event in the middle of a shift can fail the deployment"),
            CheckResult::Warn,
        )
    })
}

/// Blue outlives the bake.
pub(super) fn blue_outlives_bake(service: &Service, termination: std::time::Duration) -> Check {
    let found = format!(
        "blue stays {} s, bake {} s",
        termination.as_secs(),
        service.rollout.bake.as_secs()
    );
    let result =
        if termination < service.rollout.bake { CheckResult::Warn } else { CheckResult::Pass };
    check("blue outlives the bake", found, result)
}
