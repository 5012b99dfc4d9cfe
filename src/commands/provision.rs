//! `provision`: makes the infrastructure what the configuration says.

use std::time::Duration;

use crate::cli::{Global, ProvisionArgs};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;

use super::Host;
use super::session::{self, Session, Voice};
use super::stacks;

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &ProvisionArgs,
) -> Result<OutcomeKind, Error> {
    let allowed = stacks::allowance(&args.allow_replacement)?;
    session::runtime()?.block_on(async {
        let session = Session::open(host, global, args.profile.as_deref(), Voice::Lines).await?;
        session.needs_stack()?;
        let job = session.job(Until::Baked);
        let patience = Duration::from_secs(args.wait * 60);
        let outcome = session.works().provision(&job, allowed, patience).await;
        drop(job);
        session.finish("provision", outcome, args.comment.as_deref())
    })
}
