//! What `plan`, `provision`, `destroy` and `drift` share: instances, observation, the walk.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::aws::Aws;
use crate::clock::Clock;
use crate::config::model::{Model, Recovery};
use crate::domain::{Identity, ObservedStacks, Outcome, OutcomeKind};
use crate::error::Error;
use crate::observe;
use crate::pipeline::event::{Event, EventKind, Sink};
use crate::pipeline::provision::{self, Destroy, Provision};
use crate::plan::stacks::{
    Allowance, Basis, DriftReport, Instance, PlanError, StackPlan, drift_of, instances, orphans,
    planned, teardown,
};

use super::job::{Job, Obstacle};

/// Where bootstrap publishes the role that CloudFormation works as.
const EXECUTION_ROLE: &str = "/ha/account/bootstrap/execution-role-arn";

/// How long a plan waits for somebody else's operation: not at all.
const NO_PATIENCE: Duration = Duration::ZERO;

impl From<PlanError> for Error {
    fn from(error: PlanError) -> Self {
        match error {
            PlanError::NoStack => Self::invalid(error.to_string())
                .hint("Add `stack: {}` for the defaults; docs/configuration.md has the keys."),
            PlanError::Catalog(_) => Self::bug(error.to_string()),
        }
    }
}

/// The work on the stacks of one environment.
pub(super) struct Works<'a> {
    pub(super) aws: &'a Aws,
    pub(super) clock: &'a Clock,
    pub(super) sink: &'a dyn Sink,
    pub(super) cancel: CancellationToken,
    pub(super) model: &'a Model,
}

/// The regions in which an environment may have stacks.
fn regions(model: &Model) -> BTreeSet<String> {
    let mut regions = BTreeSet::from([model.environment.region.clone()]);
    if let Some(stack) = &model.stack {
        if stack.recovery != Recovery::None {
            regions.extend(stack.recovery_region.clone());
        }
        if stack.uses("cdn") {
            regions.insert("us-east-1".to_owned());
        }
    }
    regions
}

/// Reads `--allow-replacement`, each of which must name a resource of a stack.
pub(super) fn allowance(resources: &[String]) -> Result<Allowance, Error> {
    for resource in resources {
        if !resource.split_once('/').is_some_and(|(stack, id)| !stack.is_empty() && !id.is_empty())
        {
            return Err(Error::invalid(format!(
                "--allow-replacement {resource}: not STACK/RESOURCE"
            ))
            .hint("A plan prints the name, for example `db-aurora-prod/Cluster`."));
        }
    }
    Ok(resources.iter().cloned().collect())
}

/// The plan against nothing.
pub(super) fn offline(model: &Model) -> Result<StackPlan, Error> {
    let observed = ObservedStacks::default();
    let basis = Basis { model, account: None, observed: &observed };
    let instances = instances(basis)?;
    Ok(crate::plan::stacks::offline(basis, &instances))
}

