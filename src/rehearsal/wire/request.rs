//! Which operation a request is for, who signed it, and by which protocol it came.

use form_urlencoded::parse;
use http::{HeaderMap, Request};

use super::table::{Operation, Protocol, Service, TABLE};
use crate::rehearsal::call::ApiError;

/// An operation of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) name: &'static str,
    pub(super) service: &'static Service,
    pub(super) operation_name: &'static str,
    pub(super) operation: &'static Operation,
}

/// What the `Authorization` header says. The signature itself is not verified: the rehearsal has
/// no secrets, so whoever can reach it may call it.
#[derive(Debug, Default)]
pub(super) struct Signature {
    pub(super) access_key: String,
    pub(super) region: String,
    service: String,
}

/// A form's pairs, as awsQuery sends them.
pub(super) type Form = Vec<(String, String)>;

/// A form with more pairs is refused; the largest call of the table needs some hundred.
const MAX_PAIRS: usize = 10_000;

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Tells the protocol from the headers alone, so that even a refusal is spelled right.
pub(super) fn protocol<B>(request: &Request<B>) -> Protocol {
    let headers = request.headers();
    let kind = header(headers, "content-type").unwrap_or_default();
    // S3 is the one service whose protocol only the scope of the signature tells.
    if header(headers, "authorization").is_some_and(|value| value.contains("/s3/aws4_request")) {
        Protocol::RestXml
    } else if header(headers, "smithy-protocol") == Some("rpc-v2-cbor") {
        Protocol::Cbor
    } else if headers.contains_key("x-amz-target") {
        Protocol::Json
    } else if kind.starts_with("application/x-www-form-urlencoded")
        || request.uri().query().is_some_and(|q| parse(q.as_bytes()).any(|(k, _)| k == "Action"))
    {
        Protocol::Query
    } else {
        Protocol::Rest
    }
}

/// Reads the pairs of an awsQuery request from the query string and the body.
pub(super) fn form(query: Option<&str>, body: &[u8]) -> Result<Form, ApiError> {
    let pairs = parse(query.unwrap_or_default().as_bytes()).chain(parse(body));
    let form: Form = pairs.take(MAX_PAIRS + 1).map(|(k, v)| (k.into(), v.into())).collect();
    if form.len() > MAX_PAIRS {
        return Err(ApiError::new("MalformedQueryString", "The form has too many parameters."));
    }
    Ok(form)
}

/// Reads who signed.
pub(super) fn signature(headers: &HeaderMap) -> Result<Signature, ApiError> {
    let Some(value) = header(headers, "authorization") else {
        return Err(ApiError::new(
            "MissingAuthenticationTokenException",
            "Request is missing Authentication Token",
        )
        .status(403));
    };
    let incomplete = |what: &str| {
        ApiError::new(
            "IncompleteSignatureException",
            format!("Authorization header requires {what}."),
        )
    };
    let (algorithm, rest) = value.split_once(' ').unwrap_or((value, ""));
    let asymmetric = algorithm == "AWS4-ECDSA-P256-SHA256";
    if algorithm != "AWS4-HMAC-SHA256" && !asymmetric {
        return Err(incomplete("'AWS4-HMAC-SHA256'"));
    }
    let field = |name: &str| {
        rest.split(',').filter_map(|part| part.trim().split_once('=')).find(|(k, _)| *k == name)
    };
    for name in ["SignedHeaders", "Signature"] {
        field(name).ok_or_else(|| incomplete(&format!("'{name}' parameter")))?;
    }
    let (_, credential) =
        field("Credential").ok_or_else(|| incomplete("'Credential' parameter"))?;
    let scope: Vec<&str> = credential.split('/').collect();
    let (access_key, region, service) = match (asymmetric, scope.as_slice()) {
        (false, [key, _, region, service, "aws4_request"]) => (*key, *region, *service),
        // SigV4a names its regions in a header of its own.
        (true, [key, _, service, "aws4_request"]) => {
            (*key, header(headers, "x-amz-region-set").unwrap_or_default(), *service)
        }
        _ => {
            return Err(incomplete(
                "a 'Credential' of the form KEY/DATE/REGION/SERVICE/aws4_request",
            ));
        }
    };
    Ok(Signature { access_key: access_key.into(), region: region.into(), service: service.into() })
}

