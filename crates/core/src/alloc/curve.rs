//! How much CPU a task takes at a price: the stationarity condition of P2 solved for F.
//!
//! At a price p per Hz a task of C cycles takes the F that minimises
//! omega C / F + (1 - omega) kappa F^2 C + p F, that is, with F = F0 / y and
//! F0 = (omega / (2 (1 - omega) kappa))^(1/3), the positive root of y^3 - s y - 1 = 0 with
//! s = p F0^2 / (omega C). The price may be negative: (16e) makes lightly loaded RSUs over-allocate.

/// CPU granted to a task whose delay has no weight (omega = 0) \[Hz\].
///
/// The optimum is then F -> 0, not attained; this stands for it (energy there: 1e-7 J or less).
pub const CPU_FLOOR_HZ: f64 = 1e6;

/// The demand curve of tasks at one RSU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// Both delay and energy weigh.
    Tradeoff {
        /// omega.
        omega: f64,
        /// F0, the CPU that a task takes for free \[Hz\].
        free_hz: f64,
    },
    /// Energy has no weight (omega = 1 or kappa = 0): all the CPU there is, in shares of sqrt(C).
    DelayOnly {
        /// Weight of delay in the demand: omega, or 1 where nothing weighs and delay breaks the tie.
        omega: f64,
        /// Weight of delay in the cost: omega.
        weight: f64,
    },
    /// Delay has no weight (omega = 0): as little CPU as possible.
    EnergyOnly {
        /// kappa.
        energy_coeff: f64,
    },
}

impl Curve {
    /// The curve for weight `omega` and an RSU's `energy_coeff` kappa_m.
    #[must_use]
    pub fn new(omega: f64, energy_coeff: f64) -> Self {
        let weighted_coeff = (1.0 - omega) * energy_coeff;
        let free_hz = (omega / (2.0 * weighted_coeff)).cbrt();
        if weighted_coeff <= 0.0 || !free_hz.is_finite() {
            Self::DelayOnly {
                omega: if omega > 0.0 { omega } else { 1.0 },
                weight: omega,
            }
        } else if free_hz <= CPU_FLOOR_HZ {
            Self::EnergyOnly {
                energy_coeff: weighted_coeff,
            }
        } else {
            Self::Tradeoff { omega, free_hz }
        }
    }

    /// CPU taken by a task of `cycles` at `price` \[Hz\], and its derivative by the price (<= 0).
    #[must_use]
    #[inline(always)]
    pub fn demand(&self, price: f64, cycles: f64) -> (f64, f64) {
        match *self {
            Self::Tradeoff { omega, free_hz } => {
                let unit = free_hz * free_hz / (omega * cycles);
                let y = cubic_root(price * unit);
                // d(1/y)/ds = -1 / (2 y^3 + 1), from the cubic itself.
                (free_hz / y, -free_hz * unit / (2.0 * y * y * y + 1.0))
            }
            Self::DelayOnly { omega, .. } => {
                let hz = if price > 0.0 {
                    (omega * cycles / price).sqrt()
                } else {
                    f64::INFINITY
                };
                (hz, -0.5 * hz / price)
            }
            Self::EnergyOnly { energy_coeff } => {
                let slope = -0.5 / (energy_coeff * cycles);
                if price * slope > CPU_FLOOR_HZ {
                    (price * slope, slope)
                } else {
                    (CPU_FLOOR_HZ, 0.0)
                }
            }
        }
    }

    /// Weighted execution cost omega C / F + (1 - omega) kappa F^2 C at `cpu_hz`.
    #[must_use]
    #[inline]
    pub fn cost(&self, cycles: f64, cpu_hz: f64) -> f64 {
        match *self {
            Self::Tradeoff { omega, free_hz } => {
                let y = free_hz / cpu_hz;
                omega * cycles / free_hz * (y + 0.5 / (y * y))
            }
            Self::DelayOnly { weight, .. } => weight * cycles / cpu_hz,
            Self::EnergyOnly { energy_coeff } => energy_coeff * cycles * cpu_hz * cpu_hz,
        }
    }

