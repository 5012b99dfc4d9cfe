//! Which evidence a replay computes.

use std::time::Duration;

use crate::cli::ReplayArgs;
use crate::error::Error;
use crate::gate::{
    Arm, Beta, Bucket, Counts, Interval, OneSample, Panel, Phase, Phases, Policy, Tail, Verdict,
};

/// Evidence that is fed row by row.
pub(super) enum Judge {
    /// Canary against baseline, as a deployment is judged.
    Panel(Box<Panel>),
    /// One arm against a rate.
    OneSample(Box<OneSample>),
    /// The Beta form, with the errors of both arms so far.
    Beta(Beta, u64, u64),
}

/// What a judge says after a row.
pub(super) struct Said {
    pub(super) ln_e: f64,
    pub(super) interval: Interval,
    pub(super) verdict: Verdict,
}

impl Judge {
    /// Reads `--policy`: `ratio`, `one-sample=RATE`, `beta=STRENGTH,SHARE` or `beta-both=…`.
    pub(super) fn of(args: &ReplayArgs) -> Result<Self, Error> {
        let (name, given) = args.policy.split_once('=').unwrap_or((&args.policy, ""));
        let mut numbers = given.split(',').map(str::parse::<f64>);
        let mut number = || numbers.next().and_then(Result::ok).filter(|n| n.is_finite());
        let judge = match name {
            "ratio" if given.is_empty() => Some(Self::Panel(Box::new(panel(args)))),
            "one-sample" => {
                let rate = number().filter(|rate| *rate > 0.0 && *rate <= 0.7);
                rate.map(|rate| Self::OneSample(Box::new(OneSample::new(rate))))
            }
            "beta" | "beta-both" => {
                let tail = if name == "beta" { Tail::Upper } else { Tail::Both };
                let beta = number().zip(number()).and_then(|(k, w)| Beta::new(k, w, tail));
                beta.map(|beta| Self::Beta(beta, 0, 0))
            }
            _ => None,
        };
        judge.ok_or_else(|| {
            Error::invalid(format!("--policy {}: not a policy", args.policy)).hint(
                "Policies: ratio (canary against baseline, the default); one-sample=RATE with 0 < \
                 RATE ≤ 0.7; beta=STRENGTH,SHARE and beta-both=STRENGTH,SHARE with 0 < SHARE < 1.",
            )
        })
    }

    /// Takes the counts of a row that ends at `seconds`.
    pub(super) fn take(&mut self, seconds: u64, counts: Counts, args: &ReplayArgs) -> Said {
        match self {
            Self::Panel(panel) => {
                // A row is one bucket; where it began tells the gate nothing.
                let start = Duration::from_secs(seconds);
                let bucket = Bucket { start, period: Duration::ZERO, counts };
                panel.observe(0, &bucket, Phase::Shift);
                let evidence = panel.evidence();
                Said { ln_e: panel.ln_e(), interval: evidence.interval, verdict: evidence.verdict }
            }
            Self::OneSample(test) => {
                test.observe(counts.candidate);
                let Arm { requests, .. } = test.seen();
                plain(test.ln_e(), requests, args)
            }
            Self::Beta(beta, candidate, baseline) => {
                *candidate = candidate.saturating_add(counts.candidate.errors);
                *baseline = baseline.saturating_add(counts.baseline.errors);
                plain(beta.ln_e(*candidate, *baseline), u64::MAX, args)
            }
        }
    }

    /// The evidence in words, where there are some.
    pub(super) fn words(&self) -> Option<String> {
        match self {
            Self::Panel(panel) => Some(panel.evidence().words()),
            Self::OneSample(_) | Self::Beta(..) => None,
        }
    }

    /// The verdict when no row is to come; `None` where the policy has none.
    pub(super) fn conclusion(&self) -> Option<Verdict> {
        match self {
            Self::Panel(panel) => Some(panel.conclusion()),
            Self::OneSample(_) | Self::Beta(..) => None,
        }
    }
}

fn panel(args: &ReplayArgs) -> Panel {
    let policy = Policy {
        alpha: args.alpha,
        margin: args.margin,
        min_requests: args.min_requests,
        promote_below: 2.0 * args.margin,
        max_errors: args.max_errors,
        ..Policy::default()
    };
    Panel::new(policy, Phases::Shift, &["errors"])
}

fn plain(ln_e: f64, requests: u64, args: &ReplayArgs) -> Said {
    let enough = requests >= args.min_requests;
    let verdict =
        if enough && ln_e >= -args.alpha.ln() { Verdict::Rollback } else { Verdict::Hold };
    Said { ln_e, interval: Interval::default(), verdict }
}
