//! A multi-layer perceptron over a flat parameter vector: forward and backward on batches of rows.
//!
//! A network is only a layout: it says where its weights lie in a vector that the caller owns. Each layer is `W [inputs, outputs]`,
//! row-major, then `b [outputs]`. So one vector holds several networks, and the optimiser sees one vector.

use wayside_core::rng::Stream;

use crate::nn::matrix;
use crate::nn::simd::{tanh, vectorised};

/// What follows a hidden layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// Hyperbolic tangent.
    Tanh,
    /// Rectifier, max(0, x).
    Relu,
}

/// The layout of one network in a flat vector.
#[derive(Clone, Debug)]
pub struct Mlp {
    /// Widths from input to output.
    sizes: Vec<usize>,
    /// Where its parameters start.
    offset: usize,
    activation: Activation,
    /// Whether the last layer is activated too (a trunk) or linear (a head).
    activate_output: bool,
}

/// What a forward pass leaves for the backward pass. Reused from batch to batch, so it soon stops allocating.
#[derive(Debug, Default)]
pub struct Tape {
    rows: usize,
    /// Output of every layer, `[rows, width]`.
    values: Vec<Vec<f32>>,
    /// Gradient with respect to the output of every layer, `[rows, width]`.
    grads: Vec<Vec<f32>>,
}

impl Tape {
    /// The output of the network, `[rows, outputs]`.
    #[must_use]
    pub fn output(&self) -> &[f32] {
        self.values.last().map_or(&[], Vec::as_slice)
    }

    /// Output and its gradient, both `[rows, outputs]`; the caller writes the gradient before `backward`.
    pub fn output_and_gradient(&mut self) -> (&mut [f32], &mut [f32]) {
        match (self.values.last_mut(), self.grads.last_mut()) {
            (Some(v), Some(g)) => (v, g),
            _ => (&mut [], &mut []),
        }
    }

    /// Makes room for an output of `len` numbers and its gradient, which a [`crate::nn::backend`] computes.
    pub(crate) fn make_room(&mut self, len: usize) {
        for of in [&mut self.values, &mut self.grads] {
            of.resize_with(1, Vec::new);
            of[0].resize(len, 0.0);
        }
    }
}

impl Mlp {
    /// A network of the given widths (input first, at least two) whose parameters start at `offset`.
    #[must_use]
    pub fn new(
        offset: usize,
        sizes: &[usize],
        activation: Activation,
        activate_output: bool,
    ) -> Self {
        Self {
            sizes: sizes.to_vec(),
            offset,
            activation,
            activate_output,
        }
    }

    /// Where its parameters end: the offset of the next network.
    #[must_use]
    pub fn end(&self) -> usize {
        self.offset
            + self
                .sizes
                .windows(2)
                .map(|w| (w[0] + 1) * w[1])
                .sum::<usize>()
    }

    /// Widths from input to output.
    #[must_use]
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Number of layers.
    fn depth(&self) -> usize {
        self.sizes.len() - 1
    }

    /// Width of the input.
    #[must_use]
    pub fn inputs(&self) -> usize {
        self.sizes[0]
    }

    /// Width of the output.
    #[must_use]
    pub fn outputs(&self) -> usize {
        self.sizes[self.depth()]
    }

