//! Counters, in the text format that Prometheus reads.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the latency histogram in seconds.
const BOUNDS: [f64; 8] = [0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Default)]
pub struct Metrics {
    /// Answers by the first digit of their status.
    classes: [AtomicU64; 5],
    buckets: [AtomicU64; BOUNDS.len()],
    count: AtomicU64,
    micros: AtomicU64,
    pub in_flight: AtomicI64,
    pub limited: AtomicU64,
    pub retries: AtomicU64,
    pub reservations: AtomicU64,
}

impl Metrics {
    pub fn answered(&self, status: u16, took: Duration) {
        if let Some(class) = self.classes.get(usize::from(status / 100).wrapping_sub(1)) {
            class.fetch_add(1, Relaxed);
        }
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            if took.as_secs_f64() <= bound {
                bucket.fetch_add(1, Relaxed);
            }
        }
        self.count.fetch_add(1, Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn text(&self, circuit: &str) -> String {
        let mut out = String::new();
        let _ = writeln!(out, "# TYPE orders_requests_total counter");
        for (class, count) in self.classes.iter().enumerate() {
            let _ = writeln!(
                out,
                "orders_requests_total{{status=\"{}xx\"}} {}",
                class + 1,
                count.load(Relaxed)
            );
        }
        let _ = writeln!(out, "# TYPE orders_request_seconds histogram");
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS) {
            let _ = writeln!(
                out,
                "orders_request_seconds_bucket{{le=\"{bound}\"}} {}",
                bucket.load(Relaxed)
            );
        }
        let count = self.count.load(Relaxed);
        let _ = writeln!(out, "orders_request_seconds_bucket{{le=\"+Inf\"}} {count}");
        let _ =
            writeln!(out, "orders_request_seconds_sum {}", self.micros.load(Relaxed) as f64 / 1e6);
        let _ = writeln!(out, "orders_request_seconds_count {count}");
        for (name, kind, value) in [
            ("orders_in_flight", "gauge", self.in_flight.load(Relaxed).max(0).unsigned_abs()),
            ("orders_rate_limited_total", "counter", self.limited.load(Relaxed)),
            ("orders_inventory_retries_total", "counter", self.retries.load(Relaxed)),
            ("orders_reservations_total", "counter", self.reservations.load(Relaxed)),
            ("orders_circuit_open", "gauge", u64::from(circuit == "open")),
        ] {
            let _ = writeln!(out, "# TYPE {name} {kind}\n{name} {value}");
        }
        out
    }
}
