//! Actor and critic over the rows of slots: a trunk on every row, a linear head for its logits, a value of the slot.
//!
//! The value is a network on `[mean over rows, globals]`, where the mean is of the trunk's output ([`Pool::Trunk`]) or of
//! the rows themselves ([`Pool::Rows`], a critic of its own). docs/decisions/0013-network-core.md says when to use which.

use std::sync::Arc;

use wayside_core::error::Result;
use wayside_core::rng::Streams;

use crate::nn::architecture::Architecture;
use crate::nn::batch::Batch;
use crate::nn::mlp::{Activation, Mlp, Tape};
use crate::nn::state::invalid;

/// What the critic takes the mean of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pool {
    /// The trunk's output: actor and critic share the trunk.
    Trunk,
    /// The rows as observed: actor and critic share nothing.
    Rows,
}

/// Sizes of the networks.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetSpec {
    /// Width of a row.
    pub row_width: usize,
    /// Numbers that the critic sees beside the rows.
    pub globals: usize,
    /// Hidden layers of the trunk, at least one.
    pub hidden: Vec<usize>,
    /// Logits that each row gives.
    pub logits_per_row: usize,
    /// Consecutive factors that belong to one vehicle.
    pub factors_per_vehicle: usize,
    /// Hidden layers of the critic, after the mean.
    pub value_hidden: Vec<usize>,
    /// What the critic takes the mean of.
    pub pool: Pool,
    /// What follows each hidden layer.
    pub activation: Activation,
}

impl NetSpec {
    /// Refuses widths of zero or above the limit, a trunk without layers, and too many layers.
    fn check(&self) -> Result<()> {
        let one = std::slice::from_ref;
        for (name, least, widths) in [
            ("row_width", 1, one(&self.row_width)),
            ("globals", 0, one(&self.globals)),
            ("logits_per_row", 1, one(&self.logits_per_row)),
            ("factors_per_vehicle", 1, one(&self.factors_per_vehicle)),
            ("hidden", 1, &self.hidden),
            ("value_hidden", 1, &self.value_hidden),
        ] {
            let allowed = least..=MAX_WIDTH;
            if let Some(wrong) = widths.iter().find(|width| !allowed.contains(width)) {
                let message = format!("widths must be {least} to {MAX_WIDTH}, got {wrong}");
                return Err(invalid(&format!("net.{name}"), message));
            }
        }
        let layers = self.hidden.len() + self.value_hidden.len();
        if self.hidden.is_empty() || layers > MAX_LAYERS {
            let message = format!(
                "must have 1 to {MAX_LAYERS} hidden layers, of which one is before the logits, got {} and {} before the value",
                self.hidden.len(),
                self.value_hidden.len()
            );
            return Err(invalid("net", message));
        }
        Ok(())
    }

    /// The whole slot in one row, with `hidden` layers for the actor and as many for the critic, as stable-baselines3.
    #[must_use]
    pub fn flat(
        row_width: usize,
        logits: usize,
        factors_per_vehicle: usize,
        hidden: &[usize],
    ) -> Self {
        Self {
            row_width,
            globals: 0,
            hidden: hidden.to_vec(),
            logits_per_row: logits,
            factors_per_vehicle,
            value_hidden: hidden.to_vec(),
            pool: Pool::Rows,
            activation: Activation::Tanh,
        }
    }

    /// The same network for every row, with a linear value on the mean of the trunk.
    #[must_use]
    pub fn shared(
        row_width: usize,
        logits_per_row: usize,
        factors_per_vehicle: usize,
        hidden: &[usize],
    ) -> Self {
        Self {
            value_hidden: Vec::new(),
            pool: Pool::Trunk,
            ..Self::flat(row_width, logits_per_row, factors_per_vehicle, hidden)
        }
    }
}

/// Widest layer, and most of them: sizes come from files, and with these no sum of products of them wraps.
const MAX_WIDTH: usize = 1 << 24;
const MAX_LAYERS: usize = 64;

