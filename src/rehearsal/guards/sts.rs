//! STS: who calls, and temporary credentials.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, count, refuse_unsimulated, required, unknown};
use crate::rehearsal::call::{ApiError, Reply};

/// The identity behind the runner's own credentials and the roles that it may assume.
#[derive(Debug)]
pub struct Sts {
    place: Place,
    caller: String,
    roles: Vec<String>,
    sessions: BTreeMap<String, Session>,
}

#[derive(Debug)]
struct Session {
    arn: String,
    id: String,
    expires: Duration,
}

impl Sts {
    /// An account whose long-lived caller has the ARN `caller` and may assume `roles` (ARNs).
    pub fn new(place: Place, caller: impl Into<String>, roles: Vec<String>) -> Self {
        Self { place, caller: caller.into(), roles, sessions: BTreeMap::new() }
    }

    /// Answers a call of the long-lived caller.
    pub fn call(&mut self, now: Duration, operation: &str, input: &Value) -> Reply {
        self.call_as(now, "", operation, input)
    }

    /// Answers a call signed with `access_key`; a key that STS did not issue is the long-lived
    /// caller's.
    pub fn call_as(
        &mut self,
        now: Duration,
        access_key: &str,
        operation: &str,
        input: &Value,
    ) -> Reply {
        match operation {
            "GetCallerIdentity" => self.identity(now, access_key),
            "AssumeRole" => {
                let known = ["RoleArn", "RoleSessionName", "DurationSeconds", "Tags"];
                refuse_unsimulated(operation, input, &known)?;
                self.assume(now, access_key, input)
            }
            other => Err(unknown("sts", other)),
        }
    }

    /// Whether a key was issued here and its credentials have expired.
    pub fn expired(&self, now: Duration, access_key: &str) -> bool {
        self.sessions.get(access_key).is_some_and(|session| session.expires <= now)
    }

    fn identity(&self, now: Duration, access_key: &str) -> Reply {
        let (id, arn) = match self.sessions.get(access_key) {
            Some(_) if self.expired(now, access_key) => return Err(expired()),
            Some(session) => (session.id.as_str(), session.arn.as_str()),
            None => ("AIDAREHEARSALCALLER01", self.caller.as_str()),
        };
        Ok(json!({ "UserId": id, "Account": self.place.account, "Arn": arn }))
    }

    fn assume(&mut self, now: Duration, access_key: &str, input: &Value) -> Reply {
        if self.expired(now, access_key) {
            return Err(expired());
        }
        let role = required(input, "RoleArn");
        let name = required(input, "RoleSessionName");
        if !self.roles.iter().any(|known| known == role) {
            // AWS does not tell a role that does not exist from one that may not be assumed.
            let caller = self.sessions.get(access_key).map_or(&self.caller, |session| &session.arn);
            let message = format!(
                "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"
            );
            return Err(ApiError::new("AccessDenied", message).status(403));
        }
        let seconds = count(input, "DurationSeconds").unwrap_or(3600);
        if !(900..=43_200).contains(&seconds) {
            let message = format!(
                "1 validation error detected: Value '{seconds}' at 'durationSeconds' failed to \
                 satisfy constraint: Member must have value between 900 and 43200"
            );
            return Err(ApiError::new("ValidationError", message));
        }
        let number = self.sessions.len().saturating_add(1);
        let key = format!("ASIAREHEARSAL{number:07}");
        let role_id = format!("AROAREHEARSAL{:07}", self.role_number(role));
        let role_name = role.rsplit('/').next().unwrap_or(role);
        let arn = format!("arn:aws:sts::{}:assumed-role/{role_name}/{name}", self.place.account);
        let expires = now.saturating_add(Duration::from_secs(seconds));
        let id = format!("{role_id}:{name}");
        let answer = json!({
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": format!("rehearsal-secret-{number}"),
                "SessionToken": format!("rehearsal-session-{number}"),
                "Expiration": self.place.stamp(expires),
            },
            "AssumedRoleUser": { "AssumedRoleId": id, "Arn": arn },
        });
        self.sessions.insert(key, Session { arn, id, expires });
        Ok(answer)
    }

    fn role_number(&self, role: &str) -> usize {
        self.roles.iter().position(|known| known == role).unwrap_or_default()
    }
}

fn expired() -> ApiError {
    let message = "The security token included in the request is expired";
    ApiError::new("ExpiredTokenException", message).status(403)
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    fn sts() -> Sts {
        let place = Place {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            epoch: Duration::from_secs(1_800_000_000),
        };
        let role = "arn:aws:iam::123456789012:role/deploy".to_owned();
        Sts::new(place, "arn:aws:iam::123456789012:user/ci", vec![role])
    }

    #[test]
    fn an_assumed_role_is_somebody_else_until_it_expires() {
        let mut sts = sts();
        let input = json!({
            "RoleArn": "arn:aws:iam::123456789012:role/deploy",
            "RoleSessionName": "run-1",
            "DurationSeconds": 900,
        });
        let answer = sts.call(Duration::ZERO, "AssumeRole", &input).unwrap();
        let key = text(&answer["Credentials"], "AccessKeyId").unwrap();
        assert_eq!(answer["Credentials"]["Expiration"], json!(1_800_000_900));
        let who = sts.call_as(Duration::from_secs(899), key, "GetCallerIdentity", &json!({}));
        let arn = "arn:aws:sts::123456789012:assumed-role/deploy/run-1";
        assert_eq!(who.unwrap()["Arn"], json!(arn));
        let late = sts.call_as(Duration::from_secs(900), key, "GetCallerIdentity", &json!({}));
        assert_eq!(late.unwrap_err().code, "ExpiredTokenException");
    }

    #[test]
    fn an_unknown_role_is_denied_and_an_unknown_operation_names_itself() {
        let mut sts = sts();
        let input =
            json!({ "RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "ab" });
        assert_eq!(
            sts.call(Duration::ZERO, "AssumeRole", &input).unwrap_err().code,
            "AccessDenied"
        );
        let error = sts.call(Duration::ZERO, "GetFederationToken", &json!({})).unwrap_err();
        assert_eq!((error.code.as_str(), error.status), ("UnknownOperationException", 501));
        assert!(error.message.contains("GetFederationToken"));
    }
}
