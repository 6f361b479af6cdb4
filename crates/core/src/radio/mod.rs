//! The radio of one seed: gains between places of vehicles and RSUs.
//!
//! All that is random comes from named streams (`channel.los`, `channel.shadowing`, `channel.fading`, `channel.error`). Fields
//! over the map ([`field`]) and draws by counters ([`draws`]) need no state: the gain of any place, also of an earlier one, can be
//! asked for in any order. Decision 40 has the reasons.

pub mod buildings;
pub mod curve;
pub mod draws;
pub mod field;
pub mod polygons;
pub mod table;

use crate::model::channel::dbm_to_w;
use crate::model::pathloss::{LIGHT_MPS, Law, Sight, shadowing};
use crate::rng::Streams;
use crate::scenario::{Channel, Fading, LosRule, RadioOptions, Shadowing};
use buildings::Buildings;
use draws::Draws;
use field::Waves;
use std::sync::Arc;

/// Waves of a shadowing field, and of a fading field.
const SHADOWING_WAVES: usize = 32;
const FADING_WAVES: usize = 16;

/// Boltzmann's constant \[J/K\] and the temperature of noise figures \[K\].
const BOLTZMANN_J_PER_K: f64 = 1.380_649e-23;
const TEMPERATURE_K: f64 = 290.0;

/// A vehicle at a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The vehicle's stable name.
    pub vehicle: u64,
    /// Position \[m\].
    pub x_m: f64,
    /// Position \[m\].
    pub y_m: f64,
    /// Distance that it has driven since it appeared \[m\].
    pub driven_m: f64,
}

/// A gain, split by what changes within a wavelength.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gain {
    /// Path loss, antenna, shadowing, margin, as a factor.
    pub mean: f64,
    /// Power of fading, of mean 1.
    pub fading: f64,
}

/// Gains between vehicles and RSUs under one seed.
#[derive(Clone, Debug)]
pub struct Propagation {
    law: Law,
    los: LosRule,
    los_distance_m: f64,
    buildings: Option<Arc<Buildings>>,
    /// Antenna gain less the margin \[dB\].
    constant_db: f64,
    /// Standard deviation \[dB\] and inverse of the correlation distance \[1/m\], with and without line of sight.
    shadows: [(f64, f64); 2],
    shadowing: Option<Waves<SHADOWING_WAVES>>,
    fading: Option<Waves<FADING_WAVES>>,
    waves_per_m: f64,
    /// Share of the direct ray's power in line of sight.
    direct: f64,
    los_draws: Draws,
    error_draws: Draws,
    /// Positions of the RSUs \[m\].
    x_m: Vec<f64>,
    y_m: Vec<f64>,
}

impl Propagation {
    /// The radio of `[channel]` for RSUs at these places, under the streams of one seed.
    #[must_use]
    pub fn new(
        (channel, options): (&Channel, &RadioOptions),
        buildings: Option<Arc<Buildings>>,
        (x_m, y_m): (&[f64], &[f64]),
        streams: Streams,
    ) -> Self {
        let rsus = x_m.len();
        let shadow = |sight| {
            let own = shadowing(options.model, sight).unwrap_or_default();
            let sigma_db = options.shadowing_sigma_db.unwrap_or(own.0);
            (sigma_db, 1.0 / options.shadowing_m.unwrap_or(own.1))
        };
        let is_shadowed = options.shadowing == Shadowing::LogNormal;
        let k = 10f64.powf(options.rician_k_db / 10.0);
        Self {
            law: Law::new(channel, options),
            los: options.los_rule(),
            los_distance_m: options.los_distance_m,
            buildings,
            constant_db: options.rsu_gain_dbi - options.margin_db,
            shadows: [shadow(Sight::Clear), shadow(Sight::Blocked)],
            shadowing: is_shadowed
                .then(|| Waves::exponential(rsus, &mut streams.stream("channel.shadowing"))),
            fading: (options.fading != Fading::None)
                .then(|| Waves::isotropic(rsus, &mut streams.stream("channel.fading"))),
            waves_per_m: options.carrier_hz / LIGHT_MPS,
            direct: match options.fading {
                Fading::Rician => k / (k + 1.0),
                _ => 0.0,
            },
            los_draws: Draws::new(streams, "channel.los"),
            error_draws: Draws::new(streams, "channel.error"),
            x_m: x_m.to_vec(),
            y_m: y_m.to_vec(),
        }
    }

    /// Squared ground distance to RSU `m` \[m^2\].
    #[must_use]
    #[inline]
    pub fn ground2_m2(&self, place: &Place, m: usize) -> f64 {
        let (dx, dy) = (self.x_m[m] - place.x_m, self.y_m[m] - place.y_m);
        dx * dx + dy * dy
    }

    /// Gain between a vehicle at a place and RSU `m`.
    #[must_use]
    pub fn gain(&self, place: &Place, m: usize) -> Gain {
        self.gain_over(place, m, self.ground2_m2(place, m))
    }

