//! Stacks as they stand, their policies, and their end.

use aws_sdk_cloudformation::types::Stack;

use crate::aws::{Aws, Fault};
use crate::domain::{ObservedStack, StackResource, StackStatus};

use super::does_not_exist;

impl Aws {
    /// Reads a stack by name or ARN; `None` when there is none of that name. By ARN, a deleted one
    /// is found too.
    pub async fn stack(&self, name: &str) -> Result<Option<ObservedStack>, Fault> {
        const ACTION: &str = "cloudformation:DescribeStacks";
        match self.cloudformation.describe_stacks().stack_name(name).send().await {
            Ok(answer) => match answer.stacks().first() {
                Some(stack) => observed(stack).map(Some),
                None => Ok(None),
            },
            Err(error) => {
                let fault = Fault::of(ACTION, error);
                if does_not_exist(&fault) { Ok(None) } else { Err(fault) }
            }
        }
    }

    /// Reads all stacks of the region that are not deleted.
    pub async fn stacks(&self) -> Result<Vec<ObservedStack>, Fault> {
        let mut pages = self.cloudformation.describe_stacks().into_paginator().send();
        let mut stacks = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Fault::of("cloudformation:DescribeStacks", e))?;
            for stack in page.stacks() {
                stacks.push(observed(stack)?);
            }
        }
        Ok(stacks)
    }

    /// Reads a stack's policy.
    pub async fn stack_policy(&self, name: &str) -> Result<Option<String>, Fault> {
        let answer = self
            .cloudformation
            .get_stack_policy()
            .stack_name(name)
            .send()
            .await
            .map_err(|error| Fault::of("cloudformation:GetStackPolicy", error))?;
        Ok(answer.stack_policy_body().filter(|body| !body.is_empty()).map(str::to_owned))
    }

    /// Sets a stack's policy.
    pub async fn set_stack_policy(&self, name: &str, policy: &str) -> Result<(), Fault> {
        self.cloudformation
            .set_stack_policy()
            .stack_name(name)
            .stack_policy_body(policy)
            .send()
            .await
            .map_err(|error| Fault::of("cloudformation:SetStackPolicy", error))?;
        Ok(())
    }

    /// Begins the deletion of a stack; one that does not exist is deleted already.
    pub async fn delete_stack(
        &self,
        name: &str,
        role: Option<&str>,
        token: &str,
    ) -> Result<(), Fault> {
        self.cloudformation
            .delete_stack()
            .stack_name(name)
            .set_role_arn(role.map(str::to_owned))
            .client_request_token(token)
            .send()
            .await
            .map_err(|error| Fault::of("cloudformation:DeleteStack", error))?;
        Ok(())
    }

    /// Continues a rollback that failed, without the resources that `skip` names.
    pub async fn continue_update_rollback(
        &self,
        name: &str,
        role: Option<&str>,
        skip: &[String],
        token: &str,
    ) -> Result<(), Fault> {
        self.cloudformation
            .continue_update_rollback()
            .stack_name(name)
            .set_role_arn(role.map(str::to_owned))
            .set_resources_to_skip((!skip.is_empty()).then(|| skip.to_vec()))
            .client_request_token(token)
            .send()
            .await
            .map_err(|error| Fault::of("cloudformation:ContinueUpdateRollback", error))?;
        Ok(())
    }

    /// Lists the resources of a stack.
    pub async fn stack_resources(&self, name: &str) -> Result<Vec<StackResource>, Fault> {
        let mut pages =
            self.cloudformation.list_stack_resources().stack_name(name).into_paginator().send();
        let mut resources = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Fault::of("cloudformation:ListStackResources", e))?;
            resources.extend(page.stack_resource_summaries().iter().map(|resource| {
                StackResource {
                    id: resource.logical_resource_id().unwrap_or_default().to_owned(),
                    physical: resource.physical_resource_id().unwrap_or_default().to_owned(),
                    kind: resource.resource_type().unwrap_or_default().to_owned(),
                    status: resource
                        .resource_status()
                        .map(|status| status.as_str().to_owned())
                        .unwrap_or_default(),
                    reason: resource.resource_status_reason().map(str::to_owned),
                }
            }));
        }
        Ok(resources)
    }
}

fn observed(stack: &Stack) -> Result<ObservedStack, Fault> {
    const ACTION: &str = "cloudformation:DescribeStacks";
    let status = stack.stack_status().ok_or_else(|| Fault::incomplete(ACTION, "StackStatus"))?;
    let pairs = |pairs: Vec<(Option<&str>, Option<&str>)>| {
        let pairs = pairs.into_iter();
        pairs.filter_map(|(k, v)| Some((k?.to_owned(), v.unwrap_or_default().to_owned()))).collect()
    };
    let parameters = stack.parameters().iter();
    let outputs = stack.outputs().iter();
    let tags = stack.tags().iter();
    Ok(ObservedStack {
        name: stack.stack_name().unwrap_or_default().to_owned(),
        id: stack.stack_id().ok_or_else(|| Fault::incomplete(ACTION, "StackId"))?.to_owned(),
        status: StackStatus::new(status.as_str()),
        reason: stack.stack_status_reason().map(str::to_owned),
        parameters: pairs(parameters.map(|p| (p.parameter_key(), p.parameter_value())).collect()),
        outputs: pairs(outputs.map(|o| (o.output_key(), o.output_value())).collect()),
        tags: pairs(tags.map(|t| (t.key(), t.value())).collect()),
        termination_protection: stack.enable_termination_protection().unwrap_or(false),
    })
}
