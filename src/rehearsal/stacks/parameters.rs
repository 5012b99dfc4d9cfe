//! Template parameters: declarations, constraints, and the values that a request gives them.

use regex_lite::Regex;
use serde_json::{Value, json};

/// A parameter as a template declares it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) default: Option<String>,
    pub(super) description: Option<String>,
    pub(super) no_echo: bool,
    pub(super) allowed: Option<Vec<String>>,
    pattern: Option<String>,
    min_length: Option<u64>,
    max_length: Option<u64>,
    min_value: Option<f64>,
    max_value: Option<f64>,
    constraint: Option<String>,
}

/// A parameter of a stack, with its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    pub(super) key: String,
    /// As it was given; of an SSM type: the name of the SSM parameter.
    pub(super) value: String,
    /// Of an SSM type: what the SSM parameter holds.
    pub(super) resolved: Option<String>,
    pub(super) kind: String,
    pub(super) no_echo: bool,
}

/// A scalar of a template as the text that CloudFormation makes of it.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

impl Declared {
    pub(super) fn parse(name: &str, declared: &Value) -> Result<Self, String> {
        let known = [
            "Type",
            "Default",
            "Description",
            "NoEcho",
            "AllowedValues",
            "AllowedPattern",
            "MinLength",
            "MaxLength",
            "MinValue",
            "MaxValue",
            "ConstraintDescription",
        ];
        let members = declared.as_object().ok_or_else(|| malformed(name))?;
        if let Some(strange) = members.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("Invalid template parameter property '{strange}'"));
        }
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(format!(
                "Template format error: Parameter name {name} is non alphanumeric."
            ));
        }
        let text = |key: &str| members.get(key).and_then(scalar);
        let kind = text("Type").ok_or_else(|| malformed(name))?;
        if !known_kind(&kind) {
            return Err(format!("Template format error: Unrecognized parameter type: {kind}"));
        }
        let whole = |key: &str| text(key).and_then(|text| text.parse().ok());
        let real = |key: &str| text(key).and_then(|text| text.parse().ok());
        let declared = Self {
            name: name.to_owned(),
            kind,
            default: text("Default"),
            description: text("Description"),
            no_echo: text("NoEcho").is_some_and(|flag| flag == "true"),
            allowed: members
                .get("AllowedValues")
                .and_then(Value::as_array)
                .map(|values| values.iter().filter_map(scalar).collect()),
            pattern: text("AllowedPattern"),
            min_length: whole("MinLength"),
            max_length: whole("MaxLength"),
            min_value: real("MinValue"),
            max_value: real("MaxValue"),
            constraint: text("ConstraintDescription"),
        };
        if let Some(default) = &declared.default
            && declared.check(default).is_err()
        {
            return Err(format!(
                "Template format error: Parameter '{name}' default value '{default}' does not \
                 satisfy its constraints."
            ));
        }
        Ok(declared)
    }

    /// The type of the value behind an SSM type.
    pub(super) fn behind_ssm(&self) -> Option<&str> {
        let inner = self.kind.strip_prefix("AWS::SSM::Parameter::Value<")?;
        inner.strip_suffix('>')
    }

    /// Checks a value against the constraints.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        let name = &self.name;
        let refuse = |text: String| {
            Err(match &self.constraint {
                Some(words) => {
                    format!("Parameter {name} failed to satisfy constraint: {words}")
                }
                None => text,
            })
        };
        if let Some(allowed) = &self.allowed
            && !self.items(value).iter().all(|item| allowed.contains(item))
        {
            let list = allowed.join(", ");
            return refuse(format!("Parameter '{name}' must be one of AllowedValues [{list}]"));
        }
        let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
        if let Some(least) = self.min_length.filter(|least| length < *least) {
            return refuse(format!("Parameter '{name}' must contain at least {least} characters"));
        }
        if let Some(most) = self.max_length.filter(|most| length > *most) {
            return refuse(format!("Parameter '{name}' must contain at most {most} characters"));
        }
        if let Some(pattern) = &self.pattern {
            let fits = Regex::new(&format!("^(?:{pattern})$")).map(|regex| regex.is_match(value));
            if !fits.unwrap_or(false) {
                return refuse(format!("Parameter '{name}' must match pattern {pattern}"));
            }
        }
        if matches!(self.kind.as_str(), "Number" | "List<Number>") {
            for item in self.items(value) {
                let Ok(number) = item.parse::<f64>() else {
                    return Err(format!("Parameter '{name}' must be a number."));
                };
                if let Some(least) = self.min_value.filter(|least| number < *least) {
                    return refuse(format!(
                        "Parameter '{name}' must be a number not less than {least}"
                    ));
                }
                if let Some(most) = self.max_value.filter(|most| number > *most) {
                    return refuse(format!(
                        "Parameter '{name}' must be a number not greater than {most}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn items(&self, value: &str) -> Vec<String> {
        if is_list(&self.kind) { split_list(value) } else { vec![value.to_owned()] }
    }
}

fn malformed(name: &str) -> String {
    format!("Template format error: Every Parameters object must contain a Type member ({name}).")
}

/// The parameter types (CloudFormation user guide, "Parameters" and "SSM parameter types").
fn known_kind(kind: &str) -> bool {
    let plain = |kind: &str| {
        matches!(kind, "String" | "Number" | "List<Number>" | "CommaDelimitedList")
            || aws_kind(kind)
            || kind.strip_prefix("List<").and_then(|k| k.strip_suffix('>')).is_some_and(aws_kind)
    };
    match kind.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|k| k.strip_suffix('>')) {
        Some(inner) => {
            inner == "List<String>" || (plain(inner) && !matches!(inner, "Number" | "List<Number>"))
        }
        None => plain(kind) || kind == "AWS::SSM::Parameter::Name",
    }
}

fn aws_kind(kind: &str) -> bool {
    matches!(
        kind,
        "AWS::EC2::AvailabilityZone::Name"
            | "AWS::EC2::Image::Id"
            | "AWS::EC2::Instance::Id"
            | "AWS::EC2::KeyPair::KeyName"
            | "AWS::EC2::SecurityGroup::GroupName"
            | "AWS::EC2::SecurityGroup::Id"
            | "AWS::EC2::Subnet::Id"
            | "AWS::EC2::Volume::Id"
            | "AWS::EC2::VPC::Id"
            | "AWS::Route53::HostedZone::Id"
    )
}

/// Whether `Ref` of a parameter of this type gives a list.
fn is_list(kind: &str) -> bool {
    let inner = kind.strip_prefix("AWS::SSM::Parameter::Value<").and_then(|k| k.strip_suffix('>'));
    let kind = inner.unwrap_or(kind);
    kind == "CommaDelimitedList" || kind.starts_with("List<")
}

fn split_list(text: &str) -> Vec<String> {
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

impl Parameter {
    /// What `Ref` gives.
    pub(super) fn reference(&self) -> Value {
        let value = self.resolved.as_deref().unwrap_or(&self.value);
        if is_list(&self.kind) { json!(split_list(value)) } else { json!(value) }
    }

    /// As the API shows it.
    pub(super) fn view(&self) -> Value {
        let hidden = |text: &str| if self.no_echo { "****".to_owned() } else { text.to_owned() };
        json!({
            "ParameterKey": self.key,
            "ParameterValue": hidden(&self.value),
            "ResolvedValue": self.resolved.as_deref().map(hidden),
        })
    }
}

/// Binds the parameters of a request to the declared ones.
///
/// `ssm` gives the value of an SSM parameter. `before` has the values of the stack as it stands;
/// they are taken where the request says so. What a declared parameter is not given comes from its
/// default: CloudFormation does not remember by itself.
pub(super) fn bind(
    declared: &[Declared],
    given: &[Value],
    before: &[Parameter],
    ssm: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<Parameter>, String> {
    let key = |given: &Value| given.get("ParameterKey").and_then(Value::as_str).map(str::to_owned);
    let strange: Vec<String> = given
        .iter()
        .filter_map(key)
        .filter(|key| !declared.iter().any(|known| known.name == *key))
        .collect();
    if !strange.is_empty() {
        let list = strange.join(", ");
        return Err(format!("Parameters: [{list}] do not exist in the template"));
    }
    let mut bound = Vec::new();
    let (mut missing, mut unfetched) = (Vec::new(), Vec::new());
    for known in declared {
        let entry = given.iter().find(|entry| key(entry).as_deref() == Some(&known.name));
        let previous = entry.and_then(|e| e.get("UsePreviousValue")).and_then(Value::as_bool);
        let value = match entry {
            Some(_) if previous == Some(true) => {
                let had = before.iter().find(|had| had.key == known.name);
                let Some(had) = had else {
                    let name = &known.name;
                    return Err(format!(
                        "Invalid input for parameter key {name}. Cannot specify \
                                        usePreviousValue as true for a parameter key not in the \
                                        previous template"
                    ));
                };
                Some(had.value.clone())
            }
            Some(entry) => entry.get("ParameterValue").and_then(Value::as_str).map(str::to_owned),
            None => known.default.clone(),
        };
        let Some(value) = value else {
            missing.push(known.name.clone());
            continue;
        };
        known.check(&value)?;
        let mut resolved = None;
        if known.behind_ssm().is_some() {
            resolved = ssm(&value);
            if resolved.is_none() {
                unfetched.push(value.clone());
            }
        }
        let (kind, no_echo) = (known.kind.clone(), known.no_echo);
        bound.push(Parameter { key: known.name.clone(), value, resolved, kind, no_echo });
    }
    if !missing.is_empty() {
        return Err(format!("Parameters: [{}] must have values", missing.join(", ")));
    }
    if !unfetched.is_empty() {
        return Err(format!(
            "Unable to fetch parameters [{}] from parameter store for this account.",
            unfetched.join(",")
        ));
    }
    Ok(bound)
}
