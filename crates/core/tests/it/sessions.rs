//! Sessions: closed forms of one vehicle, the bound against every schedule of tiny runs and against every policy on hostile
//! ones, and what holds in every slot.

mod faults;
mod hostile;
mod learned;

use wayside_core::engine::records::{PolicyRun, Replication};
use wayside_core::engine::world::World;
use wayside_core::engine::{
    BoundKind, Options, PolicyFactory, SharedFactory, own_policy, replicate,
};
use wayside_core::mobility::{MobilitySource, Positions, VehicleKey};
use wayside_core::model::channel::{Radio, seconds_per_bit};
use wayside_core::policy::sessions::SessionKind;
use wayside_core::policy::{Policy, PolicyKind};
use wayside_core::slot::{Decision, Placement, Slot};
use wayside_core::{Result, Scenario};

const TWO: &str = r#"
[scenario]
name = "two"
[time]
slot_s = 1.0
slots = 6
[area]
width_m = 1000
height_m = 10
[execution]
kind = "sessions"
duration_s = 6
state_bytes = 1e6
dirty_bytes_per_s = 5e6
[channel]
noise_dbm = -104
[fleet]
size = 1
tx_power_w = 0.2
cpu_hz = 0.5e9
energy_coeff = 2e-26
[fleet.mobility]
kind = "straight"
speed_mps = 20
[task]
cycles = 4e8
data_bytes = 250_000
deadline_s = 1
probability = 1
[rsu_default]
range_m = 500
bandwidth_hz = 100e6
cpu_hz = 15e9
energy_coeff = 3e-28
[[rsu]]
id = "a"
x_m = 0
y_m = 0
[[rsu]]
id = "b"
x_m = 400
y_m = 0
[backhaul]
rate_bps = 1e9
migration_power_w = 0.5
max_distance_m = 500
[objective]
omega = 0.65
"#;

fn scenario(set: &[(&str, &str)]) -> Scenario {
    let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let set: Vec<_> = set.iter().map(own).collect();
    Scenario::from_toml("two", TWO, &set).unwrap_or_else(|e| panic!("{e}"))
}

/// Vehicles `apart_m` apart that drive east from 130 m at 20 m/s: the first one is nearer to `b` from slot 4 on.
#[derive(Clone, Copy)]
struct East {
    vehicles: u64,
    apart_m: f64,
}

impl MobilitySource for East {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        out.clear();
        for i in 0..self.vehicles {
            out.push(
                VehicleKey(i),
                130.0 + 20.0 * time_s + self.apart_m * i as f64,
                0.0,
            );
        }
        Ok(())
    }
}

fn world(scenario: &Scenario, vehicles: u64, apart_m: f64) -> World {
    let east = East { vehicles, apart_m };
    World::new(scenario).unwrap().with_mobility(move |_| east)
}

fn bounded(slots: usize) -> Options {
    Options {
        slots,
        bound: BoundKind::Horizon,
    }
}

fn session(kind: SessionKind) -> PolicyKind {
    PolicyKind::Session(kind)
}

/// Sum of the cost of all batches.
fn total(run: &PolicyRun) -> f64 {
    let cost = |s: &wayside_core::engine::records::SlotRecord| s.objective * f64::from(s.tasks);
    run.slots.iter().map(cost).sum()
}

/// One vehicle with `omega` = 0.65, alone at 15 GHz: F0 = (0.65 / (0.7 kappa))^(1/3).
fn by_hand(slot: usize, host: usize, wait_s: f64, move_j: f64, interruption_s: f64) -> f64 {
    let entry = usize::from(130.0 + 20.0 * slot as f64 > 200.0);
    entering(slot, entry, host, wait_s, move_j, interruption_s)
}

