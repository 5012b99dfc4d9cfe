//! The AWS protocols: HTTP requests to calls, replies to HTTP responses.
//!
//! One codec, driven by a table of shapes, serves awsJson, awsQuery, rpc-v2-cbor and restJson1. It
//! is strict in both directions: a request that AWS would refuse is refused in AWS's words, and
//! an answer that AWS could not give is an `InternalFailure` that names the member. It knows
//! nothing about the world. Signatures are read for their key and region, not verified.

mod check;
mod query;
mod read;
mod request;
mod response;
mod table;
mod validate;
mod write;
mod xml;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{Request, Response};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::request::Route;
use self::response::Asked;
use self::table::{Kind, Protocol, Shape};
use super::call::{ApiError, Call, Reply};

/// A longer body is refused before it is parsed. The largest real limit among the operations is
/// `PutMetricData`'s, 1 MB.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
pub const MAX_BODY: usize = 1024 * 1024;

/// Decodes requests and numbers them.
#[derive(Debug)]
pub struct Codec {
    seed: u64,
    count: AtomicU64,
}

/// How the answer to a decoded request has to be spelled.
#[derive(Debug)]
pub struct Context {
    protocol: Protocol,
    route: Route,
    request_id: String,
}

impl Codec {
    /// Makes a codec whose request ids follow from `seed` and the order of the requests.
    pub fn new(seed: u64) -> Self {
        Self { seed, count: AtomicU64::new(0) }
    }

    /// Decodes a request, or refuses it as AWS would.
    pub fn decode(
        &self,
        request: &Request<Bytes>,
    ) -> Result<(Context, Call), Box<Response<Bytes>>> {
        let request_id = self.request_id();
        let protocol = request::protocol(request);
        let refuse = |route: Option<&Route>, error: &ApiError| {
            let asked = Asked { protocol, route, request_id: &request_id };
            Box::new(response::error(&asked, error))
        };
        let (form, signature) = open(request, protocol).map_err(|error| refuse(None, &error))?;
        let route = request::route(request, protocol, &form, &signature)
            .map_err(|error| refuse(None, &error))?;
        let input = input(request, protocol, &route, form)
            .and_then(|input| validate::input(&route, &input).map(|()| input))
            .map_err(|error| refuse(Some(&route), &error))?;
        let call = Call {
            service: route.name,
            operation: route.operation_name,
            input,
            access_key: signature.access_key,
            region: signature.region,
        };
        Ok((Context { protocol, route, request_id }, call))
    }

    fn request_id(&self) -> String {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(number.to_be_bytes());
        let hex: String = hash.finalize().iter().take(16).map(|b| format!("{b:02x}")).collect();
        let part = |range| hex.get(range).unwrap_or_default();
        [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
    }
}

impl Context {
    /// Encodes the answer. One that AWS could not give becomes an `InternalFailure` with status
    /// 500 that names what is wrong, so that a mistake of the world cannot pass unseen.
    pub fn encode(&self, reply: &Reply) -> Response<Bytes> {
        let (protocol, route, id) = (self.protocol, &self.route, self.request_id.as_str());
        match reply {
            Ok(value) => response::output(protocol, route, id, value),
            Err(error) => {
                response::error(&Asked { protocol, route: Some(route), request_id: id }, error)
            }
        }
    }
}

/// Checks what does not depend on the operation.
fn open(
    request: &Request<Bytes>,
    protocol: Protocol,
) -> Result<(request::Form, request::Signature), ApiError> {
    if request.body().len() > MAX_BODY {
        let message = format!("Request size exceeded {MAX_BODY} bytes");
        return Err(ApiError::new("RequestEntityTooLargeException", message).status(413));
    }
    let form = match protocol {
        Protocol::Query => request::form(request.uri().query(), request.body())?,
        _ => Vec::new(),
    };
    let signature = request::signature(request.headers())?;
    // The SDKs compress PutMetricData from 10 KiB on; nothing that the program sends is as long.
    if request.headers().get("content-encoding").is_some_and(|value| value != "identity") {
        let message = "The rehearsal does not read compressed bodies";
        return Err(ApiError::new("SerializationException", message).status(415));
    }
    Ok((form, signature))
}

/// Reads the input by the operation's shape.
fn input(
    request: &Request<Bytes>,
    protocol: Protocol,
    route: &Route,
    form: request::Form,
) -> Result<Value, ApiError> {
    let service = route.service;
    let nothing = Shape::plain(Kind::Structure);
    let shape = route.operation.input.as_ref().map_or(&nothing, |name| service.shape(name));
    match protocol {
        Protocol::Json => read::json(service, shape, request.body()),
        Protocol::Cbor => read::cbor(service, shape, request.body()),
        Protocol::Query => query::form(service, shape, form),
        Protocol::Rest | Protocol::RestXml => {
            let mut input = match (protocol, &shape.payload) {
                (Protocol::RestXml, Some(payload)) => {
                    let member = shape.members.get(payload).map(|member| &member.shape);
                    let inner = member.map_or(&nothing, |name| service.shape(name));
                    json!({ payload: xml::read(service, inner, request.body())? })
                }
                (Protocol::RestXml, None) => json!({}),
                _ => read::json(service, shape, request.body())?,
            };
            let path = request::rest_path(request, protocol);
            let labels = request::labels(&route.operation.uri, &path).unwrap_or_default();
            let query = request.uri().query().unwrap_or_default();
            if let Value::Object(map) = &mut input {
                for (label, value) in labels {
                    let carries = |l: &Option<String>| l.as_deref() == Some(label.as_str());
                    if let Some((name, _)) = shape.members.iter().find(|(_, m)| carries(&m.label)) {
                        map.insert(name.clone(), value.into());
                    }
                }
                for (key, value) in form_urlencoded::parse(query.as_bytes()) {
                    let carries = |q: &Option<String>| q.as_deref() == Some(key.as_ref());
                    let member = shape.members.iter().find(|(_, m)| carries(&m.query));
                    let Some((name, member)) = member else { continue };
                    let kind = service.shape(&member.shape).kind;
                    let value = query::scalar(kind, &value).ok_or_else(|| {
                        let text = format!("The value of {key} can not be converted");
                        ApiError::new("SerializationException", text)
                    })?;
                    map.insert(name.clone(), value);
                }
            }
            Ok(input)
        }
    }
}
