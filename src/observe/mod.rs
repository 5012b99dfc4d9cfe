//! Reads what is live, through the gateways. Changes nothing and decides nothing.

mod stacks;

pub use stacks::stacks;

use std::time::Duration;

use crate::aws::{Aws, Fault, GroupSettings, LiveService, TaskDefinition};
use crate::domain::{
    DeploymentConfig, GoodRevision, Identity, Image, ImageDigest, LiveRevision, ObservedService,
    PairedGroup, PastTraffic, ServiceName, Weight,
};

/// What to look at for one service; the caller takes it from the configuration.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The name in the configuration.
    pub name: &'a ServiceName,
    /// The ECS cluster.
    pub cluster: &'a str,
    /// The ECS service.
    pub service: &'a str,
    /// The CodeDeploy application.
    pub application: &'a str,
    /// The CodeDeploy deployment group.
    pub group: &'a str,
    /// The container whose image is the service's.
    pub container: &'a str,
    /// The SSM parameter that keeps the good revisions.
    pub good_parameter: &'a str,
    /// Alarms that gate, beside those of the group.
    pub alarms: &'a [String],
    /// The deployment configuration that the shift needs.
    pub config: &'a DeploymentConfig,
    /// The image that is wanted.
    pub image: ImageQuery<'a>,
    /// The time since the Unix epoch, where a gate needs to know the past hour's traffic.
    pub past_until: Option<Duration>,
}

/// Which image to look for.
#[derive(Debug, Clone)]
pub enum ImageQuery<'a> {
    /// None: the command does not deploy one.
    None,
    /// By tag.
    Tag(&'a str, &'a str),
    /// By digest.
    Digest(&'a str, &'a ImageDigest),
}

/// Asks AWS whom it takes us for.
pub async fn identity(aws: &Aws) -> Result<Identity, Fault> {
    aws.identity().await
}

