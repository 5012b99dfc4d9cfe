//! Walks a plan and emits events: the only room that changes anything in AWS.
//!
//! Steps are one async function a file. A rollout controller has four verbs: start, observe,
//! promote, abort.

pub mod event;
pub mod image;
pub mod provision;
mod rollout;
mod steps;
mod walk;

pub use rollout::Ending;
pub use walk::{Until, Walk, walk};
