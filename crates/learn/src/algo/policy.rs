//! A network deciding slots: in lock step over several environments, one matrix product per round for all of them.

use wayside_core::error::Result;
use wayside_core::rng::Stream;

use crate::algo::normalise::{Moments, Running};
use crate::algo::slot::{Observe, Slot};
use crate::nn::dist::Factors;
use crate::nn::mlp::Tape;
use crate::nn::net::{Batch, Net, NetSpec};
use crate::nn::state::State;

/// Running moments of what the network sees; none: it sees what the environment shows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Seen<T> {
    pub(crate) rows: T,
    pub(crate) globals: T,
}

/// How choices are made.
pub(crate) enum Choice<'a> {
    /// Drawn, each environment from its own stream.
    Sample(&'a mut [Stream]),
    /// The most probable.
    Greedy,
}

/// Slots whose values are found at once.
const VALUES: usize = 128;

/// Buffers for deciding; reused.
#[derive(Debug, Default)]
pub(crate) struct Decider {
    batch: Batch,
    /// Log-probabilities are written over the logits, probabilities here.
    probabilities: Vec<f32>,
    open: Vec<bool>,
    /// `[E, pooled + globals]`.
    value_in: Vec<f32>,
    value: Tape,
    /// Where asked for, what the critic would see, decision by decision: [`Decider::values`] asks it once for all.
    later: Option<Vec<f32>>,
    /// Raw moments of what was shown, where asked for.
    pub(crate) moments: Option<Seen<Moments>>,
}

impl Decider {
    /// For rollouts: counts moments where asked for, and leaves values for [`Decider::values`].
    pub(crate) fn new(moments: Option<Seen<Moments>>) -> Self {
        Self {
            moments,
            later: Some(Vec::new()),
            ..Self::default()
        }
    }

    /// Values of all slots since the last call, decision by decision, also of those that were not active: many rows at once
    /// read the critic's weights once.
    pub(crate) fn values(&mut self, net: &Net, params: &[f32], values: &mut Vec<f32>) {
        let width = net.pooled() + net.spec().globals;
        let inputs = self.later.get_or_insert_default();
        values.clear();
        for chunk in inputs.chunks(VALUES * width) {
            net.value(params, chunk, chunk.len() / width, &mut self.value);
            values.extend_from_slice(self.value.output());
        }
        inputs.clear();
    }

    /// Observes, and decides, every environment that is `active`; fills its slot: rows, choices, log-probabilities, and the value
    /// where it is not asked for later.
    ///
    /// # Panics
    /// If an environment shows factors that do not add up to the logits of its rows, or forbids every choice of one.
    pub(crate) fn decide<O: Observe>(
        &mut self,
        (net, params, seen): (&Net, &[f32], Option<&Seen<Running>>),
        observers: &mut [O],
        active: &[bool],
        slots: &mut [Slot],
        mut choice: Choice,
    ) {
        let (spec, pooled) = (net.spec(), net.pooled());
        let width = pooled + spec.globals;
        self.value_in.clear();
        self.value_in.resize(slots.len() * width, 0.0);
        self.open.clear();
        self.open.extend_from_slice(active);
        slots
            .iter_mut()
            .zip(active)
            .filter(|(_, on)| **on)
            .for_each(|(slot, _)| slot.clear());

        let mut round = 0;
        while self.open.contains(&true) {
            self.batch.clear();
            let mut more = false;
            for ((observer, slot), &open) in
                observers.iter_mut().zip(slots.iter_mut()).zip(&self.open)
            {
                if open {
                    let chosen = std::mem::take(&mut slot.actions);
                    slot.more = observer.observe(round, &chosen, slot);
                    slot.actions = chosen;
                    more |= slot.more;
                    see(
                        slot,
                        spec.row_width,
                        seen.map(|s| &s.rows),
                        self.moments.as_mut().map(|m| &mut m.rows),
                    );
                    self.batch
                        .rows
                        .extend_from_slice(&slot.rows[slot.done.0 * spec.row_width..]);
                }
            }
            net.policy(params, &mut self.batch);
            let mut at = 0;
            for (e, (slot, open)) in slots.iter_mut().zip(&mut self.open).enumerate() {
                if *open {
                    let rows = at..at + slot.row_count() - slot.done.0;
                    at = rows.end;
                    net.pool(
                        &self.batch,
                        rows.clone(),
                        &mut self.value_in[e * width..e * width + pooled],
                    );
                    let logits = rows.start * spec.logits_per_row..rows.end * spec.logits_per_row;
                    let (all, _) = self.batch.head.output_and_gradient();
                    choose(
                        slot,
                        &mut all[logits],
                        &mut self.probabilities,
                        spec,
                        &mut choice,
                        e,
                    );
                    *open = slot.more;
                }
            }
            if !more {
                break;
            }
            round += 1;
        }

        for ((slot, input), _) in slots
            .iter_mut()
            .zip(self.value_in.chunks_exact_mut(width))
            .zip(active)
            .filter(|(_, on)| **on)
        {
            let share = 1.0 / slot.row_count().max(1) as f32;
            input[..pooled].iter_mut().for_each(|x| *x *= share);
            if let Some(moments) = &mut self.moments {
                moments.globals.add(&slot.globals);
            }
            if let Some(seen) = seen {
                seen.globals.apply(&mut slot.globals);
            }
            input[pooled..].copy_from_slice(&slot.globals);
        }
        if let Some(inputs) = &mut self.later {
            inputs.extend_from_slice(&self.value_in);
            return;
        }
        net.value(params, &self.value_in, slots.len(), &mut self.value);
        for ((slot, value), _) in slots
            .iter_mut()
            .zip(self.value.output())
            .zip(active)
            .filter(|(_, on)| **on)
        {
            slot.value = *value;
        }
    }
}

