//! A stack update never moves traffic.

use std::time::Duration;

use ha_deploy::aws::Aws;
use ha_deploy::clock::Clock;
use ha_deploy::config::model::{ImageSelector, Model};
use ha_deploy::domain::{ObservedStacks, Outcome, OutcomeKind};
use ha_deploy::observe::{self, ImageQuery, Query};
use ha_deploy::pipeline::event::EventKind;
use ha_deploy::pipeline::{Until, Walk, walk};
use ha_deploy::plan;
use ha_deploy::plan::stacks::{LATER, made, stack_policy};
use ha_deploy::rehearsal::scenario::{ResourceFault, ResourceVerb, Scenario};
use ha_deploy::rehearsal::setup::{AlarmSetup, ServiceSetup, Setup, StackSetup};
use tokio_util::sync::CancellationToken;

use super::provision::done;
use super::stage::{Events, Job, Kill, Run, SMALL, Stage, empty, healthy, model, wanted};

const SERVICE: &str = "web-stg";

/// What the service's stack alone is changed in, so that runs are short.
const ONLY: &[&str] = &["service-web-stg"];

fn text(parameters: &str) -> String {
    SMALL
        .replace(
            "{alarms: [shop-web-5xx]}",
            "{alarms: [shop-web-5xx], shift: all-at-once, bake: 1m, termination_wait: 1m}",
        )
        .replace("nginx:1.29\"", &format!("nginx:1.29\"{parameters}"))
        .replace(
            "database: none",
            "database: none\n  templates: {storage: false, backup: false, runbooks: false, observability: false, scaling: false}",
        )
}

/// The stacks of an environment as they were made earlier, and have been used since.
pub(super) fn stacks(model: &Model) -> Vec<StackSetup> {
    let nothing = ObservedStacks::default();
    let stacks = wanted(model, &nothing).into_iter();
    let stacks = stacks.map(|instance| {
        let mut parameters = instance.values(None, &nothing);
        parameters.values_mut().filter(|value| *value == LATER).for_each(String::clear);
        let made = made(instance.template, &instance.region, &parameters);
        StackSetup {
            policy: stack_policy(instance.template, &made),
            name: instance.name,
            region: instance.region,
            template: instance.template.text.to_owned(),
            parameters,
            tags: instance.tags.into_iter().collect(),
        }
    });
    stacks.collect()
}

/// A service that was deployed earlier.
pub(super) fn service() -> ServiceSetup {
    let sample = ServiceSetup::sample("web");
    ServiceSetup {
        cluster: "cluster-stg".to_owned(),
        service: SERVICE.to_owned(),
        application: "shop-web-stg".to_owned(),
        deployment_group: SERVICE.to_owned(),
        blue_target_group: "web-blue-stg".to_owned(),
        green_target_group: "web-green-stg".to_owned(),
        family: SERVICE.to_owned(),
        repository: "shop/web".to_owned(),
        candidate_tag: "v1".to_owned(),
        log_group: "/ecs/web-stg".to_owned(),
        good_parameter: "/ha/stg/web/good-revisions".to_owned(),
        alarms: vec![AlarmSetup::named("shop-web-5xx".to_owned(), 0.004, 0.15)],
        deployment_config: "CodeDeployDefault.ECSAllAtOnce".to_owned(),
        ..sample
    }
}

/// A service that was deployed earlier, with the stacks that it came from.
pub(super) fn stage(model: &Model, scenario: Scenario) -> Stage {
    let setup = Setup { services: vec![service()], stacks: stacks(model), ..empty() };
    Stage { only: ONLY, ..Stage::new(setup, scenario) }
}

/// Users whose every request is answered well unless something is wrong with the way to it.
fn flawless() -> Scenario {
    let mut scenario = healthy();
    scenario.live.error_rate = 0.0;
    scenario.candidate.error_rate = 0.0;
    scenario
}

/// A resource whose first change fails.
fn once(resource: &str) -> Vec<ResourceFault> {
    vec![ResourceFault {
        stack: None,
        resource: resource.to_owned(),
        verb: ResourceVerb::Update,
        message: "not today".to_owned(),
        times: Some(1),
    }]
}

async fn deploy(aws: &Aws, clock: &Clock, model: &Model) -> Outcome {
    let service = &model.services[0];
    let config = plan::deployment_config(service.rollout.shift);
    let Some(ImageSelector::Tag(tag)) = &service.image.selector else { panic!("a tag") };
    let query = Query {
        name: &service.name,
        cluster: &service.names.cluster,
        service: &service.names.service,
        application: &service.names.application,
        group: &service.names.deployment_group,
        container: &service.container,
        good_parameter: &service.names.good_parameter,
        alarms: &service.rollout.alarms,
        config: &config,
        image: ImageQuery::Tag(&service.image.repository, tag),
        past_until: None,
    };
    let identity = observe::identity(aws).await.unwrap();
    let observed = observe::service(aws, &query).await.unwrap();
    let plan = plan::plan(model, service, &identity, &observed);
    let sink = Events::default();
    let context = Walk {
        aws,
        clock,
        sink: &sink,
        cancel: CancellationToken::new(),
        service: service.name.to_string(),
        environment: "staging".to_owned(),
        good_parameter: service.names.good_parameter.clone(),
        until: Until::Terminated,
    };
    walk(&context, &plan).await
}