/// The same where it enters by another RSU than the nearest.
fn entering(
    slot: usize,
    entry: usize,
    host: usize,
    wait_s: f64,
    move_j: f64,
    interruption_s: f64,
) -> f64 {
    let omega = 0.65;
    let x_m = 130.0 + 20.0 * slot as f64;
    let channel = scenario(&[]).channel;
    let distance_m = x_m - 400.0 * entry as f64;
    let snr = Radio::new(&channel).snr(0.2, distance_m * distance_m);
    let upload_s = 2e6 * seconds_per_bit(100e6, snr);
    let way_s = if entry == host { 0.0 } else { 2e6 / 1e9 };
    let cpu_hz = (0.65f64 / (0.7 * 3e-28)).cbrt();
    let delay_s = upload_s + interruption_s + way_s + wait_s + 4e8 / cpu_hz;
    let energy_j = 0.2 * upload_s + 0.5 * way_s + move_j + 3e-28 * cpu_hz * cpu_hz * 4e8;
    omega * delay_s + (1.0 - omega) * energy_j
}

/// A session that ends before, at and after the border between two RSUs; a move without and with pre-copy.
#[test]
fn closed_form_one_vehicle_passes_two_rsus() {
    let check = |set: &[(&str, &str)], kind, expected: &[f64]| {
        let world = world(&scenario(set), 1, 0.0);
        let run = replicate(&world, &[session(kind)], 0, bounded(expected.len())).unwrap();
        for (record, expected) in run.policies[0].slots.iter().zip(expected) {
            let (t, found) = (record.slot, record.objective);
            assert!(
                (found - expected).abs() < 1e-12,
                "{kind:?} {t}: {found} {expected}"
            );
        }
        run.policies[0].sessions.unwrap()
    };
    let stays: Vec<f64> = (0..6)
        .map(|t| by_hand(t, 0, 0.0, 0.0, if t == 4 { 0.05 } else { 0.0 }))
        .collect();
    for slots in [4, 5, 6] {
        let totals = check(&[], SessionKind::Never, &stays[..slots]);
        assert_eq!((totals.moves, totals.batches), (0, slots as u64));
    }
    // 1 MB is not copied ahead: 8 ms and the restart, in the slot of the handover
    let mut moves = stays;
    moves[4] = by_hand(4, 1, 0.058, 0.5 * 0.008, 0.05);
    moves[5] = by_hand(5, 1, 0.0, 0.0, 0.0);
    for slots in [4, 5, 6] {
        let totals = check(&[], SessionKind::Follow, &moves[..slots]);
        assert_eq!(totals.moves, u64::from(slots > 4));
    }
    // 10 MB: one round of 80 ms while it runs in slot 4, then 3.2 Mbit and the restart in slot 5
    moves[4] = by_hand(4, 0, 0.0, 0.5 * 0.0832, 0.05);
    moves[5] = by_hand(5, 1, 0.0532, 0.0, 0.0);
    let totals = check(
        &[("execution.state_bytes", "10e6")],
        SessionKind::Follow,
        &moves,
    );
    assert!((totals.moved_bits - 83.2e6).abs() < 1e-3 && (totals.down_s - 0.0532).abs() < 1e-12);
}

/// Downtime of 1.25 s: the batch of slot 4 runs on the vehicle, that of slot 5 waits for 0.25 s.
#[test]
fn closed_form_downtime_longer_than_a_slot() {
    let set = [("execution.restart_s", "1.242")];
    let world = world(&scenario(&set), 1, 0.0);
    let run = replicate(&world, &[session(SessionKind::Follow)], 0, bounded(6)).unwrap();
    let found: Vec<f64> = run.policies[0].slots.iter().map(|s| s.objective).collect();
    let local = 0.65 * 0.8 + 0.35 * (2e-26 * 0.25e18 * 4e8 + 0.5 * 0.008);
    assert!((found[4] - local).abs() < 1e-12, "{} {local}", found[4]);
    assert!((found[5] - by_hand(5, 1, 0.25, 0.0, 0.0)).abs() < 1e-12);
    assert_eq!(run.policies[0].sessions.unwrap().served, 5);
}

