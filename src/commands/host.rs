//! The one seam to the process: variables, streams, terminal, interruption.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// A stream that can be shared by a sink and a command.
#[derive(Clone)]
pub struct Out(Arc<Mutex<dyn Write + Send>>);

impl Out {
    /// Shares a stream.
    pub fn new(stream: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(stream)))
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).flush()
    }
}

/// What the program knows of the process that it runs in. Only `main` makes a real one.
#[derive(Clone)]
pub struct Host {
    /// The environment variables.
    pub vars: BTreeMap<String, String>,
    /// Results.
    pub stdout: Out,
    /// Progress and errors.
    pub stderr: Out,
    /// The number of columns when standard error is a terminal.
    pub columns: Option<u16>,
    /// The current directory.
    pub directory: PathBuf,
    /// Fires on the first interruption.
    pub cancel: CancellationToken,
    /// Makes `cancel` fire on the process's signals; started inside the runtime.
    pub signals: fn(CancellationToken),
}
