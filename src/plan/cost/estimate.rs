//! From stacks to a month's estimate.

use std::collections::BTreeMap;

use serde::Serialize;

use super::money::{Money, Span};
use super::prices::{Basis, Prices};
use super::shared::is_shared_only;
use super::sheet::{Driver, Free, Row, Sheet, Site, Stack, Unpriced};
use super::usage::Usage;

/// What stacks may cost in a month of 730 hours. Never a quote.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// All charges.
    pub rows: Vec<Row>,
    /// What runs even when nobody uses the system: the low case of all that is not use.
    pub fixed_monthly: Money,
    /// The sum of all rows.
    pub total: Span<Money>,
    /// What costs money and has no row.
    pub unpriced: Vec<Unpriced>,
    /// What costs nothing by itself.
    pub free: Vec<Free>,
    /// The day of the table of prices.
    pub table_date: String,
    /// The oldest reading of a price that was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_price: Option<String>,
    /// How many rows have the price of us-east-1 for want of that of their region.
    pub borrowed: usize,
}

/// Estimates what stacks cost.
pub fn estimate(stacks: &[Stack], zones: u64, usage: &Usage, prices: &Prices) -> Estimate {
    let mut sheet = Sheet {
        prices,
        usage,
        zones,
        rows: Vec::new(),
        unpriced: Vec::new(),
        free: BTreeMap::new(),
    };
    for stack in stacks {
        for resource in &stack.resources {
            let site = Site { stack, resource };
            let priced = sheet.network(site)
                || sheet.compute(site, stacks)
                || sheet.data(site, stacks)
                || sheet.watch(site)
                || is_shared_only(&resource.kind)
                || sheet.is_free(site);
            if !priced {
                sheet.unpriced(site, "no rule says what it costs");
            }
        }
    }
    sheet.shared(stacks);
    let Sheet { rows, unpriced, free, .. } = sheet;
    let sum = |of: fn(&Row) -> Money| rows.iter().map(of).sum();
    Estimate {
        fixed_monthly: rows
            .iter()
            .filter(|row| row.driver != Driver::Usage)
            .map(|row| row.cost.low)
            .sum(),
        total: Span {
            low: sum(|row| row.cost.low),
            expected: sum(|row| row.cost.expected),
            high: sum(|row| row.cost.high),
        },
        unpriced,
        free: free.into_values().collect(),
        table_date: prices.date.clone(),
        oldest_price: rows.iter().map(|row| row.read.clone()).min(),
        borrowed: rows.iter().filter(|row| row.basis == Basis::Borrowed).count(),
        rows,
    }
}
