//! `drift`: what was changed beside CloudFormation. Changes nothing.

use std::io::Write;

use crate::cli::{DriftArgs, Global};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;
use crate::plan::stacks::DriftReport;
use crate::report::drift_view;

use super::Host;
use super::job::Obstacle;
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &DriftArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let session = Session::open(host, global, args.profile.as_deref(), Voice::Silent).await?;
        session.needs_stack()?;
        let job = session.job(Until::Baked);
        let found = async {
            job.identity().await?;
            session.works().drift(&job).await
        };
        match found.await {
            Ok(reports) => show(host, global, args, &reports),
            Err(Obstacle::Cancelled) => Ok(OutcomeKind::Cancelled),
            Err(Obstacle::Error(error)) => Err(error),
        }
    })
}

/// Prints the drift; somebody else's ends the command with 4, because only a person knows which
/// of the two is right, and drift that cannot be read with 5.
fn show(
    host: &Host,
    global: &Global,
    args: &DriftArgs,
    reports: &[DriftReport],
) -> Result<OutcomeKind, Error> {
    let mut stdout = host.stdout.clone();
    if global.json {
        let document = serde_json::json!({ "schema": "ha-deploy/drift/1", "stacks": reports });
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Error::bug("the drift cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
    } else {
        let _ = stdout.write_all(drift_view::text(reports).as_bytes());
    }
    if let Some(file) = &args.comment {
        session::write_file(&host.directory.join(file), &drift_view::markdown(reports))?;
    }
    Ok(kind(reports))
}

/// How a command that found this drift ends.
pub(super) fn kind(reports: &[DriftReport]) -> OutcomeKind {
    if reports.iter().any(|report| report.foreign().next().is_some()) {
        OutcomeKind::NeedsPerson
    } else if reports.iter().any(|report| report.failed.is_some()) {
        OutcomeKind::Inconclusive
    } else {
        OutcomeKind::Done
    }
}
