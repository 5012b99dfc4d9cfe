//! From nothing to everything, and again; also by a runner that dies at every call.

use std::collections::BTreeMap;
use std::time::Duration;

use ha_deploy::domain::{ObservedStacks, OutcomeKind, StackKey};
use ha_deploy::pipeline::event::EventKind;

use ha_deploy::rehearsal::scenario::{Act, Event, ResourceFault, ResourceVerb, Scenario, When};

use super::stage::{Job, Kill, Run, SMALL, Stage, empty, healthy, model, wanted};

const PROVISION: Job<'static> = Job::Provision(&[]);

/// Operations by which something is waited for.
const POLLS: [&str; 2] = ["DescribeStackEvents", "DescribeChangeSet"];

/// Everything that an environment can have.
const FULL: &str = "\
stack:
  domain: shop.example.org
  database: aurora
  dr: pilot-light
  dr_region: eu-central-1
  templates: {cache: true, efs: true, cdn: true, asg: true}
  parameters:
    dr: {StandbyImage: \"public.ecr.aws/nginx/nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000\"}
";

fn full() -> String {
    SMALL.replace("stack:\n  database: none\n", FULL)
}

pub(super) fn done(run: &Run) {
    let outcome = run.outcome.as_ref().expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::Done, "{outcome:#?}\n{:#?}", failures(run));
}

fn failures(run: &Run) -> Vec<&EventKind> {
    let events = run.events.iter().map(|event| &event.kind);
    events.filter(|kind| matches!(kind, EventKind::StackFailed { .. })).collect()
}

/// How long each stack took, from the end of the last one that it needs to its own.
fn durations(run: &Run, after: &BTreeMap<String, Vec<StackKey>>) -> BTreeMap<String, Duration> {
    let ended: BTreeMap<&str, Duration> = run
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::StackFinished { stack, .. } => Some((stack.as_str(), event.at)),
            _ => None,
        })
        .collect();
    ended
        .iter()
        .map(|(stack, end)| {
            let needs = after[*stack].iter().map(|key| ended[key.name.as_str()]);
            ((*stack).to_owned(), *end - needs.max().unwrap_or_default())
        })
        .collect()
}

#[test]
fn everything_is_made_once_and_then_left_alone() {
    let model = model(SMALL);
    let stage = Stage::new(empty(), healthy());
    done(&stage.run(&model, PROVISION, Kill::Never));
    let first = stage.picture(&model);
    let again = stage.run(&model, PROVISION, Kill::Never);
    done(&again);
    for (_, call) in &again.calls {
        let writes = ["ExecuteChangeSet", "SetStackPolicy", "DeleteStack"];
        assert!(!writes.iter().any(|write| call.starts_with(write)), "{call}");
    }
    assert_eq!(first, stage.picture(&model));
    assert_eq!(wanted(&model, &ObservedStacks::default()).len(), first.len());
}

#[test]
fn the_whole_takes_as_long_as_its_longest_chain_and_few_calls() {
    let model = model(&full());
    let stage = Stage::new(empty(), healthy());
    let run = stage.run(&model, PROVISION, Kill::Never);
    done(&run);
    let instances = wanted(&model, &ObservedStacks::default());
    let after: BTreeMap<String, Vec<StackKey>> =
        instances.iter().map(|instance| (instance.name.clone(), instance.after.clone())).collect();
    let own = durations(&run, &after);
    assert_eq!(own.len(), instances.len());
    // Instances come in waves, so what each needs is known before it.
    let mut chain: BTreeMap<&str, Duration> = BTreeMap::new();
    for instance in &instances {
        let needs = instance.after.iter().map(|key| chain[key.name.as_str()]);
        let before = needs.max().unwrap_or_default();
        chain.insert(&instance.name, before + own[&instance.name]);
    }
    let longest = chain.values().max().copied().unwrap_or_default();
    let sum: Duration = own.values().sum();
    // The survey before the first stack comes on top.
    assert!(run.took <= longest + Duration::from_secs(10), "{:?} > {longest:?}", run.took);
    assert!(run.took * 5 < sum * 4, "{:?} of {sum:?} one after the other", run.took);

    let asked = run.calls.iter().filter(|(_, call)| {
        !POLLS.iter().any(|poll| call.trim_start_matches("page of ").starts_with(poll))
    });
    let per_stack = asked.count() as f64 / instances.len() as f64;
    assert!(per_stack <= 6.0, "{per_stack} calls a stack");
    let mut last: BTreeMap<&str, Duration> = BTreeMap::new();
    for (at, call) in run.calls.iter().filter(|(_, call)| call.starts_with(POLLS[0])) {
        if let Some(before) = last.insert(call, *at) {
            assert!(*at - before >= Duration::from_secs(5), "{call} at {at:?} after {before:?}");
        }
    }
}

