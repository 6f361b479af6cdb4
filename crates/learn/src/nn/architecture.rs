//! Networks of another architecture than [`Net`](crate::nn::net::Net)'s own: attention over the rows of a slot, skip
//! connections, anything that has a gradient.
//!
//! An [`Architecture`] is a pair of pure functions over one parameter vector: a forward pass and its gradient. Everything
//! else stays here: rollouts, masks, losses, Adam, clipping, normalisers, evaluations, checkpoints, policy files. Give one to
//! a training by [`Plan::architecture`](crate::trainer::Plan::architecture), or to a learner by
//! [`OnPolicy::with_architecture`](crate::algo::on_policy::OnPolicy::with_architecture).
//! [`gradient_error`](crate::nn::gradient::gradient_error) tells whether the gradient is right.
//!
//! A [`Backend`](crate::nn::backend::Backend), by contrast, computes the networks of `Net` elsewhere, for example on a GPU.
//!
//! # How long to train
//!
//! `total_timesteps` counts turns where the encoder is `sequential`, the default: about two for each task of a slot, so that
//! 2,000 slots of `wang2025` are 410,000. Take the widths of rows and logits from the [`NetSpec`](crate::nn::net::NetSpec)
//! that you get. What a row holds, feature by feature, says [`wayside_core::observation`].
//!
//! # Example
//!
//! Every row sees the mean row of its slot beside itself; a skip connection leads around the second of two layers. Most of the
//! work is done by [`Mlp`](crate::nn::mlp::Mlp), whose parameters may begin anywhere in a vector. An autodiff library does as
//! well: compute `sum(logits * d_logits) + sum(values * d_values)` and take its gradient.
//!
//! ```
//! use std::sync::{Arc, atomic::AtomicBool};
//! use wayside_core::engine::{BoundKind, world::World};
//! use wayside_core::policy::PolicyKind;
//! use wayside_core::rng::Streams;
//! use wayside_core::{Result, Scenario};
//! use wayside_learn::nn::architecture::{Architecture, Slots};
//! use wayside_learn::nn::gradient::gradient_error;
//! use wayside_learn::nn::mlp::{Activation, Mlp, Tape};
//! use wayside_learn::nn::net::NetSpec;
//! use wayside_learn::trainer::learned::LearnedPolicy;
//! use wayside_learn::trainer::{Algorithm, Evaluation, POLICY, Plan, Settings, Trainer, builtin};
//!
//! #[derive(Debug)]
//! struct Skip {
//!     spec: NetSpec,
//!     first: Mlp,  // row and mean row -> 32
//!     second: Mlp, // 32 -> 32, and the skip connection
//!     head: Mlp,   // 32 -> logits of the row
//!     value: Mlp,  // mean row and globals -> 32 -> value of the slot
//! }
//!
//! /// What a forward pass leaves for the backward pass.
//! #[derive(Default)]
//! struct Pass {
//!     rows: Vec<f32>,
//!     hidden: Vec<f32>,
//!     slots: Vec<f32>,
//!     tapes: [Tape; 4],
//! }
//!
//! impl Skip {
//!     fn new(spec: &NetSpec) -> Self {
//!         let mlp = |at, sizes: &[usize], output| Mlp::new(at, sizes, Activation::Tanh, output);
//!         let first = mlp(0, &[2 * spec.row_width, 32], true);
//!         let second = mlp(first.end(), &[32, 32], true);
//!         let head = mlp(second.end(), &[32, spec.logits_per_row], false);
//!         let value = mlp(head.end(), &[spec.row_width + spec.globals, 32, 1], false);
//!         Self { spec: spec.clone(), first, second, head, value }
//!     }
//!
//!     fn pass(&self, params: &[f32], slots: Slots) -> Pass {
//!         let (width, globals) = (self.spec.row_width, self.spec.globals);
//!         let mut pass = Pass::default();
//!         for s in 0..slots.row_ends.len() {
//!             let range = slots.range(s);
//!             let count = range.len().max(1) as f32;
//!             let rows = &slots.rows[range.start * width..range.end * width];
//!             let mut mean = vec![0.0; width];
//!             for row in rows.chunks_exact(width) {
//!                 mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / count);
//!             }
//!             for row in rows.chunks_exact(width) {
//!                 pass.rows.extend_from_slice(row);
//!                 pass.rows.extend_from_slice(&mean);
//!             }
//!             pass.slots.extend_from_slice(&mean);
//!             pass.slots.extend_from_slice(&slots.globals[s * globals..(s + 1) * globals]);
//!         }
//!         let (n, [first, second, head, value]) = (slots.rows.len() / width, &mut pass.tapes);
//!         self.first.forward(params, &pass.rows, n, first);
//!         self.second.forward(params, first.output(), n, second);
//!         pass.hidden = first.output().iter().zip(second.output()).map(|(a, b)| a + b).collect();
//!         self.head.forward(params, &pass.hidden, n, head);
//!         self.value.forward(params, &pass.slots, slots.row_ends.len(), value);
//!         pass
//!     }
//! }
//!
//! impl Architecture for Skip {
//!     fn name(&self) -> String {
//!         "skip-32".to_owned()
//!     }
//!
//!     fn parameters(&self) -> usize {
//!         self.value.end()
//!     }
//!
//!     fn init(&self, streams: Streams) -> Vec<f32> {
//!         let mut params = vec![0.0; self.parameters()];
//!         let parts = [(&self.first, 1.4), (&self.second, 1.4), (&self.head, 0.01), (&self.value, 1.0)];
//!         for (i, (part, gain)) in parts.into_iter().enumerate() {
//!             part.init(&mut params, gain, &mut streams.stream(&format!("skip.{i}")));
//!         }
//!         params
//!     }
//!
//!     fn forward(&self, params: &[f32], slots: Slots, logits: &mut [f32], values: &mut [f32]) {
//!         let pass = self.pass(params, slots);
//!         logits.copy_from_slice(pass.tapes[2].output());
//!         values.copy_from_slice(pass.tapes[3].output());
//!     }
//!
//!     fn backward(
//!         &self,
//!         params: &[f32],
//!         slots: Slots,
//!         d_logits: &[f32],
//!         d_values: &[f32],
//!         grads: &mut [f32],
//!     ) {
//!         let mut pass = self.pass(params, slots);
//!         let [first, second, head, value] = &mut pass.tapes;
//!         value.output_and_gradient().1.copy_from_slice(d_values);
//!         self.value.backward(params, &pass.slots, value, Some(grads), None);
//!         head.output_and_gradient().1.copy_from_slice(d_logits);
//!         let mut d_hidden = vec![0.0; pass.hidden.len()];
//!         self.head.backward(params, &pass.hidden, head, Some(grads), Some(&mut d_hidden));
//!         second.output_and_gradient().1.copy_from_slice(&d_hidden);
//!         let mut d_first = vec![0.0; pass.hidden.len()];
//!         self.second.backward(params, first.output(), second, Some(grads), Some(&mut d_first));
//!         let (_, d_output) = first.output_and_gradient();
//!         for ((d, around), through) in d_output.iter_mut().zip(&d_hidden).zip(&d_first) {
//!             *d = around + through;
//!         }
//!         self.first.backward(params, &pass.rows, first, Some(grads), None);
//!     }
//! }
//!
//! fn skip(spec: &NetSpec) -> Result<Arc<dyn Architecture>> {
//!     Ok(Arc::new(Skip::new(spec)))
//! }
//!
//! fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
//!     let option = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
//!     let scenario = |changes: &[(String, String)]| Scenario::builtin("wang2025", changes);
//!     let world = World::new(&scenario(&[option(("fleet.size", "5"))])?)?;
//!     // enough for a test; without options it trains as `wayside train ppo wang2025` does
//!     let options = [("total_timesteps", "500"), ("n_steps", "20"), ("eval_slots", "2")].map(option);
//!     let settings = Settings::new(Algorithm::Ppo, None, &world, &options)?;
//!
//!     let spec = settings.net(&settings.layout(&world)?);
//!     assert!(gradient_error(&Skip::new(&spec), &spec, 0) < 0.01);
//!
//!     let out = std::env::temp_dir().join(format!("wayside-skip-{}", std::process::id()));
//!     let plan = Plan {
//!         world: &world,
//!         read: &scenario,
//!         settings,
//!         backend: None,
//!         architecture: Some(&skip),
//!         seed: 0,
//!         out: out.clone(),
//!         force: false,
//!         command: "an example".to_owned(),
//!         version: "1".to_owned(),
//!     };
//!     Trainer::new(plan, false)?.run(&AtomicBool::new(false), &mut |progress| {
//!         if let Some(score) = progress.score {
//!             println!("{} slots, gap {:.2} %", progress.slots, 100.0 * score.gap);
//!         }
//!     })?;
//!
//!     // only a program that knows the architecture can read the policy
//!     assert!(LearnedPolicy::read(&out.join(POLICY)).is_err());
//!     let policy = LearnedPolicy::read_with(&out.join(POLICY), &skip)?;
//!     let mut evaluation = Evaluation::new(vec![100, 101], 3, BoundKind::Split);
//!     let shipped = builtin::builtin("ppo", Some(&world.scenario))?;
//!     let worlds = [world];
//!     for (name, score) in [
//!         ("skip", evaluation.score(&worlds, &policy)?),
//!         ("ppo", evaluation.score(&worlds, &shipped)?),
//!         ("price", evaluation.score_of(&worlds, &PolicyKind::Price)?),
//!         ("nearest", evaluation.score_of(&worlds, &PolicyKind::Nearest)?),
//!     ] {
//!         println!("{name}: objective {:.4}, gap {:.2} %", score.objective, 100.0 * score.gap);
//!     }
//!     Ok(std::fs::remove_dir_all(out)?)
//! }
//! ```

