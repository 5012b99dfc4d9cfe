//! Scalars: texts, numbers, booleans, and how to write what was meant.

use serde_json::{Number, Value as Json};

use super::{Shape, View, list};
use crate::config::diagnostic::Code;
use crate::config::interpolate::Resolved;
use crate::config::kind::{self, duration, show};
use crate::config::source::{Fault, Span};
use crate::config::tree::{Node, PlainKind, Scalar, Value, quote};

impl Shape<'_> {
    fn resolve(&mut self, scalar: &Scalar, span: Span) -> Resolved {
        self.interpolation.resolve(scalar, span, self.lenient, self.faults)
    }

    /// The text of a scalar whose syntax must be known.
    fn known(&mut self, node: &Node, scalar: &Scalar, key: Span) -> Option<(String, bool)> {
        match self.resolve(scalar, node.span) {
            Resolved::Literal(text) => Some((text, false)),
            Resolved::Text(text) => Some((text, true)),
            Resolved::Deferred(_) => {
                if !self.lenient {
                    let message = format!(
                        "{} cannot be read from SSM without asking AWS, and must be known here",
                        self.here()
                    );
                    self.faults.push(
                        Fault::new(Code::DeferredParameter, node.place(key), message).help(
                            "use `${env:NAME}`, or write the value; `${ssm:…}` works in free text \
                             such as `environment`",
                        ),
                    );
                }
                None
            }
            Resolved::Failed => None,
        }
    }

    pub(super) fn string(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        view: View<'_>,
        key: Span,
    ) -> Option<Json> {
        let kind = view.text("x-kind").and_then(kind::kind);
        let secret = kind.is_some_and(|kind| kind.name == "secret reference");
        if scalar.kind() != PlainKind::Text {
            self.mask_if(secret, node.span);
            self.wrong_type(node, view, "string", key);
            return None;
        }
        let free = view.get("enum").is_none() && kind.is_none_or(|kind| kind.name == "text");
        let text = if free {
            match self.resolve(scalar, node.span) {
                Resolved::Literal(text) | Resolved::Text(text) | Resolved::Deferred(text) => text,
                Resolved::Failed => return None,
            }
        } else {
            self.known(node, scalar, key)?.0
        };
        if let Some(options) = view.get("enum").and_then(Json::as_array) {
            return self.one_of(node, &text, options, key);
        }
        let Some(kind) = kind else { return Some(Json::String(text)) };
        if !(kind.check)(&text) {
            self.mask_if(secret, node.span);
            self.broken_rule(node, &text, kind, key);
            return None;
        }
        if kind.name == "duration" && !self.duration_fits(node, &text, view, key) {
            return None;
        }
        Some(Json::String(text))
    }

    fn mask_if(&mut self, secret: bool, span: Span) {
        if secret {
            self.faults.mask(span);
        }
    }

    fn one_of(&mut self, node: &Node, text: &str, options: &[Json], key: Span) -> Option<Json> {
        let known: Vec<&str> = options.iter().filter_map(Json::as_str).collect();
        if known.contains(&text) {
            return Some(Json::String(text.to_owned()));
        }
        let options = list(&known, "or");
        let message = format!("{} must be {options}, not {}", self.here(), quote(text));
        let fault = Fault::new(Code::InvalidValue, node.place(key), message);
        self.faults.push(match crate::config::nearest(text, known.iter().copied()) {
            Some(near) => fault.help(format!("perhaps `{near}` is meant")),
            None => fault,
        });
        None
    }

    fn broken_rule(&mut self, node: &Node, text: &str, kind: &kind::Kind, key: Span) {
        if kind.name == "secret reference" {
            // Neither message nor excerpt repeats the value: it may be the secret.
            let message = format!("{} {}", self.here(), kind.rule);
            let help = "put the secret into Secrets Manager or SSM, name it here, and if this \
                        was a real one, change it: it is in the file's history now";
            self.faults.push(Fault::new(Code::LiteralSecret, node.place(key), message).help(help));
            return;
        }
        let message = format!("{} {}, not {}", self.here(), kind.rule, quote(text));
        let fault = Fault::new(Code::InvalidValue, node.place(key), message);
        self.faults.push(if kind.rule.contains(kind.example) {
            fault
        } else {
            fault.help(format!("for example `{}`", kind.example))
        });
    }

    fn duration_fits(&mut self, node: &Node, text: &str, view: View<'_>, key: Span) -> bool {
        let Some(value) = duration(text) else { return false };
        let (least, most) = (view.duration("x-min"), view.duration("x-max"));
        let inside =
            least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most);
        if !inside {
            let range = match (least, most) {
                (Some(least), Some(most)) => format!("from {} to {}", show(least), show(most)),
                (Some(least), None) => format!("at least {}", show(least)),
                (None, most) => format!("at most {}", show(most.unwrap_or_default())),
            };
            let message = format!("{} must be {range}, not {}", self.here(), quote(text));
            let fault = Fault::new(Code::OutOfRange, node.place(key), message);
            self.faults.push(match view.text("x-aws") {
                Some(aws) => fault.help(format!("AWS limits it: {aws}")),
                None => fault,
            });
            return false;
        }
        if view.flag("x-minutes") && value.as_secs() % 60 != 0 {
            let minutes = value.as_secs().div_ceil(60);
            let up = show(std::time::Duration::from_secs(minutes * 60));
            let message = format!("{} must be whole minutes, not {}", self.here(), quote(text));
            self.faults.push(
                Fault::new(Code::InvalidValue, node.place(key), message)
                    .help(format!("CodeDeploy counts in minutes; the next is `{up}`")),
            );
            return false;
        }
        true
    }

    pub(super) fn integer(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        view: View<'_>,
        key: Span,
    ) -> Option<Json> {
        let (text, interpolated) = self.known(node, scalar, key)?;
        // Only decimal notation: what `0x10`, `1e3` and `010` mean depends on the YAML reader.
        let digits = text.strip_prefix('-').unwrap_or(&text);
        let decimal = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        if !decimal || (!scalar.plain && !interpolated) {
            self.wrong_type(node, view, "integer", key);
            return None;
        }
        let value: Option<i64> = text.parse().ok();
        let options = view.get("enum").and_then(Json::as_array);
        let allowed = match (options, value) {
            (Some(options), Some(value)) => options.contains(&Json::from(value)),
            (None, Some(value)) => within(value, view),
            (_, None) => false,
        };
        if !allowed {
            let wanted = wanted_number(view, "a whole number");
            let message = format!("{} must be {wanted}, not {}", self.here(), quote(&text));
            let code = if options.is_some() { Code::InvalidValue } else { Code::OutOfRange };
            self.faults.push(Fault::new(code, node.place(key), message));
            return None;
        }
        value.map(Json::from)
    }

    pub(super) fn number(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        view: View<'_>,
        key: Span,
    ) -> Option<Json> {
        let (text, interpolated) = self.known(node, scalar, key)?;
        let typed = Scalar { text: text.clone(), plain: true }.kind();
        let value: Option<f64> = text.parse().ok().filter(|value: &f64| value.is_finite());
        let (true, Some(value)) = (
            matches!(typed, PlainKind::Integer | PlainKind::Float)
                && (scalar.plain || interpolated),
            value,
        ) else {
            self.wrong_type(node, view, "number", key);
            return None;
        };
        let inside = view.number("minimum").is_none_or(|least| value >= least)
            && view.number("maximum").is_none_or(|most| value <= most);
        if !inside {
            let wanted = wanted_number(view, "a number");
            let message = format!("{} must be {wanted}, not {}", self.here(), quote(&text));
            self.faults.push(Fault::new(Code::OutOfRange, node.place(key), message));
            return None;
        }
        Number::from_f64(value).map(Json::Number)
    }

    pub(super) fn boolean(
        &mut self,
        node: &Node,
        scalar: &Scalar,
        view: View<'_>,
        key: Span,
    ) -> Option<Json> {
        let (text, interpolated) = self.known(node, scalar, key)?;
        match text.as_str() {
            "true" if scalar.plain || interpolated => Some(Json::Bool(true)),
            "false" if scalar.plain || interpolated => Some(Json::Bool(false)),
            _ => {
                self.wrong_type(node, view, "boolean", key);
                None
            }
        }
    }

    pub(super) fn wrong_type(&mut self, node: &Node, view: View<'_>, wanted: &str, key: Span) {
        let secret = view.text("x-kind") == Some("secret reference");
        let found = if secret { "a value of another type".into() } else { node.describe() };
        let what = match wanted {
            "object" => "a mapping".to_owned(),
            "array" => "a list".to_owned(),
            "integer" => wanted_number(view, "a whole number"),
            "number" => wanted_number(view, "a number"),
            "boolean" => "`true` or `false`".to_owned(),
            _ if view.text("x-kind") == Some("duration") => "a duration".to_owned(),
            _ => "a text".to_owned(),
        };
        let message = format!("{} must be {what}, not {found}", self.here());
        let fault = Fault::new(Code::WrongType, node.place(key), message);
        let help = type_help(node, view, wanted);
        self.faults.push(match help {
            Some(help) => fault.help(help),
            None => fault,
        });
    }
}