/// Reads the good revisions, newest first; a value that is not ours counts as none.
pub async fn good_revisions(aws: &Aws, parameter: &str) -> Result<Vec<GoodRevision>, Fault> {
    let text = aws.parameter(parameter).await?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Reads the digest that a service runs now; `None` when it is not pinned, or there is no service.
pub async fn running(
    aws: &Aws,
    cluster: &str,
    service: &str,
    container: &str,
) -> Result<Option<ImageDigest>, Fault> {
    let live = match aws.service(cluster, service).await {
        Ok(live) => live,
        Err(fault) if fault.is_not_found() => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let definition = aws.task_definition(&live.task_definition).await?;
    Ok(live_revision(definition, container).digest)
}

/// Reads everything that a plan needs to know about one service.
pub async fn service(aws: &Aws, query: &Query<'_>) -> Result<ObservedService, Fault> {
    let (live, group) = tokio::try_join!(
        aws.service(query.cluster, query.service),
        aws.deployment_group(query.application, query.group),
    )?;
    let (revisions, traffic, rest) = tokio::try_join!(
        revisions(aws, &live, query.container),
        traffic(aws, &live, &group),
        rest(aws, query, &group),
    )?;
    let (live_revision, newest) = revisions;
    let past = match query.past_until {
        Some(until) => past(aws, &traffic, until).await,
        None => None,
    };
    let mut observed_group = group.group.clone();
    observed_group.network_load_balancer = traffic.network;
    Ok(ObservedService {
        name: query.name.clone(),
        live: live_revision,
        newest,
        desired: live.desired,
        running: live.running,
        pending: live.pending,
        groups: traffic.groups,
        traffic: past,
        weights_problem: traffic.problem,
        group: observed_group,
        active: rest.active,
        alarms: rest.alarms,
        missing_alarms: rest.missing_alarms,
        image_wanted: image_wanted(&query.image),
        image: rest.image,
        scaling: rest.scaling,
        good: rest.good,
        deployment_config: query.config.clone(),
        deployment_config_exists: rest.config_exists,
        test_url: traffic.test_url,
        listener: group.production_listener.clone(),
        balancer: traffic.balancer,
        endpoint: live.endpoint.clone(),
        codedeploy: live.codedeploy,
        task_sets: live.task_sets,
        placement: live.placement.clone(),
    })
}

/// Reads the past hour's traffic. It is for a forecast only: that it can't be read stops nothing.
async fn past(aws: &Aws, traffic: &Traffic, until: Duration) -> Option<PastTraffic> {
    const HOUR: Duration = Duration::from_secs(3600);
    let [first, second] = &traffic.groups;
    let groups = [first.arn.as_str(), second.arn.as_str()];
    let from = until.saturating_sub(HOUR);
    let arms = aws.traffic(&traffic.balancer, groups, from, until).await.ok()?;
    let requests: f64 = arms.iter().map(|arm| arm.requests).sum();
    let errors: f64 = arms.iter().map(|arm| arm.errors).sum();
    // A service that is younger than an hour, or asleep in it: the minutes that had traffic count.
    let minutes = arms.iter().map(|arm| arm.minutes).max().unwrap_or_default();
    let seconds = f64::from(minutes) * 60.0;
    (requests > 0.0 && seconds > 0.0)
        .then(|| PastTraffic { rps: requests / seconds, error_rate: errors / requests })
}

fn image_wanted(image: &ImageQuery<'_>) -> String {
    match image {
        ImageQuery::None => String::new(),
        ImageQuery::Tag(repository, tag) => format!("{repository}:{tag}"),
        ImageQuery::Digest(repository, digest) => format!("{repository}@{digest}"),
    }
}

async fn revisions(
    aws: &Aws,
    live: &LiveService,
    container: &str,
) -> Result<(LiveRevision, Option<LiveRevision>), Fault> {
    let current = live_revision(aws.task_definition(&live.task_definition).await?, container);
    // A run that died between registering and deploying left its revision here; it is used again.
    let newest = aws.task_definition(current.revision.family()).await?;
    let other = newest.active && newest.revision != current.revision;
    Ok((current, other.then(|| live_revision(newest, container))))
}

/// Turns a task definition into what a plan compares.
pub fn live_revision(definition: TaskDefinition, container: &str) -> LiveRevision {
    let containers = definition.body.get("containerDefinitions").and_then(|c| c.as_array());
    let image = containers
        .into_iter()
        .flatten()
        .find(|found| found.get("name").and_then(|name| name.as_str()) == Some(container))
        .and_then(|found| found.get("image")?.as_str());
    LiveRevision {
        digest: image
            .and_then(|image| image.rsplit_once('@'))
            .and_then(|(_, digest)| ImageDigest::new(digest)),
        revision: definition.revision,
        arn: definition.arn,
        tags: definition.tags,
        definition: definition.body,
    }
}

struct Traffic {
    groups: [PairedGroup; 2],
    problem: Option<String>,
    network: bool,
    balancer: String,
    test_url: Option<String>,
}

async fn traffic(aws: &Aws, live: &LiveService, group: &GroupSettings) -> Result<Traffic, Fault> {
    let [first, second] = &group.target_groups;
    let test = async {
        match &group.test_listener {
            Some(arn) => aws.listener(arn).await.map(Some),
            None => Ok(None),
        }
    };
    let names = [first.as_str(), second.as_str()];
    let (arns, production, test) = tokio::try_join!(
        aws.target_group_arns(&names),
        aws.listener(&group.production_listener),
        test,
    )?;
    let (first_arn, second_arn) = match arns.as_slice() {
        [a, b] => (a.as_str(), b.as_str()),
        _ => ("", ""),
    };
    let (weights, first_health, second_health) = tokio::try_join!(
        aws.weights(&group.production_listener, [first_arn, second_arn]),
        aws.target_health(first_arn),
        aws.target_health(second_arn),
    )?;
    let (weights, problem) = match weights {
        Ok(weights) => (weights, None),
        Err(problem) => ([Weight::NONE; 2], Some(problem)),
    };
    let primary = |arn: &str| live.target_group.as_deref() == Some(arn);
    let paired = |name: &str, arn: &str, weight, health| PairedGroup {
        name: name.to_owned(),
        arn: arn.to_owned(),
        weight,
        primary: primary(arn),
        health,
    };
    Ok(Traffic {
        groups: [
            paired(first, first_arn, weights[0], first_health),
            paired(second, second_arn, weights[1], second_health),
        ],
        problem,
        network: production.network,
        balancer: production.dimension,
        test_url: test.map(|listener| listener.url),
    })
}

struct Rest {
    active: Option<crate::domain::RunningDeployment>,
    alarms: Vec<crate::domain::AlarmReading>,
    missing_alarms: Vec<String>,
    image: Option<Image>,
    scaling: Option<crate::domain::ScalableTarget>,
    good: Vec<GoodRevision>,
    config_exists: bool,
}

async fn rest(aws: &Aws, query: &Query<'_>, group: &GroupSettings) -> Result<Rest, Fault> {
    let mut names: Vec<String> = query.alarms.iter().chain(&group.group.alarms).cloned().collect();
    names.sort();
    names.dedup();
    let image = async {
        match query.image {
            ImageQuery::None => Ok(None),
            ImageQuery::Tag(repository, tag) => aws.image(repository, Some(tag), None).await,
            ImageQuery::Digest(repository, digest) => {
                aws.image(repository, None, Some(digest)).await
            }
        }
    };
    let config = async {
        // The predefined configurations always exist.
        if query.config.name.starts_with("CodeDeployDefault.") {
            Ok(true)
        } else {
            aws.deployment_config_exists(&query.config.name).await
        }
    };
    let (active, alarms, image, scaling, good, config_exists) = tokio::try_join!(
        aws.active_deployment(query.application, query.group),
        aws.alarms(&names),
        image,
        aws.scalable_target(query.cluster, query.service),
        good_revisions(aws, query.good_parameter),
        config,
    )?;
    let missing_alarms =
        names.into_iter().filter(|name| !alarms.iter().any(|alarm| alarm.name == *name)).collect();
    Ok(Rest { active, alarms, missing_alarms, image, scaling, good, config_exists })
}
