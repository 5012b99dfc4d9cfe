//! The operations of CloudFormation through the real SDK client.

use std::sync::Arc;

use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, Parameter, StackResourceDriftStatus, StackStatus, Tag,
};
use aws_types::SdkConfig;

use super::cloud::{Cloud, check};
use super::operations::Names;

const NAME: &str = "network-stg";
const BODY: &str = "Resources: {A: {Type: 'AWS::SNS::Topic'}}";

fn parameter() -> Parameter {
    Parameter::builder().parameter_key("Zones").parameter_value("3 & <more>").build()
}

fn kept() -> Parameter {
    Parameter::builder().parameter_key("Blue").use_previous_value(true).build()
}

fn tag() -> Tag {
    Tag::builder().key("k&").value("v=1").build()
}

pub(super) async fn cloudformation(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let mut names = Box::pin(change_sets(cloud, config)).await;
    names.extend(Box::pin(reads(cloud, config)).await);
    names.extend(Box::pin(lives(cloud, config)).await);
    names
}

async fn change_sets(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let c = aws_sdk_cloudformation::Client::new(config);
    Names::from([
        check!(cloud, "cloudformation",
            c.create_change_set().stack_name(NAME).change_set_name("c-1").template_body(BODY)
                .parameters(parameter()).parameters(kept()).change_set_type(ChangeSetType::Create)
                .capabilities(Capability::CapabilityNamedIam).tags(tag()),
            { "StackName": NAME, "ChangeSetName": "c-1", "TemplateBody": BODY,
              "Parameters": [
                  { "ParameterKey": "Zones", "ParameterValue": "3 & <more>" },
                  { "ParameterKey": "Blue", "UsePreviousValue": true },
              ],
              "ChangeSetType": "CREATE", "Capabilities": ["CAPABILITY_NAMED_IAM"],
              "Tags": [{ "Key": "k&", "Value": "v=1" }] }),
        check!(cloud, "cloudformation",
            c.describe_change_set().stack_name(NAME).change_set_name("c-1").include_property_values(true),
            { "StackName": NAME, "ChangeSetName": "c-1", "IncludePropertyValues": true }),
        check!(cloud, "cloudformation",
            c.execute_change_set().change_set_name("arn:c").client_request_token("t").disable_rollback(true),
            { "ChangeSetName": "arn:c", "ClientRequestToken": "t", "DisableRollback": true }),
        check!(cloud, "cloudformation", c.delete_change_set().change_set_name("arn:c"),
            { "ChangeSetName": "arn:c" }),
        check!(cloud, "cloudformation", c.list_change_sets().stack_name(NAME).next_token("n"),
            { "StackName": NAME, "NextToken": "n" }),
        check!(cloud, "cloudformation",
            c.describe_events().change_set_name("arn:c"), { "ChangeSetName": "arn:c" }),
    ])
}

async fn reads(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let c = aws_sdk_cloudformation::Client::new(config);
    Names::from([
        check!(cloud, "cloudformation", c.describe_stacks().stack_name(NAME), { "StackName": NAME }),
        check!(cloud, "cloudformation",
            c.list_stacks().stack_status_filter(StackStatus::CreateComplete),
            { "StackStatusFilter": ["CREATE_COMPLETE"] }),
        check!(cloud, "cloudformation", c.describe_stack_events().stack_name(NAME),
            { "StackName": NAME }),
        check!(cloud, "cloudformation", c.list_stack_resources().stack_name(NAME),
            { "StackName": NAME }),
        check!(cloud, "cloudformation", c.describe_stack_resources().stack_name(NAME),
            { "StackName": NAME }),
        check!(cloud, "cloudformation",
            c.describe_stack_resource().stack_name(NAME).logical_resource_id("Vpc"),
            { "StackName": NAME, "LogicalResourceId": "Vpc" }),
        check!(cloud, "cloudformation", c.get_template().stack_name(NAME), { "StackName": NAME }),
        check!(cloud, "cloudformation", c.get_template_summary().template_body(BODY),
            { "TemplateBody": BODY }),
        check!(cloud, "cloudformation", c.validate_template().template_body(BODY),
            { "TemplateBody": BODY }),
        check!(cloud, "cloudformation", c.list_exports().next_token("n"), { "NextToken": "n" }),
        check!(cloud, "cloudformation", c.list_imports().export_name("e"), { "ExportName": "e" }),
        check!(cloud, "cloudformation", c.get_stack_policy().stack_name(NAME),
            { "StackName": NAME }),
        check!(cloud, "cloudformation",
            c.describe_stack_drift_detection_status().stack_drift_detection_id("d"),
            { "StackDriftDetectionId": "d" }),
        check!(cloud, "cloudformation",
            c.describe_stack_resource_drifts().stack_name(NAME).max_results(5)
                .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified),
            { "StackName": NAME, "MaxResults": 5, "StackResourceDriftStatusFilters": ["MODIFIED"] }),
    ])
}

async fn lives(cloud: &Arc<Cloud>, config: &SdkConfig) -> Names {
    let c = aws_sdk_cloudformation::Client::new(config);
    Names::from([
        check!(cloud, "cloudformation",
            c.create_stack().stack_name(NAME).template_body(BODY).parameters(parameter())
                .stack_policy_body("{}").enable_termination_protection(true),
            { "StackName": NAME, "TemplateBody": BODY, "StackPolicyBody": "{}",
              "EnableTerminationProtection": true,
              "Parameters": [{ "ParameterKey": "Zones", "ParameterValue": "3 & <more>" }] }),
        check!(cloud, "cloudformation",
            c.update_stack().stack_name(NAME).use_previous_template(true).parameters(kept()),
            { "StackName": NAME, "UsePreviousTemplate": true,
              "Parameters": [{ "ParameterKey": "Blue", "UsePreviousValue": true }] }),
        check!(cloud, "cloudformation",
            c.delete_stack().stack_name(NAME).retain_resources("A").client_request_token("t"),
            { "StackName": NAME, "RetainResources": ["A"], "ClientRequestToken": "t" }),
        check!(cloud, "cloudformation",
            c.continue_update_rollback().stack_name(NAME).resources_to_skip("A"),
            { "StackName": NAME, "ResourcesToSkip": ["A"] }),
        check!(cloud, "cloudformation", c.rollback_stack().stack_name(NAME), { "StackName": NAME }),
        check!(cloud, "cloudformation", c.cancel_update_stack().stack_name(NAME),
            { "StackName": NAME }),
        check!(cloud, "cloudformation",
            c.set_stack_policy().stack_name(NAME).stack_policy_body("{}"),
            { "StackName": NAME, "StackPolicyBody": "{}" }),
        check!(cloud, "cloudformation",
            c.update_termination_protection().stack_name(NAME).enable_termination_protection(false),
            { "StackName": NAME, "EnableTerminationProtection": false }),
        check!(cloud, "cloudformation",
            c.detect_stack_drift().stack_name(NAME).logical_resource_ids("A"),
            { "StackName": NAME, "LogicalResourceIds": ["A"] }),
    ])
}
