//! What is answered at which path.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use axum::extract::{DefaultBodyLimit, Extension, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::broken::Fault;
use crate::inventory::{Inventory, Trouble};
use crate::limit::Limit;
use crate::metrics::Metrics;
use crate::session::{self, Cart, Item};
use crate::settings::Settings;
use crate::shape::{Detailed, NewItem, Order, Problem, Work};
use crate::trace::Trace;

/// The longest body that is read.
const BODY: usize = 64 * 1024;

pub struct App {
    pub settings: Arc<Settings>,
    pub inventory: Inventory,
    pub metrics: Arc<Metrics>,
    pub limit: Limit,
    pub draining: AtomicBool,
    pub started: Instant,
}

type Shared = State<Arc<App>>;

pub fn router(app: &Arc<App>) -> Router {
    let broken = &app.settings.broken;
    let mut router = Router::new()
        .route("/cart", get(cart))
        .route("/cart/items", post(add))
        .route("/orders", post(order))
        .route("/work", get(work))
        // Health is never limited: a busy task is not a sick one.
        .layer(from_fn_with_state(Arc::clone(app), limit))
        .route("/health", get(|| async { "ok\n" }))
        .route("/health/detailed", get(detailed));
    if !broken.is(Fault::NoReady) {
        router = router.route("/ready", get(ready));
    }
    if !broken.is(Fault::NoLive) {
        router = router.route("/live", get(|| async { "ok\n" }));
    }
    if !broken.is(Fault::NoMetrics) {
        router = router.route("/metrics", get(metrics));
    }
    router
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(Arc::clone(app), watched))
        .with_state(Arc::clone(app))
}

/// Counts, times, logs and bounds every request.
async fn watched(State(app): Shared, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let trace = Trace::of(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let id = trace.id().to_owned();
    request.extensions_mut().insert(trace);
    app.metrics.in_flight.fetch_add(1, Relaxed);
    if app.settings.broken.is(Fault::Slow) {
        tokio::time::sleep(Duration::from_secs(8)).await;
    }
    let response = if app.settings.broken.is(Fault::Errors) {
        problem(StatusCode::INTERNAL_SERVER_ERROR, "broken on purpose")
    } else {
        let answer = tokio::time::timeout(app.settings.timeout, next.run(request)).await;
        answer.unwrap_or_else(|_| problem(StatusCode::GATEWAY_TIMEOUT, "this took too long"))
    };
    app.metrics.in_flight.fetch_sub(1, Relaxed);
    let (status, took) = (response.status().as_u16(), start.elapsed());
    app.metrics.answered(status, took);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(%method, path, status, millis, trace = id, "answered");
    } else {
        tracing::debug!(%method, path, status, millis, trace = id, "answered");
    }
    response
}

async fn limit(State(app): Shared, request: Request, next: Next) -> Response {
    if app.limit.admits(Instant::now()) {
        return next.run(request).await;
    }
    app.metrics.limited.fetch_add(1, Relaxed);
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    response
}

/// Whether new requests should come here: not while draining, and not without the inventory.
async fn ready(State(app): Shared) -> Response {
    let draining = app.draining.load(Relaxed);
    let there = app.inventory.ready() || app.settings.broken.is(Fault::AlwaysReady);
    match (draining, there) {
        (false, true) => "ready\n".into_response(),
        (true, _) => problem(StatusCode::SERVICE_UNAVAILABLE, "draining"),
        (false, false) => problem(StatusCode::SERVICE_UNAVAILABLE, "the inventory is away"),
    }
}

async fn detailed(State(app): Shared) -> Response {
    let circuit = app.inventory.breaker.state(Instant::now()).as_str();
    let inventory = app.inventory.ready();
    Json(Detailed {
        status: if inventory { "ok" } else { "degraded" },
        version: &app.settings.version,
        uptime_seconds: app.started.elapsed().as_secs(),
        draining: app.draining.load(Relaxed),
        circuit,
        inventory,
        in_flight: app.metrics.in_flight.load(Relaxed),
    })
    .into_response()
}

async fn metrics(State(app): Shared) -> Response {
    let text = app.metrics.text(app.inventory.breaker.state(Instant::now()).as_str());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}

async fn cart(State(app): Shared, headers: HeaderMap) -> Json<Cart> {
    Json(cart_of(&app, &headers))
}

async fn add(State(app): Shared, headers: HeaderMap, Json(new): Json<NewItem>) -> Response {
    let valid = (1..=64).contains(&new.sku.len())
        && new.sku.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && (1..=1000).contains(&new.quantity);
    if !valid {
        return problem(
            StatusCode::UNPROCESSABLE_ENTITY,
            "sku: 1-64 of a-z, 0-9, -; quantity: 1-1000",
        );
    }
    let mut cart = cart_of(&app, &headers);
    cart.items.push(Item { sku: new.sku, quantity: new.quantity });
    with_cart(&app, &cart, Json(cart.clone()).into_response())
}

/// Places an order for what is in the cart, and empties it.
async fn order(
    State(app): Shared,
    Extension(trace): Extension<Trace>,
    headers: HeaderMap,
) -> Response {
    let cart = cart_of(&app, &headers);
    if cart.items.is_empty() {
        return problem(StatusCode::CONFLICT, "the cart is empty");
    }
    let id = format!("{:016x}", fastrand::u64(..));
    match app.inventory.reserve(&id, &cart, &trace).await {
        Ok(()) => {
            let order = Json(Order { id, items: cart.items });
            with_cart(&app, &Cart::default(), (StatusCode::CREATED, order).into_response())
        }
        Err(Trouble::Refused(status)) => {
            problem(StatusCode::CONFLICT, &format!("not in stock ({status})"))
        }
        Err(Trouble::Open) => problem(StatusCode::SERVICE_UNAVAILABLE, "the inventory is away"),
        Err(Trouble::Away(why)) => {
            tracing::warn!(why, trace = trace.id(), "the inventory did not answer");
            problem(StatusCode::BAD_GATEWAY, "the inventory did not answer")
        }
    }
}

/// Answers after a while: a request that is in flight for as long as a test wants.
async fn work(Query(Work { ms }): Query<Work>) -> Response {
    if ms > 20_000 {
        return problem(StatusCode::UNPROCESSABLE_ENTITY, "ms: at most 20000");
    }
    tokio::time::sleep(Duration::from_millis(ms)).await;
    "done\n".into_response()
}

fn cart_of(app: &App, headers: &HeaderMap) -> Cart {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs =
        cookies.flat_map(|text| text.split("; ")).filter_map(|pair| pair.split_once('='));
    let sealed = pairs.find(|(name, _)| *name == session::COOKIE).map(|(_, value)| value);
    sealed.and_then(|sealed| session::open(sealed, &app.settings.session_key)).unwrap_or_default()
}

fn with_cart(app: &App, cart: &Cart, mut response: Response) -> Response {
    let Some(sealed) = session::seal(cart, &app.settings.session_key) else {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "the cart is full");
    };
    let cookie = format!("{}={sealed}; Path=/; HttpOnly; SameSite=Lax", session::COOKIE);
    if let Ok(value) = cookie.parse() {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

fn problem(status: StatusCode, text: &str) -> Response {
    (status, Json(Problem { problem: text.to_owned() })).into_response()
}
