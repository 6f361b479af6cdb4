//! The radio links of one seed, slot by slot, where `[channel]` asks for more than log-distance: what they truly carry, and what
//! policies see of them.

use super::coverage::{CoverageIndex, Near};
use super::own::{OwnTraffic, ask_gains};
use super::world::World;
use crate::error::Result;
use crate::evaluate::Outcome;
use crate::mobility::Positions;
use crate::model::rate::RateLaw;
use crate::radio::table::Gains;
use crate::radio::{Place, Propagation, from_db, noise_w};
use crate::ragged::Ragged;
use crate::rng::Streams;
use crate::scenario::Interference;
use crate::slot::{Placement, Slot};
use std::collections::VecDeque;

/// RSUs of one reuse group that are farther apart than this many of the largest range do not hear each other.
const HEARD_RANGES: f64 = 3.0;

/// The links of one seed.
pub(super) struct Links {
    propagation: Propagation,
    /// Gains from other tools, in place of the propagation's.
    table: Option<Table>,
    rate: RateLaw,
    /// Noise power of every RSU \[W\].
    noise_w: Vec<f64>,
    min_snr: f64,
    delay_slots: usize,
    error_db: f64,
    /// Where every vehicle was, oldest first; the last is now.
    places: VecDeque<Vec<Place>>,
    /// Scratch memory.
    moved: Vec<Place>,
    /// Of every link of the slot: the true SNR, and the one that policies see.
    snr: Vec<f64>,
    seen_snr: Vec<f64>,
    /// Number of the instant.
    step: u64,
    /// By RSU the others of its group that hear uploads to it; `None` without interference by load.
    heard: Option<Ragged<u32>>,
}

/// Gains from elsewhere.
#[derive(Default)]
struct Table {
    /// Those of a file.
    gains: Option<Gains>,
    /// Whether a vehicle of the run was found in it.
    is_checked: bool,
    /// By vehicle of the slot the RSUs that it has gains to \[dB\].
    found: Vec<Vec<(u32, f64)>>,
    /// Gains of a model of the caller's, a row per vehicle.
    own: Vec<f64>,
}

impl Table {
    /// Has the gains of a slot.
    fn update(
        &mut self,
        own: Option<&mut (dyn OwnTraffic + 'static)>,
        positions: &Positions,
        slot: &Slot,
    ) -> Result<()> {
        match own {
            Some(own) if own.has_gains() => self.ask(own, slot),
            _ => self.find(slot.now_s, positions),
        }
    }

    /// Asks for the gains of a slot.
    fn ask(&mut self, own: &mut dyn OwnTraffic, slot: &Slot) -> Result<()> {
        ask_gains(own, slot, &mut self.own)?;
        let rsus = slot.rsus.len().max(1);
        self.found.resize_with(slot.vehicles.len(), Vec::new);
        for (found, row) in self.found.iter_mut().zip(self.own.chunks(rsus)) {
            let there = (0..)
                .zip(row.iter().copied())
                .filter(|(_, gain_db)| gain_db.is_finite());
            found.clear();
            found.extend(there);
        }
        Ok(())
    }

    /// Finds the gains of the vehicles at `now_s`.
    fn find(&mut self, now_s: f64, positions: &Positions) -> Result<()> {
        let gains = self.gains.as_mut().expect("a file of gains");
        gains.advance(now_s)?;
        self.found.resize_with(positions.len(), Vec::new);
        for (v, found) in self.found.iter_mut().enumerate() {
            let rows = gains.of(&positions.name(v)).iter();
            found.clear();
            found.extend(rows.map(|row| (row.rsu, row.gain_db)));
        }
        self.is_checked |= self.found.iter().any(|found| !found.is_empty());
        match self.is_checked || positions.is_empty() {
            true => Ok(()),
            false => Err(gains.strange(&positions.name(0))),
        }
    }

    /// The gain between a vehicle and RSU `m`, where there is one.
    fn gain_db(&self, v: usize, m: usize) -> Option<f64> {
        let found = &self.found[v];
        let row = found.binary_search_by_key(&(m as u32), |&(rsu, _)| rsu);
        row.ok().map(|row| found[row].1)
    }
}

/// By RSU the interference over the noise; empty where there is none.
pub(super) type NoiseRise = Vec<f64>;

impl Links {
    /// The links of a seed; `None` where the radio is plain log-distance, and no model of the caller's may say otherwise.
    ///
    /// # Errors
    /// A table of gains that cannot be read.
    pub(super) fn new(world: &World, streams: Streams, is_own: bool) -> Result<Option<Self>> {
        let (channel, options) = (&world.scenario.channel, &world.scenario.radio);
        if options.is_plain() && !is_own {
            return Ok(None);
        }
        let rsus = &world.rsus;
        let buildings = world.buildings.clone();
        let places = (rsus.x_m.as_slice(), rsus.y_m.as_slice());
        let noise = |&bandwidth_hz: &f64| noise_w(channel, options, bandwidth_hz);
        let table = options.table.as_deref();
        let table = table.map(|path| Gains::open(path, &rsus.id)).transpose()?;
        Ok(Some(Self {
            table: (is_own || table.is_some()).then(|| Table {
                gains: table,
                ..Table::default()
            }),
            propagation: Propagation::new((channel, options), buildings, places, streams),
            rate: RateLaw::new(options),
            noise_w: rsus.bandwidth_hz.iter().map(noise).collect(),
            min_snr: options.min_snr_db.map_or(0.0, from_db),
            delay_slots: options.information_delay_slots,
            error_db: options.information_error_db,
            places: VecDeque::new(),
            moved: Vec::new(),
            snr: Vec::new(),
            seen_snr: Vec::new(),
            step: 0,
            heard: (options.interference == Interference::Load)
                .then(|| heard(world, options.reuse_groups)),
        }))
    }

