//! `gate replay`: what the gate would have said to recorded samples, row by row.

use std::io::Write;

use serde::Serialize;

use crate::cli::{Global, ReplayArgs};
use crate::commands::Host;
use crate::domain::OutcomeKind;
use crate::error::Error;
use crate::gate::Verdict;
use crate::report::text::Plain;

use super::policy::{Judge, Said};
use super::samples;

/// One row of the answer.
#[derive(Debug, Serialize)]
struct Row {
    seconds: u64,
    ln_e: f64,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    verdict: Verdict,
}

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &ReplayArgs,
) -> Result<OutcomeKind, Error> {
    check(args)?;
    let mut judge = Judge::of(args)?;
    let mut rows = Vec::new();
    samples::read(&host.directory.join(&args.samples), &args.samples, |sample| {
        let Said { ln_e, interval, verdict } = judge.take(sample.seconds, sample.counts, args);
        rows.push(Row {
            seconds: sample.seconds,
            ln_e,
            ratio_low: interval.low,
            ratio_high: interval.high,
            verdict,
        });
    })?;
    let mut stdout = host.stdout.clone();
    if global.json {
        let text = serde_json::to_string_pretty(&rows)
            .map_err(|error| Error::bug("the rows cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
    } else {
        let _ = stdout.write_all(table(&rows, &judge, args).as_bytes());
    }
    Ok(OutcomeKind::Done)
}

fn check(args: &ReplayArgs) -> Result<(), Error> {
    if !(args.alpha > 0.0 && args.alpha < 1.0) {
        return Err(Error::invalid("--alpha must be between 0 and 1"));
    }
    if !(args.margin > 0.0 && args.margin <= 1000.0) {
        return Err(Error::invalid("--margin must be above 0 and at most 1000"));
    }
    Ok(())
}

fn table(rows: &[Row], judge: &Judge, args: &ReplayArgs) -> String {
    let mut out = format!("{:>10}  {:>12}  {:>17}  verdict\n", "seconds", "ln E", "ratio");
    for row in rows {
        let end = |end: Option<f64>, open: &str| end.map_or(open.to_owned(), |r| format!("{r:.2}"));
        let ratio = format!("{} – {}", end(row.ratio_low, "0"), end(row.ratio_high, "∞"));
        let verdict = word(row.verdict);
        out.push_str(&format!("{:>10}  {:>12.6}  {ratio:>17}  {verdict}\n", row.seconds, row.ln_e));
    }
    if let Some(row) = rows.iter().find(|row| row.verdict == Verdict::Rollback) {
        let threshold = -args.alpha.ln();
        out.push_str(&format!(
            "the bucket at {} s decided: ln E = {:.3} ≥ {threshold:.3}\n",
            row.seconds, row.ln_e
        ));
    }
    if let Some(words) = judge.words() {
        out.push_str(&format!("{}\n", Plain(&words)));
    }
    if let Some(verdict) = judge.conclusion() {
        out.push_str(&format!("if this is all there is to come: {}\n", word(verdict)));
    }
    out
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Promote => "promote",
        Verdict::Hold => "hold",
        Verdict::Rollback => "rollback",
        Verdict::Inconclusive => "inconclusive",
    }
}
