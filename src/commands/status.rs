//! `status`: what serves, what is deploying, what guards it, and what to do next. Reads only.

use std::io::Write;

use crate::cli::{Global, StatusArgs};
use crate::clock::Clock;
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::observe::ImageQuery;
use crate::pipeline::Until;
use crate::report::status_view;

use super::job::{Job, Obstacle, chosen};
use super::session::{self, Silent};
use super::{Host, load};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &StatusArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        (host.signals)(host.cancel.clone());
        let model = load::model(host, global, args.profile.as_deref()).await?;
        let services = chosen(&model, &args.service)?;
        let aws = session::connect(host, global, &model, args.profile.as_deref()).await;
        let job = Job {
            aws: &aws,
            clock: &Clock::system(),
            sink: &Silent,
            cancel: host.cancel.clone(),
            model: &model,
            until: Until::Baked,
        };
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
        let environment = model.environment.name.as_str();
        if global.json {
            let text = status_view::json(environment, &observed)?;
            let _ = stdout.write_all(text.as_bytes());
        } else {
            let _ = stdout.write_all(status_view::text(environment, &observed).as_bytes());
        }
        Ok(OutcomeKind::Done)
    })
}
