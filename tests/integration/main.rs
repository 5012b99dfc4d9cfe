//! The one integration binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot set itself up has nothing better to do"
)]

mod binary;
mod config;
mod front;
mod hostile;
mod layers;
mod policy;
mod program;
mod rehearsals;
mod report;
mod stacks;
mod wire;
