//! Full trees for the shapes of the table, each leaf with a value of its own.

use std::sync::LazyLock;

use aws_smithy_types::DateTime;
use serde_json::{Map, Value, json};

/// The committed table, read independently of the codec.
pub(super) static TABLE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../src/rehearsal/wire/shapes.json")).unwrap()
});

/// A tree, and its leaves: the path and what a typed output's `Debug` must show.
#[derive(Default)]
pub(super) struct Sample {
    pub(super) leaves: Vec<(String, String)>,
    next: u32,
}

/// The operation's entry in the table.
pub(super) fn operation(service: &str, operation: &str) -> &'static Value {
    &TABLE["services"][service]["operations"][operation]
}

/// The codes that an operation models.
pub(super) fn errors(service: &str, name: &str) -> Vec<&'static str> {
    let errors = operation(service, name)["errors"].as_array().unwrap();
    errors.iter().map(|code| code.as_str().unwrap()).collect()
}

/// An output with every member that the shape has.
pub(super) fn output(service: &str, name: &str) -> (Value, Sample) {
    let mut sample = Sample::default();
    let value = match operation(service, name)["output"].as_str() {
        Some(shape) => sample.tree(service, shape, shape),
        None => json!({}),
    };
    (value, sample)
}

impl Sample {
    fn leaf(&mut self, path: &str, shown: impl Fn(u32) -> String) -> u32 {
        self.next += 1;
        self.leaves.push((path.to_owned(), shown(self.next)));
        self.next
    }

    fn tree(&mut self, service: &str, name: &str, path: &str) -> Value {
        let shape = &TABLE["services"][service]["shapes"][name];
        if let Some(values) = shape["enum"].as_array() {
            // Debug shows the variant, not the text; an unknown one would show itself.
            return values[0].clone();
        }
        match shape["type"].as_str().unwrap_or(name) {
            "structure" => {
                let one = if shape["union"] == true { 1 } else { usize::MAX };
                let members = shape["members"].as_object().unwrap().iter().take(one);
                let member = |(name, member): (&String, &Value)| {
                    let shape = member["shape"].as_str().unwrap();
                    (name.clone(), self.tree(service, shape, &format!("{path}.{name}")))
                };
                Value::Object(members.map(member).collect())
            }
            "list" => {
                let item = shape["member"]["shape"].as_str().unwrap();
                json!([self.tree(service, item, path)])
            }
            "map" => {
                let item = shape["value"]["shape"].as_str().unwrap();
                let key =
                    &TABLE["services"][service]["shapes"][shape["key"]["shape"].as_str().unwrap()];
                let key = key["enum"][0].as_str().unwrap_or("akey").to_owned();
                let mut map = Map::new();
                map.insert(key, self.tree(service, item, path));
                Value::Object(map)
            }
            "string" => format!("s{:04}-<&'é", self.leaf(path, |n| format!("s{n:04}-<&'é"))).into(),
            "integer" | "long" => {
                (4_100_000 + self.leaf(path, |n| format!("{}", 4_100_000 + n))).into()
            }
            "double" | "float" => {
                (f64::from(5_100_000 + self.leaf(path, |n| format!("{}.5", 5_100_000 + n))) + 0.5)
                    .into()
            }
            "timestamp" => {
                let at = |n: u32| DateTime::from_secs(i64::from(1_700_000_000 + n));
                (1_700_000_000 + self.leaf(path, |n| format!("{:?}", at(n)))).into()
            }
            "boolean" => true.into(),
            "blob" => "aGk=".into(),
            "document" => json!({ "free": ["form", 1] }),
            other => panic!("{path}: {other}"),
        }
    }
}
