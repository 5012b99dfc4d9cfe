//! The gate on what ECR's scan found.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::aws::Scan;
use crate::domain::{ImageDigest, OutcomeKind, Vulnerability};
use crate::error::Error;
use crate::pipeline::event::EventKind;

use super::{Commission, Workshop};

/// Time between two looks at a scan that goes on.
const LOOK: Duration = Duration::from_secs(5);
/// Findings that an error names.
const NAMED: usize = 5;

/// What a scan may find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanPolicy {
    /// Findings of this severity and above stop the deployment.
    pub severity: Severity,
    /// How long to wait for the scan.
    pub wait: Duration,
    /// Accepted findings, and the second since the Unix epoch at which that ends.
    pub allow: BTreeMap<String, i64>,
}

/// How bad a finding is; the least bad first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `LOW`.
    Low,
    /// `MEDIUM`.
    Medium,
    /// `HIGH`.
    High,
    /// `CRITICAL`.
    Critical,
}

impl Severity {
    /// Reads ECR's word. One that is not known counts as high: it may not slip through.
    fn of(word: &str) -> Option<Self> {
        match word {
            "CRITICAL" => Some(Self::Critical),
            "MEDIUM" => Some(Self::Medium),
            "LOW" => Some(Self::Low),
            "INFORMATIONAL" | "UNDEFINED" | "UNTRIAGED" => None,
            _ => Some(Self::High),
        }
    }
}

/// What a policy says of findings.
#[derive(Debug, PartialEq, Eq)]
struct Judged<'a> {
    stopping: Vec<&'a Vulnerability>,
    /// Accepted until a day that is over; among the stopping ones.
    expired: BTreeSet<&'a str>,
    accepted: usize,
}

fn judge<'a>(found: &'a [Vulnerability], policy: &ScanPolicy, now: i64) -> Judged<'a> {
    let mut judged = Judged { stopping: Vec::new(), expired: BTreeSet::new(), accepted: 0 };
    for finding in found {
        if Severity::of(&finding.severity) < Some(policy.severity) {
            continue;
        }
        match policy.allow.get(&finding.id) {
            Some(until) if now < *until => judged.accepted += 1,
            until => {
                if until.is_some() {
                    judged.expired.insert(&finding.id);
                }
                judged.stopping.push(finding);
            }
        }
    }
    judged
}

impl Workshop<'_> {
    /// Waits for the scan and judges it; gives the result in words.
    pub(super) async fn scan(
        &self,
        commission: &Commission,
        policy: &ScanPolicy,
        digest: &ImageDigest,
    ) -> Result<String, Error> {
        let found = self.findings(commission, policy, digest).await?;
        let now = i64::try_from(self.clock.now().as_secs()).unwrap_or(i64::MAX);
        let judged = judge(&found, policy, now);
        let before = match &commission.running {
            Some(running) if running != digest => {
                match self.unless_cancelled(self.aws.scan(&commission.repository, running)).await? {
                    Ok(Scan::Done(before)) => Some(before),
                    // The comparison is for people; it must not stop a deployment.
                    _ => None,
                }
            }
            _ => None,
        };
        let ids = |found: &[Vulnerability]| -> BTreeSet<String> {
            found.iter().map(|finding| finding.id.clone()).collect()
        };
        let delta = before.as_deref().map(|before| {
            let (old, new) = (ids(before), ids(&found));
            let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
                one.difference(other).cloned().collect::<Vec<String>>()
            };
            (only(&new, &old), only(&old, &new))
        });
        let (added, removed) = match delta {
            Some((added, removed)) => (Some(added), Some(removed)),
            None => (None, None),
        };
        self.emit(
            &commission.service,
            EventKind::Scanned {
                digest: digest.clone(),
                stopping: judged.stopping.iter().map(|finding| (*finding).clone()).collect(),
                found: found.len(),
                accepted: judged.accepted,
                added,
                removed,
            },
        );
        if judged.stopping.is_empty() {
            return Ok(format!(
                "{} found, {} accepted, none that stops",
                found.len(),
                judged.accepted
            ));
        }
        let named: Vec<String> = judged
            .stopping
            .iter()
            .take(NAMED)
            .map(|finding| format!("{} ({}, {})", finding.id, finding.severity, finding.package))
            .collect();
        let count = judged.stopping.len();
        let more = if count > NAMED { " …" } else { "" };
        let mut error = Error::invalid(format!(
            "scanning found {count} that may not be deployed: {}{more}",
            named.join(", ")
        ))
        .hint("Update the packages that have them, or accept one for a time under `image.scan.allow`.");
        if !judged.expired.is_empty() {
            let ids: Vec<&str> = judged.expired.into_iter().collect();
            error = error.hint(format!("Accepted until a day that is over: {}.", ids.join(", ")));
        }
        Err(error)
    }

    async fn findings(
        &self,
        commission: &Commission,
        policy: &ScanPolicy,
        digest: &ImageDigest,
    ) -> Result<Vec<Vulnerability>, Error> {
        let begin = self.clock.elapsed();
        loop {
            let scan = self.aws.scan(&commission.repository, digest);
            let state = match self.unless_cancelled(scan).await?? {
                Scan::Done(found) => return Ok(found),
                Scan::Running => "the scan is not over".to_owned(),
                Scan::None(why) => format!("there is no scan: {why}"),
            };
            // A scan on push begins a moment after the push, so "none" is waited for as well.
            if self.clock.elapsed().saturating_sub(begin) >= policy.wait {
                return Err(Error::new(
                    OutcomeKind::Inconclusive,
                    format!("{} s after the push {state}", policy.wait.as_secs()),
                )
                .hint("Turn scanning on push on for the repository, or raise `image.scan.wait`."));
            }
            self.pause(LOOK).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(id: &str, severity: &str) -> Vulnerability {
        Vulnerability { id: id.into(), severity: severity.into(), package: "p".into() }
    }

    #[test]
    fn what_is_accepted_is_accepted_until_its_day_is_over() {
        let policy = ScanPolicy {
            severity: Severity::High,
            wait: Duration::ZERO,
            allow: BTreeMap::from([("CVE-2".to_owned(), 100)]),
        };
        let found = [
            finding("CVE-1", "MEDIUM"),
            finding("CVE-2", "CRITICAL"),
            finding("CVE-3", "HIGH"),
            finding("CVE-4", "UNDEFINED"),
            finding("CVE-5", "A-NEW-WORD"),
        ];
        let judged = judge(&found, &policy, 99);
        let ids: Vec<&str> = judged.stopping.iter().map(|finding| &*finding.id).collect();
        assert_eq!((ids, judged.accepted), (vec!["CVE-3", "CVE-5"], 1));
        let judged = judge(&found, &policy, 100);
        assert_eq!(judged.stopping.len(), 3);
        assert!(judged.expired.contains("CVE-2"));
    }
}
