//! Statistics and the summaries that they are taken from.

use std::collections::BTreeMap;

/// A statistic of a metric's samples in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// `Sum`.
    Sum,
    /// `Average`.
    Average,
    /// `Minimum`.
    Minimum,
    /// `Maximum`.
    Maximum,
    /// `SampleCount`.
    SampleCount,
    /// `p99`, `p99.9` …: in percent, above 0 and below 100.
    Percentile(f64),
    /// `tm99` …: the mean of the lowest so many percent.
    TrimmedMean(f64),
    /// `TC(0.25:)`: how many samples are above a value.
    CountAbove(f64),
}

impl Statistic {
    /// Reads AWS's spelling; `None` for statistics that are not simulated (`TM(…)`, `PR(…)`,
    /// `IQM` …) as for those that do not exist.
    pub fn parse(text: &str) -> Option<Self> {
        let percent = |digits: &str| {
            let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            digits.parse::<f64>().ok().filter(|p| plain && *p > 0.0 && *p < 100.0)
        };
        if let Some(limit) = text.strip_prefix("TC(").and_then(|rest| rest.strip_suffix(":)")) {
            return limit
                .parse()
                .ok()
                .filter(|limit: &f64| limit.is_finite())
                .map(Self::CountAbove);
        }
        match text {
            "Sum" => Some(Self::Sum),
            "Average" => Some(Self::Average),
            "Minimum" => Some(Self::Minimum),
            "Maximum" => Some(Self::Maximum),
            "SampleCount" => Some(Self::SampleCount),
            other => match other.strip_prefix("tm") {
                Some(digits) => percent(digits).map(Self::TrimmedMean),
                None => other.strip_prefix('p').and_then(percent).map(Self::Percentile),
            },
        }
    }

    /// AWS's spelling.
    pub fn name(self) -> String {
        match self {
            Self::Sum => "Sum".to_owned(),
            Self::Average => "Average".to_owned(),
            Self::Minimum => "Minimum".to_owned(),
            Self::Maximum => "Maximum".to_owned(),
            Self::SampleCount => "SampleCount".to_owned(),
            Self::Percentile(percent) => format!("p{percent}"),
            Self::TrimmedMean(percent) => format!("tm{percent}"),
            Self::CountAbove(limit) => format!("TC({limit}:)"),
        }
    }

    /// Whether it is one of the five that `Statistic` names; others are `ExtendedStatistic`.
    pub(super) fn is_basic(self) -> bool {
        !matches!(self, Self::Percentile(_) | Self::TrimmedMean(_) | Self::CountAbove(_))
    }
}

/// The logarithmic width of a histogram cell: percentiles are within half a percent.
const CELL: f64 = 0.01;

/// Samples, summarised: exact count, sum and extremes, and a histogram for percentiles.
///
/// CloudWatch itself keeps distributions, not samples, so its percentiles are approximate too.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Summary {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
    cells: BTreeMap<i32, f64>,
}

impl Summary {
    /// Adds `times` samples of one value.
    pub(super) fn add(&mut self, value: f64, times: f64) {
        if times.is_nan() || times <= 0.0 || !value.is_finite() {
            return;
        }
        if self.count == 0.0 {
            (self.min, self.max) = (value, value);
        }
        self.count += times;
        self.sum += value * times;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        *self.cells.entry(cell(value)).or_default() += times;
    }

    /// Adds samples that are known only by their summary (`StatisticValues`). As in CloudWatch
    /// they have no percentiles unless they are all alike; here their mean stands for them.
    pub(super) fn add_summary(&mut self, count: f64, sum: f64, min: f64, max: f64) {
        if count.is_nan() || count <= 0.0 {
            return;
        }
        self.add(sum / count, count);
        self.min = self.min.min(min);
        self.max = self.max.max(max);
    }

