//! The learner behind PPO and AC: collect, estimate, update; Algorithm 1 of the paper in [`Learner::iterate`].

use rayon::prelude::*;
use wayside_core::error::Result;
use wayside_core::rng::Streams;

use crate::algo::normalise::{Rewards, Running};
use crate::algo::policy::{Policy, Seen, load_seen};
use crate::algo::ppo::Check;
use crate::algo::rollout::{Collect, Lane, Store, load_episodes, save_episodes};
use crate::algo::slot::Env;
use crate::nn::adam::Adam;
use crate::nn::backend::{self, Backend};
use crate::nn::dist::{Factors, Objective, Sums, Taken};
use crate::nn::net::{Batch, Net, NetSpec};
use crate::nn::state::{State, invalid};

mod buffer;
mod external_backend;

/// Rows that pass through the networks at once: with 64 wide layers a megabyte, so that a core keeps them in its cache.
const CHUNK_ROWS: usize = 1024;

/// How the learning rate runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Linearly to zero at `total_timesteps`.
    Linear,
}

/// What PPO and AC set, each by its own defaults.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) n_steps: usize,
    /// None: the whole rollout.
    pub(crate) batch_size: Option<usize>,
    pub(crate) n_epochs: usize,
    pub(crate) gamma: f64,
    pub(crate) gae_lambda: f64,
    pub(crate) turn_lambda: f64,
    pub(crate) clip_range: Option<f64>,
    pub(crate) per_vehicle: bool,
    pub(crate) credit_coef: f64,
    pub(crate) ent_coef: f64,
    pub(crate) vf_coef: f64,
    pub(crate) max_grad_norm: Option<f64>,
    pub(crate) target_kl: Option<f64>,
    pub(crate) learning_rate: f64,
    pub(crate) schedule: Schedule,
    pub(crate) total_timesteps: u64,
    pub(crate) normalize_advantage: bool,
    pub(crate) normalize_observation: bool,
    pub(crate) normalize_reward: bool,
    /// Slots that a buffer must hold before learning begins, and holds at most. None: every rollout is learned from at once,
    /// and forgotten.
    pub(crate) buffer: Option<(usize, usize)>,
    pub(crate) lanes: usize,
    pub(crate) shards: usize,
}

impl Settings {
    /// Every option out of its range, at once.
    fn check(&self, envs: usize) -> Result<()> {
        let mut check = Check::default();
        check.counts(&[
            ("envs", envs),
            ("n_steps", self.n_steps),
            ("batch_size", self.batch_size.unwrap_or(1)),
            ("n_epochs", self.n_epochs),
            ("total_timesteps", self.total_timesteps as usize),
            ("lanes", self.lanes),
            ("shards", self.shards),
        ]);
        check.shares(&[
            ("gamma", self.gamma),
            ("gae_lambda", self.gae_lambda),
            ("turn_lambda", self.turn_lambda),
        ]);
        check.not_negative(&[
            ("learning_rate", self.learning_rate),
            ("ent_coef", self.ent_coef),
            ("vf_coef", self.vf_coef),
            ("credit_coef", self.credit_coef),
        ]);
        if let Some((least, most)) = self.buffer {
            check.counts(&[("min_buffer_size", least)]);
            check.room(least, most);
        }
        check.positive(&[
            ("clip_range", self.clip_range.unwrap_or(1.0)),
            ("max_grad_norm", self.max_grad_norm.unwrap_or(1.0)),
            ("target_kl", self.target_kl.unwrap_or(1.0)),
        ]);
        check.done()
    }
}

/// What an iteration did; the fields carry the names of stable-baselines3, [`Report::tags`] the groups.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Report {
    pub iterations: u64,
    pub total_timesteps: u64,
    pub ep_rew_mean: Option<f64>,
    pub ep_len_mean: Option<f64>,
    pub learning_rate: f64,
    pub policy_gradient_loss: f64,
    pub value_loss: f64,
    pub entropy_loss: f64,
    pub loss: f64,
    pub approx_kl: f64,
    pub clip_fraction: f64,
    pub explained_variance: f64,
    /// Share of rewards that were cut when they were normalised.
    pub reward_clipped: f64,
    pub grad_norm: f64,
    pub n_updates: u64,
}