/// With one vehicle there is nothing to share: planning together is the dynamic programme, and both are optimal.
#[test]
fn oracle_one_vehicle_is_planned_as_by_the_dynamic_programme() {
    for state in ["1e5", "1e6", "1e7", "1e8"] {
        for rate in ["1e7", "1e8", "1e9"] {
            let set = [
                ("execution.state_bytes", state),
                ("backhaul.rate_bps", rate),
                ("execution.duration_s", "9"),
                ("task.probability", "0.2"),
            ];
            let world = world(&scenario(&set), 1, 0.0);
            let kinds = [
                SessionKind::Alone,
                SessionKind::Foresight,
                SessionKind::Plan,
            ];
            // a vehicle that came before its session: what predicts knows its speed
            let later = |run: &Replication| run.policies[0].slots[0].tasks == 0;
            let mut runs = (0..9)
                .map(|seed| replicate(&world, &kinds.map(session), seed, bounded(14)).unwrap());
            let run = runs.find(later).unwrap();
            let [alone, foresight, plan] = [0, 1, 2].map(|i| total(&run.policies[i]));
            assert_eq!(alone.to_bits(), foresight.to_bits(), "{state} {rate}");
            assert!((plan - alone).abs() < 1e-9 * alone, "{state} {rate}");
            let batches = run.policies[0].sessions.unwrap().batches;
            assert!(batches >= 9);
            let bound = run.policies[0].horizon_bound.unwrap() * batches as f64;
            assert!(
                (alone - bound).abs() < 1e-9 * alone,
                "{state} {rate}: {alone} {bound}"
            );
        }
    }
}

/// Names the hosts that it is told, slot by slot and session by session.
struct Script {
    hosts: Vec<u32>,
    sessions: usize,
    slot: usize,
}

impl Policy for Script {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        for &id in &slot.sessions.as_ref().unwrap().id {
            let host = self.hosts[self.slot * self.sessions + id as usize];
            decision.placements.push(Placement::Rsu {
                entry: host,
                execution: host,
            });
        }
        self.slot += 1;
    }
}

/// A policy for every choice of one of two hosts per session and slot.
fn scripts(sessions: usize, slots: usize) -> Vec<SharedFactory> {
    let script = |bits: u32| {
        let hosts: Vec<u32> = (0..sessions * slots).map(|i| bits >> i & 1).collect();
        let build = move |_: &_, _| Script {
            hosts: hosts.clone(),
            sessions,
            slot: 0,
        };
        std::sync::Arc::new(own_policy(&format!("{bits}"), build)) as _
    };
    (0..1u32 << (sessions * slots)).map(script).collect()
}

/// Every schedule of two sessions over four slots at two RSUs.
#[test]
fn oracle_bound_and_plan_against_every_schedule() {
    let (sessions, slots) = (2usize, 4usize);
    let mut gaps = Vec::new();
    for (seed, cpu_hz) in [(0, "0.6e9"), (1, "1e9"), (2, "2e9"), (3, "15e9")] {
        for (state, rate) in [("1e5", "1e8"), ("2e6", "1e9"), ("1e7", "1e9")] {
            let set = [
                ("rsu.0.cpu_hz", cpu_hz),
                ("rsu.1.cpu_hz", cpu_hz),
                ("execution.state_bytes", state),
                ("execution.duration_s", "4"),
                ("backhaul.rate_bps", rate),
                ("task.cycles", "{ min = 2e8, max = 5e8 }"),
            ];
            let world = world(&scenario(&set), sessions as u64, 35.0);
            let all = replicate(&world, &scripts(sessions, slots), seed, bounded(slots)).unwrap();
            let best = all.policies.iter().map(total).fold(f64::INFINITY, f64::min);
            let bound = all.policies[0].horizon_bound.unwrap() * (sessions * slots) as f64;
            assert!(
                bound <= best * (1.0 + 1e-9),
                "{cpu_hz} {state}: {bound} {best}"
            );
            gaps.push(best / bound - 1.0);
            let ours = replicate(
                &world,
                &[session(SessionKind::Foresight)],
                seed,
                bounded(slots),
            );
            let ours = total(&ours.unwrap().policies[0]);
            assert!(ours >= best * (1.0 - 1e-9));
            assert!(ours <= best * 1.02, "{cpu_hz} {state}: {ours} {best}");
        }
    }
    // two sessions cannot be mixed as the bound mixes them, but it must not be far
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!(mean < 0.03, "{gaps:?}");
}

