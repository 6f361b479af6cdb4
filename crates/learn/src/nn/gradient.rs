//! A test of the gradient of an [`Architecture`].

use wayside_core::rng::Streams;

use crate::nn::architecture::{Architecture, Slots};
use crate::nn::net::NetSpec;

/// Step of the finite differences: larger, and curvature shows; smaller, and the rounding of f32 does.
const STEP: f32 = 1e-2;

/// The largest difference between the gradient of `architecture` and finite differences of its forward pass, relative to the
/// largest component: below 0.01 for a correct and smooth one. It takes three random slots, one of them without rows, and two
/// forward passes per parameter. Kinks, as of rectifiers, add errors of their own.
#[must_use]
pub fn gradient_error(architecture: &dyn Architecture, spec: &NetSpec, seed: u64) -> f64 {
    let streams = Streams::new(seed);
    let mut stream = streams.stream("learn.gradient");
    let mut draw =
        |n: usize| -> Vec<f32> { (0..n).map(|_| stream.uniform(-1.0, 1.0) as f32).collect() };
    let row_ends = [2, 2, 5];
    let (rows, globals) = (draw(5 * spec.row_width), draw(3 * spec.globals));
    let slots = Slots {
        rows: &rows,
        row_ends: &row_ends,
        globals: &globals,
    };
    let (d_logits, d_values) = (draw(5 * spec.logits_per_row), draw(3));
    let mut params = architecture.init(streams);
    let noise = draw(params.len());
    // initial values are special: zero biases, logits near zero
    params
        .iter_mut()
        .zip(noise)
        .for_each(|(p, x)| *p += 0.1 * x);

    let mut grads = vec![0.0; params.len()];
    architecture.backward(&params, slots, &d_logits, &d_values, &mut grads);
    let (mut logits, mut values) = (vec![0.0; d_logits.len()], vec![0.0; 3]);
    let mut weighed = |params: &[f32]| -> f64 {
        architecture.forward(params, slots, &mut logits, &mut values);
        let outputs = logits.iter().chain(&values);
        let weights = d_logits.iter().chain(&d_values);
        outputs
            .zip(weights)
            .map(|(y, d)| f64::from(*y) * f64::from(*d))
            .sum()
    };
    let (mut worst, mut largest) = (0.0f64, f64::MIN_POSITIVE);
    for (i, &found) in grads.iter().enumerate() {
        let p = params[i];
        params[i] = p + STEP;
        let above = weighed(&params);
        params[i] = p - STEP;
        let below = weighed(&params);
        params[i] = p;
        let expected = (above - below) / f64::from(2.0 * STEP);
        let error = (f64::from(found) - expected).abs();
        // `max` would lose a NaN
        worst = if error > worst || error.is_nan() {
            error
        } else {
            worst
        };
        largest = largest.max(expected.abs());
    }
    worst / largest
}
