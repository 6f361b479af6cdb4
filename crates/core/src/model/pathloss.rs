//! Path loss, probability of line of sight and shadowing of the standards' road models.
//!
//! Sources: 3GPP TR 38.901, tables 7.4.1-1, 7.4.2-1 and 7.5-6 (UMi street canyon, UMa); 3GPP TR 37.885, tables 6.2-1 and
//! 6.2.1-1 and section 6.2.1 (urban, highway, blocking vehicles). Carrier frequencies in the formulas are in GHz.

use crate::scenario::{Channel, PathLoss, RadioOptions};

/// Speed of light \[m/s\].
pub const LIGHT_MPS: f64 = 299_792_458.0;
/// The same as TR 38.901 rounds it for its breakpoint \[m/s\].
const LIGHT_38901_MPS: f64 = 3e8;
/// Effective height of the environment h_E, for antennas of vehicles below 13 m \[m\].
const ENVIRONMENT_M: f64 = 1.0;
/// Line of sight is certain up to here, in UMi and UMa \[m\].
const FLAT_M: f64 = 18.0;
/// Height of a vehicle that blocks, of types 1 and 2 in TR 37.885 \[m\].
const BLOCKER_M: f64 = 1.6;

/// What lies between a vehicle and an RSU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Nothing: LOS.
    Clear,
    /// Another vehicle: NLOSv of TR 37.885.
    Vehicle,
    /// A building: NLOS.
    Blocked,
}

/// A path-loss model prepared for a carrier and for antenna heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Law {
    model: PathLoss,
    /// Squared difference of the antenna heights \[m^2\].
    height2_m2: f64,
    /// Ground distances below this count as this \[m^2\].
    least2_m2: f64,
    clear: Line,
    /// Beyond the breakpoint, in line of sight.
    far: Line,
    /// Squared ground distance of the breakpoint \[m^2\].
    breakpoint2_m2: f64,
    blocked: Line,
    /// Mean loss by a blocking vehicle, besides what grows with distance \[dB\]; `None`: its antennas look over it.
    blocker_db: Option<f64>,
}

/// `at_1m_db + per_decade_db log10(d)`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Line {
    at_1m_db: f64,
    per_decade_db: f64,
}

impl Line {
    fn new(at_1m_db: f64, per_decade_db: f64) -> Self {
        Self {
            at_1m_db,
            per_decade_db,
        }
    }

    fn at(self, log10_m: f64) -> f64 {
        self.at_1m_db + self.per_decade_db * log10_m
    }
}

impl Law {
    /// Prepares the model of `options`; `channel` has the constants of log-distance.
    #[must_use]
    pub fn new(channel: &Channel, options: &RadioOptions) -> Self {
        let (rsu_m, vehicle_m) = (options.rsu_height_m, options.vehicle_height_m);
        let log_ghz = (options.carrier_hz / 1e9).log10();
        let mut law = Self {
            model: options.model,
            height2_m2: (rsu_m - vehicle_m).powi(2),
            least2_m2: 1.0,
            clear: Line::default(),
            far: Line::default(),
            breakpoint2_m2: f64::INFINITY,
            blocked: Line::default(),
            blocker_db: None,
        };
        match options.model {
            PathLoss::LogDistance | PathLoss::Table => {
                law.height2_m2 = channel.antenna_height_m.powi(2);
                law.least2_m2 = 0.0;
                let slope = channel.pathloss_db_per_decade;
                law.clear = Line::new(channel.pathloss_db_at_1km - 3.0 * slope, slope);
            }
            PathLoss::FreeSpace => {
                let radians_per_m = 4.0 * std::f64::consts::PI * options.carrier_hz / LIGHT_MPS;
                law.clear = Line::new(20.0 * radians_per_m.log10(), 20.0);
            }
            PathLoss::Umi => {
                let blocked = 22.4 + 21.3 * log_ghz - 0.3 * (vehicle_m - 1.5);
                law.blocked = Line::new(blocked, 35.3);
                law.two_slopes((32.4, 21.0, 9.5), options);
            }
            PathLoss::Uma => {
                let blocked = 13.54 + 20.0 * log_ghz - 0.6 * (vehicle_m - 1.5);
                law.blocked = Line::new(blocked, 39.08);
                law.two_slopes((28.0, 22.0, 9.0), options);
            }
            PathLoss::V2xUrban => {
                law.clear = Line::new(38.77 + 18.2 * log_ghz, 16.7);
                law.by_vehicles(log_ghz, options);
            }
            PathLoss::V2xHighway => {
                law.clear = Line::new(32.4 + 20.0 * log_ghz, 20.0);
                law.by_vehicles(log_ghz, options);
            }
        }
        law
    }

