//! Numbers with units as scenario files write them, each with its bounds.
//!
//! The bounds are checked while the file is read, so that the reader's position becomes the
//! position of the error.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// The longest span of any kind: nothing in a rehearsal lasts longer than a day.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A span of time: `40ms`, `90s`, `6m`, `1h30m`, or a whole number of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span(pub(super) Duration);

/// A share from 0 to 1: `0.05` or `5%`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Share(pub(super) f64);

/// A whole number within bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Whole<const MIN: u64, const MAX: u64>(pub(super) u64);

/// A number within bounds, given in thousandths because a const parameter cannot be a float.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Real<const MIN_MILLI: u64, const MAX_MILLI: u64>(pub(super) f64);

/// Reads a span.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let fault = || format!("`{}` is not a span of time; write 90s, 6m or 1h30m", shorten(text));
    let mut rest = text.trim();
    if rest.is_empty() || rest.len() > 40 {
        return Err(fault());
    }
    let mut total = Duration::ZERO;
    let mut last_unit = Duration::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: u32 = number.parse().map_err(|_| fault())?;
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(fault()),
        };
        // Units fall, so that `30s1h`, most likely a slip, is refused.
        if unit >= last_unit {
            return Err(fault());
        }
        last_unit = unit;
        total =
            unit.checked_mul(number).and_then(|part| total.checked_add(part)).ok_or_else(fault)?;
        rest = tail.trim_start();
    }
    bounded(total)
}

fn bounded(span: Duration) -> Result<Duration, String> {
    if span > LONGEST { Err("a span of time is at most 24h".to_owned()) } else { Ok(span) }
}

/// Cuts a text from the file for a message.
pub(super) fn shorten(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

fn parse_share(text: &str) -> Result<f64, String> {
    let fault = || format!("`{}` is not a share; write 5% or 0.05", shorten(text));
    let text_trimmed = text.trim();
    let value = match text_trimmed.strip_suffix('%') {
        Some(percent) => percent.trim().parse::<f64>().map_err(|_| fault())? / 100.0,
        None => text_trimmed.parse::<f64>().map_err(|_| fault())?,
    };
    if (0.0..=1.0).contains(&value) {
        Ok(value)
    } else {
        Err(format!("`{}` is not between 0 and 1 (0% and 100%)", shorten(text)))
    }
}

/// Visits a scalar as a number or as text, whichever the file has.
struct Scalar<T, N, S> {
    expecting: &'static str,
    number: N,
    text: S,
    kind: PhantomData<T>,
}

impl<'de, T, N, S> Visitor<'de> for Scalar<T, N, S>
where
    N: Fn(f64) -> Result<T, String>,
    S: Fn(&str) -> Result<T, String>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        (self.number)(value as f64).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        (self.number)(value as f64).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        (self.number)(value).map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<T, E> {
        (self.text)(value).map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar {
            expecting: "a span of time such as 90s, 6m or 1h30m",
            number: |seconds: f64| {
                if seconds < 0.0 || seconds.fract() != 0.0 {
                    return Err("a bare number is whole seconds; write 500ms for less".to_owned());
                }
                let span = Duration::try_from_secs_f64(seconds)
                    .map_err(|_| "a span of time is at most 24h".to_owned())?;
                bounded(span).map(Self)
            },
            text: |text: &str| parse_span(text).map(Self),
            kind: PhantomData,
        })
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Scalar {
            expecting: "a share such as 5% or 0.05",
            number: |value: f64| parse_share(&value.to_string()).map(Self),
            text: |text: &str| parse_share(text).map(Self),
            kind: PhantomData,
        })
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fault = || format!("must be a whole number from {MIN} to {MAX}");
        deserializer.deserialize_any(Scalar {
            expecting: "a whole number",
            number: |value: f64| {
                let within = value.fract() == 0.0 && value >= MIN as f64 && value <= MAX as f64;
                // The bounds are far below 2^53, where f64 holds every whole number.
                if within { Ok(Self(value as u64)) } else { Err(fault()) }
            },
            text: |_: &str| Err(fault()),
            kind: PhantomData,
        })
    }
}

impl<'de, const MIN: u64, const MAX: u64> Deserialize<'de> for Real<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (min, max) = (MIN as f64 / 1000.0, MAX as f64 / 1000.0);
        let fault = || format!("must be a number from {min} to {max}");
        deserializer.deserialize_any(Scalar {
            expecting: "a number",
            number: |value: f64| {
                if (min..=max).contains(&value) { Ok(Self(value)) } else { Err(fault()) }
            },
            text: |_: &str| Err(fault()),
            kind: PhantomData,
        })
    }
}
