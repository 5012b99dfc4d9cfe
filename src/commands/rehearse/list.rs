//! Lists the built-in scenarios.

use std::io::Write;

use crate::cli::Global;
use crate::domain::OutcomeKind;
use crate::rehearsal::scenario;

use crate::commands::Host;

pub(super) fn print(host: &Host, global: &Global) -> OutcomeKind {
    let mut stdout = host.stdout.clone();
    let scenarios: Vec<(&str, String)> = scenario::builtin()
        .iter()
        .map(|builtin| {
            let about = builtin.scenario().map(|scenario| scenario.description).unwrap_or_default();
            (builtin.name, about.trim().to_owned())
        })
        .collect();
    if global.json {
        let list: Vec<_> = scenarios
            .iter()
            .map(|(name, about)| serde_json::json!({ "name": name, "description": about }))
            .collect();
        let _ = writeln!(stdout, "{}", serde_json::Value::Array(list));
        return OutcomeKind::Done;
    }
    for (name, about) in scenarios {
        let first = about.split_inclusive('.').next().unwrap_or(&about);
        let _ = writeln!(stdout, "{name:<24}{first}");
    }
    OutcomeKind::Done
}
