//! What the services publish of themselves, and one client that will not give up.

use std::collections::BTreeMap;
use std::time::Duration;

use super::World;
use super::ecs::Role;
use crate::rehearsal::guards::cloudwatch::{Datum, Metric};
use crate::rehearsal::scenario::Revisions;

/// The namespace of the services' own metrics.
const NAMESPACE: &str = "App";

/// Requests and errors since the last datapoint, by service and revision.
pub(super) type Published = BTreeMap<(usize, String), (u64, u64)>;

/// A client that repeats a request that fails each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storm {
    pub(super) revisions: Revisions,
    /// In a second.
    pub(super) requests: u64,
    pub(super) until: Duration,
}

impl World {
    /// Counts what the tasks behind a group answered, for their service's own metrics.
    pub(super) fn publish(&mut self, service: usize, group: usize, requests: u64, errors: u64) {
        if self.scenario.publishes.is_none() {
            return;
        }
        let sets = self.ecs.services.get(service).map_or(&[][..], |service| &service.sets);
        let Some(set) = sets.iter().find(|set| set.group == group) else { return };
        let revision = set.definition.rsplit('/').next().unwrap_or_default().to_owned();
        let counts = self.published.entry((service, revision)).or_default();
        counts.0 += requests;
        counts.1 += errors;
    }

    /// Publishes a pair of datapoints for each revision that had requests. Their timestamp is the
    /// last second of the bucket: they can be read a `custom_visibility` after its end, not after
    /// its start.
    pub(super) fn tick_published(&mut self) {
        let Some(period) = self.scenario.publishes else { return };
        if !self.ticks.is_multiple_of(period.as_secs().max(1)) {
            return;
        }
        let at = self.now.saturating_sub(Duration::from_secs(1));
        for ((service, revision), (requests, errors)) in std::mem::take(&mut self.published) {
            let name = self.ecs.services.get(service).map(|s| s.name.clone()).unwrap_or_default();
            let dimensions = [("Service", name.as_str()), ("Revision", revision.as_str())];
            for (metric, count) in [("Requests", requests), ("Errors", errors)] {
                let metric = Metric::new(NAMESPACE, metric, &dimensions);
                self.guards.cloudwatch.put(metric, at, Datum::Sum(count as f64));
            }
        }
    }

    /// One second of the clients that repeat themselves: their connection is kept, so all of it goes
    /// to one revision, and all of it fails.
    pub(super) fn tick_storms(&mut self) {
        for storm in self.storms.clone() {
            for service in 0..self.ecs.services.len() {
                for (group, weight) in self.forward_of(service) {
                    let role = self.group_role(group);
                    let hit = match storm.revisions {
                        Revisions::Both => true,
                        Revisions::Live => role == Some(Role::Live),
                        Revisions::Candidate => role == Some(Role::Candidate),
                    };
                    if hit && weight > 0 {
                        self.fail_all(service, group, role, storm.requests);
                    }
                }
            }
        }
    }
}
