//! What an iteration brought, whatever learned.

use crate::learned::Score;
use crate::{on_policy, sac};

use super::Algorithm;

/// What the learner says of an iteration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Report {
    /// PPO and AC.
    OnPolicy(on_policy::Report),
    /// SAC of either kind.
    Sac(sac::SacReport),
}

impl Report {
    /// That of no iteration yet.
    #[must_use]
    pub fn none(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Ppo | Algorithm::Ac => Self::OnPolicy(on_policy::Report::default()),
            Algorithm::Sac | Algorithm::Lysac => Self::Sac(sac::SacReport::default()),
        }
    }

    /// Iterations so far.
    #[must_use]
    pub fn iterations(&self) -> u64 {
        match self {
            Self::OnPolicy(report) => report.iterations,
            Self::Sac(report) => report.iterations,
        }
    }

    /// Steps of environments so far.
    #[must_use]
    pub fn total_timesteps(&self) -> u64 {
        match self {
            Self::OnPolicy(report) => report.total_timesteps,
            Self::Sac(report) => report.total_timesteps,
        }
    }

    /// Means over the episodes that ended, by their true rewards.
    pub(super) fn episodes(&mut self, reward: Option<f64>, length: Option<f64>) {
        let (r, l) = match self {
            Self::OnPolicy(report) => (&mut report.ep_rew_mean, &mut report.ep_len_mean),
            Self::Sac(report) => (&mut report.ep_rew_mean, &mut report.ep_len_mean),
        };
        (*r, *l) = (reward, length);
    }

    /// The value of a tag, where there is one.
    #[must_use]
    pub fn tag(&self, tag: &str) -> Option<f64> {
        let of = |(name, value): (&str, f64)| (name == tag).then_some(value);
        match self {
            Self::OnPolicy(report) => report.tags().find_map(of),
            Self::Sac(report) => report.tags().find_map(of),
        }
    }
}

/// What an iteration brought.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What the learner says; episodes count their true rewards.
    pub report: Report,
    /// Slots learned from so far.
    pub slots: u64,
    /// Mean reward of a slot, of those that ended in this iteration.
    pub reward: Option<f64>,
    /// The evaluation, where there was one.
    pub score: Option<Score>,
    /// Wall-clock time of training so far, over all its runs \[s\].
    pub wall_s: f64,
    /// CPU time likewise, where the system tells \[s\].
    pub cpu_s: Option<f64>,
    /// Steps a second in this run.
    pub fps: f64,
}
