//! Reading stacks, resources, change sets, exports.

use serde_json::{Value, json};

use super::{absent, page};
use crate::rehearsal::call::Reply;
use crate::rehearsal::stacks::Stacks;
use crate::rehearsal::stacks::diff::without_values;
use crate::rehearsal::stacks::request::{flag, invalid, text, texts};
use crate::rehearsal::stacks::stack::Stack;

/// How many entries a page has. AWS documents 1 MB for some answers and nothing for others.
const PAGE: usize = 100;

impl Stacks {
    pub(super) fn describe_stacks(&self, region: &str, input: &Value) -> Reply {
        if let Some(name) = text(input, "StackName") {
            return Ok(json!({"Stacks": [self.stack_view(self.known(region, name)?)]}));
        }
        let all = self.here(region).filter(|stack| stack.exists());
        let all: Vec<Value> = all.map(|stack| self.stack_view(stack)).collect();
        let (stacks, next) = page(all, input, PAGE)?;
        Ok(json!({"Stacks": stacks, "NextToken": next}))
    }

    /// The stacks of a region, newest first.
    fn here<'a>(&'a self, region: &'a str) -> impl Iterator<Item = &'a Stack> {
        self.stacks.iter().rev().filter(move |stack| stack.own.region == region)
    }

    pub(super) fn list_stacks(&self, region: &str, input: &Value) -> Reply {
        let statuses = texts(input, "StackStatusFilter");
        let all: Vec<Value> = self
            .here(region)
            .filter(|stack| statuses.is_empty() || statuses.iter().any(|s| s == stack.status))
            .map(|stack| self.summary_view(stack))
            .collect();
        let (stacks, next) = page(all, input, PAGE)?;
        Ok(json!({"StackSummaries": stacks, "NextToken": next}))
    }

    pub(super) fn list_stack_resources(&self, region: &str, input: &Value) -> Reply {
        let stack = self.known(region, text(input, "StackName").unwrap_or_default())?;
        let all = stack.resources.iter();
        let all = all.map(|resource| self.resource_view(resource, "LastUpdatedTimestamp"));
        let (resources, next) = page(all.collect(), input, PAGE)?;
        Ok(json!({"StackResourceSummaries": resources, "NextToken": next}))
    }

    pub(super) fn describe_stack_resources(&self, region: &str, input: &Value) -> Reply {
        let physical = text(input, "PhysicalResourceId");
        let stack = match (text(input, "StackName"), physical) {
            (Some(name), None) => self.known(region, name)?,
            (None, Some(physical)) => self
                .here(region)
                .filter(|stack| stack.exists())
                .find(|stack| {
                    stack.resources.iter().any(|r| r.physical.as_deref() == Some(physical))
                })
                .ok_or_else(|| invalid(format!("Stack for {physical} does not exist")))?,
            _ => {
                return Err(invalid(
                    "Exactly one of StackName and PhysicalResourceId must be specified",
                ));
            }
        };
        let wanted = text(input, "LogicalResourceId");
        let resources: Vec<Value> = stack
            .resources
            .iter()
            .filter(|resource| wanted.is_none_or(|logical| resource.logical == logical))
            .take(PAGE)
            .map(|resource| {
                let mut view = self.resource_view(resource, "Timestamp");
                if let Some(view) = view.as_object_mut() {
                    view.insert("StackName".to_owned(), stack.name().into());
                    view.insert("StackId".to_owned(), stack.id().into());
                }
                view
            })
            .collect();
        if let Some(logical) = wanted.filter(|_| resources.is_empty()) {
            let name = stack.name();
            return Err(invalid(format!("Resource {logical} does not exist for stack {name}")));
        }
        Ok(json!({"StackResources": resources}))
    }