    /// Of every layer where its weights start, and its widths: inputs, outputs. Its biases follow its weights.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        (0..self.depth()).map(|layer| self.layer(layer))
    }

    /// Where the weights of `layer` start, and its widths.
    fn layer(&self, layer: usize) -> (usize, usize, usize) {
        let before: usize = self
            .sizes
            .windows(2)
            .take(layer)
            .map(|w| (w[0] + 1) * w[1])
            .sum();
        (
            self.offset + before,
            self.sizes[layer],
            self.sizes[layer + 1],
        )
    }

    fn activated(&self, layer: usize) -> bool {
        self.activate_output || layer + 1 < self.depth()
    }

    /// Orthogonal weights (Saxe et al. 2014) and zero biases, as stable-baselines3: `gain` for the last layer, `sqrt(2)` before it.
    pub fn init(&self, params: &mut [f32], gain: f64, stream: &mut Stream) {
        for layer in 0..self.depth() {
            let (at, inputs, outputs) = self.layer(layer);
            let gain = if layer + 1 == self.depth() {
                gain
            } else {
                std::f64::consts::SQRT_2
            };
            let (w, rest) = params[at..].split_at_mut(inputs * outputs);
            orthogonal(w, inputs, outputs, gain, stream);
            rest[..outputs].fill(0.0);
        }
    }

    /// Output of `rows` rows: `input [rows, inputs]` to `tape.output() [rows, outputs]`.
    pub fn forward(&self, params: &[f32], input: &[f32], rows: usize, tape: &mut Tape) {
        tape.rows = rows;
        tape.values.resize_with(self.depth(), Vec::new);
        tape.grads.resize_with(self.depth(), Vec::new);
        for layer in 0..self.depth() {
            let (at, inputs, outputs) = self.layer(layer);
            let (done, rest) = tape.values.split_at_mut(layer);
            let x = if layer == 0 { input } else { &done[layer - 1] };
            let y = &mut rest[0];
            y.resize(rows * outputs, 0.0);
            tape.grads[layer].resize(rows * outputs, 0.0);
            let (w, b) = params[at..].split_at(inputs * outputs);
            matrix::forward(y, x, w, rows, inputs, outputs);
            let activation = self.activated(layer).then_some(self.activation);
            add_bias_and_activate(y, &b[..outputs], activation);
        }
    }

    /// Given the gradient of the output in the tape, adds that of the parameters to `grads` (as long as the whole
    /// parameter vector) and writes that of the input `[rows, inputs]`, each where asked.
    pub fn backward(
        &self,
        params: &[f32],
        input: &[f32],
        tape: &mut Tape,
        grads: Option<&mut [f32]>,
        d_input: Option<&mut [f32]>,
    ) {
        self.backward_onto(params, input, tape, grads.map(|g| (g, true)), d_input);
    }

    /// As [`Mlp::backward`], but overwrites `grads` where they are not to be kept, which saves clearing and reading them.
    pub(crate) fn backward_onto(
        &self,
        params: &[f32],
        input: &[f32],
        tape: &mut Tape,
        mut grads: Option<(&mut [f32], bool)>,
        mut d_input: Option<&mut [f32]>,
    ) {
        let rows = tape.rows;
        for layer in (0..self.depth()).rev() {
            let (at, inputs, outputs) = self.layer(layer);
            let (before, rest) = tape.grads.split_at_mut(layer);
            let dy = &mut rest[0];
            if self.activated(layer) {
                times_slope(dy, &tape.values[layer], self.activation);
            }
            let x = if layer == 0 {
                input
            } else {
                &tape.values[layer - 1]
            };
            if let Some((grads, keep)) = &mut grads {
                let (dw, db) = grads[at..].split_at_mut(inputs * outputs);
                matrix::weights(dw, *keep, x, dy, (rows, inputs, outputs));
                if !*keep {
                    db[..outputs].fill(0.0);
                }
                add_columns(&mut db[..outputs], dy);
            }
            let dx = if layer == 0 {
                d_input.take()
            } else {
                Some(before[layer - 1].as_mut_slice())
            };
            if let Some(dx) = dx {
                let w = &params[at..at + inputs * outputs];
                matrix::inputs(dx, dy, w, rows, inputs, outputs);
            }
        }
    }
}

fn add_bias_and_activate(y: &mut [f32], b: &[f32], activation: Option<Activation>) {
    vectorised(
        #[inline(always)]
        || {
            for row in y.chunks_exact_mut(b.len()) {
                match activation {
                    Some(Activation::Tanh) => {
                        row.iter_mut().zip(b).for_each(|(y, b)| *y = tanh(*y + b))
                    }
                    Some(Activation::Relu) => row
                        .iter_mut()
                        .zip(b)
                        .for_each(|(y, b)| *y = (*y + b).max(0.0)),
                    None => row.iter_mut().zip(b).for_each(|(y, b)| *y += b),
                }
            }
        },
    );
}

/// Multiplies by the slope of the activation, written in terms of its output.
fn times_slope(dy: &mut [f32], y: &[f32], activation: Activation) {
    vectorised(
        #[inline(always)]
        || match activation {
            Activation::Tanh => dy.iter_mut().zip(y).for_each(|(d, y)| *d *= 1.0 - y * y),
            Activation::Relu => dy
                .iter_mut()
                .zip(y)
                .for_each(|(d, y)| *d = if *y > 0.0 { *d } else { 0.0 }),
        },
    );
}

fn add_columns(sum: &mut [f32], rows: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for row in rows.chunks_exact(sum.len()) {
                sum.iter_mut().zip(row).for_each(|(s, v)| *s += v);
            }
        },
    );
}