impl Report {
    /// Tag and value of all that is known, in a fixed order.
    pub fn tags(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let always = [
            ("time/iterations", self.iterations as f64),
            ("time/total_timesteps", self.total_timesteps as f64),
            ("train/learning_rate", self.learning_rate),
            ("train/policy_gradient_loss", self.policy_gradient_loss),
            ("train/value_loss", self.value_loss),
            ("train/entropy_loss", self.entropy_loss),
            ("train/loss", self.loss),
            ("train/approx_kl", self.approx_kl),
            ("train/clip_fraction", self.clip_fraction),
            ("train/explained_variance", self.explained_variance),
            ("train/reward_clipped", self.reward_clipped),
            ("train/grad_norm", self.grad_norm),
            ("train/n_updates", self.n_updates as f64),
        ];
        episodes(self.ep_rew_mean, self.ep_len_mean).chain(always)
    }
}

/// The tags of episodes that ended, where any did.
pub(crate) fn episodes(
    reward: Option<f64>,
    length: Option<f64>,
) -> impl Iterator<Item = (&'static str, f64)> {
    let tags = [
        ("rollout/ep_rew_mean", reward),
        ("rollout/ep_len_mean", length),
    ];
    tags.into_iter()
        .filter_map(|(tag, value)| Some((tag, value?)))
}

/// A part of a minibatch: its gradient and the buffers to find it.
#[derive(Debug)]
struct Shard {
    grads: Vec<f32>,
    batch: Batch,
    members: Vec<(u32, u32)>,
    probabilities: Vec<f32>,
    gains: Vec<f32>,
    credits: Vec<f32>,
    sums: Sums,
}

/// Networks, optimiser and rollouts of an on-policy algorithm; made by [`crate::algo::ppo::PpoConfig::learner`] or
/// [`crate::algo::ac::AcConfig::learner`].
#[derive(Debug)]
pub struct Learner {
    settings: Settings,
    net: Net,
    params: Vec<f32>,
    adam: Adam,
    seen: Option<Seen<Running>>,
    rewards: Option<Rewards>,
    envs: usize,
    seed: u64,
    iterations: u64,
    timesteps: u64,
    lanes: Vec<Lane>,
    /// What is learned from: the latest rollout of every lane, or with a buffer the latest few.
    stores: Vec<Store>,
    shards: Vec<Shard>,
    /// Store and slot of what is learned from, shuffled.
    order: Vec<(u32, u32)>,
    /// Store and environment of the snippets that are learned from, where there is a buffer.
    snippets: Vec<(u32, u32)>,
    /// Who computes minibatches, if not we.
    backend: Option<Box<dyn Backend>>,
}

impl Learner {
    pub(crate) fn new(settings: Settings, spec: NetSpec, envs: usize, seed: u64) -> Result<Self> {
        settings.check(envs)?;
        let net = Net::new(spec)?;
        let params = net.init(Streams::new(seed));
        let count = settings.lanes.min(envs);
        let lane = |l: usize| {
            let (from, to) = (l * envs / count, (l + 1) * envs / count);
            Lane::new(&net, from, to - from, settings.normalize_observation)
        };
        let shard = |_| Shard {
            grads: vec![0.0; net.parameters()],
            batch: Batch::default(),
            members: Vec::new(),
            probabilities: Vec::new(),
            gains: Vec::new(),
            credits: Vec::new(),
            sums: Sums::default(),
        };
        let spec = net.spec();
        let seen = || Seen {
            rows: Running::new(spec.row_width),
            globals: Running::new(spec.globals),
        };
        Ok(Self {
            seen: settings.normalize_observation.then(seen),
            rewards: settings.normalize_reward.then(|| Rewards::new(false)),
            adam: Adam::new(params.len(), backend::EPSILON),
            lanes: (0..count).map(lane).collect(),
            stores: (0..count * Self::depth(&settings, envs))
                .map(|_| Store::default())
                .collect(),
            snippets: Vec::new(),
            shards: (0..settings.shards).map(shard).collect(),
            order: Vec::new(),
            backend: None,
            iterations: 0,
            timesteps: 0,
            settings,
            net,
            params,
            envs,
            seed,
        })
    }

