//! Ways so slow that a session at the wrong RSU costs any multiple of its vehicle, and moves take longer than it lives.

use std::sync::Arc;

use wayside_core::Scenario;
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, SharedFactory, own_policy, replicate};
use wayside_core::policy::Policy;
use wayside_core::policy::sessions::SessionKind;
use wayside_core::slot::{Decision, Placement, Slot};

use super::{bounded, by_hand, scenario, session, total, world};

/// Places no session.
struct Nowhere;

impl Policy for Nowhere {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let tasks = slot.tasks.len();
        decision.placements.extend(vec![Placement::Local; tasks]);
    }
}

/// At 1 kbit/s a batch takes 2,000 s from `b` to `a`, and the session 8,000 s. Within the horizon of 2 s the vehicle stays at `a`, but not to the end of the
/// session: it is served in its last slot alone, in which no forecast can be wrong.
#[test]
fn closed_form_a_session_that_cannot_follow_waits() {
    let set = [
        ("backhaul.rate_bps", "1e3"),
        ("policy.session-plan.horizon_s", "2"),
    ];
    let world = world(&scenario(&set), 1, 0.0);
    let run = replicate(&world, &[session(SessionKind::Plan)], 0, bounded(6)).unwrap();
    let on_vehicle = 0.65 * 0.8 + 0.35 * 2e-26 * 0.25e18 * 4e8;
    for record in &run.policies[0].slots {
        let expected = match record.slot {
            5 => by_hand(5, 1, 0.0, 0.0, 0.0),
            _ => on_vehicle,
        };
        let found = record.objective;
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    assert_eq!(run.policies[0].sessions.unwrap().moves, 0);
}

/// At any rate planning is at most a little worse than the rule that a user would take without it: to stay on the vehicle,
/// or to move once that pays.
#[test]
fn property_slow_ways_cost_no_more_than_the_vehicle() {
    let nowhere: SharedFactory = Arc::new(own_policy("nowhere", |_: &_, _| Nowhere));
    let kinds = [SessionKind::Plan, SessionKind::Threshold];
    for name in ["highway", "city-sessions"] {
        for rate in ["1e3", "1e5", "1e6", "3e6", "1e7", "1e8", "1e9"] {
            let set = [("backhaul.rate_bps", rate), ("fleet.size", "60")];
            let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
            // the fleet of a trace has no size
            let set = &set[..if name == "highway" { 2 } else { 1 }];
            let world = World::new(&Scenario::builtin(name, set).unwrap()).unwrap();
            let mut policies = vec![Arc::clone(&nowhere)];
            policies.extend(kinds.map(|kind| Arc::new(session(kind)) as _));
            let options = Options {
                slots: 40,
                bound: BoundKind::Off,
            };
            let run = replicate(&world, &policies, 3, options).unwrap();
            let [vehicle, plan, threshold] = [0, 1, 2].map(|i| total(&run.policies[i]));
            let rule = vehicle.min(threshold);
            assert!(plan <= 1.02 * rule, "{name} {rate}: {plan}, {rule}");
        }
    }
}
