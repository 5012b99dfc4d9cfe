//! `docs/configuration.md`, derived from the schema and the list of findings.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::diagnostic::Code;
use super::kind;
use super::shape::View;

/// The part that a person wrote.
const HEAD: &str = include_str!("reference.md");

/// The reference in Markdown.
pub(super) fn markdown() -> String {
    let mut out = HEAD.to_owned();
    section(View::new(super::schema::shared()), "", "Top level", &mut out);
    out.push_str("\n## Kinds of text\n\n| kind | rule | example |\n|---|---|---|\n");
    for kind in kind::KINDS {
        let _ = writeln!(out, "| {} | {} | `{}` |", kind.name, cell(kind.rule), kind.example);
    }
    out.push_str("\n## Findings\n\n| code | meaning |\n|---|---|\n");
    for code in Code::ALL {
        let _ = writeln!(out, "| `{code}` | {} |", cell(code.meaning().trim()));
    }
    out
}

/// One table for a mapping, then one for each mapping in it.
fn section(view: View<'_>, path: &str, title: &str, out: &mut String) {
    let Some(properties) = view.get("properties").and_then(Json::as_object) else { return };
    let required: Vec<&str> = view
        .get("required")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    let _ = writeln!(out, "\n### {title}\n");
    if let Some(about) = view.text("description")
        && !path.is_empty()
    {
        let _ = writeln!(out, "{}\n", cell(about));
    }
    out.push_str("| key | takes | default | what it is | AWS |\n|---|---|---|---|---|\n");
    for (key, property) in properties {
        let property = View::new(property);
        let default = match property.get("default") {
            Some(Json::String(text)) => format!("`{text}`"),
            Some(value) => format!("`{value}`"),
            None if required.contains(&key.as_str()) => "**required**".to_owned(),
            None => "–".to_owned(),
        };
        let mut about = cell(property.text("description").unwrap_or_default());
        if let Some(part) = property.text("x-not-yet") {
            let _ = write!(about, " **Not supported yet**: {part} will act on it.");
        }
        let aws = cell(property.text("x-aws").unwrap_or_default());
        let _ = writeln!(out, "| `{key}` | {} | {default} | {about} | {aws} |", takes(property));
    }
    for (key, property) in properties {
        // Overrides have the keys of what they override.
        if path == "environments.<name>" && super::overlay::SECTIONS.contains(&key.as_str()) {
            continue;
        }
        let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        below(View::new(property), &here, out);
    }
}

fn below(view: View<'_>, path: &str, out: &mut String) {
    if view.get("properties").is_some() {
        section(view, path, &format!("`{path}`"), out);
    }
    if let Some(values) = view.get("additionalProperties").filter(|values| values.is_object()) {
        below(View::new(values), &format!("{path}.<name>"), out);
    }
    if let Some(items) = view.get("items") {
        below(View::new(items), &format!("{path}[]"), out);
    }
    for option in view.get("anyOf").and_then(Json::as_array).into_iter().flatten() {
        below(View::new(option), path, out);
    }
}

/// Type, unit and range in a few words.
fn takes(view: View<'_>) -> String {
    if let Some(options) = view.get("enum").and_then(Json::as_array) {
        let options = options.iter().map(|option| match option {
            Json::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        });
        return options.collect::<Vec<_>>().join(", ");
    }
    if let Some(options) = view.get("anyOf").and_then(Json::as_array) {
        let options = options.iter().map(View::new).filter(|o| o.text("type") != Some("null"));
        return options.map(takes).collect::<Vec<_>>().join(" or ");
    }
    let range = |least: &str, most: &str| match (view.get(least), view.get(most)) {
        (Some(least), Some(most)) if least == most => format!(" {}", bare(least)),
        (Some(least), Some(most)) => format!(" {}–{}", bare(least), bare(most)),
        (Some(least), None) => format!(" ≥ {}", bare(least)),
        (None, Some(most)) => format!(" ≤ {}", bare(most)),
        (None, None) => String::new(),
    };
    match view.text("type").unwrap_or_default() {
        "object" => match view.get("additionalProperties").filter(|values| values.is_object()) {
            Some(values) => format!("mapping of {}", takes(View::new(values))),
            None => "mapping".to_owned(),
        },
        "array" => {
            let items = view.get("items").map(|items| takes(View::new(items)));
            let size = range("minItems", "maxItems");
            let size = if size.is_empty() { size } else { format!(" ({} items)", size.trim()) };
            format!("list of {}{size}", items.unwrap_or_default())
        }
        "string" => {
            let minutes = if view.flag("x-minutes") { ", whole minutes" } else { "" };
            let kind = view.text("x-kind").unwrap_or("text");
            format!("{kind}{}{minutes}", range("x-min", "x-max"))
        }
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => format!("whole number{}", range("minimum", "maximum")),
        other => format!("{other}{}", range("minimum", "maximum")),
    }
}

fn bare(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A text for a table cell.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}
