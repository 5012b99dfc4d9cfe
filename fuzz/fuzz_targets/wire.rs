//! Feeds arbitrary bytes to the wire as requests of every protocol. The codec must answer each
//! one, with a call or a refusal, and never panic.
#![no_main]

use bytes::Bytes;
use ha_deploy::rehearsal::wire::Codec;
use http::Request;
use libfuzzer_sys::fuzz_target;

/// Service of the signature, header that chooses the protocol, and the path.
const DOORS: [(&str, Option<(&str, &str)>, &str); 7] = [
    (
        "ecs",
        Some(("x-amz-target", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition")),
        "/",
    ),
    ("codedeploy", Some(("x-amz-target", "CodeDeploy_20141006.CreateDeployment")), "/"),
    (
        "monitoring",
        Some(("smithy-protocol", "rpc-v2-cbor")),
        "/service/GraniteServiceVersion20100801/operation/PutMetricData",
    ),
    (
        "codedeploy",
        Some(("smithy-protocol", "rpc-v2-cbor")),
        "/service/CodeDeploy_20141006/operation/UpdateDeploymentGroup",
    ),
    ("elasticloadbalancing", Some(("content-type", "application/x-www-form-urlencoded")), "/"),
    ("synthetics", None, "/canary/name/runs"),
    ("sts", Some(("content-type", "application/x-www-form-urlencoded")), "/"),
];

fuzz_target!(|data: &[u8]| {
    let Some((door, data)) = data.split_first() else { return };
    let (service, header, path) = DOORS[usize::from(*door) % DOORS.len()];
    let mut body = Vec::new();
    match service {
        "elasticloadbalancing" => body.extend_from_slice(b"Action=ModifyRule&Version=2015-12-01&"),
        "sts" => body.extend_from_slice(b"Action=AssumeRole&Version=2011-06-15&"),
        _ => {}
    }
    body.extend_from_slice(data);
    // Higher numbers of the same door put the bytes into the head instead.
    let text = std::str::from_utf8(data).ok();
    let in_route = text.filter(|_| (128..192).contains(door));
    let in_signature = text.filter(|_| *door >= 192);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/{service}/aws4_request, \
         SignedHeaders=host, Signature=00"
    );
    let mut request = Request::post(in_route.unwrap_or(path))
        .header("authorization", in_signature.unwrap_or(&authorization));
    if let Some((name, value)) = header {
        request = request.header(name, in_route.unwrap_or(value));
    }
    // What http itself refuses never reaches the codec.
    if let Ok(request) = request.body(Bytes::from(body)) {
        let _ = Codec::new(0).decode(&request);
    }
});
