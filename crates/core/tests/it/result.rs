//! The return of results: closed forms of one vehicle, a slow twin, and what holds in hostile runs.

use wayside_core::engine::decider::Decider;
use wayside_core::engine::result::{Fate, Missed, Returned};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Observer, Options, replicate, replicate_observed};
use wayside_core::evaluate::Outcome;
use wayside_core::mobility::{MobilitySource, Positions, VehicleKey};
use wayside_core::model::channel::{Radio, seconds_per_bit};
use wayside_core::policy::PolicyKind;
use wayside_core::slot::Slot;
use wayside_core::{Error, Result, Scenario};

use std::ops::ControlFlow;

mod kinds;

/// RSU `a` at 0 m and `b` at 400 m with ranges of 200 m: the border is at 200 m. A task takes `cycles` / 1 GHz.
const TWO: &str = r#"
[scenario]
name = "two"
[time]
slot_s = 1.0
slots = 3
[area]
width_m = 1000
height_m = 10
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
cycles = 1e9
data_bytes = 1
deadline_s = 100
[result]
data_bytes = 125_000
bandwidth_hz = 1e6
tx_power_w = 2
give_up_s = 3
interruption_s = 0.25
penalty_s = 7
[rsu_default]
range_m = 200
bandwidth_hz = 100e6
cpu_hz = 1e9
energy_coeff = 0
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
omega = 1
"#;

fn scenario(set: &[(&str, &str)]) -> Scenario {
    let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let set: Vec<_> = set.iter().map(own).collect();
    Scenario::from_toml("two", TWO, &set).unwrap_or_else(|e| panic!("{e}"))
}

/// One vehicle that drives east at 20 m/s. It is gone from `until_s` on; nothing is known from `ends_s` on.
#[derive(Clone, Copy)]
struct East {
    from_m: f64,
    until_s: f64,
    ends_s: f64,
}

impl MobilitySource for East {
    fn advance(&mut self, time_s: f64, out: &mut Positions) -> Result<()> {
        if time_s >= self.ends_s {
            return Err(Error::invalid("east", None, "", "ends"));
        }
        out.clear();
        if time_s < self.until_s {
            out.push(VehicleKey(7), self.from_m + 20.0 * time_s, 0.0);
        }
        Ok(())
    }
}

fn east(from_m: f64) -> East {
    East {
        from_m,
        until_s: f64::INFINITY,
        ends_s: f64::INFINITY,
    }
}

/// Everything that was decided, slot by slot.
#[derive(Default)]
struct Seen(Vec<(f64, Vec<Outcome>, Vec<Returned>)>);

impl Observer for Seen {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn decided(&mut self, _: usize, _: usize, slot: &Slot, decider: &Decider) {
        let (outcomes, returns) = (decider.outcomes().to_vec(), decider.returns().to_vec());
        self.0.push((slot.now_s, outcomes, returns));
    }
}

/// What becomes of the task of the first slot, on the nearest RSU.
fn first(vehicle: East, set: &[(&str, &str)]) -> (Outcome, Returned) {
    let world = World::new(&scenario(set))
        .unwrap()
        .with_mobility(move |_| vehicle);
    let mut seen = Seen::default();
    let options = Options {
        slots: 1,
        bound: BoundKind::Simple,
    };
    replicate_observed(&world, &[PolicyKind::Nearest], 0, options, &mut seen).unwrap();
    let (_, outcomes, returns) = &seen.0[0];
    (outcomes[0], returns[0])
}

/// Time of 1 Mbit over 1 MHz from so far away.
fn down_s(distance_m: f64) -> f64 {
    let radio = Radio::new(&scenario(&[]).channel);
    1e6 * seconds_per_bit(1e6, radio.snr(2.0, distance_m * distance_m))
}

fn close(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{a} is not {b}");
}

/// At 100 m, 1 s later at 120 m: still at `a`, no hop, no handover.
#[test]
fn closed_form_ends_before_the_border() {
    let (outcome, returned) = first(east(100.0), &[]);
    assert_eq!(returned.fate, Fate::Returned(0));
    assert_eq!((returned.hops, returned.handovers), (0, 0));
    assert_eq!((returned.wait_s, returned.interruption_s), (0.0, 0.0));
    close(returned.down_s, down_s(100.0 + 20.0 * outcome.ready_s()));
    close(outcome.return_s, returned.down_s);
    close(outcome.delay_s(), outcome.ready_s() + returned.down_s);
    close(outcome.return_j, 2.0 * returned.down_s);
}

