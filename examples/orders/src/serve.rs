//! Listens, serves, and drains.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::broken::{Fault, has_chown};
use crate::inventory::Inventory;
use crate::limit::Limit;
use crate::metrics::Metrics;
use crate::routes::{App, router};
use crate::settings::Settings;

/// A client that has not sent its head by then is disconnected.
const HEAD: Duration = Duration::from_secs(10);

/// Serves until SIGTERM or SIGINT, then finishes what is in flight, for as long as the settings allow.
pub async fn run(settings: Arc<Settings>) -> Result<(), String> {
    // First of all, so that a stop during the start is not lost.
    let mut terminate = signal(SignalKind::terminate()).map_err(words)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(words)?;
    let broken = &settings.broken;
    let metrics = Arc::new(Metrics::default());
    let app = Arc::new(App {
        inventory: Inventory::new(settings.inventory.clone(), Arc::clone(&metrics)),
        limit: Limit::new(settings.rate, Instant::now()),
        settings: Arc::clone(&settings),
        metrics,
        draining: AtomicBool::new(false),
        started: Instant::now(),
    });
    misbehave_at_start(&app).await?;
    let listener = TcpListener::bind(settings.address).await.map_err(words)?;
    tracing::info!(address = %settings.address, version = settings.version, "serving");
    let watcher = Arc::clone(&app);
    tokio::spawn(async move { watcher.inventory.watch().await });
    let service = router(&app);
    let graceful = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = terminate.recv() => {
                if !broken.is(Fault::IgnoresSigterm) {
                    break;
                }
                continue;
            }
            _ = interrupt.recv() => break,
        };
        match stream {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD)
                    .serve_connection(
                        TokioIo::new(stream),
                        TowerToHyperService::new(service.clone()),
                    );
                let connection = graceful.watch(connection);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(%error, "a connection ended");
                    }
                });
            }
            // Out of file descriptors, most likely; that passes.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    app.draining.store(true, Relaxed);
    tracing::info!(in_flight = app.metrics.in_flight.load(Relaxed), "draining");
    if broken.is(Fault::DropsInFlight) {
        return Ok(());
    }
    if broken.is(Fault::AcceptsAfterSigterm) {
        let service = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = http1::Builder::new().serve_connection(
                    TokioIo::new(stream),
                    TowerToHyperService::new(service.clone()),
                );
                tokio::spawn(served);
            }
        });
    } else {
        // The port is closed before the wait: who comes now is sent to another task at once.
        drop(listener);
    }
    let drained = tokio::time::timeout(settings.drain, graceful.shutdown()).await;
    if drained.is_err() {
        return Err(format!("requests were still in flight after {} s", settings.drain.as_secs()));
    }
    if broken.is(Fault::Lingers) {
        std::future::pending::<()>().await;
    }
    tracing::info!("drained");
    Ok(())
}

async fn misbehave_at_start(app: &App) -> Result<(), String> {
    let broken = &app.settings.broken;
    if broken.is(Fault::Crash) {
        return Err("broken on purpose".into());
    }
    if broken.is(Fault::SlowStart) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    if broken.is(Fault::WritesRoot) {
        std::fs::write("/state/last-start", "now").map_err(words)?;
    }
    if broken.is(Fault::NeedsCapability) && !has_chown() {
        return Err("the capability CHOWN is not to be had".into());
    }
    if broken.is(Fault::NeedsDependency) && !app.inventory.probe().await {
        return Err("the inventory is away".into());
    }
    Ok(())
}

fn words(error: io::Error) -> String {
    error.to_string()
}