    /// Adds another summary's samples.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            (self.min, self.max) = (other.min, other.max);
        }
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        for (cell, times) in &other.cells {
            *self.cells.entry(*cell).or_default() += times;
        }
    }

    /// A statistic of the samples; `None` without samples.
    pub(super) fn statistic(&self, statistic: Statistic) -> Option<f64> {
        if self.count == 0.0 {
            return None;
        }
        Some(match statistic {
            Statistic::Sum => self.sum,
            Statistic::Average => self.sum / self.count,
            Statistic::Minimum => self.min,
            Statistic::Maximum => self.max,
            Statistic::SampleCount => self.count,
            Statistic::Percentile(percent) => self.percentile(percent),
            Statistic::TrimmedMean(percent) => self.trimmed_mean(percent),
            Statistic::CountAbove(limit) => self.count_above(limit),
        })
    }

    fn percentile(&self, percent: f64) -> f64 {
        let rank = (self.count * percent / 100.0).ceil().max(1.0);
        let mut seen = 0.0;
        for (cell, times) in &self.cells {
            seen += times;
            if seen >= rank {
                return self.middle(*cell);
            }
        }
        self.max
    }

    /// Samples of the cell that the limit falls in count by their middle.
    fn count_above(&self, limit: f64) -> f64 {
        let above = |(cell, _): &(&i32, &f64)| self.middle(**cell) > limit;
        self.cells.iter().filter(above).map(|(_, times)| times).sum()
    }

    fn trimmed_mean(&self, percent: f64) -> f64 {
        let wanted = self.count * percent / 100.0;
        let (mut seen, mut sum) = (0.0, 0.0);
        for (cell, times) in &self.cells {
            let taken = times.min(wanted - seen).max(0.0);
            sum += self.middle(*cell) * taken;
            seen += taken;
        }
        if seen > 0.0 { sum / seen } else { self.min }
    }

    /// The value that stands for a cell.
    fn middle(&self, cell: i32) -> f64 {
        let magnitude = ((f64::from(cell.unsigned_abs()) - OFFSET) * CELL).exp();
        let value = if cell == 0 { 0.0 } else { magnitude.copysign(f64::from(cell)) };
        value.clamp(self.min, self.max)
    }
}

/// Keeps the cells of one sign on one side of 0: the smallest magnitude told from 0 is 1e-9.
const OFFSET: f64 = 2073.0;

/// The cell of a value; cells ascend with values.
fn cell(value: f64) -> i32 {
    if value.abs() < 1e-9 {
        return 0;
    }
    let index = (value.abs().ln() / CELL).round() + OFFSET;
    // A logarithm of a double lies within ±710, so the index is far within i32.
    (index.max(1.0).copysign(value)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_aws_read_and_print_alike() {
        for name in [
            "Sum",
            "Average",
            "Minimum",
            "Maximum",
            "SampleCount",
            "p99",
            "p99.9",
            "tm95",
            "TC(0.25:)",
        ] {
            assert_eq!(Statistic::parse(name).unwrap().name(), name);
        }
        for name in ["sum", "p0", "p100", "pxx", "p-5", "p1e1", "TM(2%:98%)", "IQM", ""] {
            assert_eq!(Statistic::parse(name), None, "{name}");
        }
    }

    #[test]
    fn percentiles_are_within_half_a_percent() {
        let mut summary = Summary::default();
        for number in 1..=1000 {
            summary.add(f64::from(number) / 1000.0, 1.0);
        }
        for (percent, exact) in [(50.0, 0.5), (90.0, 0.9), (99.0, 0.99)] {
            let found = summary.statistic(Statistic::Percentile(percent)).unwrap();
            assert!((found / exact - 1.0).abs() < 0.0055, "{percent}: {found}");
        }
        let trimmed = summary.statistic(Statistic::TrimmedMean(90.0)).unwrap();
        assert!((trimmed / 0.4505 - 1.0).abs() < 0.006, "{trimmed}");
        let above = summary.statistic(Statistic::CountAbove(0.75)).unwrap();
        assert!((above - 250.0).abs() < 6.0, "{above}");
        assert_eq!(summary.statistic(Statistic::Sum).unwrap().round(), 501.0);
        assert_eq!(summary.statistic(Statistic::Maximum), Some(1.0));
    }

    #[test]
    fn negative_values_and_zero_keep_their_order() {
        let mut summary = Summary::default();
        for value in [-2.0, -1.0, 0.0, 1.0, 2.0] {
            summary.add(value, 1.0);
        }
        let p20 = summary.statistic(Statistic::Percentile(20.0)).unwrap();
        assert!((p20 + 2.0).abs() < 0.012, "{p20}");
        assert_eq!(summary.statistic(Statistic::Percentile(60.0)), Some(0.0));
        let p80 = summary.statistic(Statistic::Percentile(80.0)).unwrap();
        assert!((p80 - 1.0).abs() < 0.006, "{p80}");
    }
}
