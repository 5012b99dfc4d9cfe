//! The stacks of an account, as they stand.

use std::collections::BTreeSet;

use crate::aws::{Aws, Fault};
use crate::domain::{ObservedStacks, StackKey};

/// Reads every stack of some regions.
pub async fn stacks(aws: &Aws, regions: &BTreeSet<String>) -> Result<ObservedStacks, Fault> {
    let mut observed = ObservedStacks::default();
    for region in regions {
        for stack in aws.in_region(region).stacks().await? {
            let key = StackKey { region: region.clone(), name: stack.name.clone() };
            observed.stacks.insert(key, stack);
        }
    }
    Ok(observed)
}
