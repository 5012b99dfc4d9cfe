//! `templates`: lists, shows and writes out the embedded templates.

use std::io::Write;
use std::path::Path;

use crate::catalog::{self, Choice, Template};
use crate::cli::{Global, TemplatesArgs, TemplatesCommand};
use crate::domain::OutcomeKind;
use crate::error::Error;

use super::{Host, session};

pub(super) fn command(
    host: &Host,
    global: &Global,
    args: &TemplatesArgs,
) -> Result<OutcomeKind, Error> {
    match &args.command {
        TemplatesCommand::List => list(host, global),
        TemplatesCommand::Show { name } => show(host, global, name),
        TemplatesCommand::Eject { directory } => eject(host, global, directory),
    }
}

fn list(host: &Host, global: &Global) -> Result<OutcomeKind, Error> {
    let mut stdout = host.stdout.clone();
    let templates = catalog::templates().map_err(|error| Error::bug(error.to_string()))?;
    if global.json {
        let list: Vec<_> = templates.iter().map(|template| document(template)).collect();
        return print(host, &serde_json::Value::Array(list));
    }
    for template in templates {
        let used = match catalog::choice(template.name) {
            Choice::Toggle(true) => "default",
            Choice::Toggle(false) => "option",
            Choice::Elsewhere(_) => "by key",
        };
        let _ = writeln!(
            stdout,
            "{:<18}{used:<9}{:>4} resources  {}",
            template.name,
            template.resources.len(),
            template.description
        );
    }
    Ok(OutcomeKind::Done)
}

/// The text itself, so that it can be piped; with `--json`, what it takes and makes.
fn show(host: &Host, global: &Global, name: &str) -> Result<OutcomeKind, Error> {
    let Some(found) = catalog::template(name) else {
        let known: Vec<&str> = catalog::names().collect();
        return Err(Error::invalid(format!("there is no template `{name}`"))
            .hint(format!("There are {}.", known.join(", "))));
    };
    let template = found.map_err(|error| Error::bug(error.to_string()))?;
    if global.json {
        return print(host, &document(template));
    }
    let _ = host.stdout.clone().write_all(template.text.as_bytes());
    Ok(OutcomeKind::Done)
}

fn document(template: &Template) -> serde_json::Value {
    let (used, decided) = match catalog::choice(template.name) {
        Choice::Toggle(used) => (Some(used), "`stack.templates`"),
        Choice::Elsewhere(who) => (None, who),
    };
    serde_json::json!({
        "name": template.name,
        "description": template.description,
        "digest": template.digest,
        "bytes": template.text.len(),
        "default": used,
        "decided_by": decided,
        "head": template.head,
        "parameters": template.parameters,
        "resources": template.resources,
        "outputs": template.outputs,
    })
}

fn print(host: &Host, value: &serde_json::Value) -> Result<OutcomeKind, Error> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::bug("the templates cannot be written").caused_by(error))?;
    let _ = writeln!(host.stdout.clone(), "{text}");
    Ok(OutcomeKind::Done)
}

/// Writes every template into a directory; nothing that is there is overwritten.
fn eject(host: &Host, global: &Global, directory: &Path) -> Result<OutcomeKind, Error> {
    let directory = host.directory.join(directory);
    let files: Vec<_> =
        catalog::names().map(|name| (name, directory.join(format!("{name}.yml")))).collect();
    let there: Vec<String> = files
        .iter()
        .filter(|(_, file)| file.symlink_metadata().is_ok())
        .map(|(_, file)| file.display().to_string())
        .collect();
    if !there.is_empty() {
        return Err(Error::invalid(format!("{} exists already", there.join(", ")))
            .hint("Name another directory: nothing is overwritten."));
    }
    std::fs::create_dir_all(&directory).map_err(|error| {
        Error::invalid(format!("{} cannot be made", directory.display())).caused_by(error)
    })?;
    for (name, file) in &files {
        session::write_new(file, catalog::text(name).unwrap_or_default())?;
    }
    if !global.quiet {
        let _ = writeln!(
            host.stdout.clone(),
            "wrote {} templates to {}",
            files.len(),
            directory.display()
        );
    }
    Ok(OutcomeKind::Done)
}
