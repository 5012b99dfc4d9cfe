//! `plan`: what a deploy would do. Reads only.

use std::io::Write;

use crate::cli::{DeployArgs, Global};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;
use crate::plan::Plan;
use crate::report::plan_view;

use super::Host;
use super::job::{Job, Obstacle, chosen, override_images};
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let mut session =
            Session::open(host, global, args.profile.as_deref(), Voice::Silent).await?;
        override_images(&mut session.model, &args.image)?;
        let services = chosen(&session.model, &args.service)?;
        match plans(&session.job(Until::Baked), &services).await {
            Ok(plans) => show(host, global, args, &plans),
            Err(Obstacle::Cancelled) => Ok(OutcomeKind::Cancelled),
            Err(Obstacle::Error(error)) => Err(error),
        }
    })
}

async fn plans(
    job: &Job<'_>,
    services: &[&crate::config::model::Service],
) -> Result<Vec<Plan>, Obstacle> {
    let identity = job.identity().await?;
    let mut plans = Vec::new();
    for service in services {
        plans.push(job.plan(&identity, service).await?);
    }
    Ok(plans)
}

/// Prints plans; the exit code is the one that a deploy would refuse with.
fn show(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
    plans: &[Plan],
) -> Result<OutcomeKind, Error> {
    let mut stdout = host.stdout.clone();
    if global.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({
            "schema": "ha-deploy/plan/1",
            "services": plans,
        }))
        .map_err(|error| Error::bug("the plan cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
    } else {
        let _ = stdout.write_all(plan_view::text(plans).as_bytes());
    }
    if let Some(file) = &args.comment {
        session::write_file(&host.directory.join(file), &plan_view::markdown(plans))?;
    }
    let refusal = plans.iter().find_map(|plan| {
        let (_, outcome, _) = plan.refusals().next()?;
        Some(outcome)
    });
    Ok(refusal.unwrap_or(OutcomeKind::Done))
}