/// At 190 m, 1 s later at 210 m: `b` sends it, after a hop of 1 Mbit over 1 Gbit/s at 0.5 W and one handover.
#[test]
fn closed_form_ends_after_the_border() {
    let (outcome, returned) = first(east(190.0), &[]);
    assert_eq!(returned.fate, Fate::Returned(1));
    assert_eq!((returned.hops, returned.handovers), (1, 1));
    close(returned.backhaul_s, 1e-3);
    close(returned.interruption_s, 0.25);
    let distance_m = 400.0 - (190.0 + 20.0 * outcome.ready_s());
    close(returned.down_s, down_s(distance_m));
    close(outcome.return_s, 1e-3 + 0.25 + returned.down_s);
    close(outcome.return_j, 0.5e-3 + 2.0 * returned.down_s);
}

/// Ready exactly where both are equally near: the one of the lower row, so there is no handover.
#[test]
fn closed_form_ends_at_the_border() {
    let (outcome, _) = first(east(190.0), &[]);
    let from_m = 200.0 - 20.0 * outcome.ready_s();
    let (outcome, returned) = first(east(from_m), &[]);
    let at_m = from_m + 20.0 * outcome.ready_s();
    // the upload from another place takes another time, by less than a micrometre's drive
    assert!((at_m - 200.0).abs() < 1e-6, "{at_m}");
    close(returned.down_s, down_s(200.0));
    let to_b = at_m > 200.0;
    assert_eq!(returned.fate, Fate::Returned(u32::from(to_b)));
    assert_eq!(returned.handovers, u32::from(to_b));
}

/// Ranges of 100 m leave a gap from 100 m to 300 m. At 250 m when ready: 50 m, 2.5 s to go.
#[test]
fn closed_form_waits_exactly() {
    let set = [("rsu_default.range_m", "100"), ("task.cycles", "8e9")];
    let (outcome, returned) = first(east(90.0), &set);
    let at_m = 90.0 + 20.0 * outcome.ready_s();
    assert_eq!(returned.fate, Fate::Returned(1));
    close(returned.wait_s, (300.0 - at_m) / 20.0);
    close(returned.down_s, down_s(100.0));
    assert_eq!((returned.hops, returned.handovers), (1, 1));
    close(
        outcome.return_s,
        returned.wait_s + 1e-3 + 0.25 + returned.down_s,
    );
}

/// The same gap, ready at 110 m: 9.5 s to go are more than 3 s. It counts 3 s and 7 s, and is not in time.
#[test]
fn closed_form_gives_up() {
    let set = [("rsu_default.range_m", "100")];
    let (outcome, returned) = first(east(90.0), &set);
    assert_eq!(returned.fate, Fate::Lost(Missed::NoCoverage));
    close(outcome.return_s, 10.0);
    close(outcome.return_j, 0.0);
    let patient = [set[0], ("result.give_up_s", "9.6")];
    assert_eq!(first(east(90.0), &patient).1.fate, Fate::Returned(1));
    let short = [set[0], ("result.give_up_s", "9.4")];
    let lost = first(east(90.0), &short).1.fate;
    assert_eq!(lost, Fate::Lost(Missed::NoCoverage));
}

/// No route leads from `a` to `b`: nobody that covers the vehicle can be reached.
#[test]
fn closed_form_without_a_route() {
    let set = [("backhaul.max_distance_m", "10")];
    let (_, returned) = first(east(190.0), &set);
    assert_eq!(returned.fate, Fate::Lost(Missed::NoCoverage));
}

/// It takes 1 s and a little: gone after 1 s it is lost; gone after 2 s it counts as standing at 120 m until then.
#[test]
fn closed_form_vehicles_that_leave() {
    let leaves = |until_s| East {
        until_s,
        ..east(100.0)
    };
    let (outcome, returned) = first(leaves(1.0), &[]);
    assert_eq!(returned.fate, Fate::Lost(Missed::VehicleLeft));
    close(outcome.return_s, 10.0);
    let (_, returned) = first(leaves(2.0), &[]);
    assert_eq!(returned.fate, Fate::Returned(0));
    close(returned.down_s, down_s(120.0));
}

/// Nobody knows what comes after the end of a trace: it counts nothing.
#[test]
fn closed_form_positions_that_end() {
    let ends = |ends_s| East {
        ends_s,
        ..east(100.0)
    };
    let (outcome, returned) = first(ends(1.0), &[]);
    assert_eq!(returned.fate, Fate::Pending);
    assert_eq!((outcome.return_s, outcome.return_j), (0.0, 0.0));
    assert_eq!(first(ends(2.0), &[]).1.fate, Fate::Returned(0));
    // and the run itself ends with the error of its source, where it comes there
    let world = World::new(&scenario(&[])).unwrap();
    let world = world.with_mobility(move |_| ends(2.0));
    let run = |slots| {
        let options = Options {
            slots,
            ..Options::default()
        };
        replicate(&world, &[PolicyKind::Nearest], 0, options)
    };
    assert!(run(2).is_ok());
    let error = run(3).unwrap_err().to_string();
    assert!(error.contains("ends"), "{error}");
}

