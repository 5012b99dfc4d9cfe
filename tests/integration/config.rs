//! The configuration: what a file may say, and what a person reads when it may not.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ha_deploy::config::diagnostic::{Code, Diagnostic, Severity};
use ha_deploy::config::{self, Lookup, SsmLookup};
use ha_deploy::domain::Shift;
use ha_deploy::report::annotations::render as annotations;
use ha_deploy::report::console::Colour;
use ha_deploy::report::diagnostics::{json as diagnostics_json, render as diagnostics};
use proptest::prelude::*;
use serde_json::{Value, json};

const FULL: &str = include_str!("../../examples/ha-deploy.yml");
const MINIMAL: &str = include_str!("../../examples/minimal.yml");
const FAULTY: &str = include_str!("files/faulty.yml");
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn lookup() -> Lookup {
    Lookup { git_sha: Some(SHA.to_owned()), ..Lookup::default() }
}

fn check(text: &str) -> Vec<Diagnostic> {
    config::check(text.as_bytes(), Path::new("ha-deploy.yml"), &lookup())
}

fn codes(found: &[Diagnostic]) -> Vec<Code> {
    found.iter().map(|diagnostic| diagnostic.code).collect()
}

/// The minimal file with a text replaced.
fn minimal(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from} is not in the file");
    MINIMAL.replace(from, to)
}

/// The one finding of a file, as `code line:column message`.
fn only(text: &str) -> String {
    let found = check(text);
    assert_eq!(found.len(), 1, "{}", diagnostics(&found, Colour::Never));
    let it = &found[0];
    format!("{} {}:{} {}", it.code, it.line, it.column, it.message)
}

#[test]
fn examples_are_valid() {
    assert_eq!(check(MINIMAL), []);
    assert_eq!(check(FULL), []);
    let loaded =
        config::load(MINIMAL.as_bytes(), Path::new("m.yml"), None, &lookup()).expect("valid");
    let service = &loaded.model.services[0];
    assert_eq!(service.names.green_target_group, "web-green-prod");
    assert_eq!(service.names.application, "shop-web-prod");
    assert_eq!(service.names.good_parameter, "/ha/prod/web/good-revisions");
    assert_eq!(service.rollout.timeout, Duration::from_secs((30 + 5 + 10) * 60));
}

#[test]
fn environments_override_key_by_key() {
    let load = |name| {
        config::load(FULL.as_bytes(), Path::new("ha-deploy.yml"), Some(name), &lookup())
            .expect("valid")
            .model
    };
    let (staging, production) = (load("staging"), load("production"));
    let (web, prod) = (&staging.services[0], &production.services[0]);
    assert_eq!(web.rollout.shift, Shift::AllAtOnce);
    assert!(matches!(prod.rollout.shift, Shift::Canary { .. }));
    assert_eq!((web.task.cpu, prod.task.cpu), (Some(256), Some(1024)));
    assert_eq!(web.task.environment["LOG_LEVEL"], "debug");
    assert_eq!(web.task.environment["PRICE_FORMAT"], "$0.00");
    assert_eq!(web.task.environment["FEATURE_FLAGS"], "${ssm:/shop/feature-flags}");
    assert!(web.rollout.canaries.is_empty(), "null removes");
    assert_eq!(prod.rollout.canaries, ["shop-checkout"]);
    assert_eq!(web.task.secrets["API_KEY"], prod.task.secrets["API_KEY"]);
    assert_ne!(web.task.secrets["DATABASE_URL"], prod.task.secrets["DATABASE_URL"]);
}

#[test]
fn a_faulty_file_is_reported_whole() {
    let found = config::check(FAULTY.as_bytes(), Path::new("ha-deploy.yml"), &lookup());
    insta::assert_snapshot!("faulty_console", diagnostics(&found, Colour::Never));
    insta::assert_snapshot!("faulty_annotations", annotations(&found));
    let json = diagnostics_json(&found);
    assert_eq!(json["diagnostics"].as_array().expect("a list").len(), found.len());
    let everything = format!("{}{}{json}", diagnostics(&found, Colour::Ansi), annotations(&found));
    assert!(!everything.contains("hunter2"), "a literal secret is never repeated");
}

