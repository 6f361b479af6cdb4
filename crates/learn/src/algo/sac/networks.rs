//! Actor, twin critics with their targets, temperature, and the optimisers: all of a learner but its replay.

use wayside_core::error::Result;
use wayside_core::rng::Streams;

use super::SacConfig;
use crate::nn::adam::Adam;
use crate::nn::mlp::{Activation, Mlp, Tape};
use crate::nn::state::State;

/// The weight alpha of the entropy, learned through its logarithm.
#[derive(Clone, Debug)]
pub(super) struct Temperature {
    log_alpha: Vec<f32>,
    adam: Adam,
    learned: bool,
    target_entropy: f64,
}

impl Temperature {
    fn new(config: &SacConfig, target_entropy: f64) -> Self {
        Self {
            log_alpha: vec![config.ent_coef.ln() as f32],
            adam: Adam::new(1, 1e-8),
            learned: config.auto_ent_coef,
            target_entropy,
        }
    }

    pub(super) fn alpha(&self) -> f32 {
        self.log_alpha[0].exp()
    }

    /// Minimises log alpha (entropy - target): alpha rises where the policy is too deterministic.
    pub(super) fn update(&mut self, entropy: f64, rate: f64) {
        if self.learned {
            let gradient = [(entropy - self.target_entropy) as f32];
            let only = |i| (i == 0).then_some(&gradient[..]);
            self.adam.step(&mut self.log_alpha, only, rate, None);
        }
    }
}

/// Widths from input to output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(super) actor: (usize, usize),
    pub(super) critic: (usize, usize),
}

/// The networks, their parameters and optimisers.
#[derive(Clone, Debug)]
pub(super) struct Networks {
    pub(super) actor: Mlp,
    /// Both in one vector.
    pub(super) critics: [Mlp; 2],
    pub(super) actor_params: Vec<f32>,
    pub(super) critic_params: Vec<f32>,
    pub(super) target_params: Vec<f32>,
    actor_adam: Adam,
    critic_adam: Adam,
    pub(super) temperature: Temperature,
}

impl Networks {
    pub(super) fn new(
        config: &SacConfig,
        ends: Ends,
        hidden: &[usize],
        target_entropy: f64,
        streams: Streams,
    ) -> Self {
        let net = |offset: usize, (first, last): (usize, usize)| {
            let inner = hidden.iter().copied();
            let sizes: Vec<usize> = std::iter::once(first).chain(inner).chain([last]).collect();
            Mlp::new(offset, &sizes, Activation::Relu, false)
        };
        let (actor, first) = (net(0, ends.actor), net(0, ends.critic));
        let second = net(first.end(), ends.critic);
        let init = |params: &mut Vec<f32>, net: &Mlp, gain: f64, name: &str| {
            params.resize(net.end(), 0.0);
            net.init(
                params,
                gain,
                &mut streams.stream(&format!("learn.init.{name}")),
            );
        };
        let (mut actor_params, mut critic_params) = (Vec::new(), Vec::new());
        init(&mut actor_params, &actor, 0.01, "actor");
        init(&mut critic_params, &first, 1.0, "critic.0");
        init(&mut critic_params, &second, 1.0, "critic.1");
        Self {
            actor_adam: Adam::new(actor_params.len(), 1e-8),
            critic_adam: Adam::new(critic_params.len(), 1e-8),
            target_params: critic_params.clone(),
            temperature: Temperature::new(config, target_entropy),
            critics: [first, second],
            actor,
            actor_params,
            critic_params,
        }
    }

    /// What both critics with `params` make of `rows` inputs, in `tapes`.
    pub(super) fn judge(&self, params: &[f32], inputs: &[f32], rows: usize, tapes: &mut [Tape; 2]) {
        for (critic, tape) in self.critics.iter().zip(tapes) {
            critic.forward(params, inputs, rows, tape);
        }
    }

    /// One step of both critics by the sum of the gradients.
    pub(super) fn step_critics<'a>(
        &mut self,
        gradients: impl Fn(usize) -> Option<&'a [f32]> + Sync,
        rate: f64,
    ) {
        self.critic_adam
            .step(&mut self.critic_params, gradients, rate, None);
    }

    /// One step of the actor by the sum of the gradients.
    pub(super) fn step_actor<'a>(
        &mut self,
        gradients: impl Fn(usize) -> Option<&'a [f32]> + Sync,
        rate: f64,
    ) {
        self.actor_adam
            .step(&mut self.actor_params, gradients, rate, None);
    }

    /// target += tau (critic - target).
    pub(super) fn follow(&mut self, tau: f32) {
        let pairs = self.target_params.iter_mut().zip(&self.critic_params);
        pairs.for_each(|(target, critic)| *target += tau * (critic - *target));
    }

    pub(super) fn save(&self, state: &mut State) {
        state.put("actor", &self.actor_params);
        state.put("critics", &self.critic_params);
        state.put("targets", &self.target_params);
        state.put("log_alpha", &self.temperature.log_alpha);
        for (name, adam) in [
            ("actor", &self.actor_adam),
            ("critics", &self.critic_adam),
            ("log_alpha", &self.temperature.adam),
        ] {
            state.put(&format!("{name}.adam.m"), &adam.m);
            state.put(&format!("{name}.adam.v"), &adam.v);
            state.card[format!("{name}.adam_steps")] = adam.steps.into();
        }
    }

    /// A copy with the numbers of `state`.
    pub(super) fn loaded(&self, state: &State) -> Result<Self> {
        let adam = |name: &str, adam: &mut Adam| -> Result<()> {
            adam.m = state.get_len(&format!("{name}.adam.m"), adam.m.len())?;
            adam.v = state.get_len(&format!("{name}.adam.v"), adam.v.len())?;
            adam.steps = state.card_value(&format!("{name}.adam_steps"))?;
            Ok(())
        };
        let mut new = self.clone();
        new.actor_params = state.get_len("actor", self.actor_params.len())?;
        new.critic_params = state.get_len("critics", self.critic_params.len())?;
        new.target_params = state.get_len("targets", self.target_params.len())?;
        new.temperature.log_alpha = state.get_len("log_alpha", 1)?;
        adam("actor", &mut new.actor_adam)?;
        adam("critics", &mut new.critic_adam)?;
        adam("log_alpha", &mut new.temperature.adam)?;
        Ok(new)
    }
}
