//! The kinds of text that a key can take: one table for the reader, the JSON Schema and the
//! reference.
//!
//! Each kind is a Rust check and a regular expression that says the same for editors; a test
//! compares the two.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::domain::{AccountId, EnvironmentName, ImageDigest, ServiceName, Suffix};

/// One kind of text.
pub(super) struct Kind {
    /// Its name in the schema (`x-kind`).
    pub(super) name: &'static str,
    /// The same rule as a regular expression (ECMA 262).
    #[cfg_attr(not(test), expect(dead_code, reason = "compared with the check in tests"))]
    pub(super) pattern: &'static str,
    /// The rule for a person: "must …".
    pub(super) rule: &'static str,
    /// A valid example.
    pub(super) example: &'static str,
    /// The rule.
    pub(super) check: fn(&str) -> bool,
}

macro_rules! kinds {
    ($($type:ident = $name:literal, $pattern:literal, $rule:expr, $example:literal, $check:expr;)+) => {
        /// Every kind.
        pub(super) const KINDS: &[Kind] = &[$(Kind {
            name: $name,
            pattern: $pattern,
            rule: $rule,
            example: $example,
            check: $check,
        },)+];

        $(
            #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
            #[serde(transparent)]
            pub(super) struct $type(pub(super) String);

            impl JsonSchema for $type {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    $name.into()
                }

                fn json_schema(_: &mut SchemaGenerator) -> Schema {
                    json_schema!({
                        "type": "string",
                        "pattern": $pattern,
                        "examples": [$example],
                        "x-kind": $name,
                    })
                }
            }
        )+
    };
}

