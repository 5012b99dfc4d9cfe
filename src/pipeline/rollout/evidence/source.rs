//! Where the counts of both revisions come from.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::aws::{Aws, CountQuery, Counted, Fault, Window};
use crate::domain::Revision;
use crate::gate::{Counts, Reading};
use crate::plan::{GateSource, Route};

/// A future of one look.
pub(super) type Look<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Counts of both arms, bucket by bucket.
pub(super) trait Source {
    /// Reads, for each metric of the gate, the buckets that start within the window.
    fn read(&mut self, window: Window) -> Look<'_, Result<Vec<Vec<Reading>>, Fault>>;

    /// What the source does until its next look; most do nothing.
    fn gather(&mut self, _time: Duration) -> Look<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// An arm, as metrics name it.
#[derive(Debug, Clone)]
pub(super) struct ArmName {
    /// The revision that it runs, when known.
    pub(super) revision: Option<Revision>,
    /// Its target group's ARN.
    pub(super) group: String,
}

impl ArmName {
    /// The `TargetGroup` dimension: the ARN from `targetgroup/` on.
    fn dimension(&self) -> &str {
        self.group.rfind("targetgroup/").and_then(|at| self.group.get(at..)).unwrap_or(&self.group)
    }

    /// Puts the arm's names into a template.
    fn fill(&self, template: &str) -> String {
        let revision = self.revision.as_ref().map(ToString::to_string).unwrap_or_default();
        let number = revision.rsplit_once(':').map(|(_, number)| number).unwrap_or_default();
        let name = self.dimension().split('/').nth(1).unwrap_or_default();
        template
            .replace("{revision}", &revision)
            .replace("{number}", number)
            .replace("{target_group}", name)
    }
}

/// CloudWatch, by `GetMetricData`.
pub(super) struct CloudWatch<'a> {
    aws: &'a Aws,
    /// The entries of the call.
    queries: Vec<CountQuery>,
    /// For each metric of the gate the id of its errors, without the arm.
    metrics: Vec<String>,
}

/// What the two arms' ids end in.
const ARMS: [&str; 2] = ["g", "b"];

impl<'a> CloudWatch<'a> {
    /// The queries of a source: errors first, then answers slower than each threshold (in seconds).
    pub(super) fn new(
        aws: &'a Aws,
        source: &GateSource,
        route: &Route,
        arms: [&ArmName; 2],
        slower_than: &[f64],
    ) -> Self {
        let mut queries = Vec::new();
        for (arm, end) in arms.into_iter().zip(ARMS) {
            match source {
                GateSource::Math { requests, errors, .. } => {
                    queries.push(expression(format!("r{end}"), arm.fill(requests), true));
                    queries.push(expression(format!("e{end}"), arm.fill(errors), true));
                }
                GateSource::Metric { namespace, requests, errors, dimensions, .. } => {
                    let fill = |(name, value): (&String, &String)| (name.clone(), arm.fill(value));
                    let dimensions: BTreeMap<_, _> = dimensions.iter().map(fill).collect();
                    let pair = Metrics { namespace, dimensions: &dimensions };
                    pair.counted(&mut queries, end, requests, errors);
                }
                GateSource::Alb { .. } | GateSource::Probe { .. } => {
                    let dimensions = alb(route, arm);
                    let pair = Metrics { namespace: ALB, dimensions: &dimensions };
                    pair.counted(&mut queries, end, "RequestCount", "HTTPCode_Target_5XX_Count");
                    for (index, limit) in slower_than.iter().enumerate() {
                        // CloudWatch user guide, statistics: TC(x:) counts the samples above x.
                        let statistic = format!("TC({limit}:)");
                        pair.filled(
                            &mut queries,
                            &format!("t{index}{end}"),
                            "TargetResponseTime",
                            &statistic,
                        );
                    }
                }
            }
        }
        let slower = (0..slower_than.len()).map(|index| format!("t{index}"));
        let metrics = std::iter::once("e".to_owned()).chain(slower).collect();
        Self { aws, queries, metrics }
    }
}

const ALB: &str = "AWS/ApplicationELB";

