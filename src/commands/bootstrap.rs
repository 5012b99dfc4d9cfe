//! `bootstrap`: what an account needs once, before any environment.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use crate::catalog;
use crate::cli::{BootstrapArgs, Global};
use crate::domain::{OutcomeKind, Suffix};
use crate::error::Error;
use crate::pipeline::provision::{Provision, provision};
use crate::plan::stacks::{Allowance, bootstrap};

use super::Host;
use super::session::{self, Session, Voice};

/// How long somebody else's operation on the stack is waited for.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &BootstrapArgs,
) -> Result<OutcomeKind, Error> {
    let values = values(host, args)?;
    let suffix = Suffix::new(&args.suffix)
        .map_err(|error| Error::invalid(format!("--suffix {}: {error}", args.suffix)))?;
    session::runtime()?.block_on(async {
        let mut session =
            Session::open(host, global, args.profile.as_deref(), Voice::Lines).await?;
        // The role of the configuration is what this makes.
        session.without_role(args.profile.as_deref()).await;
        let model = &session.model;
        let instance = bootstrap(&model.environment.region, &suffix, &model.app, &values)?;
        let works = session.works();
        let context = Provision {
            aws: works.aws,
            clock: works.clock,
            sink: works.sink,
            cancel: works.cancel.clone(),
            role: None,
            allowed: Allowance::new(),
            patience: PATIENCE,
            environment: None,
        };
        let job = session.job(crate::pipeline::Until::Baked);
        let outcome = match job.identity().await {
            Ok(_) => provision(&context, std::slice::from_ref(&instance)).await,
            Err(obstacle) => obstacle.outcome(),
        };
        if outcome.kind == OutcomeKind::Done && !global.json {
            let live = works.aws.stack(&instance.name).await?;
            let mut stdout = host.stdout.clone();
            for (name, value) in live.iter().flat_map(|stack| &stack.outputs) {
                let _ = writeln!(stdout, "{name}: {value}");
            }
        }
        drop(job);
        session.finish("bootstrap", outcome, None)
    })
}

/// The parameters of the template, from the arguments or from the workflow that this runs in.
fn values(host: &Host, args: &BootstrapArgs) -> Result<BTreeMap<String, String>, Error> {
    let template = match catalog::template("bootstrap") {
        Some(Ok(template)) => template,
        Some(Err(error)) => return Err(Error::bug(error.to_string())),
        None => return Err(Error::bug("there is no template `bootstrap`")),
    };
    let var = |name: &str| host.vars.get(name).filter(|value| !value.is_empty()).cloned();
    let number = |given: Option<u64>, name: &str| given.map(|id| id.to_string()).or(var(name));
    let mut values = BTreeMap::new();
    if let Some(repository) = args.repository.clone().or(var("GITHUB_REPOSITORY")) {
        let (owner, name) = repository
            .split_once('/')
            .filter(|(owner, name)| !owner.is_empty() && !name.is_empty() && !name.contains('/'))
            .ok_or_else(|| Error::invalid(format!("--repository {repository}: not OWNER/NAME")))?;
        values.insert("RepositoryOrg".to_owned(), owner.to_owned());
        values.insert("RepositoryName".to_owned(), name.to_owned());
    }
    let ids = [
        ("RepositoryId", number(args.repository_id, "GITHUB_REPOSITORY_ID")),
        ("RepositoryOwnerId", number(args.owner_id, "GITHUB_REPOSITORY_OWNER_ID")),
    ];
    values.extend(ids.into_iter().filter_map(|(name, id)| Some((name.to_owned(), id?))));
    for parameter in &args.parameter {
        let (name, value) = parameter
            .split_once('=')
            .ok_or_else(|| Error::invalid(format!("--parameter {parameter}: not NAME=VALUE")))?;
        values.insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in &values {
        let Some(declared) = template.parameter(name) else {
            let known: Vec<&str> = template.parameters.iter().map(|p| p.name.as_str()).collect();
            return Err(Error::invalid(format!(
                "the template bootstrap has no parameter `{name}`"
            ))
            .hint(format!("It has {}.", known.join(", "))));
        };
        if let Some(why) = declared.refuses(value) {
            return Err(Error::invalid(format!("{name}: `{value}` {why}")));
        }
    }
    let lacks: Vec<&str> = template
        .parameters
        .iter()
        .filter(|p| p.default.is_none() && !["App", "Suffix"].contains(&&*p.name))
        .map(|p| p.name.as_str())
        .filter(|name| !values.contains_key(*name))
        .collect();
    if !lacks.is_empty() {
        return Err(Error::invalid(format!("the template bootstrap needs {}", lacks.join(", ")))
            .hint(
                "Pass --repository, --repository-id and --owner-id, or --parameter NAME=VALUE.",
            ));
    }
    Ok(values)
}
