//! Stack policies: which updates of which resources are allowed.
//!
//! Source: CloudFormation user guide, "Prevent updates to stack resources". An explicit denial wins;
//! what no statement allows is denied once there is a policy.

use serde_json::Value;

use super::read::read;

/// The longest policy in a request.
const LONGEST: usize = 16_384;

/// Says what is wrong with a policy.
pub(super) fn check(policy: &str) -> Result<(), String> {
    if policy.len() > LONGEST {
        return Err("Stack policy is too long.".to_owned());
    }
    let tree =
        read(policy).map_err(|_| "Error validating stack policy: Invalid JSON".to_owned())?;
    let statements = statements(&tree);
    if statements.is_empty() {
        return Err("Error validating stack policy: Statement is required".to_owned());
    }
    for statement in statements {
        let effect = statement.get("Effect").and_then(Value::as_str);
        if !matches!(effect, Some("Allow" | "Deny")) {
            return Err("Error validating stack policy: Effect must be Allow or Deny".to_owned());
        }
        for action in texts(statement, "Action").chain(texts(statement, "NotAction")) {
            if !["Update:*", "Update:Modify", "Update:Replace", "Update:Delete", "*"]
                .contains(&action)
            {
                return Err(format!("Error validating stack policy: Unknown action {action}"));
            }
        }
        if statement.get("Principal").is_none() {
            return Err("Error validating stack policy: Principal is required".to_owned());
        }
    }
    Ok(())
}

fn statements(tree: &Value) -> Vec<&Value> {
    match tree.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        _ => Vec::new(),
    }
}

fn texts<'a>(statement: &'a Value, key: &str) -> impl Iterator<Item = &'a str> {
    let (one, many) = match statement.get(key) {
        Some(Value::String(one)) => (Some(one.as_str()), &[][..]),
        Some(Value::Array(many)) => (None, many.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}

/// Whether a pattern with `*` and `?` fits a text.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

/// The reason why a policy denies an action on a resource, in CloudFormation's words.
pub(super) fn denies(policy: &str, logical: &str, kind: &str, action: &str) -> Option<String> {
    let tree = read(policy).ok()?;
    let resource = format!("LogicalResourceId/{logical}");
    let mut allowed = false;
    for (index, statement) in statements(&tree).into_iter().enumerate() {
        if !applies(statement, &resource, kind, action) {
            continue;
        }
        if statement.get("Effect").and_then(Value::as_str) == Some("Deny") {
            let number = index + 1;
            let named = texts(statement, "Action").next().unwrap_or(action);
            return Some(format!(
                "Action denied by stack policy: Statement [#{number}] does not allow [{named}] for \
                 resource [{resource}]"
            ));
        }
        allowed = true;
    }
    (!allowed).then(|| {
        format!("Action not allowed by stack policy: no statement allows [{action}] for resource [{resource}]")
    })
}

fn applies(statement: &Value, resource: &str, kind: &str, action: &str) -> bool {
    let any = |key: &str, text: &str| texts(statement, key).any(|pattern| fits(pattern, text));
    let action = if statement.get("NotAction").is_some() {
        !any("NotAction", action)
    } else {
        any("Action", action)
    };
    let resource = if statement.get("NotResource").is_some() {
        !any("NotResource", resource)
    } else {
        any("Resource", resource)
    };
    let Some(conditions) = statement.get("Condition").and_then(Value::as_object) else {
        return action && resource;
    };
    let holds = conditions.iter().all(|(operator, terms)| {
        texts(terms, "ResourceType").any(|pattern| match operator.as_str() {
            "StringLike" => fits(pattern, kind),
            _ => pattern == kind,
        })
    });
    action && resource && holds
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"{"Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "Update:*", "Principal": "*",
         "Resource": ["LogicalResourceId/Rule", "LogicalResourceId/Serv*"]}
    ]}"#;

    #[test]
    fn a_denial_wins_and_names_its_statement() {
        assert_eq!(check(POLICY), Ok(()));
        assert_eq!(denies(POLICY, "Topic", "AWS::SNS::Topic", "Update:Modify"), None);
        for name in ["Rule", "Service"] {
            let reason = denies(POLICY, name, "x", "Update:Modify").unwrap();
            assert!(reason.contains("Statement [#2] does not allow [Update:*]"), "{reason}");
            assert!(reason.ends_with(&format!("[LogicalResourceId/{name}]")), "{reason}");
        }
    }

    #[test]
    fn conditions_name_types_and_silence_denies() {
        let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "Update:Modify", "Principal": "*",
            "Resource": "*", "Condition": {"StringLike": {"ResourceType": ["AWS::EC2::*"]}}}]}"#;
        assert_eq!(denies(policy, "A", "AWS::EC2::VPC", "Update:Modify"), None);
        assert!(denies(policy, "A", "AWS::EC2::VPC", "Update:Replace").is_some());
        assert!(denies(policy, "A", "AWS::RDS::DBInstance", "Update:Modify").is_some());
        assert!(check("{}").is_err());
        assert!(check(r#"{"Statement": [{"Effect": "Maybe"}]}"#).is_err());
    }
}
