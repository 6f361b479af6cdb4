//! The interface to other libraries of networks: what [`OnPolicy`](crate::algo::on_policy::OnPolicy) needs to compute its networks.
//!
//! A [`Backend`] trains the networks that a [`NetSpec`] describes, on its own devices, over the one parameter vector of
//! [`Net`]. Masks, losses and their gradients with respect to logits and values stay here ([`crate::nn::dist`]), so
//! that there is one PPO for all backends. Rollouts stay here too, because their batches are only a few rows; the parameters
//! come back after every iteration. Hence policy files, checkpoints and reports are the same, and a training may go on
//! with another backend than it began with.
//!
//! So a backend is another way to compute the same networks. For networks of another architecture implement
//! [`Architecture`](crate::nn::architecture::Architecture) instead.
//!
//! Without a backend, a learner uses our own core in a faster way: shards on several cores, rows in chunks that fit a
//! cache, gradients summed within the update. [`Own`] is the same core as a backend: an example of an
//! implementation, and the oracle of others. The crate `burn/` of the repository is a backend on Burn.
//!
//! # A backend of your own
//!
//! Anything that implements the four methods trains in a scenario. This one leaves the work to [`Own`] and counts its updates:
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
//! use wayside_core::engine::world::World;
//! use wayside_core::{Result, Scenario};
//! use wayside_learn::nn::backend::{Backend, Own, Slots, Weights};
//! use wayside_learn::trainer::{Algorithm, Plan, Settings, Trainer};
//!
//! #[derive(Debug)]
//! struct Counting {
//!     networks: Own,
//!     updates: Arc<AtomicUsize>,
//! }
//!
//! impl Backend for Counting {
//!     fn forward(&mut self, slots: Slots, logits: &mut [f32], values: &mut [f32]) -> Result<()> {
//!         self.networks.forward(slots, logits, values)
//!     }
//!
//!     fn update(
//!         &mut self,
//!         d_logits: &[f32],
//!         d_values: &[f32],
//!         rate: f64,
//!         max_norm: Option<f64>,
//!     ) -> Result<f64> {
//!         self.updates.fetch_add(1, Ordering::Relaxed);
//!         self.networks.update(d_logits, d_values, rate, max_norm)
//!     }
//!
//!     fn save(&self) -> Result<Weights> {
//!         self.networks.save()
//!     }
//!
//!     fn load(&mut self, weights: &Weights) -> Result<()> {
//!         self.networks.load(weights)
//!     }
//! }
//!
//! # fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//! let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
//! let scenario = |changes: &[(String, String)]| Scenario::builtin("wang2025", changes);
//! let world = World::new(&scenario(&[option("fleet.size", "5")])?)?;
//! let options = [option("total_timesteps", "500"), option("n_steps", "20"), option("eval_slots", "2")];
//! # let out = std::env::temp_dir().join(format!("wayside-backend-{}", std::process::id()));
//! # let folder = out.clone();
//! let updates = Arc::new(AtomicUsize::new(0));
//! let plan = Plan {
//!     world: &world,
//!     read: &scenario,
//!     settings: Settings::new(Algorithm::Ppo, None, &world, &options)?,
//!     backend: Some(&|spec| {
//!         Ok(Box::new(Counting { networks: Own::new(spec.clone())?, updates: Arc::clone(&updates) }))
//!     }),
//!     architecture: None,
//!     seed: 0,
//!     out,
//!     force: false,
//!     command: "an example".to_owned(),
//!     version: "1".to_owned(),
//! };
//! Trainer::new(plan, false)?.run(&AtomicBool::new(false), &mut |_| ())?;
//! assert!(updates.load(Ordering::Relaxed) > 0);
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```

use wayside_core::error::{Error, Result};

use crate::nn::adam::Adam;
pub use crate::nn::architecture::Slots;
use crate::nn::batch::Batch;
use crate::nn::net::{Net, NetSpec};

/// Adam's epsilon in on-policy learning, as stable-baselines3.
pub const EPSILON: f32 = 1e-5;

/// Parameters and optimiser, in the layout of [`Net`]: trunk, head, value; of each layer `W [inputs, outputs]` by rows,
/// then `b [outputs]`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// The parameters, `[net.parameters()]`.
    pub params: Vec<f32>,
    /// Adam's first moment, `[net.parameters()]`.
    pub m: Vec<f32>,
    /// Adam's second moment, `[net.parameters()]`.
    pub v: Vec<f32>,
    /// Updates done.
    pub steps: u64,
}

/// Computes and trains the networks of a [`NetSpec`].
pub trait Backend: std::fmt::Debug + Send {
    /// Writes the logits of all rows, `[R, logits_per_row]`, and the values of all slots, `[S]`.
    ///
    /// # Errors
    /// If the device fails.
    fn forward(&mut self, slots: Slots, logits: &mut [f32], values: &mut [f32]) -> Result<()>;

    /// One step of Adam (0.9, 0.999, [`EPSILON`]). The arguments are the derivatives of the loss with respect to the logits
    /// and values of the last [`Backend::forward`]; the gradient's norm is clipped to `max_norm`. Returns the norm before
    /// the clip.
    ///
    /// # Errors
    /// If no forward pass preceded, or the device fails.
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

    /// Goes on from these.
    ///
    /// # Errors
    /// If there are more or fewer than its networks have; then nothing changes.
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

/// Our own core as a backend: on one thread, every minibatch as a whole.
#[derive(Debug)]
pub struct Own {
    net: Net,
    params: Vec<f32>,
    adam: Adam,
    batch: Batch,
    grads: Vec<f32>,
    /// Whether a forward pass awaits its update.
    passed: bool,
}

impl Own {
    /// All parameters zero.
    ///
    /// # Errors
    /// As [`Net::new`].
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
