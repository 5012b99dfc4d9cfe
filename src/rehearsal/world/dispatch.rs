//! One API call: faults on the way, then the service that answers.

use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, LogNormal};
use serde_json::Value;

use super::World;
use super::input::prune;
use crate::rehearsal::backend::{Delivery, Transport};
use crate::rehearsal::call::{ApiError, Call, Reply};

/// Services whose errors have the names of the query protocol.
fn speaks_query(service: &str) -> bool {
    matches!(service, "elbv2" | "sts" | "cloudwatch" | "cloudformation" | "s3")
}

fn throttled(service: &str) -> ApiError {
    match service {
        "synthetics" => ApiError::new("TooManyRequestsException", "Too Many Requests").status(429),
        "s3" => ApiError::new("SlowDown", "Please reduce your request rate.").status(503),
        _ if speaks_query(service) => ApiError::new("Throttling", "Rate exceeded"),
        _ => ApiError::new("ThrottlingException", "Rate exceeded"),
    }
}

impl World {
    /// Answers a call, through the faults of the scenario.
    pub(super) fn answer(&mut self, call: &Call) -> Delivery {
        let name = format!("{}:{}", call.service, call.operation);
        *self.tally.api_calls.entry(name).or_default() += 1;
        self.tally.call_times_s.push(self.client_time(self.now));
        let latency = self.call_latency();
        // Four draws for each call, whatever comes of it: the faults of the next one stay.
        let draws: [f64; 4] = std::array::from_fn(|_| self.fault_rng.random());
        let faults = &self.scenario.faults;
        let (throttle, reset, silent) =
            (draws[0] < faults.throttle, draws[1] < faults.reset, draws[2] < faults.silent);
        let lost = (reset || silent) && draws[3] >= self.assumptions.lost_effect;
        let reply = match () {
            // The request never came; nobody reads this reply.
            () if lost => Err(ApiError::new("RequestTimeout", "The request was lost")),
            () if throttle => Err(throttled(call.service)),
            () => self.checked(call),
        };
        let transport = match () {
            () if silent => Transport::Silent,
            () if reset => Transport::Reset,
            () => Transport::Delivered,
        };
        Delivery { reply, latency, transport }
    }

    fn call_latency(&mut self) -> Duration {
        let latency = self.scenario.faults.latency;
        let median = latency.median.as_secs_f64().max(0.000_1);
        let seconds = LogNormal::new(median.ln(), latency.sigma)
            .map_or(median, |law| law.sample(&mut self.fault_rng));
        Duration::try_from_secs_f64(seconds.min(60.0)).unwrap_or_default()
    }

    /// Answers a call unless it is denied or signed with expired credentials.
    fn checked(&mut self, call: &Call) -> Reply {
        if self.guards.sts.expired(self.now, &call.access_key) {
            let code =
                if speaks_query(call.service) { "ExpiredToken" } else { "ExpiredTokenException" };
            let text = "The security token included in the request is expired";
            return Err(ApiError::new(code, text).status(403));
        }
        let mut denied = self.scenario.faults.deny.iter();
        if denied.any(|deny| deny.service == call.service && deny.operation == call.operation) {
            return Err(self.denied(call));
        }
        let mut reply = self.route(call);
        if let Ok(value) = &mut reply {
            prune(value);
        }
        reply
    }

    fn denied(&self, call: &Call) -> ApiError {
        let prefix = match call.service {
            "elbv2" => "elasticloadbalancing",
            other => other,
        };
        let text = format!(
            "User: arn:aws:sts::{}:assumed-role/ha-deploy/rehearsal is not authorized to perform: \
             {prefix}:{} because no identity-based policy allows the {prefix}:{} action",
            self.setup.account, call.operation, call.operation
        );
        if speaks_query(call.service) {
            ApiError::new("AccessDenied", text).status(403)
        } else {
            ApiError::new("AccessDeniedException", text)
        }
    }

    fn route(&mut self, call: &Call) -> Reply {
        let (now, operation, input): (Duration, &str, &Value) =
            (self.now, call.operation, &call.input);
        let guards = &mut self.guards;
        let own = match call.service {
            "cloudwatch" => return guards.cloudwatch.call(now, operation, input),
            "logs" => return guards.logs.call(now, operation, input),
            "synthetics" => return guards.synthetics.call(now, operation, input),
            "application-autoscaling" => return guards.autoscaling.call(now, operation, input),
            "ssm" => return guards.ssm_in(&call.region).call(now, operation, input),
            "s3" => return guards.s3.call(now, &call.region, operation, input),
            "backup" => return guards.backup_in(&call.region).call(operation, input),
            "cloudformation" => return self.stacks_call(&call.region, operation, input),
            "ecr" => return guards.ecr.call(now, operation, input),
            "sts" => return guards.sts.call_as(now, &call.access_key, operation, input),
            "ecs" | "elbv2" | "codedeploy" if call.region != self.setup.region => None,
            "ecs" => self.ecs_call(operation, input),
            "elbv2" => self.elb_call(operation, input),
            "codedeploy" => self.codedeploy_call(operation, input),
            _ => None,
        };
        own.unwrap_or_else(|| {
            let (service, region) = (call.service, &call.region);
            let text =
                format!("the embedded cloud does not simulate {service}:{operation} in {region}");
            Err(ApiError::new("UnknownOperationException", text).status(501))
        })
    }
}
