//! Spells answers and errors, each protocol in its way.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

use super::request::Route;
use super::table::{ErrorTrait, Kind, Protocol, Shape};
use super::{check, write};
use crate::rehearsal::call::ApiError;

/// Errors that any operation may answer without modelling them: the code of the JSON protocols and
/// the one of awsQuery.
///
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/CommonErrors.html> and the retry
/// classification of the SDKs.
const COMMON: [(&str, &str); 14] = [
    ("AccessDeniedException", "AccessDenied"),
    ("ExpiredTokenException", "ExpiredToken"),
    ("IncompleteSignatureException", "IncompleteSignature"),
    ("InternalFailure", "InternalFailure"),
    ("InvalidSignatureException", "SignatureDoesNotMatch"),
    ("MalformedQueryString", "MalformedQueryString"),
    ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
    ("RequestEntityTooLargeException", "RequestEntityTooLarge"),
    ("SerializationException", "MalformedInput"),
    ("ServiceUnavailable", "ServiceUnavailable"),
    ("ThrottlingException", "Throttling"),
    ("UnknownOperationException", "InvalidAction"),
    ("UnrecognizedClientException", "InvalidClientTokenId"),
    ("ValidationException", "ValidationError"),
];

/// What S3 answers without modelling it (S3 API reference, "Error responses").
const S3_CODES: [&str; 5] =
    ["BucketNotEmpty", "MalformedXML", "NoSuchBucket", "PermanentRedirect", "SlowDown"];

/// The root elements of S3's answers, which botocore does not keep and other SDKs check.
const ROOTS: [(&str, &str); 2] =
    [("DeleteObjects", "DeleteResult"), ("ListObjectVersions", "ListVersionsResult")];

/// Who asked, as far as it is known when something is answered.
pub(super) struct Asked<'a> {
    pub(super) protocol: Protocol,
    pub(super) route: Option<&'a Route>,
    pub(super) request_id: &'a str,
}

/// Spells an output.
pub(super) fn output(
    protocol: Protocol,
    route: &Route,
    id: &str,
    value: &Value,
) -> Response<Bytes> {
    let asked = Asked { protocol, route: Some(route), request_id: id };
    let service = route.service;
    let nothing = Shape::plain(Kind::Structure);
    let shape = route.operation.output.as_ref().map_or(&nothing, |name| service.shape(name));
    // An operation without output answers an empty one.
    let empty = Value::Object(Map::new());
    let value = if value.is_null() { &empty } else { value };
    let root = route.operation.output.as_deref().unwrap_or("output");
    if let Err(fault) = check::output(service, shape, value, root) {
        return error(&asked, &bug(route, &fault));
    }
    let body = match protocol {
        Protocol::Json | Protocol::Rest => value.to_string().into_bytes(),
        Protocol::Cbor => write::cbor_bytes(&write::cbor(service, shape, value)),
        Protocol::Query => {
            let mut inside = String::new();
            if let Some(wrapper) = &route.operation.wrapper {
                write::element(&mut inside, wrapper, |out| write::xml(service, shape, value, out));
            }
            write::element(&mut inside, "ResponseMetadata", |out| {
                write::element(out, "RequestId", |out| write::text(out, id));
            });
            document(&format!("{}Response", route.operation_name), &service.namespace, &inside)
        }
        Protocol::RestXml => {
            let mut inside = String::new();
            write::xml(service, shape, value, &mut inside);
            let name = ROOTS.iter().find(|(name, _)| *name == route.operation_name);
            let root = name.map_or(route.operation_name, |(_, root)| *root);
            document(root, "http://s3.amazonaws.com/doc/2006-03-01/", &inside)
        }
    };
    response(&asked, StatusCode::OK, body)
}

