//! `docs/configuration.md`, derived from the schema.

/// The reference in Markdown.
pub(super) fn markdown() -> String {
    String::new()
}
