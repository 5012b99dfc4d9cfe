//! Highly available blue/green deployments to Amazon ECS, gated by evidence.
//!
//! The rooms and the edges between them are in `docs/ARCHITECTURE.md`.

pub mod aws;
pub mod catalog;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod docker;
pub mod domain;
pub mod error;
pub mod gate;
pub mod observe;
pub mod pipeline;
pub mod plan;
pub mod rehearsal;
pub mod report;
