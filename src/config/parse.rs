//! From bytes to the tree, within limits.
//!
//! Everything that makes a YAML reader slow or surprising stops here: size, nesting, alias bombs,
//! tags, merge keys, several documents.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

use super::diagnostic::Code;
use super::source::{Fault, Faults, Source, Span};
use super::tree::{Entry, Node, Scalar, Value, quote};

/// The largest file that is read.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting; a real file needs about eight levels.
pub(super) const MAX_DEPTH: usize = 32;
/// The most values, aliases expanded; a file with a hundred services has about five thousand.
pub(super) const MAX_VALUES: usize = 20_000;
/// The most text, aliases expanded.
const MAX_TEXT: usize = 2 * MAX_BYTES;

/// Why bytes cannot be a file, before there is any text.
pub(super) struct Undecodable<'a> {
    pub(super) code: Code,
    /// The offset of the first faulty byte.
    pub(super) at: usize,
    pub(super) message: String,
    pub(super) help: &'static str,
    pub(super) bytes: &'a [u8],
    /// Whether the bytes are mostly text, so that an excerpt makes sense.
    pub(super) show: bool,
}

/// Checks size and encoding, and drops a byte-order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, Undecodable<'_>> {
    let refuse =
        |code, message, help| Err(Undecodable { code, at: 0, message, help, bytes, show: false });
    if bytes.len() > MAX_BYTES {
        let message =
            format!("the file has {} bytes, and at most {MAX_BYTES} are read", bytes.len());
        return refuse(Code::FileTooLarge, message, "is this the right file?");
    }
    if matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..]) {
        let message = "the file is UTF-16, and must be UTF-8".to_owned();
        return refuse(Code::NotUtf8, message, "save it as UTF-8");
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let byte = bytes.get(at).copied().unwrap_or_default();
        Undecodable {
            code: Code::NotUtf8,
            at,
            message: format!("the byte 0x{byte:02X} is not valid UTF-8"),
            help: "save the file as UTF-8",
            bytes,
            show: true,
        }
    })
}

/// Parses the one document of the file; `None` when no tree could be made, which is then a fault.
pub(super) fn parse(source: &Source<'_>, faults: &mut Faults) -> Option<Node> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let mut builder = Builder::default();
    let mut parser = Parser::new_from_str_with_options(source.text, options);
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((event, span)) => builder.event(event, range(source, span), faults),
            Err(error) => Err(syntax(source, &error)),
        };
        if let Err(fault) = step {
            faults.push(fault);
            return None;
        }
    }
    if builder.root.as_ref().is_none_or(Node::is_null) {
        faults.push(
            Fault::new(Code::EmptyFile, Span::default(), "the file is empty").help(
                "start with `version: 1`; examples/minimal.yml shows the shortest valid file",
            ),
        );
        return None;
    }
    builder.root
}

/// The bytes of a span, clamped to the text and to character boundaries.
fn range(source: &Source<'_>, span: granit_parser::Span) -> Span {
    let start = boundary(source.text, span.start.byte_offset());
    let end = boundary(source.text, span.end.byte_offset());
    Span::new(start, end)
}

fn boundary(text: &str, offset: Option<usize>) -> usize {
    text.floor_char_boundary(offset.unwrap_or_default().min(text.len()))
}

fn syntax(source: &Source<'_>, error: &ScanError) -> Fault {
    let at = boundary(source.text, error.marker().byte_offset());
    let span = Span::new(at, at);
    let rest = source.slice(Span::new(at, source.text.len()));
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabAtBlockScalarStart => {
            Fault::new(Code::Syntax, span, "a tab indents this line, which YAML does not allow")
                .help("indent with spaces")
        }
        _ if rest.starts_with('\t') => {
            Fault::new(Code::Syntax, span, "a tab stands here, which YAML does not allow")
                .help("use spaces")
        }
        kind => {
            let fault =
                Fault::new(Code::Syntax, span, format!("this is not valid YAML: {}", error.info()));
            match kind {
                ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidIndentation => fault.help(
                    "check the indentation here and one line above; quote a text that holds `: `",
                ),
                ErrorKind::UnclosedQuotedScalar | ErrorKind::UnexpectedEof => {
                    fault.help("a quote, bracket or brace is opened and never closed")
                }
                ErrorKind::UnexpectedCharacter { .. } => {
                    fault.help("quote a text that starts with one of @ ` % & * ! | > { [")
                }
                _ => fault,
            }
        }
    }
}

fn too_deep(span: Span) -> Fault {
    Fault::new(Code::TooDeep, span, format!("values nest deeper than {MAX_DEPTH} levels"))
        .help("a real file needs about eight levels")
}

/// A finished value with what it costs to copy.
struct Anchored {
    node: Node,
    values: usize,
    text: usize,
    depth: usize,
}

/// A collection whose end has not come yet.
enum Open {
    Seq {
        items: Vec<Node>,
    },
    /// `seen` finds duplicates without a walk over all keys, which a hostile file makes slow.
    Map {
        entries: Vec<Entry>,
        seen: HashMap<String, Span>,
        key: Option<Key>,
    },
}

/// A key that waits for its value; `None` when it is faulty and the value is dropped.
type Key = Option<(String, Span)>;

struct Frame {
    open: Open,
    span: Span,
    anchor: usize,
    /// Values and text before it, so that the difference is its own cost.
    values: usize,
    text: usize,
    /// The deepest level below, itself included.
    depth: usize,
}