/// Spells an error. One that the operation cannot answer is a bug of the world.
pub(super) fn error(asked: &Asked<'_>, error: &ApiError) -> Response<Bytes> {
    let none = ErrorTrait::default();
    let modelled = asked.route.and_then(|route| {
        let known = route.operation.errors.contains(&error.code);
        known.then(|| route.service.shape(&error.code))
    });
    let common = COMMON.iter().find(|(json, query)| *json == error.code || *query == error.code);
    let (json_code, query_code, traits, shape) = match (modelled, common) {
        (Some(shape), _) => {
            let traits = shape.error.as_ref().unwrap_or(&none);
            let query = traits.code.as_deref().unwrap_or(&error.code);
            (error.code.as_str(), query, traits, Some(shape))
        }
        (None, Some((json, query))) => (*json, *query, &none, None),
        (None, None)
            if asked.protocol == Protocol::RestXml && S3_CODES.contains(&error.code.as_str()) =>
        {
            (error.code.as_str(), error.code.as_str(), &none, None)
        }
        (None, None) => return unanswerable(asked, error, "which it does not model"),
    };
    if let (Some(route), fields) = (asked.route, &error.fields)
        && !fields.is_empty()
    {
        let plain = Shape::plain(Kind::Structure);
        let value = Value::Object(fields.clone());
        let shape = shape.unwrap_or(&plain);
        if let Err(fault) = check::output(route.service, shape, &value, json_code) {
            return unanswerable(asked, error, &format!("whose fields are wrong: {fault}"));
        }
    }
    let default = if traits.fault { 500 } else { 400 };
    let status = match error.status {
        400 => traits.http_status_code.unwrap_or(default),
        other => other,
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // The member's case differs from shape to shape; clients read it as it is modelled.
    let named = |s: &Shape| s.members.keys().find(|k| k.eq_ignore_ascii_case("message")).cloned();
    let message_key = shape.and_then(named).unwrap_or_else(|| "message".to_owned());
    let mut tree = Map::new();
    if asked.protocol != Protocol::Rest {
        tree.insert("__type".to_owned(), json_code.into());
    }
    tree.insert(message_key, error.message.as_str().into());
    tree.extend(error.fields.clone());
    let party = if status.is_server_error() { "Receiver" } else { "Sender" };
    let body = match asked.protocol {
        Protocol::Json | Protocol::Rest => Value::Object(tree).to_string().into_bytes(),
        // Error shapes have text members only, so no shape is needed to spell them.
        Protocol::Cbor => match ciborium::Value::serialized(&tree) {
            Ok(item) => write::cbor_bytes(&item),
            Err(_) => Vec::new(),
        },
        Protocol::Query => {
            let mut inside = String::new();
            write::element(&mut inside, "Error", |out| {
                write::element(out, "Type", |out| out.push_str(party));
                write::element(out, "Code", |out| write::text(out, query_code));
                write::element(out, "Message", |out| write::text(out, &error.message));
                if let (Some(route), Some(shape)) = (asked.route, shape) {
                    write::xml(route.service, shape, &Value::Object(error.fields.clone()), out);
                }
            });
            write::element(&mut inside, "RequestId", |out| write::text(out, asked.request_id));
            let namespace = asked.route.map_or("", |route| route.service.namespace.as_str());
            document("ErrorResponse", namespace, &inside)
        }
        Protocol::RestXml => {
            let mut body = String::from("<Error>");
            write::element(&mut body, "Code", |out| write::text(out, query_code));
            write::element(&mut body, "Message", |out| write::text(out, &error.message));
            write::element(&mut body, "RequestId", |out| write::text(out, asked.request_id));
            body.push_str("</Error>");
            body.into_bytes()
        }
    };
    let mut response = response(asked, status, body);
    let headers = response.headers_mut();
    if let (Protocol::Rest, Ok(code)) = (asked.protocol, HeaderValue::from_str(json_code)) {
        headers.insert("x-amzn-errortype", code);
    }
    let compatible = asked.route.is_some_and(|route| route.service.query_compatible)
        && asked.protocol != Protocol::Query;
    if let (true, Ok(code)) = (compatible, HeaderValue::from_str(&format!("{query_code};{party}")))
    {
        headers.insert("x-amzn-query-error", code);
    }
    response
}

fn unanswerable(asked: &Asked<'_>, wrong: &ApiError, why: &str) -> Response<Bytes> {
    let text = format!("it answered {} ({}), {why}", wrong.code, wrong.message);
    match asked.route {
        Some(route) => error(asked, &bug(route, &text)),
        None => error(asked, &ApiError::new("InternalFailure", text).status(500)),
    }
}

/// What a test sees when the world answers what AWS could not.
fn bug(route: &Route, fault: &str) -> ApiError {
    let message =
        format!("bug in the rehearsal's {}:{}: {fault}", route.name, route.operation_name);
    ApiError::new("InternalFailure", message).status(500)
}

fn document(root: &str, namespace: &str, inside: &str) -> Vec<u8> {
    format!("<{root} xmlns=\"{namespace}\">{inside}</{root}>").into_bytes()
}

fn response(asked: &Asked<'_>, status: StatusCode, body: Vec<u8>) -> Response<Bytes> {
    let json = asked.route.map_or("1.1", |route| route.service.json.as_str());
    let kind = match asked.protocol {
        Protocol::Json if json == "1.0" => "application/x-amz-json-1.0",
        Protocol::Json => "application/x-amz-json-1.1",
        Protocol::Query => "text/xml",
        Protocol::RestXml => "application/xml",
        Protocol::Cbor => "application/cbor",
        Protocol::Rest => "application/json",
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static(kind));
    if asked.protocol == Protocol::Cbor {
        headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
    }
    if let Ok(id) = HeaderValue::from_str(asked.request_id) {
        let name = if asked.protocol == Protocol::RestXml {
            "x-amz-request-id"
        } else {
            "x-amzn-requestid"
        };
        headers.insert(name, id);
    }
    response
}