impl Works<'_> {
    fn context(
        &self,
        role: Option<String>,
        allowed: Allowance,
        patience: Duration,
    ) -> Provision<'_> {
        Provision {
            aws: self.aws,
            clock: self.clock,
            sink: self.sink,
            cancel: self.cancel.clone(),
            role,
            allowed,
            patience,
            environment: Some(self.model.environment.name.to_string()),
        }
    }

    /// Identity, what exists, and what is wanted.
    async fn survey(
        &self,
        job: &Job<'_>,
    ) -> Result<(Identity, ObservedStacks, Vec<Instance>), Obstacle> {
        let identity = job.identity().await?;
        let regions = regions(self.model);
        let observed = observe::stacks(self.aws, &regions);
        let mut observed = job.unless_cancelled(observed).await?;
        let basis =
            Basis { model: self.model, account: Some(&identity.account), observed: &observed };
        let instances = instances(basis).map_err(Error::from)?;
        let values = provision::read_values(self.aws, &instances);
        observed.values = job.unless_cancelled(values).await?.values;
        Ok((identity, observed, instances))
    }

    /// Plans the stacks; `drift`: also what was changed beside CloudFormation.
    pub(super) async fn plan(
        &self,
        job: &Job<'_>,
        allowed: &Allowance,
        drift: bool,
    ) -> Result<StackPlan, Obstacle> {
        let (identity, observed, instances) = self.survey(job).await?;
        let role = self.execution_role(job).await?;
        let context = self.context(role, allowed.clone(), NO_PATIENCE);
        let sets = provision::preview(&context, &instances, &observed).await;
        let sets = sets.map_err(|(stack, fault)| {
            let error = Error::from(fault);
            Error::new(error.kind(), format!("{stack}: {error}")).caused_by(error)
        })?;
        let stacks = instances.iter().map(|instance| {
            let set = sets.get(&instance.key());
            planned(instance, identity.account.as_str(), &observed, set, allowed)
        });
        let suffix = self.model.environment.suffix.clone();
        let mut plan = StackPlan::of(suffix, true, stacks.collect());
        let wanted: Vec<_> = instances.iter().map(Instance::key).collect();
        plan.orphans = orphans(self.model, &observed, &wanted);
        if drift {
            let reports = self.drift(job).await?;
            for stack in &mut plan.stacks {
                stack.drift = drift_of(&reports, &stack.region, &stack.stack);
            }
        }
        Ok(plan)
    }

    /// The role that bootstrap made for CloudFormation; without it, the caller's own permissions
    /// are used.
    async fn execution_role(&self, job: &Job<'_>) -> Result<Option<String>, Obstacle> {
        job.unless_cancelled(self.aws.parameter(EXECUTION_ROLE)).await
    }

    /// Makes every stack what is wanted.
    pub(super) async fn provision(
        &self,
        job: &Job<'_>,
        allowed: Allowance,
        patience: Duration,
    ) -> Outcome {
        let prepared = async {
            let (_, _, instances) = self.survey(job).await?;
            Ok::<_, Obstacle>((instances, self.execution_role(job).await?))
        };
        match prepared.await {
            Ok((instances, role)) => {
                let context = self.context(role, allowed, patience);
                Box::pin(provision::provision(&context, &instances)).await
            }
            Err(obstacle) => self.finish(obstacle.outcome()),
        }
    }

    /// Takes every stack of the environment away, also those that the configuration no longer
    /// has. `confirmed`: the suffix that was typed.
    pub(super) async fn destroy(&self, job: &Job<'_>, confirmed: Option<&str>) -> Outcome {
        let environment = &self.model.environment;
        let suffix = environment.suffix.as_str();
        if confirmed.is_some_and(|typed| typed != suffix)
            || (environment.protect && confirmed.is_none())
        {
            let summary =
                format!("the environment {} is protected; nothing was deleted", environment.name);
            return self
                .finish(Outcome::new(OutcomeKind::Invalid, summary).next(format!(
                    "Type its suffix to prove that it is meant: --confirm {suffix}"
                )));
        }
        let prepared = async {
            job.identity().await?;
            let regions = regions(self.model);
            let observed = observe::stacks(self.aws, &regions);
            let observed = job.unless_cancelled(observed).await?;
            Ok::<_, Obstacle>((observed, self.execution_role(job).await?))
        };
        let (observed, role) = match prepared.await {
            Ok(prepared) => prepared,
            Err(obstacle) => return self.finish(obstacle.outcome()),
        };
        let graves = teardown(self.model, &observed);
        let services = &self.model.services;
        let also = Destroy {
            parameters: services.iter().map(|s| s.names.good_parameter.clone()).collect(),
            keeps: services
                .iter()
                .map(|s| format!("the task definitions of the family {}", s.names.service))
                .collect(),
        };
        let context = self.context(role, Allowance::new(), Duration::from_secs(30 * 60));
        Box::pin(provision::destroy(&context, &graves, &also)).await
    }

    /// How the stacks of the environment differ from their templates.
    pub(super) async fn drift(&self, job: &Job<'_>) -> Result<Vec<DriftReport>, Obstacle> {
        let regions = regions(self.model);
        let observed = observe::stacks(self.aws, &regions);
        let observed = job.unless_cancelled(observed).await?;
        let stacks: Vec<_> =
            teardown(self.model, &observed).into_iter().map(|grave| grave.key).collect();
        let context = self.context(None, Allowance::new(), NO_PATIENCE);
        match provision::drift(&context, &stacks).await {
            Ok(Some(reports)) => Ok(reports),
            Ok(None) => Err(Obstacle::Cancelled),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The drift as the end of a command.
    pub(super) async fn drift_outcome(&self, job: &Job<'_>) -> Outcome {
        let reports = match self.drift(job).await {
            Ok(reports) => reports,
            Err(obstacle) => return self.finish(obstacle.outcome()),
        };
        let foreign: Vec<String> = reports
            .iter()
            .flat_map(|report| {
                report.foreign().map(|found| format!("{}/{}", report.stack, found.resource))
            })
            .collect();
        let summary = match foreign.as_slice() {
            [] => format!("{} stacks are as their templates say", reports.len()),
            found => format!("changed beside CloudFormation: {}", found.join(", ")),
        };
        self.finish(Outcome::new(super::drift::kind(&reports), summary))
    }

    fn finish(&self, outcome: Outcome) -> Outcome {
        let kind = EventKind::Finished { outcome: outcome.clone() };
        self.sink.emit(&Event { at: self.clock.elapsed(), service: None, kind });
        outcome
    }
}
