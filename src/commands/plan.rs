//! `plan`: what a provision and a deploy would do. Changes nothing that stays.

use std::io::Write;

use crate::cli::{DeployArgs, Global, PlanArgs};
use crate::config::model::{ImageSelector, Model, Service};
use crate::docker::Setting;
use crate::domain::{ImagePlan, OutcomeKind, ServiceName};
use crate::error::Error;
use crate::pipeline::Until;
use crate::pipeline::image::Workshop;
use crate::plan::Plan;
use crate::plan::cost::{self, Estimate, Prices, Usage};
use crate::plan::stacks::{StackAction, StackPlan};
use crate::report::{cost_view, plan_view, stack_view};

use super::image::{self, Manner};
use super::job::{Job, Obstacle, chosen, override_images};
use super::session::{self, Session, Voice};
use super::{Host, load, stacks};

pub(super) fn command(host: &Host, global: &Global, args: &PlanArgs) -> Result<OutcomeKind, Error> {
    let usage = usage(host, args)?;
    if args.offline {
        return offline(host, global, &args.deploy, &usage);
    }
    let allowed = stacks::allowance(&args.allow_replacement)?;
    session::runtime()?.block_on(async {
        let deploy = &args.deploy;
        let mut session =
            Session::open(host, global, deploy.profile.as_deref(), Voice::Silent).await?;
        override_images(&mut session.model, &deploy.image)?;
        if args.drift {
            session.needs_stack()?;
        }
        let images = match Box::pin(images(host, deploy, &mut session)).await {
            Ok(images) => images,
            Err(Obstacle::Cancelled) => return Ok(OutcomeKind::Cancelled),
            Err(Obstacle::Error(error)) => return Err(error),
        };
        // What is not built yet has no digest, and without one there is no task definition to plan.
        let built = |service: &&Service| {
            !images.iter().any(|i| i.service == service.name.as_str() && i.digest.is_none())
        };
        let services: Vec<&Service> =
            chosen(&session.model, &deploy.service)?.into_iter().filter(built).collect();
        let job = session.job(Until::Baked);
        let planned = async {
            let stack = match &session.model.stack {
                Some(_) => Some(session.works().plan(&job, &allowed, args.drift).await?),
                None => None,
            };
            let plans = plans(&job, &services, stack.as_ref()).await?;
            let cost =
                stack.as_ref().map(|stack| estimate(stack, &session.model, &usage)).transpose()?;
            Ok((stack, Plans { images, cost, ..plans }))
        };
        match planned.await {
            Ok((stack, plans)) => show(host, global, deploy, stack.as_ref(), &plans),
            Err(Obstacle::Cancelled) => Ok(OutcomeKind::Cancelled),
            Err(Obstacle::Error(error)) => Err(error),
        }
    })
}

/// The stack against nothing; a deployment is always against something.
fn offline(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
    usage: &Usage,
) -> Result<OutcomeKind, Error> {
    let text = load::bytes(host, &global.config)?;
    let model = load::load(host, global, &text, &load::lookup(host))?.model;
    let plan = stacks::offline(&model)?;
    let cost = Some(estimate(&plan, &model, usage)?);
    show(host, global, args, Some(&plan), &Plans { cost, ..Plans::default() })
}

/// Reads the usage file, if there is one; every fault is named at once.
fn usage(host: &Host, args: &PlanArgs) -> Result<Usage, Error> {
    let Some(file) = &args.usage else { return Ok(Usage::default()) };
    let name = file.display();
    let text = std::fs::read_to_string(host.directory.join(file))
        .map_err(|error| Error::invalid(format!("{name} cannot be read")).caused_by(error))?;
    Usage::read(&text).map_err(|faults| {
        let lines = faults.iter().map(|fault| {
            let line = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
            let key = fault.key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default();
            format!("{name}{line}: {key}{}", fault.message)
        });
        Error::invalid(lines.collect::<Vec<_>>().join("\n"))
            .hint("docs/cost.md lists the figures and their units.")
    })
}

/// What the stacks cost in a month, as they will be.
fn estimate(plan: &StackPlan, model: &Model, usage: &Usage) -> Result<Estimate, Error> {
    let prices = Prices::embedded()
        .map_err(|error| Error::bug("the table of prices cannot be read").caused_by(error))?;
    let zones = model.stack.as_ref().map_or(3, |stack| u64::from(stack.zones));
    let stacks: Vec<cost::Stack> = plan
        .stacks
        .iter()
        .map(|stack| {
            let resources = stack.resources.iter();
            let resources = resources.map(|r| (r.id.as_str(), r.kind.as_str(), &r.properties));
            let service = stack.service.as_ref().map(ServiceName::as_str);
            cost::Stack::resolved(&stack.stack, &stack.region, service, resources)
        })
        .collect();
    Ok(cost::estimate(&stacks, zones, usage, &prices))
}

