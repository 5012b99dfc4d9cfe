//! What the configured gate will be able to see, by the past hour's traffic.

use std::time::Duration;

use crate::config::model::Service;
use crate::domain::{ObservedService, PastTraffic, Shift, Weight};
use crate::gate::power::Question;

use super::{Check, CheckResult};

/// A regression that the gate does not see with 80 % unless it is larger than this many times the
/// base rate, and more than one request in ten, is none that people would call seen.
const BLIND_RATIO: f64 = 50.0;
const BLIND_RATE: f64 = 0.1;
/// What is assumed of a service without any error in the past hour.
const QUIET: f64 = 1e-4;

/// Says what the gate can see; `None` without a gate.
pub(super) fn check(service: &Service, observed: &ObservedService) -> Option<Check> {
    let gates = service.rollout.gates.as_ref()?;
    let check = |found: String, result| Some(Check { name: "gate", found, result });
    let Some(PastTraffic { rps, error_rate }) = observed.traffic else {
        let found = "no requests in the past hour: the gate will have no evidence".to_owned();
        return check(found, CheckResult::Warn);
    };
    let Some((weight, hold)) = first_step(service.rollout.shift) else {
        let found = format!(
            "all at once: judged afterwards only, against {:.2} % errors or what blue had before",
            gates.accepted_errors * 100.0
        );
        return check(found, CheckResult::Pass);
    };
    let question = Question {
        rps,
        weight: f64::from(weight.percent()) / 100.0,
        baseline: error_rate.clamp(QUIET, 0.5),
        hold,
        period: gates.source.period(),
        settle: gates.source.settle(),
        alpha: gates.alpha,
        margin: gates.margin,
    };
    if !question.is_sound() {
        return None;
    }
    let blind = question
        .visible_ratio()
        .is_none_or(|ratio| ratio > BLIND_RATIO && ratio * question.baseline > BLIND_RATE);
    let enough = rps * question.weight * hold.as_secs_f64() >= gates.min_requests as f64;
    let mut found = question.summary();
    if blind {
        found.push_str("; too little traffic: hold longer, or shift a larger share");
    }
    if !enough {
        let missing = gates.min_requests;
        found.push_str(&format!("; fewer than the {missing} requests that are asked for"));
    }
    check(found, if blind || !enough { CheckResult::Warn } else { CheckResult::Pass })
}

/// The share and the time of the part of a shift in which both revisions have traffic. A linear shift
/// is judged by its first step: the later ones see more.
fn first_step(shift: Shift) -> Option<(Weight, Duration)> {
    match shift {
        Shift::AllAtOnce => None,
        Shift::Canary { percent, hold } | Shift::Linear { percent, hold } => Some((percent, hold)),
    }
}
