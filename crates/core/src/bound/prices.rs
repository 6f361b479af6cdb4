//! Prices of band and CPU, and what an RSU offers a task at them.

use crate::alloc::curve::Curve;
use crate::slot::Slot;

/// Prices lambda (band) and theta = mu F (CPU, for all of an RSU), both in units of cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prices {
    /// lambda_m.
    pub band: Vec<f64>,
    /// theta_m = mu_m F_m, with F_m the CPU available.
    pub cpu: Vec<f64>,
}

/// Constants of an RSU in one slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) curve: Curve,
    pub(super) available_hz: f64,
}

impl Site {
    /// About the price theta at which `count` tasks of `cycles` in all fill the RSU; 0 where they do not.
    pub(super) fn crowded(&self, count: f64, cycles: f64) -> f64 {
        let available_hz = self.available_hz;
        match self.curve {
            _ if available_hz <= 0.0 => 0.0,
            Curve::Tradeoff { omega, free_hz } if count * free_hz > available_hz => {
                let y = count * free_hz / available_hz;
                (y * y - 1.0 / y) * omega * (cycles / count) / (free_hz * free_hz) * available_hz
            }
            Curve::DelayOnly { weight, .. } => count * weight * cycles / available_hz,
            Curve::Tradeoff { .. } | Curve::EnergyOnly { .. } => 0.0,
        }
    }

    /// g(mu, C) with mu = theta / F_m, and the CPU share with its slope.
    pub(super) fn offer(&self, theta: f64, cycles: f64) -> CpuOffer {
        if self.available_hz <= 0.0 {
            return CpuOffer {
                cost: f64::INFINITY,
                ..CpuOffer::default()
            };
        }
        let offer = self
            .curve
            .offer(theta / self.available_hz, cycles, self.available_hz);
        let inverse = 1.0 / self.available_hz;
        CpuOffer {
            stamp: 0,
            cost: offer.cost,
            share: offer.cpu_hz * inverse,
            share_slope: offer.slope * inverse * inverse,
        }
    }
}

/// What a task would run at an RSU for, at the present price.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CpuOffer {
    pub(super) stamp: u32,
    pub(super) cost: f64,
    /// F / F_m and its derivative by theta.
    pub(super) share: f64,
    pub(super) share_slope: f64,
}

/// The RSUs of `slot`, into `sites`.
pub(super) fn fill_sites(slot: &Slot, sites: &mut Vec<Site>) {
    sites.clear();
    sites.extend((0..slot.rsus.len()).map(|m| Site {
        curve: Curve::new(slot.omega, slot.rsus.energy_coeff[m]),
        available_hz: slot.rsus.available_cpu_hz(m),
    }));
}

/// What every RSU offers the task at hand, found when first asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Offers {
    offers: Vec<CpuOffer>,
    stamp: u32,
}

impl Offers {
    /// For `rsus` RSUs.
    pub(super) fn prepare(&mut self, rsus: usize) {
        // Stamps go on from slot to slot, so that nothing need be forgotten before they run out.
        if self.offers.len() != rsus || self.stamp > u32::MAX / 2 {
            self.offers.clear();
            self.offers.resize(rsus, CpuOffer::default());
            self.stamp = 0;
        }
    }

    /// Forgets the offers to the task before.
    #[inline]
    pub(super) fn next_task(&mut self) {
        self.stamp += 1;
    }

    /// What RSU `m` of `sites` offers for `cycles` at the price `theta`.
    #[inline]
    pub(super) fn of(&mut self, sites: &[Site], m: usize, theta: f64, cycles: f64) -> &CpuOffer {
        let offer = &mut self.offers[m];
        if offer.stamp != self.stamp {
            *offer = sites[m].offer(theta, cycles);
            offer.stamp = self.stamp;
        }
        offer
    }

    /// By RSU the offers made last; those to the task at hand among them.
    pub(super) fn last(&self) -> &[CpuOffer] {
        &self.offers
    }
}

/// u(lambda, a) = min over 0 < b <= 1 of a / b + lambda b, and the share b that attains it.
#[must_use]
pub fn upload_at(lambda: f64, alone: f64) -> (f64, f64) {
    if lambda > alone {
        (2.0 * (alone * lambda).sqrt(), (alone / lambda).sqrt())
    } else {
        (alone + lambda, 1.0)
    }
}
