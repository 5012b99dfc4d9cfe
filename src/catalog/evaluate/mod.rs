//! What a template makes of its parameters, as far as that can be known without AWS.
//!
//! Evaluates conditions and intrinsic functions over JSON whose short forms are already long ones.
//! What only AWS knows (an attribute, a looked-up SSM parameter) stays an explicit [`Unknown`], and
//! a condition over it is neither true nor false. Pure; total: a hostile template costs a bounded
//! amount of work and never a panic.

mod condition;
mod function;
mod value;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use value::{Resolved, Truth, Unknown};

/// Nested functions and values that are followed. The templates need about ten.
const MOST_DEPTH: usize = 64;

/// Bytes of text that one value may grow to; a template is sent in at most 51,200.
const MOST_TEXT: usize = 65_536;

/// Parts into which a text is split.
const MOST_PARTS: usize = 1_000;

/// Values that are looked at in one template; the largest of ours has a few thousand.
const MOST_STEPS: usize = 1_000_000;

/// The value of a parameter, or that it is not known yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// A text or a number, as CloudFormation passes both.
    Text(String),
    /// A list.
    List(Vec<String>),
    /// AWS looks it up, or nobody said.
    Unknown,
}

impl Given {
    /// Takes a value as the declared type has it read.
    ///
    /// The value of an `AWS::SSM::Parameter::Value<…>` is only the name under which AWS looks.
    pub fn of(declared: &str, value: Option<&str>) -> Self {
        match value {
            None => Self::Unknown,
            Some(_) if declared.starts_with("AWS::SSM::Parameter::Value<") => Self::Unknown,
            Some(value) if declared == "CommaDelimitedList" || declared.starts_with("List<") => {
                Self::List(value.split(',').map(|item| item.trim().to_owned()).collect())
            }
            Some(value) => Self::Text(value.to_owned()),
        }
    }
}

/// What is known before a stack is made.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Parameters, and pseudo parameters under their names (`AWS::Region`).
    pub parameters: BTreeMap<String, Given>,
    /// How many zones `Fn::GetAZs` would name.
    pub zones: Option<usize>,
}

/// A declared resource as the evaluation needs it.
#[derive(Debug, Clone, Copy)]
pub struct Declared<'a> {
    /// Its logical id.
    pub id: &'a str,
    /// Its CloudFormation type.
    pub kind: &'a str,
    /// The condition under which it is made.
    pub condition: Option<&'a str>,
    /// Its properties, functions in their long form.
    pub properties: &'a Value,
}

/// A resource, evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// Its logical id.
    pub id: String,
    /// Its CloudFormation type.
    pub kind: String,
    /// Whether it is made.
    pub exists: Truth,
    /// Its properties.
    pub properties: Resolved,
}

/// Evaluates the resources of a template; those that are certainly not made are left out.
pub fn evaluate<'a>(
    conditions: &Map<String, Value>,
    mappings: &Map<String, Value>,
    resources: impl IntoIterator<Item = Declared<'a>>,
    inputs: &Inputs,
) -> Vec<Evaluated> {
    let scope = Scope {
        conditions,
        mappings,
        inputs,
        truths: RefCell::new(BTreeMap::new()),
        steps: RefCell::new(0),
    };
    let mut found = Vec::new();
    for declared in resources {
        let exists = declared.condition.map_or(Truth::True, |name| scope.named(name, 0));
        if exists != Truth::False {
            found.push(Evaluated {
                id: declared.id.to_owned(),
                kind: declared.kind.to_owned(),
                exists,
                properties: scope.value(declared.properties, 0),
            });
        }
    }
    found
}

/// Evaluates a whole template; parameters that the inputs leave out have their defaults.
pub fn evaluate_template(template: &Value, inputs: &Inputs) -> Vec<Evaluated> {
    let none = Map::new();
    let section = |name: &str| template.get(name).and_then(Value::as_object).unwrap_or(&none);
    let mut inputs = inputs.clone();
    for (name, parameter) in section("Parameters") {
        let kind = parameter.get("Type").and_then(Value::as_str).unwrap_or("String");
        let default = parameter.get("Default").and_then(value::scalar);
        inputs
            .parameters
            .entry(name.clone())
            .or_insert_with(|| Given::of(kind, default.as_deref()));
    }
    let resources = section("Resources").iter().map(|(id, body)| Declared {
        id,
        kind: body.get("Type").and_then(Value::as_str).unwrap_or_default(),
        condition: body.get("Condition").and_then(Value::as_str),
        properties: body.get("Properties").unwrap_or(&Value::Null),
    });
    evaluate(section("Conditions"), section("Mappings"), resources, &inputs)
}

/// One evaluation: what it reads, and what it remembers.
struct Scope<'a> {
    conditions: &'a Map<String, Value>,
    mappings: &'a Map<String, Value>,
    inputs: &'a Inputs,
    /// Conditions that were decided; `None` while one is being decided, which finds cycles.
    truths: RefCell<BTreeMap<String, Option<Truth>>>,
    steps: RefCell<usize>,
}

impl Scope<'_> {
    /// Whether there is room for one more value at this depth.
    fn enter(&self, depth: usize) -> bool {
        let mut steps = self.steps.borrow_mut();
        *steps = steps.saturating_add(1);
        depth < MOST_DEPTH && *steps < MOST_STEPS
    }

    /// Evaluates a value.
    fn value(&self, value: &Value, depth: usize) -> Resolved {
        if !self.enter(depth) {
            return Resolved::Unknown(Unknown::TooLarge);
        }
        match value {
            Value::Null => Resolved::Null,
            Value::Bool(flag) => Resolved::Bool(*flag),
            Value::Number(number) => Resolved::Number(number.clone()),
            Value::String(text) => Resolved::text(text.clone()),
            Value::Array(items) => Resolved::List(
                items
                    .iter()
                    .map(|item| self.value(item, depth + 1))
                    .filter(|item| *item != Resolved::Absent)
                    .collect(),
            ),
            Value::Object(object) => self.object(object, depth),
        }
    }

    /// Takes a value as it stands.
    fn literal(&self, value: &Value, depth: usize) -> Resolved {
        if !self.enter(depth) {
            return Resolved::Unknown(Unknown::TooLarge);
        }
        match value {
            Value::Array(items) => {
                Resolved::List(items.iter().map(|item| self.literal(item, depth + 1)).collect())
            }
            Value::Object(object) => Resolved::Map(
                object
                    .iter()
                    .map(|(key, value)| (key.clone(), self.literal(value, depth + 1)))
                    .collect(),
            ),
            scalar => self.value(scalar, depth),
        }
    }

    /// Evaluates an object: a function when it has one key that names one, else a mapping.
    fn object(&self, object: &Map<String, Value>, depth: usize) -> Resolved {
        if object.len() == 1
            && let Some((name, argument)) = object.iter().next()
            && let Some(resolved) = self.function(name, argument, depth)
        {
            return resolved;
        }
        Resolved::Map(
            object
                .iter()
                .map(|(key, value)| (key.clone(), self.value(value, depth + 1)))
                .filter(|(_, value)| *value != Resolved::Absent)
                .collect(),
        )
    }
}
