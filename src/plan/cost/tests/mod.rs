mod properties;
mod templates;

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::catalog::evaluate::{Given, Inputs, evaluate_template};

use super::{
    Amount, Basis, Driver, Estimate, Money, Price, Prices, Row, Span, Stack, Usage, estimate, view,
};

fn stack(name: &str, region: &str, resources: Value, given: &[(&str, &str)]) -> Stack {
    let parameters: Value = given
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({"Type": "String"})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let template = json!({
        "Parameters": parameters,
        "Conditions": {"Open": {"Fn::Equals": [{"Ref": "Undecided"}, "x"]}},
        "Resources": resources,
    });
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), Given::Text((*value).into()));
    let mut inputs = Inputs { parameters: given.iter().map(text).collect(), zones: Some(3) };
    inputs.parameters.insert("Undecided".into(), Given::Unknown);
    Stack {
        name: name.into(),
        region: region.into(),
        service: None,
        resources: evaluate_template(&template, &inputs),
    }
}

/// The table, read once: properties ask for it hundreds of times.
static PRICES: LazyLock<Prices> = LazyLock::new(|| Prices::embedded().unwrap());

fn priced(stacks: &[Stack]) -> Estimate {
    estimate(stacks, 3, &Usage::default(), &PRICES)
}

fn one(resources: Value) -> Estimate {
    priced(&[stack("s", "us-east-1", resources, &[])])
}

fn row<'a>(estimate: &'a Estimate, what: &str) -> &'a Row {
    let mut found = estimate.rows.iter().filter(|row| row.what == what);
    let row = found.next().unwrap_or_else(|| panic!("no row {what}: {:#?}", estimate.rows));
    assert!(found.next().is_none(), "two rows {what}");
    row
}

fn dollars(text: &str) -> Money {
    Amount::ONE.at(Price::parse(text).unwrap())
}

#[test]
fn numbers_are_read_and_written_exactly() {
    assert_eq!(Price::parse("0.0000166667").unwrap().to_string(), "$0.0000166667");
    assert_eq!(Price::parse("5").unwrap().to_string(), "$5.00");
    assert_eq!(Amount::parse("1234567.5").unwrap().to_string(), "1,234,567.5");
    for bad in ["", ".5", "5.", "-1", "1e3", "0.0000001", "1,000", "99999999999999999999", "١"] {
        assert_eq!(Amount::parse(bad), None, "{bad}");
    }
    // 730 hours at $0.045, in cents and in full.
    let month = Amount::from(730).at(Price::parse("0.045").unwrap());
    assert_eq!(month.to_string(), "$32.85");
    assert_eq!(serde_json::to_value(month).unwrap(), json!("32.85"));
    assert_eq!(serde_json::to_value(dollars("0.000001")).unwrap(), json!("0.000001"));
    assert_eq!(dollars("1234.565").to_string(), "$1,234.57");
    // The largest numbers stop, they do not wrap.
    let most = Amount::from(u64::MAX);
    assert_eq!(most.times(most), most);
    assert!(most.at(Price::parse("1").unwrap()) > dollars("1000000"));
}

#[test]
fn a_nat_gateway_in_each_zone_costs_three_times_one() {
    let gateway = json!({"Type": "AWS::EC2::NatGateway"});
    let found = one(json!({"A": gateway, "B": gateway, "C": gateway}));
    let hours: Money =
        found.rows.iter().filter(|row| row.what == "NAT gateway").map(|row| row.cost.low).sum();
    // 3 × 730 × $0.045
    assert_eq!(hours, dollars("98.55"));
    assert_eq!(found.fixed_monthly, hours);
    assert_eq!(row(&found, "NAT gateway, data").resource, "A and 2 more");
    let regional = one(
        json!({"A": {"Type": "AWS::EC2::NatGateway", "Properties": {"AvailabilityMode": "regional"}}}),
    );
    assert_eq!(row(&regional, "NAT gateway").cost.low, hours);
}

#[test]
fn the_view_says_what_would_be_cheaper() {
    let gateway = json!({"Type": "AWS::EC2::NatGateway"});
    let endpoint = json!({"Type": "AWS::EC2::VPCEndpoint", "Properties": {
        "VpcEndpointType": "Interface", "SubnetIds": ["a", "b", "c"]}});
    let shown = view(&one(json!({"A": gateway, "B": gateway, "C": gateway, "D": endpoint})));
    let expected = [
        "`nat: single` would save $65.70 a month and the addresses, and tie all zones to that of A",
        "without interface endpoints, $21.90 a month would be saved and their traffic go through NAT",
    ];
    assert_eq!(shown.savings, expected);
    assert!(view(&one(json!({"A": gateway}))).savings.is_empty());
}