/// The networks of a [`NetSpec`], as a layout of one parameter vector; or in their place one of another architecture.
#[derive(Clone, Debug)]
pub struct Net {
    spec: NetSpec,
    trunk: Mlp,
    head: Mlp,
    value: Mlp,
    architecture: Option<Arc<dyn Architecture>>,
}

impl Net {
    /// Checks the sizes and lays the networks out.
    ///
    /// # Errors
    /// A width of zero or above the limit, a trunk without layers, too many layers.
    pub fn new(spec: NetSpec) -> Result<Self> {
        spec.check()?;
        let chain = |first: usize, hidden: &[usize], last: Option<usize>| -> Vec<usize> {
            std::iter::once(first)
                .chain(hidden.iter().copied())
                .chain(last)
                .collect()
        };
        let width = spec.hidden[spec.hidden.len() - 1];
        let trunk = Mlp::new(
            0,
            &chain(spec.row_width, &spec.hidden, None),
            spec.activation,
            true,
        );
        let head = Mlp::new(
            trunk.end(),
            &[width, spec.logits_per_row],
            spec.activation,
            false,
        );
        let pooled = match spec.pool {
            Pool::Trunk => width,
            Pool::Rows => spec.row_width,
        };
        let value = Mlp::new(
            head.end(),
            &chain(pooled + spec.globals, &spec.value_hidden, Some(1)),
            spec.activation,
            false,
        );
        Ok(Self {
            spec,
            trunk,
            head,
            value,
            architecture: None,
        })
    }

    /// The same rows, logits and values, but computed by `architecture`; hidden layers, activation and pooling of the
    /// [`NetSpec`] no longer matter.
    #[must_use]
    pub fn with_architecture(self, architecture: Arc<dyn Architecture>) -> Self {
        Self {
            architecture: Some(architecture),
            ..self
        }
    }

    /// Name of the architecture, if it is not our own.
    #[must_use]
    pub fn architecture(&self) -> Option<String> {
        self.architecture.as_ref().map(|a| a.name())
    }

    /// Its sizes.
    #[must_use]
    pub fn spec(&self) -> &NetSpec {
        &self.spec
    }

    /// Trunk, head and value of our own architecture, in the order of their parameters.
    #[must_use]
    pub fn parts(&self) -> [&Mlp; 3] {
        [&self.trunk, &self.head, &self.value]
    }

