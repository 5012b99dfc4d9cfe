//! From nothing to everything, and again.

use std::collections::BTreeMap;
use std::time::Duration;

use ha_deploy::domain::OutcomeKind;
use ha_deploy::pipeline::event::EventKind;

use super::stage::{Job, Kill, Run, SMALL, Stage, empty, healthy, model, wanted};

const PROVISION: Job<'static> = Job::Provision(&[]);

/// Operations by which something is waited for.
const POLLS: [&str; 2] = ["DescribeStackEvents", "DescribeChangeSet"];

fn done(run: &Run) {
    let outcome = run.outcome.as_ref().expect("not killed");
    assert_eq!(outcome.kind, OutcomeKind::Done, "{outcome:#?}\n{:#?}", failures(run));
}

fn failures(run: &Run) -> Vec<&EventKind> {
    let events = run.events.iter().map(|event| &event.kind);
    events.filter(|kind| matches!(kind, EventKind::StackFailed { .. })).collect()
}

#[test]
fn everything_is_made_once_and_then_left_alone() {
    let model = model(SMALL);
    let stage = Stage::new(empty(), healthy());
    let first = stage.run(&model, PROVISION, Kill::Never);
    done(&first);
    let again = stage.run(&model, PROVISION, Kill::Never);
    done(&again);
    let changed = again.calls.iter().any(|(_, call)| call.starts_with("ExecuteChangeSet"));
    assert!(!changed, "{:#?}", again.calls);
    assert_eq!(wanted(&model, &Default::default()).len(), stage.picture(&model).len());
    let _ = (BTreeMap::<u8, u8>::new(), Duration::ZERO, POLLS);
}
