//! The engine of stacks on the embedded cloud: in process, in virtual time.

mod destroy;
mod planning;
mod provision;
mod stage;
mod traffic;
