//! Follows an operation on a stack to its end.

use crate::aws::{Aws, Since};
use crate::domain::{StackEvent, StackStatus};
use crate::pipeline::event::EventKind;

use super::trouble::Trouble;
use super::{POLL, Provision};

/// Looks in vain for the first event of an operation before it counts as never begun.
const PATIENT_LOOKS: u32 = 6;

/// An operation that is over.
#[derive(Debug)]
pub(super) struct Ended {
    /// How the stack is now.
    pub(super) status: StackStatus,
    /// Everything that happened in it.
    pub(super) events: Vec<StackEvent>,
}

impl Ended {
    /// The end as a result.
    pub(super) fn result(self) -> Result<StackStatus, Trouble> {
        if self.status.succeeded() {
            return Ok(self.status);
        }
        let (cause, cascades) = root_cause(&self.events);
        Err(Trouble::Operation { status: self.status, cause, cascades })
    }
}

/// Whether a resource failed only because another one had.
fn follows_from_another(reason: &str) -> bool {
    // The texts are CloudFormation's own.
    ["Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled"]
        .iter()
        .any(|text| reason.starts_with(text))
        || reason.starts_with("The following resource(s) failed to")
}

/// The first failure that is not the consequence of another, in words, and how many others there
/// were.
pub(super) fn root_cause(events: &[StackEvent]) -> (String, usize) {
    let failures: Vec<&StackEvent> =
        events.iter().filter(|event| event.status.ends_with("_FAILED")).collect();
    let own = |event: &&&StackEvent| {
        !event.of_stack && !event.reason.as_deref().is_some_and(follows_from_another)
    };
    let root = failures.iter().find(own).or(failures.first());
    let words = match root {
        Some(event) => {
            let reason = event.reason.as_deref().unwrap_or("AWS gives no reason");
            format!("{} ({}) {}: {reason}", event.resource, event.kind, event.status)
        }
        // An operation that a person cancelled fails without a failing resource.
        None => events
            .iter()
            .filter(|event| event.of_stack)
            .find_map(|event| event.reason.clone())
            .unwrap_or_else(|| "AWS gives no reason".to_owned()),
    };
    let resources = failures.iter().filter(|event| !event.of_stack).count();
    (words, resources.saturating_sub(1))
}

/// Follows the operation with a token; `None`: there is no such operation.
pub(super) async fn follow(
    context: &Provision<'_>,
    aws: &Aws,
    stack: (&str, &str),
    token: &str,
) -> Result<Option<Ended>, Trouble> {
    let (name, id) = stack;
    let mut seen: Vec<StackEvent> = Vec::new();
    let mut looks = 0;
    loop {
        let since = match seen.last() {
            Some(last) => Since::Event(&last.id),
            None => Since::Operation(token),
        };
        let fresh = context.unless_cancelled(aws.stack_events(id, since)).await?;
        for event in &fresh {
            // The stack's own events are said in other words.
            if !event.of_stack {
                let (stack, event) = (name.to_owned(), event.clone());
                context.emit(EventKind::StackResource { stack, event });
            }
        }
        seen.extend(fresh);
        let last = seen.iter().rev().find(|event| event.of_stack);
        if let Some(last) = last
            && !last.status.ends_with("_IN_PROGRESS")
        {
            let status = StackStatus::new(&last.status);
            return Ok(Some(Ended { status, events: seen }));
        }
        if seen.is_empty() {
            looks += 1;
            if looks >= PATIENT_LOOKS {
                return Ok(None);
            }
        }
        context.pause(POLL).await?;
    }
}

/// Whether the newest operation on a stack is the one with a token.
pub(super) async fn is_newest(aws: &Aws, id: &str, token: &str) -> Result<bool, Trouble> {
    Ok(!aws.stack_events(id, Since::Operation(token)).await?.is_empty())
}

/// The token of the newest operation on a stack.
pub(super) async fn newest_token(aws: &Aws, id: &str) -> Result<Option<String>, Trouble> {
    let events = aws.stack_events(id, Since::Newest).await?;
    Ok(events.into_iter().find_map(|event| event.token))
}
