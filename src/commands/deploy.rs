//! `deploy`: shifts traffic to a new revision of each service.

use crate::cli::{DeployArgs, Global};
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::pipeline::Until;

use super::Host;
use super::job::{chosen, override_images};
use super::session::{self, Session, Voice};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        let mut session =
            Session::open(host, global, args.profile.as_deref(), Voice::Aloud).await?;
        override_images(&mut session.model, &args.image)?;
        let services = chosen(&session.model, &args.service)?;
        let until = if args.wait_termination { Until::Terminated } else { Until::Baked };
        let outcome = session.job(until).deploy(&services).await;
        session.finish("deploy", outcome, args.comment.as_deref())
    })
}
