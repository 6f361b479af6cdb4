//! Which layouts make sense, and what they can serve.

use super::{Form, Layout, Setting, VERSION, refused};
use crate::error::Result;
use crate::slot::Slot;

impl Layout {
    /// Whether the layout itself makes sense, as one from a file may not.
    ///
    /// # Errors
    /// Another version, sizes that are zero or absurd, scales that are not positive.
    pub fn check(&self) -> Result<()> {
        if self.version != VERSION {
            let message = format!("must be {VERSION}, got {}", self.version);
            return Err(refused("layout.version", message));
        }
        self.check_spans()?;
        self.check_sizes()?;
        self.scales.check()
    }

    fn check_spans(&self) -> Result<()> {
        let wanted = match self.priced {
            false if matches!(self.spans, 1 | 3) => return Ok(()),
            false => "1 or 3".to_owned(),
            true if matches!(
                self.form,
                Form::Plan { .. } | Form::Hosts | Form::Destinations { .. }
            ) =>
            {
                let message = "must be false for plans, hosts and destinations";
                return Err(refused("layout.priced", message));
            }
            true if (2..=MOST_SLOTS).contains(&self.spans) => return Ok(()),
            true => format!("within 2..={MOST_SLOTS}"),
        };
        let message = format!("must be {wanted}, got {}", self.spans);
        Err(refused("layout.spans", message))
    }

    fn check_sizes(&self) -> Result<()> {
        let size = |name: &str, value: usize, least: usize| {
            if (least..=MOST).contains(&value) {
                Ok(())
            } else {
                let message = format!("must be within {least}..={MOST}, got {value}");
                Err(refused(format!("layout.form.{name}"), message))
            }
        };
        match self.form {
            Form::Flat {
                vehicles,
                tasks_per_vehicle,
                rsus,
                candidates,
                ..
            } => {
                size("vehicles", vehicles, 1)?;
                size("tasks_per_vehicle", tasks_per_vehicle, 1)?;
                size("rsus", rsus, 1)?;
                size("candidates", candidates, 2)?;
                let per_task = candidates + rsus + self.spans;
                let outputs = (vehicles * tasks_per_vehicle).saturating_mul(per_task);
                if outputs > MOST_OUTPUTS {
                    let message =
                        format!("must have at most {MOST_OUTPUTS} outputs, got {outputs}");
                    return Err(refused("layout.form", message));
                }
            }
            Form::Shared {
                candidates,
                targets,
            } => {
                size("candidates", candidates, 2)?;
                size("targets", targets, 1)?;
            }
            Form::Sequential {
                options, passes, ..
            } => {
                size("options", options, 1)?;
                size("passes", passes, 1)?;
            }
            Form::Plan { servers, .. } => size("servers", servers, 0)?,
            Form::Hosts | Form::Destinations { .. } => {}
        }
        Ok(())
    }

    /// Whether it can serve every slot of `setting`.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; `flat` with another number of RSUs or too few vehicles.
    pub fn serves_world<'a>(&self, setting: impl Into<Setting<'a>>) -> Result<()> {
        self.check()?;
        let setting = setting.into();
        self.check_carry_over(setting.scenario.time.carry_over)?;
        if let Form::Flat {
            vehicles,
            tasks_per_vehicle,
            rsus,
            ..
        } = self.form
        {
            let scenario = setting.scenario;
            exactly("rsu", "RSUs", rsus, setting.rsus.len())?;
            if scenario.fleet.mobility.trace().is_some() {
                return Err(refused("fleet.mobility", "must not be a trace for `flat`"));
            }
            at_most("fleet.size", "vehicles", vehicles, scenario.fleet.size)?;
            let tasks = scenario.task.per_vehicle;
            at_most("task.per_vehicle", "tasks", tasks_per_vehicle, tasks)?;
        }
        Ok(())
    }

    /// Whether it can serve `slot`.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; `flat` with another number of RSUs, too few vehicles, or too few
    /// tasks of one.
    pub fn serves(&self, slot: &Slot) -> Result<()> {
        self.check()?;
        self.check_carry_over(slot.carry_over)?;
        if let Form::Flat {
            vehicles,
            tasks_per_vehicle,
            rsus,
            ..
        } = self.form
        {
            exactly("rsus", "RSUs", rsus, slot.rsus.len())?;
            at_most("vehicles", "vehicles", vehicles, slot.vehicles.len())?;
            let mut counts = vec![0; slot.vehicles.len()];
            for &vehicle in &slot.tasks.vehicle {
                counts[vehicle as usize] += 1;
            }
            let tasks = counts.into_iter().max().unwrap_or(0);
            at_most("tasks", "tasks of a vehicle", tasks_per_vehicle, tasks)?;
        }
        Ok(())
    }

    /// Only there tasks hold CPU in later slots.
    fn check_carry_over(&self, carry_over: bool) -> Result<()> {
        if self.priced && !carry_over {
            let message = "must be true where actions name numbers of slots";
            return Err(refused("time.carry_over", message));
        }
        Ok(())
    }
}

/// Most slots that an action may name.
const MOST_SLOTS: usize = 32;

/// Larger sizes mean a damaged file.
const MOST: usize = 1_000_000;

/// The same of the outputs of a `flat` network.
const MOST_OUTPUTS: usize = 100_000_000;

fn exactly(path: &str, what: &str, expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    let message = format!(
        "must be {expected} {what}, got {got}: a `flat` policy serves only the numbers it was trained with"
    );
    Err(refused(path, message))
}

fn at_most(path: &str, what: &str, most: usize, got: usize) -> Result<()> {
    if got <= most {
        return Ok(());
    }
    let message = format!(
        "must be at most {most} {what}, got {got}: a `flat` policy serves only the numbers it was trained with"
    );
    Err(refused(path, message))
}
