//! Smoke tests: requests on the test listener while it points to the candidate.

use std::time::Duration;

use crate::gate::{self, Decision};
use crate::pipeline::event::EventKind;
use crate::pipeline::walk::{Stop, Walk};
use crate::plan::SmokeTest;

/// Time between two tries.
const BETWEEN: Duration = Duration::from_secs(3);

/// Runs the tests one after the other; each is tried until it passes or its attempts are used up.
pub(in crate::pipeline) async fn smoke(
    context: &Walk<'_>,
    tests: &[SmokeTest],
    test_url: Option<&str>,
) -> Result<Decision, Stop> {
    let mut answers = Vec::new();
    for test in tests {
        let problem = match test.base.as_deref().or(test_url) {
            None => Some("there is no test listener, and the test names no `base`".to_owned()),
            Some(base) => one(context, test, base).await?,
        };
        let failed = problem.is_some();
        answers.push((test.path.clone(), problem));
        if failed {
            break;
        }
    }
    Ok(gate::smoke(&answers))
}

async fn one(context: &Walk<'_>, test: &SmokeTest, base: &str) -> Result<Option<String>, Stop> {
    let mut problem = None;
    for attempt in 1..=test.attempts.max(1) {
        if attempt > 1 {
            context.pause(BETWEEN).await?;
        }
        let page = context.unless_cancelled(context.aws.web().get(base, &test.path, test.timeout)).await?;
        problem = match &page {
            Err(error) => Some(error.clone()),
            Ok(page) if !test.status.contains(&page.status) => {
                Some(format!("status {}", page.status))
            }
            Ok(page) => test
                .contains
                .as_ref()
                .filter(|text| !page.body.contains(text.as_str()))
                .map(|text| format!("the body does not hold `{text}`")),
        };
        let detail = match (&page, &problem) {
            (_, Some(problem)) => problem.clone(),
            (Ok(page), None) => format!("status {}", page.status),
            (Err(error), None) => error.clone(),
        };
        context.emit(EventKind::Smoke {
            path: test.path.clone(),
            attempt,
            passed: problem.is_none(),
            detail,
        });
        if problem.is_none() {
            return Ok(None);
        }
    }
    Ok(problem)
}
