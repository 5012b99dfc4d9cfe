//! The embedded CloudFormation templates.

pub mod evaluate;
