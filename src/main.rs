//! The `ha-deploy` binary.

fn main() {}
