//! Charges of tasks and instances.

use crate::catalog::evaluate::Resolved;

use super::capacity::place;
use super::money::{Amount, Span};
use super::sheet::{Charge, Driver, Sheet, Site, Stack, amount};

/// CPU units of a vCPU, and MiB of a GB of a task.
const UNITS: u64 = 1024;

impl Sheet<'_> {
    /// Charges a resource of this file's types; `false`: it is none.
    pub(super) fn compute(&mut self, site: Site<'_>, stacks: &[Stack]) -> bool {
        match site.resource.kind.as_str() {
            "AWS::ECS::Service" => self.service(site, stacks),
            "AWS::AutoScaling::AutoScalingGroup" => self.group(site),
            _ => return false,
        }
        true
    }

    fn service(&mut self, site: Site<'_>, stacks: &[Stack]) {
        let Some(task) = site.follow(&["TaskDefinition"]).or_else(|| only_task(site)) else {
            return self.unpriced(site, "its task definition is in no template");
        };
        let size = |name: &str| task.amount(&[name]).map(|size| size.over(UNITS));
        let (Some(cpu), Some(memory)) = (size("Cpu"), size("Memory")) else {
            return self.unpriced(site, "the size of its tasks is not known");
        };
        let (running, note) = self.tasks(site, stacks);
        let placed = place(site, stacks, running);
        let arm = task.text(&["RuntimePlatform", "CpuArchitecture"]).as_deref() == Some("ARM64");
        let [on_demand, spot] = if arm {
            [["fargate-arm-vcpu", "fargate-arm-gb"], ["spot-arm-vcpu", "spot-arm-gb"]]
        } else {
            [["fargate-x86-vcpu", "fargate-x86-gb"], ["spot-x86-vcpu", "spot-x86-gb"]]
        };
        let mut charge = |keys: [&str; 2], tasks: Span<Amount>, note: &str| {
            if tasks.high == Amount::default() {
                return;
            }
            for (key, size) in keys.into_iter().zip([cpu, memory]) {
                let running = tasks.map(|tasks| tasks.times(size));
                self.charge(site, Charge::scaled(key, running).note(note));
            }
        };
        charge(on_demand, placed.on_demand, &note);
        charge(spot, placed.spot, &format!("{note}; the price of Spot floats"));
        if placed.hosts.high > Amount::default() {
            self.free(site, "tasks on instances are charged with the instances");
        }
        let kept = task.amount(&["EphemeralStorage", "SizeInGiB"]);
        if kept.is_some_and(|size| size > Amount::from(20)) {
            self.unpriced(site, "ephemeral storage beyond the 20 GB that are free");
        }
    }

    /// How many tasks run, and how that is known.
    fn tasks(&self, site: Site<'_>, stacks: &[Stack]) -> (Span<Amount>, String) {
        let target = stacks
            .iter()
            .filter(|stack| stack.service.is_some() && stack.service == site.stack.service)
            .flat_map(|stack| stack.resources.iter().map(move |resource| Site { stack, resource }))
            .find(|site| {
                site.resource.kind == "AWS::ApplicationAutoScaling::ScalableTarget"
                    && site.text(&["ScalableDimension"]).as_deref()
                        == Some("ecs:service:DesiredCount")
            });
        if let Some(target) = target
            && let (Some(least), Some(most)) =
                (target.amount(&["MinCapacity"]), target.amount(&["MaxCapacity"]))
        {
            return (self.scaled(least, most), format!("{least} to {most} tasks"));
        }
        match site.amount(&["DesiredCount"]) {
            Some(count) => (count.into(), format!("{count} tasks")),
            None => (Amount::ONE.into(), "one task, because no scaling says how many".to_owned()),
        }
    }

    fn group(&mut self, site: Site<'_>) {
        let (Some(least), Some(most)) = (site.amount(&["MinSize"]), site.amount(&["MaxSize"]))
        else {
            return self.unpriced(site, "its size is not known");
        };
        let template = site.follow(&["LaunchTemplate", "LaunchTemplateId"]).or_else(|| {
            let specification =
                ["MixedInstancesPolicy", "LaunchTemplate", "LaunchTemplateSpecification"];
            let [policy, template, specification] = specification;
            site.follow(&[policy, template, specification, "LaunchTemplateId"])
        });
        let kind = first_override(site).or_else(|| {
            template.and_then(|template| template.text(&["LaunchTemplateData", "InstanceType"]))
        });
        let Some(kind) = kind else {
            return self.unpriced(site, "the type of its instances is not known");
        };
        let running = self.scaled(least, most);
        let note = format!("{least} to {most} instances");
        self.charge(site, Charge::scaled(&format!("ec2/{kind}"), running).note(note.clone()));
        let volumes = template
            .and_then(|one| one.at(&["LaunchTemplateData", "BlockDeviceMappings"]))
            .and_then(Resolved::list)
            .unwrap_or_default();
        for volume in volumes {
            match (
                volume.at(&["Ebs", "VolumeType"]).and_then(Resolved::scalar).as_deref(),
                volume.at(&["Ebs", "VolumeSize"]).and_then(amount),
            ) {
                (Some("gp3"), Some(size)) => {
                    // A GB-month is charged for a volume that exists all month.
                    let amount = running.map(|running| running.times(size));
                    let charge =
                        Charge { key: "ebs-gp3-gb", driver: Driver::Scaled, amount, note: None };
                    self.charge(site, charge.note(note.clone()));
                }
                _ => self.unpriced(site, "a volume that is no gp3 or of unknown size"),
            }
        }
    }
}

/// The task definition of the stack, if there is one only: a service may know it by name alone.
fn only_task(site: Site<'_>) -> Option<Site<'_>> {
    let mut all =
        site.stack.resources.iter().filter(|resource| resource.kind == "AWS::ECS::TaskDefinition");
    let resource = all.next()?;
    all.next().is_none().then_some(Site { stack: site.stack, resource })
}

/// The first instance type of a mixed group, which is the preferred one.
fn first_override(site: Site<'_>) -> Option<String> {
    let overrides = site.at(&["MixedInstancesPolicy", "LaunchTemplate", "Overrides"])?.list()?;
    overrides.first()?.at(&["InstanceType"])?.scalar()
}
