//! The statistical gate of a rollout: reads settled buckets, feeds the panel, says what it finds.

mod probe;
mod source;

use std::time::Duration;

use crate::aws::{Aws, Fault, Window};
use crate::domain::{Revision, Shift};
use crate::gate::{
    Arm, Bucket, Decision, Evidence, Ledger, Panel, Phase, Phases, Policy, SuccessRate, Threshold,
    Verdict,
};
use crate::pipeline::event::EventKind;
use crate::pipeline::walk::Walk;
use crate::plan::{Deployment, GateSource, Gates, Inconclusive};

use probe::Probe;
use source::{ArmName, CloudWatch, Source};

/// How much of blue's past is read for references and thresholds.
const PAST: Duration = Duration::from_secs(3600);
/// After the moment at which a bucket settles, so that a clock that is a little off loses nothing.
const GRACE: Duration = Duration::from_millis(300);
/// How long ago traffic may have begun to move before that was seen: a look's distance.
const SEEN_LATE: Duration = Duration::from_secs(10);
/// Between two looks that are told while nothing changes.
const TELL: Duration = Duration::from_secs(60);
/// A candidate is shown to be good below this many times the margin.
const PROMOTE_BELOW: f64 = 2.0;

/// The gate's watch over one rollout.
pub(super) struct Watcher<'a> {
    context: &'a Walk<'a>,
    gates: &'a Gates,
    deployment: &'a Deployment,
    arms: [ArmName; 2],
    running: Option<Running<'a>>,
}

/// What there is once traffic moves.
struct Running<'a> {
    source: Box<dyn Source + 'a>,
    panel: Panel,
    books: Vec<Ledger>,
    threshold: Option<Intervals>,
    /// Not before this time of the monotonic clock.
    next: Duration,
    told: Option<(Duration, Verdict)>,
    revised: u64,
}

/// A threshold gate and the interval that it fills.
struct Intervals {
    gate: Threshold,
    every: Duration,
    filled: Duration,
    sum: Arm,
}

impl<'a> Watcher<'a> {
    /// The watch over a deployment, when it has gates.
    pub(super) fn of(
        context: &'a Walk<'a>,
        deployment: &'a Deployment,
        green: &Revision,
        blue: Option<&Revision>,
    ) -> Option<Self> {
        let gates = deployment.gates.as_ref()?;
        let arm = |revision: Option<&Revision>, group: &str| ArmName {
            revision: revision.cloned(),
            group: group.to_owned(),
        };
        let arms = [arm(Some(green), &deployment.route.green), arm(blue, &deployment.route.blue)];
        Some(Self { context, gates, deployment, arms, running: None })
    }

    /// When the next look is due; `None` before traffic moves.
    pub(super) fn due(&self) -> Option<Duration> {
        self.running.as_ref().map(|running| running.next)
    }

    /// Spends time until the next look, with requests of our own where those are the source.
    pub(super) async fn spend(&mut self, time: Duration) {
        let clock = self.context.clock;
        match &mut self.running {
            Some(running) => {
                tokio::join!(clock.sleep(time), running.source.gather(time));
            }
            None => clock.sleep(time).await,
        }
    }

