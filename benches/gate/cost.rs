//! What one evaluation costs, in time and in memory.

use std::hint::black_box;
use std::time::{Duration, Instant};

use ha_deploy::gate::{Bucket, Counts, Panel, Phase, Phases, Policy};

/// The bound for one evaluation.
const MOST: Duration = Duration::from_micros(5);

fn bucket(index: u64) -> Bucket {
    Bucket {
        start: Duration::from_secs(index * 10),
        period: Duration::from_secs(10),
        counts: Counts::new(50 + index % 3, index % 2, 450 - index % 5, 1 + index % 2),
    }
}

/// Measures and prints; gives whether the bounds are kept.
pub(crate) fn measure() -> bool {
    const ROUNDS: u32 = 500;
    const BATCHES: u64 = 2_000;
    let mut panel = Panel::new(Policy::default(), Phases::ShiftAndBake, &["errors"]);
    let feed = |from: u64| {
        let begin = Instant::now();
        for index in 0..u64::from(ROUNDS) {
            panel.observe(0, &bucket(from + index), Phase::Shift);
            black_box(panel.verdict());
        }
        begin.elapsed() / ROUNDS
    };
    // The least of many short batches: what it costs when nobody else has the core.
    let each = (0..BATCHES).map(feed).min().unwrap_or_default();
    let begin = Instant::now();
    for _ in 0..10_000 {
        black_box(panel.evidence());
    }
    let report = begin.elapsed() / 10_000;
    let met = each < MOST;
    let verdict = if met { "ok" } else { "BROKEN" };
    println!(
        "one evaluation: {each:?} (bound {MOST:?}) {verdict}; its evidence for a report: {report:?}"
    );
    // The panel after a million buckets holds what it held after none: it has no growing part.
    let (empty, fed) = (
        Panel::new(Policy::default(), Phases::ShiftAndBake, &["errors"]).footprint(),
        panel.footprint(),
    );
    println!(
        "memory: {fed} bytes after {} buckets, {empty} at the start",
        u64::from(ROUNDS) * BATCHES
    );
    met && empty == fed
}
