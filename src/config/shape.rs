//! Checks a tree against the schema and reports every deviation at its place.
//!
//! Returns the value with what is faulty left out, so that one fault does not hide the next.

use serde_json::{Map, Number, Value as Json};

use super::diagnostic::Code;
use super::interpolate::{Interpolation, Resolved};
use super::kind::{self, duration, show};
use super::source::{Fault, Faults, Span};
use super::tree::{Entry, Node, PlainKind, Scalar, Value, quote};

/// Walks trees along the schema.
pub(super) struct Shape<'a> {
    pub(super) interpolation: Interpolation<'a>,
    pub(super) faults: &'a mut Faults,
    /// Whether missing variables are no faults; see [`Interpolation::resolve`].
    pub(super) lenient: bool,
    pub(super) path: Vec<String>,
}

/// A schema with its `$ref` followed; keywords beside the reference come first.
#[derive(Clone, Copy)]
pub(super) struct View<'s> {
    local: &'s Json,
    target: Option<&'s Json>,
}

impl<'s> View<'s> {
    pub(super) fn new(local: &'s Json) -> Self {
        let target = local.get("$ref").and_then(Json::as_str).and_then(|reference| {
            super::schema::shared().pointer(reference.strip_prefix('#').unwrap_or(reference))
        });
        Self { local, target }
    }

    /// The definition of a name in `$defs`.
    pub(super) fn definition(name: &str) -> Option<Self> {
        let definition = super::schema::shared().get("$defs")?.get(name)?;
        Some(Self::new(definition))
    }

    pub(super) fn get(self, key: &str) -> Option<&'s Json> {
        self.local.get(key).or_else(|| self.target?.get(key))
    }

    pub(super) fn text(self, key: &str) -> Option<&'s str> {
        self.get(key).and_then(Json::as_str)
    }

    fn number(self, key: &str) -> Option<f64> {
        self.get(key).and_then(Json::as_f64)
    }

    pub(super) fn flag(self, key: &str) -> bool {
        self.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    pub(super) fn property(self, key: &str) -> Option<Self> {
        self.get("properties")?.get(key).map(Self::new)
    }

    fn properties(self) -> impl Iterator<Item = &'s str> {
        self.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(key, _)| &**key)
    }

    fn branches(self) -> impl Iterator<Item = Self> {
        self.get("anyOf").and_then(Json::as_array).into_iter().flatten().map(Self::new)
    }

    fn allows_null(self) -> bool {
        self.branches().any(|branch| branch.text("type") == Some("null"))
    }

    fn duration(self, key: &str) -> Option<std::time::Duration> {
        self.text(key).and_then(duration)
    }
}

