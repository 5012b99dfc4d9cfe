//! Tests that run the image.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{DEPENDENCY, Wish};
use crate::clock::Clock;
use crate::docker::container::{self, Confinement, Container};
use crate::docker::engine::Engine;
use crate::docker::http::{Reply, get};
use crate::docker::inspect::ImageFacts;
use crate::domain::ImageFinding as Finding;
use crate::error::Error;

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// Requests that are in flight at SIGTERM.
const IN_FLIGHT: usize = 4;
/// Time for those requests to arrive before SIGTERM.
const AHEAD: Duration = Duration::from_millis(300);
/// Time for a process to close its port after SIGTERM.
const CLOSING: Duration = Duration::from_millis(500);
/// How long a container must stay up with its dependency away.
const STAYS: Duration = Duration::from_secs(3);

const CONFINED: Confinement = Confinement { read_only: true, no_capabilities: true };

/// What the tests need.
pub(super) struct Bench<'a> {
    pub(super) engine: &'a Engine,
    pub(super) image: &'a str,
    pub(super) facts: &'a ImageFacts,
    pub(super) wish: &'a Wish,
    pub(super) clock: &'a Clock,
    pub(super) cancel: &'a CancellationToken,
}

/// How a start went.
enum Start {
    /// It listens here.
    Up(SocketAddr),
    /// It ended.
    Ended(String),
    /// It runs, and nothing answers; where its sockets listen, if that is known.
    Silent(Option<Vec<SocketAddr>>),
}