kinds! {
    AppText = "app name", r"^[a-z](-?[a-z0-9])*$",
        "must be 1–32 lower-case letters, digits or single dashes, starting with a letter",
        "shop", |text| text.len() <= 32 && EnvironmentName::new(text).is_ok();
    EnvironmentText = "environment name", r"^[a-z](-?[a-z0-9])*$",
        EnvironmentName::RULE, "production", |text| EnvironmentName::new(text).is_ok();
    ServiceText = "service name", r"^[a-z](-?[a-z0-9])*$",
        ServiceName::RULE, "web", |text| ServiceName::new(text).is_ok();
    SuffixText = "suffix", r"^[a-z](-?[a-z0-9])*$",
        Suffix::RULE, "prod", |text| Suffix::new(text).is_ok();
    AccountText = "account id", r"^[0-9]{12}$",
        AccountId::RULE, "123456789012", |text| AccountId::new(text).is_ok();
    RegionText = "region", r"^[a-z]{2,3}(-[a-z]+){1,3}-[0-9]{1,2}$",
        "must be an AWS region such as `eu-west-1`", "eu-west-1", is_region;
    RoleText = "role ARN", r"^arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,576}$",
        "must be the ARN of an IAM role, `arn:aws:iam::<account>:role/<name>`",
        "arn:aws:iam::123456789012:role/deploy", is_role;
    DurationText = "duration", r"^([0-9]{1,6}h([0-9]{1,6}m)?([0-9]{1,6}s)?|[0-9]{1,6}m([0-9]{1,6}s)?|[0-9]{1,6}s)$",
        "must be a duration with units, such as `90s`, `5m` or `1h30m`", "5m",
        |text| duration(text).is_some();
    RepositoryText = "ECR repository", r"^[a-z0-9]+([._/-][a-z0-9]+)*$",
        "must be the name of an ECR repository, 2–256 lower-case letters and digits separated by single `.`, `_`, `-` or `/`, without registry and tag",
        "shop/web", is_repository;
    TagText = "image tag", r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$",
        "must be an image tag, 1–128 letters, digits, `_`, `.` or `-`, not starting with `.` or `-`",
        "v1.4.2", is_tag;
    DigestText = "image digest", r"^sha256:[0-9a-f]{64}$",
        "must be `sha256:` and 64 hexadecimal digits",
        "sha256:0000000000000000000000000000000000000000000000000000000000000000",
        |text| ImageDigest::new(text).is_some();
    ContainerText = "container name", r"^[A-Za-z0-9_-]{1,255}$",
        "must be 1–255 letters, digits, dashes or underscores", "web",
        |text| of(text, 1, 255, "_-");
    EcsText = "ECS name", r"^[A-Za-z0-9_-]{1,255}$",
        "must be 1–255 letters, digits, dashes or underscores", "web-prod",
        |text| of(text, 1, 255, "_-");
    CodeDeployText = "CodeDeploy name", r"^[A-Za-z0-9._+=,@-]{1,100}$",
        "must be 1–100 letters, digits or `._+=,@-`", "shop-web-prod",
        |text| of(text, 1, 100, "._+=,@-");
    TargetGroupText = "target group name", r"^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$",
        "must be 1–32 letters, digits or dashes, with no dash at its ends", "web-blue-prod",
        |text| of(text, 1, 32, "-") && !text.starts_with('-') && !text.ends_with('-');
    ParameterText = "SSM parameter name", r"^(/[A-Za-z0-9_.-]+){1,15}$",
        "must be the path of an SSM parameter, such as `/ha/prod/web/good-revisions`",
        "/ha/prod/web/good-revisions", is_parameter;
    VariableText = "variable name", r"^[A-Za-z_][A-Za-z0-9_]{0,254}$",
        "must be letters, digits and underscores, not starting with a digit", "LOG_LEVEL",
        is_variable;
    SecretText = "secret reference",
        r"^((/[A-Za-z0-9_.-]+){1,15}|arn:aws(-[a-z]+)*:ssm:[a-z0-9-]+:[0-9]{12}:parameter(/[A-Za-z0-9_.-]+){1,15}|arn:aws(-[a-z]+)*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@:-]{1,512})$",
        "must name a secret: a Secrets Manager ARN, an SSM parameter ARN, or an SSM path such as `/shop/db-password`; never the secret itself",
        "/shop/db-password", is_secret;
    PathText = "URL path", r"^/[!-~]*$",
        "must be a URL path that starts with `/`, without spaces", "/health",
        |text| text.starts_with('/') && text.bytes().all(|b| b.is_ascii_graphic());
    BaseText = "base URL", r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$",
        "must be `http://` or `https://` and a host, with no path", "https://test.example.org",
        is_base;
    NameText = "CloudWatch name", r"^[^\x00-\x1f\x7f]{1,255}$",
        "must be 1–255 characters without control characters", "shop-web-5xx",
        |text| (1..=255).contains(&text.chars().count()) && !text.chars().any(|c| c.is_ascii_control());
    CanaryText = "canary name", r"^[0-9a-z_-]{1,255}$",
        "must be 1–255 lower-case letters, digits, dashes or underscores", "shop-checkout",
        |text| of(text, 1, 255, "_-") && !text.bytes().any(|b| b.is_ascii_uppercase());
    FunctionText = "Lambda function", r"^(arn:aws(-[a-z]+)*:lambda:[a-z0-9-]+:[0-9]{12}:function:)?[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$",
        "must be the name or ARN of a Lambda function", "CodeDeployHook_smoke", is_function;
    DateText = "date", r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
        "must be a day as year, month and day, such as `2026-12-31`", "2026-12-31", is_date;
    NonEmptyText = "text", r"^[\s\S]+$", "must not be empty", "x", |text| !text.is_empty();
    CidrText = "CIDR block", r"^[0-9]{1,3}(\.[0-9]{1,3}){3}/[0-9]{1,2}$",
        "must be an IPv4 block such as `10.0.0.0/16`", "10.0.0.0/16", is_cidr;
    DomainText = "domain name", r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$",
        "must be a domain name in lower case, such as `shop.example.org`", "shop.example.org",
        is_domain;
    EmailText = "email address", r"^[A-Za-z0-9._%+-]{1,64}@[a-z0-9-]+(\.[a-z0-9-]+)+$",
        "must be an email address such as `oncall@example.org`", "oncall@example.org", is_email;
    TemplateText = "template name", r"^[a-z]([a-z-]{0,30}[a-z])?$",
        "must be the name of a template; `ha-deploy templates list` shows them", "network",
        |text| of(text, 1, 32, "-") && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            && !text.starts_with('-') && !text.ends_with('-');
    ParameterNameText = "template parameter", r"^[A-Za-z0-9]{1,255}$",
        "must be the name of a parameter: letters and digits", "VpcCidr",
        |text| of(text, 1, 255, "");
}

