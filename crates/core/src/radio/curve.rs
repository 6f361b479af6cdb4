//! A model against distance, for tables and figures: without shadowing and fading.

use super::{from_db, noise_w};
use crate::model::pathloss::{Law, Sight};
use crate::model::rate::RateLaw;
use crate::scenario::{LosRule, PathLoss, Scenario};

/// A radio link over one distance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Ground distance \[m\].
    pub distance_m: f64,
    /// Probability of line of sight.
    pub los_probability: f64,
    /// Path loss in line of sight \[dB\].
    pub clear_loss_db: f64,
    /// Rate in line of sight, over the whole band \[bit/s\].
    pub clear_rate_bps: f64,
    /// Path loss without line of sight \[dB\] and the rate then; `None` where the model has none.
    pub other: Option<(f64, f64)>,
}

/// The radio of a scenario over `distances_m`, from a vehicle with the most transmit power that the fleet has, to an RSU with
/// this band.
#[must_use]
pub fn curve(scenario: &Scenario, bandwidth_hz: f64, distances_m: &[f64]) -> Vec<CurvePoint> {
    let (channel, options) = (&scenario.channel, &scenario.radio);
    let (law, rate) = (Law::new(channel, options), RateLaw::new(options));
    let per_gain = scenario.fleet.tx_power_w.max / noise_w(channel, options, bandwidth_hz);
    let rate_bps = |loss_db: f64| {
        let gain_db = options.rsu_gain_dbi - options.margin_db - loss_db;
        1.0 / rate.seconds_per_bit(bandwidth_hz, per_gain * from_db(gain_db))
    };
    let one_sight = matches!(options.model, PathLoss::LogDistance | PathLoss::FreeSpace);
    let other = match options.los_rule() {
        LosRule::Buildings => Sight::Blocked,
        _ => law.without_los(),
    };
    let point = |&distance_m: &f64| {
        let ground2_m2 = distance_m * distance_m;
        let clear_loss_db = law.loss_db(Sight::Clear, ground2_m2);
        let mut other_loss_db = law.loss_db(other, ground2_m2);
        if other == Sight::Vehicle {
            other_loss_db += law
                .blocker_db(ground2_m2)
                .map_or(0.0, |(mean_db, _)| mean_db);
        }
        CurvePoint {
            distance_m,
            los_probability: law.los_probability(distance_m),
            clear_loss_db,
            clear_rate_bps: rate_bps(clear_loss_db),
            other: (!one_sight).then(|| (other_loss_db, rate_bps(other_loss_db))),
        }
    };
    distances_m.iter().map(point).collect()
}
