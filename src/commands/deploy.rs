//! `deploy`: shifts traffic to a new revision of each service.

use crate::cli::{DeployArgs, Global};
use crate::config::model::ImageSelector;
use crate::docker::Setting;
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;
use crate::pipeline::image::Workshop;

use super::Host;
use super::image::{self, Folded, Manner};
use super::job::{Obstacle, chosen, override_images};
use super::session::{self, Session, Voice};

/// Services that are built at a time.
const PARALLEL: usize = 2;

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let mut session =
            Session::open(host, global, args.profile.as_deref(), Voice::Aloud).await?;
        override_images(&mut session.model, &args.image)?;
        if let Err(obstacle) = Box::pin(images(host, args, &mut session)).await {
            let outcome = session.job(Until::Baked).finish(obstacle.outcome());
            return session.finish("deploy", outcome, args.comment.as_deref());
        }
        let services = chosen(&session.model, &args.service)?;
        let until = if args.wait_termination { Until::Terminated } else { Until::Baked };
        let outcome = session.job(until).deploy(&services).await;
        session.finish("deploy", outcome, args.comment.as_deref())
    })
}

/// Brings the images that are built into the registry; from here on each service has a digest.
async fn images(host: &Host, args: &DeployArgs, session: &mut Session<'_>) -> Result<(), Obstacle> {
    let services = chosen(&session.model, &args.service)?;
    let mut commissions = Vec::new();
    for service in services.into_iter().filter(|service| service.image.selector.is_none()) {
        let commission = image::commission(host, &session.model, service, Manner::default())?;
        commissions.extend(commission.map(|commission| (commission, service.clone())));
    }
    if commissions.is_empty() {
        return Ok(());
    }
    let job = session.job(Until::Baked);
    job.identity().await?;
    let mut ready = Vec::new();
    for (mut commission, service) in commissions {
        if commission.scan.is_some() {
            commission.running = job.running(&service).await?;
        }
        ready.push(commission);
    }
    let sink = Folded::new(session.sink(), host, ready.len());
    let workshop = Workshop::new(
        job.aws,
        job.clock,
        &sink,
        job.cancel.clone(),
        &host.vars,
        Setting::default(),
    );
    let delivered = image::deliver(&workshop, &ready, PARALLEL).await?;
    for image in delivered {
        let service = session.model.services.iter_mut().find(|s| s.name.as_str() == image.service);
        if let Some(service) = service {
            service.image.selector = Some(ImageSelector::Digest(image.digest));
        }
    }
    Ok(())
}