/// The kind of a name.
pub(super) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// ASCII letters and digits and `more`, of a length.
fn of(text: &str, least: usize, most: usize, more: &str) -> bool {
    (least..=most).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// `aws` or a partition such as `aws-cn`.
fn is_partition(text: &str) -> bool {
    let mut pieces = text.split('-');
    pieces.next() == Some("aws")
        && pieces.all(|piece| !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_lowercase()))
}

/// Partition, service, region, account and the rest of an ARN.
fn arn(text: &str) -> Option<[&str; 5]> {
    let mut pieces = text.strip_prefix("arn:")?.splitn(5, ':');
    let pieces = [pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()?, pieces.next()?];
    is_partition(pieces[0]).then_some(pieces)
}

fn is_region(text: &str) -> bool {
    let pieces: Vec<&str> = text.split('-').collect();
    let lower = |piece: &&str| !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_lowercase());
    match pieces.as_slice() {
        [area, middle @ .., number] => {
            lower(area)
                && (2..=3).contains(&area.len())
                && (1..=3).contains(&middle.len())
                && middle.iter().all(lower)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|b| b.is_ascii_digit())
        }
        _ => false,
    }
}

fn is_role(text: &str) -> bool {
    matches!(arn(text), Some([_, "iam", "", account, rest])
        if AccountId::new(account).is_ok()
            && rest.strip_prefix("role/").is_some_and(|name| of(name, 1, 576, "+=,.@_/-")))
}

fn is_repository(text: &str) -> bool {
    let word = |piece: &str| {
        !piece.is_empty() && piece.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    (2..=256).contains(&text.len()) && text.split(['.', '_', '/', '-']).all(word)
}

fn is_tag(text: &str) -> bool {
    of(text, 1, 128, "_.-") && !text.starts_with(['.', '-'])
}

fn is_parameter(text: &str) -> bool {
    let Some(path) = text.strip_prefix('/') else { return false };
    text.len() <= 1011
        && path.split('/').count() <= 15
        && path.split('/').all(|piece| of(piece, 1, 1011, "_.-"))
}

fn is_variable(text: &str) -> bool {
    of(text, 1, 255, "_") && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// What ECS takes as `valueFrom` of a secret (ECS API reference, `Secret`), except a bare
/// parameter name, which cannot be told from a secret.
fn is_secret(text: &str) -> bool {
    let place = |region: &str, account: &str| {
        !region.is_empty()
            && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && AccountId::new(account).is_ok()
    };
    match arn(text) {
        Some([_, "ssm", region, account, rest]) => {
            place(region, account) && rest.strip_prefix("parameter").is_some_and(is_parameter)
        }
        Some([_, "secretsmanager", region, account, rest]) => {
            place(region, account)
                && rest.strip_prefix("secret:").is_some_and(|name| of(name, 1, 512, "/_+=.@:-"))
        }
        _ => is_parameter(text),
    }
}

fn is_base(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (host, port) = match rest.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (rest, None),
    };
    of(host, 1, 255, ".-")
        && port.is_none_or(|port| {
            (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit())
        })
}

fn is_function(text: &str) -> bool {
    let name = match arn(text) {
        Some([_, "lambda", region, account, rest]) => {
            let region_fits = !region.is_empty() && region.bytes().all(|b| !b.is_ascii_uppercase());
            if !region_fits || !of(region, 1, 32, "-") || AccountId::new(account).is_err() {
                return false;
            }
            match rest.strip_prefix("function:") {
                Some(name) => name,
                None => return false,
            }
        }
        _ => text,
    };
    let (name, version) = match name.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    of(name, 1, 64, "_-") && version.is_none_or(|version| of(version, 1, 128, "_$-"))
}

/// The shape of a date alone, as the expression has it; whether a month has that day is asked later.
fn is_date(text: &str) -> bool {
    let pieces: Vec<&str> = text.split('-').collect();
    let [year, month, day] = pieces.as_slice() else { return false };
    let number = |text: &str, length: usize, most: u32| {
        text.len() == length
            && text.bytes().all(|b| b.is_ascii_digit())
            && text.parse::<u32>().is_ok_and(|n| (1..=most).contains(&n) || length == 4)
    };
    number(year, 4, 9999) && number(month, 2, 12) && number(day, 2, 31)
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else { return false };
    address.parse::<std::net::Ipv4Addr>().is_ok()
        && (1..=2).contains(&bits.len())
        && bits.parse::<u8>().is_ok_and(|bits| bits <= 32)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

fn is_email(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else { return false };
    of(name, 1, 64, "._%+-") && is_domain(domain)
}

/// Reads `90s`, `5m`, `1h30m`; each unit once, the largest first.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut rest = text;
    let mut smallest = u64::MAX;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, tail) = rest.split_at_checked(end)?;
        let unit = match tail.chars().next()? {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if unit >= smallest || number.len() > 6 {
            return None;
        }
        smallest = unit;
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        rest = tail.get(1..)?;
    }
    (smallest != u64::MAX).then(|| Duration::from_secs(seconds))
}

