//! Tests that need no container.

use super::Wish;
use crate::docker::inspect::ImageFacts;
use crate::domain::ImageFinding as Finding;

pub(super) fn judge(facts: &ImageFacts, wish: &Wish, engine: &str) -> Vec<Finding> {
    let wanted = wish.platform.as_deref().unwrap_or(engine);
    vec![
        Finding::judged(
            "architecture",
            facts.platform == wanted,
            format!("{}, {wanted} is wanted", facts.platform),
            format!(
                "Build for it: `image.build.platform: {wanted}`, or set `architecture` of the service."
            ),
        ),
        Finding::judged(
            "size",
            facts.bytes <= wish.most_bytes,
            format!("{} MiB of at most {}", facts.bytes >> 20, wish.most_bytes >> 20),
            "Start from a smaller base image, and copy only what runs from a build stage; each task pulls all of it before it starts.",
        ),
        Finding::judged(
            "layers",
            facts.layers <= wish.most_layers,
            format!("{} of at most {}", facts.layers, wish.most_layers),
            "Join RUN and COPY steps, or copy the result from a build stage.",
        ),
        user(facts),
        secrets(facts),
    ]
}

fn user(facts: &ImageFacts) -> Finding {
    let name = facts.user.split(':').next().unwrap_or_default();
    let root = name.is_empty() || name == "root" || name.parse() == Ok(0u32);
    let found = if name.is_empty() { "no user is set".into() } else { format!("user {name}") };
    let mend =
        "Add `USER 65532:65532` to the Dockerfile, and make the files that it writes its own.";
    Finding::judged("non-root", !root, found, mend)
}

fn secrets(facts: &ImageFacts) -> Finding {
    let mut places: Vec<String> = Vec::new();
    for entry in &facts.environment {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        if looks_secret(value) || (names_secret(name) && !value.is_empty()) {
            places.push(format!("the variable {name}"));
        }
    }
    for text in &facts.texts {
        // A step or label: words, and the values of assignments.
        let mut words = text.split([' ', '\t', '"', '\'', ',', ';']).flat_map(|word| {
            let (name, value) = word.split_once('=').unwrap_or(("", word));
            [(name, value), ("", word)]
        });
        let found = words.find(|(name, value)| {
            looks_secret(value)
                || (names_secret(name) && value.len() >= 8 && !value.starts_with('$'))
        });
        if let Some((name, _)) = found {
            let what = if name.is_empty() {
                "a step, label or command".to_owned()
            } else {
                format!("`{name}` in a step, label or command")
            };
            if !places.contains(&what) {
                places.push(what);
            }
        }
    }
    Finding::judged(
        "secrets",
        places.is_empty(),
        if places.is_empty() {
            "none in its configuration".to_owned()
        } else {
            format!("in {}", places.join(", "))
        },
        "Use `RUN --mount=type=secret` to build and `secrets` of the service to run, and replace this secret: whoever can pull the image can read it.",
    )
}

/// Names that hold secrets by convention.
fn names_secret(name: &str) -> bool {
    let upper = name.trim_start_matches('-').to_ascii_uppercase();
    let file = upper.ends_with("_FILE") || upper.ends_with("_PATH") || upper.ends_with("_ARN");
    let ends = [
        "PASSWORD",
        "PASSWD",
        "SECRET",
        "SECRET_KEY",
        "SECRET_ACCESS_KEY",
        "PRIVATE_KEY",
        "API_KEY",
        "APIKEY",
        "ACCESS_TOKEN",
        "AUTH_TOKEN",
        "_TOKEN",
    ];
    !file && (upper == "TOKEN" || ends.iter().any(|end| upper.ends_with(end)))
}

/// Values that cannot be anything else: published prefixes of credentials.
pub fn looks_secret(value: &str) -> bool {
    let key_id = |prefix: &str| {
        value.len() == 20
            && value.starts_with(prefix)
            && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let prefixes = [
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "sk_live_",
        "npm_",
        "pypi-",
    ];
    let url_password = value
        .split_once("://")
        .and_then(|(_, rest)| rest.split_once('@'))
        .is_some_and(|(user, _)| {
            user.split_once(':').is_some_and(|(_, password)| {
                !password.is_empty() && !password.starts_with('$') && !password.contains('/')
            })
        });
    key_id("AKIA")
        || key_id("ASIA")
        || prefixes.iter().any(|prefix| value.len() >= 20 && value.starts_with(prefix))
        || (value.contains("-----BEGIN") && value.contains("PRIVATE KEY-----"))
        || url_password
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ImageVerdict as Verdict;

    fn facts() -> ImageFacts {
        ImageFacts {
            id: "sha256:1".into(),
            platform: "linux/amd64".into(),
            bytes: 1,
            layers: 1,
            user: "65532:65532".into(),
            stop_signal: "SIGTERM".into(),
            environment: vec!["PATH=/bin".into()],
            texts: vec!["/bin/sh -c #(nop) COPY file:1 in /orders".into()],
        }
    }

    #[test]
    fn users_that_are_root_are_found() {
        for (name, good) in [
            ("", false),
            ("root", false),
            ("0:1000", false),
            ("00", false),
            ("app", true),
            ("1000:0", true),
        ] {
            let found = user(&ImageFacts { user: name.into(), ..facts() });
            assert_eq!(found.verdict == Verdict::Pass, good, "{name}");
        }
    }

    #[test]
    fn secrets_are_found_and_ordinary_values_are_not() {
        let key = format!("AKIA{}", "Q".repeat(16));
        for (variable, text, good) in [
            ("LOG_LEVEL=debug", "RUN make", true),
            ("DB_PASSWORD=", "ENV DB_PASSWORD_FILE=/run/secret", true),
            ("TOKENIZER=bpe", "RUN --mount=type=secret,id=npm_token npm ci", true),
            ("DB_PASSWORD=x", "", false),
            ("A=postgres://u:pw@db/x", "", false),
            ("A=postgres://$U:$PW@db/x", "", true),
            ("A=1", "|1 NPM_TOKEN=abcdefghij /bin/sh -c npm ci", false),
            ("A=1", "RUN curl -H NPM_TOKEN=$NPM_TOKEN https://x", true),
            (&format!("KEY={key}"), "", false),
        ] {
            let image = ImageFacts {
                environment: vec![variable.into()],
                texts: vec![text.into()],
                ..facts()
            };
            let found = secrets(&image);
            assert_eq!(found.verdict == Verdict::Pass, good, "{variable} {text}: {}", found.found);
            assert!(!found.found.contains("abcdefghij"), "the value is not shown");
        }
    }
}
