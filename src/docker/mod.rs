//! The gateway to the Docker engine, through the `docker` command line that runners have.
//!
//! Owns processes, the build context and the private configuration that a push needs. No value of a
//! build argument, secret or token is ever an argument of a process: values travel in the environment
//! of the one child that needs them, or in a file that only we can read. Nothing here talks to AWS.

mod build;
pub mod check;
mod command;
mod container;
mod content;
mod engine;
mod http;
mod ignore;
mod inspect;
mod push;
mod secret;
mod vault;

pub use build::{Built, Cache, Failed, Recipe};
pub use command::Say;
pub use content::{Content, Source, content};
pub use engine::{Builder, Engine, Setting};
pub use inspect::ImageFacts;
pub use push::{Pushed, Refusal, classify};
pub use secret::Secret;
pub use vault::Vault;
