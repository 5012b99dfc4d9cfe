//! The same seed gives the same run; another seed another one.

use super::*;

fn run(seed: u64) -> (Tally, Value) {
    let yaml = "revisions: {candidate: {error_rate: 2%}}\nfaults: {throttle: 0.1}";
    let mut client = Client::with(Setup::sample(), yaml, seed);
    let mut last = Value::Null;
    while client.try_call("ecs", "ListServices", json!({"cluster": "cluster-prod"})).is_err() {}
    for _ in 0..60 {
        let input = json!({"cluster": "cluster-prod", "services": ["api-prod"]});
        if let Ok(services) = client.try_call("ecs", "DescribeServices", input) {
            last = services;
        }
        client.pass(10);
    }
    (client.tally(), last)
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (first, second) = (run(3), run(3));
    assert_eq!(first, second);
    assert_ne!(first.1, run(4).1);
}

#[test]
fn how_often_the_world_is_asked_does_not_change_it() {
    let mut eager = Client::new("");
    let mut lazy = Client::new("");
    for _ in 0..600 {
        eager.pass(1);
    }
    lazy.pass(600);
    assert_eq!(eager.tally(), lazy.tally());
    assert_eq!(eager.service(), lazy.service());
}

#[test]
fn no_seed_drops_a_request_or_breaks_an_invariant() {
    for seed in 20..25 {
        let yaml = "revisions: {candidate: {error_rate: 5%}}";
        let mut client = Client::with(Setup::sample(), yaml, seed);
        let id = client.deploy();
        client.pass(1500);
        let tally = client.tally();
        assert_eq!(client.status(&id), "Stopped", "seed {seed}");
        assert_eq!(client.weights(), (100, 0), "seed {seed}");
        assert_eq!((tally.violations.len(), tally.requests.dropped), (0, 0), "{tally:#?}");
    }
}
