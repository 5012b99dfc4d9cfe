//! Metric math: evaluation over time series.
//!
//! A subset, and a loud one: what is not simulated is refused by name. Source: CloudWatch user
//! guide, "Using math expressions with CloudWatch metrics".

use std::collections::BTreeMap;
use std::ops::Range;

pub(super) use super::parse::{Binary, Expression, parse};

/// A time series: values by the start of their period.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Series {
    pub(super) period: i64,
    pub(super) points: BTreeMap<i64, f64>,
}

/// What an expression is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    Scalar(f64),
    Series(Series),
    Array(Vec<Series>),
}

/// What an expression may refer to.
pub(super) struct Scope<'a> {
    pub(super) values: &'a BTreeMap<String, Outcome>,
    /// The asked time, which `FILL` fills.
    pub(super) range: Range<i64>,
    pub(super) period: i64,
}

/// Most points that `FILL` makes: no caller asks for more than a day by the second.
const MOST_POINTS: i64 = 100_800;

/// Evaluates an expression.
pub(super) fn evaluate(expression: &Expression, scope: &Scope<'_>) -> Result<Outcome, String> {
    match expression {
        Expression::Number(number) => Ok(Outcome::Scalar(*number)),
        Expression::Id(id) => match scope.values.get(id) {
            Some(outcome) => Ok(outcome.clone()),
            None => Err(format!("undeclared identifier {id}")),
        },
        Expression::Negative(inner) => {
            combine(Outcome::Scalar(-1.0), evaluate(inner, scope)?, &|a, b| a * b)
        }
        Expression::Binary(operator, left, right) => {
            let (left, right) = (evaluate(left, scope)?, evaluate(right, scope)?);
            combine(left, right, &|a, b| apply(*operator, a, b))
        }
        Expression::Array(items) => {
            let series = items.iter().map(|item| match evaluate(item, scope)? {
                Outcome::Series(series) => Ok(series),
                _ => Err("an array holds time series only".to_owned()),
            });
            series.collect::<Result<Vec<_>, String>>().map(Outcome::Array)
        }
        Expression::Call(name, arguments) => call(name, arguments, scope),
    }
}

fn apply(operator: Binary, a: f64, b: f64) -> f64 {
    let truth = |value: bool| if value { 1.0 } else { 0.0 };
    match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => a.powf(b),
        Binary::Less => truth(a < b),
        Binary::LessOrEqual => truth(a <= b),
        Binary::Greater => truth(a > b),
        Binary::GreaterOrEqual => truth(a >= b),
        Binary::Equal => truth(a == b),
        Binary::NotEqual => truth(a != b),
        Binary::And => truth(a != 0.0 && b != 0.0),
        Binary::Or => truth(a != 0.0 || b != 0.0),
    }
}

/// Applies a function point by point. Where one of two series has no datapoint the result has
/// none, and a result that is not a number (a division by zero) is no datapoint either.
fn combine(
    left: Outcome,
    right: Outcome,
    function: &dyn Fn(f64, f64) -> f64,
) -> Result<Outcome, String> {
    let mapped = |series: Series, function: &dyn Fn(f64) -> f64| {
        let points = series.points.into_iter().map(|(at, value)| (at, function(value)));
        let points = points.filter(|(_, value)| value.is_finite()).collect();
        Outcome::Series(Series { period: series.period, points })
    };
    Ok(match (left, right) {
        (Outcome::Scalar(a), Outcome::Scalar(b)) => Outcome::Scalar(function(a, b)),
        (Outcome::Series(a), Outcome::Scalar(b)) => mapped(a, &|a| function(a, b)),
        (Outcome::Scalar(a), Outcome::Series(b)) => mapped(b, &|b| function(a, b)),
        (Outcome::Series(a), Outcome::Series(b)) => {
            let both = a.points.iter().filter_map(|(at, a)| {
                let value = function(*a, *b.points.get(at)?);
                value.is_finite().then_some((*at, value))
            });
            Outcome::Series(Series { period: a.period.max(b.period), points: both.collect() })
        }
        _ => return Err("operators on arrays are not simulated".to_owned()),
    })
}

fn call(name: &str, arguments: &[Expression], scope: &Scope<'_>) -> Result<Outcome, String> {
    let wrong = |wanted: &str| format!("the function {name} takes {wanted}");
    match (name, arguments) {
        ("FILL", [series, filler]) => fill(evaluate(series, scope)?, filler, scope),
        ("IF", [condition, yes, no]) => choose(condition, yes, Some(no), scope),
        ("IF", [condition, yes]) => choose(condition, yes, None, scope),
        ("ABS", [one]) => each(one, scope, &f64::abs),
        ("CEIL", [one]) => each(one, scope, &f64::ceil),
        ("FLOOR", [one]) => each(one, scope, &f64::floor),
        ("PERIOD", [one]) => match evaluate(one, scope)? {
            Outcome::Series(series) => Ok(Outcome::Scalar(series.period as f64)),
            _ => Err(wrong("one time series")),
        },
        ("SUM" | "AVG" | "MIN" | "MAX", [one]) => reduce(name, evaluate(one, scope)?),
        ("DIFF" | "RATE", [one]) => match evaluate(one, scope)? {
            Outcome::Series(series) => Ok(Outcome::Series(change(&series, name == "RATE"))),
            _ => Err(wrong("one time series")),
        },
        ("FILL", _) => Err(wrong("a time series and a number")),
        ("IF", _) => Err(wrong("a condition, a value and perhaps another value")),
        (
            "ABS" | "CEIL" | "FLOOR" | "PERIOD" | "SUM" | "AVG" | "MIN" | "MAX" | "DIFF" | "RATE",
            _,
        ) => Err(wrong("one argument")),
        _ => Err(format!("the function {name} is not simulated by the rehearsal")),
    }
}