    /// Collects `n_steps` slots of every environment and learns from them: one turn of Algorithm 1.
    ///
    /// The environments must be the same from call to call, as many as the learner was made for.
    ///
    /// # Errors
    /// If there are more or fewer environments, or another core's device fails.
    ///
    /// # Panics
    /// If an environment breaks the contract of [`crate::algo::slot::Observe`].
    pub fn iterate<E: Env>(&mut self, envs: &mut [E]) -> Result<Report> {
        if envs.len() != self.envs {
            return Err(invalid(
                "envs",
                format!("must be {} environments, got {}", self.envs, envs.len()),
            ));
        }
        let rate = self.learning_rate();
        self.collect(envs);
        let collected = self.order.len() as u64;
        let clipped: u64 = self.lanes.iter().map(|lane| lane.clipped).sum();
        let mut report = Report {
            learning_rate: rate,
            reward_clipped: clipped as f64 / collected as f64,
            explained_variance: self.explained_variance(),
            ..Report::default()
        };
        let (mut total, mut norms) = (Sums::default(), 0.0);
        let before = self.adam.steps;
        let learns = match self.settings.buffer {
            None => true,
            Some((least, _)) => self.ready(least),
        };
        if learns {
            self.learn(rate, &mut total, &mut norms)?;
        }
        self.fetch()?;
        let updates = (self.adam.steps - before) as f64;
        self.iterations += 1;
        self.timesteps += collected;
        let mean = total.mean();
        report.policy_gradient_loss = mean.policy_loss;
        report.value_loss = mean.value_loss;
        report.entropy_loss = -mean.entropy;
        report.loss = mean.policy_loss + self.settings.vf_coef * mean.value_loss
            - self.settings.ent_coef * mean.entropy;
        report.approx_kl = mean.approx_kl;
        report.clip_fraction = mean.clip_fraction;
        report.grad_norm = norms / f64::max(updates, 1.0);
        report.n_updates = self.adam.steps;
        report.iterations = self.iterations;
        report.total_timesteps = self.timesteps;
        (report.ep_rew_mean, report.ep_len_mean) = self.episodes();
        Ok(report)
    }

    /// Passes over the rollout in minibatches; or with a buffer over one minibatch drawn from it.
    fn learn(&mut self, rate: f64, total: &mut Sums, norms: &mut f64) -> Result<()> {
        let buffered = self.settings.buffer.is_some();
        if buffered {
            self.draw();
        }
        let size = match self.settings.batch_size {
            Some(size) if !buffered => size,
            _ => self.order.len(),
        };
        for epoch in 0..self.settings.n_epochs {
            if buffered {
                self.revalue();
            } else {
                self.shuffle(epoch);
            }
            for start in (0..self.order.len()).step_by(size) {
                let sums = self.gradient(start, (start + size).min(self.order.len()))?;
                total.add(&sums);
                // as stable-baselines3: the update that would go on too far is not made
                let kl = self.settings.target_kl;
                if kl.is_some_and(|kl| sums.mean().approx_kl > 1.5 * kl) {
                    return Ok(());
                }
                *norms += self.update(rate)?;
            }
        }
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        let done = self.timesteps as f64 / self.settings.total_timesteps as f64;
        match self.settings.schedule {
            Schedule::Constant => self.settings.learning_rate,
            Schedule::Linear => self.settings.learning_rate * (1.0 - done).max(0.0),
        }
    }

