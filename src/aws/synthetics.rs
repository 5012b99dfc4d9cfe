//! CloudWatch Synthetics: how each canary's last run ended.

use aws_sdk_synthetics::types::CanaryRunState;

use super::{Aws, Fault};

/// The last run of one canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CanaryRun {
    /// The canary.
    pub name: String,
    /// `None` while it runs.
    pub passed: Option<bool>,
    /// When it started, in seconds since the Unix epoch.
    pub started: i64,
    /// Why it failed; text from outside.
    pub reason: String,
}

impl Aws {
    /// Reads the last run of the named canaries.
    pub async fn canary_runs(&self, names: &[String]) -> Result<Vec<CanaryRun>, Fault> {
        let answer = self
            .synthetics
            .describe_canaries_last_run()
            .set_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| Fault::of("synthetics:DescribeCanariesLastRun", error))?;
        let runs = answer.canaries_last_run().iter().filter_map(|last| {
            let run = last.last_run()?;
            let status = run.status();
            let passed = match status.and_then(|status| status.state()) {
                Some(CanaryRunState::Passed) => Some(true),
                Some(CanaryRunState::Failed) => Some(false),
                _ => None,
            };
            Some(CanaryRun {
                name: last.canary_name()?.to_owned(),
                passed,
                started: run.timeline().and_then(|line| line.started()).map_or(0, |at| at.secs()),
                reason: status.and_then(|s| s.state_reason()).unwrap_or_default().to_owned(),
            })
        });
        Ok(runs.collect())
    }
}