#[test]
fn functions_that_nobody_resolved_are_unknown() {
    let properties =
        json!({"DBInstanceClass": {"Ref": "InstanceClass"}, "DBClusterIdentifier": "c"});
    let stack =
        Stack::resolved("s", "us-east-1", None, [("A", "AWS::RDS::DBInstance", &properties)]);
    assert_eq!(priced(&[stack]).unpriced[0].why, "its class is not known");
}

#[test]
fn a_region_has_its_own_price_or_says_that_it_has_not() {
    let resources = json!({
        "A": {"Type": "AWS::EC2::NatGateway"}, "B": {"Type": "AWS::KMS::Key"},
        "C": {"Type": "AWS::Route53::HostedZone"},
    });
    let found = priced(&[stack("s", "eu-west-1", resources, &[])]);
    assert_eq!(row(&found, "NAT gateway").basis, Basis::Region);
    // 730 × $0.048
    assert_eq!(row(&found, "NAT gateway").cost.low, dollars("35.04"));
    assert_eq!(row(&found, "KMS key").basis, Basis::Borrowed);
    assert_eq!(row(&found, "hosted zone, first 25").basis, Basis::Global);
    let shown = view(&found);
    let line = shown.groups[0].lines.iter().find(|line| line.what == "B: KMS key").unwrap();
    assert_eq!(line.note.as_deref(), Some("price of us-east-1, none found for eu-west-1"));
    assert!(shown.notes.iter().any(|note| note.contains("have the price of us-east-1")));
}

#[test]
fn tasks_are_priced_by_their_size_between_the_fewest_and_the_most() {
    let resources = json!({
        "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {
            "Cpu": "512", "Memory": "1024", "RequiresCompatibilities": ["FARGATE"],
            "RuntimePlatform": {"CpuArchitecture": "ARM64"}}},
        "Service": {"Type": "AWS::ECS::Service", "Properties": {"TaskDefinition": {"Ref": "Task"}}},
    });
    let scaling = json!({"Target": {"Type": "AWS::ApplicationAutoScaling::ScalableTarget",
        "Properties": {"ScalableDimension": "ecs:service:DesiredCount",
            "MinCapacity": {"Ref": "Min"}, "MaxCapacity": 10}}});
    let mut service = stack("service", "us-east-1", resources, &[]);
    let mut target = stack("scaling", "us-east-1", scaling, &[("Min", "2")]);
    service.service = Some("web".into());
    target.service = Some("web".into());
    let found = priced(&[service.clone(), target.clone()]);
    let cpu = row(&found, "Fargate vCPU, ARM");
    // 2, 4 and 10 tasks of half a vCPU: 730, 1,460 and 3,650 vCPU-hours.
    assert_eq!(cpu.amount, Span { low: 730, expected: 1460, high: 3650 }.map(Amount::from));
    assert_eq!(cpu.cost.low, dollars("23.6374"));
    assert_eq!(cpu.driver, Driver::Scaled);
    assert_eq!(row(&found, "Fargate memory, ARM").cost.high, dollars("25.988"));

    // Scaling of another service says nothing about this one.
    target.service = Some("other".into());
    let found = priced(&[service, target]);
    assert_eq!(row(&found, "Fargate vCPU, ARM").amount.high, Amount::from(365));
}

#[test]
fn a_strategy_divides_tasks_between_fargate_spot_and_hosts() {
    let service = |strategy: Value| {
        json!({
            "Task": {"Type": "AWS::ECS::TaskDefinition", "Properties": {"Cpu": 1024, "Memory": 2048}},
            "Service": {"Type": "AWS::ECS::Service", "Properties": {
                "DesiredCount": 9, "CapacityProviderStrategy": strategy}},
        })
    };
    let found = one(service(json!([
        {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 1},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 2},
        {"CapacityProvider": {"Fn::GetAtt": ["Hosts", "Arn"]}, "Weight": 1},
    ])));
    // Of nine tasks one is the base; of the eight others two, four and two.
    assert_eq!(row(&found, "Fargate vCPU, x86").amount.low, Amount::from(3 * 730));
    assert_eq!(row(&found, "Fargate Spot vCPU, x86").amount.low, Amount::from(4 * 730));
    assert_eq!(found.free[0].why, "tasks on instances are charged with the instances");
    let found = one(service(json!([{"CapacityProvider": "FARGATE", "Weight": 0, "Base": 20}])));
    assert_eq!(row(&found, "Fargate vCPU, x86").amount.high, Amount::from(9 * 730));
}

