//! LySAC: Lyapunov-guided soft actor-critic, the learned baseline of system 2. A trained actor proposes plans for a batch, and
//! the plan that is predicted to be the fastest is carried out.
//!
//! ## Reference
//! arXiv 2311.18671, as Sci. Rep. 15, 28126 uses it; what both leave open is decision 22.

use super::Policy;
use crate::error::Result;
use crate::observation::plan::{Backlog, Planner};
use crate::observation::{Observation, Scorer};
use crate::rng::{Stream, Streams};
use crate::slot::{Decision, Slot};

/// Bounds of the logarithm of a standard deviation, as in training.
const LOG_STD: (f32, f32) = (-20.0, 2.0);

/// A trained actor as a policy: means, then logarithms of standard deviations of a squashed Gaussian.
pub struct Lysac<S> {
    scorer: S,
    planner: Planner,
    stream: Stream,
    /// E: plans that are proposed for a batch.
    episodes: usize,
    observation: Observation,
    output: Vec<f32>,
    action: Vec<f32>,
    memory: Memory,
}

/// What a server remembers of the tasks that it sent: their predicted ends, and the virtual queue.
#[derive(Debug, Default)]
struct Memory {
    /// Instant \[s\], type, bits.
    flights: Vec<(f64, usize, f64)>,
    virtual_s: f64,
}

impl Memory {
    fn backlog(&mut self, now_s: f64) -> Backlog {
        self.flights.retain(|(end_s, _, _)| *end_s > now_s);
        let mut backlog = Backlog {
            virtual_s: self.virtual_s,
            ..Backlog::default()
        };
        for &(_, kind, bits) in &self.flights {
            backlog.bits[kind] += bits;
        }
        backlog
    }
}

impl<S: Scorer> Lysac<S> {
    /// Proposes `episodes` plans for every batch: the actor's likeliest, and others drawn from it.
    ///
    /// # Errors
    /// A layout that is not of this form.
    pub fn new(scorer: S, episodes: usize, streams: Streams) -> Result<Self> {
        Ok(Self {
            planner: scorer.layout().planner()?,
            observation: scorer.layout().planned(),
            scorer,
            stream: streams.stream("policy.lysac"),
            episodes,
            output: Vec::new(),
            action: Vec::new(),
            memory: Memory::default(),
        })
    }
}

impl<S: Scorer> Policy for Lysac<S> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let Self {
            scorer,
            planner,
            stream,
            observation,
            output,
            action,
            memory,
            ..
        } = self;
        let backlog = memory.backlog(slot.now_s);
        let (mut sum_s, mut tasks) = (0.0, 0.0);
        for source in 0..planner.begin(slot) as u32 {
            planner.look(slot, source, &backlog, observation);
            scorer.score(observation, output);
            let (mean, log_std) = output.split_at(planner.actions());
            let mut least_s = f64::INFINITY;
            for episode in 0..self.episodes {
                action.clear();
                action.extend(mean.iter().zip(log_std).map(|(mean, log_std)| {
                    let std = log_std.clamp(LOG_STD.0, LOG_STD.1).exp();
                    let noise = if episode == 0 {
                        0.0
                    } else {
                        stream.normal() as f32
                    };
                    (mean + std * noise).tanh()
                }));
                planner.decode(slot, source, action);
                let mean_s = planner.predict(slot, source);
                if episode == 0 || mean_s < least_s {
                    least_s = mean_s;
                    planner.keep();
                }
            }
            planner.settle(slot, source);
        }
        planner.decision(decision);
        let mut over_s = 0.0;
        for task in 0..slot.tasks.len() {
            if let Some((kind, delay_s)) = planner.foreseen(task) {
                let bits = slot.tasks.data_bits[task];
                memory.flights.push((slot.now_s + delay_s, kind, bits));
                sum_s += delay_s;
                over_s += slot.tasks.deadline_s[task];
                tasks += 1.0;
            }
        }
        if tasks > 0.0 {
            // Z(t+1) = max(Z + d - D, 0)
            memory.virtual_s = (memory.virtual_s + (sum_s - over_s) / tasks).max(0.0);
        }
    }
}
