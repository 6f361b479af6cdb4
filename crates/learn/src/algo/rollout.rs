//! Collecting `[T, E]` slots. The environments are split into a fixed number of lanes; each lane steps its own in lock
//! step, on one core, into its own store, so that the result does not depend on the number of threads.

use wayside_core::error::Result;
use wayside_core::rng::{Stream, Streams};

use crate::algo::gae::{Trajectories, advantages};
use crate::algo::normalise::{Moments, Rewards, Running};
use crate::algo::policy::{Choice, Decider, Seen};
use crate::algo::slot::{End, Env, Slot};
use crate::nn::net::Net;
use crate::nn::state::{State, invalid};

/// Slots one after the other, time-major; each with as many rows, logits, factors and vehicles as it had.
#[derive(Debug, Default)]
pub(crate) struct Store {
    rows: Vec<f32>,
    globals: Vec<f32>,
    mask: Vec<bool>,
    lens: Vec<u32>,
    actions: Vec<u32>,
    log_probs: Vec<f32>,
    credits: Vec<f32>,
    /// Where each slot ends in the above.
    ends: Vec<Ends>,
    rewards: Vec<f32>,
    pub(crate) values: Vec<f32>,
    next_values: Vec<f32>,
    ended: Vec<bool>,
    cut: Vec<bool>,
    within: Vec<bool>,
    pub(crate) advantages: Vec<f32>,
    pub(crate) returns: Vec<f32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    rows: usize,
    globals: usize,
    logits: usize,
    factors: usize,
    vehicles: usize,
}

/// What came of one slot of a store.
pub(crate) struct Came {
    pub(crate) reward: f32,
    /// Value of what followed, by the critic of that time.
    pub(crate) next_value: f32,
    pub(crate) ended: bool,
    pub(crate) within: bool,
}

/// One slot of a store.
pub(crate) struct Stored<'a> {
    pub(crate) rows: &'a [f32],
    pub(crate) globals: &'a [f32],
    pub(crate) mask: &'a [bool],
    pub(crate) lens: &'a [u32],
    pub(crate) actions: &'a [u32],
    pub(crate) log_probs: &'a [f32],
    pub(crate) credits: &'a [f32],
    pub(crate) advantage: f32,
    pub(crate) target: f32,
}

impl Store {
    fn clear(&mut self) {
        self.rows.clear();
        self.globals.clear();
        self.mask.clear();
        self.lens.clear();
        self.actions.clear();
        self.log_probs.clear();
        self.credits.clear();
        self.ends.clear();
        self.rewards.clear();
        self.ended.clear();
        self.cut.clear();
        self.within.clear();
    }

