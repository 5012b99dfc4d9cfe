//! `destroy`: takes the infrastructure of an environment away.

use crate::cli::{DestroyArgs, Global};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;

use super::Host;
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &DestroyArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let session = Session::open(host, global, args.profile.as_deref(), Voice::Lines).await?;
        session.needs_stack()?;
        let job = session.job(Until::Baked);
        let outcome = session.works().destroy(&job, args.confirm.as_deref()).await;
        drop(job);
        session.finish("destroy", outcome, args.comment.as_deref())
    })
}
