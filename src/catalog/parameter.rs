//! A template's parameter, and whether a value fits it.

use serde::{Deserialize, Deserializer, Serialize};

/// What starts the type of a parameter whose value is the name of an SSM parameter.
const SSM: &str = "AWS::SSM::Parameter::Value<";

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all(deserialize = "PascalCase"), deny_unknown_fields)]
pub struct Parameter {
    /// Its name.
    #[serde(skip_deserializing)]
    pub name: String,
    /// Its CloudFormation type.
    #[serde(rename(deserialize = "Type", serialize = "type"))]
    pub kind: String,
    /// The value that it has when none is given.
    #[serde(default, deserialize_with = "scalar")]
    pub default: Option<String>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// The only values that it takes; empty: any.
    #[serde(default, deserialize_with = "scalars")]
    pub allowed_values: Vec<String>,
    /// A regular expression for the whole value.
    #[serde(default)]
    pub allowed_pattern: Option<String>,
    /// What CloudFormation says when a value does not fit.
    #[serde(default)]
    pub constraint_description: Option<String>,
    /// The fewest characters.
    #[serde(default)]
    pub min_length: Option<u64>,
    /// The most characters.
    #[serde(default)]
    pub max_length: Option<u64>,
    /// The smallest number.
    #[serde(default)]
    pub min_value: Option<f64>,
    /// The largest number.
    #[serde(default)]
    pub max_value: Option<f64>,
    /// Whether AWS hides its value.
    #[serde(default)]
    pub no_echo: bool,
}

impl Parameter {
    /// Whether its value is the name of an SSM parameter.
    pub fn takes_ssm_name(&self) -> bool {
        self.kind.starts_with(SSM)
    }

    /// Why a value does not fit, in words that follow the value; `None`: it fits.
    ///
    /// The rules are those of CloudFormation (user guide, "Parameters"), so that a value that it
    /// would refuse is found in the file, at its place, before anything is asked of AWS.
    pub fn refuses(&self, value: &str) -> Option<String> {
        if !self.allowed_values.is_empty() && !self.allowed_values.iter().any(|one| one == value) {
            let all: Vec<String> =
                self.allowed_values.iter().map(|one| format!("`{one}`")).collect();
            return Some(format!("is none of {}", all.join(", ")));
        }
        let length = value.chars().count() as u64;
        if self.min_length.is_some_and(|least| length < least) {
            return Some(format!("is shorter than {} characters", self.min_length.unwrap_or(0)));
        }
        if self.max_length.is_some_and(|most| length > most) {
            return Some(format!("is longer than {} characters", self.max_length.unwrap_or(0)));
        }
        if self.kind == "Number" {
            let Ok(number) = value.trim().parse::<f64>() else {
                return Some("is not a number".to_owned());
            };
            if self.min_value.is_some_and(|least| number < least) {
                return Some(format!("is below {}", self.min_value.unwrap_or(0.0)));
            }
            if self.max_value.is_some_and(|most| number > most) {
                return Some(format!("is above {}", self.max_value.unwrap_or(0.0)));
            }
        }
        let pattern = self.allowed_pattern.as_ref()?;
        // CloudFormation matches the whole value. A pattern that is none of ours to read is left
        // to it.
        let whole = regex_lite::Regex::new(&format!("^(?:{pattern})$")).ok()?;
        (!whole.is_match(value)).then(|| match &self.constraint_description {
            Some(rule) => format!("does not fit: {rule}"),
            None => format!("does not match `{pattern}`"),
        })
    }
}

/// A scalar as the text that CloudFormation makes of it.
fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(text_of(&serde_json::Value::deserialize(deserializer)?))
}

fn scalars<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let values = Vec::<serde_json::Value>::deserialize(deserializer)?;
    Ok(values.iter().filter_map(text_of).collect())
}

fn text_of(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}
