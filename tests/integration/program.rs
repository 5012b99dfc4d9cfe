//! Runs the program in process, with its own streams and no environment.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ha_deploy::commands::{Host, Out, run};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

/// What the program said.
pub(crate) struct Said {
    pub(crate) code: u8,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}:\n{}\n{}", self.stdout, self.stderr))
    }
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Runs the program in `directory`.
pub(crate) fn program_in(directory: PathBuf, arguments: &[&str]) -> Said {
    let (stdout, stderr) = (Kept::default(), Kept::default());
    let host = Host {
        vars: BTreeMap::from([("GITHUB_SHA".to_owned(), "a".repeat(40))]),
        stdout: Out::new(stdout.clone()),
        stderr: Out::new(stderr.clone()),
        columns: None,
        directory,
        cancel: CancellationToken::new(),
        signals: |_| {},
    };
    let arguments = std::iter::once("ha-deploy").chain(arguments.iter().copied());
    let code = run(&host, arguments.map(Into::into));
    Said { code, stdout: stdout.text(), stderr: stderr.text() }
}

/// Runs the program in the repository's root.
pub(crate) fn program(arguments: &[&str]) -> Said {
    program_in(PathBuf::from(env!("CARGO_MANIFEST_DIR")), arguments)
}