#[test]
fn contradictions_after_merging_point_at_the_override() {
    let text = minimal(
        "    accounts: [\"123456789012\"]\n",
        "    accounts: [\"123456789012\"]\n    services:\n      web:\n        rollout: {load_balancer: network}\n",
    )
    .replace("      alarms:", "      shift: {canary: {percent: 10, hold: 5m}}\n      alarms:");
    let found = check(&text);
    assert_eq!(codes(&found), [Code::Contradiction]);
    assert_eq!(found[0].related[0].line, 13);
    insta::assert_snapshot!(diagnostics(&found, Colour::Never));
}

/// The minimal file with a stack.
fn stack(section: &str) -> String {
    minimal("services:\n", &format!("stack: {section}\nservices:\n"))
}

/// The minimal file with a stack of all defaults and one more key of its service.
fn stacked(key: &str) -> String {
    stack("{}").replace("    port: 8080", &format!("    port: 8080\n    {key}"))
}

#[test]
fn single_faults_are_located() {
    let rollout = |line: &str| minimal("      alarms:", &format!("      {line}\n      alarms:"));
    let service = |line: &str| minimal("    port: 8080", &format!("    port: 8080\n    {line}"));
    let cases = [
        only(&minimal("version: 1", "version: 2")),
        only(&minimal("version: 1\n", "")),
        only(&minimal("    suffix: prod\n", "")),
        only(&minimal("    port: 8080\n", "")),
        only(&minimal("port: 8080", "port: 0")),
        only(&minimal("port: 8080", "port: 0x10")),
        only(&minimal("port: 8080", "port:")),
        only(&minimal("prod\n", "a-suffix-of-16ch\n").replace("  web:", "  web-front1:")),
        only(&service("cpu: 256\n    memory: 4096")),
        only(&service("stop_timeout: 121s")),
        only(&service("environment: {A: x}\n    secrets: {A: /x}")),
        only(&service("health_check: {command: [curl, x]}")),
        only(&service("scaling: {min: 3}")),
        only(&stacked("scaling: {min: 30}")),
        only(&stacked(
            "scaling: {cpu: {target: 70, scale_in_cooldown: 5m}, memory: {target: 80, scale_in_cooldown: 6m}}",
        )),
        only(&stacked("target_health_check: {interval: 5s}")),
        only(&stacked("stack_parameters: {network: {FlowLogs: \"x\"}}")),
        only(&stacked("stack_parameters: {scaling: {MinTasks: \"3\"}}")),
        only(&service("spot_percent: 101")),
        only(&rollout("shift: {linear: {percent: 1, hold: 30m}}")),
        only(&rollout("shift: {canary: {percent: 10, hold: 49h}}")),
        only(&rollout("shift: {canary: {percent: 10}}")),
        only(&rollout("shift: canary")),
        only(&rollout("shift: {}")),
        only(&rollout("bake: 5")),
        only(&rollout("bake: 5min")),
        only(&rollout("timeout: 15m")),
        only(&rollout("termination_wait: 49h")),
        only(&rollout("ready_wait: 90s")),
        only(&rollout("controller: ecs")),
        only(&rollout("gates: {alpha: 0.5}")),
        only(&rollout("gates: {source: {alb: {}, probe: {path: /}}}")),
        only(&rollout("gates: {latency: [p90], source: {probe: {path: /health}}}")),
        only(&rollout(
            "gates: {source: {metric: {namespace: A, requests: R, errors: E, dimensions: {S: web}}}}",
        )),
        only(&rollout(
            "gates: {source: {math: {requests: 'r{number}', errors: 'e{number}', period: 7s}}}",
        )),
        only(&rollout("smoke: [{path: health}]")),
        only(&rollout("hooks: {AfterInstal: f}")),
        only(&minimal("[shop-web-5xx]", "[a, b, c, d, e, f, g, h, i, j, k]")),
        only(&minimal("[shop-web-5xx]", "[a, a]")),
        only(&minimal("[shop-web-5xx]", "[]")),
        only(&minimal(
            "      repository: shop/web",
            "      repository: shop/web\n      tag: v1\n      build: {context: .}",
        )),
        only(&stack("{zones: 4}")),
        only(&stack(
            "{dr: pilot-light, domain: shop.example.com, parameters: {dr: {StandbyImage: i}}}",
        )),
        only(&stack(
            "{dr: pilot-light, dr_region: eu-west-1, domain: shop.example.com, parameters: {dr: {StandbyImage: i}}}",
        )),
        only(&stack("{templates: {cach: true}}")),
        only(&stack("{templates: {db-rds: true}}")),
        only(&stack(
            "{templates: {cluster: false, runbooks: false, scaling: false, observability: false}}",
        )),
        only(&stack("{templates: {service: true}}")),
        only(&stack("{parameters: {netwrk: {Zones: \"2\"}}}")),
        only(&stack("{parameters: {network: {Zones: \"2\"}}}")),
        only(&stack("{parameters: {network: {Zons: \"2\"}}}")),
        only(&stack("{parameters: {network: {VpcCidr: 10}}}")),
        only(&stack("{templates: {cache: true}, parameters: {cache: {NodeType: \"x\"}}}")),
    ];
    insta::assert_snapshot!(cases.join("\n"));
}

