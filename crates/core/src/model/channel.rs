//! The radio: path loss, signal-to-noise ratio, rate (1).

use crate::scenario::Channel;

/// A channel prepared for repeated use.
///
/// The path loss is log-distance, PL = A + B log10(d / 1 km) dB with d the distance between antennas.
/// The paper gives no path loss; 128.1 + 37.6 log10(d) is the usual 3GPP macro model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Radio {
    /// Channel gain at 1 m over the noise power \[1/W\].
    gain_over_noise_at_1m: f64,
    /// Half of the path-loss exponent, applied to the squared distance.
    half_exponent: f64,
    /// Squared antenna height \[m^2\].
    height2_m2: f64,
}

impl Radio {
    /// Prepares `channel`.
    #[must_use]
    pub fn new(channel: &Channel) -> Self {
        let exponent = channel.pathloss_db_per_decade / 10.0;
        let gain_at_1km = 10f64.powf(-channel.pathloss_db_at_1km / 10.0);
        Self {
            gain_over_noise_at_1m: gain_at_1km * 1000f64.powf(exponent)
                / dbm_to_w(channel.noise_dbm),
            half_exponent: 0.5 * exponent,
            height2_m2: channel.antenna_height_m * channel.antenna_height_m,
        }
    }

    /// Signal-to-noise ratio p h / sigma^2 over a squared ground distance \[m^2\].
    ///
    /// Antennas closer than 1 m count as 1 m apart: the log-distance law has no meaning below.
    #[must_use]
    #[inline]
    pub fn snr(&self, tx_power_w: f64, ground_distance2_m2: f64) -> f64 {
        let distance2_m2 = (ground_distance2_m2 + self.height2_m2).max(1.0);
        tx_power_w * self.gain_over_noise_at_1m * distance2_m2.powf(-self.half_exponent)
    }
}

/// Upload time of one bit with the whole band to itself, 1 / (B log2(1 + SNR)) \[s/bit\].
///
/// The inverse of the rate (1) for n_m = 1; with n_m tasks on the RSU it takes n_m times as long.
#[must_use]
#[inline]
pub fn seconds_per_bit(bandwidth_hz: f64, snr: f64) -> f64 {
    // ln_1p keeps the digits of a weak radio, where 1 + SNR would round to 1.
    std::f64::consts::LN_2 / (bandwidth_hz * snr.ln_1p())
}

/// Rate (1) of one of `tasks` tasks that share the band of an RSU equally \[bit/s\].
#[must_use]
pub fn rate_bps(bandwidth_hz: f64, tasks: usize, snr: f64) -> f64 {
    let share = bandwidth_hz / tasks as f64;
    share * (1.0 + snr).log2()
}

/// Power in W of a level in dBm.
#[must_use]
pub fn dbm_to_w(dbm: f64) -> f64 {
    10f64.powf((dbm - 30.0) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S1: Channel = Channel {
        noise_dbm: -104.0,
        pathloss_db_at_1km: 128.1,
        pathloss_db_per_decade: 37.6,
        antenna_height_m: 10.0,
    };

    /// By hand: d = sqrt(300^2 + 10^2) = 300.1666 m, PL = 128.1 + 37.6 log10(0.3001666) = 108.4488 dB,
    /// p = 0.2 W = 23.0103 dBm, SNR = 23.0103 - 108.4488 + 104 = 18.5615 dB = 71.80.
    #[test]
    fn closed_form_snr_by_hand() {
        let snr = Radio::new(&S1).snr(0.2, 300.0 * 300.0);
        assert!(
            (10.0 * snr.log10() - 18.5615).abs() < 1e-3,
            "{}",
            10.0 * snr.log10()
        );
    }

    /// SNR 3 is log2(4) = 2 bit/s/Hz: 100 MHz shared by 4 tasks gives 50 Mbit/s each.
    #[test]
    fn closed_form_rate_by_hand() {
        assert!((rate_bps(100e6, 4, 3.0) - 50e6).abs() < 1e-6);
        assert!((seconds_per_bit(100e6, 3.0) * 200e6 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn property_a_weak_radio_keeps_its_digits() {
        let spb = seconds_per_bit(1.0, 1e-18);
        assert!((spb * 1e-18 / std::f64::consts::LN_2 - 1.0).abs() < 1e-12);
    }
}
