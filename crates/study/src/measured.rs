//! Tasks that were measured instead of simulated, as the records of a run.

use crate::facts::ScenarioFacts;
use crate::output::RunFolder;
use crate::summary::Summary;
use crate::tasks::TaskWriter;
use wayside_core::engine::TaskOutcome;
use wayside_core::engine::records::{PolicyRun, Replication, SlotRecord};
use wayside_core::engine::world::World;
use wayside_core::{Error, Result};

/// One policy under one seed, as measured.
pub struct Measured<'a> {
    /// Where it was.
    pub world: &'a World,
    /// Name of the policy.
    pub policy: &'a str,
    /// The seed of the traffic.
    pub seed: u64,
    /// Vehicles in every slot.
    pub vehicles: &'a [u32],
    /// All tasks, lost ones included.
    pub tasks: &'a [TaskOutcome<'a>],
}

impl Measured<'_> {
    /// The records of the run.
    #[must_use]
    pub fn replication(&self) -> Replication {
        let scenario = &self.world.scenario;
        let slots = self.vehicles.iter().zip(0..);
        let mut run = PolicyRun {
            policy: self.policy.to_owned(),
            slots: slots
                .map(|(&vehicles, slot)| SlotRecord {
                    slot,
                    vehicles,
                    ..SlotRecord::default()
                })
                .collect(),
            rsu_load: vec![0.0; self.world.rsus.len()],
            ..PolicyRun::default()
        };
        for task in self.tasks {
            let record = &mut run.slots[task.slot as usize];
            record.tasks += 1;
            let Ok(outcome) = task.outcome else {
                record.lost += 1;
                continue;
            };
            record.add(&outcome, scenario.omega);
            record.deadline_met += u32::from(outcome.delay_s() <= task.deadline_s);
            record.offloaded += u32::from(task.placement.entry().is_some());
            record.migrated += u32::from(task.placement.is_migrated());
            run.delay.record(outcome.delay_s());
            run.energy.record(outcome.energy_j());
        }
        run.slots.iter_mut().for_each(SlotRecord::sums_to_means);
        Replication {
            seed: self.seed,
            policies: vec![run],
            ..Replication::default()
        }
    }

    /// Writes the files of a run: summary, slots, tasks, figures, report, manifest.
    ///
    /// # Errors
    /// [`Error::Io`] naming the file.
    pub fn write(&self, mut folder: RunFolder) -> Result<Summary> {
        let replications = [self.replication()];
        let summary = Summary::new(&self.world.scenario.name, &replications, false);
        let facts = ScenarioFacts::new(self.world, self.seed)?;
        let parts = folder.task_parts()?;
        let mut ended = self.tasks.iter();
        TaskWriter::create(&parts, self.seed, self.world)
            .and_then(|mut writer| {
                ended.try_for_each(|task| writer.add_ended(self.policy, task))?;
                writer.finish()
            })
            .map_err(|e| Error::io(&parts, e))?;
        folder.write_tasks(&replications)?;
        folder.write_results(&summary, &replications, &facts)?;
        folder.finish(true)?;
        Ok(summary)
    }
}
