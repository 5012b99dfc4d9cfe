//! How fast a bad revision was found and undone. Pure functions of the events.

use std::time::Duration;

use crate::domain::{DeploymentStatus, Weight};
use crate::gate::Verdict;
use crate::pipeline::event::{Event, EventKind};

/// The two times that a user of a bad revision cares about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timing {
    /// From the first production request that green could get to the first event that says
    /// rollback.
    pub detected_after: Option<Duration>,
    /// From that event until blue had all traffic again.
    pub restored_after: Option<Duration>,
}

/// Measures one service.
///
/// Both are `None` when green never had production traffic: nobody was exposed, so there was
/// nothing to detect in time or to restore.
pub fn of_service(events: &[Event], service: &str) -> Timing {
    measure(events.iter().filter(|event| event.service.as_deref() == Some(service)))
}

/// Measures a whole run: the worst service counts.
pub fn of_run(events: &[Event]) -> Timing {
    let mut services: Vec<Option<&str>> = events.iter().map(|e| e.service.as_deref()).collect();
    services.sort_unstable();
    services.dedup();
    services
        .into_iter()
        .map(|service| measure(events.iter().filter(|e| e.service.as_deref() == service)))
        .fold(Timing::default(), |worst, timing| Timing {
            detected_after: worst.detected_after.max(timing.detected_after),
            restored_after: worst.restored_after.max(timing.restored_after),
        })
}

fn measure<'a>(events: impl Iterator<Item = &'a Event>) -> Timing {
    let mut exposed: Option<Duration> = None;
    let mut detected: Option<Duration> = None;
    for event in events {
        match (exposed, detected) {
            (None, _) => exposed = gives_green_traffic(&event.kind).then_some(event.at),
            (Some(_), None) => detected = says_rollback(&event.kind).then_some(event.at),
            (Some(from), Some(found)) if says_restored(&event.kind) => {
                return Timing {
                    detected_after: Some(found.saturating_sub(from)),
                    restored_after: Some(event.at.saturating_sub(found)),
                };
            }
            _ => {}
        }
    }
    let detected_after = exposed.zip(detected).map(|(from, found)| found.saturating_sub(from));
    Timing { detected_after, restored_after: None }
}

fn gives_green_traffic(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Traffic { weights } if weights.green > Weight::NONE)
}

/// Whether an event says, as the first of its kind would, that the candidate is given up.
fn says_rollback(kind: &EventKind) -> bool {
    match kind {
        EventKind::Gate { decision } => decision.verdict == Verdict::Rollback,
        EventKind::DeploymentStatus { status, .. } => {
            matches!(status, DeploymentStatus::Stopped | DeploymentStatus::Failed)
        }
        EventKind::RollbackStarted { .. } => true,
        _ => false,
    }
}

fn says_restored(kind: &EventKind) -> bool {
    match kind {
        EventKind::Traffic { weights } => weights.green == Weight::NONE,
        EventKind::Verified { restored, .. } => *restored,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DeploymentId, Weights};
    use crate::gate::Decision;

    fn at(seconds: u64, service: &str, kind: EventKind) -> Event {
        Event { at: Duration::from_secs(seconds), service: Some(service.to_owned()), kind }
    }

    fn traffic(green: u8) -> EventKind {
        let green = Weight::new(green).unwrap();
        EventKind::Traffic { weights: Weights { blue: green.rest(), green } }
    }

    fn gate(verdict: Verdict) -> EventKind {
        EventKind::Gate { decision: Decision { gate: "alarms", verdict, evidence: String::new() } }
    }

    fn status(status: DeploymentStatus) -> EventKind {
        EventKind::DeploymentStatus {
            deployment: DeploymentId("d-1".into()),
            status,
            message: None,
        }
    }

    fn seconds(timing: Timing) -> (Option<u64>, Option<u64>) {
        (timing.detected_after.map(|d| d.as_secs()), timing.restored_after.map(|d| d.as_secs()))
    }

    #[test]
    fn the_first_sign_and_the_first_proof_count() {
        let events = [
            at(0, "api", traffic(0)),
            at(100, "api", traffic(10)),
            at(160, "api", gate(Verdict::Hold)),
            at(220, "api", gate(Verdict::Rollback)),
            at(225, "api", status(DeploymentStatus::Stopped)),
            at(240, "api", traffic(0)),
            at(260, "api", EventKind::Verified { restored: true, detail: String::new() }),
        ];
        assert_eq!(seconds(of_service(&events, "api")), (Some(120), Some(20)));
    }

    #[test]
    fn nobody_exposed_means_no_times() {
        let events = [
            at(50, "api", status(DeploymentStatus::Failed)),
            at(60, "api", EventKind::Verified { restored: true, detail: String::new() }),
        ];
        assert_eq!(seconds(of_service(&events, "api")), (None, None));
    }

    #[test]
    fn not_restored_keeps_the_detection() {
        let events = [
            at(10, "api", traffic(100)),
            at(30, "api", status(DeploymentStatus::Failed)),
            at(90, "api", EventKind::Verified { restored: false, detail: String::new() }),
        ];
        assert_eq!(seconds(of_service(&events, "api")), (Some(20), None));
    }

    #[test]
    fn the_worst_service_counts_and_services_do_not_mix() {
        let events = [
            at(10, "api", traffic(10)),
            at(20, "web", traffic(10)),
            at(30, "api", gate(Verdict::Rollback)),
            at(35, "api", traffic(0)),
            at(80, "web", gate(Verdict::Rollback)),
            at(83, "web", traffic(0)),
        ];
        assert_eq!(seconds(of_service(&events, "web")), (Some(60), Some(3)));
        assert_eq!(seconds(of_run(&events)), (Some(60), Some(5)));
    }
}
