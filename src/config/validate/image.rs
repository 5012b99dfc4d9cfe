//! The image of one service.

use std::collections::BTreeMap;
use std::time::Duration;

use time::macros::format_description;
use time::{Date, Time};

use super::Site;
use super::service::{looks_secret, time};
use crate::config::diagnostic::Code;
use crate::config::model::{
    ImageBuild, ImageCheck, ImageSelector, ImageSource, ScanGate, ScanSeverity,
};
use crate::config::raw;
use crate::config::source::{Fault, Faults};
use crate::domain::ImageDigest;

pub(super) fn image(raw: raw::Image, site: Site<'_>, faults: &mut Faults) -> Option<ImageSource> {
    if raw.tag.is_some() && raw.digest.is_some() {
        let message = format!("the image of {} has both a tag and a digest", site.name());
        faults.push(
            Fault::new(Code::Contradiction, site.key(&["image", "tag"]), message)
                .help("keep the digest; a tag can be moved to another image")
                .related(site.key(&["image", "digest"]), "the digest"),
        );
    }
    for (key, given) in [("tag", raw.tag.is_some()), ("digest", raw.digest.is_some())] {
        if given && raw.build.is_some() {
            let message = format!("the image of {} is built, and has a {key}", site.name());
            faults.push(
                Fault::new(Code::Contradiction, site.key(&["image", key]), message)
                    .help(format!(
                        "remove `{key}`: what is built is pushed under a tag of its own and deployed by digest"
                    ))
                    .related(site.key(&["image", "build"]), "the build"),
            );
        }
    }
    let selector = match (raw.digest, raw.tag) {
        (Some(digest), _) => Some(ImageSelector::Digest(ImageDigest::new(&digest.0)?)),
        (None, Some(tag)) => Some(ImageSelector::Tag(tag.0)),
        (None, None) => None,
    };
    let build = match raw.build {
        Some(raw) => Some(build(raw, site, faults)?),
        None => None,
    };
    let scan = raw.scan.map(|raw| scan(raw, site, faults));
    Some(ImageSource {
        repository: raw.repository?.0,
        selector,
        build,
        check: check(raw.check.unwrap_or_default()),
        scan,
    })
}

fn build(raw: raw::Build, site: Site<'_>, faults: &mut Faults) -> Option<ImageBuild> {
    let args = raw.args.map(|args| args.0).unwrap_or_default();
    for (name, value) in &args {
        if looks_secret(value) {
            let at = site.at(&["image", "build", "args", name]);
            faults.mask(at);
            let message = format!("the build argument `{name}` looks like a secret");
            faults.push(Fault::new(Code::LiteralSecret, at, message).warning().help(
                "name it under `secrets` and use `RUN --mount=type=secret`; everyone who can pull \
                 the image can read its build arguments",
            ));
        }
    }
    let secrets = raw.secrets.map(|secrets| secrets.0).unwrap_or_default();
    Some(ImageBuild {
        context: raw.context?.0,
        dockerfile: raw.dockerfile.map_or_else(|| "Dockerfile".to_owned(), |text| text.0),
        target: raw.target.map(|text| text.0),
        args,
        secrets: secrets.into_iter().map(|(id, variable)| (id, variable.0)).collect(),
        cache: raw.cache.map(|text| text.0),
        context_limit: raw.context_limit.unwrap_or(1024),
    })
}

fn check(raw: raw::Check) -> ImageCheck {
    let map = |map: Option<raw::Keyed<_, String>>| map.map(|map| map.0).unwrap_or_default();
    let accept = raw.accept.unwrap_or_default();
    ImageCheck {
        enabled: raw.enabled.unwrap_or(true),
        health: raw.health.map_or_else(|| "/health".to_owned(), |path| path.0),
        ready: raw.ready.map(|path| path.0),
        live: raw.live.map(|path| path.0),
        metrics: raw.metrics.map(|path| path.0),
        in_flight: raw.in_flight.map(|path| path.0),
        environment: map(raw.environment),
        away: map(raw.away),
        start: time(raw.start.as_ref()).unwrap_or(Duration::from_secs(10)),
        answer: time(raw.answer.as_ref()).unwrap_or(Duration::from_secs(5)),
        max_size: raw.max_size.unwrap_or(1024),
        max_layers: raw.max_layers.unwrap_or(40),
        accept: accept.into_iter().map(|name| name.0).collect(),
    }
}

fn scan(raw: raw::Scan, site: Site<'_>, faults: &mut Faults) -> ScanGate {
    let mut allow = BTreeMap::new();
    for allowed in raw.allow.unwrap_or_default() {
        let (Some(id), Some(until)) = (allowed.id, allowed.until) else { continue };
        let format = format_description!("[year]-[month]-[day]");
        let Some(next) = Date::parse(&until.0, format).ok().and_then(Date::next_day) else {
            let message = format!("there is no day {}", until.0);
            let at = site.at(&["image", "scan", "allow"]);
            faults.push(Fault::new(Code::InvalidValue, at, message).help("mend `until`"));
            continue;
        };
        // The day itself counts: it ends when the next one begins, in UTC.
        allow.insert(id.0, next.with_time(Time::MIDNIGHT).assume_utc().unix_timestamp());
    }
    ScanGate {
        severity: match raw.severity.unwrap_or(raw::Severity::Critical) {
            raw::Severity::Critical => ScanSeverity::Critical,
            raw::Severity::High => ScanSeverity::High,
            raw::Severity::Medium => ScanSeverity::Medium,
            raw::Severity::Low => ScanSeverity::Low,
        },
        wait: time(raw.wait.as_ref()).unwrap_or(Duration::from_secs(300)),
        allow,
    }
}