/// Finds the operation.
pub(super) fn route<B>(
    request: &Request<B>,
    protocol: Protocol,
    form: &Form,
    signature: &Signature,
) -> Result<Route, ApiError> {
    let headers = request.headers();
    let path = request.uri().path();
    let value = |key: &str| form.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let found = match protocol {
        Protocol::Json => {
            let target = header(headers, "x-amz-target").unwrap_or_default();
            by_target(target.split_once('.')).ok_or_else(|| unknown(signature, target))
        }
        Protocol::Cbor => {
            let parts: Vec<&str> = path.split('/').collect();
            let pair = match parts.as_slice() {
                ["", "service", service, "operation", operation] => Some((*service, *operation)),
                _ => None,
            };
            by_target(pair).ok_or_else(|| unknown(signature, path))
        }
        Protocol::Query => {
            let action = value("Action").unwrap_or_default();
            let version = value("Version").unwrap_or_default();
            by(|_, service| service.signing == signature.service && service.version == version)
                .and_then(|(name, service)| named(name, service, action))
                .ok_or_else(|| unknown(signature, &format!("{action} (version '{version}')")))
        }
        Protocol::Rest | Protocol::RestXml => rest(request, protocol, signature)
            .ok_or_else(|| unknown(signature, &format!("{} {path}", request.method()))),
    }?;
    if !found.service.protocols.contains(&protocol) {
        return Err(unknown(signature, found.operation_name));
    }
    if found.service.signing != signature.service {
        let service = &found.service.signing;
        return Err(ApiError::new(
            "InvalidSignatureException",
            format!("Credential should be scoped to correct service: '{service}'. "),
        )
        .status(403));
    }
    Ok(found)
}

/// Finds a REST operation by its method, its path and the parameters that tell it apart; of several
/// services that know the path, the one that was signed for.
fn rest<B>(request: &Request<B>, protocol: Protocol, signature: &Signature) -> Option<Route> {
    let path = rest_path(request, protocol);
    let query = request.uri().query().unwrap_or_default();
    let has = |flag: &str| parse(query.as_bytes()).any(|(key, _)| key == flag);
    let mut found = TABLE
        .services
        .iter()
        .filter(|(_, service)| service.protocols.contains(&protocol))
        .filter_map(|(name, service)| {
            let (operation_name, operation) =
                service.operations.iter().find(|(_, operation)| {
                    request.method().as_str() == operation.method.as_deref().unwrap_or("POST")
                        && labels(&operation.uri, &path).is_some()
                        && operation.flag.as_deref().is_none_or(has)
                })?;
            Some(Route { name, service, operation_name, operation })
        })
        .collect::<Vec<_>>();
    let own = found.iter().position(|route| route.service.signing == signature.service);
    (!found.is_empty()).then(|| found.swap_remove(own.unwrap_or(0)))
}

/// The path of a request, with the bucket in front when the host names it.
pub(super) fn rest_path<B>(request: &Request<B>, protocol: Protocol) -> String {
    let path = request.uri().path();
    if protocol != Protocol::RestXml {
        return path.to_owned();
    }
    let host = request.uri().host().or_else(|| header(request.headers(), "host"));
    match host.and_then(|host| host.split_once(".s3.")) {
        Some((bucket, _)) if path == "/" => format!("/{bucket}"),
        Some((bucket, _)) => format!("/{bucket}{path}"),
        // Path style; some clients end the bucket with a slash.
        None if path.len() > 1 => path.trim_end_matches('/').to_owned(),
        None => path.to_owned(),
    }
}

/// Takes the labels out of a REST path, percent-decoded.
pub(super) fn labels(pattern: &str, path: &str) -> Option<Vec<(String, String)>> {
    if pattern.is_empty() {
        return None;
    }
    // A slash at the end says nothing: botocore sends it, the Rust SDK does not.
    let (pattern, path) = (pattern.trim_end_matches('/'), path.trim_end_matches('/'));
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    let mut labels = Vec::new();
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(labels),
            (Some(wanted), Some(got)) => {
                match wanted.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
                    Some(label) if !got.is_empty() => {
                        labels.push((label.to_owned(), percent_decode(got)?));
                    }
                    None if wanted == got => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            digit(rest.next()?)? * 16 + digit(rest.next()?)?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

fn by(matches: impl Fn(&str, &Service) -> bool) -> Option<(&'static str, &'static Service)> {
    let table = &*TABLE;
    table.services.iter().find(|(n, s)| matches(n, s)).map(|(n, s)| (n.as_str(), s))
}

fn by_target(pair: Option<(&str, &str)>) -> Option<Route> {
    let (target, operation) = pair?;
    let (name, service) = by(|_, service| !target.is_empty() && service.target == target)?;
    named(name, service, operation)
}

fn named(name: &'static str, service: &'static Service, operation: &str) -> Option<Route> {
    let (operation_name, operation) = service.operations.get_key_value(operation)?;
    Some(Route { name, service, operation_name, operation })
}

/// AWS's code for an operation that does not exist, with the status that says that the
/// rehearsal, not AWS, does not know it.
fn unknown(signature: &Signature, what: &str) -> ApiError {
    let service = &signature.service;
    let what: String = what.chars().take(200).collect();
    ApiError::new(
        "UnknownOperationException",
        format!("The rehearsal does not know the operation {service}:{what}"),
    )
    .status(501)
}
