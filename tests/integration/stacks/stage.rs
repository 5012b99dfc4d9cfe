//! An environment with a stack, an account without one, and a runner that can be killed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SharedTimeSource;
use aws_types::SdkConfig;
use aws_types::region::Region;
use ha_deploy::aws::{self, Aws};
use ha_deploy::clock::Clock;
use ha_deploy::config::model::Model;
use ha_deploy::config::{self, Lookup, SsmLookup};
use ha_deploy::domain::{AccountId, ObservedStacks, Outcome};
use ha_deploy::observe;
use ha_deploy::pipeline::event::{Event, Sink};
use ha_deploy::pipeline::provision::{self, Destroy, Provision};
use ha_deploy::plan::stacks::{Allowance, Basis, Instance, instances, teardown};
use ha_deploy::rehearsal::backend::{Backend, Delivery, Transport, WebAnswer, WebRequest};
use ha_deploy::rehearsal::call::Call;
use ha_deploy::rehearsal::connector::http_client;
use ha_deploy::rehearsal::scenario::{self, Scenario};
use ha_deploy::rehearsal::setup::Setup;
use ha_deploy::rehearsal::world::Cloud;
use tokio_util::sync::CancellationToken;

pub(super) const REGION: &str = "eu-west-1";
const ACCOUNT: &str = "123456789012";
const EPOCH: Duration = Duration::from_secs(1_790_000_000);

