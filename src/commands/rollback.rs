//! `rollback`: returns a service to a revision that was good.

use crate::cli::{Global, RollbackArgs};
use crate::clock::Clock;
use crate::config::model::{Model, Service};
use crate::domain::{ImageDigest, OutcomeKind, Revision};
use crate::error::Error;
use crate::pipeline::Until;
use crate::plan::Target;

use super::job::{Job, chosen};
use super::session::{self, Recorder, Tee};
use super::{Host, load};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &RollbackArgs,
) -> Result<OutcomeKind, Error> {
    let target = target(args.to.as_deref())?;
    session::runtime()?.block_on(async {
        (host.signals)(host.cancel.clone());
        let model = load::model(host, global, args.profile.as_deref()).await?;
        let service = one(&model, args.service.as_deref())?;
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
            until: Until::Baked,
        };
        let outcome = job.rollback(service, &target, args.override_alarms).await;
        drop(sink);
        let kind = outcome.kind;
        let run = session::run_of("rollback", &model, &aws, &clock, &recorder, outcome);
        session::publish(host, global, args.comment.as_deref(), &run)?;
        Ok(kind)
    })
}

/// The service that is meant; a file with several needs it named.
fn one<'a>(model: &'a Model, name: Option<&str>) -> Result<&'a Service, Error> {
    let names: Vec<String> = name.map(str::to_owned).into_iter().collect();
    match chosen(model, &names)?.as_slice() {
        [service] => Ok(service),
        several => {
            let names: Vec<&str> = several.iter().map(|service| service.name.as_str()).collect();
            Err(Error::invalid("which service is to be rolled back?")
                .hint(format!("Pass --service with one of: {}.", names.join(", "))))
        }
    }
}

/// Reads `--to`.
pub(super) fn target(text: Option<&str>) -> Result<Target, Error> {
    let Some(text) = text else { return Ok(Target::LastGood) };
    if let Some(digest) = ImageDigest::new(text) {
        return Ok(Target::Digest(digest));
    }
    if let Ok(number) = text.parse::<u32>() {
        return Ok(Target::Number(number));
    }
    Revision::parse(text).map(Target::Revision).ok_or_else(|| {
        Error::invalid(format!("--to {text}: neither a revision nor a digest"))
            .hint("Give `family:7`, `7`, or `sha256:<64 hex digits>`.")
    })
}