impl Shape<'_> {
    /// Checks one value; `key` is the place of the key that it stands at.
    pub(super) fn walk(&mut self, node: &Node, view: View<'_>, key: Span) -> Option<Json> {
        if node.is_null() {
            if view.allows_null() {
                return Some(Json::Null);
            }
            let fault = Fault::new(Code::MissingValue, key, format!("{} has no value", self.here()));
            self.faults.push(fault.help(match view.text("default") {
                Some(default) => format!("give it one, or remove the key for the default {default}"),
                None => "give it one, or remove the key".to_owned(),
            }));
            return None;
        }
        if view.get("anyOf").is_some() {
            return self.choose(node, view, key);
        }
        match (view.text("type"), &node.value) {
            (Some("object"), Value::Map(entries)) => Some(self.object(entries, view, key)),
            (Some("array"), Value::Seq(items)) => self.array(items, view, key),
            (Some("string"), Value::Scalar(scalar)) => self.string(node, scalar, view, key),
            (Some("integer"), Value::Scalar(scalar)) => self.integer(node, scalar, view, key),
            (Some("number"), Value::Scalar(scalar)) => self.number(node, scalar, view, key),
            (Some("boolean"), Value::Scalar(scalar)) => self.boolean(node, scalar, view, key),
            (wanted, _) => {
                self.wrong_type(node, view, wanted.unwrap_or("value"), key);
                None
            }
        }
    }

    /// The dotted path of the value, as the top level would have it.
    fn here(&self) -> String {
        let path = match self.path.as_slice() {
            [first, _, rest @ ..]
                if first == "environments"
                    && rest.first().is_some_and(|key| super::overlay::SECTIONS.contains(&&**key)) =>
            {
                rest
            }
            path => path,
        };
        quote(&path.join("."))
    }

    fn choose(&mut self, node: &Node, view: View<'_>, key: Span) -> Option<Json> {
        let branches: Vec<View<'_>> =
            view.branches().filter(|branch| branch.text("type") != Some("null")).collect();
        if let [only] = branches.as_slice() {
            return self.walk(node, *only, key);
        }
        let fits = |branch: &&View<'_>| {
            matches!(
                (branch.text("type"), &node.value),
                (Some("object"), Value::Map(_))
                    | (Some("array"), Value::Seq(_))
                    | (Some("string"), Value::Scalar(_))
            )
        };
        if let Some(branch) = branches.iter().find(fits) {
            // A text that names a key of the mapping form is a half-written mapping.
            if let (Value::Scalar(scalar), Some(form)) =
                (&node.value, branches.iter().find(|branch| branch.property(&node_text(node)).is_some()))
            {
                let message = format!("{} needs settings for {}", self.here(), quote(&scalar.text));
                let help = format!("write a mapping: {}", mapping_example(*form, &scalar.text));
                self.faults
                    .push(Fault::new(Code::WrongType, node.place(key), message).help(help));
                return None;
            }
            return self.walk(node, *branch, key);
        }
        let message = format!("{} cannot be {}", self.here(), node.describe());
        self.faults.push(Fault::new(Code::WrongType, node.place(key), message));
        None
    }

    fn object(&mut self, entries: &[Entry], view: View<'_>, key: Span) -> Json {
        let mut object = Map::new();
        for entry in entries {
            self.path.push(entry.key.clone());
            let value = match view.property(&entry.key) {
                Some(property) => {
                    let value = self.walk(&entry.node, property, entry.key_span);
                    self.not_yet(entry, property);
                    value
                }
                None => self.additional(entry, view),
            };
            self.path.pop();
            if let Some(value) = value {
                object.insert(entry.key.clone(), value);
            }
        }
        self.required(entries, view, key);
        if view.flag("x-choose") {
            self.exactly_one(entries, view, key);
        } else if view.number("minProperties").is_some() && entries.is_empty() {
            let message = format!("{} needs at least one entry", self.here());
            self.faults.push(Fault::new(Code::OutOfRange, key, message));
        }
        Json::Object(object)
    }

    fn not_yet(&mut self, entry: &Entry, property: View<'_>) {
        let Some(part) = property.text("x-not-yet") else { return };
        if entry.node.is_null() {
            return;
        }
        let message = format!("{} is not supported yet; nothing would act on it", self.here());
        let help = format!("{part} will act on it in a later version; remove the key until then");
        self.faults.push(Fault::new(Code::NotSupportedYet, entry.key_span, message).help(help));
    }

    fn additional(&mut self, entry: &Entry, view: View<'_>) -> Option<Json> {
        let Some(values) = view.get("additionalProperties").filter(|values| values.is_object())
        else {
            self.unknown(entry, view);
            return None;
        };
        if let Some(names) = view.get("propertyNames").map(View::new)
            && let Some(kind) = names.text("x-kind").and_then(kind::kind)
            && !(kind.check)(&entry.key)
        {
            let message = format!("the {} {} {}", kind.name, quote(&entry.key), kind.rule);
            self.faults.push(Fault::new(Code::InvalidValue, entry.key_span, message));
            return None;
        }
        self.walk(&entry.node, View::new(values), entry.key_span)
    }

    fn unknown(&mut self, entry: &Entry, view: View<'_>) {
        let parent = self.path.len().saturating_sub(1);
        let place = match self.path.get(..parent) {
            Some([]) | None => "at the top level".to_owned(),
            Some(path) => format!("in {}", quote(&path.join("."))),
        };
        let message = format!("there is no key {} {place}", quote(&entry.key));
        let fault = Fault::new(Code::UnknownKey, entry.key_span, message);
        let known: Vec<&str> = view.properties().collect();
        self.faults.push(match super::nearest(&entry.key, known.iter().copied()) {
            Some(near) => fault.help(format!("perhaps `{near}` is meant")),
            None => fault.help(format!("the keys here are {}", list(&known, "and"))),
        });
    }

    fn required(&mut self, entries: &[Entry], view: View<'_>, key: Span) {
        let required = view.get("required").and_then(Json::as_array).into_iter().flatten();
        let missing: Vec<&str> = required
            .filter_map(Json::as_str)
            .filter(|wanted| !entries.iter().any(|entry| entry.key == *wanted))
            .collect();
        if missing.is_empty() {
            return;
        }
        let what = if self.path.is_empty() { "the file".to_owned() } else { self.here() };
        let plural = if missing.len() == 1 { "key" } else { "keys" };
        let message = format!("{what} lacks the {plural} {}", list(&missing, "and"));
        let help = missing.iter().filter_map(|name| {
            let about = view.property(name)?.text("description")?;
            let sentence = about.split_once(". ").map_or(about, |(first, _)| first);
            let sentence = sentence.trim_end_matches('.').replace('\n', " ");
            Some(format!("`{name}`: {sentence}"))
        });
        let help = help.collect::<Vec<_>>().join("; ");
        self.faults.push(Fault::new(Code::MissingKey, key, message).help(help));
    }

    fn exactly_one(&mut self, entries: &[Entry], view: View<'_>, key: Span) {
        let known: Vec<&str> = view.properties().collect();
        let mut chosen = entries.iter().filter(|entry| known.contains(&&*entry.key));
        let options = list(&known, "or");
        match (chosen.next(), chosen.next()) {
            (None, _) if entries.is_empty() => {
                let message = format!("{} needs one of {options}", self.here());
                self.faults.push(Fault::new(Code::ChooseOne, key, message));
            }
            (Some(first), Some(second)) => {
                let message = format!("{} takes only one of {options}", self.here());
                self.faults.push(
                    Fault::new(Code::ChooseOne, second.key_span, message)
                        .help("keep one of the two")
                        .related(first.key_span, "the other one"),
                );
            }
            _ => {}
        }
    }

    fn array(&mut self, items: &[Node], view: View<'_>, key: Span) -> Option<Json> {
        let count = items.len();
        let bounds = (view.number("minItems"), view.number("maxItems"));
        // A list has at most MAX_VALUES items, so the number is exact.
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let size = count as f64;
        let (least, most) = (bounds.0.unwrap_or(0.0), bounds.1.unwrap_or(f64::INFINITY));
        if size < least || size > most {
            let wanted = match bounds {
                (Some(least), Some(most)) => format!("{least} to {most} items"),
                (Some(1.0), None) => "at least one item".to_owned(),
                (Some(least), None) => format!("at least {least} items"),
                (None, most) => format!("at most {} items", most.unwrap_or(0.0)),
            };
            let message = format!("{} takes {wanted}, not {count}", self.here());
            self.faults.push(Fault::new(Code::OutOfRange, key, message));
            return None;
        }
        let of = View::new(view.get("items")?);
        let mut values: Vec<(Json, Span)> = Vec::new();
        for (index, item) in items.iter().enumerate() {
            self.path.push((index + 1).to_string());
            let place = if item.span.is_empty() { key } else { item.span };
            if let Some(value) = self.walk(item, of, place) {
                if view.flag("uniqueItems")
                    && let Some((_, first)) = values.iter().find(|(earlier, _)| *earlier == value)
                {
                    let message = format!("{} stands in the list twice", item_text(&value));
                    self.faults.push(
                        Fault::new(Code::InvalidValue, place, message)
                            .help("remove one of the two")
                            .related(*first, "the first one"),
                    );
                }
                values.push((value, place));
            }
            self.path.pop();
        }
        Some(Json::Array(values.into_iter().map(|(value, _)| value).collect()))
    }

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

    fn string(&mut self, node: &Node, scalar: &Scalar, view: View<'_>, key: Span) -> Option<Json> {
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
        self.faults.push(match super::nearest(text, known.iter().copied()) {
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
            self.faults
                .push(Fault::new(Code::LiteralSecret, node.place(key), message).help(help));
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
        let inside = least.is_none_or(|least| value >= least) && most.is_none_or(|most| value <= most);
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

    fn integer(&mut self, node: &Node, scalar: &Scalar, view: View<'_>, key: Span) -> Option<Json> {
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

    fn number(&mut self, node: &Node, scalar: &Scalar, view: View<'_>, key: Span) -> Option<Json> {
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

    fn boolean(&mut self, node: &Node, scalar: &Scalar, view: View<'_>, key: Span) -> Option<Json> {
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

    fn wrong_type(&mut self, node: &Node, view: View<'_>, wanted: &str, key: Span) {
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
        return (wanted == "object" && list).then(|| "write `key: value` without dashes".to_owned());
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

fn node_text(node: &Node) -> String {
    node.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default()
}

/// `{canary: {percent: …, hold: …}}` for a choice.
fn mapping_example(form: View<'_>, key: &str) -> String {
    let settings: Vec<String> = form
        .property(key)
        .map(|property| property.properties().map(|key| format!("{key}: …")).collect())
        .unwrap_or_default();
    format!("`{key}: {{{}}}`", settings.join(", "))
}

fn item_text(value: &Json) -> String {
    match value {
        Json::String(text) => quote(text),
        other => quote(&other.to_string()),
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

/// `a`, `b` and `c`.
pub(super) fn list(items: &[&str], word: &str) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}
