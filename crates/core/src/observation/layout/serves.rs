//! Which worlds and slots a layout can serve.

use super::{Form, Layout, Setting, refused};
use crate::error::Result;
use crate::slot::Slot;

impl Layout {
    /// Whether it can serve every slot of `setting`.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; `flat` with another number of RSUs or too few vehicles.
    pub fn serves_world<'a>(&self, setting: impl Into<Setting<'a>>) -> Result<()> {
        self.check()?;
        let setting = setting.into();
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
}

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
