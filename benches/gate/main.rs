//! The gate against the rules of the incumbents: `cargo bench --bench gate`.
//!
//! Prints the table of `docs/gate.md` (`UPDATE_GENERATED=1` writes it there) and fails when a bound
//! of the issue is broken. `RUNS=100000` takes more runs.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark may fail loudly")]

mod cost;
mod ranks;
mod rehearsed;
mod rules;
mod scenario;
mod table;

use std::process::ExitCode;

use rules::{Feed, Look, Rule};
use scenario::{Run, Trouble};

/// Error rates of the candidate, besides the healthy one.
const RATES: [f64; 4] = [0.005, 0.01, 0.05, 0.2];

/// One line of the table.
struct Row {
    name: &'static str,
    rule: Rule,
    feed: Feed,
    /// The bounds of the issue: false rollbacks and needless ones in percent, bad requests at 5 %
    /// and at 20 %.
    bounds: Option<(f64, f64, f64)>,
}

/// Datapoints of a minute are visible a minute after it closed, those of 10 s 10 s after, and those
/// of a stream of seconds 1 s after. A rule that polls does so in a loop as long as its bucket.
const MINUTE: Feed = Feed { width: 60, lag: 60.0, look: Look::Loop(60.0) };
const TEN: Feed = Feed { width: 10, lag: 10.0, look: Look::Loop(10.0) };
const STREAM: Feed = Feed { width: 1, lag: 1.0, look: Look::Loop(1.0) };

fn rows() -> Vec<Row> {
    let row = |name, rule, feed| Row { name, rule, feed, bounds: None };
    let looped = Feed { look: Look::Loop(10.0), ..MINUTE };
    // A stream is judged in the process that reads it: nothing has to be fetched.
    let stream = Feed { look: Look::Settled(0.1), ..STREAM };
    let late = Feed { look: Look::Settled(1.0), ..STREAM };
    let settled = |feed| Feed { look: Look::Settled(1.0), ..feed };
    let ours = |name, feed, bounds| Row { bounds: Some(bounds), ..row(name, Rule::Evidence, feed) };
    vec![
        row("CloudWatch 2 of 2, 60 s", Rule::InARow(2), MINUTE),
        row("CloudWatch 3 of 3, 60 s", Rule::InARow(3), MINUTE),
        row("Argo, limit 0, 60 s", Rule::InAll(0), MINUTE),
        row("Argo, limit 1, 60 s", Rule::InAll(1), MINUTE),
        row("Argo, limit 2, 60 s", Rule::InAll(2), MINUTE),
        row("Argo, limit 3, 60 s", Rule::InAll(3), MINUTE),
        row("Flagger, threshold 5, 60 s", Rule::Flagger(5), MINUTE),
        row("Kayenta, each minute from the 5th", Rule::KayentaEachMinute, MINUTE),
        row("Kayenta, once at the end", Rule::KayentaOnce, MINUTE),
        row("PipeCD, 5 min windows, limit 0", Rule::PipeCd(0), MINUTE),
        row("PipeCD, 5 min windows, limit 1", Rule::PipeCd(1), MINUTE),
        row("e-process, 60 s, in a 10 s loop", Rule::Evidence, looped),
        ours("**ha-deploy, 60 s**", settled(MINUTE), (0.6, 27.5, 97.5)),
        row("CloudWatch 2 of 2, 10 s", Rule::InARow(2), TEN),
        row("CloudWatch 3 of 3, 10 s", Rule::InARow(3), TEN),
        row("Argo, limit 0, 10 s", Rule::InAll(0), TEN),
        row("Argo, limit 1, 10 s", Rule::InAll(1), TEN),
        row("Argo, limit 2, 10 s", Rule::InAll(2), TEN),
        row("Argo, limit 3, 10 s", Rule::InAll(3), TEN),
        row("Flagger, threshold 5, 10 s", Rule::Flagger(5), TEN),
        row("e-process, 10 s, in a 10 s loop", Rule::Evidence, TEN),
        ours("**ha-deploy, 10 s**", settled(TEN), (0.6, 8.5, 22.6)),
        row("e-process, 1 s stream, acting 2 s later", Rule::Evidence, late),
        ours("**ha-deploy, 1 s stream**", stream, (0.6, 4.1, 5.6)),
    ]
}

