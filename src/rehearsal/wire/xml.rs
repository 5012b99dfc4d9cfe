//! Reads restXml bodies by shape.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use super::query::scalar;
use super::read::name;
use super::table::{Kind, Service, Shape};
use crate::rehearsal::call::ApiError;

/// Deeper documents are refused; the deepest shape has three levels.
const MAX_DEPTH: usize = 16;

#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Self>,
}

fn malformed() -> ApiError {
    let text = "The XML you provided was not well-formed or did not validate against our published \
                schema";
    ApiError::new("MalformedXML", text)
}

/// Reads the document whose root is a member of the input.
pub(super) fn read(service: &Service, shape: &Shape, body: &[u8]) -> Result<Value, ApiError> {
    let root = parse(std::str::from_utf8(body).map_err(|_| malformed())?)?;
    by_shape(service, shape, &root)
}

fn parse(text: &str) -> Result<Element, ApiError> {
    let mut reader = Reader::from_str(text);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().map_err(|_| malformed())? {
            Event::Start(start) => {
                if open.len() >= MAX_DEPTH {
                    return Err(malformed());
                }
                open.push(element(start.local_name().as_ref()));
            }
            Event::Empty(start) => {
                let child = element(start.local_name().as_ref());
                open.last_mut().ok_or_else(malformed)?.children.push(child);
            }
            Event::End(_) => {
                let done = open.pop().ok_or_else(malformed)?;
                open.last_mut().ok_or_else(malformed)?.children.push(done);
            }
            Event::Text(text) => {
                let text = text.xml10_content();
                open.last_mut().ok_or_else(malformed)?.text.push_str(&text);
            }
            Event::CData(data) => {
                open.last_mut().ok_or_else(malformed)?.text.push_str(&data);
            }
            Event::GeneralRef(reference) => {
                let into = open.last_mut().ok_or_else(malformed)?;
                match reference.resolve_char_ref().map_err(|_| malformed())? {
                    Some(letter) => into.text.push(letter),
                    None => {
                        let known = resolve_predefined_entity(&reference).ok_or_else(malformed)?;
                        into.text.push_str(known);
                    }
                }
            }
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            // No client sends a document type, and expanding one could grow without bound.
            Event::DocType(_) => return Err(malformed()),
        }
    }
    let mut root = open.pop().filter(|_| open.is_empty()).ok_or_else(malformed)?;
    root.children.pop().filter(|_| root.children.is_empty()).ok_or_else(malformed)
}

fn element(name: &str) -> Element {
    Element { name: name.to_owned(), ..Element::default() }
}

fn by_shape(service: &Service, shape: &Shape, element: &Element) -> Result<Value, ApiError> {
    Ok(match shape.kind {
        Kind::Structure => {
            let mut map = Map::new();
            for (key, member) in &shape.members {
                let tag = member.name.as_deref().unwrap_or(key);
                let inner = service.shape(&member.shape);
                let mut found = element.children.iter().filter(|child| child.name == tag);
                if inner.flattened {
                    let item = service.item(inner);
                    let items: Vec<Value> = found
                        .map(|child| by_shape(service, item, child))
                        .collect::<Result<_, _>>()?;
                    if !items.is_empty() {
                        map.insert(key.clone(), Value::Array(items));
                    }
                } else if let Some(child) = found.next() {
                    map.insert(key.clone(), by_shape(service, inner, child)?);
                }
            }
            Value::Object(map)
        }
        Kind::List => {
            let item = service.item(shape);
            let items = element.children.iter().map(|child| by_shape(service, item, child));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        Kind::Map | Kind::Document => return Err(malformed()),
        kind => scalar(kind, &element.text).ok_or_else(|| {
            let text: String = element.text.chars().take(100).collect();
            let kind = name(kind);
            ApiError::new(
                "SerializationException",
                format!("The value '{text}' of {} can not be converted to {kind}", element.name),
            )
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_with_their_entities() {
        let text = "<?xml version=\"1.0\"?><D xmlns=\"x\"><Object><Key>a &amp; &#98;</Key></Object>\
                    <Object><Key><![CDATA[<c>]]></Key></Object><Quiet/></D>";
        let root = parse(text).unwrap();
        assert_eq!(root.name, "D");
        let keys: Vec<&str> = root
            .children
            .iter()
            .flat_map(|child| &child.children)
            .map(|key| key.text.as_str())
            .collect();
        assert_eq!(keys, ["a & b", "<c>"]);
        for bad in ["", "<a>", "<a></b>", "<a/><b/>", "<!DOCTYPE a><a/>", "<a>&nope;</a>"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"<a>".repeat(100)).is_err());
    }
}
