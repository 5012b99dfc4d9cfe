//! `status`: what serves, what is deploying, what guards it, and what to do next. Reads only.

use std::io::Write;

use crate::cli::{Global, StatusArgs};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::observe::ImageQuery;
use crate::pipeline::Until;
use crate::report::status_view;

use super::Host;
use super::job::{Obstacle, chosen};
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &StatusArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let session = Session::open(host, global, args.profile.as_deref(), Voice::Silent).await?;
        let services = chosen(&session.model, &args.service)?;
        let job = session.job(Until::Baked);
        let observed = async {
            job.identity().await?;
            let mut observed = Vec::new();
            for service in &services {
                observed.push(job.observe(service, ImageQuery::None).await?);
            }
            Ok(observed)
        };
        let observed = match observed.await {
            Ok(observed) => observed,
            Err(Obstacle::Cancelled) => return Ok(OutcomeKind::Cancelled),
            Err(Obstacle::Error(error)) => return Err(error),
        };
        let mut stdout = host.stdout.clone();
        let environment = session.model.environment.name.as_str();
        if global.json {
            let text = status_view::json(environment, &observed)?;
            let _ = stdout.write_all(text.as_bytes());
        } else {
            let _ = stdout.write_all(status_view::text(environment, &observed).as_bytes());
        }
        Ok(OutcomeKind::Done)
    })
}
