//! Charges of alarms, canaries, keys and secrets.

use crate::catalog::evaluate::Resolved;

use super::money::{Amount, Span};
use super::sheet::{Charge, HOURS, Sheet, Site};

impl Sheet<'_> {
    /// Charges a resource of this file's types; `false`: it is none.
    pub(super) fn watch(&mut self, site: Site<'_>) -> bool {
        match site.resource.kind.as_str() {
            "AWS::CloudWatch::Alarm" => self.alarm(site),
            "AWS::CloudWatch::CompositeAlarm" => {
                self.charge(site, Charge::fixed("alarm-composite", 1));
            }
            "AWS::CloudWatch::Dashboard" => {
                let note = "three dashboards are free for an account";
                self.charge(site, Charge::fixed("dashboard", 1).note(note));
            }
            "AWS::Synthetics::Canary" => self.canary(site),
            "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => self.key(site),
            "AWS::ECS::Cluster" => self.insights(site),
            "AWS::SecretsManager::Secret" => self.charge(site, Charge::fixed("secret", 1)),
            _ => return false,
        }
        true
    }

    /// A key costs as much again after each of its first two rotations (page `kms`).
    fn key(&mut self, site: Site<'_>) {
        let charge = Charge::fixed("key", 1);
        if site.at(&["EnableKeyRotation"]).and_then(Resolved::flag) != Some(true) {
            return self.charge(site, charge);
        }
        let amount = Span { high: Amount::from(3), ..charge.amount };
        self.charge(site, Charge { amount, ..charge }.note("high: after two rotations"));
    }

    /// An alarm is charged for each metric that it reads.
    fn alarm(&mut self, site: Site<'_>) {
        let metrics = site.at(&["Metrics"]).and_then(Resolved::list).unwrap_or_default();
        let read = metrics.iter().filter(|metric| metric.at(&["MetricStat"]).is_some()).count();
        let count = u64::try_from(read.max(1)).unwrap_or(u64::MAX);
        let fast =
            |period: Option<&Resolved>| period.and_then(Resolved::whole).is_some_and(|s| s < 60);
        let high = fast(site.at(&["Period"]))
            || metrics.iter().any(|metric| fast(metric.at(&["MetricStat", "Period"])));
        let key = if high { "alarm-high-resolution" } else { "alarm" };
        self.charge(site, Charge::fixed(key, count));
    }

    /// Container Insights is on unless the cluster says otherwise.
    fn insights(&mut self, site: Site<'_>) {
        let settings = site.at(&["ClusterSettings"]).and_then(Resolved::list).unwrap_or_default();
        let value = settings.iter().find_map(|setting| {
            let name = setting.at(&["Name"]).and_then(Resolved::scalar)?;
            (name == "containerInsights").then(|| setting.at(&["Value"]).and_then(Resolved::scalar))
        });
        let metrics = self.usage.container_metrics;
        match value.flatten().as_deref() {
            Some("enhanced") => self.charge(site, Charge::usage("container-metric", metrics)),
            Some("enabled") => self.charge(site, Charge::usage("metric", metrics)),
            Some("disabled") | None => self.free(site, "a cluster is free"),
            Some(other) => self.unpriced(site, format!("Container Insights `{other}`")),
        }
    }

    fn canary(&mut self, site: Site<'_>) {
        let schedule = site.text(&["Schedule", "Expression"]).unwrap_or_default();
        match runs(&schedule) {
            Some(runs) => self.charge(site, Charge::fixed("canary-run", runs).note(schedule)),
            None => self.unpriced(site, "how often it runs is not known"),
        }
    }
}

/// Runs in a month of `rate(5 minutes)`; schedules of cron are not counted.
pub(super) fn runs(schedule: &str) -> Option<Amount> {
    let rate = schedule.trim().strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = rate.trim().split_once(' ')?;
    let count: u64 = count.parse().ok()?;
    let minutes = match unit.trim() {
        "minute" | "minutes" => count,
        "hour" | "hours" => count.checked_mul(60)?,
        _ => return None,
    };
    // `rate(0 minute)` runs once, when it is started.
    (minutes > 0).then(|| Amount::from(HOURS * 60).over(minutes))
}