/// What a rule did in all runs of one kind.
#[derive(Clone, Default)]
pub(crate) struct Cell {
    pub(crate) runs: u64,
    pub(crate) times: Vec<f32>,
    pub(crate) bad: f64,
}

impl Cell {
    fn add(&mut self, run: &Run, at: Option<f64>) {
        self.runs += 1;
        self.bad += run.bad(at);
        self.times.extend(at.map(|at| at as f32));
    }

    fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.bad += other.bad;
        self.times.extend(other.times);
    }

    pub(crate) fn share(&self) -> f64 {
        self.times.len() as f64 / self.runs as f64 * 100.0
    }

    pub(crate) fn mean_bad(&self) -> f64 {
        self.bad / self.runs as f64
    }

    pub(crate) fn median(&self) -> Option<f32> {
        let mut times = self.times.clone();
        times.sort_by(f32::total_cmp);
        times.get(times.len() / 2).copied()
    }
}

/// Runs of one kind of trouble, on every core; each seed draws the same traffic for all rules.
fn simulate(trouble: Trouble, rows: &[Row], runs: u64) -> Vec<Cell> {
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let kind = match trouble {
        Trouble::Candidate(rate) => (rate * 1e6) as u64,
        Trouble::Incident => 1,
    };
    let work = |worker: u64| {
        let mut cells = vec![Cell::default(); rows.len()];
        for index in (worker..runs).step_by(workers as usize) {
            let run = Run::draw(trouble, kind << 32 | index);
            for (cell, row) in cells.iter_mut().zip(rows) {
                cell.add(&run, rules::rollback(row.rule, row.feed, &run));
            }
        }
        cells
    };
    let mut cells = vec![Cell::default(); rows.len()];
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|w| scope.spawn(move || work(w))).collect();
        for handle in handles {
            for (cell, part) in cells.iter_mut().zip(handle.join().expect("a worker")) {
                cell.merge(part);
            }
        }
    });
    cells
}

fn main() -> ExitCode {
    let runs = std::env::var("RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(10_000);
    let rows = rows();
    let healthy = simulate(Trouble::Candidate(scenario::BASE), &rows, runs);
    let incident = simulate(Trouble::Incident, &rows, runs);
    let sick: Vec<Vec<Cell>> =
        RATES.iter().map(|rate| simulate(Trouble::Candidate(*rate), &rows, runs)).collect();
    let mut kept = true;
    let lines: Vec<table::Line> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| table::Line {
            name: row.name,
            healthy: &healthy[index],
            incident: &incident[index],
            sick: sick.iter().map(|cells| &cells[index]).collect(),
        })
        .collect();
    let text = table::markdown(&lines, runs);
    println!("{text}");
    for (row, line) in rows.iter().zip(&lines) {
        let Some((most, at_5, at_20)) = row.bounds else { continue };
        let figures = [
            ("false rollbacks, %", line.healthy.share(), most),
            ("needless rollbacks, %", line.incident.share(), most),
            ("bad requests at 5 %", line.sick[2].mean_bad(), at_5),
            ("bad requests at 20 %", line.sick[3].mean_bad(), at_20),
        ];
        for (what, measured, bound) in figures {
            let met = measured <= bound;
            kept &= met;
            let verdict = if met { "ok" } else { "BROKEN" };
            println!("{:<28}{what:<24}{measured:>8.3}  ≤ {bound:<6} {verdict}", row.name);
        }
    }
    kept &= cost::measure();
    kept &= rehearsed::measure((runs / 10).clamp(1, 1_000));
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        table::write(&text);
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
