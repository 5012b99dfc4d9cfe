//! SSM parameters.
//!
//! Source: Systems Manager API reference, `PutParameter`, `GetParameter`, `GetParameterHistory`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Place, flag, listed, page, page_size, refuse_unsimulated, required, text, texts, unknown,
};
use crate::rehearsal::call::{ApiError, Reply};

/// The longest value of a standard parameter ("Managing parameter tiers": 4 KB).
const LONGEST_STANDARD: usize = 4096;
/// Versions that the history keeps ("Working with parameter versions": 100).
const MOST_VERSIONS: usize = 100;

/// The Parameter Store.
#[derive(Debug)]
pub struct Ssm {
    place: Place,
    caller: String,
    parameters: BTreeMap<String, Vec<Version>>,
}

#[derive(Debug)]
struct Version {
    number: u64,
    kind: String,
    value: String,
    description: Option<String>,
    at: Duration,
}

impl Ssm {
    /// An empty store; `caller` is the ARN that the history names.
    pub fn new(place: Place, caller: impl Into<String>) -> Self {
        Self { place, caller: caller.into(), parameters: BTreeMap::new() }
    }

    /// Puts a `String` parameter there before anything begins.
    pub fn seed(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let versions = self.parameters.entry(name.into()).or_default();
        let number = next_number(versions);
        let (kind, value) = ("String".to_owned(), value.into());
        versions.push(Version { number, kind, value, description: None, at: Duration::ZERO });
    }

    /// Removes a parameter; says whether it was there.
    pub fn forget(&mut self, name: &str) -> bool {
        self.parameters.remove(name).is_some()
    }