    /// Whether lanes have to show and pay other rates than those in the slot.
    pub(super) fn is_apart(&self) -> bool {
        self.is_uncertain() || self.heard.is_some()
    }

    fn is_uncertain(&self) -> bool {
        self.delay_slots > 0 || self.error_db > 0.0
    }

    /// Moves the vehicles, and fills the coverage of the slot with what is true.
    pub(super) fn cover(
        &mut self,
        index: &CoverageIndex,
        (positions, previous_row): (&Positions, &[Option<u32>]),
        near: &mut Near,
        slot: &mut Slot,
        own: Option<&mut (dyn OwnTraffic + 'static)>,
    ) -> Result<()> {
        if let Some(table) = &mut self.table {
            table.update(own, positions, slot)?;
        }
        self.drive(positions, previous_row);
        let is_uncertain = self.is_uncertain();
        let Self {
            propagation,
            table,
            rate,
            noise_w,
            places,
            snr,
            seen_snr,
            ..
        } = self;
        snr.clear();
        seen_snr.clear();
        let now = &places[places.len() - 1];
        let (rsus, vehicles) = (&slot.rsus, &slot.vehicles);
        let link = |v: usize, m: u32, ground2_m2: f64| {
            let m = m as usize;
            let gain = match table {
                Some(table) => propagation.gain_by(table.gain_db(v, m)?, &now[v], m, ground2_m2),
                None => propagation.gain_over(&now[v], m, ground2_m2),
            };
            let per_gain = vehicles.tx_power_w[v] / noise_w[m];
            if per_gain * gain.mean < self.min_snr {
                return None;
            }
            let true_snr = per_gain * gain.mean * gain.fading;
            let seconds_per_bit = rate.seconds_per_bit(rsus.bandwidth_hz[m], true_snr);
            if !seconds_per_bit.is_finite() {
                return None;
            }
            snr.push(true_snr);
            if is_uncertain {
                let then = &places[0][v];
                let gain = table
                    .as_ref()
                    .map_or_else(|| propagation.gain(then, m), |_| gain);
                let error = match self.error_db > 0.0 {
                    true => propagation.error(then, m, self.step, self.error_db),
                    false => 1.0,
                };
                seen_snr.push(per_gain * gain.mean * gain.fading * error);
            }
            Some(seconds_per_bit)
        };
        index.cover_by(vehicles, near, &mut slot.coverage, link);
        self.step += 1;
        Ok(())
    }

    /// Forgets the links of the slot with RSUs that `keeps` does not let stay, before its coverage does.
    pub(super) fn retain(&mut self, slot: &Slot, keeps: impl Fn(u32) -> bool) {
        for column in [&mut self.snr, &mut self.seen_snr] {
            let mut links = slot.coverage.links.iter();
            column.retain(|_| links.next().is_none_or(|link| keeps(link.rsu)));
        }
    }

    /// Distance that a vehicle of the slot has driven \[m\].
    pub(super) fn driven_m(&self, row: usize) -> f64 {
        self.places[self.places.len() - 1][row].driven_m
    }

    /// The vehicle of `row` in the slot, at another place.
    pub(super) fn place(&self, row: usize, [x_m, y_m]: [f64; 2], driven_m: f64) -> Place {
        Place {
            x_m,
            y_m,
            driven_m,
            ..self.places[self.places.len() - 1][row]
        }
    }

    /// Time of one bit from RSU `m` down to a place, over a band of its own at that power; `None` where nothing is heard.
    /// Nobody interferes.
    pub(super) fn down(
        &self,
        world: &World,
        place: &Place,
        (m, bandwidth_hz, power_w): (usize, f64, f64),
    ) -> Option<f64> {
        let (channel, options) = (&world.scenario.channel, &world.scenario.radio);
        let gain = self.propagation.gain(place, m);
        let snr = power_w / noise_w(channel, options, bandwidth_hz) * gain.mean;
        let seconds_per_bit = self.rate.seconds_per_bit(bandwidth_hz, snr * gain.fading);
        (snr >= self.min_snr && seconds_per_bit.is_finite()).then_some(seconds_per_bit)
    }

    /// Takes the new places, and the distance driven to them.
    fn drive(&mut self, positions: &Positions, previous_row: &[Option<u32>]) {
        let place = |v: usize, driven_m: f64| Place {
            vehicle: positions.key[v].0,
            x_m: positions.x_m[v],
            y_m: positions.y_m[v],
            driven_m,
        };
        let mut now = match self.places.len() > self.delay_slots {
            true => self.places.pop_front().unwrap_or_default(),
            false => Vec::new(),
        };
        // with no delay the column that is now taken out is also the last one
        let last = self.places.back().unwrap_or(&now);
        self.moved.clear();
        self.moved
            .extend(previous_row.iter().enumerate().map(|(v, row)| {
                row.map_or(place(v, 0.0), |row| {
                    let from = last[row as usize];
                    let (x_m, y_m) = (positions.x_m[v], positions.y_m[v]);
                    let step_m = (x_m - from.x_m).hypot(y_m - from.y_m);
                    place(v, from.driven_m + step_m)
                })
            }));
        std::mem::swap(&mut now, &mut self.moved);
        for column in &mut self.places {
            self.moved.clear();
            let rows = previous_row.iter().enumerate();
            // whoever is new was always here
            let earlier = rows.map(|(v, row)| row.map_or(now[v], |row| column[row as usize]));
            self.moved.extend(earlier);
            std::mem::swap(column, &mut self.moved);
        }
        self.places.push_back(now);
    }

    /// Lets the slot show the rates that policies see.
    pub(super) fn show(&self, slot: &mut Slot, rise: &NoiseRise) {
        match self.is_uncertain() {
            true => self.write(slot, &self.seen_snr, rise),
            false if self.heard.is_some() => self.write(slot, &self.snr, rise),
            false => {}
        }
    }

    /// Lets the slot have the rates that are paid.
    pub(super) fn pay(&self, slot: &mut Slot, rise: &NoiseRise) {
        if self.is_apart() {
            self.write(slot, &self.snr, rise);
        }
    }

    fn write(&self, slot: &mut Slot, snr: &[f64], rise: &NoiseRise) {
        for (link, &snr) in slot.coverage.links.iter_mut().zip(snr) {
            let m = link.rsu as usize;
            let over = 1.0 + rise.get(m).copied().unwrap_or(0.0);
            let bandwidth_hz = slot.rsus.bandwidth_hz[m];
            link.seconds_per_bit = self.rate.seconds_per_bit_of_link(bandwidth_hz, snr / over);
        }
    }

    /// Finds the interference of the next slot: what RSUs received of uploads to others of their group, times the share of
    /// the band and of the slot that these took.
    pub(super) fn hear(
        &self,
        slot: &Slot,
        placements: &[Placement],
        outcomes: &[Outcome],
        rise: &mut NoiseRise,
    ) {
        let Some(heard) = &self.heard else {
            return;
        };
        rise.clear();
        rise.resize(slot.rsus.len(), 0.0);
        let now = &self.places[self.places.len() - 1];
        let mut entering = vec![0_u32; slot.rsus.len()];
        for entry in placements.iter().filter_map(|placement| placement.entry()) {
            entering[entry as usize] += 1;
        }
        for (task, placement) in placements.iter().enumerate() {
            let Some(entry) = placement.entry() else {
                continue;
            };
            let v = slot.tasks.vehicle[task] as usize;
            let busy = (outcomes[task].upload_s / slot.slot_s).min(1.0);
            let share = busy / f64::from(entering[entry as usize]);
            let power_w = slot.vehicles.tx_power_w[v] * share;
            for &m in heard.row(entry as usize) {
                let gain = self.propagation.mean_gain(&now[v], m as usize);
                rise[m as usize] += power_w * gain / self.noise_w[m as usize];
            }
        }
    }
}

/// By RSU the others of its reuse group that are near enough to hear what it receives.
fn heard(world: &World, groups: usize) -> Ragged<u32> {
    let rsus = &world.rsus;
    let range_m = rsus.range_m.iter().copied().fold(0.0, f64::max);
    let far2_m2 = (HEARD_RANGES * range_m).powi(2);
    let mut rows = Ragged::default();
    for m in 0..rsus.len() {
        let near = |&other: &usize| {
            let (dx, dy) = (rsus.x_m[other] - rsus.x_m[m], rsus.y_m[other] - rsus.y_m[m]);
            other != m && other % groups == m % groups && dx * dx + dy * dy <= far2_m2
        };
        rows.push_row((0..rsus.len()).filter(near).map(|other| other as u32));
    }
    rows
}
