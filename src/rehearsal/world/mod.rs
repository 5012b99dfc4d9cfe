//! The world: state, virtual time, users.
//!
//! Owns everything that happens in the embedded cloud between two calls. It moves in steps of one
//! second, only when somebody asks, and only by its seed: no wall clock, no ambient randomness.

mod assumptions;
mod behaviour;
mod build;
mod codedeploy;
mod dispatch;
mod ecs;
mod elb;
mod happenings;
mod ids;
mod input;
mod metrics;
mod periphery;
mod publish;
mod resources;
mod tally;
#[cfg(test)]
mod tests;
mod tick;
mod traffic;
mod web;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use serde_json::Value;

pub use assumptions::Assumptions;
pub use happenings::Signal;
pub use tally::{Made, Requests, Tally, WeightChange};

use super::backend::{Backend, Delivery, WebAnswer, WebRequest};
use super::call::Call;
use super::scenario::{Moment, Scenario};
use super::setup::Setup;
use super::stacks::Stacks;

/// A handle on one world; clones share it.
#[derive(Clone)]
pub struct Cloud {
    world: Arc<Mutex<World>>,
    epoch: Duration,
}

/// The state of the cloud. Times inside count from `origin`, some minutes before the client comes.
struct World {
    setup: Setup,
    scenario: Scenario,
    assumptions: Assumptions,
    /// Wall time at the inner time zero, on a full minute.
    origin: Duration,
    /// Inner time at which the client comes.
    arrival: Duration,
    /// Inner time of the call or tick at hand.
    now: Duration,
    /// Full seconds that were simulated.
    ticks: u64,
    ids: ids::Ids,
    traffic_rng: ChaCha8Rng,
    task_rng: ChaCha8Rng,
    fault_rng: ChaCha8Rng,
    web_rng: ChaCha8Rng,
    ecs: ecs::Ecs,
    elb: elb::Elb,
    codedeploy: codedeploy::CodeDeploy,
    guards: periphery::Periphery,
    stacks: Stacks,
    /// Faults of the scenario on resources of stacks.
    failing: Vec<resources::Failing>,
    /// Until when each zone is out.
    zones_out: Vec<Option<Duration>>,
    /// Since when.
    zones_since: Vec<Duration>,
    incidents: Vec<behaviour::Incident>,
    storms: Vec<publish::Storm>,
    published: publish::Published,
    /// Whether the event of the scenario with this index has happened.
    happened: Vec<bool>,
    /// Signals for whoever runs the client, not yet taken.
    signals: Vec<Signal>,
    moments: Vec<(Moment, Duration)>,
    minute: metrics::Minute,
    /// Tasks by client token: the request and their ids.
    tokens: BTreeMap<String, (Value, Vec<String>)>,
    tally: Tally,
    /// Whether the candidate has, or had, production traffic.
    exposed: Vec<traffic::Exposure>,
}

impl Cloud {
    /// A cloud in which `setup` stands and `scenario` happens; the same seed gives the same run.
    pub fn new(setup: Setup, scenario: Scenario, seed: u64) -> Self {
        Self::with_assumptions(setup, scenario, seed, Assumptions::default())
    }

    /// The same under other assumptions about AWS.
    pub fn with_assumptions(
        setup: Setup,
        scenario: Scenario,
        seed: u64,
        assumptions: Assumptions,
    ) -> Self {
        let epoch = setup.epoch;
        let world = World::build(setup, scenario, seed, assumptions);
        Self { world: Arc::new(Mutex::new(world)), epoch }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the world go on after the client is done: at least until `least`, and until no
    /// deployment is active and no target drains, but not longer than until `most`. Gives the time
    /// that it reached.
    pub fn settle(&self, least: Duration, most: Duration) -> Duration {
        let mut world = self.world();
        let mut now = least;
        world.reach(now);
        while now < most && !world.is_quiet() {
            now = now.saturating_add(Duration::from_secs(1));
            world.reach(now);
        }
        now
    }

    /// Signals of the scenario to the runner (Ctrl-C, kill) that are due at `now`, each once.
    pub fn signals(&self, now: Duration) -> Vec<Signal> {
        let mut world = self.world();
        world.reach(now);
        std::mem::take(&mut world.signals)
    }

    /// What happened so far.
    pub fn tally(&self) -> Tally {
        self.world().tally.clone()
    }

    /// The production weights of a service by target-group name, as they are now.
    pub fn weights(&self, service: &str) -> BTreeMap<String, u32> {
        self.world().weights_by_name(service)
    }
}

impl Backend for Cloud {
    fn call(&self, now: Duration, call: &Call) -> Delivery {
        let mut world = self.world();
        world.reach(now);
        world.answer(call)
    }

    fn http(&self, now: Duration, request: &WebRequest) -> WebAnswer {
        let mut world = self.world();
        world.reach(now);
        world.web(request)
    }

    fn epoch(&self) -> Duration {
        self.epoch
    }
}

impl World {
    /// The prefix of ARNs of a service's resources; without the slash when `kind` is empty.
    fn arn(&self, service: &str, kind: &str) -> String {
        let (region, account) = (&self.setup.region, &self.setup.account);
        let kind = if kind.is_empty() { "" } else { &format!(":{kind}") };
        format!("arn:aws:{service}:{region}:{account}{kind}")
    }

    /// The wall time of an inner time, since the Unix epoch.
    fn wall(&self, at: Duration) -> Duration {
        self.origin.saturating_add(at)
    }

    /// The time since the client came, as the tally counts it.
    fn client_time(&self, at: Duration) -> f64 {
        tally::at_s(at.saturating_sub(self.arrival))
    }

    /// Whether the client is there: what happens before is not counted.
    fn arrived(&self) -> bool {
        self.now >= self.arrival
    }

    fn vpc(&self) -> &'static str {
        "vpc-0f1e2d3c4b5a69788"
    }

    fn subnet(&self, zone: &str) -> String {
        let letter = zone.bytes().last().unwrap_or(b'a');
        format!("subnet-0{letter:02x}1d2c3b4a596870")
    }
}

/// Removes null members as the dispatch does.
#[cfg(test)]
pub(in crate::rehearsal) fn prune_for_tests(value: &mut Value) {
    input::prune(value);
}
