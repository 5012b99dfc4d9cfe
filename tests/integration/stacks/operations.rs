//! Which operations the stacks of an environment need, from their making to their end.

use std::collections::BTreeSet;

use ha_deploy::rehearsal::scenario::ResourceVerb;
use ha_deploy::rehearsal::setup::Setup;

use super::provision::{done, failing};
use super::stage::{Job, Kill, SMALL, Stage, empty, healthy, model};
use super::traffic;

const PROVISION: Job<'static> = Job::Provision(&[]);

/// What was called while stacks were made, changed, mended and destroyed, as
/// `<service>:<operation>`.
pub(crate) fn called() -> BTreeSet<String> {
    let mut called = used_and_destroyed();
    called.extend(edited());
    called.extend(mended());
    called
}

/// An environment that was in use: its buckets, vaults and repositories have contents.
fn used_and_destroyed() -> BTreeSet<String> {
    let model = model(SMALL);
    let mut stacks = traffic::stacks(&model);
    stacks
        .retain(|stack| ["shared-stg", "storage-stg", "backup-stg"].contains(&stack.name.as_str()));
    assert_eq!(stacks.len(), 3);
    let stage =
        Stage::new(Setup { services: vec![traffic::service()], stacks, ..empty() }, healthy());
    done(&stage.run(&model, Job::Destroy, Kill::Never));
    stage.operations.into_inner().unwrap()
}

/// A rule that no update may touch is changed, and deployments have made parameters.
fn edited() -> BTreeSet<String> {
    let text =
        |parameters: &str| SMALL.replace("nginx:1.29\"", &format!("nginx:1.29\"{parameters}"));
    let stage = traffic::stage(&model(&text("")), healthy());
    done(&stage.run(&model(&text(", RulePriority: \"7\"")), PROVISION, Kill::Never));
    stage.operations.into_inner().unwrap()
}

/// A failed rollback is continued.
fn mended() -> BTreeSet<String> {
    let faults =
        [("FlowLogGroup", ResourceVerb::Update, 1), ("FlowLogGroup", ResourceVerb::Rollback, 1)];
    let only = &["shared-stg", "network-stg"];
    let stage = Stage { only, ..Stage::new(empty(), failing(&faults)) };
    done(&stage.run(&model(SMALL), PROVISION, Kill::Never));
    let after = model(&format!("{SMALL}  parameters: {{network: {{FlowLogDays: \"30\"}}}}\n"));
    assert!(stage.run(&after, PROVISION, Kill::Never).outcome.is_some());
    done(&stage.run(&after, PROVISION, Kill::Never));
    stage.operations.into_inner().unwrap()
}
