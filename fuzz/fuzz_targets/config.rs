//! The configuration parser takes any bytes: it neither panics nor points outside the file.
#![no_main]

use std::path::Path;

use ha_deploy::config::{self, Lookup};
use ha_deploy::report::annotations::render as annotations;
use ha_deploy::report::console::Colour;
use ha_deploy::report::diagnostics::render as diagnostics;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let found = config::check(bytes, Path::new("ha-deploy.yml"), &Lookup::default());
    let text = String::from_utf8_lossy(bytes);
    let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
    for diagnostic in &found {
        assert!((1..=lines).contains(&diagnostic.line), "{diagnostic:?}");
        assert!(diagnostic.column >= 1 && diagnostic.column < diagnostic.end_column);
    }
    let console = diagnostics(&found, Colour::Never);
    assert!(!console.chars().any(|c| c.is_control() && c != '\n'), "{console:?}");
    assert_eq!(annotations(&found).lines().count(), found.len());
    config::ssm_references(bytes);
});
