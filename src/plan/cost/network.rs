//! Charges of networks, load balancers, DNS, CDN and WAF.

use crate::catalog::evaluate::Resolved;

use super::money::{Amount, Span};
use super::sheet::{Charge, Sheet, Site};

/// Seconds of a month of 730 hours.
const SECONDS: u64 = 2_628_000;

/// KiB of a GB, as AWS measures data.
const KIB_PER_GB: u64 = 1_048_576;

impl Sheet<'_> {
    /// Charges a resource of this file's types; `false`: it is none.
    pub(super) fn network(&mut self, site: Site<'_>) -> bool {
        match site.resource.kind.as_str() {
            "AWS::EC2::NatGateway" => self.nat(site),
            "AWS::EC2::EIP" => self.charge(site, Charge::hourly("ipv4-hour", 1)),
            "AWS::EC2::VPCEndpoint" => self.endpoint(site),
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => self.load_balancer(site),
            "AWS::Route53::HostedZone" => self.charge(site, Charge::fixed("hosted-zone", 1)),
            "AWS::Route53::HealthCheck" => self.health_check(site),
            "AWS::WAFv2::WebACL" => self.web_acl(site),
            "AWS::CloudFront::Distribution" => self.distribution(site),
            _ => return false,
        }
        true
    }

    fn nat(&mut self, site: Site<'_>) {
        if site.text(&["AvailabilityMode"]).as_deref() != Some("regional") {
            return self.charge(site, Charge::hourly("nat-hour", 1));
        }
        // A regional gateway is charged for each zone that it serves, and brings its own addresses.
        let zones = self.zones;
        let note = format!("a regional gateway in {zones} zones");
        self.charge(site, Charge::hourly("nat-hour", zones).note(note.clone()));
        self.charge(site, Charge::hourly("ipv4-hour", zones).note(note));
    }

    fn endpoint(&mut self, site: Site<'_>) {
        match site.text(&["VpcEndpointType"]).as_deref() {
            // The default of the type (CloudFormation resource reference).
            None | Some("Gateway") => self.free(site, "gateway endpoints cost nothing"),
            Some("Interface") => {
                let subnets = site.at(&["SubnetIds"]).and_then(Resolved::list);
                let zones = subnets.map_or(self.zones, |all| u64::try_from(all.len()).unwrap_or(1));
                let note = format!("in {zones} zones");
                self.charge(site, Charge::hourly("endpoint-hour", zones).note(note));
            }
            Some(other) => self.unpriced(site, format!("endpoints of type {other}")),
        }
    }

    fn load_balancer(&mut self, site: Site<'_>) {
        match site.text(&["Type"]).as_deref() {
            None | Some("application") => {}
            Some(other) => return self.unpriced(site, format!("load balancers of type {other}")),
        }
        self.charge(site, Charge::hourly("alb-hour", 1));
        if site.text(&["Scheme"]).as_deref() != Some("internal") {
            let zones = self.zones;
            let note =
                format!("one address in each of {zones} zones; a busy load balancer has more");
            self.charge(site, Charge::hourly("ipv4-hour", zones).note(note));
        }
        let gigabytes = self.answered(self.usage.requests_per_second, self.usage.response_kib);
        // An LCU covers one GB an hour (page `elb`), so that a GB is an LCU-hour.
        self.charge(
            site,
            Charge::usage("alb-lcu-hour", gigabytes)
                .note("by processed bytes; many connections or rules may need more"),
        );
        self.charge(
            site,
            Charge::usage("internet-gb", gigabytes)
                .note("all answers leave AWS; tiers above 10 TB are cheaper"),
        );
    }

    /// GB that leave in a month.
    fn answered(&self, per_second: Span<Amount>, kib: Span<Amount>) -> Span<Amount> {
        per_second.with(kib, |requests, kib| {
            requests.times(Amount::from(SECONDS)).times(kib).over(KIB_PER_GB)
        })
    }

    fn health_check(&mut self, site: Site<'_>) {
        let config = |name: &'static str| site.at(&["HealthCheckConfig", name]);
        let kind = config("Type").and_then(Resolved::scalar).unwrap_or_default();
        // Calculated checks and checks of alarms count as basic checks in AWS (page `route53`).
        let inside = matches!(kind.as_str(), "CALCULATED" | "CLOUDWATCH_METRIC");
        let mut options = 0_u64;
        options += u64::from(kind.starts_with("HTTPS"));
        options += u64::from(kind.ends_with("STR_MATCH"));
        options += u64::from(config("RequestInterval").and_then(Resolved::whole) == Some(10));
        options += u64::from(config("MeasureLatency").and_then(Resolved::flag) == Some(true));
        let note = "an endpoint in AWS; one elsewhere costs more";
        let check = Charge::fixed("health-check-aws", 1);
        self.charge(site, if inside { check } else { check.note(note) });
        if options > 0 {
            let charge = Charge::fixed("health-check-option-aws", options);
            self.charge(site, charge.note("HTTPS, text match, fast interval, latency"));
        }
    }

    fn web_acl(&mut self, site: Site<'_>) {
        self.charge(site, Charge::fixed("waf-acl", 1));
        match site.at(&["Rules"]).and_then(Resolved::list) {
            Some(rules) => {
                let count = u64::try_from(rules.len()).unwrap_or(u64::MAX);
                self.charge(site, Charge::fixed("waf-rule", count));
            }
            None => self.unpriced(site, "its rules are not known"),
        }
        let cdn = site.text(&["Scope"]).as_deref() == Some("CLOUDFRONT");
        let requests =
            if cdn { self.usage.cdn_requests_per_second } else { self.usage.requests_per_second };
        let millions = requests.map(|one| one.times(Amount::from(SECONDS)).over(1_000_000));
        self.charge(site, Charge::usage("waf-requests", millions));
    }

    fn distribution(&mut self, site: Site<'_>) {
        let requests = self.usage.cdn_requests_per_second;
        let gigabytes = self.answered(requests, self.usage.cdn_response_kib);
        let elsewhere = "viewers in North America and Europe; 1 TB a month is free for an account";
        self.charge(site, Charge::usage("cdn-gb", gigabytes).note(elsewhere));
        let requests = requests.map(|one| one.times(Amount::from(SECONDS)).over(10_000));
        self.charge(
            site,
            Charge::usage("cdn-requests", requests)
                .note("viewers in North America; 10 million a month are free for an account"),
        );
    }
}
