//! The infrastructure: which stacks an environment has, in which order, and what changes in them.
//!
//! Pure, like the rest of the room: instances come from the model and what was observed, changes
//! from a change set's description, or from the template where nothing exists yet.

mod arguments;
mod drift;
mod evaluate;
mod instance;
mod judge;
mod planned;
mod policy;
mod teardown;

pub use arguments::{Given, LATER};
pub use drift::{DriftFinding, DriftReport, Owner, drift_of, drifted};
pub use evaluate::{PlannedResource, Setting, made, resources};
pub use instance::{
    Argument, ArgumentValue, Basis, FirstImage, Guard, Instance, PlanError, bootstrap, instances,
};
pub use judge::{Allowance, Judgement, Loss, holds_data, judge, sync_is_harmless};
pub use planned::{ParameterChange, PlannedStack, StackAction, StackPlan, offline, planned};
pub use policy::{ALLOW_ALL, same_policy, stack_policy, without};
pub use teardown::{Grave, orphans, teardown};
