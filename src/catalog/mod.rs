//! The embedded CloudFormation templates: what each needs, takes, makes and publishes.
//!
//! Owns the list and the reading of a template. Knows no environment: which templates one uses and
//! with which parameters is `plan`'s work, and what AWS makes of them is nobody's here.

mod embedded;
pub mod evaluate;
mod filled;
mod head;
mod parameter;
mod selection;
mod template;
#[cfg(test)]
mod tests;
mod yaml;

pub use embedded::{names, template, templates, text};
pub use filled::filled_from;
pub use head::{Head, Need, Region, Source, Want};
pub use parameter::Parameter;
pub use selection::{Choice, choice, usual};
pub use template::{Output, Resource, Template, TemplateError};

/// The most bytes of a template that is sent inline (CloudFormation API reference,
/// `CreateChangeSet`, `TemplateBody`).
pub const MOST_BYTES: usize = 51_200;

/// How many ECR repositories an environment can have: `shared` has that many slots.
pub const REPOSITORIES: usize = 6;
