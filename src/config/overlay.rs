//! An environment's overrides laid over the top level.

use super::tree::{Entry, Node, Value};

/// The parts of the top level that an environment may override.
pub(super) const SECTIONS: [&str; 4] = ["services", "stack", "backup", "report"];

/// Ways to name an image: an override that gives one replaces the other.
const SELECTORS: [&str; 2] = ["tag", "digest"];

/// Lays `over` on `base`, both the same section: mappings key by key, everything else as a whole; `null`
/// removes. Every value keeps its own place, so that findings point at the line that says it.
pub(super) fn section(base: &Node, over: &Node) -> Node {
    merge(base, over, &mut Vec::new())
}

fn merge<'a>(base: &Node, over: &'a Node, path: &mut Vec<&'a str>) -> Node {
    let (Value::Map(base_entries), Value::Map(over_entries)) = (&base.value, &over.value) else {
        return without_nulls(over);
    };
    let selector = |entry: &Entry| SELECTORS.contains(&&*entry.key);
    let reselected = matches!(path.as_slice(), [_, "image"])
        && over_entries.iter().any(|entry| selector(entry) && !entry.node.is_null());
    let mut entries: Vec<Entry> = Vec::new();
    for entry in base_entries {
        match over_entries.iter().find(|over| over.key == entry.key) {
            Some(over) if over.node.is_null() => {}
            Some(over) => {
                path.push(&over.key);
                entries.push(combine(entry, over, path));
                path.pop();
            }
            None if reselected && selector(entry) => {}
            None => entries.push(entry.clone()),
        }
    }
    for over in over_entries {
        if !over.node.is_null() && !base_entries.iter().any(|entry| entry.key == over.key) {
            entries.push(Entry { node: without_nulls(&over.node), ..over.clone() });
        }
    }
    Node { span: base.span, value: Value::Map(entries) }
}

fn combine<'a>(base: &Entry, over: &'a Entry, path: &mut Vec<&'a str>) -> Entry {
    // A shift is one choice: a canary over a linear shift is a canary, not both.
    let whole = matches!(path.as_slice(), [_, "rollout", "shift"]) || over.node.map().is_none();
    let node = if whole { over.node.clone() } else { merge(&base.node, &over.node, path) };
    // Where an override says something, its key is the place to look at.
    Entry { key: over.key.clone(), key_span: over.key_span, node }
}

/// What a section says that only an environment has.
pub(super) fn alone(over: &Node) -> Node {
    without_nulls(over)
}

/// What an override adds where the top level has nothing: there is nothing to remove, either.
fn without_nulls(node: &Node) -> Node {
    let Value::Map(entries) = &node.value else { return node.clone() };
    let kept = entries.iter().filter(|entry| !entry.node.is_null());
    let entries = kept.map(|entry| Entry { node: without_nulls(&entry.node), ..entry.clone() });
    Node { span: node.span, value: Value::Map(entries.collect()) }
}