/// Writes a duration as the file would.
pub(super) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let mut text = String::new();
    for (size, unit, value) in
        [(3600, 'h', seconds / 3600), (60, 'm', seconds % 3600 / 60), (1, 's', seconds % 60)]
    {
        if value > 0 || (size == 1 && text.is_empty()) {
            text.push_str(&value.to_string());
            text.push(unit);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_valid_and_patterns_allow_what_checks_allow() {
        let secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a/b-AbCdEf";
        let parameter = "arn:aws:ssm:eu-west-1:123456789012:parameter/a/b";
        let role = "arn:aws-us-gov:iam::123456789012:role/a/b";
        let function = "arn:aws:lambda:eu-west-1:123456789012:function:f:live";
        let texts = [
            "",
            " ",
            "a",
            "A",
            "a-b",
            "a--b",
            "-a",
            "a-",
            "1",
            "a1",
            "/",
            "/a",
            "/a/b",
            "//",
            "/a/",
            "eu-west-1",
            "us-gov-west-1",
            "10.0.0.0/16",
            "10.0.0.0/33",
            "a.b",
            "a..b",
            "a.b.",
            "5m",
            "1h30m",
            "90s",
            "5",
            "m5",
            "5m1h",
            "1m1m",
            "0s",
            "v1.2",
            "a_b",
            "a/b",
            "a:b",
            "é",
            "a\n",
            "https://a.b",
            "https://a.b:80",
            "https://a.b/",
            "http://",
            "123456789012",
            "$LATEST",
            "f:$LATEST",
            "hunter2",
            secret,
            parameter,
            role,
            function,
            "arn:aws:iam::1:role/x",
        ];
        for kind in KINDS {
            assert!((kind.check)(kind.example), "{}", kind.name);
            let schema = serde_json::json!({ "pattern": kind.pattern });
            let pattern = jsonschema::validator_for(&schema).unwrap();
            for text in texts.iter().chain([&kind.example]) {
                let allowed = pattern.is_valid(&serde_json::Value::from(*text));
                assert!(allowed || !(kind.check)(text), "{}: {text}", kind.name);
            }
        }
        for (name, text, valid) in [
            ("secret reference", "hunter2", false),
            ("secret reference", secret, true),
            ("secret reference", parameter, true),
            ("role ARN", role, true),
            ("Lambda function", function, true),
            ("duration", "5m1h", false),
            ("duration", "1m1m", false),
            ("target group name", "a-", false),
            ("region", "eu-west", false),
        ] {
            assert_eq!((kind(name).unwrap().check)(text), valid, "{name} {text}");
        }
    }

    #[test]
    fn durations_read_as_they_are_shown() {
        for seconds in [0, 1, 59, 60, 61, 3600, 3661, 86_400, 172_800] {
            let value = Duration::from_secs(seconds);
            assert_eq!(duration(&show(value)), Some(value));
        }
        assert_eq!(duration("9999999s"), None);
    }
}
