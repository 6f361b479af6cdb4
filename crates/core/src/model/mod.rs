//! The model's equations as pure functions, one per equation; everything else composes these.
//!
//! Source: S. Wang et al., "A DRL-based Load-Balanced Task Offloading Approach for Vehicular Edge
//! Computing"; the numbers in brackets are its equations, and `docs/model.md` lists them all with our
//! deviations from the text.

pub mod channel;
pub mod compute;
pub mod load;
pub mod moving;
pub mod pathloss;
pub mod rate;
pub mod transfer;

/// Cost of one task or of a mean over tasks, (15): J = omega T + (1 - omega) E.
///
/// `delay_s` \[s\], `energy_j` \[J\]; the weight `omega` is in `[0, 1]`.
#[must_use]
#[inline]
pub fn objective(omega: f64, delay_s: f64, energy_j: f64) -> f64 {
    omega * delay_s + (1.0 - omega) * energy_j
}

#[cfg(test)]
mod tests {
    use super::objective;

    #[test]
    fn closed_form_objective() {
        assert!((objective(0.65, 0.28, 0.24) - 0.266).abs() < 1e-15);
        assert!((objective(0.0, f64::MAX, 2.0) - 2.0).abs() < 1e-15);
    }
}
