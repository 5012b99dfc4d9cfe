//! The `ha-deploy` binary: the only reader of the process environment.

use std::io::{IsTerminal, stderr, stdout};
use std::process::ExitCode;

use ha_deploy::commands::{Host, Out, run};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

#[expect(clippy::disallowed_methods, reason = "nobody else reads the environment")]
fn main() -> ExitCode {
    let host = Host {
        vars: std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        stdout: Out::new(stdout()),
        stderr: Out::new(stderr()),
        columns: stderr()
            .is_terminal()
            .then(|| terminal_size::terminal_size().map_or(80, |(columns, _)| columns.0)),
        directory: std::env::current_dir().unwrap_or_default(),
        cancel: CancellationToken::new(),
        signals: on_signal,
    };
    ExitCode::from(run(&host, std::env::args_os()))
}

/// Cancels on Ctrl-C, and on SIGTERM where there is one.
fn on_signal(cancel: CancellationToken) {
    tokio::spawn(async move {
        #[cfg(unix)]
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
            return cancel.cancel();
        }
        let _ = tokio::signal::ctrl_c().await;
        cancel.cancel();
    });
}
