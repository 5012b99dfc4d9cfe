//! Trace headers: what comes in goes on to the inventory and into the log.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

const NAMES: [&str; 4] = ["traceparent", "tracestate", "x-amzn-trace-id", "x-request-id"];

#[derive(Debug, Clone, Default)]
pub struct Trace(Vec<(HeaderName, HeaderValue)>);

impl Trace {
    /// Takes the headers of a request; one without a `traceparent` begins a trace (W3C Trace Context).
    pub fn of(headers: &HeaderMap) -> Self {
        let known = NAMES.map(HeaderName::from_static);
        let mut trace: Vec<_> = known
            .into_iter()
            .filter_map(|name| Some((name.clone(), headers.get(&name)?.clone())))
            .collect();
        if !headers.contains_key("traceparent") {
            let parent = format!("00-{:032x}-{:016x}-01", fastrand::u128(1..), fastrand::u64(1..));
            if let Ok(value) = HeaderValue::from_str(&parent) {
                trace.push((HeaderName::from_static("traceparent"), value));
            }
        }
        Self(trace)
    }

    pub fn headers(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.0.iter()
    }

    /// The trace's id, for the log.
    pub fn id(&self) -> &str {
        let parent = self.0.iter().find(|(name, _)| name == "traceparent");
        parent.and_then(|(_, value)| value.to_str().ok()?.split('-').nth(1)).unwrap_or_default()
    }
}
