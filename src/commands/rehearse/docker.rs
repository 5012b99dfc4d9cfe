//! `rehearse --docker`: a real image, built by a real engine and pushed to a real registry, which the
//! embedded ECR stands for. Its digest is what the rehearsal then deploys.

use std::net::SocketAddr;

use crate::cli::Global;
use crate::clock::Clock;
use crate::commands::image::{Folded, Manner, commission};
use crate::commands::{Host, session};
use crate::config::model::ImageSelector;
use crate::docker::Setting;
use crate::error::Error;
use crate::pipeline::image::Workshop;
use crate::rehearsal::scenario;
use crate::rehearsal::world::Cloud;

use super::one::connect;
use super::stage::Stage;

/// Builds and pushes the image of the stage's service, in real time: an engine has no virtual one.
pub(super) fn build(
    host: &Host,
    global: &Global,
    stage: &mut Stage,
    registry: SocketAddr,
) -> Result<(), Error> {
    if !registry.ip().is_loopback() {
        return Err(Error::invalid(format!("{registry} is no loopback address"))
            .hint("A rehearsal pushes to a registry on this machine only."));
    }
    let name = stage.service()?.name.clone();
    let work = commission(host, &stage.model, stage.service()?, Manner::default())?;
    let work = work.ok_or_else(|| {
        Error::invalid(format!("service `{name}` has no `image.build`"))
            .hint("Say there what it is built of; examples/orders has one.")
    })?;
    // Troubles of a scenario are for the deployment: the build meets a healthy cloud.
    let healthy = scenario::find("healthy").ok_or_else(|| Error::bug("no scenario `healthy`"))?;
    let healthy = healthy.scenario().map_err(|error| Error::bug(error.to_string()))?;
    let setup = stage.setup(&healthy)?;
    let region = stage.model.environment.region.clone();
    let console = session::lines(host, global, &stage.model);
    let delivered = session::runtime()?.block_on(async {
        (host.signals)(host.cancel.clone());
        let clock = Clock::starting_at(setup.epoch);
        let cloud = Cloud::new(setup, healthy, 1);
        let aws = connect(&cloud, clock, &region);
        let sink = Folded::new(console, host, 1);
        let cancel = host.cancel.clone();
        let workshop = Workshop::new(&aws, &clock, &sink, cancel, &host.vars, Setting::default());
        workshop.deliver(&work).await
    })?;
    for service in &mut stage.model.services {
        service.image.selector = Some(ImageSelector::Digest(delivered.digest.clone()));
    }
    Ok(())
}
