//! Executing a task: delay (4), (7) and energy (5), e_edge.

/// Execution delay C / F of (4) and (7) \[s\]: `cycles` on a CPU share of `cpu_hz`.
#[must_use]
#[inline]
pub fn delay_s(cycles: f64, cpu_hz: f64) -> f64 {
    cycles / cpu_hz
}

/// Execution energy kappa F^2 C of (5) and e_edge \[J\], kappa in J s^2/cycle^3.
#[must_use]
#[inline]
pub fn energy_j(energy_coeff: f64, cycles: f64, cpu_hz: f64) -> f64 {
    energy_coeff * cpu_hz * cpu_hz * cycles
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 400 Mcycles at 0.5 GHz: 0.8 s, 2e-26 * 2.5e17 * 4e8 = 2 J.
    #[test]
    fn closed_form_local_by_hand() {
        assert!((delay_s(4e8, 0.5e9) - 0.8).abs() < 1e-15);
        assert!((energy_j(2e-26, 4e8, 0.5e9) - 2.0).abs() < 1e-12);
    }
}
