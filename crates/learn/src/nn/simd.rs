//! Elementwise functions over slices, compiled once per instruction set and chosen at run time.
//!
//! Nothing here is contracted to fused multiply-adds or reordered, so every instruction set gives the same bits;
//! only the matrix products ([`crate::nn::matrix`]) round differently.

/// Runs `f` with the widest vectors of the processor. What `f` calls must be inlined into it.
#[inline]
pub(crate) fn vectorised<R>(f: impl FnOnce() -> R) -> R {
    arch().dispatch(f)
}

/// The widest instruction set that the processor and our features have.
#[inline]
fn arch() -> pulp::Arch {
    #[cfg(test)]
    if let Some(level) = crate::nn::simd_levels::forced() {
        return level;
    }
    pulp::Arch::new()
}

/// Hyperbolic tangent: a rational function of degree 13/6 (the coefficients of Eigen's `ptanh`), absolute error < 4e-7.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let x = x.clamp(-7.905_311, 7.905_311);
    let s = x * x;
    let mut p = -2.760_768_5e-16 * s + 2.000_188e-13;
    for a in [
        -8.604_672e-11,
        5.122_297e-8,
        1.485_722_4e-5,
        6.372_619_3e-4,
        4.893_524_6e-3,
    ] {
        p = p * s + a;
    }
    let mut q = 1.198_258_4e-6 * s + 1.185_347_1e-4;
    for b in [2.268_434_6e-3, 4.893_525e-3] {
        q = q * s + b;
    }
    x * p / q
}

/// Exponential (Cephes `expf`), relative error < 2e-7 on [-87, 88], constant outside.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for a in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_65, 0.5] {
        p = p * r + a;
    }
    let power = (shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127))
        << 23;
    (p * r * r + r + 1.0) * f32::from_bits(power)
}

/// `out = exp(x)` for every element.
pub(crate) fn exp_slice(x: &[f32], out: &mut [f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (o, &x) in out.iter_mut().zip(x) {
                *o = exp(x);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oracle_tanh_and_exp_agree_with_the_library_in_f64() {
        for i in -120_000..=120_000 {
            let x = i as f32 * 1e-4;
            let error = f64::from(tanh(x)) - f64::from(x).tanh();
            assert!(error.abs() < 4e-7, "tanh({x}) off by {error}");
            let x = i as f32 * 7.2e-4;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact) / exact;
            assert!(error.abs() < 2e-7, "exp({x}) off by {error}");
        }
        assert!(tanh(f32::INFINITY) <= 1.0 && exp(-1e30) < 1e-37);
    }
}
