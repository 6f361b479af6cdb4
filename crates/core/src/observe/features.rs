//! Numbers made fit for a network: bounded whatever the slot holds.

/// x / (1 + |x|): order is kept, the result lies in `[-1, 1]`; 1 for infinity, 0 for what is no number.
#[must_use]
#[inline]
pub(super) fn squash(x: f64) -> f32 {
    let bounded = x / (1.0 + x.abs());
    if bounded.is_nan() {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    bounded as f32
}

/// x cut to `[-1, 1]`; 0 for what is no number.
#[must_use]
#[inline]
pub(super) fn cut(x: f64) -> f32 {
    if x.is_nan() {
        0.0
    } else {
        x.clamp(-1.0, 1.0) as f32
    }
}

/// x cut to `[0, 1]`; 0 for what is no number.
#[must_use]
#[inline]
pub(super) fn share(x: f64) -> f32 {
    if x.is_nan() {
        0.0
    } else {
        x.clamp(0.0, 1.0) as f32
    }
}

/// 1 for true.
#[must_use]
#[inline]
pub(super) fn flag(condition: bool) -> f32 {
    f32::from(u8::from(condition))
}
