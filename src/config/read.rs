//! The way of a file: parse, shape, overlay, validate.

use std::collections::BTreeSet;
use std::path::Path;

use super::Loaded;
use super::diagnostic::{Code, Diagnostic, Severity};
use super::interpolate::{self, Interpolation, Lookup};
use super::model::Model;
use super::parse;
use super::schema;
use super::shape::{Shape, View, list};
use super::source::{Fault, Faults, Source, Span};
use super::tree::{Entry, Node, PlainKind, Value, quote};
use super::validate;

/// As many environments, and services in each, as the schema allows.
pub(super) const MOST_ENTRIES: usize = 50;

/// Which environments to validate to the end.
enum Choice<'a> {
    All,
    Named(&'a str),
    Only,
}

pub(super) fn load(
    text: &[u8],
    file: &Path,
    environment: Option<&str>,
    lookup: &Lookup,
) -> Result<Loaded, Vec<Diagnostic>> {
    let choice = environment.map_or(Choice::Only, Choice::Named);
    let (mut models, diagnostics) = read(text, file, &choice, lookup);
    let usable = diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning);
    match models.pop() {
        Some(model) if usable => Ok(Loaded { model, warnings: diagnostics }),
        _ => Err(diagnostics),
    }
}

pub(super) fn check(text: &[u8], file: &Path, lookup: &Lookup) -> Vec<Diagnostic> {
    read(text, file, &Choice::All, lookup).1
}

pub(super) fn ssm_references(text: &[u8]) -> Vec<String> {
    fn collect(node: &Node, names: &mut BTreeSet<String>) {
        match &node.value {
            Value::Scalar(scalar) => {
                names.extend(interpolate::references(&scalar.text).map(str::to_owned));
            }
            Value::Seq(items) => items.iter().for_each(|item| collect(item, names)),
            Value::Map(entries) => entries.iter().for_each(|entry| collect(&entry.node, names)),
        }
    }
    let mut names = BTreeSet::new();
    if let Ok(text) = parse::decode(text) {
        let source = Source::new(text, Path::new(""));
        if let Some(root) = parse::parse(&source, &mut Faults::default()) {
            collect(&root, &mut names);
        }
    }
    names.into_iter().collect()
}

fn read(
    bytes: &[u8],
    file: &Path,
    choice: &Choice<'_>,
    lookup: &Lookup,
) -> (Vec<Model>, Vec<Diagnostic>) {
    let mut faults = Faults::default();
    match parse::decode(bytes) {
        Ok(text) => {
            let source = Source::new(text, file);
            let models = match parse::parse(&source, &mut faults) {
                Some(root) => {
                    let mut reader = Reader { source: &source, lookup, file, faults: &mut faults };
                    reader.document(&root, choice)
                }
                None => Vec::new(),
            };
            if models.is_empty() && !faults.has_errors() {
                faults.push(Fault::new(Code::Internal, Span::default(), "no model was made"));
            }
            (models, source.diagnostics(faults))
        }
        Err(undecodable) => {
            let text = match undecodable.code {
                // Valid up to the fault, so offsets in the lossy text are those of the file.
                Code::NotUtf8 if undecodable.show => String::from_utf8_lossy(undecodable.bytes),
                _ => "".into(),
            };
            let at = undecodable.at.min(text.len());
            faults.push(
                Fault::new(undecodable.code, Span::new(at, at), undecodable.message)
                    .help(undecodable.help),
            );
            (Vec::new(), Source::new(&text, file).diagnostics(faults))
        }
    }
}

struct Reader<'a> {
    source: &'a Source<'a>,
    lookup: &'a Lookup,
    file: &'a Path,
    faults: &'a mut Faults,
}

impl Reader<'_> {
    fn document(&mut self, root: &Node, choice: &Choice<'_>) -> Vec<Model> {
        let start = Span::new(root.span.start, root.span.start);
        if root.map().is_none() {
            let message = format!("the file must be a mapping, not {}", root.describe());
            let help =
                "start with `version: 1`; examples/minimal.yml shows the shortest valid file";
            self.faults.push(Fault::new(Code::WrongType, root.place(start), message).help(help));
            return Vec::new();
        }
        if !self.version(root) {
            return Vec::new();
        }
        self.shape(true, &[]).walk(root, View::new(schema::shared()), start);
        let environments = self.choose(root, choice, start);
        validate::suffixes(root, self.faults);
        let mut models = Vec::new();
        for entry in environments {
            let context = validate::Context {
                source: self.source,
                lookup: self.lookup,
                file: self.file,
                environment: entry,
            };
            models.extend(context.model(root, self.faults));
        }
        models
    }

    /// A file of another version is not looked at further: its keys mean something else.
    fn version(&mut self, root: &Node) -> bool {
        let Some(node) = root.get("version") else { return true };
        let Some(scalar) = node.scalar() else { return true };
        if scalar.kind() != PlainKind::Integer || scalar.text == "1" {
            return true;
        }
        let message = format!("version {} of the file format is unknown", quote(&scalar.text));
        let help = "this ha-deploy reads version 1; set `version: 1`, or use the ha-deploy that \
                    the file was written for";
        self.faults.push(Fault::new(Code::UnsupportedVersion, node.span, message).help(help));
        false
    }

    fn shape(&mut self, lenient: bool, path: &[&str]) -> Shape<'_> {
        Shape {
            interpolation: Interpolation { source: self.source, lookup: self.lookup },
            faults: self.faults,
            lenient,
            path: path.iter().map(|&key| key.to_owned()).collect(),
        }
    }

    fn choose<'n>(&mut self, root: &'n Node, choice: &Choice<'_>, start: Span) -> Vec<&'n Entry> {
        let Some(section) = root.entry("environments") else { return Vec::new() };
        let Some(entries) = section.node.map() else { return Vec::new() };
        let names: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        match choice {
            // More were reported; each costs a walk over all services.
            Choice::All => entries.iter().take(MOST_ENTRIES).collect(),
            Choice::Only => match entries {
                [] => Vec::new(),
                [only] => vec![only],
                _ => {
                    let message = "the file has several environments, and none was chosen";
                    let help = format!("add `--environment` with {}", list(&names, "or"));
                    self.faults.push(
                        Fault::new(Code::ChooseEnvironment, section.key_span, message).help(help),
                    );
                    Vec::new()
                }
            },
            Choice::Named(name) => match entries.iter().find(|entry| entry.key == *name) {
                Some(entry) => vec![entry],
                None => {
                    let message = format!("the file has no environment {}", quote(name));
                    let at = if section.key_span.is_empty() { start } else { section.key_span };
                    let fault = Fault::new(Code::UnknownName, at, message);
                    let known = list(&names, "and");
                    self.faults.push(match super::nearest(name, names.iter().copied()) {
                        Some(near) => {
                            fault.help(format!("perhaps `{near}` is meant; it has {known}"))
                        }
                        None => fault.help(format!("it has {known}")),
                    });
                    Vec::new()
                }
            },
        }
    }
}
