//! Checks a tree against the schema and reports every deviation at its place.
//!
//! Returns the value with what is faulty left out, so that one fault does not hide the next.

mod scalar;
mod view;

use serde_json::{Map, Value as Json};

use crate::config::diagnostic::Code;
use crate::config::interpolate::Interpolation;
use crate::config::kind;
use crate::config::source::{Fault, Faults, Span};
use crate::config::tree::{Entry, Node, Value, quote};

pub(in crate::config) use view::View;

/// Walks trees along the schema.
pub(in crate::config) struct Shape<'a> {
    pub(in crate::config) interpolation: Interpolation<'a>,
    pub(in crate::config) faults: &'a mut Faults,
    /// Whether missing variables are no faults; see [`Interpolation::resolve`].
    pub(in crate::config) lenient: bool,
    pub(in crate::config) path: Vec<String>,
}

impl Shape<'_> {
    /// Checks one value; `key` is the place of the key that it stands at.
    pub(in crate::config) fn walk(
        &mut self,
        node: &Node,
        view: View<'_>,
        key: Span,
    ) -> Option<Json> {
        if self.faults.is_full() {
            return None;
        }
        if node.is_null() {
            if view.allows_null() {
                return Some(Json::Null);
            }
            let fault =
                Fault::new(Code::MissingValue, key, format!("{} has no value", self.here()));
            self.faults.push(fault.help(match view.text("default") {
                Some(default) => {
                    format!("give it one, or remove the key for the default {default}")
                }
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

    /// The dotted path of the value, as the top level would have it: a fault in an override is
    /// found in the override and again in what it makes, and must read the same to count once.
    pub(super) fn here(&self) -> String {
        dotted(&self.path)
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
            if let (Value::Scalar(scalar), Some(form)) = (
                &node.value,
                branches.iter().find(|branch| branch.property(&node_text(node)).is_some()),
            ) {
                let message = format!("{} needs settings for {}", self.here(), quote(&scalar.text));
                let help = format!("write a mapping: {}", mapping_example(*form, &scalar.text));
                self.faults.push(Fault::new(Code::WrongType, node.place(key), message).help(help));
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
        let most = view.get("maxProperties").and_then(Json::as_u64).map(usize::try_from);
        if let Some(Ok(most)) = most
            && entries.len() > most
            && !view.flag("x-choose")
        {
            let message = format!("{} takes at most {most} entries", self.here());
            self.faults.push(Fault::new(Code::OutOfRange, key, message));
            return Json::Object(object);
        }
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
        if self.faults.is_full() {
            return;
        }
        let parent = self.path.len().saturating_sub(1);
        let place = match self.path.get(..parent) {
            Some([]) | None => "at the top level".to_owned(),
            Some(path) => format!("in {}", dotted(path)),
        };
        let message = format!("there is no key {} {place}", quote(&entry.key));
        let fault = Fault::new(Code::UnknownKey, entry.key_span, message);
        let known: Vec<&str> = view.properties().collect();
        self.faults.push(match crate::config::nearest(&entry.key, known.iter().copied()) {
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
}

fn dotted(path: &[String]) -> String {
    let path = match path {
        [first, _, rest @ ..]
            if first == "environments"
                && rest
                    .first()
                    .is_some_and(|key| crate::config::overlay::SECTIONS.contains(&&**key)) =>
        {
            rest
        }
        path => path,
    };
    quote(&path.join("."))
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

/// `a`, `b` and `c`.
pub(in crate::config) fn list(items: &[&str], word: &str) -> String {
    let quoted: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    match quoted.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}