/// Counts and normalises the rows of this round.
fn see(
    slot: &mut Slot,
    row_width: usize,
    seen: Option<&Running>,
    mut moments: Option<&mut Moments>,
) {
    for row in slot.rows[slot.done.0 * row_width..].chunks_exact_mut(row_width) {
        if let Some(moments) = &mut moments {
            moments.add(row);
        }
        if let Some(seen) = seen {
            seen.apply(row);
        }
    }
}

/// Chooses for the factors of this round, given their logits.
fn choose(
    slot: &mut Slot,
    logits: &mut [f32],
    p: &mut Vec<f32>,
    spec: &NetSpec,
    choice: &mut Choice,
    env: usize,
) {
    let (_, mask_at, factor_at) = slot.done;
    let factors = Factors {
        mask: &slot.mask[mask_at..],
        lens: &slot.lens[factor_at..],
    };
    assert!(
        factors.mask.len() == logits.len()
            && factors.ranges().all(|r| factors.mask[r].contains(&true)),
        "environment {env} shows {} choices in factors {:?} for {} logits; each factor needs one allowed choice",
        factors.mask.len(),
        factors.lens,
        logits.len(),
    );
    p.resize(logits.len(), 0.0);
    factors.normalise(logits, p);
    match choice {
        Choice::Sample(streams) => factors.sample(p, &mut streams[env], &mut slot.actions),
        Choice::Greedy => factors.argmax(logits, &mut slot.actions),
    }
    factors.log_probs(
        logits,
        &slot.actions[factor_at..],
        spec.factors_per_vehicle,
        &mut slot.log_probs,
    );
    slot.done = (slot.row_count(), slot.mask.len(), slot.lens.len());
}

/// A trained network with all that it needs to decide.
#[derive(Debug)]
pub struct Policy {
    net: Net,
    params: Vec<f32>,
    seen: Option<Seen<Running>>,
    decider: Decider,
    slot: Slot,
}

impl Clone for Policy {
    fn clone(&self) -> Self {
        Self::new(self.net.clone(), self.params.clone(), self.seen.clone())
    }
}

impl Policy {
    pub(crate) fn new(net: Net, params: Vec<f32>, seen: Option<Seen<Running>>) -> Self {
        let slot = Slot::new(net.spec().row_width, net.spec().globals);
        Self {
            net,
            params,
            seen,
            decider: Decider::default(),
            slot,
        }
    }

    /// The most probable choice of every factor, `[F]`.
    ///
    /// # Panics
    /// If `observer` breaks the contract of [`Observe`].
    pub fn decide(&mut self, observer: &mut impl Observe) -> &[u32] {
        self.choose(observer, Choice::Greedy)
    }

    /// Choices drawn from the policy, `[F]`.
    ///
    /// # Panics
    /// If `observer` breaks the contract of [`Observe`].
    pub fn sample(&mut self, observer: &mut impl Observe, stream: &mut Stream) -> &[u32] {
        self.choose(observer, Choice::Sample(std::slice::from_mut(stream)))
    }

    fn choose(&mut self, observer: &mut impl Observe, choice: Choice) -> &[u32] {
        let slots = std::slice::from_mut(&mut self.slot);
        let network = (&self.net, self.params.as_slice(), self.seen.as_ref());
        self.decider.decide(
            network,
            std::slice::from_mut(observer),
            &[true],
            slots,
            choice,
        );
        &self.slot.actions
    }

    /// Logits of rows that come one after the other, `[R, logits_per_row]`; whole rows only.
    pub fn logits(&mut self, rows: &[f32], out: &mut Vec<f32>) {
        let batch = &mut self.decider.batch;
        batch.clear();
        batch.rows.extend_from_slice(rows);
        if let Some(seen) = &self.seen {
            let width = self.net.spec().row_width;
            let each = batch.rows.chunks_exact_mut(width);
            each.for_each(|row| seen.rows.apply(row));
        }
        self.net.policy(&self.params, batch);
        out.clear();
        out.extend_from_slice(batch.head.output());
    }

    /// The critic's value of the slot decided last.
    #[must_use]
    pub fn value(&self) -> f32 {
        self.slot.value
    }

    /// Sizes of the network: what an observation must fit.
    #[must_use]
    pub fn spec(&self) -> &NetSpec {
        self.net.spec()
    }

    /// Parameters, normaliser and sizes; more may be added to the card before it is written.
    #[must_use]
    pub fn save(&self) -> State {
        let mut state = State::new(serde_json::json!({ "net": self.net.spec() }));
        state.put("params", &self.params);
        save_seen(self.seen.as_ref(), &mut state);
        state
    }

    /// What [`Policy::save`] saved.
    ///
    /// # Errors
    /// If a tensor is missing or of the wrong size.
    pub fn load(state: &State) -> Result<Self> {
        let net = Net::new(state.card_value("net")?)?;
        let params = state.get_len("params", net.parameters())?;
        let seen = load_seen(net.spec(), state)?;
        Ok(Self::new(net, params, seen))
    }
}

pub(crate) fn save_seen(seen: Option<&Seen<Running>>, state: &mut State) {
    state.card["normalised"] = seen.is_some().into();
    if let Some(seen) = seen {
        seen.rows.save("normaliser.rows", state);
        seen.globals.save("normaliser.globals", state);
    }
}

pub(crate) fn load_seen(spec: &NetSpec, state: &State) -> Result<Option<Seen<Running>>> {
    let load = || {
        let rows = Running::load(spec.row_width, "normaliser.rows", state)?;
        Ok(Seen {
            rows,
            globals: Running::load(spec.globals, "normaliser.globals", state)?,
        })
    };
    if state.card_value("normalised")? {
        load().map(Some)
    } else {
        Ok(None)
    }
}
