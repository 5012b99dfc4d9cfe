//! The table of `docs/gate.md`.

use std::fmt::Write as _;
use std::path::Path;

use super::rules::ALPHA;
use super::scenario::{BASE, RPS, WEIGHT};
use super::{Cell, RATES};

/// One line.
pub(crate) struct Line<'a> {
    pub(crate) name: &'static str,
    pub(crate) healthy: &'a Cell,
    pub(crate) incident: &'a Cell,
    pub(crate) sick: Vec<&'a Cell>,
}

/// Where the table stands in the document.
const MARKS: (&str, &str) = ("<!-- table:begin -->\n", "<!-- table:end -->");

/// The table in Markdown.
pub(crate) fn markdown(lines: &[Line<'_>], runs: u64) -> String {
    let mut text = format!(
        "{RPS} requests/s, {} % on the candidate, base error rate {} %, 15 min, {runs} runs.\n\n\
         | rule | false rollbacks | incident of both |",
        WEIGHT * 100.0,
        BASE * 100.0
    );
    for rate in RATES {
        let _ = write!(text, " {} % errors |", rate * 100.0);
    }
    text.push_str("\n|---|--:|--:|");
    text.push_str(&"---|".repeat(RATES.len()));
    text.push('\n');
    for line in lines {
        let _ = write!(
            text,
            "| {} | {:.2} % | {:.2} % |",
            line.name,
            line.healthy.share(),
            line.incident.share()
        );
        for cell in &line.sick {
            let median = cell.median().map_or("–".to_owned(), |at| format!("{at:.0} s"));
            let _ = write!(text, " {:.0} % / {median} / {:.1} |", cell.share(), cell.mean_bad());
        }
        text.push('\n');
    }
    text.push_str("| *Wald's bound for any test at this α* | ≤ 1 % | ≤ 1 % |");
    for rate in RATES {
        let (seconds, bad) = wald(rate);
        let _ = write!(text, " *– / {seconds:.1} s / {bad:.1}* |");
    }
    text.push('\n');
    text
}

/// Wald's lower bound on the mean number of errors that a test of level α and power 1 needs,
/// `ln(1/α) / KL(share₁ ‖ share₀)`, as time and as bad answers. No metric latency is in it.
fn wald(rate: f64) -> (f64, f64) {
    let (bad, good) = (WEIGHT * rate, (1.0 - WEIGHT) * BASE);
    let share = bad / (bad + good);
    let divergence =
        share * (share / WEIGHT).ln() + (1.0 - share) * ((1.0 - share) / (1.0 - WEIGHT)).ln();
    let errors = -ALPHA.ln() / divergence;
    (errors / (RPS * (bad + good)), errors * share)
}

/// Writes the table into the document.
pub(crate) fn write(text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/gate.md");
    let document = std::fs::read_to_string(&path).expect("docs/gate.md");
    let (head, rest) = document.split_once(MARKS.0).expect("the begin mark");
    let (_, tail) = rest.split_once(MARKS.1).expect("the end mark");
    let new = format!("{head}{}\n{text}\n{}{tail}", MARKS.0, MARKS.1);
    std::fs::write(&path, new).expect("docs/gate.md can be written");
}
