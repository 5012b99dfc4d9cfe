//! Requests that no SDK sends: refusals in AWS's words, and never a panic.

use bytes::Bytes;
use ha_deploy::rehearsal::call::{ApiError, Call};
use ha_deploy::rehearsal::wire::{Codec, Context, MAX_BODY};
use http::{Request, Response};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::sample;

fn signed(service: &str) -> http::request::Builder {
    let scope = format!("AKID/20261121/eu-west-1/{service}/aws4_request");
    let value = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
    Request::post("/").header("authorization", value)
}

fn decode(request: &Request<Bytes>) -> Result<(Context, Call), Response<Bytes>> {
    Codec::new(1).decode(request).map_err(|refusal| *refusal)
}

fn send(
    builder: http::request::Builder,
    body: impl Into<Bytes>,
) -> Result<(Context, Call), Response<Bytes>> {
    decode(&builder.body(body.into()).unwrap())
}

fn ecs(operation: &str, body: &str) -> Result<(Context, Call), Response<Bytes>> {
    let target = format!("AmazonEC2ContainerServiceV20141113.{operation}");
    let builder = signed("ecs").header("x-amz-target", target);
    send(builder.header("content-type", "application/x-amz-json-1.1"), body.to_owned())
}

fn form(service: &str, body: &str) -> Result<(Context, Call), Response<Bytes>> {
    let builder = signed(service).header("content-type", "application/x-www-form-urlencoded");
    send(builder, body.to_owned())
}

/// Status, code and message of a JSON refusal.
fn refusal(result: Result<(Context, Call), Response<Bytes>>) -> (u16, String, String) {
    let response = result.unwrap_err();
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    // The member is spelled as the error's shape spells it; only one of them is there.
    (response.status().as_u16(), text("__type"), text("message") + &text("Message"))
}

fn text(response: &Response<Bytes>) -> String {
    String::from_utf8(response.body().to_vec()).unwrap()
}

#[test]
fn an_unknown_operation_answers_501_and_names_itself() {
    let (status, code, message) = refusal(ecs("CreateCluster", "{}"));
    assert_eq!((status, code.as_str()), (501, "UnknownOperationException"));
    assert!(message.contains("ecs:AmazonEC2ContainerServiceV20141113.CreateCluster"), "{message}");

    let response =
        form("elasticloadbalancing", "Action=DeleteRule&Version=2015-12-01").unwrap_err();
    assert_eq!(response.status(), 501);
    assert!(text(&response).contains("<Code>InvalidAction</Code>"), "{}", text(&response));
    assert!(text(&response).contains("elasticloadbalancing:DeleteRule"));

    let builder = signed("synthetics").uri("/canary/x");
    let response = send(builder, "").unwrap_err();
    assert_eq!(response.status(), 501);
    assert_eq!(response.headers()["x-amzn-errortype"], "UnknownOperationException");
    assert!(text(&response).contains("POST /canary/x"));
}

#[test]
fn an_unsigned_request_is_refused() {
    let target = "AmazonEC2ContainerServiceV20141113.ListTasks";
    let (status, code, _) = refusal(send(Request::post("/").header("x-amz-target", target), "{}"));
    assert_eq!((status, code.as_str()), (403, "MissingAuthenticationTokenException"));
    let builder =
        Request::post("/").header("x-amz-target", target).header("authorization", "Basic x");
    assert_eq!(refusal(send(builder, "{}")).1, "IncompleteSignatureException");
    let builder = signed("ssm").header("x-amz-target", target);
    let (status, code, message) = refusal(send(builder, "{}"));
    assert_eq!((status, code.as_str()), (403, "InvalidSignatureException"));
    assert!(message.contains("correct service: 'ecs'"), "{message}");
}

