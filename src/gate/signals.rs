//! Gates on signals that others compute: alarms, Synthetics canaries, tasks, smoke tests.

use super::{Decision, Verdict};
use crate::domain::{AlarmReading, AlarmState, Weight};

/// Judges alarms: any that fires rolls back. CodeDeploy watches the same ones; this gate says
/// which it was and acts when CodeDeploy cannot read them.
pub fn alarms(readings: &[AlarmReading]) -> Decision {
    let firing: Vec<&AlarmReading> =
        readings.iter().filter(|alarm| alarm.state == AlarmState::Alarm).collect();
    let (verdict, evidence) = match firing.as_slice() {
        [] => (Verdict::Hold, format!("{} alarm(s), none firing", readings.len())),
        firing => {
            let words: Vec<String> =
                firing.iter().map(|alarm| format!("{}: {}", alarm.name, alarm.reason)).collect();
            (Verdict::Rollback, words.join("; "))
        }
    };
    Decision { gate: "alarms", verdict, evidence }
}

/// The last run of a Synthetics canary, as this gate reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The canary.
    pub name: String,
    /// `None` while it runs.
    pub passed: Option<bool>,
    /// When it started, in seconds since the Unix epoch.
    pub started: i64,
    /// Why it failed; text from outside.
    pub reason: String,
}

/// Judges Synthetics canaries: a run that started after traffic began to move (`since`, seconds
/// since the Unix epoch) and failed rolls back; older runs tell nothing about the candidate.
pub fn synthetics(runs: &[Run], since: i64) -> Decision {
    let failed = runs.iter().find(|run| run.passed == Some(false) && run.started >= since);
    let (verdict, evidence) = match failed {
        Some(run) => (Verdict::Rollback, format!("canary {} failed: {}", run.name, run.reason)),
        None => {
            let passed = runs.iter().filter(|run| run.passed == Some(true) && run.started >= since);
            (Verdict::Hold, format!("{} of {} canaries passed since", passed.count(), runs.len()))
        }
    };
    Decision { gate: "synthetics", verdict, evidence }
}

/// Stopped tasks of the candidate, before it has any traffic, that end the wait for it. CodeDeploy
/// itself waits an hour for a steady state.
const CRASHES: usize = 3;

/// Judges how many tasks of the candidate stopped. Once it has traffic, health checks and alarms
/// judge it: a single replaced task is no verdict.
pub fn crashes(stopped: usize, before_traffic: bool) -> Decision {
    let verdict =
        if before_traffic && stopped >= CRASHES { Verdict::Rollback } else { Verdict::Hold };
    let evidence = format!("{stopped} task(s) of the candidate stopped before they were healthy");
    Decision { gate: "tasks", verdict, evidence }
}

/// Judges a candidate that has traffic by its running tasks: with none of them its users get
/// nothing, whatever the metrics say a minute later.
pub fn serving(running: u32, share: Weight) -> Decision {
    let dead = running == 0 && share > Weight::NONE;
    let verdict = if dead { Verdict::Rollback } else { Verdict::Hold };
    let evidence =
        format!("{running} task(s) of the candidate run, and it has {share} of the traffic");
    Decision { gate: "serving", verdict, evidence }
}

/// Judges smoke tests by the answers that the last attempts gave: `(path, problem)`.
pub fn smoke(answers: &[(String, Option<String>)]) -> Decision {
    let failed = answers.iter().find_map(|(path, problem)| Some((path, problem.as_ref()?)));
    let (verdict, evidence) = match failed {
        Some((path, problem)) => (Verdict::Rollback, format!("GET {path}: {problem}")),
        None => (Verdict::Promote, format!("{} smoke test(s) passed", answers.len())),
    };
    Decision { gate: "smoke", verdict, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(name: &str, state: AlarmState) -> AlarmReading {
        AlarmReading { name: name.into(), state, reason: "why".into() }
    }

    #[test]
    fn one_firing_alarm_rolls_back_and_is_named() {
        let quiet = [reading("a", AlarmState::Ok), reading("b", AlarmState::InsufficientData)];
        assert_eq!(alarms(&quiet).verdict, Verdict::Hold);
        let decision = alarms(&[reading("a", AlarmState::Ok), reading("p99", AlarmState::Alarm)]);
        assert_eq!(decision.verdict, Verdict::Rollback);
        assert_eq!(decision.evidence, "p99: why");
    }

    #[test]
    fn a_canary_run_from_before_the_shift_tells_nothing() {
        let run = |started, passed| Run {
            name: "heartbeat".into(),
            passed,
            started,
            reason: "timeout".into(),
        };
        assert_eq!(synthetics(&[run(99, Some(false))], 100).verdict, Verdict::Hold);
        assert_eq!(synthetics(&[run(100, None)], 100).verdict, Verdict::Hold);
        assert_eq!(synthetics(&[run(100, Some(false))], 100).verdict, Verdict::Rollback);
    }

    #[test]
    fn tasks_are_judged_by_whether_users_need_them() {
        assert_eq!(crashes(2, true).verdict, Verdict::Hold);
        assert_eq!(crashes(3, true).verdict, Verdict::Rollback);
        assert_eq!(crashes(3, false).verdict, Verdict::Hold);
        assert_eq!(serving(0, Weight::NONE).verdict, Verdict::Hold);
        assert_eq!(serving(1, Weight::ALL).verdict, Verdict::Hold);
        assert_eq!(serving(0, Weight::ALL).verdict, Verdict::Rollback);
    }

    #[test]
    fn every_smoke_test_must_pass() {
        let passed = ("/health".to_owned(), None);
        let failed = ("/ready".to_owned(), Some("status 500".to_owned()));
        assert_eq!(smoke(std::slice::from_ref(&passed)).verdict, Verdict::Promote);
        let decision = smoke(&[passed, failed]);
        assert_eq!(
            (decision.verdict, decision.evidence.as_str()),
            (Verdict::Rollback, "GET /ready: status 500")
        );
    }
}