    /// Every lane its rollout; then, in the order of lanes, the moments that the next iteration normalises by.
    fn collect<E: Env>(&mut self, envs: &mut [E]) {
        let c = Collect {
            net: &self.net,
            params: &self.params,
            seen: self.seen.as_ref(),
            rewards: self.rewards.as_ref(),
            n_steps: self.settings.n_steps,
            gamma: self.settings.gamma,
            gae_lambda: self.settings.gae_lambda,
            turn_lambda: self.settings.turn_lambda,
            streams: Streams::new(self.seed),
            iteration: self.iterations,
        };
        let mut parts: Vec<(&mut Lane, &mut [E])> = Vec::with_capacity(self.lanes.len());
        let mut rest = envs;
        for lane in &mut self.lanes {
            let (part, others) = rest.split_at_mut(lane.episodes.len());
            parts.push((lane, part));
            rest = others;
        }
        parts
            .into_par_iter()
            .for_each(|(lane, part)| lane.collect(&c, part));
        self.order.clear();
        for (s, lane) in self.latest().zip(&mut self.lanes) {
            std::mem::swap(&mut self.stores[s], &mut lane.store);
            let slots = 0..self.stores[s].len() as u32;
            self.order.extend(slots.map(|slot| (s as u32, slot)));
            if let (Some(seen), Some(moments)) = (&mut self.seen, &lane.decider.moments) {
                seen.rows.merge(&moments.rows);
                seen.globals.merge(&moments.globals);
            }
            if let Some(rewards) = &mut self.rewards {
                rewards.merge(&lane.reward_moments);
            }
        }
    }

    /// Fisher-Yates, by a stream of its own for every epoch: so there is no generator whose place must be kept.
    fn shuffle(&mut self, epoch: usize) {
        let mut stream =
            Streams::new(self.seed).stream(&format!("learn.shuffle.{}.{epoch}", self.iterations));
        for i in (1..self.order.len()).rev() {
            self.order.swap(i, stream.below(i + 1));
        }
    }

    /// Gradient of the minibatch `order[start..end]`, left in the shards, and its sums.
    fn gradient(&mut self, start: usize, end: usize) -> Result<Sums> {
        let members = &self.order[start..end];
        let (mean, deviation) = self.advantage_moments(members);
        let count = self.shards.len();
        for (i, shard) in self.shards.iter_mut().enumerate() {
            shard.members.clear();
            shard.members.extend_from_slice(
                &members[i * members.len() / count..(i + 1) * members.len() / count],
            );
        }
        let (settings, net, params) = (&self.settings, &self.net, &self.params);
        let task = Task {
            settings,
            net,
            params,
            stores: &self.stores,
            mean,
            scale: 1.0 / deviation,
            share: 1.0 / members.len() as f32,
        };
        match &mut self.backend {
            None => self
                .shards
                .par_iter_mut()
                .for_each(|shard| task.gradient(shard)),
            Some(backend) => task.by_backend(&mut self.shards[0], backend.as_mut())?,
        }
        let mut sums = Sums::default();
        self.shards.iter().for_each(|shard| sums.add(&shard.sums));
        Ok(sums)
    }

    /// One step down the gradient of the last minibatch; its norm.
    fn update(&mut self, rate: f64) -> Result<f64> {
        let max_norm = self.settings.max_grad_norm;
        if let Some(backend) = &mut self.backend {
            return external_backend::step(&mut self.shards[0], backend.as_mut(), rate, max_norm);
        }
        let shards = &self.shards;
        let part = |i: usize| shards.get(i).map(|s| s.grads.as_slice());
        Ok(self.adam.step(&mut self.params, part, rate, max_norm))
    }

    /// Mean and standard deviation of the minibatch's advantages, per slot or per vehicle; (0, 1) where not normalised.
    fn advantage_moments(&self, members: &[(u32, u32)]) -> (f32, f32) {
        if !self.settings.normalize_advantage {
            return (0.0, 1.0);
        }
        let (mut n, mut sum, mut squares) = (0.0f64, 0.0f64, 0.0f64);
        let mut add = |a: f64| {
            n += 1.0;
            sum += a;
            squares += a * a;
        };
        for &(store, slot) in members {
            let slot = self.stores[store as usize].slot(slot as usize);
            let advantage = f64::from(slot.advantage);
            if self.settings.per_vehicle {
                slot.credits
                    .iter()
                    .for_each(|c| add(advantage + self.settings.credit_coef * f64::from(*c)));
            } else {
                add(advantage);
            }
        }
        if n < 2.0 {
            return (0.0, 1.0);
        }
        let variance = ((squares - sum * sum / n) / (n - 1.0)).max(0.0);
        ((sum / n) as f32, (variance.sqrt() + 1e-8) as f32)
    }