fn run(policies: &[PolicyKind]) -> Replication {
    let set = [("fleet.size".to_owned(), "30".to_owned())];
    let world = World::new(&Scenario::builtin("highway", &set).unwrap()).unwrap();
    let mut run = replicate(&world, policies, 5, bounded(20)).unwrap();
    for slot in run.policies.iter_mut().flat_map(|p| &mut p.slots) {
        slot.decision_time_s = 0.0;
    }
    run
}

/// What a policy does depends neither on the run nor on other policies.
#[test]
fn property_runs_are_reproducible_and_policies_independent() {
    let all = run(&PolicyKind::SESSIONS);
    assert_eq!(all, run(&PolicyKind::SESSIONS));
    for (i, kind) in PolicyKind::SESSIONS.into_iter().enumerate() {
        assert_eq!(all.policies[i], run(&[kind]).policies[0]);
    }
}

/// A heavy load spread over RSUs of little CPU: ours is nearest to the bound, and the future helps.
#[test]
fn property_planning_together_beats_the_rules() {
    let world = World::new(&Scenario::builtin("highway", &[]).unwrap()).unwrap();
    let run = replicate(&world, &PolicyKind::SESSIONS, 1, bounded(40)).unwrap();
    let cost: Vec<f64> = run.policies.iter().map(total).collect();
    let (plan, foresight) = (cost[5], cost[6]);
    assert!(cost[..5].iter().all(|rule| *rule > 1.01 * plan), "{cost:?}");
    assert!(foresight <= plan * 1.001, "{cost:?}");
    let batches = run.policies[0].sessions.unwrap().batches as f64;
    let bound = run.policies[0].horizon_bound.unwrap() * batches;
    assert!(foresight <= 1.01 * bound, "{foresight} {bound}");
}

#[test]
fn regress_what_does_not_suit_is_refused() {
    let refused = |set: &[(&str, &str)]| {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        let set: Vec<_> = set.iter().map(own).collect();
        Scenario::from_toml("two", TWO, &set)
            .unwrap_err()
            .to_string()
    };
    for (set, expected) in [
        (("time.carry_over", "true"), "time.carry_over"),
        (("load_balance.enforce", "true"), "load_balance.enforce"),
        (("task.per_vehicle", "2"), "task.per_vehicle"),
        (
            ("task.period_s", "0.1"),
            "task.period_s: needs [execution] kind = \"queues\"",
        ),
        (
            ("cloud", "{ round_trip_s = 1 }"),
            "cloud: needs [execution] kind = \"queues\"",
        ),
        (
            ("execution.busy_s", "1"),
            "execution.busy_s: needs kind = \"queues\"",
        ),
        (
            ("execution.kind", "shared-cpu"),
            "execution.state_bytes: needs kind = \"sessions\"",
        ),
    ] {
        let text = refused(&[set]);
        assert!(text.contains(expected), "{text}");
    }
    let sessions = world(&scenario(&[]), 1, 0.0);
    let tasks = World::new(&Scenario::builtin("wang2025", &[]).unwrap()).unwrap();
    let error = PolicyKind::Price.serves(&sessions).unwrap_err().to_string();
    assert!(error.contains("price does not host sessions"), "{error}");
    let error = session(SessionKind::Plan).serves(&tasks).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("kind = \"sessions\""), "{error}");
}
