//! Ways to misbehave, for tests: `ORDERS_BROKEN=errors,slow`.
//!
//! Each breaks one promise that a zero-downtime deployment relies on, and no other. The image is built
//! with `--build-arg ORDERS_BROKEN=…`, so a test has one image for each fault.

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Every answer is a 500.
    Errors,
    /// Every answer takes eight seconds.
    Slow,
    /// The process ends with an error as soon as it starts.
    Crash,
    /// Nothing listens for a minute.
    SlowStart,
    /// SIGTERM does nothing.
    IgnoresSigterm,
    /// SIGTERM ends the process at once, with requests in flight.
    DropsInFlight,
    /// New connections are served while it drains.
    AcceptsAfterSigterm,
    /// It drains, but then does not exit.
    Lingers,
    /// It listens on 127.0.0.1 only.
    Localhost,
    /// It listens on the next port.
    WrongPort,
    /// It ends when the inventory is away at its start.
    NeedsDependency,
    /// It says that it is ready while the inventory is away.
    AlwaysReady,
    /// It ends when it cannot write to its root file system.
    WritesRoot,
    /// It ends when the capability CHOWN is not to be had.
    NeedsCapability,
    /// There is no `/ready`.
    NoReady,
    /// There is no `/live`.
    NoLive,
    /// There is no `/metrics`.
    NoMetrics,
}

const NAMES: &[(&str, Fault)] = &[
    ("errors", Fault::Errors),
    ("slow", Fault::Slow),
    ("crash", Fault::Crash),
    ("slow-start", Fault::SlowStart),
    ("ignores-sigterm", Fault::IgnoresSigterm),
    ("drops-in-flight", Fault::DropsInFlight),
    ("accepts-after-sigterm", Fault::AcceptsAfterSigterm),
    ("lingers", Fault::Lingers),
    ("localhost", Fault::Localhost),
    ("wrong-port", Fault::WrongPort),
    ("needs-dependency", Fault::NeedsDependency),
    ("always-ready", Fault::AlwaysReady),
    ("writes-root", Fault::WritesRoot),
    ("needs-capability", Fault::NeedsCapability),
    ("no-ready", Fault::NoReady),
    ("no-live", Fault::NoLive),
    ("no-metrics", Fault::NoMetrics),
];

/// The faults that are switched on.
#[derive(Debug, Default)]
pub struct Broken(Vec<Fault>);

impl Broken {
    /// Reads a list; a name that is none is an error, so a test cannot pass by a typing mistake.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names =
            text.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        let faults = names.map(|name| {
            let known = NAMES.iter().find(|(known, _)| *known == name);
            known.map(|(_, fault)| *fault).ok_or_else(|| {
                let all: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
                format!("ORDERS_BROKEN: `{name}` is none of {}", all.join(", "))
            })
        });
        faults.collect::<Result<_, _>>().map(Self)
    }

    pub fn is(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

/// Whether the bounding set of capabilities has CHOWN, which is bit 0 (`capability.h`).
pub fn has_chown() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    bounding
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|set| set & 1 == 1)
}