#[test]
fn wrong_types_are_serialization_exceptions() {
    for (body, message) in [
        (r#"{"services":"a"}"#, "STRING_VALUE can not be converted to a List"),
        (r#"{"services":[1]}"#, "NUMBER_VALUE can not be converted to a String"),
        (r#"{"services":[null]}"#, "NULL_VALUE can not be converted to a String"),
        (r#"{"services":[{}]}"#, "Start of structure or map found where not expected."),
        (r#"[]"#, "Unrecognized collection type"),
        (r#"{"services":"#, "Invalid JSON"),
    ] {
        let (status, code, got) = refusal(ecs("DescribeServices", body));
        assert_eq!((status, code.as_str()), (400, "SerializationException"), "{body}");
        assert!(got.contains(message), "{body}: {got}");
    }
    let (_, code, message) =
        refusal(ecs("RunTask", r#"{"taskDefinition":"a","count":2147483648}"#));
    assert_eq!(code, "SerializationException");
    assert!(message.contains("an Integer"), "{message}");
}

#[test]
fn constraints_are_refused_in_the_words_of_the_service() {
    let (_, code, message) = refusal(ecs("DescribeServices", "{}"));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("InvalidParameterException", "Services can not be blank.")
    );

    let json = |service: &str, target: &str, body: &str| {
        refusal(send(signed(service).header("x-amz-target", target), body.to_owned()))
    };
    let (_, code, _) = json("codedeploy", "CodeDeploy_20141006.GetDeployment", "{}");
    assert_eq!(code, "DeploymentIdRequiredException");
    let (_, code, _) =
        json("codedeploy", "CodeDeploy_20141006.GetApplication", r#"{"applicationName":""}"#);
    assert_eq!(code, "InvalidApplicationNameException");
    let body = r#"{"ServiceNamespace":"ec3","MaxResults":1}"#;
    let (_, code, message) =
        json("application-autoscaling", "AnyScaleFrontendService.DescribeScalableTargets", body);
    assert_eq!(code, "ValidationException");
    assert!(
        message.starts_with(
            "1 validation error detected: Value 'ec3' at 'serviceNamespace' failed to satisfy \
             constraint: Member must satisfy enum value set: ["
        ),
        "{message}"
    );

    let response =
        form("sts", "Action=AssumeRole&Version=2011-06-15&RoleSessionName=x").unwrap_err();
    let body = text(&response);
    assert!(body.contains("<Code>ValidationError</Code>"), "{body}");
    assert!(body.contains("Value null at &apos;roleArn&apos; failed"), "{body}");
    assert!(body.contains("2 validation errors detected"), "{body}");
}

#[test]
fn unknown_and_null_members_are_ignored() {
    let (_, call) =
        ecs("ListTasks", r#"{"cluster":null,"nonsense":[1],"serviceName":"a"}"#).unwrap();
    assert_eq!(call.input, json!({ "serviceName": "a" }));
}

#[test]
fn form_lists_go_by_number_and_may_be_empty() {
    let body = "Action=DescribeRules&Version=2015-12-01&RuleArns.member.10=j&RuleArns.member.2=b";
    let (_, call) = form("elasticloadbalancing", body).unwrap();
    assert_eq!(call.input, json!({ "RuleArns": ["b", "j"] }));
    let body = "Action=DescribeRules&Version=2015-12-01&RuleArns=";
    assert_eq!(form("elasticloadbalancing", body).unwrap().1.input, json!({ "RuleArns": [] }));
    for bad in [
        "RuleArns.member.x=1",
        "RuleArns.member.99999999999=1",
        &format!("{}=1", "a.".repeat(90_000)),
    ] {
        let body = format!("Action=DescribeRules&Version=2015-12-01&{bad}");
        let response = form("elasticloadbalancing", &body).unwrap_err();
        assert_eq!(response.status(), 400, "{}", text(&response));
    }
}

#[test]
fn long_deep_and_compressed_bodies_are_refused() {
    assert_eq!(refusal(ecs("ListTasks", &" ".repeat(MAX_BODY + 1))).0, 413);
    let deep = "[".repeat(500_000);
    assert_eq!(refusal(ecs("ListTasks", &deep)).1, "SerializationException");
    let cbor = |body: Vec<u8>| {
        let uri = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
        let builder = signed("monitoring").uri(uri).header("smithy-protocol", "rpc-v2-cbor");
        send(builder, body).unwrap_err()
    };
    assert_eq!(cbor(vec![0x81; 500_000]).status(), 400);
    // A list, and a text, that claim 2^60 bytes.
    assert_eq!(cbor(vec![0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0]).status(), 400);
    assert_eq!(cbor(vec![0x7b, 0x10, 0, 0, 0, 0, 0, 0, 0]).status(), 400);
    let builder = signed("ecs")
        .header("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListTasks")
        .header("content-encoding", "gzip");
    assert_eq!(refusal(send(builder, "x")).0, 415);
}

#[test]
fn what_aws_could_not_answer_is_a_failure_that_names_it() {
    let answer = |reply: Result<Value, ApiError>| {
        let (context, _) = ecs("ListTasks", "{}").unwrap();
        let response = context.encode(&reply);
        (response.status().as_u16(), text(&response))
    };
    for (output, message) in [
        (json!({ "taskArns": "x" }), "ListTasksResponse.taskArns is \\\"x\\\", not a List"),
        (json!({ "taskArn": [] }), "ListTasksResponse has no member taskArn"),
        (json!({ "taskArns": ["a", 1] }), "ListTasksResponse.taskArns[1] is 1, not a String"),
        (json!({ "nextToken": null }), "ListTasksResponse.nextToken is null, not a String"),
    ] {
        let (status, body) = answer(Ok(output));
        assert_eq!(status, 500);
        assert!(body.contains("InternalFailure") && body.contains(message), "{body}");
    }
    let (status, body) = answer(Err(ApiError::new("NoSuchThing", "x")));
    assert_eq!(status, 500);
    assert!(body.contains("NoSuchThing") && body.contains("does not model"), "{body}");
    let (status, body) = answer(Err(ApiError::new("ThrottlingException", "Rate exceeded")));
    assert_eq!(
        (status, body.as_str()),
        (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)
    );
    let (status, body) = answer(Err(ApiError::new("ServerException", "x")));
    assert_eq!(status, 500, "{body}");
}

#[test]
fn cloudwatch_speaks_json_and_query_too() {
    let alarms = json!({ "MetricAlarms": [{ "AlarmName": "a", "Period": 60,
        "StateUpdatedTimestamp": 1_700_000_000.5 }] });
    let body = "Action=DescribeAlarms&Version=2010-08-01&AlarmNames.member.1=a";
    let (context, call) = form("monitoring", body).unwrap();
    assert_eq!(call.input, json!({ "AlarmNames": ["a"] }));
    let xml = text(&context.encode(&Ok(alarms.clone())));
    assert!(
        xml.contains("<MetricAlarms><member><AlarmName>a</AlarmName><Period>60</Period>"),
        "{xml}"
    );
    assert!(
        xml.contains("<StateUpdatedTimestamp>2023-11-14T22:13:20.5Z</StateUpdatedTimestamp>"),
        "{xml}"
    );

    let target = "GraniteServiceVersion20100801.SetAlarmState";
    let builder = signed("monitoring").header("x-amz-target", target);
    let (context, _) =
        send(builder, r#"{"AlarmName":"a","StateValue":"OK","StateReason":"r"}"#).unwrap();
    let response = context.encode(&Err(ApiError::new("InvalidFormatFault", "x")));
    assert_eq!(response.headers()["x-amzn-query-error"], "InvalidFormat;Sender");
    assert_eq!(response.headers()["content-type"], "application/x-amz-json-1.0");
}

#[test]
fn request_ids_follow_from_seed_and_order() {
    let id = |seed: u64, count: usize| {
        let codec = Codec::new(seed);
        let request = signed("ecs").body(Bytes::new()).unwrap();
        let ids = (0..count)
            .map(|_| codec.decode(&request).unwrap_err().headers()["x-amzn-requestid"].clone());
        ids.last().unwrap()
    };
    assert_eq!(id(7, 2), id(7, 2));
    assert_ne!(id(7, 1), id(7, 2));
    assert_ne!(id(7, 1), id(8, 1));
    assert_eq!(id(7, 1).len(), 36);
}

#[test]
fn every_sample_is_answerable_in_every_protocol_of_its_service() {
    for (service, entry) in sample::TABLE["services"].as_object().unwrap() {
        for (operation, entry_of) in entry["operations"].as_object().unwrap() {
            let (output, _) = sample::output(service, operation);
            let errors = sample::errors(service, operation);
            let input = super::judges::input(service, operation);
            for protocol in entry["protocols"].as_array().unwrap() {
                let Some(request) =
                    super::judges::request(protocol, entry, operation, entry_of, &input)
                else {
                    continue;
                };
                let (context, call) = decode(&request).unwrap_or_else(|r| panic!("{}", text(&r)));
                assert_eq!((call.service, call.operation), (service.as_str(), operation.as_str()));
                assert_eq!(call.input, input, "{protocol}");
                assert_eq!(
                    context.encode(&Ok(output.clone())).status(),
                    200,
                    "{service} {operation}"
                );
                for code in &errors {
                    let response = context.encode(&Err(ApiError::new(*code, "m")));
                    let body = String::from_utf8_lossy(response.body());
                    assert!(!body.contains("InternalFailure"), "{operation}: {body}");
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_the_codec_panic(
        body in prop::collection::vec(any::<u8>(), 0..400),
        target in "[ -~]{0,40}",
        path in "/[a-z%0-9{}/.]{0,30}",
        which in 0..5_usize,
    ) {
        let operations = ["ecs", "codedeploy", "monitoring", "elasticloadbalancing", "synthetics"];
        let builder = signed(operations[which]);
        let builder = match which {
            0 => builder.header("x-amz-target", "AmazonEC2ContainerServiceV20141113.RegisterTaskDefinition"),
            1 => builder.header("x-amz-target", target),
            2 => builder.uri("/service/GraniteServiceVersion20100801/operation/PutMetricData")
                .header("smithy-protocol", "rpc-v2-cbor"),
            3 => builder.header("content-type", "application/x-www-form-urlencoded"),
            _ => builder.uri(path),
        };
        let body = if which == 3 {
            [b"Action=ModifyRule&Version=2015-12-01&".as_slice(), &body].concat()
        } else {
            body
        };
        if let Err(response) = send(builder, body) {
            prop_assert!(response.status().as_u16() >= 400);
        }
    }
}
