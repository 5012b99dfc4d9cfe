//! CloudFormation: stacks, change sets, events, drift.

mod change_set;
mod drift;
mod events;
mod stack;

pub use change_set::{ChangeSetWish, OnFailure, Origin};
pub use drift::DriftDetection;
pub use events::Since;

/// AWS answers what it does not find, and what does not change, with the same code; the message
/// tells them apart (`ValidationError: Stack with id x does not exist`).
fn does_not_exist(fault: &super::Fault) -> bool {
    fault.is_not_found()
        || (fault.code == "ValidationError" && fault.message.contains("does not exist"))
}
