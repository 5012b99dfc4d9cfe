//! Serves the embedded cloud on a loopback address.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::cli::RehearseArgs;
use crate::commands::{Host, session};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::rehearsal::scenario::Scenario;
use crate::rehearsal::server;
use crate::rehearsal::world::Cloud;

use super::stage::Stage;

pub(super) fn serve(
    host: &Host,
    stage: &Stage,
    scenario: Scenario,
    args: &RehearseArgs,
    address: SocketAddr,
) -> Result<OutcomeKind, Error> {
    if !address.ip().is_loopback() {
        return Err(Error::invalid(format!("{address} is no loopback address")).hint(
            "The embedded cloud checks no signatures: serve it on 127.0.0.1 or [::1] only.",
        ));
    }
    if !(args.speed.is_finite() && (0.01..=1000.0).contains(&args.speed)) {
        return Err(Error::invalid(format!(
            "--speed {}: must be between 0.01 and 1000",
            args.speed
        )));
    }
    let setup = stage.setup(&scenario)?;
    let service = stage.service()?.clone();
    let cloud = Cloud::new(setup, scenario, args.seed);
    session::runtime()?.block_on(async {
        (host.signals)(host.cancel.clone());
        let listener = TcpListener::bind(address).await.map_err(|error| {
            Error::invalid(format!("{address} cannot be listened on")).caused_by(error)
        })?;
        let bound = listener.local_addr().unwrap_or(address);
        let mut stderr = host.stderr.clone();
        let region = &stage.model.environment.region;
        let _ = writeln!(
            stderr,
            "serving on http://{bound} at speed {}; in another shell:\n\
             \x20 export AWS_ENDPOINT_URL=http://{bound} AWS_REGION={region}\n\
             \x20 export AWS_ACCESS_KEY_ID=rehearsal AWS_SECRET_ACCESS_KEY=rehearsal\n\
             \x20 aws ecs describe-services --cluster {} --services {}\n\
             Ctrl-C ends it.",
            args.speed, service.names.cluster, service.names.service
        );
        server::serve(listener, Arc::new(cloud), args.speed, host.cancel.clone())
            .await
            .map_err(|error| Error::invalid("the server ended").caused_by(error))?;
        Ok(OutcomeKind::Done)
    })
}