fn alb(route: &Route, arm: &ArmName) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("LoadBalancer".to_owned(), route.balancer.clone()),
        ("TargetGroup".to_owned(), arm.dimension().to_owned()),
    ])
}

/// Metrics with the same dimensions.
struct Metrics<'a> {
    namespace: &'a str,
    dimensions: &'a BTreeMap<String, String>,
}

impl Metrics<'_> {
    fn query(&self, id: String, name: &str, statistic: &str, returned: bool) -> CountQuery {
        let counted = Counted::Metric {
            namespace: self.namespace.to_owned(),
            name: name.to_owned(),
            dimensions: self.dimensions.clone(),
            statistic: statistic.to_owned(),
        };
        CountQuery { id, counted, returned }
    }

    /// Requests as they are and errors filled: a load balancer's error counter appears only when it
    /// is not zero.
    fn counted(&self, queries: &mut Vec<CountQuery>, end: &str, requests: &str, errors: &str) {
        queries.push(self.query(format!("r{end}"), requests, "Sum", true));
        self.filled(queries, &format!("e{end}"), errors, "Sum");
    }

    fn filled(&self, queries: &mut Vec<CountQuery>, id: &str, name: &str, statistic: &str) {
        queries.push(self.query(format!("{id}raw"), name, statistic, false));
        queries.push(expression(id.to_owned(), format!("FILL({id}raw, 0)"), true));
    }
}

fn expression(id: String, text: String, returned: bool) -> CountQuery {
    CountQuery { id, counted: Counted::Expression(text), returned }
}

impl Source for CloudWatch<'_> {
    fn read(&mut self, window: Window) -> Look<'_, Result<Vec<Vec<Reading>>, Fault>> {
        Box::pin(async move {
            let series = self.aws.counts(&self.queries, window).await?;
            let of = |id: String| series.get(&id).cloned().unwrap_or_default();
            let requests = ARMS.map(|end| of(format!("r{end}")));
            let readings = |metric: &String| {
                let errors = ARMS.map(|end| of(format!("{metric}{end}")));
                readings(window, &requests, &errors)
            };
            Ok(self.metrics.iter().map(readings).collect())
        })
    }
}

type Points = BTreeMap<Duration, f64>;

fn readings(window: Window, requests: &[Points; 2], errors: &[Points; 2]) -> Vec<Reading> {
    let count = |points: &Points, at: &Duration| {
        // From f64 saturating: a negative or absent sum is nothing.
        points.get(at).map_or(0, |value| value.round() as u64)
    };
    let mut starts: Vec<Duration> =
        requests.iter().chain(errors).flat_map(|points| points.keys().copied()).collect();
    starts.sort_unstable();
    starts.dedup();
    let [green, blue] = requests;
    let [green_errors, blue_errors] = errors;
    starts
        .into_iter()
        .filter(|start| (window.from..window.until).contains(start))
        .map(|start| Reading {
            start,
            counts: Counts::new(
                count(green, &start),
                count(green_errors, &start),
                count(blue, &start),
                count(blue_errors, &start),
            ),
            candidate: green.contains_key(&start),
            baseline: blue.contains_key(&start),
        })
        .collect()
}

/// Reads blue's response times of the past: for each percentile the median over the minutes, in
/// seconds. `None` where blue answered nothing.
pub(super) async fn thresholds(
    aws: &Aws,
    route: &Route,
    blue: &ArmName,
    percentiles: &[u8],
    window: Window,
) -> Result<Vec<Option<f64>>, Fault> {
    let dimensions = alb(route, blue);
    let pair = Metrics { namespace: ALB, dimensions: &dimensions };
    let queries: Vec<CountQuery> = percentiles
        .iter()
        .map(|p| pair.query(format!("p{p}"), "TargetResponseTime", &format!("p{p}"), true))
        .collect();
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let series = aws.counts(&queries, window).await?;
    let median = |id: &String| {
        let mut values: Vec<f64> = series.get(id)?.values().copied().collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Ok(queries.iter().map(|query| median(&query.id)).collect())
}