/// Small: what has no database and no cache is provisioned in little time.
pub(super) const SMALL: &str = "\
version: 1
app: shop
environments:
  staging:
    suffix: stg
    region: eu-west-1
    accounts: [\"123456789012\"]
services:
  web:
    image: {repository: shop/web, tag: v1}
    port: 8080
    rollout: {alarms: [shop-web-5xx]}
    stack_parameters:
      service-codedeploy: {ImageUri: \"public.ecr.aws/nginx/nginx:1.29\"}
stack:
  database: none
";

pub(super) fn model(text: &str) -> Model {
    let lookup =
        Lookup { vars: BTreeMap::new(), git_sha: None, ssm: SsmLookup::Resolved(BTreeMap::new()) };
    let loaded = config::load(text.as_bytes(), Path::new("ha-deploy.yml"), None, &lookup);
    loaded.unwrap_or_else(|found| panic!("{found:#?}")).model
}

/// An account in which nothing stands but the registry's images.
pub(super) fn empty() -> Setup {
    let zones = ["a", "b", "c"].map(|zone| format!("{REGION}{zone}")).to_vec();
    Setup {
        account: ACCOUNT.to_owned(),
        region: REGION.to_owned(),
        epoch: EPOCH,
        zones,
        roles: Vec::new(),
        registry: None,
        services: Vec::new(),
        stacks: Vec::new(),
    }
}

pub(super) fn healthy() -> Scenario {
    scenario::find("healthy").unwrap().scenario().unwrap()
}

/// When a runner is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kill {
    Never,
    /// Before the call with this number has its effect.
    Before(u64),
    /// After the call with this number had its effect, before its answer comes.
    After(u64),
}

/// The cloud as one runner sees it.
pub(super) struct Way {
    cloud: Cloud,
    kill: Kill,
    /// The time at which the runner came: its clock begins at zero.
    came: Duration,
    pub(super) calls: Mutex<Vec<(Duration, String)>>,
    operations: Mutex<BTreeSet<String>>,
    count: AtomicU64,
    pub(super) killed: CancellationToken,
}

impl Way {
    fn silent(&self) -> Delivery {
        self.killed.cancel();
        let reply = Ok(serde_json::Value::Null);
        Delivery { reply, latency: Duration::ZERO, transport: Transport::Silent }
    }
}

impl Backend for Way {
    fn call(&self, now: Duration, call: &Call) -> Delivery {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        if self.kill == Kill::Before(number) {
            return self.silent();
        }
        let operation = format!("{}:{}", call.service, call.operation);
        self.operations.lock().unwrap().insert(operation);
        let stack = call.input.get("StackName").or(call.input.get("ChangeSetName"));
        let stack = stack.and_then(|name| name.as_str()).unwrap_or_default();
        // A further page belongs to the look that began with the first.
        let page = if call.input.get("NextToken").is_some() { "page of " } else { "" };
        self.calls.lock().unwrap().push((now, format!("{page}{} {stack}", call.operation)));
        let delivery = self.cloud.call(self.came + now, call);
        if self.kill == Kill::After(number) { self.silent() } else { delivery }
    }

    fn http(&self, now: Duration, request: &WebRequest) -> WebAnswer {
        self.cloud.http(self.came + now, request)
    }

    fn epoch(&self) -> Duration {
        self.cloud.epoch()
    }
}

#[derive(Clone, Default)]
pub(super) struct Events(pub(super) Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn emit(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

/// One run of a command.
pub(super) struct Run {
    /// `None`: it was killed.
    pub(super) outcome: Option<Outcome>,
    pub(super) events: Vec<Event>,
    pub(super) calls: Vec<(Duration, String)>,
    pub(super) took: Duration,
}

/// What a runner is to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    Provision(&'a [&'a str]),
    Destroy,
}

/// A world and its clock, for several runs.
pub(super) struct Stage {
    pub(super) cloud: Cloud,
    pub(super) now: Mutex<Duration>,
    pub(super) patience: Duration,
    /// The only stacks that are looked at; empty: all.
    pub(super) only: &'static [&'static str],
    /// Every operation that was called, as `<service>:<operation>`.
    pub(super) operations: Mutex<BTreeSet<String>>,
}

impl Stage {
    pub(super) fn new(setup: Setup, scenario: Scenario) -> Self {
        Self {
            cloud: Cloud::new(setup, scenario, 1),
            now: Mutex::new(Duration::ZERO),
            patience: Duration::from_secs(30 * 60),
            only: &[],
            operations: Mutex::default(),
        }
    }

    /// Lets time pass.
    pub(super) fn wait(&self, time: Duration) {
        let mut now = self.now.lock().unwrap();
        *now += time;
        self.cloud.signals(*now);
    }

    /// Runs something with clients of the world, in virtual time.
    pub(super) fn with<T>(
        &self,
        kill: Kill,
        work: impl AsyncFnOnce(&Aws, &Clock, &Way) -> T,
    ) -> (T, Vec<(Duration, String)>, Duration) {
        fastrand::seed(7);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let came = *self.now.lock().unwrap();
            let way = Arc::new(Way {
                cloud: self.cloud.clone(),
                kill,
                came,
                calls: Mutex::default(),
                operations: Mutex::default(),
                count: AtomicU64::new(0),
                killed: CancellationToken::new(),
            });
            let clock = Clock::starting_at(EPOCH + came);
            let backend: Arc<dyn Backend> = way.clone();
            let http = http_client(backend, clock);
            let keys = Credentials::new("AKIAREHEARSAL0000000", "x", None, None, "test");
            let config = SdkConfig::builder()
                .behavior_version(aws_config::BehaviorVersion::latest())
                .region(Region::new(REGION))
                .credentials_provider(SharedCredentialsProvider::new(keys))
                .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
                .time_source(SharedTimeSource::new(clock))
                .build();
            let aws = aws::rehearsed(config, http);
            let value = work(&aws, &clock, &way).await;
            self.operations.lock().unwrap().append(&mut way.operations.lock().unwrap());
            let took = clock.elapsed();
            *self.now.lock().unwrap() = came + took;
            let calls = way.calls.lock().unwrap().clone();
            (value, calls, took)
        })
    }

    pub(super) fn run(&self, model: &Model, job: Job<'_>, kill: Kill) -> Run {
        let events = Events::default();
        let sink = events.clone();
        let (outcome, calls, took) = self.with(kill, async |aws, clock, way| {
            let context = Provision {
                aws,
                clock,
                sink: &sink,
                cancel: CancellationToken::new(),
                role: None,
                allowed: match job {
                    Job::Provision(allowed) => allowed.iter().map(|r| (*r).to_owned()).collect(),
                    Job::Destroy => Allowance::new(),
                },
                patience: self.patience,
                environment: Some("staging".to_owned()),
            };
            tokio::select! {
                biased;
                () = way.killed.cancelled() => None,
                outcome = perform(model, job, self.only, &context) => Some(outcome),
            }
        });
        let events = events.0.lock().unwrap().clone();
        Run { outcome, events, calls, took }
    }

    /// Every stack with its status, parameters and outputs, and every published value.
    pub(super) fn picture(&self, model: &Model) -> BTreeMap<String, String> {
        let (picture, _, _) = self.with(Kill::Never, async |aws, _, _| {
            let observed = survey(aws, model).await;
            let mut picture = BTreeMap::new();
            for (key, stack) in &observed.stacks {
                let mut resources: Vec<String> = aws
                    .in_region(&key.region)
                    .stack_resources(&stack.name)
                    .await
                    .unwrap()
                    .into_iter()
                    .map(|r| (settled(&r.status), r))
                    .map(|(status, r)| format!("{} {} {status}", r.id, r.kind))
                    .collect();
                resources.sort();
                let policy = aws.in_region(&key.region).stack_policy(&stack.name).await.unwrap();
                let status = settled(stack.status.as_str());
                let what = format!("{status} {:?} {resources:?} {policy:?}", stack.tags);
                picture.insert(format!("{}/{}", key.region, key.name), what);
            }
            picture
        });
        picture
    }
}

/// A status without how it was reached.
fn settled(status: &str) -> String {
    status.replace("CREATE_", "").replace("UPDATE_", "")
}

pub(super) async fn survey(aws: &Aws, model: &Model) -> ObservedStacks {
    let mut regions = BTreeSet::from([REGION.to_owned()]);
    let stack = model.stack.as_ref().unwrap();
    regions.extend(stack.recovery_region.clone());
    if stack.uses("cdn") {
        regions.insert("us-east-1".to_owned());
    }
    observe::stacks(aws, &regions).await.unwrap()
}

pub(super) fn wanted(model: &Model, observed: &ObservedStacks) -> Vec<Instance> {
    let account = AccountId::new(ACCOUNT).unwrap();
    instances(Basis { model, account: Some(&account), observed }).unwrap()
}

async fn perform(model: &Model, job: Job<'_>, only: &[&str], context: &Provision<'_>) -> Outcome {
    let observed = survey(context.aws, model).await;
    match job {
        Job::Provision(_) => {
            let mut instances = wanted(model, &observed);
            instances.retain(|one| only.is_empty() || only.contains(&one.name.as_str()));
            provision::provision(context, &instances).await
        }
        Job::Destroy => {
            let graves = teardown(model, &observed);
            provision::destroy(context, &graves, &Destroy::default()).await
        }
    }
}
