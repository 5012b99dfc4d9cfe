//! What a plan's stacks may cost in a month.
//!
//! Owns the embedded, dated table of prices and the rules that turn resources into charges. Pure.
//! An estimate is no quote: it says which prices are how old, which region they were read for, what
//! was assumed, and what it could not price.

mod capacity;
mod compute;
mod data;
mod estimate;
mod free;
mod money;
mod network;
mod prices;
mod shared;
mod sheet;
#[cfg(test)]
mod tests;
mod usage;
mod view;
mod watch;

pub use estimate::{Estimate, estimate};
pub use money::{Amount, Money, Price, Span};
pub use prices::{Basis, PriceError, Prices, Quote};
pub use sheet::{Driver, Free, Row, Stack, Unpriced};
pub use usage::{Usage, UsageFault};
pub use view::{Group, Line, View, view};
