//! `build`: brings the image of each service into the registry and prints its digest.

use std::io::Write;

use crate::cli::{BuildArgs, Global};
use crate::domain::{Outcome, OutcomeKind};
use crate::error::Error;
use crate::pipeline::Until;
use crate::pipeline::image::{Delivered, Workshop};

use super::Host;
use super::image::{self, Manner};
use super::job::{Obstacle, chosen};
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &BuildArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let session = Session::open(host, global, args.profile.as_deref(), Voice::Aloud).await?;
        let result = Box::pin(work(host, args, &session)).await;
        let outcome = match result {
            Ok(delivered) => {
                if !global.json {
                    for image in &delivered {
                        let _ = writeln!(host.stdout.clone(), "{} {}", image.service, image.digest);
                    }
                }
                let reused = delivered.iter().filter(|image| image.reused).count();
                let built = delivered.len() - reused;
                Outcome::new(
                    OutcomeKind::Done,
                    format!("{built} built and pushed, {reused} already there"),
                )
            }
            Err(obstacle) => obstacle.outcome(),
        };
        let outcome = session.job(Until::Baked).finish(outcome);
        session.finish("build", outcome, args.comment.as_deref())
    })
}

async fn work(
    host: &Host,
    args: &BuildArgs,
    session: &Session<'_>,
) -> Result<Vec<Delivered>, Obstacle> {
    let services = chosen(&session.model, &args.service)?;
    let manner = Manner { fresh: args.fresh, unchecked: args.no_check };
    let mut commissions = Vec::new();
    for service in services {
        match image::commission(host, &session.model, service, manner)? {
            Some(commission) => commissions.push(commission),
            None if args.service.is_empty() => {}
            None => {
                let message = format!("service `{}` has no `image.build`", service.name);
                return Err(Error::invalid(message).hint("Say there what it is built of.").into());
            }
        }
    }
    if commissions.is_empty() {
        return Err(Error::invalid("no service has an `image.build`")
            .hint("docs/images.md shows one; an image that exists needs no build.")
            .into());
    }
    let job = session.job(Until::Baked);
    job.identity().await?;
    let sink = image::Folded::new(session.sink(), host, commissions.len());
    let workshop = Workshop::new(
        job.aws,
        job.clock,
        &sink,
        job.cancel.clone(),
        &host.vars,
        image::setting(args.builder),
    );
    Ok(image::deliver(&workshop, &commissions, args.parallel).await?)
}