    fn push(&mut self, slot: &Slot, reward: f32, end: End) {
        self.rows.extend_from_slice(&slot.rows);
        self.globals.extend_from_slice(&slot.globals);
        self.mask.extend_from_slice(&slot.mask);
        self.lens.extend_from_slice(&slot.lens);
        self.actions.extend_from_slice(&slot.actions);
        self.log_probs.extend_from_slice(&slot.log_probs);
        self.credits.extend_from_slice(&slot.credits);
        self.ends.push(Ends {
            rows: self.rows.len(),
            globals: self.globals.len(),
            logits: self.mask.len(),
            factors: self.lens.len(),
            vehicles: self.log_probs.len(),
        });
        self.rewards.push(reward);
        self.ended.push(end.is_over());
        self.cut.push(end == End::Truncated);
        self.within.push(end == End::Turn);
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn step(&self, i: usize) -> Came {
        Came {
            reward: self.rewards[i],
            next_value: self.next_values[i],
            ended: self.ended[i],
            within: self.within[i],
        }
    }

    /// All but values, advantages and returns: these are found again.
    pub(crate) fn save(&self, name: &str, state: &mut State) {
        let bytes = |of: &[bool]| of.iter().map(|&b| u8::from(b)).collect::<Vec<_>>();
        let ends = self.ends.iter();
        let ends: Vec<u32> = ends
            .flat_map(|e| [e.rows, e.globals, e.logits, e.factors, e.vehicles])
            .map(|at| at as u32)
            .collect();
        let floats = [
            ("rows", &self.rows),
            ("globals", &self.globals),
            ("log_probs", &self.log_probs),
            ("credits", &self.credits),
            ("rewards", &self.rewards),
            ("next_values", &self.next_values),
        ];
        for (part, values) in floats {
            state.put(&format!("{name}.{part}"), values);
        }
        for (part, values) in [
            ("lens", &self.lens),
            ("actions", &self.actions),
            ("ends", &ends),
        ] {
            state.put(&format!("{name}.{part}"), values);
        }
        let flags = [
            ("mask", &self.mask),
            ("ended", &self.ended),
            ("cut", &self.cut),
            ("within", &self.within),
        ];
        for (part, values) in flags {
            state.put(&format!("{name}.{part}"), &bytes(values));
        }
    }

    /// What [`Store::save`] saved.
    pub(crate) fn load(name: &str, state: &State) -> Result<Self> {
        let floats = |part: &str| state.get::<f32>(&format!("{name}.{part}"));
        let whole = |part: &str| state.get::<u32>(&format!("{name}.{part}"));
        let flags = |part: &str| -> Result<Vec<bool>> {
            let bytes = state.get::<u8>(&format!("{name}.{part}"))?;
            Ok(bytes.into_iter().map(|b| b != 0).collect())
        };
        let ends: Vec<Ends> = whole("ends")?
            .chunks_exact(5)
            .map(|e| Ends {
                rows: e[0] as usize,
                globals: e[1] as usize,
                logits: e[2] as usize,
                factors: e[3] as usize,
                vehicles: e[4] as usize,
            })
            .collect();
        let unknown = vec![0.0; ends.len()];
        let store = Self {
            rows: floats("rows")?,
            globals: floats("globals")?,
            mask: flags("mask")?,
            lens: whole("lens")?,
            actions: whole("actions")?,
            log_probs: floats("log_probs")?,
            credits: floats("credits")?,
            rewards: floats("rewards")?,
            values: unknown.clone(),
            next_values: floats("next_values")?,
            ended: flags("ended")?,
            cut: flags("cut")?,
            within: flags("within")?,
            advantages: unknown.clone(),
            returns: unknown,
            ends,
        };
        store.check(name).map(|()| store)
    }

    /// Whether its parts are as long as its ends say.
    fn check(&self, name: &str) -> Result<()> {
        let (n, last) = (
            self.ends.len(),
            self.ends.last().copied().unwrap_or_default(),
        );
        let sorted = self.ends.windows(2).all(|w| {
            let (a, b) = (&w[0], &w[1]);
            a.rows <= b.rows
                && a.globals <= b.globals
                && a.logits <= b.logits
                && a.factors <= b.factors
                && a.vehicles <= b.vehicles
        });
        let lengths = [
            (self.rows.len(), last.rows),
            (self.globals.len(), last.globals),
            (self.mask.len(), last.logits),
            (self.lens.len(), last.factors),
            (self.actions.len(), last.factors),
            (self.log_probs.len(), last.vehicles),
            (self.credits.len(), last.vehicles),
            (self.rewards.len(), n),
            (self.next_values.len(), n),
            (self.ended.len(), n),
            (self.cut.len(), n),
            (self.within.len(), n),
        ];
        match lengths.iter().find(|(got, want)| got != want) {
            None if sorted => Ok(()),
            None => Err(invalid(name, "must have ends that grow".to_owned())),
            Some((got, want)) => Err(invalid(
                name,
                format!("must hold {want} numbers, got {got}"),
            )),
        }
    }

    pub(crate) fn slot(&self, i: usize) -> Stored<'_> {
        let from = if i == 0 {
            Ends::default()
        } else {
            self.ends[i - 1]
        };
        let to = self.ends[i];
        Stored {
            rows: &self.rows[from.rows..to.rows],
            globals: &self.globals[from.globals..to.globals],
            mask: &self.mask[from.logits..to.logits],
            lens: &self.lens[from.factors..to.factors],
            actions: &self.actions[from.factors..to.factors],
            log_probs: &self.log_probs[from.vehicles..to.vehicles],
            credits: &self.credits[from.vehicles..to.vehicles],
            advantage: self.advantages[i],
            target: self.returns[i],
        }
    }
}