impl Bench<'_> {
    pub(super) async fn judge(&self) -> Result<Vec<Finding>, Error> {
        let mut findings = Vec::new();
        let confinement = self.starts(&mut findings).await?;
        if let Some(confinement) = confinement {
            let container = self.container(confinement, &BTreeMap::new()).await?;
            let judged = self.serving(&container, &mut findings).await;
            container.remove().await;
            judged?;
        } else {
            for name in
                ["health", "ready", "live", "metrics", "finishes-in-flight", "refuses-new", "exits"]
            {
                findings.push(Finding::untested(name, "it does not serve"));
            }
        }
        findings.push(self.dependency(confinement).await?);
        Ok(findings)
    }

    async fn container(
        &self,
        confinement: Confinement,
        more: &BTreeMap<String, String>,
    ) -> Result<Container<'_>, Error> {
        let mut environment = self.wish.environment.clone();
        environment.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
        let (engine, wish) = (self.engine, self.wish);
        Container::start(
            engine,
            self.image,
            wish.port,
            confinement,
            &environment,
            self.clock,
            self.cancel,
        )
        .await
    }

    /// Starts it as confined as Fargate can, and, when that fails, finds what it is that it needs.
    /// Gives the confinement in which it serves.
    async fn starts(&self, findings: &mut Vec<Finding>) -> Result<Option<Confinement>, Error> {
        let first = self.try_start(CONFINED).await?;
        let confined = |findings: &mut Vec<Finding>, read_only, no_capabilities| {
            findings.push(Finding::judged(
                "read-only-root",
                read_only,
                if read_only { "starts with a read-only root" } else { "ends unless it can write to its root" },
                "Write to a volume, or nowhere: `readonlyRootFilesystem` keeps an intruder from planting files.",
            ));
            findings.push(Finding::judged(
                "capabilities",
                no_capabilities,
                if no_capabilities { "starts without any" } else { "ends unless it has capabilities" },
                "Do without them: listen above port 1023, and set owners of files in the Dockerfile.",
            ));
        };
        match first {
            Start::Up(_) => {
                findings.push(Finding::pass(
                    "starts",
                    format!("within {} s", self.wish.start.as_secs()),
                ));
                confined(findings, true, true);
                findings.push(Finding::pass(
                    "listens",
                    format!("on port {} of all addresses", self.wish.port),
                ));
                Ok(Some(CONFINED))
            }
            Start::Silent(sockets) => {
                self.silent(sockets, findings);
                Ok(None)
            }
            Start::Ended(why) => {
                for (read_only, no_capabilities) in [(false, true), (true, false), (false, false)] {
                    let looser = Confinement { read_only, no_capabilities };
                    if let Start::Up(_) = self.try_start(looser).await? {
                        findings.push(Finding::pass("starts", "when it is less confined"));
                        confined(findings, read_only, no_capabilities);
                        findings.push(Finding::pass(
                            "listens",
                            format!("on port {} of all addresses", self.wish.port),
                        ));
                        return Ok(Some(looser));
                    }
                }
                findings.push(Finding::fail(
                    "starts",
                    why,
                    "Run it (`docker run`) and read its log; variables that it needs go into `image.check.environment`.",
                ));
                for name in ["read-only-root", "capabilities", "listens"] {
                    findings.push(Finding::untested(name, "it does not start"));
                }
                Ok(None)
            }
        }
    }

    /// Nothing answers. The kernel may know whether it listens elsewhere.
    fn silent(&self, sockets: Option<Vec<SocketAddr>>, findings: &mut Vec<Finding>) {
        let (limit, port) = (self.wish.start.as_secs(), self.wish.port);
        let mend = format!(
            "Listen on 0.0.0.0:{port}: the load balancer does not come from 127.0.0.1; or mend `port`."
        );
        let nowhere = sockets.as_ref().is_some_and(Vec::is_empty);
        if nowhere {
            let found = format!("it runs, but listens nowhere after {limit} s");
            findings.push(Finding::fail("starts", found, "Start faster, or raise `image.check.start`: ECS replaces tasks that take longer than the grace period."));
        } else {
            findings.push(Finding::pass("starts", "its process runs"));
        }
        for name in ["read-only-root", "capabilities"] {
            findings.push(Finding::pass(name, "its process runs without"));
        }
        findings.push(match sockets {
            _ if nowhere => Finding::untested("listens", "it listens nowhere yet"),
            Some(sockets) => {
                let sockets: Vec<String> = sockets.iter().map(SocketAddr::to_string).collect();
                Finding::fail(
                    "listens",
                    format!("on {}, not on port {port} of all addresses", sockets.join(", ")),
                    mend,
                )
            }
            None => Finding::fail(
                "listens",
                format!("nothing answers on port {port} after {limit} s"),
                mend,
            ),
        });
    }

    async fn try_start(&self, confinement: Confinement) -> Result<Start, Error> {
        let container = self.container(confinement, &BTreeMap::new()).await?;
        let start = self.wait(&container).await;
        container.remove().await;
        start
    }

    /// Waits until something listens, the process ends, or the limit is over.
    async fn wait(&self, container: &Container<'_>) -> Result<Start, Error> {
        let begin = self.clock.elapsed();
        loop {
            let state = container.state(self.cancel).await?;
            if !state.running {
                return Ok(Start::Ended(
                    self.ended(container, state.exit_code, state.out_of_memory).await,
                ));
            }
            for (index, address) in state.addresses.iter().enumerate() {
                if self.listens(*address, index > 0).await {
                    return Ok(Start::Up(*address));
                }
            }
            if self.clock.elapsed().saturating_sub(begin) > self.wish.start {
                return Ok(Start::Silent(container::listening(state.process)));
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// Whether an address takes connections. Docker's proxy takes them for every published port, so
    /// there only an answer counts.
    async fn listens(&self, address: SocketAddr, proxied: bool) -> bool {
        if proxied {
            return matches!(
                get(address, &self.wish.health, self.wish.answer).await,
                Reply::Whole(_) | Reply::Late
            );
        }
        let connect = tokio::net::TcpStream::connect(address);
        matches!(tokio::time::timeout(Duration::from_secs(1), connect).await, Ok(Ok(_)))
    }

    async fn ended(&self, container: &Container<'_>, code: i32, out_of_memory: bool) -> String {
        let logs = container.logs(self.cancel).await;
        let last = logs.last().map(|line| format!("; last line: {line}")).unwrap_or_default();
        let memory = if out_of_memory { ", out of memory" } else { "" };
        format!("it ended with exit code {code}{memory}{last}")
    }

    /// What it answers, and how it stops.
    async fn serving(
        &self,
        container: &Container<'_>,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let Start::Up(address) = self.wait(container).await? else {
            for name in
                ["health", "ready", "live", "metrics", "finishes-in-flight", "refuses-new", "exits"]
            {
                findings.push(Finding::fail(
                    name,
                    "it started before and did not start again",
                    "Run the check again; if this stays, the image starts by chance.",
                ));
            }
            return Ok(());
        };
        let wish = self.wish;
        let mend = format!(
            "Answer GET {} with 200 within {} s when the task can serve.",
            wish.health,
            wish.answer.as_secs()
        );
        let reply = self.until_good(address, &wish.health).await;
        findings.push(Finding::judged(
            "health",
            reply.good(),
            format!("{}: {}", wish.health, reply.words()),
            mend,
        ));
        for (name, path, mend) in [
            ("ready", &wish.ready, "Answer 200 when new requests should come here, 503 when not."),
            ("live", &wish.live, "Answer 200 as long as the process works at all."),
            ("metrics", &wish.metrics, "Answer 200 with the metrics."),
        ] {
            findings.push(match path {
                None => Finding::untested(name, format!("no path is given (`image.check.{name}`)")),
                // What an image answers badly everywhere is said once, by its health.
                Some(_) if !reply.good() => Finding::untested(name, "it is not healthy"),
                Some(path) => {
                    let reply = self.until_good(address, path).await;
                    Finding::judged(name, reply.good(), format!("{path}: {}", reply.words()), mend)
                }
            });
        }
        self.stopping(container, address, reply.good(), findings).await
    }

    /// Asks until the answer is good or the start's limit is over.
    async fn until_good(&self, address: SocketAddr, path: &str) -> Reply {
        let begin = self.clock.elapsed();
        loop {
            let reply = get(address, path, self.wish.answer).await;
            // A path that is not there will not come.
            let final_answer =
                reply.good() || reply == Reply::Whole(404) || self.cancel.is_cancelled();
            if final_answer || self.clock.elapsed().saturating_sub(begin) > self.wish.start {
                return reply;
            }
            self.clock.sleep(LOOK * 3).await;
        }
    }

    async fn stopping(
        &self,
        container: &Container<'_>,
        address: SocketAddr,
        healthy: bool,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Error> {
        let wish = self.wish;
        let path = wish.in_flight.as_deref().filter(|_| healthy);
        let limit = wish.stop + wish.answer;
        let requests: Vec<_> = path
            .into_iter()
            .flat_map(|path| std::iter::repeat_n(path.to_owned(), IN_FLIGHT))
            .map(|path| tokio::spawn(async move { get(address, &path, limit).await }))
            .collect();
        self.clock.sleep(AHEAD).await;
        let early = requests.iter().filter(|request| request.is_finished()).count();
        container.signal(&self.facts.stop_signal, self.cancel).await?;
        let begin = self.clock.elapsed();
        let newcomer = async {
            self.clock.sleep(CLOSING).await;
            get(address, &wish.health, wish.answer.min(Duration::from_secs(2))).await
        };
        let answers = async {
            let mut replies = Vec::new();
            for request in requests {
                replies.push(request.await.unwrap_or(Reply::Cut));
            }
            replies
        };
        let (fresh, replies, exit) = tokio::join!(newcomer, answers, self.exit(container, begin));
        let exit = exit?;
        let signal = &self.facts.stop_signal;
        findings.push(self.in_flight(early, &replies, healthy));
        // Its address may be another container's by then, which would answer for it.
        let gone = exit.as_ref().is_some_and(|(_, took)| *took < CLOSING);
        let refused = gone || matches!(fresh, Reply::Refused | Reply::Cut | Reply::Whole(503));
        let ignored = exit.is_none() && !refused;
        findings.push(if ignored {
            Finding::untested("refuses-new", format!("{signal} is ignored altogether"))
        } else {
            Finding::judged(
                "refuses-new",
                refused,
                match gone {
                    true => format!("it had ended {} ms after {signal}", CLOSING.as_millis()),
                    false => format!("a new request after {signal}: {}", fresh.words()),
                },
                "Close the listening socket first, then finish what is in flight; so nobody is sent to a task that is leaving.",
            )
        });
        findings.push(match exit {
            None => Finding::fail(
                "exits",
                format!("it still ran {} s after {signal} and had to be killed", wish.stop.as_secs()),
                "Handle the signal and end by itself. A shell as the first process does not pass it on: use the exec form of CMD and ENTRYPOINT.",
            ),
            Some((code, took)) => Finding::judged(
                "exits",
                matches!(code, 0 | 143),
                format!("with exit code {code}, {:.1} s after {signal}", took.as_secs_f64()),
                "End with exit code 0 after an ordered stop; anything else looks like a crash.",
            ),
        });
        Ok(())
    }

    fn in_flight(&self, early: usize, replies: &[Reply], healthy: bool) -> Finding {
        const NAME: &str = "finishes-in-flight";
        if replies.is_empty() {
            let why = if healthy {
                "name a path that takes a second or more (`image.check.in_flight`)"
            } else {
                "it is not healthy"
            };
            return Finding::untested(NAME, why);
        }
        let good = replies.iter().filter(|reply| reply.good()).count();
        if early > 0 && good == replies.len() {
            let why = "the answers came before the signal: name a path that takes a second or more (`image.check.in_flight`)";
            return Finding::untested(NAME, why);
        }
        let worst = replies.iter().find(|reply| !reply.good());
        let found = match worst {
            None => format!("all {} requests in flight were answered", replies.len()),
            Some(reply) => format!(
                "{} of {} requests in flight were not answered: {}",
                replies.len() - good,
                replies.len(),
                reply.words()
            ),
        };
        Finding::judged(
            NAME,
            worst.is_none(),
            found,
            "Wait for open requests after SIGTERM before the process ends, for as long as `stop_timeout` allows.",
        )
    }

    /// Waits until it ends by itself; `None`: it did not within the stop timeout.
    async fn exit(
        &self,
        container: &Container<'_>,
        begin: Duration,
    ) -> Result<Option<(i32, Duration)>, Error> {
        loop {
            let state = container.state(self.cancel).await?;
            let took = self.clock.elapsed().saturating_sub(begin);
            if !state.running {
                return Ok(Some((state.exit_code, took)));
            }
            if took > self.wish.stop {
                return Ok(None);
            }
            self.clock.sleep(LOOK).await;
        }
    }

    /// Starts it with its dependency away: it must not end, and must not say that it is ready.
    async fn dependency(&self, confinement: Option<Confinement>) -> Result<Finding, Error> {
        if self.wish.away.is_empty() {
            return Ok(Finding::untested(
                DEPENDENCY,
                "name the variables that point elsewhere (`image.check.away`)",
            ));
        }
        let Some(confinement) = confinement else {
            return Ok(Finding::untested(DEPENDENCY, "it does not serve"));
        };
        let container = self.container(confinement, &self.wish.away).await?;
        let judged = self.without(&container).await;
        container.remove().await;
        judged
    }

    async fn without(&self, container: &Container<'_>) -> Result<Finding, Error> {
        let mend = "Start without it, answer 503 at the readiness path and try again: a dependency that blinks must not end every task at once.";
        let address = match self.wait(container).await? {
            Start::Up(address) => address,
            Start::Ended(why) => return Ok(Finding::fail(DEPENDENCY, why, mend)),
            Start::Silent(_) => {
                return Ok(Finding::fail(DEPENDENCY, "it does not listen without it", mend));
            }
        };
        self.clock.sleep(STAYS).await;
        let state = container.state(self.cancel).await?;
        if !state.running {
            let why = self.ended(container, state.exit_code, state.out_of_memory).await;
            return Ok(Finding::fail(DEPENDENCY, why, mend));
        }
        let Some(path) = &self.wish.ready else {
            return Ok(Finding::pass(DEPENDENCY, "it stays up"));
        };
        let reply = get(address, path, self.wish.answer).await;
        let ready = reply.good();
        let found = if ready {
            format!("it says that it is ready: {}", reply.words())
        } else {
            format!("it stays up; {path}: {}", reply.words())
        };
        Ok(Finding::judged(DEPENDENCY, !ready, found, mend))
    }
}