    /// 1 - Var(target - value) / Var(target) over the rollout; no number where targets do not vary.
    fn explained_variance(&self) -> f64 {
        let pairs = || {
            self.stores[self.latest()]
                .iter()
                .flat_map(|s| s.returns.iter().zip(&s.values))
        };
        let variance = |f: &dyn Fn(f32, f32) -> f32| {
            let n = pairs().count() as f64;
            let mean = pairs().map(|(r, v)| f64::from(f(*r, *v))).sum::<f64>() / n;
            pairs()
                .map(|(r, v)| (f64::from(f(*r, *v)) - mean).powi(2))
                .sum::<f64>()
                / n
        };
        let targets = variance(&|r, _| r);
        if targets == 0.0 {
            return f64::NAN;
        }
        1.0 - variance(&|r, v| r - v) / targets
    }

    /// Mean reward and length of the episodes that ended in this iteration.
    fn episodes(&self) -> (Option<f64>, Option<f64>) {
        let ended = || self.lanes.iter().flat_map(|l| &l.finished);
        let n = ended().count() as f64;
        let mean = |sum: f64| (n > 0.0).then_some(sum / n);
        (
            mean(ended().map(|e| e.0).sum()),
            mean(ended().map(|e| e.1).sum()),
        )
    }

    /// The policy as it stands.
    #[must_use]
    pub fn policy(&self) -> Policy {
        Policy::new(self.net.clone(), self.params.clone(), self.seen.clone())
    }

    /// All parameters, `[net.parameters()]`.
    #[must_use]
    pub fn params(&self) -> &[f32] {
        &self.params
    }

    /// Steps of environments so far.
    #[must_use]
    pub fn timesteps(&self) -> u64 {
        self.timesteps
    }

    /// All that the next iteration depends on, but the environments themselves. Random streams are named by seed and
    /// iteration, so the counter is their state.
    #[must_use]
    pub fn save_state(&self) -> State {
        let mut state = self.policy().save();
        state.card["seed"] = self.seed.into();
        state.card["iterations"] = self.iterations.into();
        state.card["timesteps"] = self.timesteps.into();
        state.card["adam_steps"] = self.adam.steps.into();
        state.put("adam.m", &self.adam.m);
        state.put("adam.v", &self.adam.v);
        if let Some(rewards) = &self.rewards {
            rewards.save("normaliser.rewards", &mut state);
        }
        save_episodes(self.lanes.iter().flat_map(|l| &l.episodes), &mut state);
        self.save_buffer(&mut state);
        state
    }

    /// Continues where [`Learner::save_state`] stood, to the bit, if the environments do so too.
    ///
    /// # Errors
    /// If the state is of other networks, or of another number of environments; the learner is then unchanged.
    pub fn load_state(&mut self, state: &State) -> Result<()> {
        let spec: NetSpec = state.card_value("net")?;
        if spec != *self.net.spec() {
            return Err(invalid(
                "net",
                format!("must be {:?}, got {spec:?}", self.net.spec()),
            ));
        }
        let params = state.get_len("params", self.params.len())?;
        let (m, v) = (
            state.get_len("adam.m", params.len())?,
            state.get_len("adam.v", params.len())?,
        );
        let episodes = load_episodes(self.envs, state)?;
        let seen = load_seen(&spec, state)?;
        if seen.is_some() != self.seen.is_some() {
            return Err(invalid(
                "normalised",
                format!("must be {}, got {}", self.seen.is_some(), seen.is_some()),
            ));
        }
        let rewards = self.rewards.as_ref();
        let rewards = rewards.map(|r| r.loaded("normaliser.rewards", state));
        let rewards = rewards.transpose()?;
        let stores = self.loaded_buffer(state)?;
        let (seed, iterations) = (state.card_value("seed")?, state.card_value("iterations")?);
        let (timesteps, steps) = (
            state.card_value("timesteps")?,
            state.card_value("adam_steps")?,
        );

        (self.seed, self.iterations, self.timesteps, self.adam.steps) =
            (seed, iterations, timesteps, steps);
        (self.params, self.adam.m, self.adam.v) = (params, m, v);
        (self.seen, self.rewards, self.stores) = (seen, rewards, stores);
        let open = self.lanes.iter_mut().flat_map(|l| &mut l.episodes);
        open.zip(episodes)
            .for_each(|(episode, saved)| *episode = saved);
        self.send()
    }
}

