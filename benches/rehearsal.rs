//! How long rehearsals take and how much memory they need: `cargo bench --bench rehearsal`.
//!
//! Prints one table and fails when a bound of the README is broken. The bounds are generous for a
//! quiet machine and meant for one.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the machine's clock")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::collections::BTreeMap;
use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ha_deploy::commands::{Host, Out, run};
use tokio_util::sync::CancellationToken;

/// A full `bad-canary` rehearsal.
const ONE: Duration = Duration::from_secs(1);
/// All scenarios, one after the other.
const ALL: Duration = Duration::from_secs(10);
/// Peak resident memory, in kB.
const MEMORY_KB: u64 = 100_000;

fn rehearse(arguments: &[&str]) -> (u8, Duration) {
    let host = Host {
        vars: BTreeMap::from([("GITHUB_SHA".to_owned(), "a".repeat(40))]),
        stdout: Out::new(io::sink()),
        stderr: Out::new(io::sink()),
        columns: None,
        directory: env!("CARGO_MANIFEST_DIR").into(),
        cancel: CancellationToken::new(),
        signals: |_| {},
    };
    let begin = Instant::now();
    let arguments = ["ha-deploy", "rehearse", "--json"].iter().chain(arguments);
    let code = run(&host, arguments.map(Into::into));
    (code, begin.elapsed())
}

/// The most memory that this process has had, from `/proc`; `None` elsewhere than on Linux.
fn peak_memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn main() -> ExitCode {
    let mut kept = true;
    let mut row = |what: &str, measured: String, bound: String, met: bool| {
        kept &= met;
        println!("{what:<34}{measured:>12}{bound:>14}  {}", if met { "ok" } else { "BROKEN" });
    };
    let mut times: Vec<Duration> = (0..5)
        .map(|_| rehearse(&["--scenario", "bad-canary"]))
        .map(|(code, time)| if code == 3 { time } else { Duration::MAX })
        .collect();
    times.sort();
    let median = times[2];
    row("bad-canary, median of 5", format!("{median:.0?}"), format!("< {ONE:?}"), median < ONE);
    let (code, all) = rehearse(&["--all"]);
    row("--all", format!("{all:.0?}"), format!("< {ALL:?}"), code == 0 && all < ALL);
    match peak_memory_kb() {
        Some(kb) => {
            let bound = format!("< {MEMORY_KB} kB");
            row("peak memory", format!("{kb} kB"), bound, kb < MEMORY_KB);
        }
        None => println!("peak memory: not measured, there is no /proc"),
    }
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
