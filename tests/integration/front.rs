//! Stacks through the program's front door, without AWS: the templates, and the plan against
//! nothing with what it costs.

use std::fs;
use std::path::PathBuf;

use crate::program::{program, program_in};

const CONFIGURATION: &str = "\
version: 1
app: shop
environments:
  staging: {suffix: stg, region: us-east-1, accounts: [\"123456789012\"]}
services:
  web:
    image: {repository: shop/web, tag: v1}
    port: 8080
    rollout: {alarms: [shop-web-5xx]}
stack: {}
";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("templates/cloudformation")
}

#[test]
fn templates_are_listed_shown_and_written_out_once() {
    let listed = program(&["templates", "list"]);
    let shown = program(&["templates", "show", "network"]);
    assert_eq!((listed.code, shown.code), (0, 0), "{}{}", listed.stderr, shown.stderr);
    assert_eq!(shown.stdout, fs::read_to_string(folder().join("network.yml")).unwrap());

    let directory = tempfile::tempdir().unwrap();
    let eject = || program_in(directory.path().to_owned(), &["templates", "eject", "mine"]);
    assert_eq!(eject().code, 0);
    let mut names = 0;
    for file in fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(listed.stdout.contains(name.trim_end_matches(".yml")), "{name}");
        let (ours, theirs) = (folder().join(&name), directory.path().join("mine").join(&name));
        assert_eq!(fs::read(ours).unwrap(), fs::read(theirs).unwrap(), "{name}");
        names += 1;
    }
    assert_eq!(names, 20);

    let mine = directory.path().join("mine/network.yml");
    fs::write(&mine, "mine").unwrap();
    let again = eject();
    assert_eq!(again.code, 2, "{}", again.stdout);
    assert!(again.stderr.contains("network.yml"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(mine).unwrap(), "mine");
}

#[test]
fn an_unknown_template_names_the_near_one() {
    let said = program(&["templates", "show", "netwrk"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("network"), "{}", said.stderr);
}

#[test]
fn a_plan_against_nothing_says_what_it_makes_and_what_that_costs() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("ha-deploy.yml"), CONFIGURATION).unwrap();
    let plan = |more: &[&str]| {
        let arguments = [&["plan", "--offline"], more].concat();
        program_in(directory.path().to_owned(), &arguments)
    };
    let text = plan(&[]);
    assert_eq!(text.code, 0, "{}", text.stderr);
    for part in
        ["network-stg (us-east-1, wave 2)", "cost: About $", "note: An estimate, not a quote"]
    {
        assert!(text.stdout.contains(part), "{part}:\n{}", text.stdout);
    }
    let document = plan(&["--json"]).json();
    let rows = document["cost"]["rows"].as_array().unwrap();
    let gateways = rows.iter().filter(|row| row["type"] == "AWS::EC2::NatGateway").count();
    assert!(gateways >= 3, "a gateway in each of three zones, not {gateways}");
    assert_eq!(document["cost"]["borrowed"], 0, "us-east-1 has its own prices");

    // A usage file changes what depends on use, and a faulty one is refused with its places.
    fs::write(directory.path().join("usage.yml"), "secret_requests_ten_thousand: 1000\n").unwrap();
    let dearer = plan(&["--json", "--usage", "usage.yml"]).json();
    assert_ne!(document["cost"]["total"], dearer["cost"]["total"]);
    fs::write(directory.path().join("usage.yml"), "nonsense: 1\n").unwrap();
    let refused = plan(&["--usage", "usage.yml"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("nonsense"), "{}", refused.stderr);
}
