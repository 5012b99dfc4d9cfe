//! Task definitions, carried as the JSON that AWS speaks.
//!
//! The SDK's types drop members that they do not know yet; a deployment must not. So the body of
//! `DescribeTaskDefinition` is kept as it came, and `RegisterTaskDefinition` sends JSON.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_ecs::types::{TaskDefinitionField, TaskDefinitionStatus};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use serde_json::Value;

use crate::domain::Revision;

use super::{Aws, Fault};

/// A registered task definition.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskDefinition {
    /// Its ARN.
    pub arn: String,
    /// Family and number.
    pub revision: Revision,
    /// Whether it is ACTIVE, so that tasks can be started from it.
    pub active: bool,
    /// The `taskDefinition` object of the answer, member for member.
    pub body: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// Keeps the body of an answer.
#[derive(Debug, Clone, Default)]
struct KeepBody(Arc<Mutex<Option<Vec<u8>>>>);

#[dyn_dispatch_hint]
impl Intercept for KeepBody {
    fn name(&self) -> &'static str {
        "KeepBody"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let bytes = context.response().body().bytes().map(<[u8]>::to_vec);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
        Ok(())
    }
}

impl Aws {
    /// Reads a task definition by ARN, `family:number`, or family (its newest active revision).
    pub async fn task_definition(&self, name: &str) -> Result<TaskDefinition, Fault> {
        const ACTION: &str = "ecs:DescribeTaskDefinition";
        let kept = KeepBody::default();
        let answer = self
            .ecs
            .describe_task_definition()
            .task_definition(name)
            .include(TaskDefinitionField::Tags)
            .customize()
            .interceptor(kept.clone())
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let bytes = kept.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut body: Value = bytes
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(|| Fault::incomplete(ACTION, "JSON body"))?;
        let typed =
            answer.task_definition().ok_or_else(|| Fault::incomplete(ACTION, "taskDefinition"))?;
        let arn = typed.task_definition_arn().unwrap_or_default().to_owned();
        let tags = answer.tags().iter().filter_map(|tag| {
            Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))
        });
        Ok(TaskDefinition {
            revision: Revision::parse(&arn)
                .ok_or_else(|| Fault::incomplete(ACTION, "taskDefinitionArn"))?,
            active: typed.status() == Some(&TaskDefinitionStatus::Active),
            arn,
            tags: tags.collect(),
            body: body.get_mut("taskDefinition").map(Value::take).unwrap_or_default(),
        })
    }

    /// Registers a task definition from the JSON input of `RegisterTaskDefinition`; gives its ARN
    /// and revision.
    pub async fn register(&self, input: &Value) -> Result<(String, Revision), Fault> {
        const ACTION: &str = "ecs:RegisterTaskDefinition";
        let body = input.to_string();
        let answer = self
            .ecs
            .register_task_definition()
            // What the typed input says is replaced as a whole; the SDK only checks that it is set.
            .family(input.get("family").and_then(Value::as_str).unwrap_or_default())
            .set_container_definitions(Some(Vec::new()))
            .customize()
            .mutate_request(move |request| {
                request.headers_mut().insert("content-length", body.len().to_string());
                *request.body_mut() = SdkBody::from(body.as_str());
            })
            .send()
            .await
            .map_err(|error| Fault::of(ACTION, error))?;
        let arn = answer
            .task_definition()
            .and_then(|definition| definition.task_definition_arn())
            .ok_or_else(|| Fault::incomplete(ACTION, "taskDefinitionArn"))?;
        let revision =
            Revision::parse(arn).ok_or_else(|| Fault::incomplete(ACTION, "taskDefinitionArn"))?;
        Ok((arn.to_owned(), revision))
    }
}
