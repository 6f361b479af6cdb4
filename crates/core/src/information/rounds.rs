//! The rounds of related information that went out: delayed, lost, falsified.

use crate::queueing::{Finished, QueueNetwork};
use crate::rng::{Stream, Streams};
use crate::slot::queues::{Information, QueueState};

/// When rounds go out, and what happens to them.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Rounds per second, the first at 0 \[Hz\].
    pub rate_hz: f64,
    /// Intervals in which rounds are lost, each from its first instant to before its last \[s\].
    pub lost_s: Vec<(f64, f64)>,
    /// Reports that are false.
    pub falsified: Option<FalseReports>,
}

/// A share of all reports is false.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FalseReports {
    /// Probability that a server's report of a round is false, independent of all others.
    pub share: f64,
    /// What it says instead.
    pub kind: Falsehood,
}

/// What a false report says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Falsehood {
    /// All cores are free, no task waits, and the server's links idle.
    Idle,
    /// The state is drawn anew like that of the start: every core is free with probability `capability`,
    /// else busy for U(0, `busy_s`); no task waits, and the server's links idle.
    Redraw {
        /// Probability that a core is free.
        capability: f64,
        /// Longest time until a busy core is free \[s\].
        busy_s: f64,
    },
}

/// The rounds of a run.
#[derive(Clone, Debug)]
pub struct Rounds {
    schedule: Schedule,
    /// Rounds that any observer can still need.
    keep: usize,
    next: u64,
    stream: Stream,
}

impl Rounds {
    /// Rounds for observers who are told as `information` says. What is false is drawn from the stream
    /// `information.false`.
    ///
    /// # Panics
    /// If the rate is not positive.
    #[must_use]
    pub fn new(schedule: Schedule, information: &Information, streams: Streams) -> Self {
        assert!(schedule.rate_hz > 0.0, "{} Hz", schedule.rate_hz);
        let oldest_s = f64::from(information.ttl) * information.hop_s + information.delay_s;
        // Those on their way, the newest that has arrived everywhere, and one for rounding.
        let keep = (oldest_s * schedule.rate_hz).ceil() as usize + 2;
        Self {
            schedule,
            keep,
            next: 0,
            stream: streams.stream("information.false"),
        }
    }

    /// When the next round goes out \[s\].
    #[must_use]
    pub fn next_s(&self) -> f64 {
        self.next as f64 / self.schedule.rate_hz
    }

    /// Simulates `servers` up to `time_s`, and adds all rounds until then to `rounds`, which holds them
    /// newest first. Rounds that no observer can need any more are dropped.
    pub fn advance(
        &mut self,
        time_s: f64,
        servers: &mut QueueNetwork,
        rounds: &mut Vec<QueueState>,
        done: &mut impl FnMut(Finished),
    ) {
        while self.next_s() <= time_s {
            servers.run_until(self.next_s(), done);
            self.take(servers, rounds);
        }
        servers.run_until(time_s, done);
    }

    /// Adds the rounds before the start that an observer can still need. The state before the start is taken to be the
    /// state at the start.
    pub fn warm_up(&mut self, servers: &QueueNetwork, rounds: &mut Vec<QueueState>) {
        for before in (1..self.keep).rev() {
            self.add(-(before as f64) / self.schedule.rate_hz, servers, rounds);
        }
    }

    /// Takes the next round from `servers`, which have been simulated up to it.
    fn take(&mut self, servers: &QueueNetwork, rounds: &mut Vec<QueueState>) {
        let time_s = self.next_s();
        self.next += 1;
        let lost = |&(from, to): &(f64, f64)| from <= time_s && time_s < to;
        if self.schedule.lost_s.iter().any(lost) {
            return;
        }
        self.add(time_s, servers, rounds);
    }

    fn add(&mut self, time_s: f64, servers: &QueueNetwork, rounds: &mut Vec<QueueState>) {
        if rounds.len() < self.keep {
            rounds.push(QueueState::default());
        }
        rounds.rotate_right(1);
        servers.observe(time_s, &mut rounds[0]);
        if time_s < servers.now_s() {
            let QueueState {
                core_free_s,
                link_free_s,
                ..
            } = &mut rounds[0];
            let instants = core_free_s.iter_mut().chain(link_free_s);
            for free_s in instants.filter(|s| **s <= servers.now_s()) {
                *free_s = free_s.min(time_s);
            }
        }
        if let Some(falsified) = self.schedule.falsified {
            for m in 0..servers.network().rsus() as u32 {
                if self.stream.unit() < falsified.share {
                    falsify(m, falsified.kind, servers, &mut rounds[0], &mut self.stream);
                }
            }
        }
    }
}

/// Overwrites what server `m` reports.
fn falsify(
    m: u32,
    kind: Falsehood,
    servers: &QueueNetwork,
    state: &mut QueueState,
    stream: &mut Stream,
) {
    let time_s = state.time_s;
    state.waiting[m as usize] = 0;
    for row in servers.network().leaving(m) {
        state.link_free_s[row as usize] = time_s;
    }
    for free_s in &mut state.core_free_s[servers.cores(m)] {
        *free_s = match kind {
            Falsehood::Redraw { capability, busy_s } if stream.unit() >= capability => {
                time_s + stream.uniform(0.0, busy_s)
            }
            Falsehood::Idle | Falsehood::Redraw { .. } => time_s,
        };
    }
}