    /// The current value of a parameter.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.parameters.get(name)?.last().map(|version| version.value.as_str())
    }

    /// Answers a call.
    pub fn call(&mut self, now: Duration, operation: &str, input: &Value) -> Reply {
        match operation {
            "GetParameter" => {
                refuse_unsimulated(operation, input, &["Name", "WithDecryption"])?;
                let parameter = self.get(required(input, "Name"))?;
                Ok(json!({ "Parameter": parameter }))
            }
            "GetParameters" => {
                refuse_unsimulated(operation, input, &["Names", "WithDecryption"])?;
                let (mut found, mut invalid) = (Vec::new(), Vec::new());
                for name in texts(input, "Names") {
                    match self.get(name) {
                        Ok(parameter) => found.push(parameter),
                        Err(_) => invalid.push(name),
                    }
                }
                Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
            }
            "GetParameterHistory" => {
                let known = ["Name", "WithDecryption", "MaxResults", "NextToken"];
                refuse_unsimulated(operation, input, &known)?;
                self.history(input)
            }
            "PutParameter" => {
                let known =
                    ["Name", "Description", "Value", "Type", "Overwrite", "Tier", "DataType"];
                refuse_unsimulated(operation, input, &known)?;
                self.put(now, input)
            }
            "DeleteParameter" => {
                let name = required(input, "Name");
                if self.forget(name) { Ok(json!({})) } else { Err(not_found(name)) }
            }
            "DeleteParameters" => {
                let (deleted, invalid): (Vec<&str>, Vec<&str>) =
                    texts(input, "Names").into_iter().partition(|name| self.forget(name));
                Ok(json!({ "DeletedParameters": deleted, "InvalidParameters": invalid }))
            }
            "GetParametersByPath" => {
                let known = ["Path", "Recursive", "WithDecryption", "MaxResults", "NextToken"];
                refuse_unsimulated(operation, input, &known)?;
                self.by_path(input)
            }
            other => Err(unknown("ssm", other)),
        }
    }

    /// A parameter by name, `name:version` or ARN.
    fn get(&self, name: &str) -> Result<Value, ApiError> {
        let bare = name.split_once(":parameter/").map_or(name, |(_, path)| {
            // The ARN drops the slash that a hierarchical name starts with.
            let slashed = name.len().saturating_sub(path.len().saturating_add(1));
            if path.contains('/') { name.get(slashed..).unwrap_or(path) } else { path }
        });
        let (bare, wanted) = match bare.rsplit_once(':') {
            Some((bare, version)) => (bare, Some(version)),
            None => (bare, None),
        };
        let versions = self.parameters.get(bare).ok_or_else(|| not_found(name))?;
        let version = match wanted {
            None => versions.last(),
            Some(wanted) => versions.iter().find(|version| version.number.to_string() == wanted),
        };
        let Some(version) = version else {
            let wanted = wanted.unwrap_or_default();
            let message = format!(
                "Systems Manager could not find version {wanted} of {bare}. Verify the version \
                 and try again."
            );
            return Err(ApiError::new("ParameterVersionNotFound", message));
        };
        let mut parameter = json!({
            "Name": bare,
            "Type": version.kind,
            "Value": version.value,
            "Version": version.number,
            "LastModifiedDate": self.place.stamp(version.at),
            "ARN": self.place.arn("ssm", &format!("parameter/{}", bare.trim_start_matches('/'))),
            "DataType": "text",
        });
        if let (Some(wanted), Some(members)) = (wanted, parameter.as_object_mut()) {
            members.insert("Selector".to_owned(), json!(format!(":{wanted}")));
        }
        Ok(parameter)
    }

    /// The parameters below a path; ten a page, as AWS's own limit is.
    fn by_path(&self, input: &Value) -> Reply {
        let path = required(input, "Path");
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let recursive = flag(input, "Recursive");
        let mut found = Vec::new();
        for name in self.parameters.keys() {
            let below = name.strip_prefix(&prefix);
            if below.is_some_and(|rest| recursive || !rest.contains('/')) {
                found.push(self.get(name)?);
            }
        }
        let size = page_size(input, "MaxResults", 10);
        let Some((shown, next)) = page(&found, text(input, "NextToken"), size) else {
            return Err(ApiError::new("InvalidNextToken", "The specified token isn't valid."));
        };
        Ok(listed("Parameters", shown.to_vec(), "NextToken", next))
    }

    fn history(&self, input: &Value) -> Reply {
        let name = required(input, "Name");
        let versions = self.parameters.get(name).ok_or_else(|| not_found(name))?;
        let size = page_size(input, "MaxResults", 50);
        let Some((shown, next)) = page(versions, text(input, "NextToken"), size) else {
            return Err(ApiError::new("InvalidNextToken", "The specified token isn't valid."));
        };
        let shown = shown.iter().map(|version| {
            let mut entry = json!({
                "Name": name,
                "Type": version.kind,
                "LastModifiedDate": self.place.stamp(version.at),
                "LastModifiedUser": self.caller,
                "Value": version.value,
                "Version": version.number,
                "Labels": [],
                "Tier": "Standard",
                "Policies": [],
                "DataType": "text",
            });
            if let (Some(text), Some(members)) = (&version.description, entry.as_object_mut()) {
                members.insert("Description".to_owned(), json!(text));
            }
            entry
        });
        Ok(listed("Parameters", shown.collect(), "NextToken", next))
    }

    fn put(&mut self, now: Duration, input: &Value) -> Reply {
        let name = required(input, "Name");
        let value = required(input, "Value");
        check_name(name)?;
        if text(input, "Tier").is_some_and(|tier| tier != "Standard") {
            return Err(unknown("ssm", "PutParameter with a tier other than Standard"));
        }
        if value.is_empty() {
            let message = "1 validation error detected: Value '' at 'value' failed to satisfy \
                           constraint: Member must have length greater than or equal to 1.";
            return Err(ApiError::new("ValidationException", message));
        }
        if value.chars().count() > LONGEST_STANDARD {
            let message = "Standard tier parameters support a maximum parameter value of 4096 \
                           characters. To create a larger parameter value, upgrade the parameter \
                           to use the advanced-parameter tier. For more information, see \
                           https://docs.aws.amazon.com/systems-manager/latest/userguide/\
                           parameter-store-advanced-parameters.html";
            return Err(ApiError::new("ValidationException", message));
        }
        let exists = self.parameters.get(name);
        if exists.is_some() && !flag(input, "Overwrite") {
            let message = "The parameter already exists. To overwrite this value, set the \
                           overwrite option in the request to true.";
            return Err(ApiError::new("ParameterAlreadyExists", message));
        }
        let old = exists.and_then(|versions| versions.last());
        let kind = match (text(input, "Type"), old) {
            (Some(kind), _) => kind.to_owned(),
            (None, Some(old)) => old.kind.clone(),
            (None, None) => {
                let message = "A parameter type is required when you create a parameter.";
                return Err(ApiError::new("ValidationException", message));
            }
        };
        let description = text(input, "Description").map(str::to_owned);
        let versions = self.parameters.entry(name.to_owned()).or_default();
        let number = next_number(versions);
        versions.push(Version { number, kind, value: value.to_owned(), description, at: now });
        if versions.len() > MOST_VERSIONS {
            versions.remove(0);
        }
        Ok(json!({ "Version": number, "Tier": "Standard" }))
    }
}

