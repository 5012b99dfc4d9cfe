//! Single web requests from outside: smoke tests and canaries.

use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, LogNormal};

use super::World;
use super::behaviour;
use super::elb::Health;
use crate::rehearsal::backend::{WebAnswer, WebRequest};

impl World {
    /// Answers a request as the listener of that host and port does.
    pub(super) fn web(&mut self, request: &WebRequest) -> WebAnswer {
        let host = request.host.to_ascii_lowercase();
        let balancer = self.elb.balancers.iter().find(|b| b.dns.eq_ignore_ascii_case(&host));
        let Some(balancer) = balancer else { return WebAnswer::UnknownHost };
        let listener = balancer.listeners.iter().find(|l| l.port == request.port);
        let Some(listener) = listener else { return WebAnswer::Refused };
        let forward = listener.route(&request.path).clone();
        let total: u32 = forward.iter().map(|(_, weight)| weight).sum();
        if total == 0 {
            return self.balancer_error(503, "503 Service Temporarily Unavailable");
        }
        let mut draw = self.web_rng.random_range(0..total);
        for (group, weight) in forward {
            if draw < weight {
                return self.ask_group(group, &request.path);
            }
            draw -= weight;
        }
        self.balancer_error(503, "503 Service Temporarily Unavailable")
    }

    fn balancer_error(&self, status: u16, title: &str) -> WebAnswer {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
             </center>\r\n</body>\r\n</html>\r\n"
        );
        WebAnswer::Response { status, body, latency: Duration::from_millis(5) }
    }

    /// Asks one target of a group, as the load balancer would choose it.
    fn ask_group(&mut self, group: usize, path: &str) -> WebAnswer {
        let Some(entry) = self.elb.groups.get(group) else {
            return self.balancer_error(503, "503 Service Temporarily Unavailable");
        };
        let any_healthy = entry.healthy_count() > 0;
        let fits =
            |health: Health| health == Health::Healthy || (!any_healthy && !health.is_draining());
        let targets: Vec<(String, usize)> = entry
            .targets
            .iter()
            .filter(|target| fits(target.health))
            .map(|target| (target.task.clone(), target.zone))
            .collect();
        let (health_path, name) = (entry.path.clone(), entry.name.clone());
        if targets.is_empty() {
            return self.balancer_error(503, "503 Service Temporarily Unavailable");
        }
        let chosen = self.web_rng.random_range(0..targets.len());
        let Some((task, zone)) = targets.get(chosen) else {
            return self.balancer_error(503, "503 Service Temporarily Unavailable");
        };
        let out = self.zones_out.get(*zone).is_some_and(Option::is_some);
        let role = self.ecs.task(task).filter(|task| task.listens() && !out).map(|t| t.role);
        let Some(role) = role else {
            return self.balancer_error(504, "504 Gateway Time-out");
        };
        let behaviour = behaviour::of(&self.scenario, role);
        let asked = path.split('?').next().unwrap_or(path);
        let status = if asked == health_path { behaviour.health } else { behaviour.smoke };
        let served = behaviour::served(&self.scenario, &self.incidents, role);
        let seconds = LogNormal::new(served.median.ln(), served.sigma)
            .map_or(served.median, |law| law.sample(&mut self.web_rng));
        let page = self.setup.services.iter().find_map(|service| {
            let own = service.blue_target_group == name || service.green_target_group == name;
            own.then(|| service.pages.get(asked)).flatten()
        });
        let body = match (status < 400, page) {
            (true, Some(page)) => page.as_str(),
            (true, None) => "ok",
            (false, _) => "error",
        };
        WebAnswer::Response {
            status,
            body: body.to_owned(),
            latency: Duration::try_from_secs_f64(seconds.min(60.0)).unwrap_or_default(),
        }
    }
}
