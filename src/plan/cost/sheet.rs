//! The sheet on which charges are written, one row each.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::catalog::evaluate::{Declared, Evaluated, Inputs, Resolved, Truth, evaluate};

use super::money::{Amount, Money, Price, Span};
use super::prices::{Basis, Prices};
use super::usage::Usage;

/// Hours of a month, as AWS counts them in its examples (8,760 / 12).
pub(super) const HOURS: u64 = 730;

/// A stack to be priced.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its template's name, or what else a reader knows it by.
    pub name: String,
    /// Where it is made.
    pub region: String,
    /// The service that it belongs to, if it is a service's.
    pub service: Option<String>,
    /// Its resources.
    pub resources: Vec<Evaluated>,
}

impl Stack {
    /// Takes a stack whose resources were resolved elsewhere: by logical id, type and properties.
    ///
    /// A function that is still in the properties asks for something that only AWS knows, and
    /// becomes unknown.
    pub fn resolved<'a>(
        name: &str,
        region: &str,
        service: Option<&str>,
        resources: impl IntoIterator<Item = (&'a str, &'a str, &'a Value)>,
    ) -> Self {
        let none = Map::new();
        let resources = resources.into_iter().map(|(id, kind, properties)| Declared {
            id,
            kind,
            condition: None,
            properties,
        });
        Self {
            name: name.to_owned(),
            region: region.to_owned(),
            service: service.map(str::to_owned),
            resources: evaluate(&none, &none, resources, &Inputs::default()),
        }
    }
}

/// Whether a charge runs without anybody using the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Driver {
    /// It runs as long as the resource exists.
    Fixed,
    /// It runs as long as the resource exists, but scaling decides how much of it.
    Scaled,
    /// It depends on use.
    Usage,
}

/// One charge.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The stack.
    pub stack: String,
    /// The logical id, or how many resources share the row.
    pub resource: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is charged.
    pub what: String,
    /// Why it runs.
    pub driver: Driver,
    /// How much, in units.
    pub amount: Span<Amount>,
    /// The unit.
    pub unit: String,
    /// The price of a unit.
    pub price: Price,
    /// The region that the price is needed for.
    pub region: String,
    /// The region that it was found for.
    pub basis: Basis,
    /// AWS's page that states it.
    pub page: String,
    /// When it was read.
    pub read: String,
    /// What it costs in a month.
    pub cost: Span<Money>,
    /// What was assumed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Something that costs money, and how much is not said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unpriced {
    /// The stack.
    pub stack: String,
    /// The logical id.
    pub resource: String,
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What is missing.
    pub why: String,
}

/// A type of resource that costs nothing by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Free {
    /// The CloudFormation type.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many there are.
    pub count: usize,
    /// Why it costs nothing.
    pub why: &'static str,
}

/// A resource and what is around it.
#[derive(Clone, Copy)]
pub(super) struct Site<'a> {
    pub(super) stack: &'a Stack,
    pub(super) resource: &'a Evaluated,
}

impl<'a> Site<'a> {
    /// A property.
    pub(super) fn at(self, path: &[&str]) -> Option<&'a Resolved> {
        self.resource.properties.at(path)
    }

    /// A property as text.
    pub(super) fn text(self, path: &[&str]) -> Option<String> {
        self.at(path).and_then(Resolved::scalar)
    }

    /// A property as amount.
    pub(super) fn amount(self, path: &[&str]) -> Option<Amount> {
        amount(self.at(path)?)
    }

    /// The resource of the same stack that a property refers to.
    pub(super) fn follow(self, path: &[&str]) -> Option<Self> {
        let id = self.at(path)?.resource()?;
        let resource = self.stack.resources.iter().find(|one| one.id == id)?;
        Some(Site { stack: self.stack, resource })
    }
}

/// A value as amount.
pub(super) fn amount(value: &Resolved) -> Option<Amount> {
    Amount::parse(value.scalar()?.trim())
}

/// Rows, and what could not be made one.
pub(super) struct Sheet<'a> {
    pub(super) prices: &'a Prices,
    pub(super) usage: &'a Usage,
    /// How many zones the environment spreads over.
    pub(super) zones: u64,
    pub(super) rows: Vec<Row>,
    pub(super) unpriced: Vec<Unpriced>,
    pub(super) free: BTreeMap<String, Free>,
}

/// One charge, before its price is known.
pub(super) struct Charge<'a> {
    pub(super) key: &'a str,
    pub(super) driver: Driver,
    pub(super) amount: Span<Amount>,
    pub(super) note: Option<String>,
}

impl<'a> Charge<'a> {
    /// A charge that runs all month for so many.
    pub(super) fn hourly(key: &'a str, count: impl Into<Amount>) -> Self {
        Self::fixed(key, count.into().times(Amount::from(HOURS)))
    }

    /// A charge that does not depend on use.
    pub(super) fn fixed(key: &'a str, amount: impl Into<Amount>) -> Self {
        Self { key, driver: Driver::Fixed, amount: amount.into().into(), note: None }
    }

    /// A charge for something that scales, in units that run.
    pub(super) fn scaled(key: &'a str, running: Span<Amount>) -> Self {
        let amount = running.map(|running| running.times(Amount::from(HOURS)));
        Self { key, driver: Driver::Scaled, amount, note: None }
    }

    /// A charge for use.
    pub(super) fn usage(key: &'a str, amount: Span<Amount>) -> Self {
        Self { key, driver: Driver::Usage, amount, note: None }
    }

    /// States what was assumed.
    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

impl Sheet<'_> {
    /// Writes a charge of a resource.
    pub(super) fn charge(&mut self, site: Site<'_>, charge: Charge<'_>) {
        let name = site.resource.id.clone();
        self.charge_as(site, &site.stack.name, name, charge);
    }

    /// Writes a charge that several resources share.
    pub(super) fn charge_as(
        &mut self,
        site: Site<'_>,
        stack: &str,
        name: String,
        charge: Charge<'_>,
    ) {
        let Charge { key, driver, mut amount, mut note } = charge;
        let Some(quote) = self.prices.quote(key, &site.stack.region) else {
            return self.unpriced(site, format!("no price of `{key}` was found"));
        };
        if site.resource.exists == Truth::Unknown {
            // It may not be made at all, so that the low case has none.
            amount.low = Amount::default();
            let maybe = "made only under a condition that is not decided yet";
            note = Some(note.map_or(maybe.to_owned(), |note| format!("{note}; {maybe}")));
        }
        self.rows.push(Row {
            stack: stack.to_owned(),
            resource: name,
            kind: site.resource.kind.clone(),
            what: quote.what.to_owned(),
            driver,
            amount,
            unit: quote.unit.to_owned(),
            price: quote.price,
            region: site.stack.region.clone(),
            basis: quote.basis,
            page: quote.page.to_owned(),
            read: quote.read.to_owned(),
            cost: amount.map(|amount| amount.at(quote.price)),
            note,
        });
    }

    /// Names what is not priced.
    pub(super) fn unpriced(&mut self, site: Site<'_>, why: impl Into<String>) {
        self.unpriced.push(Unpriced {
            stack: site.stack.name.clone(),
            resource: site.resource.id.clone(),
            kind: site.resource.kind.clone(),
            why: why.into(),
        });
    }

    /// Between the fewest and the most, as the usage says.
    pub(super) fn scaled(&self, fewest: Amount, most: Amount) -> Span<Amount> {
        let most = most.max(fewest);
        let share = self.usage.load_share.min(Amount::ONE);
        let expected = fewest.plus(most.minus(fewest).times(share));
        Span { low: fewest, expected, high: most }
    }
}