#[test]
fn multi_az_costs_twice_and_replicas_have_the_storage_of_their_source() {
    let found = one(json!({
        "Primary": {"Type": "AWS::RDS::DBInstance", "Properties": {
            "DBInstanceClass": "db.t4g.medium", "Engine": "postgres", "MultiAZ": true,
            "StorageType": "gp3", "AllocatedStorage": "50", "MaxAllocatedStorage": 500}},
        "Replica": {"Type": "AWS::RDS::DBInstance", "Properties": {
            "DBInstanceClass": "db.t4g.medium", "SourceDBInstanceIdentifier": {"Ref": "Primary"}}},
    }));
    let of = |resource: &str, what: &str| {
        let mut rows = found.rows.iter();
        rows.find(|row| row.resource == resource && row.what == what).unwrap().cost
    };
    let hours = "RDS PostgreSQL db.t4g.medium";
    // 2 × 730 × $0.065, and 730 × $0.065
    assert_eq!(of("Primary", hours).low, dollars("94.9"));
    assert_eq!(of("Replica", hours).low, dollars("47.45"));
    let storage = "RDS gp3 storage, one zone";
    assert_eq!(
        of("Primary", storage),
        Span { low: "11.5", expected: "11.5", high: "115" }.map(dollars)
    );
    assert_eq!(of("Replica", storage).high, dollars("57.5"));
}

#[test]
fn aurora_serverless_runs_between_its_capacities() {
    let found = one(json!({
        "Cluster": {"Type": "AWS::RDS::DBCluster", "Properties": {
            "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": "8"}}},
        "Writer": {"Type": "AWS::RDS::DBInstance", "Properties": {
            "DBClusterIdentifier": {"Ref": "Cluster"}, "DBInstanceClass": "db.serverless"}},
    }));
    let row = row(&found, "Aurora Serverless v2 capacity unit");
    // 730 × 0.5 × $0.12, and 730 × 8 × $0.12
    assert_eq!((row.cost.low, row.cost.high), (dollars("43.8"), dollars("700.8")));
}

#[test]
fn alarms_are_charged_by_metric_and_canaries_by_run() {
    let metric = json!({"Id": "a", "MetricStat": {"Period": 60}});
    let found = one(json!({
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {
            "Metrics": [metric, metric, {"Id": "c", "Expression": "a/b"}]}},
        "Canary": {"Type": "AWS::Synthetics::Canary", "Properties": {
            "Schedule": {"Expression": "rate(5 minutes)"}}},
        "Strange": {"Type": "AWS::Synthetics::Canary", "Properties": {
            "Schedule": {"Expression": "rate(0 minute)"}}},
    }));
    assert_eq!(row(&found, "alarm, a metric at standard resolution").cost.low, dollars("0.2"));
    // 730 hours × 12 runs × $0.0012
    assert_eq!(row(&found, "canary run").cost.low, dollars("10.512"));
    assert_eq!(found.unpriced[0].resource, "Strange");
}

#[test]
fn what_has_no_rule_or_no_price_is_named() {
    let found = one(json!({
        "A": {"Type": "AWS::New::Thing"},
        "B": {"Type": "AWS::RDS::DBInstance", "Properties": {
            "DBInstanceClass": "db.x9.huge", "DBClusterIdentifier": "c"}},
        "C": {"Type": "AWS::SSM::Parameter", "Properties": {"Tier": "Advanced"}},
        "D": {"Type": "AWS::IAM::Role"},
    }));
    let named: Vec<(&str, &str)> =
        found.unpriced.iter().map(|one| (one.resource.as_str(), one.why.as_str())).collect();
    let expected = [
        ("A", "no rule says what it costs"),
        ("B", "no price of `aurora/db.x9.huge` was found"),
        ("C", "no rule says what it costs"),
    ];
    assert_eq!(named, expected);
    assert_eq!((found.free[0].kind.as_str(), found.free[0].count), ("AWS::IAM::Role", 1));
    assert!(found.rows.is_empty());
    assert!(view(&found).notes.iter().any(|note| note.contains("AWS::New::Thing")));
}