#[test]
fn interpolation_is_located_and_never_reread() {
    let with = |value: &str| {
        minimal("    port: 8080", &format!("    port: 8080\n    environment:\n      A: {value}"))
    };
    let cases = [
        only(&with("x ${env:NOPE} y")),
        only(&with("'it''s ${env:NOPE}'")),
        only(&with("\"é ${env:NOPE}\"")),
        only(&with("|\n        one\n        two ${env:NOPE}")),
        only(&with("${sm:/x}")),
        only(&with("${git:branch}")),
        only(&with("${env:NOPE")),
        only(&with("${env:1A}")),
        only(&minimal("region: eu-west-1", "region: ${ssm:/region}")),
    ];
    insta::assert_snapshot!(cases.join("\n"));

    let hostile = "${env:B}: [1, {2: 3}]\n# $$";
    let mut lookup = lookup();
    lookup.vars = BTreeMap::from([
        ("A".to_owned(), hostile.to_owned()),
        ("B".to_owned(), "again".to_owned()),
        ("PORT".to_owned(), "9090".to_owned()),
    ]);
    lookup.ssm = SsmLookup::Resolved(BTreeMap::from([("/r".to_owned(), "eu-west-2".to_owned())]));
    let text = with("a ${env:A} $$ $5").replace("port: 8080", "port: ${env:PORT}");
    let text = text.replace("region: eu-west-1", "region: ${ssm:/r}");
    let model = config::load(text.as_bytes(), Path::new("x"), None, &lookup).expect("valid").model;
    assert_eq!(model.services[0].task.environment["A"], format!("a {hostile} $ $5"));
    assert_eq!(model.services[0].port, 9090);
    assert_eq!(model.environment.region, "eu-west-2");
    assert_eq!(config::ssm_references(text.as_bytes()), ["/r"]);
}

#[test]
fn a_missing_value_of_another_environment_does_not_stop_this_one() {
    let text = minimal(
        "environments:\n",
        "environments:\n  other:\n    suffix: ${env:PR}\n    region: eu-west-1\n    accounts: [\"123456789012\"]\n",
    );
    let load = |name| config::load(text.as_bytes(), Path::new("x"), name, &lookup());
    assert!(load(Some("production")).is_ok());
    assert_eq!(codes(&load(Some("other")).expect_err("PR is not set")), [Code::MissingVariable]);
    assert_eq!(codes(&load(None).expect_err("two")), [Code::ChooseEnvironment]);
    let wrong = load(Some("prodution")).expect_err("no such");
    assert_eq!(codes(&wrong), [Code::UnknownName]);
    assert!(wrong[0].help.as_ref().is_some_and(|help| help.contains("`production`")));
    assert_eq!(codes(&check(&text)), [Code::MissingVariable]);
}