/// What outlasts an iteration for each environment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Episode {
    /// Sum of rewards so far.
    pub(crate) reward: f64,
    /// Steps so far.
    pub(crate) length: f64,
    /// Discounted sum of rewards, whose variance scales rewards.
    pub(crate) discounted: f64,
}

/// What a rollout depends on.
pub(crate) struct Collect<'a> {
    pub(crate) net: &'a Net,
    pub(crate) params: &'a [f32],
    pub(crate) seen: Option<&'a Seen<Running>>,
    /// Where rewards are normalised.
    pub(crate) rewards: Option<&'a Rewards>,
    pub(crate) n_steps: usize,
    pub(crate) gamma: f64,
    pub(crate) gae_lambda: f64,
    pub(crate) turn_lambda: f64,
    pub(crate) streams: Streams,
    pub(crate) iteration: u64,
}

/// Some of the environments, their slots and their store.
#[derive(Debug)]
pub(crate) struct Lane {
    first_env: usize,
    slots: Vec<Slot>,
    active: Vec<bool>,
    streams: Vec<Stream>,
    pub(crate) decider: Decider,
    /// Values of all decisions of a rollout; for every step whether a second one found the last states of episodes.
    values: Vec<f32>,
    cuts: Vec<bool>,
    pub(crate) store: Store,
    pub(crate) episodes: Vec<Episode>,
    /// Reward and length of the episodes that ended in this rollout.
    pub(crate) finished: Vec<(f64, f64)>,
    pub(crate) reward_moments: Moments,
    /// Rewards of this rollout that were cut.
    pub(crate) clipped: u64,
}

impl Lane {
    pub(crate) fn new(net: &Net, first_env: usize, envs: usize, observe_moments: bool) -> Self {
        let spec = net.spec();
        let moments = || Seen {
            rows: Moments::new(spec.row_width),
            globals: Moments::new(spec.globals),
        };
        Self {
            first_env,
            slots: vec![Slot::new(spec.row_width, spec.globals); envs],
            active: vec![true; envs],
            streams: Vec::with_capacity(envs),
            decider: Decider::new(observe_moments.then(moments)),
            values: Vec::new(),
            cuts: Vec::new(),
            store: Store::default(),
            episodes: vec![Episode::default(); envs],
            finished: Vec::new(),
            reward_moments: Rewards::moments(),
            clipped: 0,
        }
    }

