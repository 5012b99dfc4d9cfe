use super::*;
use crate::rehearsal::guards::cloudwatch::{Datum, Parameters};

const ID: &str = "service/main/web";

fn place() -> Place {
    Place {
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        epoch: Duration::from_secs(1_800_000_000),
    }
}

fn cpu() -> Metric {
    let dimensions = [("ClusterName", "main"), ("ServiceName", "web")];
    Metric::new("AWS/ECS", "CPUUtilization", &dimensions)
}

fn autoscaling() -> AutoScaling {
    let policy = TargetTracking {
        name: "cpu".to_owned(),
        metric: cpu(),
        statistic: Statistic::Average,
        target: 50.0,
        scale_out_cooldown: Duration::from_secs(300),
        scale_in_cooldown: Duration::from_secs(300),
    };
    let setup = TargetSetup {
        cluster: "main".to_owned(),
        service: "web".to_owned(),
        min: 2,
        max: 10,
        policies: vec![policy],
    };
    let mut autoscaling = AutoScaling::new(place(), vec![setup]);
    autoscaling.set_current("web", 4);
    autoscaling
}

fn register(autoscaling: &mut AutoScaling, members: Value) -> Reply {
    let mut input = json!({
        "ServiceNamespace": "ecs",
        "ResourceId": ID,
        "ScalableDimension": DIMENSION,
    });
    for (name, value) in members.as_object().unwrap() {
        input[name] = value.clone();
    }
    autoscaling.call(Duration::from_secs(9), "RegisterScalableTarget", &input)
}

fn describe(autoscaling: &mut AutoScaling) -> Value {
    let input = json!({ "ServiceNamespace": "ecs", "ResourceIds": [ID] });
    let answer = autoscaling.call(Duration::ZERO, "DescribeScalableTargets", &input).unwrap();
    answer["ScalableTargets"][0].clone()
}

/// Runs a load of `percent` for so many minutes; returns when tasks changed, and to how many.
fn run(autoscaling: &mut AutoScaling, percent: f64, minutes: u64) -> Vec<(u64, u32)> {
    let mut metrics = CloudWatch::new(place(), Parameters::default());
    let mut seen = Vec::new();
    for minute in 0..minutes {
        metrics.put(cpu(), Duration::from_secs(minute * 60), Datum::Values(vec![percent]));
        let changes = autoscaling.advance(Duration::from_secs((minute + 1) * 60), &metrics);
        seen.extend(changes.into_iter().map(|change| (minute + 1, change.desired)));
    }
    seen
}

#[test]
fn registering_again_keeps_what_is_left_out() {
    let mut autoscaling = autoscaling();
    let suspend = json!({ "SuspendedState": { "DynamicScalingInSuspended": true } });
    register(&mut autoscaling, suspend).unwrap();
    register(&mut autoscaling, json!({ "MinCapacity": 3 })).unwrap();
    let target = describe(&mut autoscaling);
    assert_eq!((&target["MinCapacity"], &target["MaxCapacity"]), (&json!(3), &json!(10)));
    assert_eq!(target["SuspendedState"]["DynamicScalingInSuspended"], json!(true));
    assert_eq!(target["SuspendedState"]["DynamicScalingOutSuspended"], json!(false));
    let error = register(&mut autoscaling, json!({ "MinCapacity": 11 })).unwrap_err();
    assert_eq!(error.code, "ValidationException");
    assert_eq!(describe(&mut autoscaling)["MinCapacity"], json!(3));
    let new = json!({ "ResourceId": "service/main/api", "MinCapacity": 1 });
    assert_eq!(register(&mut autoscaling, new).unwrap_err().code, "ValidationException");
}

#[test]
fn three_high_minutes_scale_out_in_proportion_and_then_the_cooldown_holds() {
    // Minute 3 closes at 180 s and can be read at 240 s.
    assert_eq!(run(&mut autoscaling(), 75.0, 8), [(4, 6)]);
    assert_eq!(run(&mut autoscaling(), 75.0, 9), [(4, 6), (9, 9)]);
}

#[test]
fn fifteen_low_minutes_scale_in_unless_that_is_suspended() {
    assert_eq!(run(&mut autoscaling(), 30.0, 16), [(16, 3)]);
    let mut suspended = autoscaling();
    let suspend = json!({ "SuspendedState": { "DynamicScalingInSuspended": true } });
    register(&mut suspended, suspend).unwrap();
    assert!(run(&mut suspended, 30.0, 30).is_empty());
}

#[test]
fn an_event_of_a_scenario_obeys_limits_and_leaves_an_activity() {
    let mut autoscaling = autoscaling();
    let change = autoscaling.fire(Duration::from_secs(70), "web", 99).unwrap();
    assert_eq!(change, DesiredCountChange { service: "web".to_owned(), desired: 10 });
    assert_eq!(autoscaling.fire(Duration::from_secs(71), "web", 10), None);
    assert_eq!(autoscaling.fire(Duration::from_secs(71), "api", 10), None);
    let input = json!({ "ServiceNamespace": "ecs", "ResourceId": ID });
    let answer = autoscaling.call(Duration::ZERO, "DescribeScalingActivities", &input).unwrap();
    assert_eq!(
        answer["ScalingActivities"][0]["Description"],
        json!("Setting desired count to 10.")
    );
    assert_eq!(answer["ScalingActivities"][0]["StartTime"], json!(1_800_000_070));
}
