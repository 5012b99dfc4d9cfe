//! `stack`: which templates an environment uses, and whether its parameters fit them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Site, read};
use crate::catalog::{self, Choice, Template};
use crate::config::diagnostic::Code;
use crate::config::model::{CIDR, Nat, Parameters, Recovery, Service, Stack, ZONES};
use crate::config::overlay;
use crate::config::raw::{self, Keyed};
use crate::config::shape::{View, list};
use crate::config::source::{Fault, Faults, Span};
use crate::config::tree::{Entry, Node, quote};

/// Parameters by template, as plain maps.
pub(super) fn plain<K, L>(raw: Option<Keyed<K, Keyed<L, String>>>) -> BTreeMap<String, Parameters> {
    let raw = raw.map(|raw| raw.0).unwrap_or_default();
    raw.into_iter().map(|(template, values)| (template, values.0)).collect()
}

impl Context<'_> {
    /// The stack of the environment; `None`: there is no such section.
    pub(super) fn stack(
        &self,
        root: &Node,
        services: &[(Service, Site<'_>)],
        faults: &mut Faults,
    ) -> Option<Stack> {
        let Some(entry) = self.stack_entry(root) else {
            idle(services, faults);
            return None;
        };
        let site = Site { entry: &entry };
        let definition = View::definition("Stack")?;
        let json = self.shape(faults, &["stack"]).walk(&entry.node, definition, entry.key_span)?;
        let raw: raw::Stack = read(json, site, faults)?;
        let mut check = Check { site, services, faults };
        let templates = check.selection(&raw);
        let stack = Stack {
            zones: raw.zones.unwrap_or(ZONES),
            cidr: raw.cidr.map_or_else(|| CIDR.to_owned(), |cidr| cidr.0),
            nat: match raw.nat.unwrap_or(raw::Nat::OnePerZone) {
                raw::Nat::OnePerZone => Nat::OnePerZone,
                raw::Nat::Single => Nat::Single,
                raw::Nat::Regional => Nat::Regional,
                raw::Nat::None => Nat::None,
            },
            domain: raw.domain.map(|domain| domain.0),
            recovery: match raw.dr.unwrap_or(raw::Recovery::None) {
                raw::Recovery::None => Recovery::None,
                raw::Recovery::PilotLight => Recovery::PilotLight,
                raw::Recovery::WarmStandby => Recovery::WarmStandby,
            },
            recovery_region: raw.dr_region.map(|region| region.0),
            alert_email: raw.alert_email.map(|address| address.0),
            parameters: plain(raw.parameters),
            templates: templates.into_iter().collect(),
        };
        check.recovery(&stack, self.region());
        check.parameters(&stack);
        check.complete(&stack);
        check.standby(&stack);
        check.paths(&stack);
        check.repositories();
        Some(stack)
    }

    /// The section with this environment's overrides.
    fn stack_entry(&self, root: &Node) -> Option<Entry> {
        let base = root.entry("stack").filter(|entry| !entry.node.is_null());
        match (base, self.environment.node.entry("stack")) {
            (base, None) => base.cloned(),
            (_, Some(over)) if over.node.is_null() => None,
            (None, Some(over)) => Some(Entry { node: overlay::alone(&over.node), ..over.clone() }),
            (Some(base), Some(over)) if over.node.map().is_none() => Some(base.clone()),
            (Some(base), Some(over)) => {
                Some(Entry { node: overlay::section(&base.node, &over.node), ..base.clone() })
            }
        }
    }

    fn region(&self) -> Option<String> {
        Some(self.environment.node.get("region")?.scalar()?.text.clone())
    }
}

/// Warns of keys that only a stack acts on, where there is none.
fn idle(services: &[(Service, Site<'_>)], faults: &mut Faults) {
    for (_, site) in services {
        for key in ["scaling", "target_health_check", "stack_parameters"] {
            if site.entry.node.get(key).is_some() {
                let message = format!("nothing acts on {} without a `stack` section", quote(key));
                let help = "add `stack: {}`, or remove it where others provision the service";
                let fault = Fault::new(Code::Contradiction, site.key(&[key]), message);
                faults.push(fault.warning().help(help));
            }
        }
    }
}

/// What the checks of one section share.
struct Check<'a> {
    site: Site<'a>,
    services: &'a [(Service, Site<'a>)],
    faults: &'a mut Faults,
}