/// Small steps in place of stretches: finds the first contact to within a step.
fn slow_wait_s(world: &World, seed: u64, row: usize, host: u32, ready_s: f64) -> Option<f64> {
    const STEP_S: f64 = 1e-3;
    let slot_s = world.scenario.time.slot_s;
    let streams = wayside_core::rng::Streams::new(seed);
    let mut source = world.mobility(streams).unwrap();
    let mut all = vec![];
    for t in 0..60 {
        let mut out = Positions::default();
        source.advance(t as f64 * slot_s, &mut out).unwrap();
        all.push((out.x_m[row], out.y_m[row]));
    }
    let give_up_s = world.scenario.result.unwrap().give_up_s;
    let steps = (give_up_s / STEP_S) as usize;
    (0..=steps).map(|i| i as f64 * STEP_S).find(|wait_s| {
        let at = (ready_s + wait_s) / slot_s;
        let (t, share) = (at.floor() as usize, at.fract());
        let between = |a: f64, b: f64| a + share * (b - a);
        let (x_m, y_m) = (
            between(all[t].0, all[t + 1].0),
            between(all[t].1, all[t + 1].1),
        );
        (0..world.rsus.len()).any(|m| {
            let (dx, dy) = (world.rsus.x_m[m] - x_m, world.rsus.y_m[m] - y_m);
            dx.hypot(dy) <= world.rsus.range_m[m] && world.routes.find(host, m as u32).is_some()
        })
    })
}

/// Vehicles that leave coverage all the time, in three kinds of motion.
fn sparse(mobility: &str, more: &[(&str, &str)]) -> Scenario {
    let result = "{data_bytes = {min = 1000, max = 2000000}, tx_power_w = 1, give_up_s = 4, interruption_s = 0.1, penalty_s = 1}";
    let set = [
        ("result", result),
        ("fleet.mobility", mobility),
        ("fleet.size", "30"),
        ("rsu_default.range_m", "190"),
    ];
    let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let set: Vec<_> = set.iter().chain(more).map(own).collect();
    Scenario::builtin("wang2025", &set).unwrap_or_else(|e| panic!("{e}"))
}

const MOTIONS: [&str; 3] = [
    "{kind = \"straight\", speed_mps = {min = 20, max = 60}}",
    "{kind = \"random-waypoint\", speed_mps = {min = 5, max = 50}, pause_s = 1}",
    "{kind = \"manhattan\", speed_mps = {min = 10, max = 30}, block_m = 150}",
];

#[test]
fn oracle_steps_of_a_millisecond_find_the_same_contacts() {
    let (mut waited, mut lost) = (0, 0);
    for (seed, mobility) in (0..).zip(MOTIONS) {
        let world = World::new(&sparse(mobility, &[])).unwrap();
        let mut placed = Placed::default();
        let options = Options {
            slots: 40,
            ..Options::default()
        };
        replicate_observed(&world, &[PolicyKind::Nearest], seed, options, &mut placed).unwrap();
        for (row, host, ready_s, returned) in placed.0 {
            let slow = slow_wait_s(&world, seed, row, host, ready_s);
            match returned.fate {
                Fate::Returned(_) => {
                    let slow = slow.expect("it is covered");
                    let late_s = slow - returned.wait_s;
                    assert!((-1e-9..=1e-3 + 1e-9).contains(&late_s), "{late_s}");
                    waited += u32::from(returned.wait_s > 0.0);
                }
                fate => {
                    assert_eq!(fate, Fate::Lost(Missed::NoCoverage));
                    assert_eq!(slow, None);
                    lost += 1;
                }
            }
        }
    }
    assert!(waited > 5 && lost > 0, "{waited} waited, {lost} lost");
}

/// Row, host, instant and return of every offloaded task.
#[derive(Default)]
struct Placed(Vec<(usize, u32, f64, Returned)>);

impl Observer for Placed {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn decided(&mut self, _: usize, _: usize, slot: &Slot, decider: &Decider) {
        for (task, placement) in decider.placements().iter().enumerate() {
            if let Some(host) = placement.execution() {
                let ready_s = slot.now_s + decider.outcomes()[task].ready_s();
                let row = slot.tasks.vehicle[task] as usize;
                self.0.push((row, host, ready_s, decider.returns()[task]));
            }
        }
    }
}

