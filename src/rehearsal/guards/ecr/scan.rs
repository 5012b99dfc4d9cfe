//! Findings of image scans, as basic scanning answers them.

use serde_json::{Value, json};

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScanFinding {
    /// `CVE-2026-0001`.
    pub name: String,
    /// `CRITICAL`, `HIGH`, `MEDIUM`, `LOW`, `INFORMATIONAL` or `UNDEFINED`.
    pub severity: String,
    /// The package that has it.
    pub package: String,
}

impl ScanFinding {
    /// A finding.
    pub fn new(name: &str, severity: &str, package: &str) -> Self {
        Self { name: name.to_owned(), severity: severity.to_owned(), package: package.to_owned() }
    }

    /// What most images have: nothing that stops a deployment by default.
    pub(super) fn usual() -> Vec<Self> {
        vec![Self::new("CVE-2026-0002", "MEDIUM", "zlib"), Self::new("CVE-2026-0001", "LOW", "tar")]
    }
}

/// The member `imageScanFindings`.
pub(super) fn findings(found: &[ScanFinding], completed: Value) -> Value {
    let mut counts = serde_json::Map::new();
    for finding in found {
        let before = counts.get(&finding.severity).and_then(Value::as_u64).unwrap_or(0);
        counts.insert(finding.severity.clone(), json!(before + 1));
    }
    let listed: Vec<Value> = found
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "severity": finding.severity,
                "attributes": [{ "key": "package_name", "value": finding.package }],
            })
        })
        .collect();
    json!({
        "findings": listed,
        "findingSeverityCounts": counts,
        "imageScanCompletedAt": completed,
        "vulnerabilitySourceUpdatedAt": completed,
    })
}
