//! Charges of alarms, canaries, keys and secrets.

use crate::catalog::evaluate::Resolved;

use super::money::Amount;
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
            "AWS::KMS::Key" | "AWS::KMS::ReplicaKey" => {
                let note = "its first two rotations cost as much again each";
                let rotated =
                    site.at(&["EnableKeyRotation"]).and_then(Resolved::flag) == Some(true);
                let charge = Charge::fixed("key", 1);
                self.charge(site, if rotated { charge.note(note) } else { charge });
            }
            "AWS::SecretsManager::Secret" => self.charge(site, Charge::fixed("secret", 1)),
            _ => return false,
        }
        true
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
