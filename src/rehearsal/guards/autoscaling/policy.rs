//! Target tracking: when a policy wants another number of tasks.

use std::time::Duration;

use super::Target;
use crate::rehearsal::guards::cloudwatch::CloudWatch;

/// Closed minutes above the target that scale out, and below it that scale in: the alarms that
/// target tracking makes evaluate 3 and 15 datapoints of a minute.
const MINUTES_OUT: u32 = 3;
const MINUTES_IN: u32 = 15;
/// The share of the target below which those alarms count as low.
const LOW: f64 = 0.9;

impl Target {
    /// What the policies want now, with the policy that decides.
    ///
    /// Scaling out wins over scaling in, and scaling in only happens when every policy agrees:
    /// "Target tracking scaling policies", "Considerations".
    pub(super) fn wanted(&self, now: Duration, metrics: &CloudWatch) -> Option<(u32, &str)> {
        let cooled = |last: Option<Duration>, cooldown: Duration| {
            last.is_none_or(|last| now.saturating_sub(last) >= cooldown)
        };
        let mut out: Option<(u32, &str)> = None;
        let mut inward: Vec<Option<(u32, &str)>> = Vec::new();
        for policy in &self.policies {
            let minutes = |count| {
                // Two more minutes are asked for: the newest ones may not have arrived.
                let mut values = metrics.latest(
                    now,
                    &policy.metric,
                    policy.statistic,
                    Duration::from_secs(60),
                    count + 2,
                );
                let surplus =
                    values.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
                values.drain(..surplus);
                values
            };
            let high = minutes(MINUTES_OUT);
            let all_high =
                high.len() == MINUTES_OUT as usize && high.iter().all(|v| *v > policy.target);
            if all_high && cooled(self.last_out, policy.scale_out_cooldown) {
                let desired =
                    self.proportional(high.last().copied(), policy.target).max(self.current);
                if out.is_none_or(|(most, _)| desired > most) {
                    out = Some((desired, &policy.name));
                }
            }
            let low = minutes(MINUTES_IN);
            let all_low =
                low.len() == MINUTES_IN as usize && low.iter().all(|v| *v < policy.target * LOW);
            let wants = all_low && cooled(self.last_any, policy.scale_in_cooldown);
            inward.push(wants.then(|| {
                (
                    self.proportional(low.last().copied(), policy.target).min(self.current),
                    policy.name.as_str(),
                )
            }));
        }
        if out.is_some() {
            return out;
        }
        let agreed: Option<Vec<(u32, &str)>> = inward.into_iter().collect();
        agreed?.into_iter().max_by_key(|(desired, _)| *desired)
    }

    /// Enough tasks to bring a mean over the tasks back to the target.
    fn proportional(&self, value: Option<f64>, target: f64) -> u32 {
        let ratio = value.map_or(1.0, |value| value / target);
        let wanted = (f64::from(self.current) * ratio).ceil();
        if wanted.is_finite() {
            wanted.clamp(0.0, f64::from(self.max)) as u32
        } else {
            self.current
        }
    }
}