fn next_number(versions: &[Version]) -> u64 {
    versions.last().map_or(1, |version| version.number.saturating_add(1))
}

fn not_found(name: &str) -> ApiError {
    // AWS sends no message worth reading with this code; the name helps whoever reads a trace.
    ApiError::new("ParameterNotFound", format!("Parameter {name} not found."))
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if name.is_empty() || !name.chars().all(plain) {
        let message = format!(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive) and can only \
             contain letters, numbers and the symbols . - _ /: {name}"
        );
        return Err(ApiError::new("ValidationException", message));
    }
    if name.contains('/') && !name.starts_with('/') {
        let message = "Parameter name must be a fully qualified name.";
        return Err(ApiError::new("ValidationException", message));
    }
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("ssm") || first.starts_with("aws") {
        let message = "Parameter name: can't be prefixed with \"aws\" or \"ssm\" \
                       (case-insensitive).";
        return Err(ApiError::new("ValidationException", message));
    }
    if name.matches('/').count() > 15 {
        let message = "A hierarchy can have a maximum of 15 levels.";
        return Err(ApiError::new("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ssm() -> Ssm {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            epoch: Duration::from_secs(1_800_000_000),
        };
        Ssm::new(place, "arn:aws:iam::123456789012:user/ci")
    }

    fn put(ssm: &mut Ssm, value: &str, overwrite: bool) -> Reply {
        let input = json!({ "Name": "/good/web", "Value": value, "Type": "String", "Overwrite": overwrite });
        ssm.call(Duration::from_secs(5), "PutParameter", &input)
    }

    #[test]
    fn versions_count_up_and_overwriting_must_be_asked_for() {
        let mut ssm = ssm();
        assert_eq!(put(&mut ssm, "one", false).unwrap()["Version"], json!(1));
        assert_eq!(put(&mut ssm, "two", false).unwrap_err().code, "ParameterAlreadyExists");
        assert_eq!(put(&mut ssm, "two", true).unwrap()["Version"], json!(2));
        let get = |ssm: &mut Ssm, name: &str| {
            ssm.call(Duration::ZERO, "GetParameter", &json!({ "Name": name }))
        };
        assert_eq!(get(&mut ssm, "/good/web").unwrap()["Parameter"]["Value"], json!("two"));
        assert_eq!(get(&mut ssm, "/good/web:1").unwrap()["Parameter"]["Value"], json!("one"));
        let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/good/web";
        assert_eq!(get(&mut ssm, arn).unwrap()["Parameter"]["ARN"], json!(arn));
        assert_eq!(get(&mut ssm, "/good/web:7").unwrap_err().code, "ParameterVersionNotFound");
        assert_eq!(get(&mut ssm, "/other").unwrap_err().code, "ParameterNotFound");
    }

    #[test]
    fn a_standard_value_has_at_most_4096_characters() {
        let mut ssm = ssm();
        assert!(put(&mut ssm, &"ä".repeat(4096), false).is_ok());
        assert_eq!(put(&mut ssm, &"x".repeat(4097), true).unwrap_err().code, "ValidationException");
    }

    #[test]
    fn many_names_answer_with_the_invalid_ones() {
        let mut ssm = ssm();
        ssm.seed("/a", "1");
        let answer = ssm.call(Duration::ZERO, "GetParameters", &json!({ "Names": ["/a", "/b"] }));
        let answer = answer.unwrap();
        assert_eq!(answer["Parameters"][0]["Value"], json!("1"));
        assert_eq!(answer["InvalidParameters"], json!(["/b"]));
    }

    #[test]
    fn the_history_pages_from_the_oldest() {
        let mut ssm = ssm();
        for value in ["one", "two", "three"] {
            put(&mut ssm, value, true).unwrap();
        }
        let input = json!({ "Name": "/good/web", "MaxResults": 2 });
        let first = ssm.call(Duration::ZERO, "GetParameterHistory", &input).unwrap();
        assert_eq!(first["Parameters"].as_array().unwrap().len(), 2);
        let input = json!({ "Name": "/good/web", "NextToken": first["NextToken"] });
        let second = ssm.call(Duration::ZERO, "GetParameterHistory", &input).unwrap();
        assert_eq!(second["Parameters"][0]["Value"], json!("three"));
        assert_eq!(second.get("NextToken"), None);
    }
}
