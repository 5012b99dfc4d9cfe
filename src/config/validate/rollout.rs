//! How traffic moves, and what CodeDeploy can do of it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Site;
use super::service::time;
use crate::config::diagnostic::Code;
use crate::config::kind::show;
use crate::config::model::{Rollout, SmokeTest};
use crate::config::raw::{self, Controller, LoadBalancer};
use crate::config::source::{Fault, Faults};
use crate::domain::{LifecycleName, Shift, Weight};

/// From the first shift to the last (CodeDeploy user guide, limits: 2880 minutes).
const LONGEST_SHIFT: Duration = Duration::from_secs(48 * 3600);
/// From the deployment to the shift (CodeDeploy user guide, limits: 120 hours).
const LONGEST_DEPLOYMENT: Duration = Duration::from_secs(120 * 3600);
/// What the default timeout allows for starting tasks and turning listeners.
const INSTALL: Duration = Duration::from_secs(30 * 60);
/// A hook may take an hour (CodeDeploy user guide, AppSpec `hooks`).
const HOOK: Duration = Duration::from_secs(3600);
const DEFAULT_HOLD: Duration = Duration::from_secs(300);
const DEFAULT_BAKE: Duration = Duration::from_secs(600);

/// Judges the rollout; `None` when something is missing that was reported.
pub(super) fn rollout(raw: raw::Rollout, site: Site<'_>, faults: &mut Faults) -> Option<Rollout> {
    controller(raw.controller, site, faults);
    let balancer = raw.load_balancer.unwrap_or(LoadBalancer::Application);
    let shift = shift(raw.shift, balancer, site, faults);
    let bake = time(raw.bake.as_ref()).unwrap_or(DEFAULT_BAKE);
    let ready_wait = time(raw.ready_wait.as_ref());
    let hooks = hooks(raw.hooks.unwrap_or_default());
    let smoke = smoke(raw.smoke.unwrap_or_default());
    let alarms: Vec<String> =
        raw.alarms.unwrap_or_default().into_iter().map(|name| name.0).collect();
    let canaries: Vec<String> =
        raw.canaries.unwrap_or_default().into_iter().map(|name| name.0).collect();
    let gates = match raw.gates {
        None => None,
        Some(gates) => Some(super::gates::gates(gates, site, faults)?),
    };
    let smoke = smoke?;
    // By what is written, not by what is valid: a faulty gate is reported as such.
    let gated = |key: &str| {
        site.entry.node.get("rollout").and_then(|rollout| rollout.get(key)).is_some_and(|gate| {
            gate.map().is_none_or(|entries| !entries.is_empty()) && !gate.is_empty_list()
        })
    };
    if !["smoke", "alarms", "canaries", "hooks", "gates"].iter().any(|key| gated(key)) {
        let message = format!("nothing can stop a bad deployment of {}", site.name());
        faults.push(
            Fault::new(Code::UngatedRollout, site.key(&["rollout"]), message).warning().help(
                "add `rollout.alarms`, `rollout.gates`, `rollout.smoke` or `rollout.canaries`",
            ),
        );
    }
    let shift = shift?;
    let waits = ready_wait.unwrap_or_default() + length(shift) + bake;
    let hook_time = HOOK * u32::try_from(hooks.len()).unwrap_or(u32::MAX);
    let timeout = match time(raw.timeout.as_ref()) {
        Some(timeout) => {
            too_short(timeout, waits, site, faults);
            timeout
        }
        None => (INSTALL + waits + hook_time).min(LONGEST_DEPLOYMENT),
    };
    Some(Rollout {
        shift,
        bake,
        ready_wait,
        termination_wait: time(raw.termination_wait.as_ref()),
        smoke,
        alarms,
        canaries,
        gates,
        timeout,
        suspend_scale_in: raw.suspend_scale_in.unwrap_or(true),
        hooks,
    })
}

fn controller(controller: Option<Controller>, site: Site<'_>, faults: &mut Faults) {
    match controller {
        None | Some(Controller::Codedeploy) => {}
        Some(Controller::Ecs) => faults.push(
            Fault::new(
                Code::NotSupportedYet,
                site.at(&["rollout", "controller"]),
                "the controller `ecs` is not supported yet",
            )
            .help("the second controller will bring it; use `codedeploy` until then"),
        ),
    }
}

