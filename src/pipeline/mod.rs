//! Walks a plan and emits events: the only room that changes anything in AWS.

pub mod event;
