//! `check-image`: tests an image on the engine, with the settings of a service where there is one.

use std::io::Write;

use crate::cli::{CheckImageArgs, Global};
use crate::clock::Clock;
use crate::docker::Engine;
use crate::docker::check::{Wish, check};
use crate::domain::{ImageFinding, ImageVerdict, OutcomeKind};
use crate::error::Error;
use crate::pipeline::image::verdict;
use crate::report::text::Plain;

use super::job::chosen;
use super::{Host, image, load, session};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &CheckImageArgs,
) -> Result<OutcomeKind, Error> {
    session::runtime()?.block_on(async {
        (host.signals)(host.cancel.clone());
        let wish = wish(host, global, args)?;
        let engine = Engine::find(&host.vars, &image::setting(None), &host.cancel).await?;
        let reference = engine.resolve(&args.image, &host.cancel).await?;
        let clock = Clock::system();
        let findings = Box::pin(check(&engine, &reference, &wish, &clock, &host.cancel)).await?;
        show(host, global, args, &wish, &findings)?;
        match verdict(&findings) {
            Ok(_) => Ok(OutcomeKind::Done),
            Err(error) => Ok(error.kind()),
        }
    })
}

/// What to ask of the image.
fn wish(host: &Host, global: &Global, args: &CheckImageArgs) -> Result<Wish, Error> {
    let there = host.directory.join(&global.config).exists();
    let mut wish = if there {
        let text = load::bytes(host, &global.config)?;
        let model = load::load(host, global, &text, &load::lookup(host))?.model;
        let names: Vec<String> = args.service.iter().cloned().collect();
        let services = chosen(&model, &names)?;
        let [service] = services.as_slice() else {
            let known: Vec<&str> = services.iter().map(|service| service.name.as_str()).collect();
            return Err(Error::invalid("which service's settings apply?")
                .hint(format!("Name one with --service: {}.", known.join(", "))));
        };
        image::wish(service)?
    } else {
        let port = args.port.ok_or_else(|| {
            Error::invalid("on which port does the image listen?")
                .hint("Pass --port, or run where ha-deploy.yml is.")
        })?;
        bare(port)
    };
    if let Some(port) = args.port {
        wish.port = port;
    }
    Ok(wish)
}

/// The settings of an image that no configuration describes.
fn bare(port: u16) -> Wish {
    use std::time::Duration;
    Wish {
        port,
        platform: None,
        health: "/health".into(),
        ready: None,
        live: None,
        metrics: None,
        in_flight: None,
        environment: std::collections::BTreeMap::new(),
        away: std::collections::BTreeMap::new(),
        start: Duration::from_secs(10),
        answer: Duration::from_secs(5),
        stop: Duration::from_secs(30),
        most_bytes: 1024 << 20,
        most_layers: 40,
        accepted: Vec::new(),
    }
}

fn show(
    host: &Host,
    global: &Global,
    args: &CheckImageArgs,
    wish: &Wish,
    findings: &[ImageFinding],
) -> Result<(), Error> {
    let mut stdout = host.stdout.clone();
    if global.json {
        let document = serde_json::json!({
            "schema": "ha-deploy/image-check/1",
            "image": args.image,
            "port": wish.port,
            "passed": verdict(findings).is_ok(),
            "checks": findings,
        });
        let text = serde_json::to_string_pretty(&document)
            .map_err(|error| Error::bug("the result cannot be written").caused_by(error))?;
        let _ = writeln!(stdout, "{text}");
        return Ok(());
    }
    for finding in findings {
        let word = match finding.verdict {
            ImageVerdict::Pass => "ok",
            ImageVerdict::Fail => "FAILED",
            ImageVerdict::Accepted => "accepted",
            ImageVerdict::Untested => "untested",
        };
        let _ = writeln!(stdout, "{word:<9} {:<19} {}", finding.name, Plain(&finding.found));
        if finding.verdict == ImageVerdict::Fail {
            let _ = writeln!(stdout, "{:<29} mend: {}", "", Plain(&finding.mend));
        }
    }
    Ok(())
}
