//! Models of your own in place of those that a scenario describes: where vehicles are, which tasks arise, what radio links carry.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Problem, Problems, Result};
use crate::mobility::MobilitySource;
use crate::rng::Streams;
use crate::slot::{Slot, Tasks};

/// Makes the vehicles of a seed, in place of `fleet.mobility`.
#[derive(Clone)]
pub(super) struct OwnMobility(
    pub(super) Arc<dyn Fn(Streams) -> Box<dyn MobilitySource> + Send + Sync>,
);

impl fmt::Debug for OwnMobility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnMobility")
    }
}

/// Tasks and gains of your own, slot by slot. [`World::with_traffic`](super::world::World::with_traffic) shows how it is used.
pub trait OwnTraffic: Send {
    /// The gain between every vehicle and every RSU \[dB\], antennas included: `out` gets a row of `slot.rsus.len()` numbers for each of
    /// `slot.vehicles.len()` vehicles, -inf where there is no link. Beyond the range of an RSU there is none in any case. Fading, errors
    /// and delays of `[channel]` come on top.
    ///
    /// # Errors
    /// Whatever keeps it from knowing.
    fn gains_db(&mut self, slot: &Slot, out: &mut Vec<f64>) -> Result<()> {
        let _ = (slot, out);
        Ok(())
    }

    /// Whether it has gains; else those of the scenario hold.
    fn has_gains(&self) -> bool {
        false
    }

    /// The tasks that arise now, written to `out`, which is empty: in the order of their vehicles, which are rows of `slot.vehicles`.
    /// Called once radio links are known. False where they are those of the scenario.
    ///
    /// # Errors
    /// Whatever keeps it from knowing.
    fn tasks(&mut self, slot: &Slot, out: &mut Tasks) -> Result<bool> {
        let _ = (slot, out);
        Ok(false)
    }
}

/// Makes the traffic of a seed.
#[derive(Clone)]
pub(super) struct MakeTraffic(pub(super) Arc<dyn Fn(Streams) -> Box<dyn OwnTraffic> + Send + Sync>);

impl fmt::Debug for MakeTraffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MakeTraffic")
    }
}

/// What a world has in place of what its scenario says.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    pub(super) mobility: Option<OwnMobility>,
    pub(super) traffic: Option<MakeTraffic>,
}

/// Asks for the tasks of `slot`, and takes them where they can be. Whether there were any of its own.
///
/// # Errors
/// Everything that is wrong with them.
pub(super) fn ask_tasks(own: &mut dyn OwnTraffic, slot: &mut Slot) -> Result<bool> {
    let mut tasks = Tasks::default();
    if !own.tasks(slot, &mut tasks)? {
        return Ok(false);
    }
    check(&tasks, slot)?;
    slot.tasks = tasks;
    Ok(true)
}

/// The most problems of one slot that are named.
const MOST: usize = 20;

fn check(tasks: &Tasks, slot: &Slot) -> Result<()> {
    let file = format!("tasks at {} s", slot.now_s);
    let columns = [
        ("cycles", &tasks.cycles),
        ("data_bits", &tasks.data_bits),
        ("deadline_s", &tasks.deadline_s),
    ];
    let count = tasks.vehicle.len();
    let mut problems = Problems::default();
    let mut add = |path: String, message: String| {
        problems.push(Problem {
            file: file.clone(),
            line: None,
            path,
            message,
        });
    };
    for (name, column) in columns {
        if column.len() != count {
            let message = format!(
                "must hold {count} numbers, one per task, got {}",
                column.len()
            );
            add(name.to_owned(), message);
        }
        let wrong = column
            .iter()
            .enumerate()
            .filter(|(_, x)| !(**x > 0.0 && x.is_finite()));
        for (task, value) in wrong.take(MOST) {
            add(
                format!("{name}[{task}]"),
                format!("must be > 0, got {value}"),
            );
        }
    }
    let vehicles = slot.vehicles.len();
    let wrong = tasks
        .vehicle
        .iter()
        .enumerate()
        .filter(|(_, v)| **v as usize >= vehicles);
    for (task, vehicle) in wrong.take(MOST) {
        let message = format!("must be a row of {vehicles} vehicles, got {vehicle}");
        add(format!("vehicle[{task}]"), message);
    }
    if let Some(at) = tasks.vehicle.windows(2).position(|pair| pair[0] > pair[1]) {
        let message = format!(
            "must not be below the one before, got {}",
            tasks.vehicle[at + 1]
        );
        add(format!("vehicle[{}]", at + 1), message);
    }
    problems.into_result(())
}

/// Asks for the gains of `slot`.
///
/// # Errors
/// Another number of them than vehicles times RSUs; one that is no number.
pub(super) fn ask_gains(own: &mut dyn OwnTraffic, slot: &Slot, out: &mut Vec<f64>) -> Result<()> {
    out.clear();
    own.gains_db(slot, out)?;
    let (vehicles, rsus) = (slot.vehicles.len(), slot.rsus.len());
    let message = if out.len() != vehicles * rsus {
        format!(
            "must hold {vehicles} x {rsus} numbers, a row per vehicle, got {}",
            out.len()
        )
    } else if let Some(at) = out.iter().position(|g| g.is_nan() || *g == f64::INFINITY) {
        format!(
            "must be numbers, or -inf where there is no link, got {} at [{}, {}]",
            out[at],
            at / rsus,
            at % rsus
        )
    } else {
        return Ok(());
    };
    let file = format!("gains at {} s", slot.now_s);
    Err(Error::invalid(&file, None, "gains_db", message))
}
