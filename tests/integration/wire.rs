//! The wire of the embedded cloud, judged by the real SDK clients.

mod cloud;
mod hostile;
mod judges;
mod operations;
mod sample;
mod stacks;
mod storage;
mod travel;
