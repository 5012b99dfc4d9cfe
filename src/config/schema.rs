//! The JSON Schema of the file, derived from `raw`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::raw;

static SCHEMA: LazyLock<Value> = LazyLock::new(build);

/// The schema that the reader itself walks.
pub(super) fn shared() -> &'static Value {
    &SCHEMA
}

fn build() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<raw::File>().to_value();
    tidy(&mut schema);
    overrides(&mut schema);
    schema
}

/// Removes what schemars adds for Rust's sake: `null` from options, integer formats.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.get("format").is_some_and(|format| {
                format.as_str().is_some_and(|format| {
                    format.starts_with("uint") || format.starts_with("int") || format == "double"
                })
            }) {
                object.remove("format");
            }
            drop_null(object);
            object.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn drop_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    let Some(Value::Array(options)) = object.get_mut("anyOf") else { return };
    options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = options.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}

/// Gives overrides their own definitions: nothing is required, and `null` removes.
fn overrides(schema: &mut Value) {
    let mut wanted = BTreeSet::new();
    let mut done = BTreeSet::new();
    let Some(Value::Object(definitions)) = schema.get_mut("$defs") else { return };
    if let Some(Value::Object(properties)) =
        definitions.get_mut("Environment").and_then(|environment| environment.get_mut("properties"))
    {
        for property in properties.values_mut() {
            if let Value::Object(object) = property
                && object.remove("x-override").is_some()
            {
                redirect(property, &mut wanted);
            }
        }
    }
    while let Some(name) = wanted.pop_first() {
        if !done.insert(name.clone()) {
            continue;
        }
        let Some(mut definition) = definitions.get(&name).cloned() else { continue };
        redirect(&mut definition, &mut wanted);
        loosen(&mut definition);
        definitions.insert(override_name(&name), definition);
    }
}

/// Definitions that an override replaces instead of merging; `overlay` does the same.
const REPLACED_WHOLE: [&str; 1] = ["Shift"];

fn override_name(name: &str) -> String {
    format!("{name}Override")
}

/// Turns every `$ref` into one to the override's definition.
fn redirect(value: &mut Value, wanted: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref")
                && let Some(name) = reference.strip_prefix("#/$defs/")
                && !REPLACED_WHOLE.contains(&name)
            {
                wanted.insert(name.to_owned());
                *reference = format!("#/$defs/{}", override_name(name));
            }
            // Lists are replaced as a whole, so that their items stay complete.
            let parts = object.iter_mut().filter(|(key, _)| *key != "items");
            parts.for_each(|(_, value)| redirect(value, wanted));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| redirect(value, wanted)),
        _ => {}
    }
}

fn loosen(definition: &mut Value) {
    let Value::Object(object) = definition else { return };
    object.remove("required");
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        properties.values_mut().for_each(nullable);
    }
}

/// Allows `null` beside what is there, keeping annotations outside.
fn nullable(property: &mut Value) {
    let Value::Object(object) = property else { return };
    let annotation =
        |key: &str| matches!(key, "description" | "default" | "x-aws" | "x-not-yet" | "examples");
    let mut outer = Map::new();
    let mut inner = Map::new();
    for (key, value) in std::mem::take(object) {
        if annotation(&key) {
            outer.insert(key, value);
        } else {
            inner.insert(key, value);
        }
    }
    // Entries of a mapping are removed by `null`, too.
    if let Some(entries) = inner.get_mut("additionalProperties").filter(|value| value.is_object()) {
        nullable(entries);
    }
    outer.insert("anyOf".to_owned(), json!([Value::Object(inner), { "type": "null" }]));
    *object = outer;
}

/// Lets every `pattern` of a schema pass texts that hold `${…}`.
pub(super) fn admit_references(schema: &mut serde_json::Value) {
    match schema {
        serde_json::Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                match value {
                    serde_json::Value::String(pattern) if name == "pattern" => {
                        *pattern = format!("(?:{pattern})|\\$\\{{");
                    }
                    other => admit_references(other),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(admit_references),
        _ => {}
    }
}