    pub(super) fn describe_stack_resource(&self, region: &str, input: &Value) -> Reply {
        let name = text(input, "StackName").unwrap_or_default();
        let stack = self.find(region, name).and_then(|index| self.stacks.get(index));
        let stack = stack.ok_or_else(|| invalid(format!("Stack '{name}' does not exist")))?;
        let logical = text(input, "LogicalResourceId").unwrap_or_default();
        let Some(resource) = stack.resource(logical) else {
            return Err(invalid(format!("Resource {logical} does not exist for stack {name}")));
        };
        let mut view = self.resource_view(resource, "LastUpdatedTimestamp");
        if let Some(view) = view.as_object_mut() {
            view.insert("StackName".to_owned(), stack.name().into());
            view.insert("StackId".to_owned(), stack.id().into());
            let metadata = match &resource.metadata {
                Value::Null => json!({}),
                metadata => metadata.clone(),
            };
            view.insert("Metadata".to_owned(), metadata.to_string().into());
        }
        Ok(json!({"StackResourceDetail": view}))
    }

    pub(super) fn describe_change_set(&self, region: &str, input: &Value) -> Reply {
        let at = self.change_set(region, input)?;
        let Some(set) = self.change_sets.get(at) else { return Ok(json!({})) };
        let mut view = self.change_set_view(set, self.stack_name(&set.stack_id));
        let mut changes = match (&set.result, set.status) {
            (Ok(changes), "CREATE_COMPLETE") => changes.clone(),
            _ => Vec::new(),
        };
        if !flag(input, "IncludePropertyValues") {
            changes.iter_mut().for_each(without_values);
        }
        let (changes, next) = page(changes, input, PAGE)?;
        if let Some(view) = view.as_object_mut() {
            view.insert("Changes".to_owned(), changes.into());
            view.insert("NextToken".to_owned(), next.into());
        }
        Ok(view)
    }

    fn stack_name(&self, id: &str) -> &str {
        self.stacks.iter().find(|stack| stack.id() == id).map_or("", Stack::name)
    }

    pub(super) fn list_change_sets(&self, region: &str, input: &Value) -> Reply {
        let name = text(input, "StackName").unwrap_or_default();
        let index = self.find(region, name).ok_or_else(|| absent(name))?;
        let Some(stack) = self.stacks.get(index) else { return Err(absent(name)) };
        let sets = self.change_sets.iter().filter(|set| set.stack_id == stack.id());
        let sets = sets.map(|set| self.change_set_summary(set, stack.name())).collect();
        let (sets, next) = page(sets, input, PAGE)?;
        Ok(json!({"Summaries": sets, "NextToken": next}))
    }

    pub(super) fn list_exports(&self, region: &str, input: &Value) -> Reply {
        let mut exports = Vec::new();
        for stack in self.here(region).filter(|stack| stack.exists()) {
            for output in &stack.outputs {
                if let Some(name) = &output.export {
                    exports.push(json!({
                        "ExportingStackId": stack.id(),
                        "Name": name,
                        "Value": output.value,
                    }));
                }
            }
        }
        let (exports, next) = page(exports, input, PAGE)?;
        Ok(json!({"Exports": exports, "NextToken": next}))
    }

    pub(super) fn list_imports(&self, region: &str, input: &Value) -> Reply {
        let name = text(input, "ExportName").unwrap_or_default();
        let imports: Vec<Value> = self
            .here(region)
            .filter(|stack| stack.exists() && imports_of(stack).iter().any(|i| i == name))
            .map(|stack| stack.name().into())
            .collect();
        if imports.is_empty() {
            return Err(invalid(format!("Export '{name}' is not imported by any stack.")));
        }
        let (imports, next) = page(imports, input, PAGE)?;
        Ok(json!({"Imports": imports, "NextToken": next}))
    }
}

/// The exports that the template of a stack names as literals.
pub(super) fn imports_of(stack: &Stack) -> Vec<String> {
    fn walk(value: &Value, out: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| walk(item, out)),
            Value::Object(members) => {
                if let Some(Value::String(name)) = members.get("Fn::ImportValue") {
                    out.push(name.clone());
                }
                members.values().for_each(|member| walk(member, out));
            }
            _ => {}
        }
    }
    let mut out = Vec::new();
    for spec in stack.deployment.iter().flat_map(|deployment| &deployment.template.resources) {
        walk(&spec.properties, &mut out);
    }
    out
}
