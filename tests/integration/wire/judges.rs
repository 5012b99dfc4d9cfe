//! Full inputs in every protocol, and botocore as a second client.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use ha_deploy::rehearsal::backend::Backend;
use ha_deploy::rehearsal::server::{loopback, serve};
use http::Request;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::cloud::Cloud;
use super::sample::{TABLE, operation, output};

/// An input with every member that the shape has, within its bounds. The rule is simple, because
/// `scripts/judges/botocore_wire.py` follows it too, from botocore's own model.
pub(super) fn input(service: &str, name: &str) -> Value {
    operation(service, name)["input"].as_str().map_or(json!({}), |shape| tree(service, shape))
}

fn tree(service: &str, name: &str) -> Value {
    let shape = &TABLE["services"][service]["shapes"][name];
    if let Some(values) = shape["enum"].as_array() {
        return values[0].clone();
    }
    let least = usize::try_from(shape["min"].as_i64().unwrap_or(0).max(1)).unwrap();
    match shape["type"].as_str().unwrap_or(name) {
        "structure" => {
            let one = if shape["union"] == true { 1 } else { usize::MAX };
            let members = shape["members"].as_object().unwrap().iter().take(one);
            let member = |(name, member): (&String, &Value)| {
                (name.clone(), tree(service, member["shape"].as_str().unwrap()))
            };
            Value::Object(members.map(member).collect())
        }
        "list" => json!(vec![tree(service, shape["member"]["shape"].as_str().unwrap()); least]),
        "map" => {
            let key = tree(service, shape["key"]["shape"].as_str().unwrap());
            let value = tree(service, shape["value"]["shape"].as_str().unwrap());
            let key = |n: usize| key.as_str().unwrap().repeat(n);
            Value::Object((1..=least).map(|n| (key(n), value.clone())).collect())
        }
        "string" => "a".repeat(least).into(),
        "integer" | "long" => least.into(),
        "double" | "float" => 1.5.into(),
        "timestamp" => 1_700_000_001.into(),
        "boolean" => true.into(),
        "blob" => "aGk=".into(),
        "document" => json!({ "free": "form" }),
        other => panic!("{name}: {other}"),
    }
}

/// Flattens a tree into awsQuery pairs.
fn form_pairs(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let dotted = |name: &str| {
        if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
    };
    match value {
        // The maps among the inputs that awsQuery carries.
        Value::Object(map)
            if ["AuthenticationRequestExtraParams", "ResourceIdentifier"]
                .iter()
                .any(|name| prefix.ends_with(name)) =>
        {
            for (i, (key, value)) in map.iter().enumerate() {
                out.push((dotted(&format!("entry.{}.key", i + 1)), key.clone()));
                form_pairs(&dotted(&format!("entry.{}.value", i + 1)), value, out);
            }
        }
        Value::Object(map) => {
            map.iter().for_each(|(name, value)| form_pairs(&dotted(name), value, out));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| {
            form_pairs(&dotted(&format!("member.{}", i + 1)), value, out);
        }),
        Value::String(text) => out.push((prefix.to_owned(), text.clone())),
        other => out.push((prefix.to_owned(), other.to_string())),
    }
}

/// Spells an input in a protocol without the codec's help; `None` for CBOR and for query inputs
/// with timestamps, which the SDK and botocore cover.
pub(super) fn request(
    protocol: &Value,
    service: &Value,
    name: &str,
    operation: &Value,
    input: &Value,
) -> Option<Request<Bytes>> {
    let signing = service["signing"].as_str()?;
    let credential = format!("Credential=AKID/20261121/eu-west-1/{signing}/aws4_request");
    let signature = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=00");
    let builder = Request::post("/").header("authorization", signature);
    let (builder, body) = match protocol.as_str()? {
        "json" => {
            let target = format!("{}.{name}", service["target"].as_str()?);
            (builder.header("x-amz-target", target), input.to_string())
        }
        // The ones that are no POST carry their input in the path and the query string.
        "rest-json" if operation["method"].is_null() => {
            let name = input["Name"].as_str().unwrap_or_default();
            let path = operation["uri"].as_str()?.replace("{name}", name);
            (builder.uri(path), input.to_string())
        }
        "query" => {
            let mut pairs = vec![
                ("Action".to_owned(), name.to_owned()),
                ("Version".to_owned(), service["version"].as_str()?.to_owned()),
            ];
            form_pairs("", input, &mut pairs);
            if pairs.iter().any(|(_, value)| value == "1700000001") {
                return None;
            }
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            (builder.header("content-type", "application/x-www-form-urlencoded"), body)
        }
        _ => return None,
    };
    builder.body(body.into()).ok()
}

/// Runs `scripts/judges/botocore_wire.py` against the loopback server: botocore sends every
/// operation with every member, and reads every member of the answers.
#[tokio::test]
#[ignore = "needs a Python with botocore, which scripts/test names in HA_DEPLOY_PYTHON"]
#[expect(clippy::disallowed_methods, reason = "scripts/test names the interpreter")]
async fn botocore_understands_every_operation() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cloud = Arc::new(Cloud::default());
    let listener = loopback("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let backend = Arc::clone(&cloud) as Arc<dyn Backend>;
    let server = tokio::spawn(serve(listener, backend, 100.0, stop.clone()));

    let mut outputs = Map::new();
    for (service, entry) in TABLE["services"].as_object().unwrap() {
        for name in entry["operations"].as_object().unwrap().keys() {
            let case = json!({ "input": input(service, name), "output": output(service, name).0 });
            outputs.insert(format!("{service}:{name}"), case);
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let cases = folder.path().join("cases.json");
    std::fs::write(&cases, Value::Object(outputs.clone()).to_string()).unwrap();
    let run = tokio::task::spawn_blocking({
        let python = std::env::var("HA_DEPLOY_PYTHON").expect("scripts/test sets HA_DEPLOY_PYTHON");
        let script = root.join("scripts/judges/botocore_wire.py");
        move || Command::new(python).arg(script).arg(endpoint).arg("--cases").arg(cases).output()
    });
    let run = run.await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{out}\n{err}");

    let calls = std::mem::take(&mut *cloud.calls.lock().unwrap());
    for (name, case) in outputs {
        let sent =
            calls.iter().find(|(_, call)| format!("{}:{}", call.service, call.operation) == name);
        let (_, call) = sent.unwrap_or_else(|| panic!("{name} was not sent"));
        assert_eq!(call.input, case["input"], "{name}");
    }
    stop.cancel();
    server.await.unwrap().unwrap();
}