#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    anchors: HashMap<usize, Anchored>,
    root: Option<Node>,
    documents: usize,
    values: usize,
    text: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, faults: &mut Faults) -> Result<(), Fault> {
        if event.tag().is_some() {
            faults.push(
                Fault::new(Code::TagNotAllowed, span, "YAML tags are not allowed here")
                    .help("remove the tag; quote the value where it must be a text"),
            );
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Fault::new(
                        Code::MultipleDocuments,
                        span,
                        "the file holds more than one YAML document",
                    )
                    .help("keep one document a file; remove this `---` and what follows"));
                }
            }
            Event::Scalar(text, style, anchor, _) => {
                self.spend(1, text.len(), span)?;
                let text = text.into_owned();
                let depth = 1;
                let cost = text.len();
                let scalar = Scalar { text, plain: style == ScalarStyle::Plain };
                let node = Node { span, value: Value::Scalar(scalar) };
                self.finish(node, anchor, (1, cost, depth), faults)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.open(Open::Seq { items: Vec::new() }, span, anchor)?;
            }
            Event::MappingStart(_, anchor, _) => {
                let (entries, seen) = (Vec::new(), HashMap::new());
                self.open(Open::Map { entries, seen, key: None }, span, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span, faults)?,
            Event::Alias(id) => self.alias(id, span, faults)?,
            Event::UnresolvedAlias(name) => {
                faults.push(Fault::new(
                    Code::UnknownAlias,
                    span,
                    format!("no anchor `&{name}` stands before this alias"),
                ));
                self.null(span, faults)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn spend(&mut self, values: usize, text: usize, span: Span) -> Result<(), Fault> {
        self.values = self.values.saturating_add(values);
        self.text = self.text.saturating_add(text);
        if self.values > MAX_VALUES || self.text > MAX_TEXT {
            let message = format!("the file holds more than {MAX_VALUES} values, aliases expanded");
            return Err(Fault::new(Code::TooManyValues, span, message)
                .help("an alias that repeats aliases grows without bound; write the values out"));
        }
        Ok(())
    }

    fn open(&mut self, open: Open, span: Span, anchor: usize) -> Result<(), Fault> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        let (values, text) = (self.values, self.text);
        self.spend(1, 0, span)?;
        self.stack.push(Frame { open, span, anchor, values, text, depth: 1 });
        Ok(())
    }

    fn close(&mut self, end: Span, faults: &mut Faults) -> Result<(), Fault> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let span = Span::new(frame.span.start, end.start);
        let value = match frame.open {
            Open::Seq { items } => Value::Seq(items),
            Open::Map { entries, .. } => Value::Map(entries),
        };
        let cost = (self.values - frame.values, self.text - frame.text, frame.depth);
        self.finish(Node { span, value }, frame.anchor, cost, faults)
    }

    fn alias(&mut self, id: usize, span: Span, faults: &mut Faults) -> Result<(), Fault> {
        let Some(anchored) = self.anchors.get(&id) else {
            faults.push(
                Fault::new(Code::UnknownAlias, span, "this alias refers to the value it is in")
                    .help("write the value out"),
            );
            return self.null(span, faults);
        };
        let cost = (anchored.values, anchored.text, anchored.depth);
        if self.stack.len() + cost.2 > MAX_DEPTH + 1 {
            return Err(too_deep(span));
        }
        // Before the copy, so that a bomb is never unfolded.
        self.spend(cost.0, cost.1, span)?;
        match self.anchors.get(&id).map(|anchored| anchored.node.clone()) {
            Some(node) => self.place(node, cost.2, faults),
            None => Ok(()),
        }
    }

    fn null(&mut self, span: Span, faults: &mut Faults) -> Result<(), Fault> {
        let scalar = Scalar { text: String::new(), plain: true };
        self.place(Node { span, value: Value::Scalar(scalar) }, 1, faults)
    }

    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        (values, text, depth): (usize, usize, usize),
        faults: &mut Faults,
    ) -> Result<(), Fault> {
        if anchor != 0 {
            // The stored copy costs as much as an alias does.
            self.spend(values, text, node.span)?;
            self.anchors.insert(anchor, Anchored { node: node.clone(), values, text, depth });
        }
        self.place(node, depth, faults)
    }

    /// Puts a finished value where it belongs: into the list, as a key, or as a key's value.
    fn place(&mut self, node: Node, depth: usize, faults: &mut Faults) -> Result<(), Fault> {
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        frame.depth = frame.depth.max(depth + 1);
        match &mut frame.open {
            Open::Seq { items } => items.push(node),
            Open::Map { entries, seen, key } => match key.take() {
                None => *key = Some(key_of(&node, seen, faults)),
                Some(None) => {}
                Some(Some((key, key_span))) => entries.push(Entry { key, key_span, node }),
            },
        }
        Ok(())
    }
}

/// Reads a key and reports it when it cannot be one.
fn key_of(node: &Node, seen: &mut HashMap<String, Span>, faults: &mut Faults) -> Key {
    let Some(scalar) = node.scalar() else {
        let message = format!("a key must be a text, not {}", node.describe());
        faults.push(Fault::new(Code::BadKey, node.span, message));
        return None;
    };
    if scalar.plain && scalar.text == "<<" {
        faults.push(Fault::new(Code::MergeKey, node.span, "merge keys `<<` are not read").help(
            "put what environments share at the top level; \
                 `environments.<name>` overrides it key by key",
        ));
        return None;
    }
    if let Some(first) = seen.get(&scalar.text) {
        let message = format!("the key {} stands here twice", quote(&scalar.text));
        faults.push(
            Fault::new(Code::DuplicateKey, node.span, message)
                .help("keep one of the two; YAML readers differ in which one counts")
                .related(*first, "the first one"),
        );
        return None;
    }
    seen.insert(scalar.text.clone(), node.span);
    Some((scalar.text.clone(), node.span))
}