/// Every policy, with and without coupling: tasks balance, and no cost is below its bound (which ends the run).
#[test]
fn property_tasks_balance_and_bounds_hold() {
    let coupled = [("time.carry_over", "true"), ("time.slot_s", "0.25")];
    let mut lost = 0;
    for (more, bound) in [
        (&[][..], BoundKind::Simple),
        (&[][..], BoundKind::Split),
        (&coupled[..], BoundKind::Horizon),
    ] {
        for (seed, mobility) in (0..).zip(MOTIONS) {
            let world = World::new(&sparse(mobility, more)).unwrap();
            let policies = PolicyKind::defaults(&world.scenario);
            let options = Options { slots: 4, bound };
            let run = replicate(&world, &policies, seed, options).unwrap();
            for slot in run.policies.iter().flat_map(|run| &run.slots) {
                let returns = slot.returns.expect("results are returned");
                let missed: u32 = returns.lost.iter().sum();
                let all = returns.local + returns.returned + missed + returns.pending;
                assert_eq!(all, slot.tasks);
                assert_eq!(returns.local, slot.tasks - slot.offloaded);
                assert!(slot.return_s >= 0.0 && slot.return_s <= slot.delay_s);
                assert_eq!(returns.pending, 0);
                lost += missed;
            }
        }
    }
    assert!(lost > 0);
}

/// Positions read ahead change nothing else: answers without size and interruption, always covered, cost nothing.
#[test]
fn property_answers_of_no_size_change_nothing() {
    for name in ["wang2025", "coupled"] {
        let run = |set: &[(String, String)]| {
            let world = World::new(&Scenario::builtin(name, set).unwrap()).unwrap();
            let options = Options {
                slots: 6,
                bound: BoundKind::Horizon,
            };
            let policies = [PolicyKind::Nearest, PolicyKind::Price];
            replicate(&world, &policies, 3, options).unwrap()
        };
        let given = ("result.data_bytes".to_owned(), "0".to_owned());
        let (with, without) = (run(&[given]), run(&[]));
        for (with, without) in with.policies.iter().zip(&without.policies) {
            assert_eq!(with.horizon_bound, without.horizon_bound);
            for (with, without) in with.slots.iter().zip(&without.slots) {
                assert_eq!(without.returns, None);
                assert_eq!(with.returns.unwrap().returned, with.offloaded);
                assert_eq!(with.objective.to_bits(), without.objective.to_bits());
                assert_eq!(with.deadline_met, without.deadline_met);
            }
        }
    }
}

/// A reward is the cost that the run pays, returns included.
#[test]
fn oracle_env_pays_what_a_run_pays() {
    use wayside_core::engine::env::Env;
    use wayside_core::rng::Streams;
    use wayside_core::slot::Decision;
    let world = World::new(&sparse(MOTIONS[0], &[])).unwrap();
    let options = Options {
        slots: 5,
        ..Options::default()
    };
    let run = replicate(&world, &[PolicyKind::Nearest], 9, options).unwrap();
    let layout = wayside_core::observation::Layout::shared(&world);
    let mut env = Env::new(&world, layout, 5, Streams::new(1), "test").unwrap();
    env.reset(9).unwrap();
    let mut nearest = PolicyKind::Nearest.build(&world.scenario.policy, Streams::new(9));
    for slot in &run.policies[0].slots {
        let mut decision = Decision::default();
        nearest.decide(env.slot(), &mut decision);
        let end = env.step(&decision).unwrap();
        assert_eq!(end.reward.to_bits(), (-slot.objective).to_bits());
        assert!(slot.return_s > 0.0);
    }
}

#[test]
fn closed_form_refused_where_it_has_no_meaning() {
    let gains = (
        "channel",
        "{ noise_dbm = -104, model = \"table\", table = \"gains.csv\" }",
    );
    let given = [gains, ("result.data_bytes", "1000")];
    let set = given.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let error = Scenario::builtin("wang2025", &set).unwrap_err().to_string();
    assert!(
        error.contains("result: needs a radio without a table"),
        "{error}"
    );
    let bad = [
        ("result.give_up_s", "-1"),
        ("result.bandwidth_hz", "0"),
        ("result.size", "3"),
    ];
    let set = bad.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let error = Scenario::from_toml("two", TWO, &set)
        .unwrap_err()
        .to_string();
    for (key, _) in bad {
        assert!(error.contains(key), "{error}");
    }
}