    /// The same, over a squared ground distance that is already known.
    #[must_use]
    pub fn gain_over(&self, place: &Place, m: usize, ground2_m2: f64) -> Gain {
        let sight = self.sight(place, m, ground2_m2);
        Gain {
            mean: self.mean(place, m, ground2_m2, sight),
            fading: self.fading(place, m, sight, ground2_m2),
        }
    }

    /// Gain without fading.
    #[must_use]
    pub fn mean_gain(&self, place: &Place, m: usize) -> f64 {
        let ground2_m2 = self.ground2_m2(place, m);
        self.mean(place, m, ground2_m2, self.sight(place, m, ground2_m2))
    }

    /// The same where a table says what it is without fading \[dB\].
    #[must_use]
    pub fn gain_by(&self, table_db: f64, place: &Place, m: usize, ground2_m2: f64) -> Gain {
        Gain {
            mean: from_db(self.constant_db + table_db),
            fading: self.fading(place, m, Sight::Clear, ground2_m2),
        }
    }

    /// Factor by which the gain that policies see differs, with standard deviation `error_db`, at instant number `step`.
    #[must_use]
    pub fn error(&self, place: &Place, m: usize, step: u64, error_db: f64) -> f64 {
        let draw = self.error_draws.normal(place.vehicle, m as u64, step);
        from_db(error_db * draw)
    }

    fn mean(&self, place: &Place, m: usize, ground2_m2: f64, sight: Sight) -> f64 {
        let mut gain_db = self.constant_db - self.law.loss_db(sight, ground2_m2);
        if sight == Sight::Vehicle
            && let Some((mean_db, deviation_db)) = self.law.blocker_db(ground2_m2)
        {
            // who blocks stays as long as the draw of the line of sight
            let draw = match self.shadowing {
                Some(_) => {
                    let stretch = self.stretch(place, m);
                    self.los_draws.normal(place.vehicle, m as u64, !stretch)
                }
                None => 0.0,
            };
            gain_db -= (mean_db + deviation_db * draw).max(0.0);
        }
        if let Some(field) = &self.shadowing {
            let (sigma_db, per_m) = self.shadows[usize::from(sight == Sight::Blocked)];
            gain_db += sigma_db * field.real(m, place.x_m * per_m, place.y_m * per_m);
        }
        from_db(gain_db)
    }

    /// What lies between a vehicle and RSU `m`.
    #[must_use]
    pub fn sight(&self, place: &Place, m: usize, ground2_m2: f64) -> Sight {
        match self.los {
            LosRule::Always => Sight::Clear,
            LosRule::Never => self.law.without_los(),
            LosRule::Probability => {
                let unit = self
                    .los_draws
                    .unit(place.vehicle, m as u64, self.stretch(place, m));
                match self.law.is_clear(unit, ground2_m2.sqrt()) {
                    true => Sight::Clear,
                    false => self.law.without_los(),
                }
            }
            LosRule::Buildings => {
                let (from, to) = ([place.x_m, place.y_m], [self.x_m[m], self.y_m[m]]);
                let walls = self.buildings.as_deref();
                match walls.is_some_and(|walls| walls.block(from, to)) {
                    true => Sight::Blocked,
                    false => Sight::Clear,
                }
            }
        }
    }

    /// Number of the stretch of road over which a draw is kept; every vehicle and RSU have their own ends.
    fn stretch(&self, place: &Place, m: usize) -> u64 {
        let offset = self.los_draws.unit(place.vehicle, m as u64, u64::MAX);
        (place.driven_m / self.los_distance_m + offset) as u64
    }

    fn fading(&self, place: &Place, m: usize, sight: Sight, ground2_m2: f64) -> f64 {
        let Some(field) = &self.fading else {
            return 1.0;
        };
        let (x, y) = (place.x_m * self.waves_per_m, place.y_m * self.waves_per_m);
        let (mut re, mut im) = field.complex(m, x, y);
        if self.direct > 0.0 && sight == Sight::Clear {
            let (around, direct) = ((1.0 - self.direct).sqrt(), self.direct.sqrt());
            let turns = self.law.distance2_m2(ground2_m2).sqrt() * self.waves_per_m;
            let (sin, cos) = (std::f64::consts::TAU * turns.fract()).sin_cos();
            (re, im) = (around * re + direct * cos, around * im + direct * sin);
        }
        re * re + im * im
    }
}

/// Noise power of an RSU with this band \[W\].
#[must_use]
pub fn noise_w(channel: &Channel, options: &RadioOptions, bandwidth_hz: f64) -> f64 {
    match options.noise_figure_db {
        Some(figure_db) => BOLTZMANN_J_PER_K * TEMPERATURE_K * bandwidth_hz * from_db(figure_db),
        None => dbm_to_w(channel.noise_dbm),
    }
}

/// A ratio in dB as a factor.
#[must_use]
#[inline]
pub fn from_db(db: f64) -> f64 {
    (db * (std::f64::consts::LN_10 / 10.0)).exp()
}

#[cfg(test)]
mod tests;