#[test]
fn hostile_files_are_refused_early() {
    let code = |bytes: &[u8]| {
        let found = config::check(bytes, Path::new("x"), &lookup());
        assert!(found.len() <= 101, "{}", found.len());
        assert!(found.iter().all(|it| it.line >= 1 && it.column >= 1 && it.column < it.end_column));
        codes(&found)
    };
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (new, old) in ('b'..='j').zip('a'..) {
        bomb.push_str(&format!("{new}: &{new} [{}]\n", format!("*{old}, ").repeat(9)));
    }
    assert!(code(bomb.as_bytes()).contains(&Code::TooManyValues));
    assert!(code("- a\n".repeat(200_000).as_bytes()).contains(&Code::TooManyValues));
    assert!(code(&vec![b'a'; (1 << 20) + 1]).contains(&Code::FileTooLarge));
    assert!(code("[".repeat(1 << 20).as_bytes()).contains(&Code::TooDeep));
    assert!(code("- ".repeat(1 << 19).as_bytes()).contains(&Code::TooDeep));
    assert!(code("{a: ".repeat(1 << 18).as_bytes()).contains(&Code::TooDeep));
    assert!(code(b"version: 1\napp: \xFF\n").contains(&Code::NotUtf8));
    assert!(code(b"\xFF\xFEv\0").contains(&Code::NotUtf8));
    assert!(code(b"").contains(&Code::EmptyFile));
    assert!(code(b"# nothing\n").contains(&Code::EmptyFile));
    assert!(code(b"version: 1\n---\nversion: 1\n").contains(&Code::MultipleDocuments));
    assert!(code(b"a:\n\tb: 1\n").contains(&Code::Syntax));
    assert!(code(b"a: &a [*a]\n").contains(&Code::UnknownAlias));
    assert!(code(b"version: !!int 1\n").contains(&Code::TagNotAllowed));
    assert!(code(b"<<: {}\n").contains(&Code::MergeKey));
    assert!(code(b"[a]: 1\n").contains(&Code::BadKey));
    assert!(code(b"just text\n").contains(&Code::WrongType));
    let dollars = format!("version: 1\napp: \"{}\"\n", "${env:A}".repeat(120_000));
    assert!(code(dollars.as_bytes()).contains(&Code::MissingKey));
    let many: String = (0..60).map(|n| format!("s{n}: {{}}, ")).collect();
    assert!(
        code(format!("version: 1\nservices: {{{many}}}").as_bytes()).contains(&Code::OutOfRange)
    );
    let wide: String = (0..19_000).map(|n| format!("k{n}: 1\n")).collect();
    assert!(code(&wide.as_bytes()[..wide.len() / 3]).contains(&Code::MissingKey));
    let located = config::check(b"version: 1\napp: \xFF\n", Path::new("x"), &lookup());
    assert_eq!((located[0].line, located[0].column), (2, 6));
}

#[test]
fn byte_order_mark_and_line_ends_make_no_difference() {
    assert_eq!(check(&format!("\u{FEFF}{FULL}")), []);
    assert_eq!(check(&FULL.replace('\n', "\r\n")), []);
    let place = |text: &str| {
        let found = check(text);
        (found[0].line, found[0].column, found[0].end_column)
    };
    let faulty = minimal("port: 8080", "port: 0");
    assert_eq!(place(&faulty), place(&faulty.replace('\n', "\r\n")));
    assert_eq!(place(&faulty), place(&faulty.replace('\n', "\r")));
}