    /// T steps of every environment, then their advantages and value targets.
    pub(crate) fn collect<E: Env>(&mut self, c: &Collect, envs: &mut [E]) {
        let network = (c.net, c.params, c.seen);
        let n = envs.len();
        self.store.clear();
        self.finished.clear();
        self.reward_moments.clear();
        self.clipped = 0;
        if let Some(moments) = &mut self.decider.moments {
            moments.rows.clear();
            moments.globals.clear();
        }
        self.streams.clear();
        for e in self.first_env..self.first_env + n {
            self.streams.push(
                c.streams
                    .stream(&format!("learn.action.{}.{e}", c.iteration)),
            );
        }
        self.cuts.clear();
        for t in 0..c.n_steps {
            self.active.fill(true);
            self.decider.decide(
                network,
                envs,
                &self.active,
                &mut self.slots,
                Choice::Sample(&mut self.streams),
            );
            let mut cut = false;
            for (e, env) in envs.iter_mut().enumerate() {
                let slot = &mut self.slots[e];
                slot.credits.resize(slot.log_probs.len(), 0.0);
                let step = env.step(&slot.actions, &mut slot.credits);
                let discount = if step.end == End::Turn { 1.0 } else { c.gamma };
                let reward =
                    self.episodes[e].count(step.reward, discount, &mut self.reward_moments);
                let (reward, clipped) = c
                    .rewards
                    .map_or((reward, false), |rewards| rewards.shown(reward));
                self.clipped += u64::from(clipped);
                self.store.push(&self.slots[e], reward, step.end);
                self.active[e] = step.end == End::Truncated;
                cut |= self.active[e];
            }
            if cut {
                // the value of the last state stands for all that the limit of time cut off
                self.decider.decide(
                    network,
                    envs,
                    &self.active,
                    &mut self.slots,
                    Choice::Sample(&mut self.streams),
                );
            }
            self.cuts.push(cut);
            for (e, env) in envs.iter_mut().enumerate() {
                if self.store.ended[t * n + e] {
                    let episode = std::mem::take(&mut self.episodes[e]);
                    self.finished.push((episode.reward, episode.length));
                    env.reset();
                }
            }
        }
        self.active.fill(true);
        self.decider.decide(
            network,
            envs,
            &self.active,
            &mut self.slots,
            Choice::Sample(&mut self.streams),
        );
        self.decider.values(c.net, c.params, &mut self.values);
        self.value(n);
        self.estimate(n, c);
    }

    /// Gives every step its value and the one after it: that of the next step where the episode went on, that of the last
    /// state where it was cut off, 0 where it was over.
    fn value(&mut self, n: usize) {
        let s = &mut self.store;
        s.values.clear();
        s.next_values.clear();
        let mut decision = 0;
        for (t, &cut) in self.cuts.iter().enumerate() {
            let next = decision + 1 + usize::from(cut);
            for e in 0..n {
                let after = match (s.ended[t * n + e], s.cut[t * n + e]) {
                    (false, _) => self.values[next * n + e],
                    (true, true) => self.values[(decision + 1) * n + e],
                    (true, false) => 0.0,
                };
                s.values.push(self.values[decision * n + e]);
                s.next_values.push(after);
            }
            decision = next;
        }
    }

    fn estimate(&mut self, envs: usize, c: &Collect) {
        let s = &mut self.store;
        let t = Trajectories {
            rewards: &s.rewards,
            values: &s.values,
            next_values: &s.next_values,
            ended: &s.ended,
            within: &s.within,
            envs,
        };
        advantages(t, c.gamma, c.gae_lambda, c.turn_lambda, &mut s.advantages);
        s.returns.clear();
        s.returns
            .extend(s.advantages.iter().zip(&s.values).map(|(a, v)| a + v));
    }
}

/// Writes the sums of open episodes, one per environment.
pub(crate) fn save_episodes<'a>(episodes: impl Iterator<Item = &'a Episode>, state: &mut State) {
    let sums: Vec<f64> = episodes
        .flat_map(|e| [e.reward, e.length, e.discounted])
        .collect();
    state.put("episodes", &sums);
}

/// What [`save_episodes`] wrote for `envs` environments.
pub(crate) fn load_episodes(envs: usize, state: &State) -> Result<Vec<Episode>> {
    let sums: Vec<f64> = state.get_len("episodes", 3 * envs)?;
    let episode = |sums: &[f64]| Episode {
        reward: sums[0],
        length: sums[1],
        discounted: sums[2],
    };
    Ok(sums.chunks_exact(3).map(episode).collect())
}

impl Episode {
    /// Counts a reward; `discount` is that between this step and the next.
    pub(crate) fn count(&mut self, reward: f64, discount: f64, moments: &mut Moments) -> f32 {
        self.reward += reward;
        self.length += 1.0;
        self.discounted += reward;
        moments.add(&[self.discounted as f32, reward as f32]);
        self.discounted *= discount;
        reward as f32
    }
}