    /// UMi and UMa: PL1 up to the breakpoint d'_BP = 4 h'_BS h'_UT f / c, PL2 beyond.
    fn two_slopes(&mut self, (at_1m, slope, less): (f64, f64, f64), options: &RadioOptions) {
        let carrier_db = 20.0 * (options.carrier_hz / 1e9).log10();
        let over_m = |height_m: f64| (height_m - ENVIRONMENT_M).max(0.0);
        let breakpoint_m = 4.0
            * over_m(options.rsu_height_m)
            * over_m(options.vehicle_height_m)
            * options.carrier_hz
            / LIGHT_38901_MPS;
        self.breakpoint2_m2 = breakpoint_m * breakpoint_m;
        self.least2_m2 = 100.0;
        self.clear = Line::new(at_1m + carrier_db, slope);
        let continuous = less * (self.breakpoint2_m2 + self.height2_m2).log10();
        self.far = Line::new(at_1m + carrier_db - continuous, 40.0);
    }

    fn by_vehicles(&mut self, log_ghz: f64, options: &RadioOptions) {
        self.blocked = Line::new(36.85 + 18.9 * log_ghz, 30.0);
        let (one, other) = (options.rsu_height_m, options.vehicle_height_m);
        self.blocker_db = if one.min(other) > BLOCKER_M {
            None
        } else if one.max(other) < BLOCKER_M {
            Some(9.0)
        } else {
            Some(5.0)
        };
    }

    /// Squared distance between the antennas over a squared ground distance \[m^2\].
    #[must_use]
    #[inline]
    pub fn distance2_m2(&self, ground2_m2: f64) -> f64 {
        (ground2_m2.max(self.least2_m2) + self.height2_m2).max(1.0)
    }

    /// Path loss over a squared ground distance, without shadowing and without what a blocking vehicle adds \[dB\].
    ///
    /// Ground distances below 10 m (TR 38.901) or 1 m count as that: the models say nothing below.
    #[must_use]
    #[inline]
    pub fn loss_db(&self, sight: Sight, ground2_m2: f64) -> f64 {
        let log10_m = 0.5 * self.distance2_m2(ground2_m2).log10();
        let clear_db = match ground2_m2 <= self.breakpoint2_m2 {
            true => self.clear.at(log10_m),
            false => self.far.at(log10_m),
        };
        match (sight, self.model) {
            (Sight::Clear | Sight::Vehicle, _) => clear_db,
            (Sight::Blocked, PathLoss::Umi | PathLoss::Uma) => {
                clear_db.max(self.blocked.at(log10_m))
            }
            (Sight::Blocked, PathLoss::V2xUrban | PathLoss::V2xHighway) => self.blocked.at(log10_m),
            (Sight::Blocked, _) => clear_db,
        }
    }

    /// Mean and standard deviation of what a blocking vehicle adds \[dB\], before it is cut off at 0; `None`: nothing.
    #[must_use]
    pub fn blocker_db(&self, ground2_m2: f64) -> Option<(f64, f64)> {
        let least_db = self.blocker_db?;
        let log10_m = 0.5 * self.distance2_m2(ground2_m2).log10();
        let deviation_db = if least_db > 5.0 { 4.5 } else { 4.0 };
        Some((least_db + (15.0 * log10_m - 41.0).max(0.0), deviation_db))
    }

    /// Probability of line of sight over a ground distance.
    #[must_use]
    #[inline]
    pub fn los_probability(&self, ground_m: f64) -> f64 {
        let near = |flat_m: f64, decay_m: f64| {
            if ground_m <= flat_m {
                return 1.0;
            }
            let share = flat_m / ground_m;
            share + (-ground_m / decay_m).exp() * (1.0 - share)
        };
        match self.model {
            PathLoss::Umi => near(FLAT_M, 36.0),
            PathLoss::Uma => near(FLAT_M, 63.0),
            PathLoss::V2xUrban => (1.05 * (-0.0114 * ground_m).exp()).min(1.0),
            PathLoss::V2xHighway if ground_m <= 475.0 => {
                (2.1013e-6 * ground_m * ground_m - 0.002 * ground_m + 1.0193).min(1.0)
            }
            PathLoss::V2xHighway => (0.54 - 0.001 * (ground_m - 475.0)).max(0.0),
            PathLoss::LogDistance | PathLoss::FreeSpace | PathLoss::Table => 1.0,
        }
    }

