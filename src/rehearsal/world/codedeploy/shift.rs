//! Moving production traffic.

use super::Deployment;
use crate::rehearsal::scenario::Moment;
use crate::rehearsal::world::World;

type Error = (&'static str, String);

impl World {
    /// Does the steps of the shift that are due; `true` when green has everything.
    pub(super) fn shift(&mut self, d: &mut Deployment) -> Result<bool, Error> {
        self.watch_scaling(d)?;
        let steps = d.config.routing.steps();
        let since = self.event_start(d);
        while let Some((offset, percent)) = steps.get(d.step).copied() {
            d.next_step = since + offset;
            if self.now < d.next_step || self.is_scaling(d) {
                return Ok(false);
            }
            self.set_split(d, percent);
            if d.step == 0 {
                self.mark(d, Moment::FirstShift);
            }
            d.step += 1;
        }
        if let Some(green) = d.green.clone() {
            self.make_primary(d.service, &green);
        }
        self.mark(d, Moment::AllTraffic);
        Ok(true)
    }

    fn event_start(&self, d: &Deployment) -> std::time::Duration {
        let event = d.events.iter().find(|event| event.name == "AllowTraffic");
        event.and_then(|event| event.start).unwrap_or(self.now)
    }

    /// Notices that autoscaling changed green in the middle of the shift; it has five minutes to
    /// become steady again.
    fn watch_scaling(&self, d: &mut Deployment) -> Result<(), Error> {
        let service = self.ecs.services.get(d.service);
        let set = service.zip(d.green.as_ref()).and_then(|(service, id)| service.set(id));
        let Some(set) = set else { return Ok(()) };
        let (desired, steady) = (set.desired, set.steady);
        d.scaled = match d.scaled {
            None => Some((desired, None)),
            Some((seen, _)) if seen != desired => Some((desired, Some(self.now))),
            Some((seen, Some(_))) if steady => Some((seen, None)),
            other => other,
        };
        let timeout = self.assumptions.scaling_timeout;
        match d.scaled {
            Some((_, Some(since))) if self.now >= since + timeout => Err((
                "HEALTH_CONSTRAINTS",
                "The replacement task set did not reach a steady state within 5 minutes after \
                 the service was scaled."
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    fn is_scaling(&self, d: &Deployment) -> bool {
        matches!(d.scaled, Some((_, Some(_))))
    }

    /// Gives green `percent` of production and blue the rest. Both groups stay in the rule, as
    /// since 2022 (traveloka/terraform-aws-alb-single-listener#47).
    pub(super) fn set_split(&mut self, d: &Deployment, percent: u32) {
        let Some(listener) = self.codedeploy.groups.get(d.group).map(|g| g.production.clone())
        else {
            return;
        };
        let rest = 100_u32.saturating_sub(percent);
        self.set_forward(&listener, vec![(d.green_group, percent), (d.blue_group, rest)]);
    }

    /// Points the test listener at a group.
    pub(super) fn set_test_target(&mut self, group: usize, target: usize) {
        let listener = self.codedeploy.groups.get(group).and_then(|group| group.test.clone());
        if let Some(listener) = listener {
            self.set_forward(&listener, vec![(target, 100)]);
        }
    }
}