/// The time between the first shift and the last.
fn length(shift: Shift) -> Duration {
    match shift {
        Shift::AllAtOnce => Duration::ZERO,
        Shift::Canary { hold, .. } => hold,
        Shift::Linear { percent, hold } => hold * steps_between(percent),
    }
}

/// The number of holds of a linear shift; 0 when the percentage is none.
fn steps_between(percent: Weight) -> u32 {
    100_u32.div_ceil(u32::from(percent.percent()).max(1)).saturating_sub(1)
}

fn shift(
    raw: Option<raw::Shift>,
    balancer: LoadBalancer,
    site: Site<'_>,
    faults: &mut Faults,
) -> Option<Shift> {
    let network = balancer == LoadBalancer::Network;
    let (choice, name) = match raw {
        None if network => return Some(Shift::AllAtOnce),
        None => {
            return Some(Shift::Canary { percent: Weight::new(10)?, hold: DEFAULT_HOLD });
        }
        Some(raw::Shift::Name(_)) => return Some(Shift::AllAtOnce),
        Some(raw::Shift::Steps(choice)) => match (choice.canary, choice.linear) {
            (Some(step), _) => {
                (read(&step).map(|(percent, hold)| Shift::Canary { percent, hold }), "canary")
            }
            (None, Some(step)) => {
                (read(&step).map(|(percent, hold)| Shift::Linear { percent, hold }), "linear")
            }
            (None, None) => return None,
        },
    };
    let path = ["rollout", "shift", name];
    if network {
        let message = format!(
            "a Network Load Balancer shifts all at once, so {} cannot be `{name}`",
            site.name()
        );
        faults.push(
            Fault::new(Code::Contradiction, site.key(&path), message)
                .help("write `shift: all-at-once`, or use an Application Load Balancer")
                .related(site.at(&["rollout", "load_balancer"]), "the load balancer"),
        );
    }
    let shift = choice?;
    let total = length(shift);
    if total > LONGEST_SHIFT {
        let message = format!(
            "from its first step to its last this shift takes {}, and CodeDeploy takes at most {}",
            show(total),
            show(LONGEST_SHIFT)
        );
        let at = site.at(&["rollout", "shift", name, "hold"]);
        faults.push(
            Fault::new(Code::Contradiction, at, message)
                .help("hold for less time, or take larger steps")
                .related(site.at(&["rollout", "shift", name, "percent"]), "the size of a step"),
        );
    }
    Some(shift)
}

fn read(step: &raw::Step) -> Option<(Weight, Duration)> {
    Some((Weight::new(step.percent?)?, time(step.hold.as_ref())?))
}

fn too_short(timeout: Duration, waits: Duration, site: Site<'_>, faults: &mut Faults) {
    if timeout > waits {
        return;
    }
    let message = format!(
        "the rollout waits {} in all, so a timeout of {} stops every deployment",
        show(waits),
        show(timeout)
    );
    faults.push(Fault::new(Code::Contradiction, site.at(&["rollout", "timeout"]), message).help(
        format!(
            "with time for tasks to start, {} is enough; or remove `timeout`",
            show(waits + INSTALL)
        ),
    ));
}

fn hooks(raw: raw::Hooks) -> BTreeMap<String, String> {
    [
        (LifecycleName::BeforeInstall, raw.before_install),
        (LifecycleName::AfterInstall, raw.after_install),
        (LifecycleName::AfterAllowTestTraffic, raw.after_allow_test_traffic),
        (LifecycleName::BeforeAllowTraffic, raw.before_allow_traffic),
        (LifecycleName::AfterAllowTraffic, raw.after_allow_traffic),
    ]
    .into_iter()
    .filter_map(|(name, function)| Some((name.as_str().to_owned(), function?.0)))
    .collect()
}

fn smoke(raw: Vec<raw::Smoke>) -> Option<Vec<SmokeTest>> {
    raw.into_iter()
        .map(|smoke| {
            Some(SmokeTest {
                path: smoke.path?.0,
                status: smoke.status.unwrap_or_else(|| vec![200]),
                contains: smoke.contains.map(|text| text.0),
                timeout: time(smoke.timeout.as_ref()).unwrap_or(Duration::from_secs(5)),
                attempts: smoke.attempts.unwrap_or(3),
                base: smoke.base.map(|base| base.0),
            })
        })
        .collect()
}