    /// Whether a ray whose draw is `unit` has line of sight over a ground distance: the same as a comparison with
    /// [`los_probability`](Self::los_probability), most often without an exponential.
    #[must_use]
    #[inline]
    pub fn is_clear(&self, unit: f64, ground_m: f64) -> bool {
        let decay_m = match self.model {
            PathLoss::Umi => 36.0,
            PathLoss::Uma => 63.0,
            _ => return unit < self.los_probability(ground_m),
        };
        if ground_m > FLAT_M {
            let share = FLAT_M / ground_m;
            if unit < share {
                return true;
            }
            // exp(x) is at least the first terms of its series; the rest is room for rounding
            let x = ground_m / decay_m;
            let least = 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0)));
            if unit > share + 1.000_001 * (1.0 - share) / least {
                return false;
            }
        }
        unit < self.los_probability(ground_m)
    }

    /// What there is where a random ray meets no line of sight: the models of roads know vehicles, and buildings
    /// only from a map.
    #[must_use]
    pub fn without_los(&self) -> Sight {
        match self.model {
            PathLoss::V2xUrban | PathLoss::V2xHighway => Sight::Vehicle,
            _ => Sight::Blocked,
        }
    }
}

/// Standard deviation \[dB\] and correlation distance \[m\] of shadowing; `None` where the model has none of its own.
#[must_use]
pub fn shadowing(model: PathLoss, sight: Sight) -> Option<(f64, f64)> {
    let is_blocked = sight == Sight::Blocked;
    Some(match model {
        PathLoss::Umi if is_blocked => (7.82, 13.0),
        PathLoss::Umi => (4.0, 10.0),
        PathLoss::Uma if is_blocked => (6.0, 50.0),
        PathLoss::Uma => (4.0, 37.0),
        PathLoss::V2xUrban if is_blocked => (4.0, 10.0),
        PathLoss::V2xUrban => (3.0, 10.0),
        PathLoss::V2xHighway if is_blocked => (4.0, 25.0),
        PathLoss::V2xHighway => (3.0, 25.0),
        PathLoss::LogDistance | PathLoss::FreeSpace | PathLoss::Table => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;
    use crate::scenario::LosRule;

    fn law(model: PathLoss, carrier_hz: f64, rsu_height_m: f64) -> Law {
        let options = RadioOptions {
            model,
            carrier_hz,
            rsu_height_m,
            los: Some(LosRule::Probability),
            ..RadioOptions::default()
        };
        let channel = Channel {
            pathloss_db_at_1km: 128.1,
            pathloss_db_per_decade: 37.6,
            antenna_height_m: 10.0,
            ..Channel::default()
        };
        Law::new(&channel, &options)
    }

    /// By hand at 30, 200 and 1000 m over ground, vehicles at 1.5 m. UMi at 3.5 GHz from 10 m: the breakpoint is at
    /// 4 * 9 * .5 * 3.5e9 / 3e8 = 210 m, so the last is on the steep slope. At 30 m d3D = sqrt(900 + 72.25) = 31.181 m and
    /// PL = 32.4 + 21 * 1.49389 + 20 * .544068 = 74.653 dB. UMa from 25 m has its breakpoint at 560 m.
    #[test]
    fn closed_form_loss_at_three_distances() {
        use Sight::{Blocked, Clear};
        let (umi, uma) = (
            law(PathLoss::Umi, 3.5e9, 10.0),
            law(PathLoss::Uma, 3.5e9, 25.0),
        );
        let (urban, highway) = (
            law(PathLoss::V2xUrban, 5.9e9, 10.0),
            law(PathLoss::V2xHighway, 5.9e9, 10.0),
        );
        let free = law(PathLoss::FreeSpace, 3.5e9, 10.0);
        let expected = [
            (umi, Clear, [74.6530, 91.6112, 119.1531]),
            (umi, Blocked, [86.7229, 115.2288, 139.8892]),
            (uma, Clear, [73.6638, 89.5695, 109.4119]),
            (uma, Blocked, [86.2076, 114.4620, 141.6660]),
            (urban, Clear, [77.7475, 91.2333, 102.8998]),
            (urban, Blocked, [96.2358, 120.4618, 141.4196]),
            (highway, Clear, [77.6948, 93.8455, 107.8174]),
            (highway, Blocked, [96.2358, 120.4618, 141.4196]),
            (free, Clear, [73.2069, 89.3576, 103.3295]),
        ];
        for (law, sight, losses_db) in expected {
            for (ground_m, loss_db) in [30.0, 200.0, 1000.0].into_iter().zip(losses_db) {
                let found_db = law.loss_db(sight, ground_m * ground_m);
                assert!(
                    (found_db - loss_db).abs() < 1e-4,
                    "{law:?} {ground_m}: {found_db}"
                );
            }
        }
        assert_eq!(urban.blocker_db(200.0 * 200.0), Some((5.0, 4.0)));
        let (mean_db, _) = urban.blocker_db(1e6).unwrap();
        assert!((mean_db - 9.0002).abs() < 1e-4, "{mean_db}");
    }

    /// By hand at 10, 50, 100, 500 and 1000 m.
    #[test]
    fn closed_form_probability_of_line_of_sight() {
        let expected = [
            (PathLoss::Umi, [1.0, 0.519_585, 0.230_985, 0.036_001, 0.018]),
            (PathLoss::Uma, [1.0, 0.649_402, 0.347_671, 0.036_345, 0.018]),
            (
                PathLoss::V2xUrban,
                [0.936_871, 0.593_802, 0.335_810, 0.003_513, 0.000_012],
            ),
            (
                PathLoss::V2xHighway,
                [0.999_510, 0.924_553, 0.840_313, 0.515, 0.015],
            ),
            (PathLoss::FreeSpace, [1.0; 5]),
        ];
        for (model, probabilities) in expected {
            let law = law(model, 3.5e9, 10.0);
            for (ground_m, p) in [10.0, 50.0, 100.0, 500.0, 1000.0]
                .into_iter()
                .zip(probabilities)
            {
                let found = law.los_probability(ground_m);
                assert!((found - p).abs() < 1e-6, "{model:?} {ground_m}: {found}");
            }
        }
    }

    /// `python/tests/test_radio.py` holds the same table of the page against a package of PyPI.
    #[test]
    fn oracle_shadowing_is_that_of_the_page() {
        let page = include_str!("../../../../docs/radio.md");
        let cell = |(sigma_db, distance_m): (f64, f64)| format!("{sigma_db} dB, {distance_m} m");
        for (name, model) in [("umi", PathLoss::Umi), ("uma", PathLoss::Uma)] {
            let mut rows = page.lines();
            let row = rows.find(|row| row.starts_with(&format!("| `{name}` |")));
            let [clear, blocked] =
                [Sight::Clear, Sight::Blocked].map(|sight| cell(shadowing(model, sight).unwrap()));
            let listed = format!("| {clear}; {blocked} |");
            assert!(row.is_some_and(|row| row.contains(&listed)), "{listed}");
        }
    }

    /// The shortcut against the probability itself, also within rounding of it.
    #[test]
    fn oracle_line_of_sight_is_a_comparison_with_its_probability() {
        let mut draws = Streams::new(7).stream("units");
        for model in [PathLoss::Umi, PathLoss::Uma, PathLoss::V2xUrban] {
            let law = law(model, 3.5e9, 10.0);
            for _ in 0..20_000 {
                let ground_m = 2000.0 * draws.unit().powi(3);
                let p = law.los_probability(ground_m);
                for unit in [
                    draws.unit(),
                    2.0 * p * draws.unit(),
                    p,
                    p.next_up(),
                    p.next_down(),
                ] {
                    assert_eq!(
                        law.is_clear(unit, ground_m),
                        unit < p,
                        "{model:?} {ground_m} {unit}"
                    );
                }
            }
        }
    }

    #[test]
    fn property_loss_grows_with_distance_and_never_falls_without_sight() {
        for model in [
            PathLoss::Umi,
            PathLoss::Uma,
            PathLoss::V2xUrban,
            PathLoss::V2xHighway,
        ] {
            let law = law(model, 3.5e9, 10.0);
            let mut last = f64::NEG_INFINITY;
            for step in 0..500 {
                let ground2_m2 = (f64::from(step) * 10.0).powi(2);
                let clear_db = law.loss_db(Sight::Clear, ground2_m2);
                assert!(clear_db >= last - 0.01, "{model:?} {step}");
                let blocked_db = law.loss_db(Sight::Blocked, ground2_m2);
                assert!(blocked_db >= clear_db, "{model:?} {step}");
                last = clear_db;
            }
        }
    }
}
