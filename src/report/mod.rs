//! Events or a plan -> console, JSON, Markdown, annotations. One file a format.
