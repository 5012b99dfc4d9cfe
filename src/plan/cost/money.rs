//! Money, prices and amounts as whole numbers: nothing drifts, and the rows sum to the total.

use std::fmt;
use std::iter::Sum;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits of [`Money`] and [`Amount`] after the point.
const MICRO: u32 = 6;

/// Digits of [`Price`] after the point: the smallest that AWS names have ten.
const PICO: u32 = 12;

/// US dollars, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Money(u64);

/// What one unit costs, in 10⁻¹² US dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price(u64);

/// How many units, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Amount(u64);

/// A low, an expected and a high case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Span<T> {
    /// Little use.
    pub low: T,
    /// What the assumptions call usual.
    pub expected: T,
    /// Much use.
    pub high: T,
}

impl<T> Span<T> {
    /// Applies a function to the three cases.
    pub fn map<U>(self, of: impl Fn(T) -> U) -> Span<U> {
        Span { low: of(self.low), expected: of(self.expected), high: of(self.high) }
    }

    /// Applies a function to the three cases of two spans.
    pub fn with<U, V>(self, other: Span<U>, of: impl Fn(T, U) -> V) -> Span<V> {
        Span {
            low: of(self.low, other.low),
            expected: of(self.expected, other.expected),
            high: of(self.high, other.high),
        }
    }
}

impl<T: Copy> From<T> for Span<T> {
    fn from(all: T) -> Self {
        Self { low: all, expected: all, high: all }
    }
}

impl Money {
    /// Adds; stops at the largest amount.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Millionths of a dollar.
    pub fn micros(self) -> u64 {
        self.0
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Self::plus)
    }
}

impl Amount {
    /// One unit.
    pub const ONE: Self = Self(1_000_000);

    /// Reads a decimal number with at most six digits after the point.
    pub fn parse(text: &str) -> Option<Self> {
        decimal(text, MICRO).map(Self)
    }

    /// Adds; stops at the largest amount.
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Takes away, down to nothing.
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Multiplies; halves are rounded up.
    pub fn times(self, other: Self) -> Self {
        Self(product(self.0, other.0, MICRO))
    }

    /// Divides by a whole number that is not zero; the rest is dropped.
    pub fn over(self, by: u64) -> Self {
        Self(self.0.checked_div(by).unwrap_or(self.0))
    }

    /// Rounds to hundredths, for reading; less than one stays as it is.
    pub fn rounded(self) -> Self {
        let hundredth = Self::ONE.0 / 100;
        if self < Self::ONE {
            return self;
        }
        Self(self.0.saturating_add(hundredth / 2) / hundredth * hundredth)
    }

    /// What so many units cost.
    pub fn at(self, price: Price) -> Money {
        // 10⁻⁶ units × 10⁻¹² dollars, to 10⁻⁶ dollars.
        Money(product(self.0, price.0, PICO))
    }
}

impl From<u64> for Amount {
    fn from(whole: u64) -> Self {
        Self(whole.saturating_mul(Self::ONE.0))
    }
}

impl Price {
    /// Reads a decimal number with at most twelve digits after the point.
    pub fn parse(text: &str) -> Option<Self> {
        decimal(text, PICO).map(Self)
    }
}

/// Multiplies and drops so many digits; halves are rounded up.
fn product(left: u64, right: u64, digits: u32) -> u64 {
    let unit = 10_u128.pow(digits);
    let exact = u128::from(left) * u128::from(right);
    u64::try_from((exact + unit / 2) / unit).unwrap_or(u64::MAX)
}

/// Reads `12.5` as a whole number of 10⁻ⁿ; more digits than that are a fault, not a rounding.
fn decimal(text: &str, digits: u32) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let length = u32::try_from(part.len()).ok()?;
    if !all_digits(whole) || !all_digits(part) || length > digits {
        return None;
    }
    let unit = 10_u64.checked_pow(digits)?;
    let part = part.parse::<u64>().ok()?.checked_mul(10_u64.checked_pow(digits - length)?)?;
    whole.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(part)
}

/// Writes a whole number of 10⁻ⁿ without zeros at the end, but with so many digits at least.
fn write(f: &mut fmt::Formatter<'_>, value: u64, digits: u32, least: usize) -> fmt::Result {
    let unit = 10_u64.pow(digits);
    let part = format!("{:0width$}", value % unit, width = digits as usize);
    let mut part = part.trim_end_matches('0').to_owned();
    while part.len() < least {
        part.push('0');
    }
    let whole = grouped(value / unit);
    if part.is_empty() { f.write_str(&whole) } else { write!(f, "{whole}.{part}") }
}

/// `1234567` as `1,234,567`.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Money {
    /// In dollars and cents; halves of a cent are rounded up.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.0 / 10_000 + u64::from(self.0 % 10_000 >= 5_000);
        f.pad(&format!("${}.{:02}", grouped(cents / 100), cents % 100))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, MICRO, 0)
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        write(f, self.0, PICO, 2)
    }
}

impl Serialize for Money {
    /// A text, because a JSON number may be read as a float: `"32.85"`, up to six digits.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (whole, part) = (self.0 / 1_000_000, self.0 % 1_000_000);
        let part = format!("{part:06}");
        let short = part.trim_end_matches('0');
        let kept = if short.len() < 2 { part.get(..2).unwrap_or(short) } else { short };
        serializer.serialize_str(&format!("{whole}.{kept}"))
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string().replace(',', ""))
    }
}

impl Serialize for Price {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.to_string().replace(',', "").trim_start_matches('$'))
    }
}

impl<'de> Deserialize<'de> for Amount {
    /// Takes a number or a text; the shortest decimal form of a float is what was written.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = match &value {
            serde_json::Value::String(text) => text.trim().to_owned(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(D::Error::custom("expected a number, or low, expected and high")),
        };
        Self::parse(&text).ok_or_else(|| {
            D::Error::custom(format!("`{text}` is no number ≥ 0 with at most six decimal digits"))
        })
    }
}

impl<'de> Deserialize<'de> for Price {
    /// Takes the digits as they are written, so that no float stands between a page and the table.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no price")))
    }
}
