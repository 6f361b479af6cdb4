//! What the options of all algorithms share: the schedule of the step size, and the check of ranges.

use wayside_core::config::Count;
use wayside_core::error::{Problem, Problems, Result};

/// Any count: learners check the ranges of their options themselves.
pub(crate) const ANY_COUNT: Count = Count {
    min: 0,
    max: usize::MAX,
};
/// Any number of steps.
pub(crate) const ANY_STEPS: Count<u64> = Count {
    min: 0,
    max: u64::MAX,
};

/// How the learning rate changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Falls linearly to zero at `total_timesteps`.
    Linear,
}

pub(crate) const SCHEDULES: [(&str, Schedule); 2] = [
    ("constant", Schedule::Constant),
    ("linear", Schedule::Linear),
];

impl Schedule {
    /// The rate after `timesteps` of `total`.
    pub(crate) fn rate(self, learning_rate: f64, timesteps: u64, total: u64) -> f64 {
        let done = timesteps as f64 / total as f64;
        match self {
            Self::Constant => learning_rate,
            Self::Linear => learning_rate * (1.0 - done).max(0.0),
        }
    }
}

/// Collects the options that are out of range.
#[derive(Debug, Default)]
pub(crate) struct RangeCheck(Problems);

impl RangeCheck {
    pub(crate) fn unless(&mut self, ok: bool, path: &str, want: &str, got: impl std::fmt::Display) {
        if !ok {
            let message = format!("must be {want}, got {got}");
            self.0.push(Problem {
                file: "options".to_owned(),
                line: None,
                path: path.to_owned(),
                message,
            });
        }
    }

    pub(crate) fn counts(&mut self, of: &[(&str, usize)]) {
        for &(path, value) in of {
            self.unless(value > 0, path, "> 0", value);
            // larger ones would exceed the memory or the address space
            let most = match path {
                "shards" | "lanes" => 1024,
                "envs" => 100_000,
                "n_steps" | "batch_size" => 10_000_000,
                "buffer_size" | "min_buffer_size" => 100_000_000,
                _ => continue,
            };
            self.unless(value <= most, path, &format!("at most {most}"), value);
        }
    }

    pub(crate) fn shares(&mut self, of: &[(&str, f64)]) {
        of.iter()
            .for_each(|(path, v)| self.unless((0.0..=1.0).contains(v), path, "between 0 and 1", v));
    }

    pub(crate) fn positive(&mut self, of: &[(&str, f64)]) {
        of.iter()
            .for_each(|(path, v)| self.unless(*v > 0.0 && v.is_finite(), path, "> 0", v));
    }

    pub(crate) fn not_negative(&mut self, of: &[(&str, f64)]) {
        of.iter()
            .for_each(|(path, v)| self.unless(*v >= 0.0 && v.is_finite(), path, ">= 0", v));
    }

    pub(crate) fn done(self) -> Result<()> {
        self.0.into_result(())
    }
}
