//! What goes in and out, as JSON.

use serde::{Deserialize, Serialize};

use crate::session::Item;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    pub sku: String,
    pub quantity: u32,
}

#[derive(Debug, Serialize)]
pub struct Order {
    pub id: String,
    pub items: Vec<Item>,
}

#[derive(Debug, Serialize)]
pub struct Problem {
    pub problem: String,
}

#[derive(Debug, Serialize)]
pub struct Detailed<'a> {
    pub status: &'a str,
    pub version: &'a str,
    pub uptime_seconds: u64,
    pub draining: bool,
    pub circuit: &'a str,
    pub inventory: bool,
    pub in_flight: i64,
}

/// How long `/work` takes.
#[derive(Debug, Deserialize)]
pub struct Work {
    pub ms: u64,
}
