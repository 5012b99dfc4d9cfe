//! CloudWatch Logs: streams of lines with their tokens.
//!
//! Source: CloudWatch Logs API reference, `GetLogEvents`, `FilterLogEvents`,
//! `DescribeLogStreams`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Place, flag, listed, page, page_size, refuse_unsimulated, required, text, texts, unknown,
};
use crate::rehearsal::call::{ApiError, Reply};

#[cfg(test)]
mod tests;

/// How long a line takes from the container until an API call sees it. Assumed: AWS gives no
/// number; the `awslogs` driver sends a batch after at most 5 seconds.
pub const INGESTION: Duration = Duration::from_secs(3);

/// Most events of one answer (`GetLogEvents`, `limit`).
const MOST_EVENTS: usize = 10_000;

/// The log groups of the account.
#[derive(Debug)]
pub struct Logs {
    place: Place,
    groups: BTreeMap<String, BTreeMap<String, Stream>>,
}

#[derive(Debug, Default)]
struct Stream {
    created: Duration,
    bytes: u64,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    at: Duration,
    text: String,
}

/// A slice of a stream's lines: positions count from the stream's first line ever.
struct Window {
    from: usize,
    to: usize,
}

impl Logs {
    /// An account without log groups.
    pub fn new(place: Place) -> Self {
        Self { place, groups: BTreeMap::new() }
    }

    /// Creates a log group, or nothing when it exists.
    pub fn create_group(&mut self, group: &str) {
        self.groups.entry(group.to_owned()).or_default();
    }

    /// Whether a log group exists.
    pub fn has_group(&self, group: &str) -> bool {
        self.groups.contains_key(group)
    }

    /// Removes a log group with all its lines.
    pub fn remove_group(&mut self, group: &str) {
        self.groups.remove(group);
    }

    /// Writes a line; group and stream are created when they are not there.
    ///
    /// Lines of one stream come in the order of their times; a late one is moved up to the last.
    pub fn write(&mut self, group: &str, stream: &str, at: Duration, line: impl Into<String>) {
        let streams = self.groups.entry(group.to_owned()).or_default();
        let stream = streams
            .entry(stream.to_owned())
            .or_insert_with(|| Stream { created: at, ..Stream::default() });
        let at = stream.lines.last().map_or(at, |last| last.at.max(at));
        let text: String = line.into();
        // 26 bytes are added for every event: `PutLogEvents`, constraints of a batch.
        let bytes = u64::try_from(text.len()).unwrap_or(u64::MAX).saturating_add(26);
        stream.bytes = stream.bytes.saturating_add(bytes);
        stream.lines.push(Line { at, text });
    }

    /// Answers a call.
    pub fn call(&mut self, now: Duration, operation: &str, input: &Value) -> Reply {
        match operation {
            "GetLogEvents" => {
                let known = [
                    "logGroupName",
                    "logGroupIdentifier",
                    "logStreamName",
                    "startTime",
                    "endTime",
                    "nextToken",
                    "limit",
                    "startFromHead",
                ];
                refuse_unsimulated(operation, input, &known)?;
                self.get(now, input)
            }
            "FilterLogEvents" => {
                let known = [
                    "logGroupName",
                    "logGroupIdentifier",
                    "logStreamNames",
                    "logStreamNamePrefix",
                    "startTime",
                    "endTime",
                    "filterPattern",
                    "nextToken",
                    "limit",
                    "interleaved",
                ];
                refuse_unsimulated(operation, input, &known)?;
                self.filter(now, input)
            }
            "DescribeLogStreams" => {
                let known = [
                    "logGroupName",
                    "logGroupIdentifier",
                    "logStreamNamePrefix",
                    "orderBy",
                    "descending",
                    "nextToken",
                    "limit",
                ];
                refuse_unsimulated(operation, input, &known)?;
                self.describe(now, input)
            }
            other => Err(unknown("logs", other)),
        }
    }

    fn group(&self, input: &Value) -> Result<(&str, &BTreeMap<String, Stream>), ApiError> {
        let name = match (text(input, "logGroupName"), text(input, "logGroupIdentifier")) {
            (Some(name), None) => name,
            // An identifier is a name or an ARN; a name holds no colon.
            (None, Some(id)) => id.split_once(":log-group:").map_or(id, |(_, name)| name),
            _ => {
                let message = "Exactly one of logGroupName and logGroupIdentifier is required.";
                return Err(ApiError::new("InvalidParameterException", message));
            }
        };
        let group = self.groups.get_key_value(name);
        group.map(|(name, streams)| (name.as_str(), streams)).ok_or_else(|| {
            ApiError::new("ResourceNotFoundException", "The specified log group does not exist.")
        })
    }