/// What is there in the end does not depend on where runners before died.
#[test]
fn a_runner_may_die_at_any_call() {
    let model = model(SMALL);
    // Two stacks, one needing the other, both with a policy: a sweep over more takes minutes.
    let world = || Stage { only: &["shared-stg", "storage-stg"], ..Stage::new(empty(), healthy()) };
    let stage = world();
    let whole = stage.run(&model, PROVISION, Kill::Never);
    done(&whole);
    let reference = stage.picture(&model);
    assert_eq!(reference.len(), 2);
    let calls = whole.calls.len() as u64;
    assert!(calls > 20, "{calls}");
    for number in 0..calls {
        for kill in [Kill::Before(number), Kill::After(number)] {
            let stage = world();
            let killed = stage.run(&model, PROVISION, kill);
            assert!(killed.outcome.is_none(), "{kill:?} came too late");
            // A new runner takes a while to come; some stacks are done by then, some not.
            stage.wait(Duration::from_secs(7 + 13 * (number % 9)));
            let again = stage.run(&model, PROVISION, Kill::Never);
            let outcome = again.outcome.as_ref().expect("not killed");
            assert_eq!(outcome.kind, OutcomeKind::Done, "{kill:?}: {outcome:#?}");
            assert_eq!(stage.picture(&model), reference, "{kill:?}");
        }
    }
}

/// A scenario in which resources fail.
pub(super) fn failing(faults: &[(&str, ResourceVerb, u32)]) -> Scenario {
    let faults = faults.iter().map(|(resource, verb, times)| ResourceFault {
        stack: None,
        resource: (*resource).to_owned(),
        verb: *verb,
        message: "No capacity today".to_owned(),
        times: Some(*times),
    });
    Scenario { stacks: faults.collect(), ..healthy() }
}

#[test]
fn a_failed_creation_names_its_cause_and_is_made_anew() {
    let model = model(SMALL);
    let faults = [("SessionsTable", ResourceVerb::Create, 1)];
    let stage = Stage {
        only: &["shared-stg", "storage-stg", "network-stg"],
        ..Stage::new(empty(), failing(&faults))
    };
    let run = stage.run(&model, PROVISION, Kill::Never);
    let outcome = run.outcome.as_ref().expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::RolledBack, "{outcome:#?}");
    let cause = "storage-stg: SessionsTable (AWS::DynamoDB::Table) CREATE_FAILED: ";
    assert!(outcome.summary.starts_with(cause), "{}", outcome.summary);
    assert!(outcome.summary.contains("No capacity today"), "{}", outcome.summary);
    let failed = failures(&run);
    let [EventKind::StackFailed { stack, .. }] = failed.as_slice() else { panic!("{failed:#?}") };
    assert_eq!(stack, "storage-stg");
    let again = stage.run(&model, PROVISION, Kill::Never);
    done(&again);
    assert!(again.calls.iter().any(|(_, call)| call.starts_with("DeleteStack")));
    let clean = Stage { only: stage.only, ..Stage::new(empty(), healthy()) };
    done(&clean.run(&model, PROVISION, Kill::Never));
    assert_eq!(stage.picture(&model), clean.picture(&model));
}

#[test]
fn a_failed_rollback_is_continued_and_what_is_skipped_is_named() {
    let before = model(SMALL);
    let after = model(&format!("{SMALL}  parameters: {{network: {{FlowLogDays: \"30\"}}}}\n"));
    for (times, skips) in [(1, false), (2, true)] {
        let faults = [
            ("FlowLogGroup", ResourceVerb::Update, 1),
            ("FlowLogGroup", ResourceVerb::Rollback, times),
        ];
        let stage =
            Stage { only: &["shared-stg", "network-stg"], ..Stage::new(empty(), failing(&faults)) };
        done(&stage.run(&before, PROVISION, Kill::Never));
        let failed = stage.run(&after, PROVISION, Kill::Never);
        let outcome = failed.outcome.expect("not killed");
        assert_eq!(outcome.kind, OutcomeKind::NeedsPerson, "{outcome:#?}");
        assert!(outcome.summary.contains("UPDATE_ROLLBACK_FAILED"), "{}", outcome.summary);
        let again = stage.run(&after, PROVISION, Kill::Never);
        done(&again);
        let named = again.events.iter().any(|event| {
            matches!(&event.kind, EventKind::Warning { text } if text.contains("FlowLogGroup"))
        });
        assert_eq!(named, skips, "{times}");
    }
}

