//! What happens to a stack.

use crate::aws::{Aws, Fault};
use crate::domain::StackEvent;

use super::does_not_exist;

/// The most pages that one look reads: 100 events each, and a stack of ours has fewer resources
/// than that.
const MOST_PAGES: usize = 10;

impl Aws {
    /// Reads the events of a stack that are newer than the one with the id `after`, oldest first.
    /// Without `after`, all of them.
    pub async fn stack_events(
        &self,
        stack: &str,
        after: Option<&str>,
    ) -> Result<Vec<StackEvent>, Fault> {
        let mut pages =
            self.cloudformation.describe_stack_events().stack_name(stack).into_paginator().send();
        let mut events = Vec::new();
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
                if Some(id) == after {
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
                    token: event.client_request_token().map(str::to_owned),
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
