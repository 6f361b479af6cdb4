//! The seam to other cores than ours: what [`crate::algo::on_policy::Learner`] needs of whoever computes its networks.
//!
//! Forward, update, save, load, over the one parameter vector of [`crate::nn::net::Net`]: all that a library of networks
//! must offer to train what a [`NetSpec`] describes, on its own devices. Masks, losses and their gradients with respect
//! to logits and values stay here ([`crate::nn::dist`]), so that there is one PPO whatever computes its networks; so do
//! rollouts, whose batches are of a few rows, and for which parameters come back after every iteration. Hence policy files,
//! checkpoints and all that is reported are the same, and a training may go on by another core than it began with.
//!
//! Without [`crate::algo::on_policy::Learner::by`] a learner takes the faster way through our own core that this seam would
//! close: shards on several cores, rows in chunks that fit a cache, gradients summed within the update. [`Own`] is the same
//! core behind the seam, as the plain example of an implementation, and as oracle of others.

use wayside_core::error::{Error, Result};

use crate::nn::adam::Adam;
use crate::nn::net::{Batch, Net, NetSpec};

/// Adam's guard against a zero deviation, of on-policy learning (stable-baselines3's).
pub const EPSILON: f32 = 1e-5;

/// A minibatch of S slots that have R rows together, as networks see it.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    /// All rows, `[R, row_width]`.
    pub rows: &'a [f32],
    /// Where the rows of each slot end, `[S]`, never descending; a slot may have none.
    pub row_ends: &'a [usize],
    /// What the critic sees beside them, `[S, globals]`.
    pub globals: &'a [f32],
}

/// Parameters and optimiser, in the layout of [`Net`]: trunk, head, value; of each layer `W [inputs, outputs]` by rows,
/// then `b [outputs]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// The parameters, `[net.parameters()]`.
    pub params: Vec<f32>,
    /// Adam's first moment, as long.
    pub m: Vec<f32>,
    /// Adam's second moment, as long.
    pub v: Vec<f32>,
    /// Updates done.
    pub steps: u64,
}

/// A core that computes and learns the networks of a [`NetSpec`].
pub trait Backend: std::fmt::Debug + Send {
    /// Writes the logits of all rows, `[R, logits_per_row]`, and the values of all slots, `[S]`.
    ///
    /// # Errors
    /// If the device fails.
    fn forward(&mut self, slots: Slots, logits: &mut [f32], values: &mut [f32]) -> Result<()>;

    /// One step of Adam (0.9, 0.999, [`EPSILON`]) down the gradient of a loss whose derivatives with respect to the
    /// logits and values of the last [`Backend::forward`] these are; the gradient's norm is clipped to `max_norm`.
    /// Returns the norm before the clip.
    ///
    /// # Errors
    /// If there was no forward pass since the last update, or the device fails.
    fn update(
        &mut self,
        d_logits: &[f32],
        d_values: &[f32],
        rate: f64,
        max_norm: Option<f64>,
    ) -> Result<f64>;

    /// Parameters and optimiser as they stand.
    ///
    /// # Errors
    /// If the device fails.
    fn save(&self) -> Result<Weights>;

    /// Goes on from there.
    ///
    /// # Errors
    /// If they are not as many as its networks have; nothing is then changed.
    fn load(&mut self, weights: &Weights) -> Result<()>;
}

impl Weights {
    /// Checks that there is a parameter, and both its moments, for each of `parameters`.
    ///
    /// # Errors
    /// If there are more or fewer.
    pub fn check(&self, parameters: usize) -> Result<()> {
        for (path, all) in [("params", &self.params), ("m", &self.m), ("v", &self.v)] {
            if all.len() != parameters {
                let message = format!("must be {parameters} numbers, got {}", all.len());
                return Err(failed(path, message));
            }
        }
        Ok(())
    }
}

/// The error of a backend: `path` is the part that failed.
#[must_use]
pub fn failed(path: &str, message: impl Into<String>) -> Error {
    Error::invalid("backend", None, path, message)
}

/// The error of an `update` that no `forward` preceded.
#[must_use]
pub fn no_forward() -> Error {
    failed("update", "must follow a forward pass, got none")
}

/// Our own core behind the seam; one thread, every minibatch as a whole.
#[derive(Debug)]
pub struct Own {
    net: Net,
    params: Vec<f32>,
    adam: Adam,
    batch: Batch,
    grads: Vec<f32>,
    passed: bool,
}

impl Own {
    /// All parameters zero.
    ///
    /// # Errors
    /// As of [`Net::new`].
    pub fn new(spec: NetSpec) -> Result<Self> {
        let net = Net::new(spec)?;
        let n = net.parameters();
        Ok(Self {
            net,
            params: vec![0.0; n],
            adam: Adam::new(n, EPSILON),
            batch: Batch::default(),
            grads: vec![0.0; n],
            passed: false,
        })
    }
}

impl Backend for Own {
    fn forward(&mut self, slots: Slots, logits: &mut [f32], values: &mut [f32]) -> Result<()> {
        self.batch.clear();
        self.batch.rows.extend_from_slice(slots.rows);
        self.batch.row_ends.extend_from_slice(slots.row_ends);
        self.batch.globals.extend_from_slice(slots.globals);
        self.net.forward(&self.params, &mut self.batch);
        logits.copy_from_slice(self.batch.head.output());
        values.copy_from_slice(self.batch.value.output());
        self.passed = true;
        Ok(())
    }

    fn update(
        &mut self,
        d_logits: &[f32],
        d_values: &[f32],
        rate: f64,
        max_norm: Option<f64>,
    ) -> Result<f64> {
        if !std::mem::take(&mut self.passed) {
            return Err(no_forward());
        }
        let batch = &mut self.batch;
        batch.head.output_and_gradient().1.copy_from_slice(d_logits);
        batch
            .value
            .output_and_gradient()
            .1
            .copy_from_slice(d_values);
        self.net
            .backward(&self.params, batch, &mut self.grads, false);
        let grads = &self.grads;
        let one = |shard: usize| (shard == 0).then_some(grads.as_slice());
        Ok(self.adam.step(&mut self.params, one, rate, max_norm))
    }

    fn save(&self) -> Result<Weights> {
        Ok(Weights {
            params: self.params.clone(),
            m: self.adam.m.clone(),
            v: self.adam.v.clone(),
            steps: self.adam.steps,
        })
    }

    fn load(&mut self, weights: &Weights) -> Result<()> {
        weights.check(self.params.len())?;
        self.params.copy_from_slice(&weights.params);
        self.adam.m.copy_from_slice(&weights.m);
        self.adam.v.copy_from_slice(&weights.v);
        self.adam.steps = weights.steps;
        self.passed = false;
        Ok(())
    }
}