fn weights(stage: &Stage) -> (u32, u32) {
    let weights = stage.cloud.weights(SERVICE);
    (weights["web-blue-stg"], weights["web-green-stg"])
}

fn actions(run: &Run) -> Vec<&str> {
    let events = run.events.iter();
    events
        .filter_map(|event| match &event.kind {
            EventKind::StackStarted { action, .. } => Some(*action),
            _ => None,
        })
        .collect()
}

#[test]
fn weights_never_change_and_no_request_fails() {
    let before = model(&text(""));
    let stage = stage(&before, Scenario { stacks: once("LogGroup"), ..flawless() });
    let first = stage.run(&before, Job::Provision(&[]), Kill::Never);
    done(&first);
    assert_eq!(actions(&first), [""; 0], "{:#?}", first.events);
    let net = stage.picture(&before)["eu-west-1/service-web-stg"].clone();

    let (outcome, _, _) =
        stage.with(Kill::Never, async |aws, clock, _| Box::pin(deploy(aws, clock, &before)).await);
    assert_eq!(outcome.kind, OutcomeKind::Done, "{outcome:#?}");
    assert_eq!(weights(&stage), (0, 100));

    // Something else changes: neither rule nor service is in the change set.
    let unrelated = model(&text(", DeregistrationDelay: \"45\""));
    let run = stage.run(&unrelated, Job::Provision(&[]), Kill::Never);
    done(&run);
    assert_eq!(actions(&run), ["update"]);
    assert_eq!(weights(&stage), (0, 100));

    // The rule itself changes, and something beside it fails: the rollback brings the live weights.
    let edited = ", DeregistrationDelay: \"45\", LogDays: \"30\", RulePriority: \"7\"";
    let edited = model(&text(edited));
    let run = stage.run(&edited, Job::Provision(&[]), Kill::Never);
    let outcome = run.outcome.as_ref().expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    assert_eq!(actions(&run), ["learn live values", "update guarded"]);
    assert_eq!(weights(&stage), (0, 100));

    // And without the failure.
    let run = stage.run(&edited, Job::Provision(&[]), Kill::Never);
    done(&run);
    assert_eq!(actions(&run), ["update guarded"], "the stack knows what is live by now");
    assert_eq!(weights(&stage), (0, 100));

    assert_eq!(stage.picture(&before)["eu-west-1/service-web-stg"], net, "the net is back");
    stage.wait(Duration::from_secs(60));
    let tally = stage.cloud.tally();
    assert!(tally.requests.total > 10_000, "{:?}", tally.requests);
    assert_eq!((tally.requests.failed, tally.requests.dropped), (0, 0));
    assert_eq!(tally.violations, [""; 0]);
}

/// Telling the stack what is live may fail, too; a rollback of that would be an outage.
#[test]
fn a_failed_sync_moves_nothing_and_the_next_run_goes_on() {
    let before = model(&text(""));
    let stage = stage(&before, Scenario { stacks: once("TestRule"), ..flawless() });
    let (outcome, _, _) =
        stage.with(Kill::Never, async |aws, clock, _| Box::pin(deploy(aws, clock, &before)).await);
    assert_eq!(outcome.kind, OutcomeKind::Done, "{outcome:#?}");
    let edited = model(&text(", RulePriority: \"7\""));
    let run = stage.run(&edited, Job::Provision(&[]), Kill::Never);
    assert_eq!(actions(&run), ["learn live values"]);
    let outcome = run.outcome.as_ref().expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::Inconclusive, "{outcome:#?}");
    assert_eq!(weights(&stage), (0, 100));
    done(&stage.run(&edited, Job::Provision(&[]), Kill::Never));
    assert_eq!(weights(&stage), (0, 100));
    let tally = stage.cloud.tally();
    assert_eq!((tally.requests.failed, tally.requests.dropped), (0, 0));
    assert_eq!(tally.violations, [""; 0]);
}

#[test]
fn a_service_is_left_alone_while_it_is_deployed() {
    let before = model(&text(""));
    let stage = stage(&before, flawless());
    stage.with(Kill::Never, async |aws, clock, _| {
        let limit = Duration::from_secs(60);
        let deployed = tokio::time::timeout(limit, Box::pin(deploy(aws, clock, &before))).await;
        assert!(deployed.is_err(), "it is over too early");
    });
    let unrelated = model(&text(", LogDays: \"30\""));
    let run = stage.run(&unrelated, Job::Provision(&[]), Kill::Never);
    let outcome = run.outcome.as_ref().expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::Busy, "{outcome:#?}");
    let executed = run.calls.iter().any(|(_, call)| call.starts_with("ExecuteChangeSet"));
    assert!(!executed);
}
