//! One step a file.

mod migrate;
mod record;
mod smoke;

pub(super) use migrate::migrate;
pub(super) use record::record;
pub(super) use smoke::smoke;
