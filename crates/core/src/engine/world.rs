//! The part of a run that no policy can change: the map, the vehicles, the tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::coverage::CoverageIndex;
use crate::backhaul::{self, MAX_TARGETS, Routes};
use crate::error::{Error, Result};
use crate::ids::VehicleKey;
use crate::mobility::{self, MobilitySource, Positions};
use crate::model::channel::Radio;
use crate::model::load::balance_bound;
use crate::rng::{Stream, Streams};
use crate::scenario::{self, Area, MAX_GRID, Mobility, Range, Rsu, RsuLayout, Scenario};
use crate::slot::{Rsus, Slot};

/// What all seeds of a scenario share.
#[derive(Clone, Debug)]
pub struct World {
    /// The scenario.
    pub scenario: Scenario,
    /// The map's rectangle.
    pub area: Area,
    /// The RSUs.
    pub rsus: Rsus,
    /// Backhaul links.
    pub links: Vec<backhaul::Edge>,
    /// Shortest paths over them.
    pub routes: Arc<Routes>,
    index: CoverageIndex,
}

impl World {
    /// Lays out the scenario: reads its topology, and its trace where the RSUs depend on the extent.
    ///
    /// # Errors
    /// A topology or trace that is malformed or cannot be read.
    pub fn new(scenario: &Scenario) -> Result<Self> {
        let area = area(scenario)?;
        let list = match &scenario.rsus {
            RsuLayout::Explicit(rsus) => rsus.clone(),
            RsuLayout::Grid {
                spacing_m,
                template,
            } => grid(&area, *spacing_m, template)?,
        };
        let links = backhaul::edges(&scenario.backhaul, &list)?;
        let max_hops = scenario.backhaul.max_hops;
        let routes = Routes::try_build(list.len(), &links, max_hops).ok_or_else(|| {
            Error::invalid(
                "scenario",
                None,
                "backhaul.max_hops",
                format!("must reach at most {MAX_TARGETS} pairs of RSUs, got more with {max_hops}"),
            )
        })?;
        let routes = Arc::new(routes);
        let column = |f: fn(&Rsu) -> f64| list.iter().map(f).collect::<Vec<f64>>();
        let rsus = Rsus {
            id: list.iter().map(|r| r.id.clone()).collect(),
            x_m: column(|r| r.x_m),
            y_m: column(|r| r.y_m),
            range_m: column(|r| r.range_m),
            bandwidth_hz: column(|r| r.bandwidth_hz),
            cpu_hz: column(|r| r.cpu_hz),
            energy_coeff: column(|r| r.energy_coeff),
            reserved_cpu_hz: vec![0.0; list.len()],
            releasing_cpu_hz: vec![0.0; list.len()],
        };
        let index = CoverageIndex::new(Radio::new(&scenario.channel), &rsus);
        Ok(Self {
            scenario: scenario.clone(),
            area,
            rsus,
            links,
            routes,
            index,
        })
    }

    /// A slot with the RSUs of this world and nobody in it.
    #[must_use]
    pub fn empty_slot(&self) -> Slot {
        Slot {
            slot_s: self.scenario.time.slot_s,
            omega: self.scenario.omega,
            enforce_balance: self.scenario.load_balance.enforce,
            tau: self.scenario.load_balance.delta,
            migration_power_w: self.scenario.backhaul.migration_power_w,
            rsus: self.rsus.clone(),
            routes: Arc::clone(&self.routes),
            vehicles: Default::default(),
            coverage: Default::default(),
            tasks: Default::default(),
        }
    }
}

fn area(scenario: &Scenario) -> Result<Area> {
    match (&scenario.area, &scenario.fleet.mobility) {
        (Some(area), _) => Ok(*area),
        (None, Mobility::Fcd(fcd)) => {
            let extent = mobility::fcd::extent(fcd)?;
            Ok(Area {
                x_min_m: extent.x_min_m,
                y_min_m: extent.y_min_m,
                x_max_m: extent.x_max_m,
                y_max_m: extent.y_max_m,
            })
        }
        (None, _) => unreachable!("a checked scenario with a synthetic fleet has an area"),
    }
}

/// RSUs exactly `spacing_m` apart, the whole grid centred in the area.
fn grid(area: &Area, spacing_m: f64, template: &Rsu) -> Result<Vec<Rsu>> {
    let count = |length_m: f64| (length_m / spacing_m).floor() + 1.0;
    let (width_m, height_m) = (area.x_max_m - area.x_min_m, area.y_max_m - area.y_min_m);
    let (columns, rows) = (count(width_m), count(height_m));
    if columns * rows > MAX_GRID {
        return Err(Error::invalid(
            "scenario",
            None,
            "rsu.grid.spacing_m",
            format!(
                "must give at most {MAX_GRID} RSUs over {width_m} m x {height_m} m, \
                 got {spacing_m}, which gives {}",
                columns * rows
            ),
        ));
    }
    let place = |min: f64, length: f64, count: f64, i: usize| {
        min + 0.5 * (length - (count - 1.0) * spacing_m) + i as f64 * spacing_m
    };
    let mut rsus = Vec::new();
    for row in 0..rows as usize {
        for column in 0..columns as usize {
            rsus.push(Rsu {
                id: format!("r{}", rsus.len()),
                x_m: place(area.x_min_m, width_m, columns, column),
                y_m: place(area.y_min_m, height_m, rows, row),
                ..template.clone()
            });
        }
    }
    Ok(rsus)
}