    fn get(&self, now: Duration, input: &Value) -> Reply {
        let (_, streams) = self.group(input)?;
        let stream = streams.get(required(input, "logStreamName")).ok_or_else(|| {
            ApiError::new("ResourceNotFoundException", "The specified log stream does not exist.")
        })?;
        let times = self.times(input);
        let visible = stream.visible(now);
        // Where lines of the asked time begin and end: times never fall within a stream.
        let first = visible.partition_point(|line| self.place.millis(line.at) < times.0);
        let last = visible.partition_point(|line| self.place.millis(line.at) < times.1).max(first);
        let limit = page_size(input, "limit", MOST_EVENTS).clamp(1, MOST_EVENTS);
        let window = match text(input, "nextToken") {
            Some(token) => window_of_token(token, limit, first, last).ok_or_else(|| {
                ApiError::new("InvalidParameterException", "The specified nextToken is invalid.")
            })?,
            None if flag(input, "startFromHead") => {
                Window { from: first, to: last.min(first.saturating_add(limit)) }
            }
            None => Window { from: first.max(last.saturating_sub(limit)), to: last },
        };
        let shown = visible.get(window.from..window.to).unwrap_or_default();
        let events: Vec<Value> = shown
            .iter()
            .map(|line| {
                json!({
                    "timestamp": self.place.millis(line.at),
                    "message": line.text,
                    "ingestionTime": self.place.millis(line.at.saturating_add(INGESTION)),
                })
            })
            .collect();
        Ok(json!({
            "events": events,
            // At the end of the stream this is the token that was passed: so a reader knows.
            "nextForwardToken": format!("f/{:056}/s", window.to),
            "nextBackwardToken": format!("b/{:056}/s", window.from),
        }))
    }

    /// The asked times in milliseconds, the end exclusive.
    fn times(&self, input: &Value) -> (i64, i64) {
        let time = |member: &str| input.get(member).and_then(Value::as_i64);
        (time("startTime").unwrap_or(i64::MIN), time("endTime").unwrap_or(i64::MAX))
    }