/// What every shard of a minibatch needs.
struct Task<'a> {
    settings: &'a Settings,
    net: &'a Net,
    params: &'a [f32],
    stores: &'a [Store],
    /// Advantages are normalised to `(a - mean) * scale`.
    mean: f32,
    scale: f32,
    /// 1 / size of the minibatch.
    share: f32,
}

impl Task<'_> {
    /// Gradient of the loss over the shard's slots, as many at a time as fit the cache.
    fn gradient(&self, shard: &mut Shard) {
        if shard.members.is_empty() {
            shard.grads.fill(0.0);
        }
        shard.sums = Sums::default();
        let width = self.net.spec().row_width;
        let mut from = 0;
        while from < shard.members.len() {
            shard.batch.clear();
            let mut to = from;
            while to < shard.members.len()
                && (to == from || shard.batch.rows.len() < CHUNK_ROWS * width)
            {
                let (store, slot) = shard.members[to];
                let slot = self.stores[store as usize].slot(slot as usize);
                shard.batch.rows.extend_from_slice(slot.rows);
                shard.batch.globals.extend_from_slice(slot.globals);
                shard.batch.row_ends.push(shard.batch.rows.len() / width);
                to += 1;
            }
            self.net.forward(self.params, &mut shard.batch);
            self.loss(shard, from, to);
            self.net
                .backward(self.params, &mut shard.batch, &mut shard.grads, from > 0);
            from = to;
        }
    }

    /// Gradients of policy loss (22), value loss (23) and entropy, into the tapes.
    fn loss(&self, shard: &mut Shard, from: usize, to: usize) {
        let s = self.settings;
        let objective = Objective {
            clip_range: s.clip_range.map(|c| c as f32),
            per_vehicle: s.per_vehicle,
            ent_coef: s.ent_coef as f32,
            factors_per_vehicle: self.net.spec().factors_per_vehicle,
        };
        let (logits, d_logits) = shard.batch.head.output_and_gradient();
        let (values, d_values) = shard.batch.value.output_and_gradient();
        shard.probabilities.resize(logits.len(), 0.0);
        let mut at = 0;
        for (i, &(store, slot)) in shard.members[from..to].iter().enumerate() {
            let slot = self.stores[store as usize].slot(slot as usize);
            let range = at..at + slot.mask.len();
            at = range.end;
            let factors = Factors {
                mask: slot.mask,
                lens: slot.lens,
            };
            let (z, p) = (
                &mut logits[range.clone()],
                &mut shard.probabilities[range.clone()],
            );
            factors.normalise(z, p);
            shard.credits.clear();
            shard.credits.extend(
                slot.credits
                    .iter()
                    .map(|c| s.credit_coef as f32 * self.scale * c),
            );
            let taken = Taken {
                actions: slot.actions,
                old_log_probs: slot.log_probs,
                advantage: (slot.advantage - self.mean) * self.scale,
                credits: &shard.credits,
            };
            let mut sums = objective.gradient(factors, taken, (z, p), self.share, &mut shard.gains);
            d_logits[range.clone()].copy_from_slice(&logits[range]);
            let error = values[i] - slot.target;
            sums.value_loss = f64::from(error) * f64::from(error);
            d_values[i] = 2.0 * s.vf_coef as f32 * self.share * error;
            shard.sums.add(&sums);
        }
    }
}