#[test]
fn excerpts_and_annotations_are_inert() {
    let text = "version: 1\nx\u{202E}\u{7}y%,:z##[error]: 1\n";
    let found = config::check(text.as_bytes(), Path::new("a,b:%c.yml"), &lookup());
    let console = diagnostics(&found, Colour::Never);
    assert!(
        !console.chars().any(|c| c != '\n' && (c.is_control() || c == '\u{202E}')),
        "{console}"
    );
    assert!(!console.contains("##["), "{console}");
    let lines = annotations(&found);
    assert_eq!(lines.lines().count(), found.len());
    assert!(lines.lines().all(|line| line.starts_with("::error file=a%2Cb%3A%25c.yml,line=")));
}

/// Compares a committed file with what the program says; `UPDATE_GENERATED=1` writes it.
fn compare(file: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    #[expect(clippy::disallowed_methods, reason = "a test switch, not the program's environment")]
    if std::env::var("UPDATE_GENERATED").is_ok() {
        std::fs::write(&path, generated).expect("the file can be written");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == generated, "{file} is out of date; run with UPDATE_GENERATED=1");
}

#[test]
fn the_committed_schema_and_reference_are_current() {
    let schema = serde_json::to_string_pretty(&config::schema()).expect("JSON") + "\n";
    compare("docs/ha-deploy.schema.json", &schema);
    let reference = config::reference();
    for code in Code::ALL {
        assert!(reference.contains(&format!("| `{code}` |")));
    }
    compare("docs/configuration.md", &reference);
}

#[test]
fn the_schema_is_valid_and_closed() {
    let schema = config::schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
    let text = schema.to_string();
    assert!(!text.contains("span") && !text.contains("uint"), "Rust leaks into the schema");
    for (name, definition) in schema["$defs"].as_object().expect("definitions") {
        let open =
            definition["type"] == "object" && definition["additionalProperties"] != json!(false);
        assert!(!open, "{name} takes any key");
    }
}

/// Every place in a value, as a JSON pointer.
fn pointers(value: &Value, here: &str, found: &mut Vec<String>) {
    found.push(here.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| pointers(value, &format!("{here}/{key}"), found));
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| {
            pointers(value, &format!("{here}/{index}"), found);
        }),
        _ => {}
    }
}

#[test]
fn the_schema_and_the_reader_agree_on_mutated_files() {
    let validator = jsonschema::validator_for(&config::schema()).expect("a valid schema");
    let base: Value = serde_yaml::from_str(&FULL.replace("${git:sha}", SHA)).expect("YAML");
    assert!(validator.is_valid(&base));
    let mut places = Vec::new();
    pointers(&base, "", &mut places);
    let values = [
        json!(null),
        json!(true),
        json!(-1),
        json!(0),
        json!(7),
        json!(1e9),
        json!("x"),
        json!(""),
        json!("5m"),
        json!([]),
        json!([1]),
        json!({}),
        json!({"x": 1}),
        json!(0.5),
    ];
    let shape = [Code::UnknownKey, Code::WrongType, Code::MissingValue, Code::ChooseOne];
    let lacking = [Code::MissingKey, Code::ChooseOne];
    let required = |it: &Diagnostic| lacking.contains(&it.code);
    let mut mutants = 0;
    let mut compare = |mutant: &Value| {
        mutants += 1;
        let text = mutant.to_string();
        let found = check(&text);
        let errors = found.iter().filter(|it| it.severity == Severity::Error);
        let valid = validator.is_valid(mutant);
        let rendered = diagnostics(&found, Colour::Never);
        assert!(valid || errors.count() > 0, "only the schema refuses {text}");
        assert!(!codes(&found).contains(&Code::Internal), "{rendered}");
        let shaped = found.iter().any(|it| shape.contains(&it.code));
        assert!(!(valid && shaped), "only the reader refuses {rendered}");
    };
    for place in &places {
        for value in &values {
            let mut mutant = base.clone();
            *mutant.pointer_mut(place).expect("a place") = value.clone();
            compare(&mutant);
        }
        let mut mutant = base.clone();
        if let Some(Value::Object(map)) = mutant.pointer_mut(place) {
            map.insert("zzz".to_owned(), json!(1));
            compare(&mutant);
        }
        if let Some((parent, key)) = place.rsplit_once('/') {
            let mut mutant = base.clone();
            if let Some(Value::Object(map)) = mutant.pointer_mut(parent) {
                map.shift_remove(key);
                compare(&mutant);
                let missing = check(&mutant.to_string()).iter().any(required);
                assert_eq!(missing, !validator.is_valid(&mutant), "{place}");
            }
        }
    }
    assert!(mutants > 1000, "{mutants}");
}