    fn filter(&self, now: Duration, input: &Value) -> Reply {
        let (_, streams) = self.group(input)?;
        let wanted = texts(input, "logStreamNames");
        let prefix = text(input, "logStreamNamePrefix");
        if !wanted.is_empty() && prefix.is_some() {
            let message = "logStreamNames and logStreamNamePrefix cannot be given together.";
            return Err(ApiError::new("InvalidParameterException", message));
        }
        let pattern = Pattern::parse(text(input, "filterPattern").unwrap_or_default())?;
        let times = self.times(input);
        let mut events = Vec::new();
        for (name, stream) in streams {
            let chosen = wanted.is_empty() || wanted.contains(&name.as_str());
            if !chosen || !name.starts_with(prefix.unwrap_or_default()) {
                continue;
            }
            for (index, line) in stream.visible(now).iter().enumerate() {
                let millis = self.place.millis(line.at);
                if (times.0..times.1).contains(&millis) && pattern.matches(&line.text) {
                    events.push((millis, name, index, line));
                }
            }
        }
        events.sort_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)));
        let size = page_size(input, "limit", MOST_EVENTS).clamp(1, MOST_EVENTS);
        let (shown, next) = page(&events, text(input, "nextToken"), size).ok_or_else(|| {
            ApiError::new("InvalidParameterException", "The specified nextToken is invalid.")
        })?;
        let shown = shown.iter().map(|(millis, name, index, line)| {
            json!({
                "logStreamName": name,
                "timestamp": millis,
                "message": line.text,
                "ingestionTime": self.place.millis(line.at.saturating_add(INGESTION)),
                "eventId": format!("{millis:020}{index:036}"),
            })
        });
        let mut answer = listed("events", shown.collect(), "nextToken", next);
        if let Some(members) = answer.as_object_mut() {
            // Empty since 2019: `FilterLogEvents`, `searchedLogStreams`.
            members.insert("searchedLogStreams".to_owned(), json!([]));
        }
        Ok(answer)
    }

    fn describe(&self, now: Duration, input: &Value) -> Reply {
        let (group, streams) = self.group(input)?;
        let by_time = match text(input, "orderBy") {
            None | Some("LogStreamName") => false,
            Some(_) => true,
        };
        let prefix = text(input, "logStreamNamePrefix");
        if by_time && prefix.is_some() {
            let message = "Cannot order by LastEventTime with a logStreamNamePrefix.";
            return Err(ApiError::new("InvalidParameterException", message));
        }
        let mut chosen: Vec<(&String, &Stream)> = streams
            .iter()
            .filter(|(name, _)| name.starts_with(prefix.unwrap_or_default()))
            .collect();
        if by_time {
            chosen.sort_by_key(|(_, stream)| stream.visible(now).last().map(|line| line.at));
        }
        if flag(input, "descending") {
            chosen.reverse();
        }
        let size = page_size(input, "limit", 50).min(50);
        let (shown, next) = page(&chosen, text(input, "nextToken"), size).ok_or_else(|| {
            ApiError::new("InvalidParameterException", "The specified nextToken is invalid.")
        })?;
        let shown = shown.iter().map(|(name, stream)| self.stream(now, group, name, stream));
        Ok(listed("logStreams", shown.collect(), "nextToken", next))
    }

    fn stream(&self, now: Duration, group: &str, name: &str, stream: &Stream) -> Value {
        let arn = self.place.arn("logs", &format!("log-group:{group}:log-stream:{name}"));
        let mut answer = json!({
            "logStreamName": name,
            "creationTime": self.place.millis(stream.created),
            "arn": arn,
            // Always 0 for streams since 2019: `DescribeLogStreams`, `storedBytes`.
            "storedBytes": 0,
        });
        let visible = stream.visible(now);
        if let (Some(first), Some(last), Some(members)) =
            (visible.first(), visible.last(), answer.as_object_mut())
        {
            let ingested = last.at.saturating_add(INGESTION);
            members.insert("firstEventTimestamp".to_owned(), json!(self.place.millis(first.at)));
            members.insert("lastEventTimestamp".to_owned(), json!(self.place.millis(last.at)));
            members.insert("lastIngestionTime".to_owned(), json!(self.place.millis(ingested)));
        }
        answer
    }

    /// The bytes that a group has taken in, as its metric `IncomingBytes` counts them.
    pub fn incoming_bytes(&self, group: &str) -> u64 {
        let streams = self.groups.get(group).into_iter().flat_map(BTreeMap::values);
        streams.fold(0, |sum, stream| sum.saturating_add(stream.bytes))
    }
}

impl Stream {
    /// The lines that have been ingested by now.
    fn visible(&self, now: Duration) -> &[Line] {
        let end = self.lines.partition_point(|line| line.at.saturating_add(INGESTION) <= now);
        self.lines.get(..end).unwrap_or_default()
    }
}

/// Reads a token of ours; the window that it opens lies within `first..last`.
fn window_of_token(token: &str, limit: usize, first: usize, last: usize) -> Option<Window> {
    let (direction, rest) = token.split_once('/')?;
    let at: usize = rest.strip_suffix("/s")?.parse().ok()?;
    match direction {
        "f" => {
            let from = at.max(first);
            Some(Window { from, to: last.min(from.saturating_add(limit)).max(from) })
        }
        "b" => {
            let to = at.min(last);
            Some(Window { from: first.max(to.saturating_sub(limit)).min(to), to })
        }
        _ => None,
    }
}

/// A filter pattern: the plain terms that a line must hold.
#[derive(Debug)]
struct Pattern {
    all: Vec<String>,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, ApiError> {
        let mut all = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (term, tail) = match rest.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or_else(|| {
                    ApiError::new("InvalidParameterException", "Invalid filter pattern")
                })?,
                None => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
            };
            if rest.starts_with(['{', '[', '?', '-', '%']) {
                return Err(unknown("logs", "FilterLogEvents with a pattern beyond plain terms"));
            }
            all.push(term.to_owned());
            rest = tail.trim_start();
        }
        Ok(Self { all })
    }

    fn matches(&self, line: &str) -> bool {
        self.all.iter().all(|term| line.contains(term.as_str()))
    }
}
