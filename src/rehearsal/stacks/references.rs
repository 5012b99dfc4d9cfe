//! What expressions refer to: resources, parameters, conditions, maps.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What an expression refers to.
#[derive(Debug, Default)]
pub(super) struct References<'a> {
    /// By `Ref`, and by `Fn::Sub` without a dot.
    pub(super) refs: BTreeSet<&'a str>,
    /// By `Fn::GetAtt`, and by `Fn::Sub` with a dot: resources and their attributes.
    pub(super) attributes: BTreeMap<&'a str, BTreeSet<&'a str>>,
    pub(super) conditions: BTreeSet<&'a str>,
    pub(super) maps: BTreeSet<&'a str>,
}

impl<'a> References<'a> {
    /// Collects from an expression and everything in it.
    pub(super) fn collect(&mut self, value: &'a Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.collect(item)),
            Value::Object(members) => {
                let mut pairs = members.iter();
                if let (Some((name, argument)), None) = (pairs.next(), pairs.next())
                    && self.collect_function(name, argument)
                {
                    return;
                }
                members.values().for_each(|member| self.collect(member));
            }
            _ => {}
        }
    }

    /// Collects from a function; false when it is none that refers to something by itself.
    fn collect_function(&mut self, name: &str, argument: &'a Value) -> bool {
        match (name, argument) {
            ("Ref", Value::String(name)) => {
                self.refs.insert(name);
            }
            ("Condition", Value::String(name)) => {
                self.conditions.insert(name);
            }
            ("Fn::GetAtt", Value::Array(parts)) => {
                let mut parts = parts.iter().filter_map(Value::as_str);
                if let (Some(resource), Some(attribute)) = (parts.next(), parts.next()) {
                    self.attributes.entry(resource).or_default().insert(attribute);
                }
            }
            ("Fn::GetAtt", Value::String(both)) => {
                if let Some((resource, attribute)) = both.split_once('.') {
                    self.attributes.entry(resource).or_default().insert(attribute);
                }
            }
            ("Fn::If", Value::Array(parts)) => {
                if let Some(name) = parts.first().and_then(Value::as_str) {
                    self.conditions.insert(name);
                }
                parts.iter().skip(1).for_each(|part| self.collect(part));
            }
            ("Fn::FindInMap", Value::Array(parts)) => {
                if let Some(name) = parts.first().and_then(Value::as_str) {
                    self.maps.insert(name);
                }
                parts.iter().skip(1).for_each(|part| self.collect(part));
            }
            ("Fn::Sub", argument) => self.collect_sub(argument),
            _ => return false,
        }
        true
    }

    fn collect_sub(&mut self, argument: &'a Value) {
        let (pattern, own) = match argument {
            Value::String(pattern) => (pattern.as_str(), None),
            Value::Array(parts) => (
                parts.first().and_then(Value::as_str).unwrap_or_default(),
                parts.get(1).and_then(Value::as_object),
            ),
            _ => return,
        };
        own.into_iter().flat_map(Map::values).for_each(|value| self.collect(value));
        for name in placeholders(pattern) {
            if own.is_some_and(|own| own.contains_key(name)) {
                continue;
            }
            match name.split_once('.') {
                Some((resource, attribute)) => {
                    self.attributes.entry(resource).or_default().insert(attribute);
                }
                None => {
                    self.refs.insert(name);
                }
            }
        }
    }
}

/// The names in `${…}` of a `Fn::Sub` pattern; `${!…}` is a literal.
pub(super) fn placeholders(pattern: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = pattern;
    while let Some((_, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        if !name.starts_with('!') {
            names.push(name.trim());
        }
        rest = behind;
    }
    names
}
