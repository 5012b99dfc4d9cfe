//! The embedded cloud: a simulated AWS that speaks the real wire protocols.
//!
//! Owns `world` (state, virtual time, traffic), `wire` (protocol codecs), the in-process
//! connector and the loopback server. Imports `domain` and `clock` and nothing else of ours, so
//! that it cannot share a mistake with the program that it judges.

pub mod backend;
pub mod call;
pub mod connector;
pub mod guards;
pub mod scenario;
pub mod server;
pub mod setup;
mod stacks;
pub mod wire;
pub mod world;