fn each(
    argument: &Expression,
    scope: &Scope<'_>,
    function: &dyn Fn(f64) -> f64,
) -> Result<Outcome, String> {
    combine(evaluate(argument, scope)?, Outcome::Scalar(0.0), &|a, _| function(a))
}

/// `FILL(m, 0)` or `FILL(m, REPEAT)`, over the whole asked time.
///
/// It fills the newest periods too, whose data only has not arrived yet. That is CloudWatch's
/// own caveat about `FILL` in alarms, and the reason to divide by a metric that is not filled.
fn fill(series: Outcome, filler: &Expression, scope: &Scope<'_>) -> Result<Outcome, String> {
    let Outcome::Series(mut series) = series else {
        return Err("the function FILL takes a time series and a number".to_owned());
    };
    let constant = match filler {
        Expression::Id(word) if word == "REPEAT" => None,
        Expression::Id(word) if word == "LINEAR" => {
            return Err(
                "the function FILL with LINEAR is not simulated by the rehearsal".to_owned()
            );
        }
        other => match evaluate(other, scope)? {
            Outcome::Scalar(constant) => Some(constant),
            _ => return Err("FILL with a time series is not simulated by the rehearsal".to_owned()),
        },
    };
    let period = series.period.max(1);
    let mut at = scope.range.start.saturating_sub(scope.range.start.rem_euclid(period));
    if scope.range.end.saturating_sub(at) / period > MOST_POINTS {
        return Err("the asked time has too many periods".to_owned());
    }
    let mut last = None;
    while at < scope.range.end {
        match (series.points.get(&at).copied(), constant.or(last)) {
            (Some(value), _) => last = Some(value),
            (None, Some(filling)) => {
                series.points.insert(at, filling);
            }
            (None, None) => {}
        }
        at = at.saturating_add(period);
    }
    Ok(Outcome::Series(series))
}

fn choose(
    condition: &Expression,
    yes: &Expression,
    no: Option<&Expression>,
    scope: &Scope<'_>,
) -> Result<Outcome, String> {
    let yes = evaluate(yes, scope)?;
    let no = no.map(|no| evaluate(no, scope)).transpose()?;
    let at_time = |outcome: &Outcome, at: i64| match outcome {
        Outcome::Scalar(value) => Some(*value),
        Outcome::Series(series) => series.points.get(&at).copied(),
        Outcome::Array(_) => None,
    };
    match evaluate(condition, scope)? {
        Outcome::Scalar(value) if value != 0.0 => Ok(yes),
        Outcome::Scalar(_) => {
            Ok(no.unwrap_or(Outcome::Series(Series {
                period: scope.period,
                points: BTreeMap::new(),
            })))
        }
        Outcome::Series(condition) => {
            let points = condition.points.iter().filter_map(|(at, value)| {
                let chosen = if *value != 0.0 { Some(&yes) } else { no.as_ref() };
                Some((*at, at_time(chosen?, *at)?))
            });
            Ok(Outcome::Series(Series { period: condition.period, points: points.collect() }))
        }
        Outcome::Array(_) => Err("the condition of IF is a number or a time series".to_owned()),
    }
}

fn fold(name: &str, values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().sum();
    match name {
        "SUM" => Some(sum),
        "AVG" => (!values.is_empty()).then(|| sum / values.len() as f64),
        "MIN" => values.iter().copied().reduce(f64::min),
        _ => values.iter().copied().reduce(f64::max),
    }
}

/// Over an array: point by point, with the points that are there. Over a series: one number.
fn reduce(name: &str, argument: Outcome) -> Result<Outcome, String> {
    match argument {
        Outcome::Scalar(value) => Ok(Outcome::Scalar(value)),
        Outcome::Series(series) => {
            let values: Vec<f64> = series.points.into_values().collect();
            Ok(Outcome::Scalar(fold(name, &values).unwrap_or(0.0)))
        }
        Outcome::Array(all) => {
            let mut columns: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
            for (at, value) in all.iter().flat_map(|series| &series.points) {
                columns.entry(*at).or_default().push(*value);
            }
            let points =
                columns.into_iter().filter_map(|(at, column)| Some((at, fold(name, &column)?)));
            let period = all.iter().map(|series| series.period).max().unwrap_or(60);
            Ok(Outcome::Series(Series { period, points: points.collect() }))
        }
    }
}

/// `DIFF`, the change from point to point, or `RATE`, the same per second.
fn change(series: &Series, per_second: bool) -> Series {
    let pairs = series.points.iter().zip(series.points.iter().skip(1));
    let points = pairs.map(|((before, a), (at, b))| {
        let seconds = if per_second { at.saturating_sub(*before).max(1) as f64 } else { 1.0 };
        (*at, (b - a) / seconds)
    });
    Series { period: series.period, points: points.collect() }
}
