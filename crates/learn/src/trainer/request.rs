//! A training as users ask for it, on the command line or from Python.

use serde_json::json;
use wayside_core::engine::world::World;
use wayside_core::error::Result;

use super::options::{Algorithm, Encoder, Settings};

/// What to train, with names and values as text.
#[derive(Clone, Debug)]
pub struct Request {
    /// What learns.
    pub algorithm: Algorithm,
    /// Name or file of the scenario.
    pub scenario: String,
    /// Keys of the scenario that are changed, with their values.
    pub set: Vec<(String, String)>,
    /// Keys that are drawn for every environment, each as `KEY=VALUES`.
    pub vary: Vec<String>,
    /// What the network sees; none: what the agent has by default.
    pub encoder: Option<Encoder>,
    /// Options that are changed, with their values.
    pub options: Vec<(String, String)>,
    /// Seed of every random stream.
    pub seed: u64,
}

impl Request {
    /// All options of the training in `world`.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub fn settings(&self, world: &World) -> Result<Settings> {
        let vary =
            (!self.vary.is_empty()).then(|| ("vary".to_owned(), json!(self.vary).to_string()));
        let options: Vec<_> = vary.into_iter().chain(self.options.clone()).collect();
        Settings::new(self.algorithm, self.encoder, world, &options)
    }

    /// The command that trains the same policy, for its card. The folder is not part of it: equal trainings have equal cards.
    #[must_use]
    pub fn command(&self, settings: &Settings) -> String {
        let mut words = vec![
            "wayside train".to_owned(),
            self.algorithm.name().to_owned(),
            self.scenario.clone(),
        ];
        words.extend(
            self.set
                .iter()
                .map(|(key, value)| format!("--set {key}={value}")),
        );
        for vary in &self.vary {
            // Quote what a shell would interpret.
            let quote = if vary.contains([' ', '"', '{', '[']) {
                "'"
            } else {
                ""
            };
            words.push(format!("--vary {quote}{vary}{quote}"));
        }
        words.push(format!("--encoder {}", settings.encoder.name()));
        let options = self.options.iter();
        words.extend(options.map(|(name, value)| format!("--option {name}={value}")));
        words.push(format!("--seed {} --out DIR", self.seed));
        words.join(" ")
    }
}
