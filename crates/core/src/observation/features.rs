//! Scales numbers for a network: bounded for every slot.

/// x / (1 + |x|): monotonic, with results in `[-1, 1]`; 1 for infinity, 0 for NaN.
#[must_use]
#[inline(always)]
pub(super) fn squash(x: f64) -> f32 {
    let bounded = x / (1.0 + x.abs());
    // selected, not branched on: so loops over features vectorise
    let beyond = if x > 0.0 { 1.0 } else { 0.0 };
    let bounded = if bounded.is_nan() { beyond } else { bounded };
    bounded as f32
}

/// x clamped to `[-1, 1]`; 0 for NaN.
#[must_use]
#[inline(always)]
pub(super) fn cut(x: f64) -> f32 {
    let bounded = x.clamp(-1.0, 1.0);
    let bounded = if x.is_nan() { 0.0 } else { bounded };
    bounded as f32
}

/// x clamped to `[0, 1]`; 0 for NaN.
#[must_use]
#[inline(always)]
pub(super) fn share(x: f64) -> f32 {
    let bounded = x.clamp(0.0, 1.0);
    let bounded = if x.is_nan() { 0.0 } else { bounded };
    bounded as f32
}

/// 1 for true.
#[must_use]
#[inline(always)]
pub(super) fn flag(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}

/// Two quotients at once: encoders are bound by divisions, and a pair costs as much as one.
#[must_use]
#[inline(always)]
pub(super) fn over<const N: usize>(dividends: [f64; N], divisors: [f64; N]) -> [f64; N] {
    let mut quotients = [0.0; N];
    for i in 0..N {
        quotients[i] = dividends[i] / divisors[i];
    }
    quotients
}
