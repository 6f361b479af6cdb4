//! The report of an iteration, and whether a training looks sound.

use serde::{Deserialize, Serialize};

use super::options::Algorithm;
use crate::algo::learner::{Losses, OnPolicyLosses, Report, SacLosses};
use crate::trainer::learned::Score;

/// The report before the first iteration of `algorithm`.
pub(super) fn no_report(algorithm: Algorithm) -> Report {
    Report::none(match algorithm {
        Algorithm::Ppo | Algorithm::Ac => Losses::OnPolicy(OnPolicyLosses::default()),
        Algorithm::Sac | Algorithm::Lysac => Losses::Sac(SacLosses::default()),
    })
}

/// What an iteration brought.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What the learner reports.
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

/// Share of clipped rewards beyond which a training is doubtful.
const MOST_CLIPPED: f64 = 0.01;

/// Signs, over a whole training, that it cannot learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Health {
    iterations: u64,
    /// Iterations whose explained variance was not a number, and whether the last one is among them.
    undefined: u64,
    undefined_last: bool,
    /// Sum over iterations of the share of rewards that were clipped.
    clipped: f64,
}

impl Health {
    pub(super) fn count(&mut self, report: &Report) {
        let explained = match report.losses {
            Losses::OnPolicy(losses) => losses.explained_variance,
            Losses::Sac(_) => 0.0,
        };
        self.iterations += 1;
        self.undefined_last = !explained.is_finite();
        self.undefined += u64::from(self.undefined_last);
        self.clipped += report.reward_clipped;
    }

    pub(super) fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let share = self.clipped / (self.iterations as f64).max(1.0);
        if share > MOST_CLIPPED {
            doubts.push(format!(
                "{:.1} % of rewards were clipped, so that larger ones all count the same (train/reward_clipped)",
                100.0 * share
            ));
        }
        if self.undefined_last && 2 * self.undefined > self.iterations {
            doubts.push(format!(
                "the explained variance was undefined in {} of {} iterations: all rewards were alike (train/explained_variance)",
                self.undefined, self.iterations
            ));
        }
        doubts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(reports: &[(f64, f64)]) -> Health {
        let mut health = Health::default();
        for &(explained_variance, reward_clipped) in reports {
            let losses = Losses::OnPolicy(OnPolicyLosses {
                explained_variance,
                ..OnPolicyLosses::default()
            });
            health.count(&Report {
                reward_clipped,
                ..Report::none(losses)
            });
        }
        health
    }

    #[test]
    fn regress_trainings_that_cannot_learn_say_so() {
        assert!(health(&[]).doubts().is_empty());
        assert!(
            health(&[(f64::NAN, 0.0), (0.1, 0.02), (0.5, 0.0)])
                .doubts()
                .is_empty()
        );
        let doubts = health(&[(-3.0, 0.0), (f64::NAN, 1.0), (f64::NEG_INFINITY, 1.0)]).doubts();
        assert!(doubts[0].starts_with("66.7 % of rewards"), "{doubts:?}");
        assert!(doubts[1].contains("in 2 of 3 iterations"), "{doubts:?}");
        assert_eq!(doubts.len(), 2);
    }
}