#[test]
fn somebody_elses_update_is_waited_for_and_not_for_ever() {
    let before = model(SMALL);
    let after = model(&format!("{SMALL}  parameters: {{network: {{FlowLogDays: \"30\"}}}}\n"));
    for (patience, kind) in [(30, OutcomeKind::Done), (2, OutcomeKind::Busy)] {
        let update = Act::StackUpdate {
            stack: "network-stg".to_owned(),
            duration: Duration::from_secs(10 * 60),
        };
        let events = vec![Event { when: When::At(Duration::from_secs(7_200)), act: update }];
        let stage = Stage {
            only: &["shared-stg", "network-stg"],
            patience: Duration::from_secs(patience * 60),
            ..Stage::new(empty(), Scenario { events, ..healthy() })
        };
        done(&stage.run(&before, PROVISION, Kill::Never));
        let now = *stage.now.lock().unwrap();
        stage.wait(Duration::from_secs(7_230).saturating_sub(now));
        let run = stage.run(&after, PROVISION, Kill::Never);
        let outcome = run.outcome.expect("not killed");
        assert_eq!(outcome.kind, kind, "{outcome:#?}");
    }
}

#[test]
fn a_bad_way_to_aws_ends_in_the_same_world() {
    let model = model(SMALL);
    let only = &["shared-stg", "storage-stg", "network-stg"];
    let good = Stage { only, ..Stage::new(empty(), healthy()) };
    done(&good.run(&model, PROVISION, Kill::Never));
    let mut scenario = healthy();
    (scenario.faults.throttle, scenario.faults.reset, scenario.faults.silent) = (0.2, 0.2, 0.02);
    let bad = Stage { only, ..Stage::new(empty(), scenario) };
    // One run may give up; the next goes on where it ended.
    for _ in 0..5 {
        let run = bad.run(&model, PROVISION, Kill::Never);
        if run.outcome.expect("not killed").kind == OutcomeKind::Done {
            break;
        }
    }
    done(&bad.run(&model, PROVISION, Kill::Never));
    assert_eq!(bad.picture(&model), good.picture(&model));
}

#[test]
fn data_stores_stay_unless_they_are_named() {
    let before = model(SMALL);
    // Another name in a repository's slot replaces it.
    let after =
        model(&format!("{SMALL}  parameters: {{shared: {{Repository1Name: shop/other}}}}\n"));
    let stage = Stage { only: &["shared-stg"], ..Stage::new(empty(), healthy()) };
    done(&stage.run(&before, PROVISION, Kill::Never));
    let refused = stage.run(&after, PROVISION, Kill::Never);
    let outcome = refused.outcome.expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::Invalid, "{outcome:#?}");
    assert!(outcome.summary.contains("shared-stg/Repository1"), "{}", outcome.summary);
    let executed = refused.calls.iter().any(|(_, call)| call.starts_with("ExecuteChangeSet"));
    assert!(!executed);
    let policy = stage.picture(&before);
    let asked = stage.run(&after, Job::Provision(&["shared-stg/Repository1"]), Kill::Never);
    done(&asked);
    assert_eq!(stage.picture(&before), policy, "the policy is back");
}

#[test]
fn a_service_is_not_made_before_its_image_is_there() {
    let text = SMALL.replace(
        "    stack_parameters:\n      service-codedeploy: {ImageUri: \"public.ecr.aws/nginx/nginx:1.29\"}\n",
        "",
    );
    let model = model(&text);
    let stage = Stage::new(empty(), healthy());
    let run = stage.run(&model, PROVISION, Kill::Never);
    let outcome = run.outcome.expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::Invalid, "{outcome:#?}");
    assert!(outcome.summary.contains("shop/web:v1"), "{}", outcome.summary);
    let picture = stage.picture(&model);
    assert!(picture.contains_key("eu-west-1/edge-stg"), "the rest is made");
    assert!(!picture.contains_key("eu-west-1/service-web-stg"), "{picture:#?}");
}
