//! `rollback`: returns a service to a revision that was good.

use crate::cli::{Global, RollbackArgs};
use crate::config::model::{Model, Service};
use crate::domain::{ImageDigest, OutcomeKind, Revision};
use crate::error::Error;
use crate::pipeline::Until;
use crate::plan::Target;

use super::Host;
use super::job::chosen;
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &RollbackArgs,
) -> Result<OutcomeKind, Error> {
    let target = target(args.to.as_deref())?;
    session::runtime()?.block_on(async {
        let session = Session::open(host, global, args.profile.as_deref(), Voice::Aloud).await?;
        let service = one(&session.model, args.service.as_deref())?;
        let job = session.job(Until::Baked);
        let outcome = job.rollback(service, &target, args.override_alarms).await;
        session.finish("rollback", outcome, args.comment.as_deref())
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
