//! Records a revision as good, newest first, and forgets one that a rollback left.

use crate::domain::{GoodRevision, Revision};
use crate::pipeline::walk::{Stop, Walk};

/// How many good revisions are kept; an SSM standard parameter holds 4 KiB.
const KEPT: usize = 10;

pub(in crate::pipeline) async fn record(
    context: &Walk<'_>,
    good: GoodRevision,
    demote: Option<&Revision>,
) -> Result<String, Stop> {
    let text = context.aws.parameter(&context.good_parameter).await?;
    let mut list: Vec<GoodRevision> = match text.as_deref().map(serde_json::from_str) {
        None => Vec::new(),
        Some(Ok(list)) => list,
        Some(Err(error)) => {
            context.warn(format!(
                "{} held no list of ours ({error}); it is replaced",
                context.good_parameter
            ));
            Vec::new()
        }
    };
    list.retain(|known| known.revision != good.revision && Some(&known.revision) != demote);
    let detail = format!("{} recorded in {}", good.revision, context.good_parameter);
    list.insert(0, good);
    list.truncate(KEPT);
    let text = serde_json::to_string(&list).map_err(|error| Stop::Failed(error.to_string()))?;
    context.aws.set_parameter(&context.good_parameter, &text).await?;
    Ok(detail)
}
