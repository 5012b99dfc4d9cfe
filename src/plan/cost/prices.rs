//! The table of prices that the binary carries, with the date and the source of every price.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::money::Price;

/// The table's text.
const TABLE: &str = include_str!("prices.yml");

/// The region whose price stands in for one that was not found.
const FALLBACK: &str = "us-east-1";

/// The key of a price that is the same in all regions.
const GLOBAL: &str = "global";

/// A table of prices.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// The day on which the table was put together.
    pub date: String,
    /// AWS's pricing pages.
    pages: BTreeMap<String, String>,
    /// Where prices were read.
    sources: BTreeMap<String, Source>,
    /// Prices by their key.
    prices: BTreeMap<String, Entry>,
}

/// Where and when prices were read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    read: String,
    r#where: String,
}

/// What is charged, and how much in which region.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    what: String,
    unit: String,
    page: String,
    r#in: BTreeMap<String, Found>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Found {
    usd: Price,
    source: String,
}

/// For which region a price was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// For the region in question.
    Region,
    /// For all regions alike.
    Global,
    /// Only for us-east-1, and taken for want of a better one.
    Borrowed,
}

/// A price with all that is known of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote<'a> {
    /// What is charged.
    pub what: &'a str,
    /// For how much of it.
    pub unit: &'a str,
    /// The price of a unit.
    pub price: Price,
    /// For which region.
    pub basis: Basis,
    /// AWS's page that states it.
    pub page: &'a str,
    /// When it was read.
    pub read: &'a str,
    /// Where it was read.
    pub source: &'a str,
}

/// Why a table is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceError(String);

impl fmt::Display for PriceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table of prices: {}", self.0)
    }
}

impl std::error::Error for PriceError {}

impl Prices {
    /// Reads the table of this binary.
    pub fn embedded() -> Result<Self, PriceError> {
        Self::read(TABLE)
    }

    /// Reads a table; every page and every source that a price names must be in it.
    pub fn read(text: &str) -> Result<Self, PriceError> {
        let table: Self =
            serde_yaml::from_str(text).map_err(|error| PriceError(error.to_string()))?;
        for (key, entry) in &table.prices {
            if !table.pages.contains_key(&entry.page) {
                return Err(PriceError(format!("{key}: no page `{}`", entry.page)));
            }
            for found in entry.r#in.values() {
                if !table.sources.contains_key(&found.source) {
                    return Err(PriceError(format!("{key}: no source `{}`", found.source)));
                }
            }
        }
        Ok(table)
    }

    /// The price of something in a region.
    pub fn quote(&self, key: &str, region: &str) -> Option<Quote<'_>> {
        let entry = self.prices.get(key)?;
        let (found, basis) = [(region, Basis::Region), (GLOBAL, Basis::Global)]
            .into_iter()
            .chain([(FALLBACK, Basis::Borrowed)])
            .find_map(|(region, basis)| Some((entry.r#in.get(region)?, basis)))?;
        let source = self.sources.get(&found.source)?;
        Some(Quote {
            what: &entry.what,
            unit: &entry.unit,
            price: found.usd,
            basis,
            page: self.pages.get(&entry.page)?,
            read: &source.read,
            source: &source.r#where,
        })
    }

    /// All keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.prices.keys().map(String::as_str)
    }

    /// All prices of a key, by region, in order.
    pub fn quotes(&self, key: &str) -> Vec<(&str, Quote<'_>)> {
        let regions = self.prices.get(key).into_iter().flat_map(|entry| entry.r#in.keys());
        regions.filter_map(|region| Some((region.as_str(), self.quote(key, region)?))).collect()
    }
}
