//! Rewards of an environment, episode by episode, for reports and for the normaliser of rewards.

use wayside_core::error::Result;

use crate::algo::env::{End, Step};
use crate::algo::learner::Report;
use crate::algo::normalise::Moments;
use crate::nn::state::State;

/// The open episode of one environment, and what ended in this iteration.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EpisodeLog {
    /// Sum of the reported rewards of the open episode.
    reward: f64,
    /// Its length so far, in slots.
    length: f64,
    /// Discounted sum of its rewards, whose variance scales rewards.
    discounted: f64,
    /// Sum of the reported rewards of this iteration's slots, and their number.
    slots: (f64, u64),
    /// Reward and length of the episodes that ended in this iteration.
    finished: Vec<(f64, f64)>,
}

impl EpisodeLog {
    /// Begins an iteration; the open episode goes on.
    pub(crate) fn begin_iteration(&mut self) {
        self.slots = (0.0, 0);
        self.finished.clear();
    }

    /// Counts a step; `discount` is that between it and the next. Returns the reward that is learned from.
    pub(crate) fn count(&mut self, step: &Step, discount: f64, moments: &mut Moments) -> f32 {
        self.discounted += step.reward;
        moments.add(&[self.discounted as f32, step.reward as f32]);
        self.discounted *= discount;
        self.reward += step.reported;
        self.slots.0 += step.reported;
        if step.end != End::Turn {
            self.length += 1.0;
            self.slots.1 += 1;
        }
        if step.end.is_over() {
            self.finished.push((self.reward, self.length));
            (self.reward, self.length, self.discounted) = (0.0, 0.0, 0.0);
        }
        step.reward as f32
    }
}

/// Writes what environments earned in this iteration into `report`.
pub(crate) fn report<'a>(logs: impl Iterator<Item = &'a EpisodeLog> + Clone, report: &mut Report) {
    let (reward, slots) = logs.clone().fold((0.0, 0), |(reward, slots), log| {
        (reward + log.slots.0, slots + log.slots.1)
    });
    report.slots = slots;
    report.slot_reward = (slots > 0).then(|| reward / slots as f64);
    let finished = || logs.clone().flat_map(|log| &log.finished);
    let episodes = finished().count() as f64;
    let mean = |sum: f64| (episodes > 0.0).then_some(sum / episodes);
    report.ep_rew_mean = mean(finished().map(|episode| episode.0).sum());
    report.ep_len_mean = mean(finished().map(|episode| episode.1).sum());
}

/// Writes the sums of open episodes, one per environment.
pub(crate) fn save<'a>(logs: impl Iterator<Item = &'a EpisodeLog>, state: &mut State) {
    let sums: Vec<f64> = logs
        .flat_map(|log| [log.reward, log.length, log.discounted])
        .collect();
    state.put("episodes", &sums);
}

/// What [`save`] wrote for `envs` environments.
pub(crate) fn load(envs: usize, state: &State) -> Result<Vec<EpisodeLog>> {
    let sums: Vec<f64> = state.get_len("episodes", 3 * envs)?;
    let log = |sums: &[f64]| EpisodeLog {
        reward: sums[0],
        length: sums[1],
        discounted: sums[2],
        ..EpisodeLog::default()
    };
    Ok(sums.chunks_exact(3).map(log).collect())
}