/// One seed's traffic: moves the vehicles and draws their tasks, slot by slot.
pub struct Traffic<'w> {
    world: &'w World,
    source: Box<dyn MobilitySource>,
    positions: Positions,
    keys: Vec<VehicleKey>,
    fleet: FleetStreams,
    tasks: TaskStreams,
    previous_cycles: Option<f64>,
    clamped: bool,
    /// For every vehicle its row in the slot before, where it was there.
    came_from: Vec<Option<u32>>,
    /// Scratch memory of the coverage.
    near: Vec<(f64, u32)>,
}

struct FleetStreams {
    tx_power: Stream,
    cpu: Stream,
    energy: Stream,
}

struct TaskStreams {
    arrival: Stream,
    cycles: Stream,
    data: Stream,
    deadline: Stream,
}

impl<'w> Traffic<'w> {
    /// The traffic of one seed.
    ///
    /// # Errors
    /// A trace that cannot be opened or is malformed.
    pub fn new(world: &'w World, streams: Streams) -> Result<Self> {
        Ok(Self {
            world,
            source: mobility::source(&world.scenario.fleet, world.area, streams)?,
            positions: Positions::default(),
            keys: Vec::new(),
            fleet: FleetStreams {
                tx_power: streams.stream("fleet.tx_power"),
                cpu: streams.stream("fleet.cpu"),
                energy: streams.stream("fleet.energy_coeff"),
            },
            tasks: TaskStreams {
                arrival: streams.stream("task.arrival"),
                cycles: streams.stream("task.cycles"),
                data: streams.stream("task.data"),
                deadline: streams.stream("task.deadline"),
            },
            previous_cycles: None,
            clamped: false,
            came_from: Vec::new(),
            near: Vec::new(),
        })
    }

    /// Fills `slot` with slot number `t`: positions at its start, who covers whom, the tasks.
    ///
    /// # Errors
    /// A trace that ends early or is malformed.
    pub fn advance(&mut self, t: usize, slot: &mut Slot) -> Result<()> {
        let scenario = &self.world.scenario;
        self.source
            .advance(t as f64 * scenario.time.slot_s, &mut self.positions)?;
        self.board(&scenario.fleet, slot);
        slot.vehicles.x_m.clone_from(&self.positions.x_m);
        slot.vehicles.y_m.clone_from(&self.positions.y_m);
        slot.rsus.reserved_cpu_hz.fill(0.0);
        slot.rsus.releasing_cpu_hz.fill(0.0);
        slot.vehicles.local_wait_s.clear();
        slot.vehicles
            .local_wait_s
            .resize(self.positions.key.len(), 0.0);
        self.world.index.cover(
            &slot.rsus,
            &slot.vehicles,
            &mut self.near,
            &mut slot.coverage,
        );
        self.draw_tasks(&scenario.task, slot);

        let cycles = slot.tasks.cycles.iter().sum::<f64>();
        let bound = balance_bound(&scenario.load_balance, cycles, self.previous_cycles);
        slot.tau = bound.tau;
        self.clamped = bound.clamped;
        self.previous_cycles = Some(cycles);
        Ok(())
    }

    /// Whether delta + phi fell below tau_min in this slot.
    #[must_use]
    pub fn clamped(&self) -> bool {
        self.clamped
    }

    /// For every vehicle of this slot its row in the slot before, where it was there.
    #[must_use]
    pub fn came_from(&self) -> &[Option<u32>] {
        &self.came_from
    }

    /// Keeps what vehicles are while they stay, and draws it for those that appear.
    fn board(&mut self, fleet: &scenario::Fleet, slot: &mut Slot) {
        let present = &self.positions.key;
        self.came_from.clear();
        if *present == self.keys {
            self.came_from
                .extend((0..present.len()).map(|v| Some(v as u32)));
            return;
        }
        let before: BTreeMap<VehicleKey, u32> = self
            .keys
            .iter()
            .enumerate()
            .map(|(v, &key)| (key, v as u32))
            .collect();
        self.came_from
            .extend(present.iter().map(|key| before.get(key).copied()));
        let columns = [
            (
                &mut slot.vehicles.tx_power_w,
                fleet.tx_power_w,
                &mut self.fleet.tx_power,
            ),
            (&mut slot.vehicles.cpu_hz, fleet.cpu_hz, &mut self.fleet.cpu),
            (
                &mut slot.vehicles.energy_coeff,
                fleet.energy_coeff,
                &mut self.fleet.energy,
            ),
        ];
        for (column, range, stream) in columns {
            *column = self
                .came_from
                .iter()
                .map(|from| from.map_or_else(|| draw(range, stream), |row| column[row as usize]))
                .collect();
        }
        self.keys.clone_from(present);
    }

    fn draw_tasks(&mut self, task: &scenario::Task, slot: &mut Slot) {
        let Self { tasks: streams, .. } = self;
        let tasks = &mut slot.tasks;
        tasks.vehicle.clear();
        tasks.cycles.clear();
        tasks.data_bits.clear();
        tasks.deadline_s.clear();
        for v in 0..slot.vehicles.x_m.len() {
            if streams.arrival.unit() >= task.probability {
                continue;
            }
            for _ in 0..task.per_vehicle {
                tasks.vehicle.push(v as u32);
                tasks.cycles.push(draw(task.cycles, &mut streams.cycles));
                tasks
                    .data_bits
                    .push(8.0 * draw(task.data_bytes, &mut streams.data));
                tasks
                    .deadline_s
                    .push(draw(task.deadline_s, &mut streams.deadline));
            }
        }
    }
}

fn draw(range: Range, stream: &mut Stream) -> f64 {
    stream.uniform(range.min, range.max)
}
