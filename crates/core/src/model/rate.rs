//! From signal-to-noise ratio to rate: Shannon, truncated Shannon, and tables of channel quality (CQI).

use crate::scenario::{RadioOptions, RateKind};

/// Efficiencies of TS 38.214, tables 5.2.2.1-2 to -4, CQI 1 to 15 \[bit/s/Hz\].
pub const CQI_EFFICIENCY: [[f64; 15]; 3] = [
    [
        0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223,
        3.9023, 4.5234, 5.1152, 5.5547,
    ],
    [
        0.1523, 0.3770, 0.8770, 1.4766, 1.9141, 2.4063, 2.7305, 3.3223, 3.9023, 4.5234, 5.1152,
        5.5547, 6.2266, 6.9141, 7.4063,
    ],
    [
        0.0586, 0.0977, 0.1523, 0.2344, 0.3770, 0.6016, 0.8770, 1.1758, 1.4766, 1.9141, 2.4063,
        2.7305, 3.3223, 3.9023, 4.5234,
    ],
];

/// A rate law prepared for repeated use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateLaw {
    kind: RateKind,
    /// Share of the band that carries data.
    useful: f64,
    alpha: f64,
    /// Least SNR that carries anything.
    floor: f64,
    /// Most efficiency \[bit/s/Hz\].
    ceiling: f64,
    /// SNR from which each CQI is used.
    thresholds: [f64; 15],
    efficiency: [f64; 15],
}

impl RateLaw {
    /// Prepares the law of `options`.
    #[must_use]
    pub fn new(options: &RadioOptions) -> Self {
        let efficiency = CQI_EFFICIENCY[options.cqi_table - 1];
        let alpha = options.rate_alpha.unwrap_or(match options.rate {
            RateKind::Cqi => 0.75,
            _ => 0.6,
        });
        Self {
            kind: options.rate,
            useful: 1.0 - options.overhead,
            alpha,
            floor: 10f64.powf(options.rate_floor_db / 10.0),
            ceiling: options.rate_ceiling,
            // the standard has no thresholds: a table is used as far as an attenuated Shannon law reaches
            thresholds: efficiency.map(|e| (e / alpha).exp2() - 1.0),
            efficiency,
        }
    }

    /// Spectral efficiency at an SNR, overhead not yet taken off \[bit/s/Hz\]; 0 where it carries nothing.
    #[must_use]
    #[inline]
    pub fn efficiency(&self, snr: f64) -> f64 {
        match self.kind {
            RateKind::Shannon => snr.ln_1p() / std::f64::consts::LN_2,
            RateKind::TruncatedShannon if snr < self.floor => 0.0,
            RateKind::TruncatedShannon => {
                (self.alpha * snr.ln_1p() / std::f64::consts::LN_2).min(self.ceiling)
            }
            RateKind::Cqi => match self.thresholds.partition_point(|&least| least <= snr) {
                0 => 0.0,
                cqi => self.efficiency[cqi - 1],
            },
        }
    }

    /// Upload time of one bit with the whole band to itself \[s/bit\]; infinite where nothing is carried.
    #[must_use]
    #[inline]
    pub fn seconds_per_bit(&self, bandwidth_hz: f64, snr: f64) -> f64 {
        1.0 / (bandwidth_hz * self.useful * self.efficiency(snr))
    }

    /// The same, at least at the lowest rate there is: for a link that is known to exist.
    #[must_use]
    pub fn seconds_per_bit_of_link(&self, bandwidth_hz: f64, snr: f64) -> f64 {
        let least = match self.kind {
            RateKind::Shannon => 1e-12,
            RateKind::TruncatedShannon => self.floor,
            RateKind::Cqi => self.thresholds[0],
        };
        self.seconds_per_bit(bandwidth_hz, snr.max(least))
    }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "values of tables and limits are exact")]
mod tests {
    use super::*;
    use crate::model::channel::seconds_per_bit;

    fn law(rate: RateKind) -> RateLaw {
        RateLaw::new(&RadioOptions {
            rate,
            ..RadioOptions::default()
        })
    }

    /// By hand: SNR 3 is 2 bit/s/Hz by Shannon, 1.2 at alpha .6; the ceiling 4.4 is reached at 2^(4.4/.6) - 1 = 160.2, the floor
    /// is .1. CQI 8 of table 1 (1.9141) is used from 2^(1.9141/.75) - 1 = 4.8651.
    #[test]
    fn closed_form_efficiencies_by_hand() {
        let shannon = law(RateKind::Shannon);
        assert!((shannon.efficiency(3.0) - 2.0).abs() < 1e-15);
        assert!(
            (shannon.seconds_per_bit(1e8, 7.0) / seconds_per_bit(1e8, 7.0) - 1.0).abs() < 1e-15
        );
        let truncated = law(RateKind::TruncatedShannon);
        assert!((truncated.efficiency(3.0) - 1.2).abs() < 1e-15);
        assert!(truncated.efficiency(160.0) < 4.4);
        assert_eq!(truncated.efficiency(161.0), 4.4);
        assert_eq!(truncated.efficiency(0.0999), 0.0);
        assert!(truncated.efficiency(0.1001) > 0.08);
        let cqi = law(RateKind::Cqi);
        assert_eq!(cqi.efficiency(4.865), 1.4766);
        assert_eq!(cqi.efficiency(4.866), 1.9141);
        assert_eq!(cqi.efficiency(1e9), 5.5547);
        assert_eq!(cqi.efficiency(0.1), 0.0);
        assert_eq!(cqi.seconds_per_bit(1e6, 0.1), f64::INFINITY);
        assert_eq!(cqi.seconds_per_bit_of_link(1e6, 0.1), 1.0 / 152_300.0);
        let overhead = RateLaw::new(&RadioOptions {
            overhead: 0.25,
            ..RadioOptions::default()
        });
        assert_eq!(overhead.seconds_per_bit(1e6, 3.0), 1.0 / 1.5e6);
    }

    /// An efficiency is modulation bits times code rate / 1024, rounded to four digits: TS 38.214 prints all three.
    #[test]
    fn oracle_tables_are_modulation_times_code_rate() {
        let rates: [[(f64, f64); 15]; 3] = [
            [
                (2., 78.),
                (2., 120.),
                (2., 193.),
                (2., 308.),
                (2., 449.),
                (2., 602.),
                (4., 378.),
                (4., 490.),
                (4., 616.),
                (6., 466.),
                (6., 567.),
                (6., 666.),
                (6., 772.),
                (6., 873.),
                (6., 948.),
            ],
            [
                (2., 78.),
                (2., 193.),
                (2., 449.),
                (4., 378.),
                (4., 490.),
                (4., 616.),
                (6., 466.),
                (6., 567.),
                (6., 666.),
                (6., 772.),
                (6., 873.),
                (8., 711.),
                (8., 797.),
                (8., 885.),
                (8., 948.),
            ],
            [
                (2., 30.),
                (2., 50.),
                (2., 78.),
                (2., 120.),
                (2., 193.),
                (2., 308.),
                (2., 449.),
                (2., 602.),
                (4., 378.),
                (4., 490.),
                (4., 616.),
                (6., 466.),
                (6., 567.),
                (6., 666.),
                (6., 772.),
            ],
        ];
        for (table, rates) in CQI_EFFICIENCY.iter().zip(rates) {
            for (efficiency, (bits, rate)) in table.iter().zip(rates) {
                let printed: f64 = format!("{:.4}", bits * rate / 1024.0 + 1e-9)
                    .parse()
                    .unwrap();
                assert_eq!(*efficiency, printed, "{bits} {rate}");
            }
        }
    }
}
