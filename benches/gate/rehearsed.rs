//! The gate in whole rehearsals: the program, the SDKs, the embedded cloud, virtual time.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ha_deploy::commands::{Host, Out, run};
use tokio_util::sync::CancellationToken;

/// The most mean bad requests of `bad-canary`, rollback included: a guard against getting worse. Wanted are 9, and
/// docs/gate.md says why 9.6 are measured.
const MOST_BAD: f64 = 10.0;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Rehearses once; gives the exit code and the bad requests.
fn rehearse(scenario: &str, seed: u64) -> (u8, u64) {
    let stdout = Buffer::default();
    let host = Host {
        vars: BTreeMap::from([("GITHUB_SHA".to_owned(), "a".repeat(40))]),
        stdout: Out::new(stdout.clone()),
        stderr: Out::new(io::sink()),
        columns: None,
        directory: std::env::temp_dir(),
        cancel: CancellationToken::new(),
        signals: |_| {},
    };
    let seed = seed.to_string();
    let arguments =
        ["ha-deploy", "rehearse", "--json", "-q", "--scenario", scenario, "--seed", &seed];
    let code = run(&host, arguments.map(Into::into));
    let text = stdout.0.lock().expect("no panic").clone();
    let document: serde_json::Value = serde_json::from_slice(&text).expect("a document");
    (code, document["bad_requests"].as_u64().expect("a count"))
}

/// Rehearses many seeds and prints; gives whether the bounds are kept.
pub(crate) fn measure(seeds: u64) -> bool {
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let all = |scenario: &'static str| -> Vec<(u8, u64)> {
        std::thread::scope(|scope| {
            let work = move |worker: u64| -> Vec<(u8, u64)> {
                let seeds = (1 + worker..=seeds).step_by(workers as usize);
                seeds.map(|seed| rehearse(scenario, seed)).collect()
            };
            let handles: Vec<_> = (0..workers).map(|w| scope.spawn(move || work(w))).collect();
            handles.into_iter().flat_map(|handle| handle.join().expect("a worker")).collect()
        })
    };
    let share = |runs: &[(u8, u64)], code: u8| {
        runs.iter().filter(|(found, _)| *found == code).count() as f64 / runs.len() as f64 * 100.0
    };
    let bad = all("bad-canary");
    let mean = bad.iter().map(|(_, bad)| *bad as f64).sum::<f64>() / bad.len() as f64;
    let caught = share(&bad, 3);
    println!(
        "bad-canary, {seeds} seeds: {caught:.1} % rolled back, {mean:.2} bad requests on average, \
         the rollback's own time included (bound {MOST_BAD})"
    );
    let done = share(&all("common-incident"), 0);
    println!("common-incident, {seeds} seeds: {done:.1} % done (bound 99 %)");
    let capped = share(&all("retrying-client"), 0);
    println!("retrying-client, {seeds} seeds: {capped:.1} % done (no bound: see docs/gate.md)");
    mean <= MOST_BAD && caught == 100.0 && done >= 99.0
}
