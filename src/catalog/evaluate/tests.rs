use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Given, Inputs, Resolved, Truth, Unknown, evaluate_template};

fn inputs(given: &[(&str, &str)]) -> Inputs {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), Given::Text((*value).into()));
    Inputs { parameters: given.iter().map(text).collect(), zones: Some(3) }
}

/// The property `P` of the only resource.
fn property(value: Value, given: &[(&str, &str)]) -> Option<Resolved> {
    let template = json!({
        "Parameters": {"Open": {"Type": "String"}, "Zones": {"Type": "String", "Default": "3"},
            "Key": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/ha/stg/key"}},
        "Mappings": {"Size": {"small": {"cpu": 256}}},
        "Conditions": {
            "Three": {"Fn::Equals": [{"Ref": "Zones"}, "3"]},
            "Maybe": {"Fn::Equals": [{"Ref": "Open"}, "x"]},
            "Never": {"Fn::And": [{"Condition": "Maybe"}, {"Fn::Not": [{"Condition": "Three"}]}]},
            "Always": {"Fn::Or": [{"Condition": "Maybe"}, {"Condition": "Three"}]},
            "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
        },
        "Resources": {"R": {"Type": "T", "Properties": {"P": value}}},
    });
    let found = evaluate_template(&template, &inputs(given));
    found.first().and_then(|resource| resource.properties.at(&["P"]).cloned())
}

fn text(text: &str) -> Option<Resolved> {
    Some(Resolved::Text(text.to_owned()))
}

fn unknown(why: Unknown) -> Option<Resolved> {
    Some(Resolved::Unknown(why))
}

#[test]
fn functions_are_evaluated_where_their_arguments_are_known() {
    let given = &[("Suffix", "stg"), ("Cidr", "10.1.0.0/16"), ("AWS::Region", "eu-west-1")];
    let of = |value| property(value, given);
    assert_eq!(of(json!({"Ref": "Suffix"})), text("stg"));
    assert_eq!(of(json!({"Ref": "AWS::NoValue"})), None);
    assert_eq!(
        of(json!({"Fn::Sub": "a-${Suffix}-${AWS::Region}-${!x}"})),
        text("a-stg-eu-west-1-${x}")
    );
    let second = json!({"Fn::Select": [1, {"Fn::Split": [".", {"Ref": "Cidr"}]}]});
    assert_eq!(of(json!({"Fn::Sub": ["${B}.${Suffix}", {"B": second}]})), text("1.stg"));
    assert_eq!(of(json!({"Fn::Join": ["-", ["a", {"Ref": "Suffix"}, 1]]})), text("a-stg-1"));
    assert_eq!(
        of(json!({"Fn::FindInMap": ["Size", "small", "cpu"]})).and_then(|cpu| cpu.whole()),
        Some(256)
    );
    assert_eq!(of(json!({"Fn::If": ["Three", "yes", "no"]})), text("yes"));
    assert_eq!(of(json!({"Fn::Select": ["2", {"Fn::GetAZs": ""}]})), unknown(Unknown::Zone(2)));
    // An IAM statement's `Condition` is no function.
    assert!(matches!(of(json!({"Condition": {"Bool": {"x": "y"}}})), Some(Resolved::Map(_))));
}

#[test]
fn what_is_not_known_says_why() {
    let of = |value| property(value, &[]);
    assert_eq!(of(json!({"Ref": "Open"})), unknown(Unknown::Parameter("Open".into())));
    // The default of an SSM type is a name, not the value.
    assert_eq!(of(json!({"Ref": "Key"})), unknown(Unknown::Parameter("Key".into())));
    assert_eq!(of(json!({"Ref": "Vpc"})), unknown(Unknown::Resource("Vpc".into())));
    assert_eq!(
        of(json!({"Fn::GetAtt": ["Vpc", "Arn"]})),
        unknown(Unknown::Attribute("Vpc".into(), "Arn".into()))
    );
    assert_eq!(of(json!({"Fn::Sub": "${Vpc.Arn}/x"})), unknown(Unknown::Part));
    assert_eq!(of(json!({"Fn::If": ["Maybe", 1, 2]})), unknown(Unknown::Condition("Maybe".into())));
    assert_eq!(of(json!({"Fn::If": ["Maybe", "same", "same"]})), text("same"));
    assert_eq!(of(json!({"Fn::If": ["Never", 1, "no"]})), text("no"));
    assert_eq!(of(json!({"Fn::If": ["Always", "yes", 2]})), text("yes"));
    assert_eq!(of(json!({"Fn::If": ["Loop", 1, 2]})), unknown(Unknown::Condition("Loop".into())));
    assert_eq!(of(json!("{{resolve:secretsmanager:x}}")), unknown(Unknown::Dynamic));
    assert_eq!(of(json!({"Fn::Cidr": []})), unknown(Unknown::Function("Fn::Cidr".into())));
    assert_eq!(
        of(json!({"Fn::Select": [9, ["a"]]})),
        unknown(Unknown::Function("Fn::Select".into()))
    );
}

#[test]
fn a_resource_exists_as_its_condition_says() {
    let template = json!({
        "Parameters": {"Open": {"Type": "String"}},
        "Conditions": {
            "No": {"Fn::Equals": ["a", "b"]},
            "Maybe": {"Fn::Equals": [{"Ref": "Open"}, "x"]},
        },
        "Resources": {
            "A": {"Type": "T"}, "B": {"Type": "T", "Condition": "No"},
            "C": {"Type": "T", "Condition": "Maybe"}, "D": {"Type": "T", "Condition": "Missing"},
        },
    });
    let found = evaluate_template(&template, &Inputs::default());
    let seen: BTreeMap<&str, Truth> =
        found.iter().map(|one| (one.id.as_str(), one.exists)).collect();
    let expected =
        [("A", Truth::True), ("C", Truth::Unknown), ("D", Truth::Unknown)].into_iter().collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_text_that_doubles_at_every_level_is_cut() {
    let mut value = json!("aaaaaaaa");
    for _ in 0..60 {
        value = json!({"Fn::Sub": ["${X}${X}", {"X": value}]});
    }
    // The middle became too large; everything around it is made of an unknown part.
    assert_eq!(property(value, &[]), unknown(Unknown::Part));
}

#[test]
fn a_text_of_too_many_parts_is_not_split() {
    let parts = |count: usize| {
        let text = vec!["a"; count].join(",");
        property(json!({"Fn::Split": [",", {"Ref": "Text"}]}), &[("Text", &text)])
    };
    assert_eq!(parts(1000).unwrap().list().unwrap().len(), 1000);
    assert_eq!(parts(1001), unknown(Unknown::TooLarge));
}

#[test]
fn a_value_that_is_too_deep_is_cut() {
    let mut value = json!("end");
    for _ in 0..100 {
        value = json!([value]);
    }
    let found = property(value, &[]).unwrap();
    assert!(format!("{found:?}").contains("TooLarge"));
}

fn hostile() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "Ref",
        "Fn::If",
        "Fn::Sub",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::GetAZs",
        "Fn::FindInMap",
        "Fn::GetAtt",
        "Fn::Equals",
        "Condition",
        "Fn::Not",
        "Fn::And",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[A-D$.{}!é,]{0,8}".prop_map(Value::from),
        Just(json!("${A}")),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            (name.clone(), inner.clone()).prop_map(|(name, value)| json!({name: value})),
            (name.clone(), prop::collection::vec(inner, 0..4))
                .prop_map(|(name, values)| json!({name: values})),
        ]
    })
}

proptest! {
    /// Whatever stands in a template, it is evaluated without a panic, and twice alike.
    #[test]
    fn hostile_templates_are_evaluated(
        conditions in prop::collection::vec(hostile(), 4),
        value in hostile(),
        mapping in hostile(),
    ) {
        let conditions: serde_json::Map<String, Value> =
            ["A", "B", "C", "D"].iter().map(|name| (*name).to_owned()).zip(conditions).collect();
        let template = json!({
            "Mappings": {"A": mapping}, "Conditions": conditions,
            "Resources": {"R": {"Type": "T", "Condition": "A", "Properties": value}},
        });
        let inputs = inputs(&[("A", "a,b"), ("B", "1")]);
        let found = evaluate_template(&template, &inputs);
        prop_assert_eq!(&found, &evaluate_template(&template, &inputs));
    }
}