    /// Looks, if it is time: counts what has settled since. `bake`: since when all traffic is on
    /// green, since the Unix epoch. Gives the decision when it is a rollback.
    pub(super) async fn look(&mut self, bake: Option<Duration>) -> Result<Option<Decision>, Fault> {
        if self.running.is_none() {
            self.running = Some(self.begin().await?);
        }
        let context = self.context;
        let Some(running) = &mut self.running else { return Ok(None) };
        let clock = context.clock;
        let elapsed = clock.elapsed();
        if elapsed < running.next {
            return Ok(None);
        }
        let now = clock.now();
        let due = running.books.iter().map(Ledger::due).min().unwrap_or(now);
        if now >= due {
            let period = self.gates.source.period();
            let from = running.books.iter().map(Ledger::look_back).min().unwrap_or(now);
            let readings = running.source.read(Window { from, until: now, period }).await?;
            for (metric, (book, readings)) in running.books.iter_mut().zip(&readings).enumerate() {
                for bucket in book.take(now, readings, bake) {
                    let after = bake.is_some_and(|bake| bucket.start >= bake);
                    let phase = if after { Phase::Bake } else { Phase::Shift };
                    running.panel.observe(metric, &bucket, phase);
                    if metric == 0
                        && let Some(threshold) = &mut running.threshold
                    {
                        threshold.observe(&bucket);
                    }
                }
            }
        }
        let next = running.books.iter().map(|book| book.ask_at(now)).min().unwrap_or(now);
        running.next = elapsed.saturating_add(next.saturating_sub(now) + GRACE);
        running.tell(context);
        Ok(running.rollback())
    }

    /// What the evidence says when the bake is over; `extended`: how long it has been over.
    pub(super) fn conclude(&self, extended: Duration) -> Conclusion {
        let Some(running) = &self.running else { return Conclusion::Wait };
        let mut verdict = running.panel.conclusion();
        let mut decision = running.panel.decision(verdict);
        if let Some(threshold) = &running.threshold
            && threshold.gate.decision().verdict != Verdict::Promote
            && verdict == Verdict::Promote
        {
            verdict = Verdict::Inconclusive;
            decision = Decision { verdict, ..threshold.gate.decision() };
        }
        match (verdict, self.gates.inconclusive) {
            (Verdict::Inconclusive, _) if extended < self.gates.inconclusive_hold => {
                Conclusion::Wait
            }
            (Verdict::Inconclusive, Inconclusive::Rollback) | (Verdict::Rollback, _) => {
                Conclusion::Rollback(decision)
            }
            _ => Conclusion::Promote(decision),
        }
    }

    /// Reads blue's past and opens the books with the bucket in which traffic began to move.
    async fn begin(&self) -> Result<Running<'a>, Fault> {
        let context = self.context;
        let (gates, route) = (self.gates, &self.deployment.route);
        let [green, blue] = &self.arms;
        let now = context.clock.now();
        let period = gates.source.period();
        let step = period.as_secs().max(1);
        let from = Duration::from_secs(now.saturating_sub(PAST).as_secs() / step * step);
        let minutes = Window { from, until: now, period: Duration::from_secs(60) };
        let limits = source::thresholds(context.aws, route, blue, &gates.latency, minutes).await?;
        let slower: Vec<(u8, f64)> = gates
            .latency
            .iter()
            .zip(limits)
            .filter_map(|(percentile, limit)| Some((*percentile, limit?)))
            .collect();
        if slower.len() < gates.latency.len() {
            context.warn("blue answered nothing in the past hour: latency is not judged");
        }
        let limits: Vec<f64> = slower.iter().map(|(_, limit)| *limit).collect();
        let cloudwatch = CloudWatch::new(context.aws, &gates.source, route, [green, blue], &limits);
        let mut source: Box<dyn Source + 'a> = match &gates.source {
            GateSource::Probe { path, rate, timeout } => {
                Box::new(self.probe(context.aws, path, *rate, *timeout).await?)
            }
            _ => Box::new(cloudwatch),
        };
        let mut names = vec!["errors"];
        names.extend(slower.iter().map(|(percentile, _)| match percentile {
            50 => "slower than blue's p50",
            90 => "slower than blue's p90",
            _ => "slower than blue's p99",
        }));
        let bake = self.deployment.bake;
        let mut panel = Panel::new(policy(gates), self.phases(), &names).over(bake, period);
        let past = source.read(Window { from, until: now, period }).await?;
        for (metric, readings) in past.iter().enumerate() {
            let sum = readings.iter().fold(Arm::default(), |sum, reading| {
                let Arm { requests, errors } = reading.counts.baseline;
                Arm::new(sum.requests.saturating_add(requests), sum.errors.saturating_add(errors))
            });
            panel.past(metric, sum);
        }
        let moved = now.saturating_sub(SEEN_LATE);
        let books = names.iter().map(|_| Ledger::new(period, gates.source.settle(), moved));
        Ok(Running {
            source,
            panel,
            books: books.collect(),
            threshold: gates.success_rate.map(Intervals::of),
            next: Duration::ZERO,
            told: None,
            revised: 0,
        })
    }

    async fn probe(
        &self,
        aws: &'a Aws,
        path: &str,
        rate: u32,
        timeout: Duration,
    ) -> Result<Probe<'a>, Fault> {
        let production = aws.listener(&self.deployment.route.listener).await?;
        // Without a test listener both arms are the same mixture, which can convict nobody.
        let test = self.deployment.test_url.clone().unwrap_or_else(|| production.url.clone());
        Ok(Probe {
            web: aws.web(),
            clock: self.context.clock,
            bases: [test, production.url],
            path: path.to_owned(),
            rate,
            timeout,
            seen: Default::default(),
        })
    }

    fn phases(&self) -> Phases {
        match (self.deployment.config.shift, self.deployment.bake) {
            (Shift::AllAtOnce, _) => Phases::Bake,
            (_, Duration::ZERO) => Phases::Shift,
            _ => Phases::ShiftAndBake,
        }
    }
}

