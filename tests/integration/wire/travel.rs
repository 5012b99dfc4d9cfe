//! How calls travel: virtual time in process, real time on loopback.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::timeout::TimeoutConfig;
use ha_deploy::rehearsal::backend::{Backend, Delivery, Transport};
use ha_deploy::rehearsal::call::{ApiError, Call};
use ha_deploy::rehearsal::server::{loopback, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cloud::{Cloud, delivered, identity};

type Answer = Box<dyn FnOnce(&Call) -> Delivery + Send>;

fn lost(transport: Transport) -> Answer {
    Box::new(move |_| Delivery {
        reply: Ok(identity()),
        latency: Duration::from_millis(40),
        transport,
    })
}

fn throttled() -> Answer {
    Box::new(|_| delivered(Err(ApiError::new("ThrottlingException", "Rate exceeded"))))
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_its_latency_in_virtual_time() {
    let cloud = Arc::new(Cloud::default());
    let config = cloud.config();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let before = Instant::now();
    aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert_eq!(before.elapsed(), Duration::from_millis(40));
    assert_eq!(cloud.calls.lock().unwrap()[0].0, Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn throttling_and_resets_are_retried_in_virtual_time() {
    let cloud = Arc::new(Cloud::default());
    fastrand::seed(7);
    cloud.script(vec![throttled(), lost(Transport::Reset)]);
    let before = Instant::now();
    let client = aws_sdk_sts::Client::new(&cloud.config());
    client.get_caller_identity().send().await.unwrap();
    assert_eq!(cloud.calls.lock().unwrap().len(), 3);
    assert!(before.elapsed() > Duration::from_millis(120), "{:?}", before.elapsed());
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_silent_call_ends_by_the_clients_own_timeout() {
    let cloud = Arc::new(Cloud::default());
    cloud.script(vec![lost(Transport::Silent)]);
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(5)).build();
    let config = cloud.config().into_builder().timeout_config(timeouts).build();
    let before = Instant::now();
    aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(cloud.calls.lock().unwrap().len(), 2);

    cloud.script(vec![lost(Transport::Silent)]);
    let timeouts = TimeoutConfig::builder().read_timeout(Duration::from_secs(3)).build();
    let config = config.into_builder().timeout_config(timeouts).build();
    let before = Instant::now();
    aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap();
    assert!(before.elapsed() >= Duration::from_secs(3), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn other_hosts_are_load_balancers() {
    let cloud = Arc::new(Cloud::default());
    let identify = async |endpoint: &str| {
        let config = cloud.config().into_builder().endpoint_url(endpoint).build();
        aws_sdk_sts::Client::new(&config).get_caller_identity().send().await.unwrap_err()
    };
    // What the load balancer answers is no STS, so the SDK hands back the raw response.
    let error = identify("http://app-1.eu-west-1.elb.amazonaws.com:8443").await;
    let raw = error.raw_response().unwrap();
    assert_eq!((raw.status().as_u16(), raw.body().bytes().unwrap()), (203, &b"POST / 8443"[..]));
    let error = identify("https://app-1.eu-west-1.elb.amazonaws.com").await;
    assert_eq!(error.raw_response().unwrap().body().bytes().unwrap(), b"POST / 443");
    for host in ["http://refused.example", "http://nowhere.example"] {
        let error = identify(host).await;
        let SdkError::DispatchFailure(failure) = error else { panic!("{host}: {error:?}") };
        assert!(failure.is_io(), "{host}: {failure:?}");
    }
    assert!(cloud.calls.lock().unwrap().is_empty());
}

/// Sends one HTTP/1.1 request over a socket and returns the whole answer.
async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A reset connection is an answer too: an empty one.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(host: &str, body: &str) -> String {
    let scope = "Credential=AKID/20261121/eu-west-1/sts/aws4_request";
    format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\
         Authorization: AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn the_server_answers_apis_and_load_balancers_and_stops() {
    let cloud = Arc::new(Cloud::default());
    let listener = loopback("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let backend = Arc::clone(&cloud) as Arc<dyn Backend>;
    let server = tokio::spawn(serve(listener, backend, 1000.0, stop.clone()));

    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    for host in ["127.0.0.1:1", "localhost", "[::1]:80", "sts.eu-west-1.amazonaws.com"] {
        let answer = raw(address, &post(host, body)).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{host}: {answer}");
        assert!(answer.contains("<GetCallerIdentityResult><"), "{answer}");
    }
    // Someone's page that resolves its own name to this machine must not reach the API.
    let answer = raw(address, &post("evil.example", body)).await;
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    let get = "GET /health HTTP/1.1\r\nConnection: close\r\nHost: app-1.eu-west-1.elb.amazonaws.com\r\n\r\n";
    let answer = raw(address, get).await;
    assert!(answer.starts_with("HTTP/1.1 203 ") && answer.ends_with("GET /health 80"), "{answer}");
    let proxied = "GET http://app-1.eu-west-1.elb.amazonaws.com:8080/ HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n";
    let answer = raw(address, proxied).await;
    assert!(answer.ends_with("GET / 8080"), "{answer}");

    cloud.script(vec![lost(Transport::Reset)]);
    assert_eq!(raw(address, &post("localhost", body)).await, "");
    let long = format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n{}",
        "x".repeat(2000)
    );
    assert!(raw(address, &long).await.starts_with("HTTP/1.1 413 "));
    assert!(raw(address, "\x00\x01 nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400 "));

    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), server).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    // At a speed of 1000 the recorded times are far ahead of the wall clock's.
    let calls = cloud.calls.lock().unwrap();
    assert!(calls.windows(2).all(|pair| pair[0].0 <= pair[1].0));
}

#[tokio::test]
async fn nothing_but_loopback_is_bound_and_speeds_are_positive() {
    for address in ["0.0.0.0:0", "192.0.2.1:80", "[::]:0"] {
        let error = loopback(address.parse().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{address}");
    }
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let listener = loopback("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let backend: Arc<dyn Backend> = Arc::new(Cloud::default());
        assert!(serve(listener, backend, speed, CancellationToken::new()).await.is_err());
    }
}