#[test]
fn a_resource_that_may_not_be_made_costs_nothing_in_the_low_case() {
    let found = one(json!({"A": {"Type": "AWS::KMS::Key", "Condition": "Open"}}));
    let cost = row(&found, "KMS key").cost;
    assert_eq!(cost, Span { low: "0", expected: "1", high: "1" }.map(dollars));
    assert_eq!(found.fixed_monthly, Money::default());
}

#[test]
fn usage_files_replace_what_they_name() {
    let read = Usage::read;
    let usage =
        read("nat_gb: 12.5\nload_share: '0.5'\nlogs_gb: {low: 1, expected: 2, high: 3.5}").unwrap();
    assert_eq!(usage.nat_gb, Amount::parse("12.5").unwrap().into());
    assert_eq!(usage.logs_gb.high, Amount::parse("3.5").unwrap());
    assert_eq!(usage.files_gb, Usage::default().files_gb);
    // What is written can be read again, and an empty file names nothing.
    let text = serde_yaml::to_string(&usage).unwrap();
    assert_eq!(read(&text).unwrap(), usage);
    assert_eq!(read("# nothing\n").unwrap(), Usage::default());
}

#[test]
fn a_usage_file_tells_all_its_faults_with_their_lines() {
    let text = "logs_gb: 1\nnat_gb: -1\nnat: 1\nimages_gb:\n  low: 2\n  expected: 1\n  high: 3\n\
                files_gb: [1]\n";
    let faults = Usage::read(text).unwrap_err();
    let seen: Vec<(Option<usize>, &str)> =
        faults.iter().map(|fault| (fault.line, fault.key.as_deref().unwrap_or(""))).collect();
    let expected =
        [(Some(2), "nat_gb"), (Some(3), "nat"), (Some(4), "images_gb"), (Some(8), "files_gb")];
    assert_eq!(seen, expected);
    assert_eq!(faults[0].message, "`-1` is no number ≥ 0 with at most six decimal digits");
    assert_eq!(faults[2].message, "low, expected and high must ascend");
    assert_eq!(faults[3].message, "expected a number, or low, expected and high");
    assert_eq!(Usage::read("a: 1\nb: [").unwrap_err().len(), 1);
}

#[test]
fn the_table_is_whole_and_every_price_has_its_source() {
    let prices = Prices::embedded().unwrap();
    let date = |text: &str| {
        text.len() == 10 && text.chars().all(|char| char.is_ascii_digit() || char == '-')
    };
    assert!(date(&prices.date));
    assert!(prices.keys().count() >= 40);
    for key in prices.keys() {
        // Whatever is in the table can be used in any region.
        assert!(prices.quote(key, "xx-nowhere-1").is_some(), "{key}");
        for (region, quote) in prices.quotes(key) {
            assert!(quote.page.starts_with("https://aws.amazon.com/"), "{key} {region}");
            assert!(date(quote.read) && quote.read <= prices.date.as_str(), "{key} {region}");
            assert!(quote.price > Price::parse("0").unwrap(), "{key} {region}");
        }
    }
}

#[test]
fn the_document_has_the_date_of_the_table() {
    let document = include_str!("../../../../docs/cost.md");
    assert!(document.contains(&format!("dated {}", PRICES.date)));
}

#[test]
fn a_table_with_a_loose_end_is_refused() {
    let table = |page: &str, source: &str, usd: &str| {
        format!(
            "date: 2026-01-01\npages: {{p: x}}\nsources: {{s: {{read: 2026-01-01, where: y}}}}\n\
             prices: {{k: {{what: a, unit: b, page: {page}, in: {{global: {{usd: {usd}, source: {source}}}}}}}}}"
        )
    };
    assert!(Prices::read(&table("p", "s", "'1.5'")).is_ok());
    for (page, source, usd) in
        [("q", "s", "'1'"), ("p", "t", "'1'"), ("p", "s", "-1"), ("p", "s", "1.5e3")]
    {
        assert!(Prices::read(&table(page, source, usd)).is_err(), "{page} {source} {usd}");
    }
}
