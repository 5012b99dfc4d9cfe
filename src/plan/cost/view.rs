//! An estimate as lines, for whoever prints it.

use super::estimate::Estimate;
use super::money::{Amount, Money, Span};
use super::prices::Basis;
use super::sheet::{Driver, Row};

/// An estimate, ordered and in words. The texts are plain: a printer escapes them for its format.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// What it comes to, in one sentence.
    pub headline: String,
    /// The stacks, dearest first.
    pub groups: Vec<Group>,
    /// Settings that would make it cheaper, and what they give up.
    pub savings: Vec<String>,
    /// What a reader must know to judge the figures, one sentence each.
    pub notes: Vec<String>,
}

/// A stack's charges.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The stack.
    pub stack: String,
    /// Its sum.
    pub cost: Span<Money>,
    /// Its charges, dearest first.
    pub lines: Vec<Line>,
}

/// One charge.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The resource and what is charged.
    pub what: String,
    /// How much of it at which price.
    pub quantity: String,
    /// What it costs.
    pub cost: Span<Money>,
    /// Why it runs.
    pub driver: Driver,
    /// Assumptions about this line.
    pub note: Option<String>,
}

/// Puts an estimate into lines.
pub fn view(estimate: &Estimate) -> View {
    let mut groups: Vec<Group> = Vec::new();
    for row in &estimate.rows {
        let line = line(row);
        match groups.iter_mut().find(|group| group.stack == row.stack) {
            Some(group) => {
                group.cost = group.cost.with(row.cost, Money::plus);
                group.lines.push(line);
            }
            None => {
                groups.push(Group { stack: row.stack.clone(), cost: row.cost, lines: vec![line] })
            }
        }
    }
    for group in &mut groups {
        group.lines.sort_by_key(|line| std::cmp::Reverse(line.cost.expected));
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.cost.expected));
    let Span { low, expected, high } = estimate.total;
    View {
        headline: format!(
            "About {expected} a month ({low} to {high}), of which {} run without any use",
            estimate.fixed_monthly
        ),
        groups,
        savings: savings(estimate),
        notes: notes(estimate),
    }
}

fn line(row: &Row) -> Line {
    let amount = row.amount.map(Amount::rounded);
    let many = if amount.low == amount.high {
        amount.expected.to_string()
    } else {
        format!("{} ({} to {})", amount.expected, amount.low, amount.high)
    };
    let borrowed = (row.basis == Basis::Borrowed && row.region != "us-east-1")
        .then(|| format!("price of us-east-1, none found for {}", row.region));
    let notes: Vec<String> = borrowed.into_iter().chain(row.note.clone()).collect();
    Line {
        what: format!("{}: {}", row.resource, row.what),
        quantity: format!("{many} × {} per {}", row.price, row.unit),
        cost: row.cost,
        driver: row.driver,
        note: (!notes.is_empty()).then(|| notes.join("; ")),
    }
}

/// The settings of the network, which is often what costs most before anybody comes.
fn savings(estimate: &Estimate) -> Vec<String> {
    let fixed = |kind: &str| -> Vec<&Row> {
        let rows = estimate.rows.iter();
        rows.filter(|row| row.kind == kind && row.driver == Driver::Fixed).collect()
    };
    let sum = |rows: &[&Row]| -> Money { rows.iter().map(|row| row.cost.expected).sum() };
    let mut savings = Vec::new();
    let gateways = fixed("AWS::EC2::NatGateway");
    if let [first, _, ..] = gateways.as_slice() {
        let rest = sum(gateways.get(1..).unwrap_or_default());
        savings.push(format!(
            "`nat: single` would save {rest} a month and the addresses, and tie all zones to that of {}",
            first.resource
        ));
    }
    let endpoints = fixed("AWS::EC2::VPCEndpoint");
    if !endpoints.is_empty() && !gateways.is_empty() {
        savings.push(format!(
            "without interface endpoints, {} a month would be saved and their traffic go through NAT",
            sum(&endpoints)
        ));
    }
    savings
}

fn notes(estimate: &Estimate) -> Vec<String> {
    let mut notes = vec![format!(
        "An estimate, not a quote: on-demand list prices from a table of {}, before tax, free tiers, \
         discounts and commitments; see docs/cost.md.",
        estimate.table_date
    )];
    if let Some(oldest) = &estimate.oldest_price {
        notes.push(format!("The oldest price in it was read on {oldest}."));
    }
    if estimate.borrowed > 0 {
        notes.push(format!(
            "{} of {} charges have the price of us-east-1, because none was found for their region.",
            estimate.borrowed,
            estimate.rows.len()
        ));
    }
    for one in &estimate.unpriced {
        notes.push(format!(
            "Not priced: {} {} ({}), {}.",
            one.stack, one.resource, one.kind, one.why
        ));
    }
    notes
}
