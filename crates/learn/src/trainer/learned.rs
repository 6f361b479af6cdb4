//! A trained network as a policy file: parameters and a card that says where it comes from and what it can serve.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wayside_core::Scenario;
use wayside_core::error::Result;
use wayside_core::observation::{Layout, Observation, Scorer};

use crate::algo::policy::{MakeArchitecture, Policy};
use crate::nn::net::Net;
use crate::nn::state::{State, in_file, invalid};

/// Key of the card in the file's header.
const KEY: &str = "policy";

/// How good a policy was found to be: means over all tasks of some seeds and slots.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Objective J of (15).
    pub objective: f64,
    /// Certified lower bound of it; NaN, in a card null, where there is none.
    #[serde(deserialize_with = "null_is_nan")]
    pub lower_bound: f64,
    /// (objective - `lower_bound`) / `lower_bound`; where scenarios vary, the mean of theirs. No number
    /// without a bound above zero.
    #[serde(deserialize_with = "null_is_nan")]
    pub gap: f64,
    /// Mean delay \[s\].
    pub delay_s: f64,
    /// Mean energy \[J\].
    pub energy_j: f64,
    /// Share of tasks done within their deadline.
    pub deadline_met: f64,
}

fn null_is_nan<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// Where a policy comes from and what it can serve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// `ppo` or `ac`.
    pub algorithm: String,
    /// Name of the scenario it was trained in.
    pub scenario: String,
    /// SHA-256 of the text of that scenario, see [`scenario_hash`].
    pub scenario_hash: String,
    /// What it observes and says, with the version of both.
    pub layout: Layout,
    /// Seed of the training.
    pub seed: u64,
    /// Steps that it learned from; a slot may take several.
    pub timesteps: u64,
    /// Slots that it learned from.
    pub slots: u64,
    /// Its score in the evaluation of the training, on seeds that it never learned from.
    pub score: Option<Score>,
    /// The score on the same slots of the rule that decides by the same rows, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untrained: Option<Score>,
    /// Seeds of that evaluation, and slots of each.
    pub evaluated: (Vec<u64>, usize),
    /// The command that made it.
    pub command: String,
    /// Version of Wayside that made it.
    pub version: String,
    /// All options of the training.
    pub options: serde_json::Value,
}

/// SHA-256, in hexadecimal, of the canonical text of a scenario.
#[must_use]
pub fn scenario_hash(scenario: &Scenario) -> String {
    hex::encode(Sha256::digest(scenario.to_toml()))
}

/// Moments of the inputs, where they are normalised.
const NORMALISERS: [&str; 4] = [
    "normaliser.rows.mean",
    "normaliser.rows.variance",
    "normaliser.globals.mean",
    "normaliser.globals.variance",
];

/// Numbers by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Such as `trunk.0.weight`.
    pub name: String,
    /// Its sizes, row-major.
    pub shape: Vec<usize>,
    /// As many values as the product of the sizes.
    pub values: Vec<f32>,
}

impl Tensor {
    fn new(name: String, shape: Vec<usize>, values: Vec<f32>) -> Self {
        Self {
            name,
            shape,
            values,
        }
    }
}

/// A trained network with its card.
#[derive(Clone, Debug)]
pub struct LearnedPolicy {
    card: Card,
    policy: Policy,
}

impl LearnedPolicy {
    /// A network with its card.
    ///
    /// # Errors
    /// If the network does not fit the card's layout.
    pub fn new(card: Card, policy: Policy) -> Result<Self> {
        card.layout.check()?;
        let (spec, (width, outputs)) = (policy.spec(), card.layout.shape());
        if (spec.row_width, spec.logits_per_row) != (width, outputs) {
            let got = (spec.row_width, spec.logits_per_row);
            let message = format!(
                "must take rows of {width} features and give {outputs} logits, as the layout says; got {} and {}",
                got.0, got.1
            );
            return Err(invalid("net", message));
        }
        Ok(Self { card, policy })
    }