use wayside_core::rng::Streams;

/// A batch of S slots with R rows together, as networks see it.
#[derive(Clone, Copy, Debug)]
pub struct Slots<'a> {
    /// All rows, `[R, row_width]`.
    pub rows: &'a [f32],
    /// Where the rows of each slot end, `[S]`, in ascending order; a slot may have no rows.
    pub row_ends: &'a [usize],
    /// What the critic sees beside them, `[S, globals]`.
    pub globals: &'a [f32],
}

impl Slots<'_> {
    /// Which rows belong to slot `s`.
    #[must_use]
    pub fn range(&self, s: usize) -> std::ops::Range<usize> {
        let start = if s == 0 { 0 } else { self.row_ends[s - 1] };
        start..self.row_ends[s]
    }
}

/// A network with an architecture of its own. Its methods must be pure functions: several threads call them at once, and the
/// same arguments must always give the same bits.
///
/// With the encoder `sequential` a slot here is one turn: the decision of one task, whose rows are the placements offered.
/// With `shared` its rows are the tasks; with `flat` it has one row.
pub trait Architecture: std::fmt::Debug + Send + Sync {
    /// A name that tells it from others, sizes included, such as `skip-32`. Policy files and checkpoints record it.
    fn name(&self) -> String;

    /// Number of parameters.
    fn parameters(&self) -> usize;

    /// Initial parameters, `[parameters]`. Small weights of the last layer before the logits make first choices nearly uniform.
    fn init(&self, streams: Streams) -> Vec<f32>;

    /// Writes the logits of all rows, `[R, logits_per_row]`, and the values of all slots, `[S]`. Logits may depend on all
    /// rows of their own slot, but not on the globals, which only the critic gets, nor on other slots.
    fn forward(&self, params: &[f32], slots: Slots, logits: &mut [f32], values: &mut [f32]);

    /// Adds the gradient of `sum(logits * d_logits) + sum(values * d_values)` with respect to the parameters to
    /// `grads [parameters]`.
    fn backward(
        &self,
        params: &[f32],
        slots: Slots,
        d_logits: &[f32],
        d_values: &[f32],
        grads: &mut [f32],
    );
}
