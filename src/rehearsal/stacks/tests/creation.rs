//! Making stacks, and what is refused before.

use serde_json::json;

use super::{Bench, Verb, shown};

const NETWORK: &str = r"
Parameters:
  Suffix: {Type: String, AllowedPattern: '^[a-z]+$'}
Conditions:
  Never: !Equals [!Ref Suffix, nobody]
Resources:
  Vpc:
    Type: AWS::EC2::VPC
    Properties: {CidrBlock: 10.0.0.0/16, Tags: [{Key: Name, Value: !Sub 'vpc-${Suffix}'}]}
  SubnetA:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24, AvailabilityZone: !Select [0, !GetAZs '']}
  SubnetB:
    Type: AWS::EC2::Subnet
    Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.1.0/24, AvailabilityZone: !Select [1, !GetAZs '']}
  Spare:
    Type: AWS::EC2::InternetGateway
    Condition: Never
  VpcId:
    Type: AWS::SSM::Parameter
    Properties: {Name: !Sub '/ha/${Suffix}/network/vpc-id', Type: String, Value: !Ref Vpc}
Outputs:
  Vpc: {Value: !Ref Vpc, Description: the network}
  Cidr: {Value: !GetAtt Vpc.CidrBlock, Export: {Name: !Sub 'cidr-${Suffix}'}}
";

#[test]
fn a_stack_is_made_in_the_order_of_its_references() {
    let mut bench = Bench::new();
    let parameters = json!([{"ParameterKey": "Suffix", "ParameterValue": "stg"}]);
    let set = bench.deploy("CREATE", NETWORK, parameters);
    assert_eq!(shown(&set), ["Add SubnetA", "Add SubnetB", "Add Vpc", "Add VpcId"]);
    assert_eq!(bench.status("s"), "CREATE_COMPLETE");
    let diary = bench.diary();
    assert_eq!(diary[0], "s CREATE_IN_PROGRESS");
    let at = |line: &str| diary.iter().position(|known| known == line).unwrap();
    assert!(at("Vpc CREATE_COMPLETE") < at("SubnetA CREATE_IN_PROGRESS"), "{diary:?}");
    // Both subnets begin before either is done.
    assert!(at("SubnetB CREATE_IN_PROGRESS") < at("SubnetA CREATE_COMPLETE"), "{diary:?}");
    assert_eq!(diary.last().unwrap(), "s CREATE_COMPLETE");
    let stack = bench.stack();
    let vpc = stack["Outputs"][0]["OutputValue"].as_str().unwrap().to_owned();
    assert!(vpc.starts_with("vpc-"), "{vpc}");
    assert_eq!(stack["Outputs"][1]["OutputValue"], "10.0.0.0/16");
    assert_eq!(bench.cloud.parameters["eu-west-1/ha/stg/network/vpc-id"], vpc);
    let exports = bench.call("ListExports", json!({})).unwrap();
    assert_eq!(exports["Exports"][0]["Name"], "cidr-stg");
    let subnet = bench.cloud.done.iter().find(|(_, name, _)| name == "SubnetB").unwrap();
    assert_eq!(subnet.2["AvailabilityZone"], "eu-west-1b");
}

#[test]
fn names_do_not_leak_between_regions() {
    let mut bench = Bench::new();
    bench.deploy("CREATE", NETWORK, json!([{"ParameterKey": "Suffix", "ParameterValue": "stg"}]));
    let now = std::time::Duration::from_secs(bench.now);
    let name = json!({"StackName": "s"});
    let elsewhere = bench.stacks.call(now, "us-east-1", "DescribeStacks", &name, &mut bench.cloud);
    assert_eq!(elsewhere.unwrap_err().message, "Stack with id s does not exist");
}

#[test]
fn a_failed_creation_is_rolled_back_in_reverse() {
    let mut bench = Bench::new();
    bench.cloud.faults.push(("SubnetB", Verb::Create, 1));
    bench.deploy("CREATE", NETWORK, json!([{"ParameterKey": "Suffix", "ParameterValue": "stg"}]));
    assert_eq!(bench.status("s"), "ROLLBACK_COMPLETE");
    let diary = bench.diary();
    let at = |line: &str| diary.iter().position(|known| known == line).unwrap();
    assert!(at("SubnetB CREATE_FAILED") < at("SubnetA CREATE_FAILED"), "{diary:?}");
    assert!(at("SubnetA DELETE_COMPLETE") < at("Vpc DELETE_IN_PROGRESS"), "{diary:?}");
    let events = bench.call("DescribeStackEvents", json!({"StackName": "s"})).unwrap();
    let reasons: Vec<&str> = events["StackEvents"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["ResourceStatusReason"].as_str())
        .collect();
    assert!(
        reasons.iter().any(|r| r.starts_with("Resource handler returned message: \"No capacity\"")),
        "{reasons:?}"
    );
    assert!(reasons.contains(&"Resource creation cancelled"));
    assert!(
        reasons.contains(
            &"The following resource(s) failed to create: [SubnetB, SubnetA, VpcId]. Rollback \
              requested by user."
        ),
        "{reasons:?}"
    );
    // A stack that was rolled back can only be deleted.
    let input = json!({"StackName": "s", "ChangeSetName": "x", "TemplateBody": NETWORK});
    let error = bench.refused("CreateChangeSet", input);
    assert!(error.message.ends_with("is in ROLLBACK_COMPLETE state and can not be updated."));
    bench.call("DeleteStack", json!({"StackName": "s"})).unwrap();
    bench.settle();
    assert_eq!(bench.status("s"), "none");
}

