//! `orders`: a small service that is ready for blue/green deployments.
//!
//! It keeps no state of its own. A customer's cart travels in a signed cookie, and stock belongs to the
//! inventory service behind `INVENTORY_URL`, which is called through a pool of connections, with a
//! timeout, retries and a circuit breaker. `ORDERS_BROKEN` makes it misbehave on purpose; see `broken`.

mod breaker;
mod broken;
mod inventory;
mod limit;
mod metrics;
mod routes;
mod serve;
mod session;
mod settings;
mod shape;
mod trace;

use std::process::ExitCode;
use std::sync::Arc;

use settings::Settings;

fn main() -> ExitCode {
    // A container's first thread count is the host's, not the task's share; two are plenty here.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("the runtime cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).init();
    let settings = match Settings::from_environment() {
        Ok(settings) => Arc::new(settings),
        Err(error) => {
            tracing::error!(%error, "the settings are wrong");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(serve::run(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "ended");
            ExitCode::FAILURE
        }
    }
}
