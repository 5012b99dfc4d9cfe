//! The gates that are compared. The incumbents are reimplemented from their documented behaviour.

use ha_deploy::gate::{Counts, RatioTest};

use super::ranks;
use super::scenario::{BAKE, Run, Seen};

/// The error rate above which a fixed threshold calls a bucket bad.
const THRESHOLD: f64 = 0.01;
/// The α of our gate.
pub(crate) const ALPHA: f64 = 0.01;

/// How buckets come to a gate.
#[derive(Clone, Copy)]
pub(crate) struct Feed {
    /// The width of a bucket, in seconds.
    pub(crate) width: usize,
    /// From its end until it is visible.
    pub(crate) lag: f64,
    /// How a gate looks at it.
    pub(crate) look: Look,
}

/// When a gate looks.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    /// In a loop of this period, with a random phase.
    Loop(f64),
    /// So long after a bucket is visible: ha-deploy knows when that is.
    Settled(f64),
}

/// A rule that decides.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// A CloudWatch alarm: so many buckets in a row are bad.
    InARow(u32),
    /// Argo Rollouts: more than so many buckets in all are bad.
    InAll(u32),
    /// Flagger: so many in all, and the rollback comes one interval later.
    Flagger(u32),
    /// Kayenta: Mann–Whitney over all minutes so far, each minute from the fifth.
    KayentaEachMinute,
    /// Kayenta: once, at the end.
    KayentaOnce,
    /// PipeCD: Mann–Whitney over the last five minutes, every five minutes, and a failure limit.
    PipeCd(u32),
    /// The e-process of ha-deploy.
    Evidence,
}

/// When a rule rolls a run back.
pub(crate) fn rollback(rule: Rule, feed: Feed, run: &Run) -> Option<f64> {
    let at = match rule {
        Rule::InARow(count) => {
            let mut row = 0;
            first(feed, run, |seen| {
                row = if bad(seen.counts) { row + 1 } else { 0 };
                row >= count
            })
        }
        Rule::InAll(limit) => first(feed, run, more_than(limit)),
        Rule::Flagger(threshold) => {
            let interval = feed.width as f64;
            first(feed, run, more_than(threshold - 1)).map(|at| at + interval)
        }
        Rule::KayentaEachMinute => kayenta(run, feed.lag, 5),
        Rule::KayentaOnce => kayenta(run, feed.lag, BAKE / 60 - 1),
        Rule::PipeCd(limit) => pipecd(run, feed.lag, limit),
        Rule::Evidence => {
            let mut test = RatioTest::new(1.0);
            let bar = -ALPHA.ln();
            first(feed, run, |seen| {
                test.observe(seen.counts);
                test.ln_e() >= bar
            })
        }
    };
    at.filter(|at| *at <= BAKE as f64)
}

/// When the first bucket is acted on that makes a rule speak.
fn first(feed: Feed, run: &Run, mut speaks: impl FnMut(Seen) -> bool) -> Option<f64> {
    let found = run.buckets(feed.width).find(|seen| speaks(*seen))?;
    let visible = found.end + feed.lag;
    Some(match feed.look {
        Look::Loop(every) => run.look(visible, every),
        Look::Settled(after) => visible + after,
    })
}

fn bad(counts: Counts) -> bool {
    counts.candidate.rate().is_some_and(|rate| rate > THRESHOLD)
}

fn more_than(limit: u32) -> impl FnMut(Seen) -> bool {
    let mut count = 0;
    move |seen| {
        count += u32::from(bad(seen.counts));
        count > limit
    }
}

/// Error percentages of both arms, minute by minute.
fn percentages(minutes: &[Counts]) -> (Vec<f64>, Vec<f64>) {
    let percent = |arm: ha_deploy::gate::Arm| arm.rate().unwrap_or(0.0) * 100.0;
    let candidate = minutes.iter().map(|minute| percent(minute.candidate)).collect();
    (candidate, minutes.iter().map(|minute| percent(minute.baseline)).collect())
}

/// NetflixACAJudge-v1.0 with the production baseline, direction "increase", critical.
fn kayenta(run: &Run, lag: f64, from: usize) -> Option<f64> {
    let minutes = run.minutes();
    let last = BAKE / 60 - 1;
    (from..=last)
        .find(|count| {
            let (candidate, baseline) = percentages(&minutes[..*count]);
            ranks::kayenta_high(&candidate, &baseline)
        })
        .map(|count| count as f64 * 60.0 + lag)
}

/// PipeCD's analysis: a fixed window, exact U, α 0.05 a look and uncorrected, direction "high".
fn pipecd(run: &Run, lag: f64, limit: u32) -> Option<f64> {
    const WINDOW: usize = 5;
    let minutes = run.minutes();
    let mut failed = 0;
    minutes.chunks_exact(WINDOW).enumerate().find_map(|(index, window)| {
        let (candidate, baseline) = percentages(window);
        failed += u32::from(ranks::significantly_higher(&candidate, &baseline, 0.05));
        (failed > limit).then(|| ((index + 1) * WINDOW * 60) as f64 + lag)
    })
}
