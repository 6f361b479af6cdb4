//! Every policy and a random one on hostile runs.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use wayside_core::Scenario;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::world::World;
use wayside_core::engine::{Observer, SharedFactory, own_policy, replicate_observed};
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::sessions::UNCOVERED;
use wayside_core::slot::{Decision, Placement, Slot};

use super::bounded;

/// Names any host at random.
struct Anywhere(Stream);

impl Policy for Anywhere {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        for _ in 0..slot.tasks.len() {
            decision.placements.push(match self.0.below(3) {
                0 => Placement::Local,
                _ => {
                    let host = self.0.below(slot.rsus.len()) as u32;
                    Placement::Rsu {
                        entry: host,
                        execution: host,
                    }
                }
            });
        }
    }
}

/// Checks every slot of every policy.
#[derive(Default)]
struct Balance {
    /// Slots left of each session, as last seen.
    left: BTreeMap<u64, u32>,
    batches: u64,
    moved_bits: BTreeMap<usize, f64>,
}

impl Observer for Balance {
    fn slot(&mut self, _: usize, slot: &Slot) -> ControlFlow<()> {
        let sessions = slot.sessions.as_ref().unwrap();
        self.batches += sessions.id.len() as u64;
        let mut seen = BTreeMap::new();
        for (row, (&id, &left)) in sessions.id.iter().zip(&sessions.left).enumerate() {
            assert!(left > 0 && seen.insert(id, left).is_none());
            if let Some(before) = self.left.get(&id) {
                assert_eq!(left + 1, *before, "a session has a batch in every slot");
            }
            let ahead = sessions.ahead.row(row);
            assert_eq!(ahead[0].entry, slot.session_entry(row));
            assert!(ahead.len() <= left as usize);
        }
        self.left = seen;
        ControlFlow::Continue(())
    }

    fn decided(&mut self, _: usize, policy: usize, slot: &Slot, decider: &Decider) {
        let sessions = slot.sessions.as_ref().unwrap();
        let mut used_hz = vec![0.0; slot.rsus.len()];
        for (row, placement) in decider.placements().iter().enumerate() {
            let (state, entry) = (&sessions.state[row], slot.session_entry(row));
            let away = state.down.is_some_and(|down| down.away > 0);
            let reached = state
                .host
                .filter(|_| entry != UNCOVERED && !away)
                .filter(|&host| slot.routes.find(entry, host).is_some());
            assert_eq!(placement.execution(), reached);
            if let Some(host) = reached {
                used_hz[host as usize] += decider.cpu_hz()[row];
                assert_eq!(placement.entry(), Some(entry));
            }
            if let Some(way) = sessions.ordered[row] {
                *self.moved_bits.entry(policy).or_default() += way.bits;
                assert!(state.moving == Some((way.to, way.lead)) || state.host == Some(way.to));
            }
        }
        for (used_hz, cpu_hz) in used_hz.iter().zip(&slot.rsus.cpu_hz) {
            assert!(*used_hz <= cpu_hz * (1.0 + 1e-9), "{used_hz} of {cpu_hz}");
        }
    }
}

pub(super) fn hostile(seed: u64) -> Vec<(String, String)> {
    let mut s = Streams::new(seed).stream("hostile");
    let mut pick = |values: &[&str]| values[s.below(values.len())].to_owned();
    let set = [
        ("fleet.size", pick(&["1", "7", "40"])),
        ("time.slot_s", pick(&["0.2", "1", "3"])),
        ("objective.omega", pick(&["0", "0.3", "0.65", "1"])),
        (
            "execution.duration_s",
            pick(&["{ min = 1, max = 20 }", "4"]),
        ),
        ("execution.state_bytes", pick(&["0", "1e6", "1e7", "1e9"])),
        ("execution.dirty_bytes_per_s", pick(&["0", "5e6", "1e9"])),
        ("execution.rounds", pick(&["0", "1", "8"])),
        ("execution.stop_bytes", pick(&["0", "1e6"])),
        ("execution.restart_s", pick(&["0", "0.05", "2.5"])),
        ("execution.interruption_s", pick(&["0", "0.1"])),
        ("task.probability", pick(&["0.05", "0.5", "1"])),
        ("rsu.grid.cpu_hz", pick(&["1e8", "2e9", "15e9"])),
        ("rsu.grid.range_m", pick(&["120", "300", "900"])),
        ("rsu.grid.energy_coeff", pick(&["0", "3e-28"])),
        ("backhaul.max_hops", pick(&["0", "1", "10"])),
        ("backhaul.rate_bps", pick(&["1e7", "1e9"])),
        ("area.width_m", pick(&["300", "1600", "4000"])),
    ];
    set.map(|(key, value)| (key.to_owned(), value)).to_vec()
}

/// Every policy and a random one on hostile runs: a cost below the bound would end the run with an error. Capacity, sessions
/// and batches balance in every slot.
#[test]
fn property_no_policy_costs_less_than_the_bound_and_all_balances() {
    for seed in 0..60 {
        let set = hostile(seed);
        let scenario = Scenario::builtin("highway", &set).unwrap();
        let world = World::new(&scenario).unwrap();
        let mut policies: Vec<SharedFactory> = vec![Arc::new(own_policy(
            "anywhere",
            |_: &_, streams: Streams| Anywhere(streams.stream("anywhere")),
        ))];
        policies.extend(PolicyKind::SESSIONS.map(|kind| Arc::new(kind) as _));
        let mut balance = Balance::default();
        let run = replicate_observed(&world, &policies, seed, bounded(12), &mut balance)
            .unwrap_or_else(|e| panic!("{seed} {set:?}: {e}"))
            .unwrap();
        for (i, policy) in run.policies.iter().enumerate() {
            let totals = policy.sessions.unwrap();
            let tasks: u64 = policy.slots.iter().map(|s| u64::from(s.tasks)).sum();
            let offloaded: u64 = policy.slots.iter().map(|s| u64::from(s.offloaded)).sum();
            assert_eq!((totals.batches, totals.served), (tasks, offloaded));
            assert_eq!(totals.batches, balance.batches);
            let moved = balance.moved_bits.get(&i).copied().unwrap_or(0.0);
            assert!((totals.moved_bits - moved).abs() <= 1e-9 * moved);
            assert!(policy.slots.iter().all(|s| s.objective.is_finite()));
        }
    }
}
