//! Moving a task's data: upload (6) with e_tra, migration (2), (3).

/// Upload delay t_tra = D / r of (6) \[s\] when `entering` tasks share the RSU's band equally.
///
/// `seconds_per_bit` is the time of one bit over the whole band, see
/// [`channel::seconds_per_bit`](super::channel::seconds_per_bit).
#[must_use]
#[inline]
pub fn upload_s(data_bits: f64, seconds_per_bit: f64, entering: f64) -> f64 {
    data_bits * seconds_per_bit * entering
}

/// Upload energy e_tra = p t_tra \[J\].
#[must_use]
#[inline]
pub fn upload_energy_j(tx_power_w: f64, upload_s: f64) -> f64 {
    tx_power_w * upload_s
}

/// Migration delay t_mig of (2) \[s\]; `seconds_per_bit` is k / R_0 on a path of k equal links.
#[must_use]
#[inline]
pub fn migration_s(data_bits: f64, seconds_per_bit: f64) -> f64 {
    data_bits * seconds_per_bit
}

/// Migration energy e_mig = k p_optical t_mig of (3) \[J\].
///
/// As published: t_mig already grows with k, so the energy grows with k^2. Where the paper sums up the
/// energy it writes t_mig for e_mig, a typo.
#[must_use]
#[inline]
pub fn migration_energy_j(hops: u32, migration_power_w: f64, migration_s: f64) -> f64 {
    f64::from(hops) * migration_power_w * migration_s
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2 Mbit over 3 hops of 1 Gbit/s: 6 ms, 3 * 0.5 W * 6 ms = 9 mJ; the upload of the same task shared
    /// with three others at 500 Mbit/s over the band: 16 ms, 3.2 mJ at 0.2 W.
    #[test]
    fn closed_form_transfer_by_hand() {
        let t = migration_s(2e6, 3.0 / 1e9);
        assert!((t - 6e-3).abs() < 1e-15);
        assert!((migration_energy_j(3, 0.5, t) - 9e-3).abs() < 1e-15);
        let t = upload_s(2e6, 1.0 / 500e6, 4.0);
        assert!((t - 16e-3).abs() < 1e-15);
        assert!((upload_energy_j(0.2, t) - 3.2e-3).abs() < 1e-15);
    }
}
