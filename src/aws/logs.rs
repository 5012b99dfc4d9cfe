//! CloudWatch Logs: the last lines of a task.

use super::{Aws, Fault};

/// Lines of one stream, oldest first, and where to go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPage {
    /// The lines; text from outside.
    pub lines: Vec<String>,
    /// The token that continues after these lines.
    pub next: Option<String>,
}

impl Aws {
    /// Reads the last `limit` lines of a stream; empty when the stream does not exist yet.
    pub async fn last_lines(
        &self,
        group: &str,
        stream: &str,
        limit: i32,
    ) -> Result<Vec<String>, Fault> {
        self.log_events(group, stream, Some(limit), None).await.map(|page| page.lines)
    }

    /// Reads a stream from its start, or on from `after`.
    pub async fn lines_after(
        &self,
        group: &str,
        stream: &str,
        after: Option<String>,
    ) -> Result<LogPage, Fault> {
        self.log_events(group, stream, None, Some(after)).await
    }

    async fn log_events(
        &self,
        group: &str,
        stream: &str,
        limit: Option<i32>,
        follow: Option<Option<String>>,
    ) -> Result<LogPage, Fault> {
        let from_head = follow.is_some();
        let answer = self
            .logs
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .start_from_head(from_head)
            .set_limit(limit)
            .set_next_token(follow.flatten())
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(LogPage {
                lines: answer
                    .events()
                    .iter()
                    .filter_map(|event| event.message().map(str::to_owned))
                    .collect(),
                next: answer.next_forward_token().map(str::to_owned),
            }),
            Err(error) => {
                let fault = Fault::of("logs:GetLogEvents", error);
                if fault.is_not_found() { Ok(LogPage::default()) } else { Err(fault) }
            }
        }
    }
}
