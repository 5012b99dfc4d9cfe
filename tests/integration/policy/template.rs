//! Reads and writes the statements of the deploy policy, line by line, so that comments stay.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::Value;

const BEGIN: &str = "# --- deploy policy: begin";
const END: &str = "# --- deploy policy: end";

/// What each statement allows, by its Sid.
pub(super) type Statements = BTreeMap<String, BTreeSet<String>>;

/// The text before the statements, them, and what follows.
fn parts(text: &str) -> (&str, &str, &str) {
    let (before, rest) = text.split_once(BEGIN).expect("begin");
    let (within, after) = rest.split_once(END).expect("end");
    (before, within, after)
}

/// The Sid, or the actions, that a line begins.
fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim_start().strip_prefix(key).map(str::trim)
}

/// The statements between the markers.
pub(super) fn statements(text: &str) -> Statements {
    let (_, within, _) = parts(text);
    let (mut statements, mut sid, mut listing) = (Statements::new(), String::new(), false);
    for line in within.lines() {
        if let Some(name) = value(line, "- Sid:") {
            sid = name.to_owned();
            assert!(statements.insert(sid.clone(), BTreeSet::new()).is_none(), "{sid} twice");
        } else if let Some(action) = value(line, "Action:") {
            listing = action.is_empty();
            if !listing {
                statements.get_mut(&sid).unwrap().insert(action.to_owned());
            }
            continue;
        } else if let (true, Some(action)) = (listing, value(line, "- ")) {
            let new = statements.get_mut(&sid).unwrap().insert(action.to_owned());
            assert!(new, "{sid}: {action} twice");
            continue;
        }
        listing = false;
    }
    statements
}

/// The template with these actions in its statements.
pub(super) fn with(text: &str, wanted: &Statements) -> String {
    let (before, within, after) = parts(text);
    let (mut lines, mut sid, mut listing) = (Vec::new(), "", false);
    for line in within.split('\n') {
        if listing && value(line, "- ").is_some() {
            continue;
        }
        listing = false;
        sid = value(line, "- Sid:").unwrap_or(sid);
        let Some(inline) = value(line, "Action:") else {
            lines.push(line.to_owned());
            continue;
        };
        listing = inline.is_empty();
        let indent = " ".repeat(line.len() - line.trim_start().len());
        let actions = wanted.get(sid).cloned().unwrap_or_default();
        match actions.len() {
            1 => lines.extend(actions.iter().map(|action| format!("{indent}Action: {action}"))),
            _ => {
                lines.push(format!("{indent}Action:"));
                lines.extend(actions.iter().map(|action| format!("{indent}  - {action}")));
            }
        }
    }
    format!("{before}{BEGIN}{}{END}{after}", lines.join("\n"))
}

/// What `found` has too few and too many.
pub(super) fn differences(wanted: &Statements, found: &Statements) -> Vec<String> {
    let nothing = BTreeSet::new();
    let sids: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let mut differences = Vec::new();
    for sid in sids {
        let needs = wanted.get(sid).unwrap_or(&nothing);
        let has = found.get(sid).unwrap_or(&nothing);
        differences.extend(needs.difference(has).map(|action| format!("{sid}: missing: {action}")));
        differences
            .extend(has.difference(needs).map(|action| format!("{sid}: superfluous: {action}")));
    }
    differences
}

/// How long the policy may become, without white space: with the longest suffix, region and role.
pub(super) fn size(text: &str) -> usize {
    let template: Value = serde_yaml::from_str(text).unwrap();
    let document = &template["Resources"]["DeployPolicy"]["Properties"]["PolicyDocument"];
    let document = serde_json::to_string(&written_out(document)).unwrap();
    document.chars().filter(|c| !c.is_whitespace()).count()
}

/// The document as IAM gets it.
fn written_out(value: &Value) -> serde_json::Value {
    match value {
        Value::Tagged(tagged) if tagged.tag == "Sub" => {
            let mut text = tagged.value.as_str().unwrap().to_owned();
            let longest = [
                ("${AWS::Partition}", "aws-us-gov"),
                ("${AWS::AccountId}", "123456789012"),
                ("${EnvironmentSuffix}", "abcdefghijklmnop"),
            ];
            for (name, value) in longest {
                text = text.replace(name, value);
            }
            assert!(!text.contains("${"), "{text}");
            text.into()
        }
        // A role's ARN: its name has at most 64 characters.
        Value::Tagged(tagged) if tagged.tag == "GetAtt" => "x".repeat(110).into(),
        Value::Tagged(tagged) if tagged.tag == "Ref" => "abcdefghijklmnop".into(),
        Value::Tagged(tagged) => panic!("{}", tagged.tag),
        Value::Sequence(items) => items.iter().map(written_out).collect(),
        Value::Mapping(mapping) => mapping
            .iter()
            .map(|(key, value)| (key.as_str().unwrap().to_owned(), written_out(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        other => other.as_str().unwrap().into(),
    }
}
