//! `deploy`: shifts traffic to a new revision of each service.

use crate::cli::{DeployArgs, Global};
use crate::clock::Clock;
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;

use super::job::{Job, chosen, override_images};
use super::session::{self, Recorder, Tee};
use super::{Host, load};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        (host.signals)(host.cancel.clone());
        let mut model = load::model(host, global, args.profile.as_deref()).await?;
        override_images(&mut model, &args.image)?;
        let services = chosen(&model, &args.service)?;
        let aws = session::connect(host, global, &model, args.profile.as_deref()).await;
        let clock = Clock::system();
        let recorder = Recorder::default();
        let sink =
            Tee { recorder: recorder.clone(), console: session::console(host, global, &model) };
        let job = Job {
            aws: &aws,
            clock: &clock,
            sink: &sink,
            cancel: host.cancel.clone(),
            model: &model,
            until: if args.wait_termination { Until::Terminated } else { Until::Baked },
        };
        let outcome = job.deploy(&services).await;
        drop(sink);
        let kind = outcome.kind;
        let run = session::run_of("deploy", &model, &aws, &clock, &recorder, outcome);
        session::publish(host, global, args.comment.as_deref(), &run)?;
        Ok(kind)
    })
}
