//! On which capacity the tasks of a service run.

use crate::catalog::evaluate::Resolved;

use super::money::{Amount, Span};
use super::sheet::{Site, Stack};

/// Tasks by what they run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Placed {
    pub(super) on_demand: Span<Amount>,
    pub(super) spot: Span<Amount>,
    /// On instances, which are charged by themselves.
    pub(super) hosts: Span<Amount>,
}

/// One provider of a strategy.
struct Provider {
    name: Option<String>,
    base: Amount,
    weight: u64,
}

/// Divides tasks as the strategy of the service says, or else that of its cluster; without one
/// they run on demand.
pub(super) fn place(site: Site<'_>, stacks: &[Stack], tasks: Span<Amount>) -> Placed {
    let own = site.at(&["CapacityProviderStrategy"]).and_then(Resolved::list);
    match site.text(&["LaunchType"]).as_deref() {
        Some("EC2") => return Placed { hosts: tasks, ..Placed::default() },
        Some(_) => return Placed { on_demand: tasks, ..Placed::default() },
        None => {}
    }
    let strategy = own.or_else(|| of_cluster(stacks)).unwrap_or_default();
    let providers: Vec<Provider> = strategy.iter().map(provider).collect();
    if providers.is_empty() {
        return Placed { on_demand: tasks, ..Placed::default() };
    }
    let bases = providers.iter().fold(Amount::default(), |sum, one| sum.plus(one.base));
    let weights = providers.iter().fold(0_u64, |sum, one| sum.saturating_add(one.weight));
    let mut placed = Placed::default();
    for one in providers {
        let share = tasks.map(|tasks| {
            let rest = tasks.minus(bases);
            let weighted = match weights {
                0 => Amount::default(),
                all => rest.times(Amount::from(one.weight)).over(all),
            };
            one.base.min(tasks).plus(weighted)
        });
        let side = match one.name.as_deref() {
            Some("FARGATE") => &mut placed.on_demand,
            Some("FARGATE_SPOT") => &mut placed.spot,
            // Any other provider is an Auto Scaling group.
            _ => &mut placed.hosts,
        };
        *side = side.with(share, Amount::plus);
    }
    placed
}

fn provider(item: &Resolved) -> Provider {
    let field = |name: &str| item.at(&[name]);
    Provider {
        name: field("CapacityProvider").and_then(Resolved::scalar),
        base: Amount::from(field("Base").and_then(Resolved::whole).unwrap_or_default()),
        weight: field("Weight").and_then(Resolved::whole).unwrap_or_default(),
    }
}

/// The strategy of the environment's cluster.
fn of_cluster(stacks: &[Stack]) -> Option<&[Resolved]> {
    let mut resources = stacks.iter().flat_map(|stack| &stack.resources);
    let association = resources
        .find(|resource| resource.kind == "AWS::ECS::ClusterCapacityProviderAssociations")?;
    association.properties.at(&["DefaultCapacityProviderStrategy"])?.list()
}
