//! Rollbacks: where to, through what, and in which phase of a deployment.

use super::*;

#[test]
fn a_rollback_goes_to_the_newest_good_revision_that_is_not_live() {
    let mut observed = observed();
    let to = |number: u32| Revision::parse(&format!("api-prod:{number}")).unwrap();
    assert!(matches!(
        rollback_target(&Target::LastGood, &observed),
        Err(TargetError::NoneRecorded { .. })
    ));
    observed.good = vec![good(7, None), good(5, Some(digest_of("b5"))), good(4, None)];
    assert_eq!(rollback_target(&Target::LastGood, &observed), Ok(to(5)));
    assert_eq!(rollback_target(&Target::Number(3), &observed), Ok(to(3)));
    assert_eq!(rollback_target(&Target::Digest(digest_of("b5")), &observed), Ok(to(5)));
    let unknown = Target::Digest(digest_of("ee"));
    assert!(matches!(rollback_target(&unknown, &observed), Err(TargetError::UnknownDigest { .. })));
    let other = Target::Revision(Revision::parse("web-prod:1").unwrap());
    assert!(matches!(rollback_target(&other, &observed), Err(TargetError::OtherFamily { .. })));
}

fn rolled_back(observed: &ObservedService, image: Option<bool>, override_alarms: bool) -> Plan {
    let service = service();
    let to = revision(5, &uri(&digest_of("b5")));
    rollback(&model(&service), &service, &identity(), observed, &to, image, override_alarms)
}

#[test]
fn a_rollback_checks_the_image_and_goes_through_alarms_only_when_told() {
    let mut observed = observed();
    assert_eq!(refused(&rolled_back(&observed, Some(false), false)), [("image", 2)]);
    observed.alarms[0].state = AlarmState::Alarm;
    assert_eq!(refused(&rolled_back(&observed, Some(true), false)), [("gating alarms", 5)]);
    let plan = rolled_back(&observed, Some(true), true);
    assert_eq!(refused(&plan), []);
    assert_eq!(deployment(&plan).alarms, Alarms::Off);
    assert_eq!(deployment(&plan).config.shift, Shift::AllAtOnce);
}

#[test]
fn a_rollback_is_not_refused_because_the_live_release_is_broken() {
    let mut observed = observed();
    observed.running = 1;
    observed.groups[0].health.healthy = 0;
    let plan = rolled_back(&observed, Some(true), false);
    assert_eq!(refused(&plan), []);
    let warned = plan.checks.iter().filter(|check| check.result == CheckResult::Warn);
    assert_eq!(
        warned.map(|check| check.name).collect::<Vec<_>>(),
        ["serving targets", "service is steady"]
    );
    let Action::Record { demote } = &plan.steps.last().unwrap().action else { panic!() };
    assert_eq!(demote.as_ref(), Some(&observed.live.revision));
}

#[test]
fn a_rollback_after_the_takeover_stops_the_deployment_and_proves_the_right_side() {
    let mut observed = observed();
    observed.live = revision(8, &uri(&digest_of("c2")));
    observed.groups[0] =
        PairedGroup { weight: Weight::NONE, primary: false, ..observed.groups[0].clone() };
    observed.groups[1] =
        PairedGroup { weight: Weight::ALL, primary: true, ..observed.groups[1].clone() };
    observed.good = vec![good(8, None), good(5, Some(digest_of("b5")))];
    observed.active = Some(running("ha-deploy x deploy api".into(), "api-prod:8"));
    assert_eq!(rollback_target(&Target::LastGood, &observed).unwrap().number(), 5);
    let plan = rolled_back(&observed, Some(true), false);
    assert_eq!(refused(&plan), []);
    assert_eq!(ids(&plan), ["stop"]);
    assert_eq!(plan.route.blue, "arn:api-blue-prod");

    // Before the takeover, the way back is what the deployment replaces.
    observed.live = revision(7, &uri(&digest_of("a1")));
    assert_eq!(rollback_target(&Target::LastGood, &observed).unwrap().number(), 7);
}

#[test]
fn a_rollback_that_runs_already_is_not_stopped() {
    let mut observed = observed();
    observed.live = revision(5, &uri(&digest_of("b5")));
    observed.active = Some(running("ha-deploy x rollback api".into(), "api-prod:5"));
    let plan = rolled_back(&observed, Some(true), false);
    assert_eq!(refused(&plan), [("active deployment", 7)]);
    assert!(plan.is_empty());
}

#[test]
fn a_rollback_while_something_deploys_stops_that() {
    let mut observed = observed();
    observed.live = revision(5, &uri(&digest_of("b5")));
    observed.active = Some(running("by hand".into(), "api-prod:8"));
    let plan = rolled_back(&observed, Some(true), false);
    assert_eq!(refused(&plan), []);
    assert_eq!(ids(&plan), ["stop"]);
}