    /// [`cost`](Self::cost) at `cpu_hz` for any cycles, to the bit.
    #[must_use]
    #[inline]
    pub fn at(&self, cpu_hz: f64) -> Rate {
        let rate = |weight: f64, over: f64, times: [f64; 2]| Rate {
            weight,
            over,
            times,
        };
        match *self {
            Self::Tradeoff { omega, free_hz } => {
                let y = free_hz / cpu_hz;
                rate(omega, free_hz, [y + 0.5 / (y * y), 1.0])
            }
            Self::DelayOnly { weight, .. } => rate(weight, cpu_hz, [1.0; 2]),
            Self::EnergyOnly { energy_coeff } => rate(energy_coeff, 1.0, [cpu_hz; 2]),
        }
    }

    /// Least execution cost of one cycle at any F: the value at price 0.
    #[must_use]
    pub fn free_cost_per_cycle(&self) -> f64 {
        match *self {
            Self::Tradeoff { omega, free_hz } => 1.5 * omega / free_hz,
            Self::DelayOnly { .. } | Self::EnergyOnly { .. } => 0.0,
        }
    }

    /// g(p, C) = min over `least_hz` <= F <= `most_hz` of cost(C, F) + p F for p >= 0, and the F that
    /// attains it.
    #[must_use]
    #[inline]
    pub fn priced_cost(&self, price: f64, cycles: f64, least_hz: f64, most_hz: f64) -> (f64, f64) {
        // The infimum 0 is not attained; the floor, or a weight the cost lacks, would break the bound.
        if !self.is_priced_exactly() {
            return (0.0, 0.0);
        }
        let hz = self.demand(price, cycles).0.max(least_hz).min(most_hz);
        (self.cost(cycles, hz) + price * hz, hz)
    }

    /// Whether [`priced_cost`](Self::priced_cost) is attained, not only a lower bound.
    #[must_use]
    pub fn is_priced_exactly(&self) -> bool {
        match *self {
            Self::Tradeoff { .. } => true,
            Self::DelayOnly { weight, .. } => weight > 0.0,
            Self::EnergyOnly { .. } => false,
        }
    }

    /// [`priced_cost`](Self::priced_cost) up to `most_hz`, with the derivative of F by the price.
    #[must_use]
    #[inline]
    pub fn offer(&self, price: f64, cycles: f64, most_hz: f64) -> PricedShare {
        if !self.is_priced_exactly() {
            return PricedShare::default();
        }
        let (hz, slope) = self.demand(price, cycles);
        let (cpu_hz, slope) = if hz < most_hz {
            (hz, slope)
        } else {
            (most_hz, 0.0)
        };
        PricedShare {
            cost: self.cost(cycles, cpu_hz) + price * cpu_hz,
            cpu_hz,
            slope,
        }
    }

    /// d cost / dF, negative below the free demand.
    #[must_use]
    pub fn marginal_cost(&self, cycles: f64, cpu_hz: f64) -> f64 {
        match *self {
            Self::Tradeoff { omega, free_hz } => {
                let y = free_hz / cpu_hz;
                omega * cycles / (free_hz * free_hz) * (1.0 / y - y * y)
            }
            Self::DelayOnly { omega, .. } => -omega * cycles / (cpu_hz * cpu_hz),
            Self::EnergyOnly { energy_coeff } => 2.0 * energy_coeff * cycles * cpu_hz,
        }
    }

    /// Sum of the magnitudes of the terms of [`marginal_cost`](Self::marginal_cost): what a residual of
    /// it is relative to.
    #[must_use]
    pub fn marginal_scale(&self, cycles: f64, cpu_hz: f64) -> f64 {
        match *self {
            Self::Tradeoff { omega, free_hz } => {
                let y = free_hz / cpu_hz;
                omega * cycles / (free_hz * free_hz) * (1.0 / y + y * y)
            }
            Self::DelayOnly { .. } | Self::EnergyOnly { .. } => {
                self.marginal_cost(cycles, cpu_hz).abs()
            }
        }
    }
}

/// Execution cost at a fixed F, see [`Curve::at`]: what depends on F alone is found once for many tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// What cycles are multiplied by,
    pub weight: f64,
    /// then divided by,
    pub over: f64,
    /// and multiplied by again.
    pub times: [f64; 2],
}

impl Rate {
    /// Weighted execution cost of `cycles`.
    #[must_use]
    #[inline]
    pub fn cost(&self, cycles: f64) -> f64 {
        self.weight * cycles / self.over * self.times[0] * self.times[1]
    }
}