prop_compose! {
    fn service()(
        port in 1_u16..,
        pair in prop::sample::select(vec![(256, 512), (512, 4096), (4096, 30720), (8192, 20480), (16384, 122_880)]),
        linear in any::<bool>(),
        percent in 1_u8..100,
        hold in 1_u64..29,
        bake in 0_u64..86_400,
        stop in 2_u64..121,
        spot in prop::option::of(0_u8..=100),
        value in "\\PC{0,40}",
    ) -> Value {
        let kind = if linear { "linear" } else { "canary" };
        json!({
            "image": { "repository": "a/b", "tag": "v1" },
            "port": port, "cpu": pair.0, "memory": pair.1,
            "stop_timeout": format!("{stop}s"),
            "spot_percent": spot.unwrap_or(0),
            "environment": { "TEXT": value.replace('$', "$$") },
            "rollout": {
                "shift": { kind: { "percent": percent, "hold": format!("{hold}m") } },
                "bake": format!("{bake}s"),
                "alarms": ["x"],
            },
        })
    }
}

proptest! {
    #[test]
    fn valid_files_come_out_as_they_went_in(
        services in prop::collection::btree_map("[a-z][a-z0-9]{0,7}", service(), 1..4),
        suffix in "[a-z][a-z0-9]{0,9}",
    ) {
        let file = json!({
            "version": 1, "app": "app", "services": services,
            "environments": { "e": {
                "suffix": suffix, "region": "eu-west-1", "accounts": ["123456789012"],
            } },
        });
        let loaded = config::load(file.to_string().as_bytes(), Path::new("x"), None, &lookup());
        let loaded = loaded.map_err(|found| TestCaseError::fail(diagnostics(&found, Colour::Never)))?;
        prop_assert_eq!(loaded.model.services.len(), services.len());
        for (service, (name, wanted)) in loaded.model.services.iter().zip(&services) {
            prop_assert_eq!(service.name.as_str(), name);
            prop_assert_eq!(u64::from(service.port), wanted["port"].as_u64().unwrap_or_default());
            let text = wanted["environment"]["TEXT"].as_str().unwrap_or_default();
            prop_assert_eq!(&service.task.environment["TEXT"], &text.replace("$$", "$"));
            prop_assert!(service.rollout.timeout > service.rollout.bake);
        }
    }

    #[test]
    fn no_bytes_panic_and_every_finding_is_inside(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            (0..FULL.len(), prop::collection::vec(any::<u8>(), 0..4), 0_usize..30).prop_map(|(at, new, cut)| {
                let mut bytes = FULL.as_bytes().to_vec();
                let end = (at + cut).min(bytes.len());
                bytes.splice(at..end, new);
                bytes
            }),
        ],
    ) {
        let found = config::check(&bytes, Path::new("x"), &lookup());
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        let lines: Vec<&str> = text.split(['\n', '\r']).collect();
        for it in &found {
            prop_assert!((1..=lines.len()).contains(&it.line), "{:?}", it);
            prop_assert!(it.column >= 1 && it.column < it.end_column);
            prop_assert!(it.column <= lines[it.line - 1].chars().count() + 1, "{:?}", it);
        }
        diagnostics(&found, Colour::Ansi);
    }
}