/// How to write a value of another type so that it fits.
fn type_help(node: &Node, view: View<'_>, wanted: &str) -> Option<String> {
    let Some(scalar) = node.scalar() else {
        let list = matches!(node.value, Value::Seq(_));
        return (wanted == "object" && list)
            .then(|| "write `key: value` without dashes".to_owned());
    };
    let text = scalar.text.as_str();
    match (wanted, view.text("x-kind")) {
        ("string", Some("duration")) => {
            let integer = scalar.kind() == PlainKind::Integer && text.len() <= 6;
            let text = if integer { text } else { "5" };
            Some(format!("a duration needs a unit: write `{text}m` or `{text}s`"))
        }
        ("string", Some("secret reference")) => None,
        ("string", _) => Some(format!("quote it: `\"{}\"`", text.escape_debug())),
        ("integer" | "number", _) if !scalar.plain => {
            text.parse::<f64>().ok().map(|_| format!("remove the quotes: `{text}`"))
        }
        ("integer", _) => {
            let bare = text.trim_start_matches('0');
            let plain = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| format!("write it in decimal without leading zeros: `{bare}`"))
        }
        ("boolean", _) => match text.to_ascii_lowercase().as_str() {
            "yes" | "on" | "true" | "1" | "y" => Some("write `true`".to_owned()),
            "no" | "off" | "false" | "0" | "n" => Some("write `false`".to_owned()),
            _ => None,
        },
        ("array", _) => Some(format!("write a list: `[{}]`", quote(text).trim_matches('`'))),
        _ => None,
    }
}

fn within(value: i64, view: View<'_>) -> bool {
    let bound = |key| view.get(key).and_then(Json::as_f64);
    #[expect(clippy::cast_precision_loss, reason = "all bounds are far below 2^52")]
    let value = value as f64;
    bound("minimum").is_none_or(|least| value >= least)
        && bound("maximum").is_none_or(|most| value <= most)
}

fn wanted_number(view: View<'_>, noun: &str) -> String {
    if let Some(options) = view.get("enum").and_then(Json::as_array) {
        let options: Vec<String> = options.iter().map(Json::to_string).collect();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        return list(&options, "or");
    }
    match (view.get("minimum"), view.get("maximum")) {
        (Some(least), Some(most)) if least == most => least.to_string(),
        (Some(least), Some(most)) => format!("{noun} from {least} to {most}"),
        (Some(least), None) => format!("{noun}, at least {least}"),
        (None, Some(most)) => format!("{noun}, at most {most}"),
        (None, None) => noun.to_owned(),
    }
}