/// What a task would run for at a price, see [`Curve::offer`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PricedShare {
    /// g(p, C).
    pub cost: f64,
    /// The F that attains it \[Hz\].
    pub cpu_hz: f64,
    /// dF/dp.
    pub slope: f64,
}

/// The positive root of y^3 - s y - 1 = 0.
///
/// The starting values are within 5 % for every s, so a fixed number of Newton steps reaches 14 digits
/// and loops over tasks vectorise.
#[must_use]
#[inline]
pub fn cubic_root(s: f64) -> f64 {
    if s >= 0.0 {
        let mut y = (s + 1.0 / (s + 1.0).sqrt()).sqrt();
        for _ in 0..3 {
            y = newton_step(y, s);
        }
        y
    } else {
        let z = 1.0 / (1.0 - 0.5 * s);
        let mut y = 1.0 / (z * z - s);
        for _ in 0..4 {
            y = newton_step(y, s);
        }
        y
    }
}

#[inline]
fn newton_step(y: f64, s: f64) -> f64 {
    let y2 = y * y;
    (2.0 * y2 * y + 1.0) / (3.0 * y2 - s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_cubic_root_solves_the_cubic_at_every_scale() {
        for exponent in -80..=80 {
            for sign in [-1.0, 1.0] {
                let s = sign * 10f64.powf(f64::from(exponent) / 8.0);
                let y = cubic_root(s);
                let residual = (y * y * y - s * y - 1.0).abs() / (y * y * y + (s * y).abs() + 1.0);
                assert!(
                    y > 0.0 && residual < 2e-14,
                    "s {s}: y {y}, residual {residual}"
                );
            }
        }
        assert!((cubic_root(0.0) - 1.0).abs() < 1e-16);
    }

    /// Calibration S1: F0 = (0.65 / (2 * 0.35 * 3e-28))^(1/3) = 1.45735 GHz.
    #[test]
    fn closed_form_free_demand_by_hand() {
        let Curve::Tradeoff { free_hz, .. } = Curve::new(0.65, 3e-28) else {
            panic!()
        };
        assert!((free_hz / 1.457_35e9 - 1.0).abs() < 1e-5, "{free_hz}");
    }

    #[test]
    fn closed_form_limits() {
        assert!(matches!(Curve::new(1.0, 3e-28), Curve::DelayOnly { .. }));
        assert!(matches!(Curve::new(0.5, 0.0), Curve::DelayOnly { .. }));
        assert!(matches!(Curve::new(0.0, 3e-28), Curve::EnergyOnly { .. }));
        assert!(matches!(Curve::new(0.0, 0.0), Curve::DelayOnly { .. }));
    }

    #[test]
    fn oracle_a_rate_costs_what_the_curve_does_to_the_bit() {
        for curve in [
            Curve::new(0.65, 3e-28),
            Curve::new(0.5, 0.0),
            Curve::new(1.0, 3e-28),
            Curve::new(0.0, 3e-28),
        ] {
            for cpu_hz in [1.7e7, 1.3e9, 1.45e9, 15e9] {
                for cycles in [0.0, 3.1e8, 4.123_456_7e8] {
                    let rate = curve.at(cpu_hz).cost(cycles);
                    assert_eq!(rate.to_bits(), curve.cost(cycles, cpu_hz).to_bits());
                }
            }
        }
    }

    #[test]
    fn property_priced_cost_is_a_minimum() {
        for curve in [
            Curve::new(0.65, 3e-28),
            Curve::new(1.0, 0.0),
            Curve::new(0.3, 1e-27),
        ] {
            for price in [1e-12, 1e-10, 1e-9] {
                let (value, hz) = curve.priced_cost(price, 4e8, 0.0, 15e9);
                for factor in [0.5, 0.9, 0.999, 1.001, 1.1, 2.0] {
                    let other = (hz * factor).min(15e9);
                    assert!(curve.cost(4e8, other) + price * other >= value * (1.0 - 1e-14));
                }
            }
        }
    }

    #[test]
    fn oracle_demand_derivative_by_differences() {
        for curve in [Curve::new(0.65, 3e-28), Curve::new(1.0, 0.0)] {
            for price in [2e-11, 3e-10] {
                let h = price * 1e-6;
                let slope =
                    (curve.demand(price + h, 4e8).0 - curve.demand(price - h, 4e8).0) / (2.0 * h);
                assert!((slope / curve.demand(price, 4e8).1 - 1.0).abs() < 1e-6);
            }
        }
    }
}
