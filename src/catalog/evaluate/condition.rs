//! Conditions, in three values.

use serde_json::Value;

use super::Scope;
use super::value::{Resolved, Truth};

impl Scope<'_> {
    /// Whether a named condition holds; one that is missing or refers to itself is undecided.
    pub(super) fn named(&self, name: &str, depth: usize) -> Truth {
        if let Some(decided) = self.truths.borrow().get(name) {
            return decided.unwrap_or(Truth::Unknown);
        }
        let Some(body) = self.conditions.get(name) else { return Truth::Unknown };
        self.truths.borrow_mut().insert(name.to_owned(), None);
        let truth = self.condition(body, depth + 1);
        self.truths.borrow_mut().insert(name.to_owned(), Some(truth));
        truth
    }

    /// Whether a condition holds.
    fn condition(&self, body: &Value, depth: usize) -> Truth {
        if !self.enter(depth) {
            return Truth::Unknown;
        }
        let Some((name, argument)) = body.as_object().and_then(|object| object.iter().next())
        else {
            return Truth::Unknown;
        };
        match (name.as_str(), argument) {
            ("Condition", Value::String(name)) => self.named(name, depth),
            ("Fn::Not", Value::Array(items)) => match items.as_slice() {
                [one] => self.condition(one, depth + 1).negate(),
                _ => Truth::Unknown,
            },
            ("Fn::And", Value::Array(items)) => self.all(items, Truth::True, depth),
            ("Fn::Or", Value::Array(items)) => self.all(items, Truth::False, depth),
            ("Fn::Equals", Value::Array(items)) => match items.as_slice() {
                [left, right] => equal(&self.value(left, depth + 1), &self.value(right, depth + 1)),
                _ => Truth::Unknown,
            },
            _ => Truth::Unknown,
        }
    }

    /// Joins conditions: the neutral value when all have it, the other as soon as one has.
    fn all(&self, items: &[Value], neutral: Truth, depth: usize) -> Truth {
        let mut joined = neutral;
        for item in items {
            match self.condition(item, depth + 1) {
                Truth::Unknown => joined = Truth::Unknown,
                truth if truth != neutral => return truth,
                _ => {}
            }
        }
        joined
    }
}

/// Compares as CloudFormation does: scalars by their text.
fn equal(left: &Resolved, right: &Resolved) -> Truth {
    match (left.scalar(), right.scalar()) {
        (Some(left), Some(right)) => (left == right).into(),
        _ if left.is_known() && right.is_known() => (left == right).into(),
        _ => Truth::Unknown,
    }
}