/// The plans of deployments, and the services that have none yet.
#[derive(Debug, Default)]
struct Plans {
    images: Vec<ImagePlan>,
    cost: Option<Estimate>,
    plans: Vec<Plan>,
    later: Vec<ServiceName>,
}

/// What a deploy would do for an image that is built; one that the registry has is planned by digest.
async fn images(
    host: &Host,
    args: &DeployArgs,
    session: &mut Session<'_>,
) -> Result<Vec<ImagePlan>, Obstacle> {
    let mut commissions = Vec::new();
    for service in chosen(&session.model, &args.service)? {
        if service.image.selector.is_none() {
            let manner = Manner::default();
            commissions.extend(image::commission(host, &session.model, service, manner)?);
        }
    }
    if commissions.is_empty() {
        return Ok(Vec::new());
    }
    let job = session.job(Until::Baked);
    job.identity().await?;
    let sink = session.sink();
    let cancel = job.cancel.clone();
    let workshop = Workshop::new(job.aws, job.clock, sink, cancel, &host.vars, Setting::default());
    let mut images = Vec::new();
    for commission in &commissions {
        let prospect = workshop.look(commission).await?;
        images.push(ImagePlan {
            service: commission.service.clone(),
            repository: commission.repository.clone(),
            tag: prospect.content.tag,
            digest: prospect.digest,
            checked: commission.wish.is_some(),
            scanned: commission.scan.is_some(),
        });
    }
    for image in &images {
        let service = session.model.services.iter_mut().find(|s| s.name.as_str() == image.service);
        if let (Some(service), Some(digest)) = (service, &image.digest) {
            service.image.selector = Some(ImageSelector::Digest(digest.clone()));
        }
    }
    Ok(images)
}

async fn plans(
    job: &Job<'_>,
    services: &[&Service],
    stack: Option<&StackPlan>,
) -> Result<Plans, Obstacle> {
    let identity = job.identity().await?;
    let mut plans = Plans::default();
    for service in services {
        if stack.is_some_and(|stack| is_new(stack, &service.name)) {
            plans.later.push(service.name.clone());
        } else {
            plans.plans.push(job.plan(&identity, service).await?);
        }
    }
    Ok(plans)
}

/// Whether the service itself is still to be made.
fn is_new(stack: &StackPlan, service: &ServiceName) -> bool {
    stack.stacks.iter().any(|planned| {
        planned.service.as_ref() == Some(service)
            && planned.template.starts_with("service")
            && matches!(planned.action, StackAction::Create | StackAction::Recreate)
    })
}

/// Prints plans; the exit code is the one that a provision or deploy would refuse with.
fn show(
    host: &Host,
    global: &Global,
    args: &DeployArgs,
    stack: Option<&StackPlan>,
    plans: &Plans,
) -> Result<OutcomeKind, Error> {
    let mut stdout = host.stdout.clone();
    if global.json {
        let text = serde_json::to_string_pretty(&serde_json::json!({
            "schema": "ha-deploy/plan/1",
            "stack": stack,
            "cost": plans.cost,
            "images": plans.images,
            "services": plans.plans,
            "after_provision": plans.later,
        }))
        .map_err(|error| Error::bug("the plan cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
    } else {
        if let Some(stack) = stack {
            let _ = stdout.write_all(stack_view::text(stack).as_bytes());
        }
        if let Some(cost) = &plans.cost {
            let _ = stdout.write_all(cost_view::text(cost).as_bytes());
        }
        let _ = stdout.write_all(plan_view::images_text(&plans.images).as_bytes());
        let _ = stdout.write_all(plan_view::text(&plans.plans).as_bytes());
        for service in &plans.later {
            let _ = writeln!(stdout, "{service}: deployed for the first time by `provision`");
        }
    }
    if let Some(file) = &args.comment {
        let stack = stack.map(stack_view::markdown).unwrap_or_default();
        let cost = plans.cost.as_ref().map(cost_view::markdown).unwrap_or_default();
        let text = plan_view::markdown(&plans.images, &plans.plans) + &stack + &cost;
        session::write_file(&host.directory.join(file), &text)?;
    }
    let lost = stack.is_some_and(|stack| stack.refused().next().is_some());
    let refusal = plans.plans.iter().find_map(|plan| {
        let (_, outcome, _) = plan.refusals().next()?;
        Some(outcome)
    });
    Ok(if lost { OutcomeKind::Invalid } else { refusal.unwrap_or(OutcomeKind::Done) })
}
