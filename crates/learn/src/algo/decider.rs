//! A network that decides slots: those of several environments in lock step, with one matrix product for all of them.

use wayside_core::rng::Stream;

use crate::algo::env::{Observe, SlotView};
use crate::algo::normalise::{Inputs, Moments, Running};
use crate::nn::batch::Batch;
use crate::nn::dist::Factors;
use crate::nn::mlp::Tape;
use crate::nn::net::Net;

/// How choices are made.
pub(crate) enum Selection<'a> {
    /// Drawn, each environment from its own stream.
    Sample(&'a mut [Stream]),
    /// The most probable.
    Greedy,
}

/// A network, its parameters, and the moments that normalise its inputs, if any.
#[derive(Clone, Copy)]
pub(crate) struct Network<'a> {
    pub(crate) net: &'a Net,
    pub(crate) params: &'a [f32],
    pub(crate) normaliser: Option<&'a Inputs<Running>>,
}

/// Slots whose values are found at once.
const VALUES: usize = 128;

/// Buffers for deciding; reused.
#[derive(Debug, Default)]
pub(crate) struct Decider {
    batch: Batch,
    /// Probabilities; the log-probabilities are written over the logits.
    probabilities: Vec<f32>,
    /// What the values are computed from, `[E, critic_width]`.
    value_in: Vec<f32>,
    value: Tape,
    /// What the critic would have seen, decision by decision, for [`Decider::values`]; none: it is asked in every decision.
    later: Option<Vec<f32>>,
    /// Moments of what was shown, where they are counted.
    pub(crate) moments: Option<Inputs<Moments>>,
}

impl Decider {
    /// For rollouts: counts `moments` if given, and leaves the values to [`Decider::values`].
    pub(crate) fn for_rollouts(moments: Option<Inputs<Moments>>) -> Self {
        Self {
            moments,
            later: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Values of all slots since the last call, decision by decision, those of inactive environments included. Asking for
    /// many at once reads the critic's weights once.
    pub(crate) fn values(&mut self, network: Network, values: &mut Vec<f32>) {
        let net = network.net;
        let width = net.critic_width();
        let inputs = self.later.get_or_insert_default();
        values.clear();
        for chunk in inputs.chunks(VALUES * width) {
            net.value(network.params, chunk, chunk.len() / width, &mut self.value);
            values.extend_from_slice(self.value.output());
        }
        inputs.clear();
    }

    /// Observes and decides every environment that is `active`. Fills its slot with rows, choices and log-probabilities,
    /// and with the value where it is not left to [`Decider::values`].
    ///
    /// # Panics
    /// If the factors of an environment do not add up to the logits of its rows, or one forbids every choice.
    pub(crate) fn decide<O: Observe>(
        &mut self,
        network: Network,
        observers: &mut [O],
        active: &[bool],
        slots: &mut [SlotView],
        mut selection: Selection,
    ) {
        self.batch.clear();
        let observed = observers.iter_mut().zip(slots.iter_mut()).zip(active);
        for ((observer, slot), _) in observed.filter(|(_, active)| **active) {
            slot.clear();
            observer.observe(slot);
            self.normalise(network, slot);
            self.batch
                .push(network.net.spec().row_width, &slot.rows, &slot.globals);
        }
        network.net.policy(network.params, &mut self.batch);
        self.value_in.clear();
        let width = network.net.critic_width();
        self.value_in.resize(slots.len() * width, 0.0);
        let slots_active = slots.iter_mut().enumerate().filter(|(e, _)| active[*e]);
        for (s, (e, slot)) in slots_active.enumerate() {
            let input = &mut self.value_in[e * width..(e + 1) * width];
            network.net.critic_input(&self.batch, s, input);
            let rows = self.batch.range(s);
            self.choose(network, slot, rows, &mut selection, e);
        }
        if let Some(inputs) = &mut self.later {
            inputs.extend_from_slice(&self.value_in);
            return;
        }
        network
            .net
            .value(network.params, &self.value_in, slots.len(), &mut self.value);
        let values = slots.iter_mut().zip(self.value.output()).zip(active);
        for ((slot, value), _) in values.filter(|(_, active)| **active) {
            slot.value = *value;
        }
    }

    /// Counts the moments of a slot's rows and globals, and normalises them.
    fn normalise(&mut self, network: Network, slot: &mut SlotView) {
        let width = network.net.spec().row_width;
        for row in slot.rows.chunks_exact_mut(width) {
            if let Some(moments) = &mut self.moments {
                moments.rows.add(row);
            }
            if let Some(normaliser) = network.normaliser {
                normaliser.rows.apply(row);
            }
        }
        if let Some(moments) = &mut self.moments {
            moments.globals.add(&slot.globals);
        }
        if let Some(normaliser) = network.normaliser {
            normaliser.globals.apply(&mut slot.globals);
        }
    }

    /// Makes the choices of environment `env`, given the logits of its `rows`.
    fn choose(
        &mut self,
        network: Network,
        slot: &mut SlotView,
        rows: std::ops::Range<usize>,
        selection: &mut Selection,
        env: usize,
    ) {
        let spec = network.net.spec();
        let logits = rows.start * spec.logits_per_row..rows.end * spec.logits_per_row;
        let (all, _) = self.batch.head.output_and_gradient();
        let logits = &mut all[logits];
        let factors = Factors {
            mask: &slot.mask,
            lens: &slot.lens,
        };
        assert!(
            factors.mask.len() == logits.len()
                && factors.ranges().all(|r| factors.mask[r].contains(&true)),
            "environment {env} shows {} choices in factors {:?} for {} logits; each factor needs one allowed choice",
            factors.mask.len(),
            factors.lens,
            logits.len(),
        );
        let p = &mut self.probabilities;
        p.resize(logits.len(), 0.0);
        factors.normalise(logits, p);
        match selection {
            Selection::Sample(streams) => factors.sample(p, &mut streams[env], &mut slot.actions),
            Selection::Greedy => factors.argmax(logits, &mut slot.actions),
        }
        let per_vehicle = spec.factors_per_vehicle;
        factors.log_probs(logits, &slot.actions, per_vehicle, &mut slot.log_probs);
    }

    /// Logits of the rows of one slot, `[R, logits_per_row]`.
    pub(crate) fn logits(&mut self, network: Network, rows: &[f32], out: &mut Vec<f32>) {
        let (batch, spec) = (&mut self.batch, network.net.spec());
        batch.clear();
        batch.push(spec.row_width, rows, &[]);
        // only values depend on globals
        batch.globals.resize(spec.globals, 0.0);
        if let Some(normaliser) = network.normaliser {
            let each = batch.rows.chunks_exact_mut(spec.row_width);
            each.for_each(|row| normaliser.rows.apply(row));
        }
        network.net.policy(network.params, batch);
        out.clear();
        out.extend_from_slice(batch.head.output());
    }
}
