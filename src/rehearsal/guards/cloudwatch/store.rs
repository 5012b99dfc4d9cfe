//! Datapoints, by metric and time.

use std::collections::BTreeMap;
use std::ops::Range;

use super::statistic::{Statistic, Summary};
use super::{Datum, Metric};

/// All datapoints. Times are seconds since the Unix epoch.
#[derive(Debug, Default)]
pub(super) struct Store {
    series: BTreeMap<Metric, Series>,
}

#[derive(Debug)]
struct Series {
    /// 60 for standard resolution, 1 for high resolution.
    resolution: i64,
    /// How long after a bucket has closed it can be read.
    lag: i64,
    buckets: BTreeMap<i64, Summary>,
}

impl Store {
    /// Adds to a metric; what AWS publishes has standard resolution, the rest is fine.
    pub(super) fn put(&mut self, metric: Metric, at: i64, lag: i64, datum: Datum) {
        let by_aws = metric.published_by_aws();
        let resolution = if by_aws { 60 } else { 1 };
        match datum {
            Datum::Sum(sum) if by_aws => {
                if sum > 0.0 {
                    self.bucket(metric, resolution, at, lag).add(1.0, sum);
                }
            }
            Datum::Sum(sum) => self.bucket(metric, resolution, at, lag).add(sum, 1.0),
            Datum::Values(values) => {
                if values.is_empty() {
                    return;
                }
                let bucket = self.bucket(metric, resolution, at, lag);
                for value in values {
                    bucket.add(value, 1.0);
                }
            }
        }
    }

    /// The bucket that a time falls in. The first datum of a metric fixes its resolution.
    pub(super) fn bucket(
        &mut self,
        metric: Metric,
        resolution: i64,
        at: i64,
        lag: i64,
    ) -> &mut Summary {
        let empty = || Series { resolution, lag, buckets: BTreeMap::new() };
        let series = self.series.entry(metric).or_insert_with(empty);
        let start = at.saturating_sub(at.rem_euclid(series.resolution));
        series.buckets.entry(start).or_default()
    }

    /// The datapoints of a statistic by the start of their period: those in `range` that can be
    /// read at `now`.
    pub(super) fn points(
        &self,
        metric: &Metric,
        statistic: Statistic,
        period: i64,
        range: Range<i64>,
        now: i64,
    ) -> BTreeMap<i64, f64> {
        let Some(series) = self.series.get(metric).filter(|_| range.start < range.end) else {
            return BTreeMap::new();
        };
        let mut periods: BTreeMap<i64, Summary> = BTreeMap::new();
        for (start, bucket) in series.buckets.range(range) {
            let readable = start.saturating_add(series.resolution).saturating_add(series.lag);
            if readable <= now {
                let period_start = start.saturating_sub(start.rem_euclid(period.max(1)));
                periods.entry(period_start).or_default().merge(bucket);
            }
        }
        let value = |(start, summary): (i64, Summary)| Some((start, summary.statistic(statistic)?));
        periods.into_iter().filter_map(value).collect()
    }
}
