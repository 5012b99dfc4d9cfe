//! What happens to a stack.

use crate::aws::{Aws, Fault};
use crate::domain::StackEvent;

use super::does_not_exist;

/// The most pages that one look reads: 100 events each, and a stack of ours has fewer resources
/// than that.
const MOST_PAGES: usize = 10;

/// Which events are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since<'a> {
    /// Those after the one with this id.
    Event(&'a str),
    /// Those of the newest operation, if it has this token.
    Operation(&'a str),
    /// Those of the newest operation, whoever began it.
    Newest,
}

impl Aws {
    /// Reads events of a stack, oldest first. By ARN, those of a deleted one too.
    pub async fn stack_events(
        &self,
        stack: &str,
        since: Since<'_>,
    ) -> Result<Vec<StackEvent>, Fault> {
        let mut pages =
            self.cloudformation.describe_stack_events().stack_name(stack).into_paginator().send();
        let mut events: Vec<StackEvent> = Vec::new();
        let mut read = 0;
        'pages: while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) => {
                    let fault = Fault::of("cloudformation:DescribeStackEvents", error);
                    return if does_not_exist(&fault) { Ok(events) } else { Err(fault) };
                }
            };
            for event in page.stack_events() {
                let id = event.event_id().unwrap_or_default();
                let token = event.client_request_token();
                let enough = match since {
                    Since::Event(last) => id == last,
                    Since::Operation(wanted) => token != Some(wanted),
                    Since::Newest => events.last().is_some_and(|e| e.token.as_deref() != token),
                };
                if enough {
                    break 'pages;
                }
                let physical = event.physical_resource_id().filter(|id| !id.is_empty());
                let kind = event.resource_type().unwrap_or_default();
                events.push(StackEvent {
                    id: id.to_owned(),
                    resource: event.logical_resource_id().unwrap_or_default().to_owned(),
                    kind: kind.to_owned(),
                    physical: physical.map(str::to_owned),
                    status: event
                        .resource_status()
                        .map(|status| status.as_str().to_owned())
                        .unwrap_or_default(),
                    reason: event.resource_status_reason().map(str::to_owned),
                    token: token.map(str::to_owned),
                    of_stack: kind == "AWS::CloudFormation::Stack"
                        && event.physical_resource_id() == event.stack_id(),
                });
            }
            read += 1;
            if read >= MOST_PAGES {
                break;
            }
        }
        // AWS answers the newest first.
        events.reverse();
        Ok(events)
    }
}
