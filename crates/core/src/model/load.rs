//! Load of the RSUs (8), its imbalance (9) and the dynamic bound on it (10), (16e).

use crate::scenario::LoadBalance;

/// LBM (9): population standard deviation of the loads L_m = sum F / F_m over all RSUs; 0 without RSUs.
pub fn lbm(loads: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = loads.len() as f64;
    if count < 1.0 {
        return 0.0;
    }
    let mean = loads.clone().sum::<f64>() / count;
    (loads.map(|l| (l - mean) * (l - mean)).sum::<f64>() / count).sqrt()
}

/// By how much `lbm` exceeds its bound `tau`; 0 where it keeps it to rounding (1e-9 of it).
#[must_use]
pub fn excess(lbm: f64, tau: f64) -> f64 {
    if lbm > tau * (1.0 + 1e-9) {
        lbm - tau
    } else {
        0.0
    }
}

/// Jain's fairness index (sum L)^2 / (M sum L^2) of the loads, in `[1/M, 1]`; 1 where all are zero.
pub fn jain(loads: impl ExactSizeIterator<Item = f64> + Clone) -> f64 {
    let count = loads.len() as f64;
    let sum = loads.clone().sum::<f64>();
    let squares = loads.map(|l| l * l).sum::<f64>();
    if squares > 0.0 {
        sum * sum / (count * squares)
    } else {
        1.0
    }
}

/// The bound on the LBM in one slot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BalanceBound {
    /// tau = max(delta + phi(t), tau_min).
    pub tau: f64,
    /// Whether delta + phi(t) lay below tau_min, where (16e) as published could not hold.
    pub clamped: bool,
}

/// delta + phi(t) with phi (10) = alpha (sum C(t) / sum C(t-1) - 1), kept above tau_min.
///
/// phi is 0 where there is no previous slot, or where it carried no cycles (the ratio has no meaning).
#[must_use]
pub fn balance_bound(
    parameters: &LoadBalance,
    cycles: f64,
    previous_cycles: Option<f64>,
) -> BalanceBound {
    let phi = match previous_cycles {
        Some(previous) if previous > 0.0 => parameters.alpha * (cycles / previous - 1.0),
        _ => 0.0,
    };
    let published = parameters.delta + phi;
    BalanceBound {
        tau: published.max(parameters.tau_min),
        clamped: published < parameters.tau_min,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_form_lbm_and_jain_by_hand() {
        let loads = [0.2, 0.4, 0.4, 0.6];
        assert!((lbm(loads.iter().copied()) - 0.02f64.sqrt()).abs() < 1e-15);
        assert!((jain(loads.iter().copied()) - 2.56 / (4.0 * 0.72)).abs() < 1e-15);
        assert!(lbm([0.0; 0].iter().copied()).abs() < 1e-15);
        assert!((jain([0.0; 3].iter().copied()) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn closed_form_balance_bound_by_hand() {
        let p = LoadBalance {
            delta: 0.05,
            alpha: 1.0,
            tau_min: 0.02,
            enforce: true,
        };
        assert!((balance_bound(&p, 110.0, Some(100.0)).tau - 0.15).abs() < 1e-12);
        assert!((balance_bound(&p, 110.0, None).tau - 0.05).abs() < 1e-15);
        let low = balance_bound(&p, 90.0, Some(100.0));
        assert!(low.clamped && (low.tau - 0.02).abs() < 1e-15);
        assert!(!balance_bound(&p, 90.0, Some(0.0)).clamped);
    }
}