    /// The card.
    #[must_use]
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What the policy is made of, by name: of the networks `trunk`, `head` and `value` the weights `[inputs, outputs]` and the
    /// biases of every layer, `trunk.0.weight` and so on, and the moments that normalise rows, if any. A network of another
    /// architecture is one vector, `params`.
    ///
    /// # Errors
    /// If the state cannot be written.
    pub fn tensors(&self) -> Result<Vec<Tensor>> {
        let state = self.state()?;
        let params: Vec<f32> = state.get("params")?;
        let mut tensors = Vec::new();
        if state.card.get("architecture").is_some() {
            let shape = vec![params.len()];
            tensors.push(Tensor::new("params".into(), shape, params));
        } else {
            let net = Net::new(self.policy.spec().clone())?;
            for (name, part) in ["trunk", "head", "value"].into_iter().zip(net.parts()) {
                for (i, (at, inputs, outputs)) in part.layers().enumerate() {
                    let (weights, rest) = params[at..].split_at(inputs * outputs);
                    let weights = Tensor::new(
                        format!("{name}.{i}.weight"),
                        vec![inputs, outputs],
                        weights.to_vec(),
                    );
                    let biases = rest[..outputs].to_vec();
                    let biases = Tensor::new(format!("{name}.{i}.bias"), vec![outputs], biases);
                    tensors.extend([weights, biases]);
                }
            }
        }
        for name in NORMALISERS {
            if let Ok(values) = state.get::<f64>(name) {
                let values: Vec<f32> = values.into_iter().map(|x| x as f32).collect();
                tensors.push(Tensor::new(name.into(), vec![values.len()], values));
            }
        }
        Ok(tensors)
    }

    /// As a safetensors file, the card in its header.
    ///
    /// # Errors
    /// If the format cannot hold it.
    pub fn state(&self) -> Result<State> {
        let mut state = self.policy.save();
        state.card[KEY] =
            serde_json::to_value(&self.card).map_err(|e| invalid(KEY, e.to_string()))?;
        Ok(state)
    }

    /// From what [`LearnedPolicy::state`] made.
    ///
    /// # Errors
    /// If something is missing or does not fit.
    pub fn from_state(state: &State) -> Result<Self> {
        state.check_finite()?;
        Self::new(state.card_value(KEY)?, Policy::load(state)?)
    }

    /// From the bytes of a policy file; any bytes give a policy or an error.
    ///
    /// # Errors
    /// If they are not a policy file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_state(&State::from_bytes(bytes)?)
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// If it cannot be read or is not a policy file; the error names the file.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_state(&State::read(path)?).map_err(|error| in_file(error, path))
    }

    /// Reads a policy file whose networks have the architecture that `make` makes: that which
    /// [`Plan::architecture`](crate::trainer::Plan::architecture) was given.
    ///
    /// # Errors
    /// If it cannot be read, is not a policy file, or its architecture has another name; the error names the file.
    pub fn read_with(path: &Path, make: &MakeArchitecture) -> Result<Self> {
        let read = || {
            let state = State::read(path)?;
            state.check_finite()?;
            Self::new(state.card_value(KEY)?, Policy::load_with(&state, make)?)
        };
        read().map_err(|error| in_file(error, path))
    }

    /// The policy file, and the card alone as JSON, to be read by people.
    ///
    /// # Errors
    /// If the format cannot hold it.
    pub fn to_files(&self) -> Result<(Vec<u8>, String)> {
        let card =
            serde_json::to_string_pretty(&self.card).map_err(|e| invalid(KEY, e.to_string()))?;
        Ok((self.state()?.to_bytes()?, card + "\n"))
    }
}

impl Scorer for LearnedPolicy {
    fn layout(&self) -> &Layout {
        &self.card.layout
    }

    fn score(&mut self, observation: &Observation, logits: &mut Vec<f32>) {
        self.policy.logits(&observation.rows, logits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_a_score_without_a_bound_survives_its_card() {
        let score = Score {
            objective: 0.5,
            lower_bound: f64::NAN,
            gap: f64::NAN,
            delay_s: 1.0,
            energy_j: 2.0,
            deadline_met: 1.0,
        };
        let card = serde_json::to_string(&score).unwrap();
        let back: Score = serde_json::from_str(&card).unwrap();
        assert!(back.lower_bound.is_nan() && back.gap.is_nan());
        assert_eq!((back.objective, back.energy_j), (0.5, 2.0));
    }
}
