//! The engine of stacks on the embedded cloud: in process, in virtual time.

mod destroy;
pub(crate) mod operations;
mod planning;
mod provision;
mod stage;
mod traffic;
