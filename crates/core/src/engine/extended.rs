//! Worlds with tasks and gains of the caller's own.

use std::sync::Arc;

use super::own::{MakeTraffic, OwnTraffic};
use super::world::World;
use crate::rng::Streams;

impl World {
    /// This world with tasks, or gains of radio links, of your own, see [`OwnTraffic`]. `make` builds their source anew for every seed.
    ///
    /// ```
    /// use wayside_core::engine::own::OwnTraffic;
    /// use wayside_core::engine::world::World;
    /// use wayside_core::engine::{Options, replicate};
    /// use wayside_core::policy::PolicyKind;
    /// use wayside_core::slot::Tasks;
    /// use wayside_core::{Result, Scenario, Slot};
    ///
    /// /// One task in every slot, of the first vehicle.
    /// struct One;
    ///
    /// impl OwnTraffic for One {
    ///     fn tasks(&mut self, _slot: &Slot, out: &mut Tasks) -> Result<bool> {
    ///         out.vehicle.push(0);
    ///         out.cycles.push(3e8);
    ///         out.data_bits.push(1e6);
    ///         out.deadline_s.push(0.5);
    ///         Ok(true)
    ///     }
    /// }
    ///
    /// let world = World::new(&Scenario::builtin("wang2025", &[])?)?.with_traffic(|_streams| One);
    /// let run = replicate(&world, &[PolicyKind::Nearest], 0, Options { slots: 3, ..Options::default() })?;
    /// assert_eq!(run.policies[0].slots[2].tasks, 1);
    /// # Ok::<(), wayside_core::Error>(())
    /// ```
    #[must_use]
    pub fn with_traffic<T: OwnTraffic + 'static>(
        mut self,
        make: impl Fn(Streams) -> T + Send + Sync + 'static,
    ) -> Self {
        let make = move |streams| Box::new(make(streams)) as Box<dyn OwnTraffic>;
        self.own.traffic = Some(MakeTraffic(Arc::new(make)));
        self
    }

    /// Tasks and gains of one seed, where they are not those of the scenario.
    pub(super) fn own_traffic(&self, streams: Streams) -> Option<Box<dyn OwnTraffic>> {
        self.own
            .traffic
            .as_ref()
            .map(|MakeTraffic(make)| make(streams))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use crate::engine::env::Env;
    use crate::engine::{Options, replicate};
    use crate::error::Result;
    use crate::observation::{Layout, Target};
    use crate::policy::PolicyKind;
    use crate::slot::{Slot, Tasks};

    fn small() -> World {
        let size = ("fleet.size".to_owned(), "5".to_owned());
        World::new(&Scenario::builtin("wang2025-unbalanced", &[size]).unwrap()).unwrap()
    }

    /// What is said in every slot.
    #[derive(Clone, Default)]
    struct Said {
        tasks: Option<Tasks>,
        gain_db: Option<f64>,
    }

    impl OwnTraffic for Said {
        fn gains_db(&mut self, slot: &Slot, out: &mut Vec<f64>) -> Result<()> {
            out.resize(slot.vehicles.len() * slot.rsus.len(), self.gain_db.unwrap());
            Ok(())
        }

        fn has_gains(&self) -> bool {
            self.gain_db.is_some()
        }

        fn tasks(&mut self, _: &Slot, out: &mut Tasks) -> Result<bool> {
            if let Some(tasks) = &self.tasks {
                out.clone_from(tasks);
            }
            Ok(self.tasks.is_some())
        }
    }

    fn run(said: &Said) -> Result<crate::engine::records::Replication> {
        let said = said.clone();
        let world = small().with_traffic(move |_| said.clone());
        let options = Options {
            slots: 2,
            ..Options::default()
        };
        replicate(&world, &[PolicyKind::Nearest], 0, options)
    }

    fn tasks(vehicle: &[u32], cycles: f64) -> Tasks {
        let same = |value| vec![value; vehicle.len()];
        Tasks {
            vehicle: vehicle.to_vec(),
            cycles: same(cycles),
            data_bits: same(1e6),
            deadline_s: same(0.5),
        }
    }

    #[test]
    fn closed_form_who_says_nothing_changes_nothing() {
        let plain = replicate(
            &small(),
            &[PolicyKind::Nearest],
            0,
            Options {
                slots: 2,
                ..Options::default()
            },
        );
        let said = run(&Said::default()).unwrap();
        let objective = |r: &crate::engine::records::Replication| -> Vec<u64> {
            r.policies[0]
                .slots
                .iter()
                .map(|s| s.objective.to_bits())
                .collect()
        };
        assert_eq!(objective(&plain.unwrap()), objective(&said));
    }

    #[test]
    fn closed_form_without_links_all_stay_and_tasks_are_those_said() {
        let said = Said {
            tasks: Some(tasks(&[1, 1, 4], 3e8)),
            gain_db: Some(f64::NEG_INFINITY),
        };
        let run = run(&said).unwrap();
        for slot in &run.policies[0].slots {
            assert_eq!((slot.tasks, slot.offloaded), (3, 0));
        }
    }

    #[test]
    fn property_whatever_is_wrong_is_named_at_once() {
        let refused = |said: &Said| run(said).unwrap_err().to_string();
        let mut wrong = tasks(&[3, 2, 9], -1.0);
        wrong.deadline_s.pop();
        let error = refused(&Said {
            tasks: Some(wrong),
            gain_db: None,
        });
        for part in [
            "cycles[2]: must be > 0, got -1",
            "deadline_s: must hold 3 numbers, one per task, got 2",
            "vehicle[2]: must be a row of 5 vehicles, got 9",
            "vehicle[1]: must not be below the one before, got 2",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let error = refused(&Said {
            tasks: None,
            gain_db: Some(f64::NAN),
        });
        assert!(error.contains("got NaN at [0, 0]"), "{error}");
    }

    #[test]
    fn property_shares_of_an_agent_fill_each_rsu_and_cost_no_less() {
        let world = small();
        let layout = Layout::flat(&world, Target::Any).unwrap();
        let env = || Env::new(&world, layout.clone(), 3, Streams::new(0), "env").unwrap();
        let (mut exact, mut own) = (env(), env());
        exact.reset(7).unwrap();
        own.reset(7).unwrap();
        let count = own.slot().tasks.len();
        let actions = |env: &Env<'_>| -> Vec<u32> {
            let (mut at, legal) = (0, &env.observation().legal);
            let first = |&end: &u32| {
                let head = &legal[at..end as usize];
                at = end as usize;
                head.iter().position(|legal| *legal).unwrap() as u32
            };
            env.observation().heads.iter().map(first).collect()
        };
        let chosen = actions(&own);
        for wrong in [
            vec![1.0; count + 1],
            vec![0.0; count],
            vec![f64::NAN; count],
        ] {
            assert!(own.act_sharing(&chosen, &wrong).is_err());
        }
        let weights: Vec<f64> = (0..count).map(|task| 1.0 + task as f64).collect();
        let slot = own.slot().clone();
        let turn = own.act_sharing(&chosen, &weights).unwrap();
        own.decision().check(&slot).unwrap();
        assert!(turn.reward <= exact.act(&chosen).unwrap().reward + 1e-12);
    }
}