    /// Number of parameters.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.architecture
            .as_ref()
            .map_or_else(|| self.value.end(), |a| a.parameters())
    }

    /// Orthogonal initial weights: gain sqrt 2 in hidden layers, 0.01 for the logits (nearly uniform choices), 1 for the value.
    /// Another architecture decides for itself.
    #[must_use]
    pub fn init(&self, streams: Streams) -> Vec<f32> {
        if let Some(architecture) = &self.architecture {
            return architecture.init(streams);
        }
        let mut params = vec![0.0; self.parameters()];
        self.trunk.init(
            &mut params,
            std::f64::consts::SQRT_2,
            &mut streams.stream("learn.init.trunk"),
        );
        self.head
            .init(&mut params, 0.01, &mut streams.stream("learn.init.head"));
        self.value
            .init(&mut params, 1.0, &mut streams.stream("learn.init.value"));
        params
    }

    /// Width of what the value is computed from, [`Net::critic_input`].
    pub(crate) fn critic_width(&self) -> usize {
        match self.architecture {
            Some(_) => 1,
            None => self.value.inputs(),
        }
    }

    /// Logits of all rows, in `batch.head.output() [R, logits_per_row]`.
    pub(crate) fn policy(&self, params: &[f32], batch: &mut Batch) {
        if let Some(architecture) = &self.architecture {
            return batch.forward(
                architecture.as_ref(),
                params,
                self.spec.row_width,
                self.spec.logits_per_row,
            );
        }
        let rows = batch.rows.len() / self.spec.row_width;
        self.trunk
            .forward(params, &batch.rows, rows, &mut batch.trunk);
        self.head
            .forward(params, batch.trunk.output(), rows, &mut batch.head);
    }

    /// Writes what the value of slot `s` is computed from to `input [critic_width]`, after [`Net::policy`]: the mean over the
    /// slot's rows and its globals. Another architecture has found the value already, so it is only kept.
    pub(crate) fn critic_input(&self, batch: &Batch, s: usize, input: &mut [f32]) {
        if self.architecture.is_some() {
            input[0] = batch.value.output()[s];
            return;
        }
        let (mean, globals) = input.split_at_mut(self.pooled());
        let (rows, width) = (batch.range(s), mean.len());
        let source = match self.spec.pool {
            Pool::Trunk => batch.trunk.output(),
            Pool::Rows => &batch.rows,
        };
        let share = 1.0 / rows.len().max(1) as f32;
        mean.fill(0.0);
        for row in source[rows.start * width..rows.end * width].chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x);
        }
        mean.iter_mut().for_each(|x| *x *= share);
        globals.copy_from_slice(&batch.globals[s * globals.len()..(s + 1) * globals.len()]);
    }

    /// Width of what the critic takes the mean of.
    fn pooled(&self) -> usize {
        self.value.inputs() - self.spec.globals
    }

    /// Values of `slots` slots from `input [S, critic_width]`, in `tape.output() [S, 1]`.
    pub(crate) fn value(&self, params: &[f32], input: &[f32], slots: usize, tape: &mut Tape) {
        if self.architecture.is_some() {
            tape.make_room(slots);
            tape.output_and_gradient().0.copy_from_slice(input);
            return;
        }
        self.value.forward(params, input, slots, tape);
    }

    /// Logits and values of a batch.
    pub(crate) fn forward(&self, params: &[f32], batch: &mut Batch) {
        self.policy(params, batch);
        if self.architecture.is_some() {
            return;
        }
        let (slots, width) = (batch.row_ends.len(), self.critic_width());
        let mut value_in = std::mem::take(&mut batch.value_in);
        value_in.resize(slots * width, 0.0);
        for (s, input) in value_in.chunks_exact_mut(width).enumerate() {
            self.critic_input(batch, s, input);
        }
        self.value
            .forward(params, &value_in, slots, &mut batch.value);
        batch.value_in = value_in;
    }

    /// Adds the gradient of the parameters to `grads`, given those of logits and values in the batch's tapes; or writes it
    /// over them, where they are not to be kept.
    pub(crate) fn backward(
        &self,
        params: &[f32],
        batch: &mut Batch,
        grads: &mut [f32],
        keep: bool,
    ) {
        if let Some(architecture) = &self.architecture {
            return batch.backward(architecture.as_ref(), params, grads, keep);
        }
        let (slots, width, pooled) = (batch.row_ends.len(), self.value.inputs(), self.pooled());
        let (features, d_features) = batch.trunk.output_and_gradient();
        self.head.backward_onto(
            params,
            features,
            &mut batch.head,
            Some((&mut *grads, keep)),
            Some(d_features),
        );
        match self.spec.pool {
            Pool::Rows => self.value.backward_onto(
                params,
                &batch.value_in,
                &mut batch.value,
                Some((&mut *grads, keep)),
                None,
            ),
            Pool::Trunk => {
                batch.d_value_in.resize(slots * width, 0.0);
                self.value.backward_onto(
                    params,
                    &batch.value_in,
                    &mut batch.value,
                    Some((&mut *grads, keep)),
                    Some(&mut batch.d_value_in),
                );
                let mut start = 0;
                for (&end, d) in batch
                    .row_ends
                    .iter()
                    .zip(batch.d_value_in.chunks_exact(width))
                {
                    let share = 1.0 / (end - start).max(1) as f32;
                    for row in d_features[start * pooled..end * pooled].chunks_exact_mut(pooled) {
                        row.iter_mut().zip(d).for_each(|(r, d)| *r += share * d);
                    }
                    start = end;
                }
            }
        }
        self.trunk.backward_onto(
            params,
            &batch.rows,
            &mut batch.trunk,
            Some((&mut *grads, keep)),
            None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::mlp::tests::twin;

    /// Sum of logits and values, each times a weight of its own, of slots with 2, 0 and 3 rows, in f64, plainly.
    fn loss(net: &Net, p: &[f64], rows: &[f64], globals: &[f64]) -> f64 {
        let spec = &net.spec;
        let (width, relu) = (spec.row_width, spec.activation == Activation::Relu);
        let trunk: Vec<usize> = std::iter::once(width).chain(spec.hidden.clone()).collect();
        let last = trunk[trunk.len() - 1];
        let features = |row: &[f64]| twin(&trunk, p, row, relu, true);
        let (mut sum, mut n) = (0.0, 0.0);
        let mut weigh = |y: f64| {
            n += 1.0;
            sum += y * f64::sin(n);
        };
        for row in rows.chunks(width) {
            let logits = twin(
                &[last, spec.logits_per_row],
                &p[net.trunk.end()..],
                &features(row),
                relu,
                false,
            );
            logits.into_iter().for_each(&mut weigh);
        }
        for (s, (from, to)) in [(0, 2), (2, 2), (2, 5)].into_iter().enumerate() {
            let mut mean = vec![0.0; net.pooled()];
            for row in rows[from * width..to * width].chunks(width) {
                let source = if spec.pool == Pool::Trunk {
                    features(row)
                } else {
                    row.to_vec()
                };
                mean.iter_mut()
                    .zip(source)
                    .for_each(|(m, x)| *m += x / (to - from) as f64);
            }
            mean.push(globals[s]);
            let sizes: Vec<usize> = std::iter::once(mean.len())
                .chain(spec.value_hidden.clone())
                .chain([1])
                .collect();
            weigh(twin(&sizes, &p[net.head.end()..], &mean, relu, false)[0]);
        }
        sum
    }

    #[test]
    fn oracle_gradient_of_actor_and_critic_is_that_of_finite_differences_in_f64() {
        for pool in [Pool::Trunk, Pool::Rows] {
            for value_hidden in [vec![], vec![4]] {
                let spec = NetSpec {
                    globals: 1,
                    value_hidden,
                    pool,
                    ..NetSpec::shared(3, 5, 1, &[6, 4])
                };
                let net = Net::new(spec).unwrap();
                let mut stream = Streams::new(2).stream("net");
                let mut draw = |n: usize| {
                    (0..n)
                        .map(|_| stream.uniform(-1.0, 1.0) as f32)
                        .collect::<Vec<_>>()
                };
                let (params, rows, globals) = (draw(net.parameters()), draw(15), draw(3));
                let mut batch = Batch {
                    rows: rows.clone(),
                    row_ends: vec![2, 2, 5],
                    globals: globals.clone(),
                    ..Batch::default()
                };
                net.forward(&params, &mut batch);
                let (_, d_logits) = batch.head.output_and_gradient();
                let (_, d_values) = batch.value.output_and_gradient();
                for (i, d) in d_logits.iter_mut().chain(d_values).enumerate() {
                    *d = f64::sin(i as f64 + 1.0) as f32;
                }
                // whatever was there is written over
                let mut grads = vec![f32::NAN; params.len()];
                net.backward(&params, &mut batch, &mut grads, false);
                let wide = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
                let (p, rows, globals) = (wide(&params), wide(&rows), wide(&globals));
                for i in 0..p.len() {
                    let at = |h: f64| {
                        let mut q = p.clone();
                        q[i] += h;
                        loss(&net, &q, &rows, &globals)
                    };
                    let want = (at(1e-5) - at(-1e-5)) / 2e-5;
                    // f32 sums of some tens of numbers near one: a few 1e-6
                    assert!(
                        (f64::from(grads[i]) - want).abs() < 2e-5,
                        "{pool:?} parameter {i}: {} != {want}",
                        grads[i]
                    );
                }
            }
        }
    }
}
