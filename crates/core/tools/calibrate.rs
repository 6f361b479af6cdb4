//! What the first paper prints, for constants given on stdin: used by `studies/calibration/search.py`.
//!
//! A line asks, as JSON: `{"set": [["objective.omega", "0.6"], ...], "seeds": [0, 1], "slots": 100}`, with `"quota_data"` where
//! greedy-data has a quota of its own. A line answers: J and mean delay of each policy, and `start`, what an untrained agent
//! costs that draws both of its choices from the padded list of candidates (IV-C).

use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, PolicyFactory, replicate};
use wayside_core::policy::baselines::{Greedy, Rank};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::{Stream, Streams};
use wayside_core::scenario::PolicyOptions;
use wayside_core::slot::{Decision, Placement, Slot};
use wayside_core::{Result, Scenario};

/// Who is compared.
enum Who {
    Kind(PolicyKind),
    Data(f64),
    Start(usize),
}

impl PolicyFactory for Who {
    fn name(&self) -> &str {
        match self {
            Self::Kind(kind) => kind.info().name,
            Self::Data(_) => "greedy-data",
            Self::Start(_) => "start",
        }
    }

    fn policy(&self, options: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
        Ok(match self {
            Self::Kind(kind) => return kind.policy(options, streams),
            Self::Data(quota) => Box::new(Greedy::new(Rank::Data, *quota)),
            Self::Start(beta) => Box::new(Start {
                beta: *beta,
                stream: streams.stream("calibration.start"),
            }),
        })
    }
}

/// Entry from the covering RSUs, nearest first, padded cyclically to `beta`, or local; target from the same RSUs.
struct Start {
    beta: usize,
    stream: Stream,
}

impl Policy for Start {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        decision.placements.clear();
        for task in 0..slot.tasks.len() {
            let first = self.stream.below(self.beta + 1);
            let second = self.stream.below(self.beta);
            let links = slot.links(task);
            decision
                .placements
                .push(if links.is_empty() || first == self.beta {
                    Placement::Local
                } else {
                    let entry = links[first % links.len()].rsu;
                    let target = links[second % links.len()].rsu;
                    let mut reached = slot.routes.targets(entry).iter();
                    let reached = reached.any(|t| t.rsu == target);
                    let execution = if reached { target } else { entry };
                    Placement::Rsu { entry, execution }
                });
        }
    }
}

fn answer(line: &str) -> Result<Value> {
    let ask: Value = serde_json::from_str(line).expect("a JSON object");
    let text = |v: &Value| v.as_str().expect("a string").to_owned();
    let sets = ask["set"].as_array().into_iter().flatten();
    let sets: Vec<_> = sets.map(|kv| (text(&kv[0]), text(&kv[1]))).collect();
    let scenario = Scenario::builtin("wang2025", &sets)?;
    let world = World::new(&scenario)?;
    let quota = ask["quota_data"].as_f64();
    let quota = quota.unwrap_or(scenario.policy.greedy.quota);
    let beta = ask["beta"].as_u64().unwrap_or(7) as usize;
    let policies = [
        Who::Kind(PolicyKind::GreedyComputation),
        Who::Data(quota),
        Who::Kind(PolicyKind::Local),
        Who::Kind(PolicyKind::Nearest),
        Who::Kind(PolicyKind::Price),
        Who::Start(beta),
    ];
    let options = Options {
        slots: ask["slots"].as_u64().unwrap_or(100) as usize,
        bound: BoundKind::Off,
    };
    let mut sums = vec![[0.0; 3]; policies.len()];
    for seed in ask["seeds"].as_array().into_iter().flatten() {
        let seed = seed.as_u64().expect("a seed");
        let run = replicate(&world, &policies, seed, options)?;
        for (sum, policy) in sums.iter_mut().zip(&run.policies) {
            for slot in &policy.slots {
                let n = f64::from(slot.tasks);
                sum[0] += slot.objective * n;
                sum[1] += slot.delay_s * n;
                sum[2] += n;
            }
        }
    }
    let found = policies.iter().zip(&sums);
    let found = found.map(|(who, [j, t, n])| (who.name().to_owned(), json!([j / n, t / n])));
    Ok(Value::Object(found.collect()))
}

fn main() {
    let lines = std::io::stdin().lock().lines();
    for line in lines.map_while(std::result::Result::ok) {
        let answer = answer(&line).unwrap_or_else(|e| json!({ "error": e.to_string() }));
        println!("{answer}");
        std::io::stdout().flush().expect("stdout");
    }
}
