//! What holds for all estimates.

use proptest::prelude::*;
use serde_json::json;

use super::super::{Amount, Money, Row, Stack, Usage, estimate, view};
use super::{PRICES, priced, stack};

/// A stack of so many NAT gateways, keys, alarms and tables, with scaled tasks.
fn sized(counts: &[u8; 4], least: u8, most: u8) -> [Stack; 1] {
    let kinds =
        ["AWS::EC2::NatGateway", "AWS::KMS::Key", "AWS::CloudWatch::Alarm", "AWS::WAFv2::WebACL"];
    let mut resources = serde_json::Map::new();
    for (kind, count) in kinds.iter().zip(counts) {
        for index in 0..*count {
            resources.insert(format!("{kind}{index}"), json!({"Type": kind}));
        }
    }
    resources.insert("Group".into(), json!({"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {
        "MinSize": least, "MaxSize": most,
        "MixedInstancesPolicy": {"LaunchTemplate": {"Overrides": [{"InstanceType": "t4g.medium"}]}}}}));
    [stack("s", "eu-west-1", resources.into(), &[])]
}

proptest! {
    /// The rows sum to the total exactly, low is at most expected is at most high, and all that is
    /// fixed is in the low case.
    #[test]
    fn rows_sum_to_the_total(counts in any::<[u8; 4]>().prop_map(|all| all.map(|one| one % 7)), least: u8, most: u8) {
        let found = priced(&sized(&counts, least, most));
        let micros = |of: fn(&Row) -> Money| -> u64 { found.rows.iter().map(|row| of(row).micros()).sum() };
        prop_assert_eq!(found.total.low.micros(), micros(|row| row.cost.low));
        prop_assert_eq!(found.total.expected.micros(), micros(|row| row.cost.expected));
        prop_assert_eq!(found.total.high.micros(), micros(|row| row.cost.high));
        prop_assert!(found.fixed_monthly <= found.total.low);
        for row in &found.rows {
            prop_assert!(row.cost.low <= row.cost.expected && row.cost.expected <= row.cost.high);
        }
        let groups: Money = view(&found).groups.iter().map(|group| group.cost.expected).sum();
        prop_assert_eq!(groups, found.total.expected);
    }

    /// More of anything never costs less.
    #[test]
    fn more_never_costs_less(
        counts in any::<[u8; 4]>().prop_map(|all| all.map(|one| one % 5)),
        which in 0_usize..4,
        least in 0_u8..50,
        more in 0_u8..50,
    ) {
        let mut grown = counts;
        grown[which] += 1;
        let before = priced(&sized(&counts, least, 60)).total;
        let after = priced(&sized(&grown, least + more, 120)).total;
        prop_assert!(before.low <= after.low);
        prop_assert!(before.expected <= after.expected);
        prop_assert!(before.high <= after.high);
    }

    /// More use never costs less.
    #[test]
    fn more_use_never_costs_less(requests in 0_u64..10_000, more in 0_u64..10_000) {
        let stacks = [stack("s", "us-east-1", json!({
            "A": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer"},
            "B": {"Type": "AWS::WAFv2::WebACL", "Properties": {"Rules": []}},
        }), &[])];
        let of = |requests: u64| {
            let usage = Usage { requests_per_second: Amount::from(requests).into(), ..Usage::default() };
            estimate(&stacks, 3, &usage, &PRICES).total
        };
        prop_assert!(of(requests).expected <= of(requests + more).expected);
    }

    /// Amounts are written as they are read.
    #[test]
    fn amounts_survive_their_text(micros in any::<u64>()) {
        let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let amount = Amount::parse(&text).unwrap();
        prop_assert_eq!(Amount::parse(&amount.to_string().replace(',', "")), Some(amount));
    }
}
