//! What a trainer does with every learner, and what it wants of every environment.

use serde_json::{Value, json};
use wayside_core::engine::env::SlotEnd;
use wayside_core::error::{Error, Result};

use super::Report;
use crate::algo::on_policy::Learner;
use crate::algo::policy::Policy;
use crate::algo::sac::continuous::{ContinuousEnv, Sac};
use crate::algo::sac::discrete::DiscreteSac;
use crate::algo::slot::{End, Env, Step};
use crate::nn::state::{State, invalid};

/// A learner with its environments.
pub(crate) trait Course {
    /// One iteration. Adds the true rewards of episodes that ended to `finished`; answers the report, and sum and number
    /// of the true rewards of slots.
    fn iterate(&mut self, finished: &mut Vec<f64>) -> Result<(Report, f64, u64)>;
    /// Steps of environments so far.
    fn timesteps(&self) -> u64;
    /// Everything that the next iteration depends on.
    fn save(&self) -> State;
    /// Goes on from what [`Course::save`] made.
    fn load(&mut self, state: &State) -> Result<()>;
    /// The policy as it stands.
    fn policy(&self) -> Result<Policy>;
}

/// A learner of environments `E`.
pub(crate) trait Learns<E> {
    fn learn(&mut self, envs: &mut [E]) -> Result<Report>;
    fn steps(&self) -> u64;
    fn state(&self) -> State;
    fn restore(&mut self, state: &State) -> Result<()>;
    fn actor(&self) -> Result<Policy>;
}

/// An environment that a trainer can count on, save and restore.
pub(crate) trait Attended {
    fn tally(&mut self) -> &mut Tally;
    /// Where it stands; none where it stands nowhere.
    fn standing(&self) -> Option<Value>;
    fn restore(&mut self, standing: &Value) -> Result<()>;
}

/// What a trainer reports of an environment: true rewards, whatever the learner was shown.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Sum of the episode so far.
    episode: f64,
    /// Sum, and number, of the slots since the last iteration.
    slots: (f64, u64),
    /// Of the episodes that ended since then.
    finished: Vec<f64>,
    /// What the engine refused; learners cannot fail, so the trainer asks for it.
    failed: Option<Error>,
}

impl Tally {
    /// A slot is over; how the episode goes on.
    pub(crate) fn close(&mut self, slot: SlotEnd) -> End {
        self.episode += slot.reward;
        self.slots.0 += slot.reward;
        self.slots.1 += 1;
        if !slot.truncated {
            return End::No;
        }
        self.finished.push(std::mem::take(&mut self.episode));
        match slot.bootstrap {
            true => End::Truncated,
            false => End::Terminated,
        }
    }

    /// Keeps the first error, and ends the episode.
    pub(crate) fn fail(&mut self, error: Error) -> Step {
        self.failed.get_or_insert(error);
        Step {
            reward: 0.0,
            end: End::Terminated,
        }
    }

    /// The episode so far beside where the engine stands.
    pub(crate) fn beside(&self, engine: Value) -> Value {
        json!({ "engine": engine, "episode": self.episode })
    }

    /// Takes back what [`Tally::beside`] put, and hands out the engine's part.
    pub(crate) fn parted<T: serde::de::DeserializeOwned>(&mut self, standing: &Value) -> Result<T> {
        let wrong = |e: serde_json::Error| invalid("environments", e.to_string());
        self.episode = serde_json::from_value(standing["episode"].clone()).map_err(wrong)?;
        serde_json::from_value(standing["engine"].clone()).map_err(wrong)
    }
}

/// A learner and its environments.
pub(crate) struct Class<L, E> {
    pub(crate) learner: L,
    pub(crate) envs: Vec<E>,
}

/// Key of the environments in a checkpoint's card.
const ENVIRONMENTS: &str = "environments";

impl<L: Learns<E>, E: Attended> Course for Class<L, E> {
    fn iterate(&mut self, finished: &mut Vec<f64>) -> Result<(Report, f64, u64)> {
        let report = self.learner.learn(&mut self.envs);
        let (mut reward, mut slots) = (0.0, 0);
        for env in &mut self.envs {
            let tally = env.tally();
            if let Some(error) = tally.failed.take() {
                return Err(error);
            }
            let sums = std::mem::take(&mut tally.slots);
            reward += sums.0;
            slots += sums.1;
            finished.append(&mut tally.finished);
        }
        Ok((report?, reward, slots))
    }

    fn timesteps(&self) -> u64 {
        self.learner.steps()
    }

    fn save(&self) -> State {
        let mut state = self.learner.state();
        let standings = self.envs.iter().map(Attended::standing);
        state.card[ENVIRONMENTS] = standings.collect();
        state
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.learner.restore(state)?;
        let standings: Vec<Value> = state.card_value(ENVIRONMENTS)?;
        if standings.len() != self.envs.len() {
            let message = format!("must be {}, got {}", self.envs.len(), standings.len());
            return Err(invalid(ENVIRONMENTS, message));
        }
        let mut pairs = self.envs.iter_mut().zip(&standings);
        pairs.try_for_each(|(env, standing)| env.restore(standing))
    }

    fn policy(&self) -> Result<Policy> {
        self.learner.actor()
    }
}

macro_rules! learns {
    ($learner:ty, $env:path, $report:path, $policy:expr) => {
        impl<E: $env> Learns<E> for $learner {
            fn learn(&mut self, envs: &mut [E]) -> Result<Report> {
                self.iterate(envs).map($report)
            }

            fn steps(&self) -> u64 {
                self.timesteps()
            }

            fn state(&self) -> State {
                self.save_state()
            }

            fn restore(&mut self, state: &State) -> Result<()> {
                self.load_state(state)
            }

            fn actor(&self) -> Result<Policy> {
                $policy(self)
            }
        }
    };
}

learns!(Learner, Env, Report::OnPolicy, |l: &Learner| Ok(l.policy()));
learns!(DiscreteSac, Env, Report::Sac, DiscreteSac::policy);
learns!(Sac, ContinuousEnv, Report::Sac, Sac::policy);