/// What is done at the end of the bake.
pub(super) enum Conclusion {
    /// Watch longer.
    Wait,
    /// The candidate is kept.
    Promote(Decision),
    /// The candidate is given up.
    Rollback(Decision),
}

fn policy(gates: &Gates) -> Policy {
    Policy {
        alpha: gates.alpha,
        margin: gates.margin,
        min_requests: gates.min_requests,
        promote_below: PROMOTE_BELOW * gates.margin,
        max_errors: gates.max_errors,
        floor: gates.accepted_errors,
    }
}

impl Running<'_> {
    /// Says where the evidence stands: at the first look, once a minute, and when it changes its mind.
    fn tell(&mut self, context: &Walk<'_>) {
        let evidence = self.panel.evidence();
        let now = context.clock.elapsed();
        let news = self.told.is_none_or(|(at, verdict)| {
            verdict != evidence.verdict || now.saturating_sub(at) >= TELL
        });
        let Evidence { verdict, last, .. } = evidence;
        if news && last > Duration::ZERO {
            self.told = Some((now, verdict));
            context.emit(EventKind::Look { evidence: Box::new(evidence) });
        }
        let revised: u64 = self.books.iter().map(|book| book.oddities().revised).sum();
        if revised > self.revised {
            self.revised = revised;
            context.warn(format!(
                "{revised} bucket(s) of the gate's metrics changed after they were counted; the change is left out"
            ));
        }
    }

    fn rollback(&self) -> Option<Decision> {
        if self.panel.verdict() == Verdict::Rollback {
            return Some(self.panel.decision(Verdict::Rollback));
        }
        let decision = self.threshold.as_ref()?.gate.decision();
        (decision.verdict == Verdict::Rollback).then_some(decision)
    }
}

impl Intervals {
    fn of(rule: crate::plan::SuccessRate) -> Self {
        let crate::plan::SuccessRate { at_least, intervals, failures, interval } = rule;
        Self {
            gate: Threshold::new(SuccessRate { at_least, intervals, failures }),
            every: interval,
            filled: Duration::ZERO,
            sum: Arm::default(),
        }
    }

    fn observe(&mut self, bucket: &Bucket) {
        let Arm { requests, errors } = bucket.counts.candidate;
        self.sum = Arm::new(
            self.sum.requests.saturating_add(requests),
            self.sum.errors.saturating_add(errors),
        );
        self.filled = self.filled.saturating_add(bucket.period);
        if self.filled >= self.every {
            self.gate.observe(std::mem::take(&mut self.sum));
            self.filled = Duration::ZERO;
        }
    }
}