/// Gram-Schmidt on Gaussian vectors along the longer side, in f64: a uniformly random orthogonal matrix times `gain`.
fn orthogonal(w: &mut [f32], inputs: usize, outputs: usize, gain: f64, stream: &mut Stream) {
    let (count, length) = (inputs.min(outputs), inputs.max(outputs));
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(count);
    while basis.len() < count {
        let mut v: Vec<f64> = (0..length).map(|_| stream.normal()).collect();
        for q in &basis {
            let along: f64 = v.iter().zip(q).map(|(a, b)| a * b).sum();
            v.iter_mut().zip(q).for_each(|(a, b)| *a -= along * b);
        }
        let norm = v.iter().map(|a| a * a).sum::<f64>().sqrt();
        // a vector within the span of those before it cannot be normalised: draw again
        if norm > 1e-6 {
            v.iter_mut().for_each(|a| *a /= norm);
            basis.push(v);
        }
    }
    for i in 0..inputs {
        for o in 0..outputs {
            let value = if inputs < outputs {
                basis[i][o]
            } else {
                basis[o][i]
            };
            w[i * outputs + o] = (gain * value) as f32;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use wayside_core::rng::Streams;

    #[test]
    fn property_initial_weights_are_orthogonal() {
        for (i, o) in [(40, 64), (64, 15), (64, 64), (3, 1)] {
            let mut w = vec![0.0; i * o];
            orthogonal(&mut w, i, o, 2.0, &mut Streams::new(3).stream("init"));
            let short = i.min(o);
            for a in 0..short {
                for b in 0..short {
                    let dot: f64 = (0..i.max(o))
                        .map(|l| {
                            if i < o {
                                (w[a * o + l], w[b * o + l])
                            } else {
                                (w[l * o + a], w[l * o + b])
                            }
                        })
                        .map(|(x, y)| f64::from(x) * f64::from(y))
                        .sum();
                    let want = if a == b { 4.0 } else { 0.0 };
                    assert!((dot - want).abs() < 1e-5, "{i} x {o}: {dot} at {a}, {b}");
                }
            }
        }
    }

    /// The same network in f64, one row, plainly.
    pub(crate) fn twin(sizes: &[usize], p: &[f64], x: &[f64], relu: bool, last: bool) -> Vec<f64> {
        let (mut at, mut x) = (0, x.to_vec());
        for (l, s) in sizes.windows(2).enumerate() {
            let (i, o) = (s[0], s[1]);
            x = (0..o)
                .map(|j| {
                    let z =
                        p[at + i * o + j] + (0..i).map(|k| x[k] * p[at + k * o + j]).sum::<f64>();
                    match (last || l + 2 < sizes.len(), relu) {
                        (false, _) => z,
                        (true, true) => z.max(0.0),
                        (true, false) => z.tanh(),
                    }
                })
                .collect();
            at += (i + 1) * o;
        }
        x
    }

    #[test]
    fn oracle_gradients_are_those_of_finite_differences_in_f64() {
        let sizes = [5, 7, 6, 3];
        for (activation, last) in [
            (Activation::Tanh, false),
            (Activation::Tanh, true),
            (Activation::Relu, false),
        ] {
            let net = Mlp::new(2, &sizes, activation, last);
            let mut stream = Streams::new(5).stream("gradient");
            let mut params = vec![0.0; net.end()];
            net.init(&mut params, 1.0, &mut stream);
            params
                .iter_mut()
                .for_each(|p| *p += stream.uniform(-0.1, 0.1) as f32);
            let rows = 4;
            let x: Vec<f32> = (0..rows * 5).map(|_| stream.normal() as f32).collect();
            let (mut tape, mut grads, mut dx) =
                (Tape::default(), vec![0.0; net.end()], vec![0.0; rows * 5]);
            net.forward(&params, &x, rows, &mut tape);
            let (y, dy) = tape.output_and_gradient();
            dy.copy_from_slice(y);
            net.backward(&params, &x, &mut tape, Some(&mut grads), Some(&mut dx));
            let p: Vec<f64> = params[2..].iter().map(|&p| f64::from(p)).collect();
            let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            let relu = activation == Activation::Relu;
            let loss = |p: &[f64], x: &[f64]| {
                x.chunks(5)
                    .flat_map(|x| twin(&sizes, p, x, relu, last))
                    .map(|y| y * y / 2.0)
                    .sum::<f64>()
            };
            let slope = |f: &dyn Fn(f64) -> f64| (f(1e-5) - f(-1e-5)) / 2e-5;
            for i in 0..p.len() {
                let want = slope(&|h| {
                    let mut q = p.clone();
                    q[i] += h;
                    loss(&q, &x)
                });
                let got = f64::from(grads[i + 2]);
                assert!(
                    (got - want).abs() < 1e-5 * (1.0 + want.abs()),
                    "{activation:?} parameter {i}: {got} != {want}"
                );
            }
            for i in 0..x.len() {
                let want = slope(&|h| {
                    let mut z = x.clone();
                    z[i] += h;
                    loss(&p, &z)
                });
                let got = f64::from(dx[i]);
                assert!(
                    (got - want).abs() < 1e-5 * (1.0 + want.abs()),
                    "{activation:?} input {i}: {got} != {want}"
                );
            }
        }
    }
}