impl Check<'_> {
    /// The templates that the environment uses.
    fn selection(&mut self, raw: &raw::Stack) -> BTreeSet<&'static str> {
        let mut used = catalog::usual();
        match raw.database.unwrap_or(raw::Database::Aurora) {
            raw::Database::None => {}
            raw::Database::Aurora => drop(used.insert("db-aurora")),
            raw::Database::Rds => drop(used.insert("db-rds")),
        }
        if !matches!(raw.dr, None | Some(raw::Recovery::None)) {
            used.insert("dr");
        }
        if raw.domain.is_some() {
            used.insert("dns");
        }
        for (name, wanted) in raw.templates.iter().flat_map(|toggles| &toggles.0) {
            let at = self.site.key(&["templates", name]);
            let Some(known) = self.template_name(name, at) else { continue };
            match catalog::choice(known) {
                Choice::Toggle(_) if *wanted => drop(used.insert(known)),
                Choice::Toggle(_) => drop(used.remove(known)),
                Choice::Elsewhere(who) => {
                    let message = format!("`templates` does not decide about {}", quote(name));
                    self.faults.push(Fault::new(Code::Contradiction, at, message).help(who));
                }
            }
        }
        used
    }

    /// The catalog's own name of a template; one that it does not have is reported.
    fn template_name(&mut self, name: &str, at: Span) -> Option<&'static str> {
        let found = catalog::names().find(|known| *known == name);
        if found.is_none() {
            let message = format!("there is no template {}", quote(name));
            let fault = Fault::new(Code::UnknownName, at, message);
            self.faults.push(match crate::config::nearest(name, catalog::names()) {
                Some(near) => fault.help(format!("perhaps `{near}` is meant")),
                None => {
                    let known: Vec<&str> = catalog::names().collect();
                    fault.help(format!("the templates are {}", list(&known, "and")))
                }
            });
        }
        found
    }

    fn template(&mut self, name: &str, at: Span) -> Option<&'static Template> {
        let name = self.template_name(name, at)?;
        match catalog::template(name)? {
            Ok(template) => Some(template),
            Err(error) => {
                let fault = Fault::new(Code::Internal, at, error.to_string());
                self.faults.push(fault.help("this is a bug in ha-deploy; please report it"));
                None
            }
        }
    }

    fn recovery(&mut self, stack: &Stack, region: Option<String>) {
        if stack.recovery == Recovery::None {
            return;
        }
        match &stack.recovery_region {
            None => {
                let message = "a second region stands by, and it is not said which";
                self.faults.push(
                    Fault::new(Code::MissingKey, self.site.key(&["dr"]), message)
                        .help("add `stack.dr_region`"),
                );
            }
            Some(second) if Some(second) == region.as_ref() => {
                let message = format!("the environment itself is in {second}");
                self.faults.push(
                    Fault::new(Code::Contradiction, self.site.at(&["dr_region"]), message)
                        .help("name another region"),
                );
            }
            Some(_) => {}
        }
    }

    /// The region that stands by runs one service from an image that nobody can guess.
    fn standby(&mut self, stack: &Stack) {
        if stack.recovery == Recovery::None {
            return;
        }
        let image = stack.parameters.get("dr").is_some_and(|dr| dr.contains_key("StandbyImage"));
        let lacks = [
            (stack.domain.is_none(), "stack.domain"),
            (!image, "stack.parameters.dr.StandbyImage"),
        ];
        for (_, key) in lacks.iter().filter(|(lacking, _)| *lacking) {
            let message = format!("a region that stands by needs `{key}`");
            let fault = Fault::new(Code::MissingKey, self.site.key(&["dr"]), message);
            self.faults.push(fault.help("traffic goes there by DNS, to tasks of that image"));
        }
    }

    /// Two services behind one listener must answer different requests.
    fn paths(&mut self, stack: &Stack) {
        let rest = |service: &Service| {
            let own = |values: &BTreeMap<String, Parameters>| {
                values.get("service-codedeploy").is_some_and(|values| {
                    values.contains_key("PathPattern") || values.contains_key("HostHeader")
                })
            };
            !own(&service.stack_parameters) && !own(&stack.parameters)
        };
        let mut all = self.services.iter().filter(|(service, _)| rest(service));
        let Some((first, first_site)) = all.next() else { return };
        for (service, site) in all {
            let message = format!(
                "{} and {} would answer the same requests",
                quote(first.name.as_str()),
                quote(service.name.as_str())
            );
            let help = format!(
                "give all but one a pattern: `services.{}.stack_parameters.service-codedeploy: \
                 {{PathPattern: \"/{}/*\"}}`, or a `HostHeader`",
                service.name, service.name
            );
            self.faults.push(
                Fault::new(Code::Contradiction, site.entry.key_span, message)
                    .help(help)
                    .related(first_site.entry.key_span, "the other one"),
            );
        }
    }

    /// `shared` has a slot for each repository.
    fn repositories(&mut self) {
        let repositories: BTreeSet<&str> =
            self.services.iter().map(|(service, _)| service.image.repository.as_str()).collect();
        let (count, most) = (repositories.len(), catalog::REPOSITORIES);
        if count > most {
            let message = format!(
                "the services have {count} image repositories, and at most {most} \
                                   can be provisioned"
            );
            let fault = Fault::new(Code::OutOfRange, self.site.entry.key_span, message);
            self.faults.push(fault.help("let services share a repository, with tags of their own"));
        }
    }

    /// Every parameter that the file gives must be one that its template declares and accepts.
    fn parameters(&mut self, stack: &Stack) {
        let site = self.site;
        for (name, values) in &stack.parameters {
            let at = site.key(&["parameters", name]);
            let Some(template) = self.template(name, at) else { continue };
            if !stack.uses(template.name) {
                let message = format!("the environment does not use the template {}", quote(name));
                let help = match catalog::choice(template.name) {
                    Choice::Toggle(_) => format!("add `stack.templates.{name}: true`"),
                    Choice::Elsewhere(who) => who.to_owned(),
                };
                self.faults.push(Fault::new(Code::Contradiction, at, message).warning().help(help));
            }
            for (parameter, value) in values {
                let path = ["parameters", name, parameter];
                self.parameter(template, parameter, value, (site.key(&path), site.at(&path)));
            }
        }
        for (service, site) in self.services {
            for (name, values) in &service.stack_parameters {
                let at = site.key(&["stack_parameters", name]);
                let Some(template) = self.template(name, at) else { continue };
                if !template.head.per_service {
                    let message = format!("the template {} is shared by all services", quote(name));
                    let help = format!("set it in `stack.parameters.{name}`");
                    self.faults.push(Fault::new(Code::Contradiction, at, message).help(help));
                    continue;
                }
                for (parameter, value) in values {
                    let path = ["stack_parameters", name, parameter];
                    self.parameter(template, parameter, value, (site.key(&path), site.at(&path)));
                }
            }
        }
    }

    fn parameter(&mut self, template: &Template, name: &str, value: &str, at: (Span, Span)) {
        let Some(declared) = template.parameter(name) else {
            let message =
                format!("the template `{}` has no parameter {}", template.name, quote(name));
            let known: Vec<&str> = template
                .parameters
                .iter()
                .map(|parameter| parameter.name.as_str())
                .filter(|name| catalog::filled_from(template, name).is_none())
                .collect();
            let fault = Fault::new(Code::UnknownName, at.0, message);
            self.faults.push(match crate::config::nearest(name, known.iter().copied()) {
                Some(near) => fault.help(format!("perhaps `{near}` is meant")),
                None => fault.help(format!("it has {}", list(&known, "and"))),
            });
            return;
        };
        if let Some(key) = catalog::filled_from(template, name) {
            let message = format!("{} is not set here", quote(name));
            let help = format!("it comes from {key}");
            self.faults.push(Fault::new(Code::Contradiction, at.0, message).help(help));
        } else if let Some(why) = declared.refuses(value) {
            let message = format!("{} {why}", quote(value));
            let fault = Fault::new(Code::InvalidValue, at.1, message);
            self.faults.push(match &declared.description {
                Some(about) => fault.help(format!("`{name}`: {about}")),
                None => fault,
            });
        }
    }

    /// Every parameter must get its value from somewhere.
    fn complete(&mut self, stack: &Stack) {
        for name in &stack.templates {
            let Some(Ok(template)) = catalog::template(name) else { continue };
            let given = |parameter: &str| {
                let has = |values: &BTreeMap<String, Parameters>| {
                    values.get(*name).is_some_and(|values| values.contains_key(parameter))
                };
                let each = template.head.per_service
                    && self.services.iter().all(|(service, _)| has(&service.stack_parameters));
                has(&stack.parameters) || each
            };
            let mut faults = Vec::new();
            for need in &template.head.needs {
                let producer = match need.source.stack.as_str() {
                    "service" => "service-codedeploy",
                    other => other,
                };
                if !stack.uses(producer) && !given(&need.parameter) {
                    faults.push((
                        format!("the template `{name}` needs `{producer}`, which is switched off"),
                        format!(
                            "switch both off, or name the SSM parameter that holds the value in \
                             `stack.parameters.{name}.{}`",
                            need.parameter
                        ),
                    ));
                }
            }
            for parameter in &template.parameters {
                let needed = template.head.needs.iter().any(|n| n.parameter == parameter.name);
                let filled = catalog::filled_from(template, &parameter.name);
                let filled = match parameter.name.as_str() {
                    "DomainName" => stack.domain.is_some(),
                    "AlertEmail" => stack.alert_email.is_some(),
                    // Taken from the repository of the service.
                    "ImageUri" => true,
                    _ => filled.is_some(),
                };
                if parameter.default.is_none() && !needed && !filled && !given(&parameter.name) {
                    let source = catalog::filled_from(template, &parameter.name);
                    faults.push((
                        format!("the template `{name}` needs a value for `{}`", parameter.name),
                        match source {
                            Some(key) => format!("it comes from {key}"),
                            None => format!("set `stack.parameters.{name}.{}`", parameter.name),
                        },
                    ));
                }
            }
            for (message, help) in faults {
                let at = self.site.key(&["templates", name]);
                self.faults.push(Fault::new(Code::MissingValue, at, message).help(help));
            }
        }
    }
}