#[test]
fn templates_are_refused_in_the_words_of_aws() {
    let mut bench = Bench::new();
    let mut refused = |template: &str| {
        let input = json!({"TemplateBody": template});
        bench.refused("ValidateTemplate", input).message
    };
    assert_eq!(
        refused("Resources: {A: {Type: 'AWS::Nope::Thing'}}"),
        "Template format error: Unrecognized resource types: [AWS::Nope::Thing]"
    );
    assert_eq!(
        refused("Resource: {}\nResources: {A: {Type: 'AWS::SNS::Topic'}}"),
        "Invalid template property or properties [Resource]"
    );
    assert_eq!(
        refused("Resources: {A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !Ref B}}}"),
        "Template format error: Unresolved resource dependencies [B] in the Resources block of the \
         template"
    );
    assert_eq!(
        refused(
            "Resources: {A: {Type: 'AWS::SNS::Topic', Properties: {TopicName: !GetAtt A.Nope}}}"
        ),
        "Template error: resource A does not support attribute type Nope in Fn::GetAtt"
    );
    assert_eq!(
        refused("Resources: {}"),
        "Template format error: At least one Resources member must be defined."
    );
    let long = format!("Description: {}\nResources: {{}}", "x".repeat(52_000));
    assert!(refused(&long).contains("less than or equal to 51200"));
    let circle = "Resources: {A: {Type: 'AWS::SNS::Topic', DependsOn: B}, B: {Type: 'AWS::SNS::Topic', DependsOn: A}}";
    let input = json!({"StackName": "s", "TemplateBody": circle});
    let error = bench.refused("CreateStack", input);
    assert_eq!(error.message, "Circular dependency between resources: [A, B]");
}

#[test]
fn parameters_are_bound_strictly() {
    let mut bench = Bench::new();
    let mut refused = |parameters: serde_json::Value| {
        let input = json!({"StackName": "s", "TemplateBody": NETWORK, "Parameters": parameters});
        bench.refused("CreateStack", input).message
    };
    assert_eq!(refused(json!([])), "Parameters: [Suffix] must have values");
    assert_eq!(
        refused(json!([{"ParameterKey": "Sufix", "ParameterValue": "a"}])),
        "Parameters: [Sufix] do not exist in the template"
    );
    assert_eq!(
        refused(json!([{"ParameterKey": "Suffix", "ParameterValue": "A1"}])),
        "Parameter 'Suffix' must match pattern ^[a-z]+$"
    );
    let ssm = "Parameters: {Vpc: {Type: 'AWS::SSM::Parameter::Value<AWS::EC2::VPC::Id>'}}\n\
               Resources: {G: {Type: 'AWS::EC2::SecurityGroup', Properties: {GroupDescription: g, VpcId: !Ref Vpc}}}";
    let given = json!([{"ParameterKey": "Vpc", "ParameterValue": "/ha/stg/network/vpc-id"}]);
    let input = json!({"StackName": "s", "TemplateBody": ssm, "Parameters": given});
    assert_eq!(
        bench.refused("CreateStack", input.clone()).message,
        "Unable to fetch parameters [/ha/stg/network/vpc-id] from parameter store for this account."
    );
    bench.cloud.parameters.insert("eu-west-1/ha/stg/network/vpc-id".into(), "vpc-1".into());
    bench.call("CreateStack", input).unwrap();
    bench.settle();
    let stack = bench.stack();
    assert_eq!(stack["Parameters"][0]["ResolvedValue"], "vpc-1");
    assert_eq!(bench.cloud.done[0].2["VpcId"], "vpc-1");
}

#[test]
fn capabilities_names_and_schemas_are_held() {
    let mut bench = Bench::new();
    let role = "Resources: {R: {Type: 'AWS::IAM::Role', Properties: {RoleName: r-stg, AssumeRolePolicyDocument: {}}}}";
    let mut input = json!({"StackName": "s", "TemplateBody": role});
    let error = bench.refused("CreateStack", input.clone());
    assert_eq!(error.code, "InsufficientCapabilitiesException");
    assert_eq!(error.message, "Requires capabilities : [CAPABILITY_NAMED_IAM]");
    input["Capabilities"] = json!(["CAPABILITY_NAMED_IAM"]);
    bench.call("CreateStack", input.clone()).unwrap();
    bench.settle();
    assert_eq!(bench.status("s"), "CREATE_COMPLETE");
    // Another stack cannot have a role of the same name.
    input["StackName"] = json!("t");
    bench.call("CreateStack", input.clone()).unwrap();
    bench.settle();
    assert_eq!(bench.status("t"), "ROLLBACK_COMPLETE");
    input["ChangeSetName"] = json!("c");
    input["ChangeSetType"] = json!("CREATE");
    input["StackName"] = json!("u");
    bench.call("CreateChangeSet", input).unwrap();
    bench.wait(6);
    let set = json!({"StackName": "u", "ChangeSetName": "c"});
    let set = bench.call("DescribeChangeSet", set).unwrap();
    assert_eq!(set["Status"], "FAILED");
    assert!(set["StatusReason"].as_str().unwrap().contains("ResourceExistenceCheck"), "{set}");
    let wrong = "Resources: {A: {Type: 'AWS::SNS::Topic', Properties: {Nonsense: 1}}}";
    let set = json!({"StackName": "v", "ChangeSetName": "c", "ChangeSetType": "CREATE", "TemplateBody": wrong});
    let set = bench.call("CreateChangeSet", set).unwrap();
    bench.wait(6);
    let events = bench.call("DescribeEvents", json!({"ChangeSetName": set["Id"]})).unwrap();
    let event = &events["OperationEvents"][0];
    assert_eq!(event["EventType"], "VALIDATION_ERROR");
    assert_eq!(event["ValidationStatusReason"], "#: extraneous key [Nonsense] is not permitted");
}
