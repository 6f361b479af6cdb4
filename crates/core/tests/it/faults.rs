//! Faults of servers and links where tasks share CPU: closed forms of one vehicle, and what holds in every slot of hostile runs.

use std::ops::ControlFlow;

use wayside_core::Result;
use wayside_core::Scenario;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::world::{FaultyPart, World};
use wayside_core::engine::{BoundKind, Observer, Options, replicate_observed};
use wayside_core::evaluate::Outcome;
use wayside_core::mobility::{MobilitySource, Positions, VehicleKey};
use wayside_core::policy::PolicyKind;
use wayside_core::rng::Streams;
use wayside_core::slot::{Placement, Slot};

/// RSUs `a` at 0 m and `b` at 400 m, which have all the CPU that a task at `a` asks for. A task takes 2.5 s there, 4 s on its vehicle.
const TWO: &str = r#"
[scenario]
name = "two"
[time]
slot_s = 1.0
slots = 6
carry_over = true
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
cycles = 2e9
data_bytes = 1
deadline_s = 100
[rsu_default]
range_m = 500
bandwidth_hz = 100e6
cpu_hz = 0.8e9
energy_coeff = 1e-27
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

/// One vehicle that stands at `a`.
struct Stands;

impl MobilitySource for Stands {
    fn advance(&mut self, _: f64, out: &mut Positions) -> Result<()> {
        out.clear();
        out.push(VehicleKey(0), 10.0, 0.0);
        Ok(())
    }
}

/// What becomes of the task of each slot.
#[derive(Default)]
struct Outcomes {
    placements: Vec<Placement>,
    outcomes: Vec<Outcome>,
    reserved_hz: Vec<Vec<f64>>,
}

impl Observer for Outcomes {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn decided(&mut self, _: usize, _: usize, slot: &Slot, decider: &Decider) {
        self.placements.extend(decider.placements());
        self.outcomes.extend(decider.outcomes());
        self.reserved_hz.push(slot.rsus.reserved_cpu_hz.clone());
    }
}

fn horizon(slots: usize) -> Options {
    Options {
        slots,
        bound: BoundKind::Horizon,
    }
}

/// `a` fails from 1.2 s to 4 s, so in slots 2 and 3. The task of slot 0 is interrupted at 2 s, after 2 s of 2.5 s, and runs 4 s on its vehicle.
/// That of slot 1 finds `a` full; those of slots 2 and 3 enter by `b`.
#[test]
fn closed_form_a_server_interrupts_the_task_that_it_runs() {
    let fault = "[{ kind = \"server\", rsu = \"a\", from_s = 1.2, until_s = 4 }]";
    let set = [("fault".to_owned(), fault.to_owned())];
    let scenario = Scenario::from_toml("two", TWO, &set).unwrap_or_else(|e| panic!("{e}"));
    let world = World::new(&scenario).unwrap().with_mobility(|_| Stands);
    let mut seen = Outcomes::default();
    let run = replicate_observed(&world, &[PolicyKind::Nearest], 0, horizon(6), &mut seen);
    let run = run.unwrap().unwrap();
    let at = |m: u32| Placement::Rsu {
        entry: m,
        execution: m,
    };
    let expected = [
        at(0),
        Placement::Local,
        at(1),
        Placement::Local,
        at(0),
        Placement::Local,
    ];
    assert_eq!(seen.placements, expected);
    let first = seen.outcomes[0];
    assert!((first.delay_s() - (2.0 + 4.0)).abs() < 1e-12, "{first:?}");
    // 2 J on the vehicle for 1e9 cycles, and of (5) at `a` what was done: 80 %, less the time of the upload
    let done = (2.0 - first.upload_s) / 2.5;
    let joules = 2e-26 * 0.25e18 * 2e9 + done * 1e-27 * 0.64e18 * 2e9 + 0.2 * first.upload_s;
    assert!(
        (first.energy_j() - joules).abs() < 1e-9,
        "{first:?} {joules}"
    );
    // the vehicle keeps its turn for it from slot 0 on: the task of slot 1 begins at 6 s
    assert!(
        (seen.outcomes[1].delay_s() - (5.0 + 4.0)).abs() < 1e-12,
        "{:?}",
        seen.outcomes[1]
    );
    assert!((seen.outcomes[2].compute_s - 2.5).abs() < 1e-12);
    // held until the server fails, and by `b` until 4.5 s
    let held = |t: usize| [0, 1].map(|m| seen.reserved_hz[t][m] > 0.0);
    assert_eq!(
        [0, 1, 2, 3, 4, 5].map(held),
        [
            [false, false],
            [true, false],
            [false, false],
            [false, true],
            [false, true],
            [true, false],
        ]
    );
    let counts: Vec<u32> = run.policies[0]
        .slots
        .iter()
        .map(|s| s.turned_back)
        .collect();
    assert_eq!(counts, [1, 1, 0, 1, 0, 1]);
}

/// What must hold in every slot, whatever fails.
struct Balance<'a> {
    world: &'a World,
    tasks: u64,
    decided: u64,
    refused: u64,
}

impl Balance<'_> {
    fn is_up(&self, now_s: f64, m: u32) -> bool {
        let mut faults = self.world.faults.iter();
        faults.all(|f| f.what != FaultyPart::Server(m) || now_s < f.from_s || now_s >= f.until_s)
    }
}

impl Observer for Balance<'_> {
    fn slot(&mut self, _: usize, slot: &Slot) -> ControlFlow<()> {
        self.tasks += slot.tasks.len() as u64;
        for m in 0..slot.rsus.len() as u32 {
            assert_eq!(slot.rsus.is_up(m as usize), self.is_up(slot.now_s, m));
        }
        ControlFlow::Continue(())
    }

    fn decided(&mut self, _: usize, _: usize, slot: &Slot, decider: &Decider) {
        self.decided += decider.outcomes().len() as u64;
        let mut held_hz = slot.rsus.reserved_cpu_hz.clone();
        for (task, placement) in decider.placements().iter().enumerate() {
            let outcome = &decider.outcomes()[task];
            assert!(outcome.delay_s().is_finite() && outcome.cost(slot.omega) > 0.0);
            let Placement::Rsu { entry, execution } = *placement else {
                continue;
            };
            for m in [entry, execution] {
                assert!(self.is_up(slot.now_s, m), "{m} at {} s", slot.now_s);
            }
            held_hz[execution as usize] += decider.cpu_hz()[task];
        }
        for (m, held_hz) in held_hz.iter().enumerate() {
            let most_hz = match self.is_up(slot.now_s, m as u32) {
                true => slot.rsus.cpu_hz[m] * (1.0 + 1e-9),
                false => 0.0,
            };
            assert!(*held_hz <= most_hz, "{held_hz} of {most_hz}");
            self.refused += u64::from(most_hz == 0.0);
        }
    }
}

/// A scenario and its faults, both drawn.
fn hostile(seed: u64) -> (Vec<(String, String)>, World) {
    let mut s = Streams::new(seed).stream("hostile");
    let mut pick = |values: &[&str]| values[s.below(values.len())].to_owned();
    let carry_over = pick(&["true", "true", "true", "false"]);
    let mut set: Vec<(String, String)> = [
        ("time.carry_over", carry_over),
        ("time.slot_s", pick(&["0.1", "0.2", "0.25", "0.3"])),
        ("fleet.size", pick(&["5", "30", "80"])),
        ("objective.omega", pick(&["0.3", "0.65", "1"])),
        ("backhaul.rate_bps", pick(&["1e7", "1e10"])),
        ("rsu_default.cpu_hz", pick(&["2e9", "15e9"])),
        ("backhaul.max_hops", pick(&["1", "10"])),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into();
    let calm = World::new(&Scenario::builtin("coupled", &set).unwrap()).unwrap();
    let slot_s = calm.scenario.time.slot_s;
    let id = |m: u32| &calm.rsus.id[m as usize];
    let mut random = Streams::new(seed).stream("faults");
    let faults: Vec<String> = (0..10)
        .map(|i| {
            let from_s = random.below(16) as f64 * slot_s * 0.9;
            let until_s = from_s + (1 + random.below(50)) as f64 * slot_s * 0.1;
            let edge = calm.links[random.below(calm.links.len())];
            let what = match i % 3 {
                0 => format!(
                    "kind = \"link\", a = \"{}\", b = \"{}\"",
                    id(edge.b),
                    id(edge.a)
                ),
                _ => format!(
                    "kind = \"server\", rsu = \"{}\"",
                    id(random.below(calm.rsus.len()) as u32)
                ),
            };
            format!("{{ {what}, from_s = {from_s}, until_s = {until_s} }}")
        })
        .collect();
    set.push(("fault".to_owned(), format!("[{}]", faults.join(", "))));
    let world = World::new(&Scenario::builtin("coupled", &set).unwrap());
    let world = world.unwrap_or_else(|e| panic!("{set:?}: {e}"));
    (set, world)
}

/// Every policy on hostile runs whose servers and links fail: tasks and CPU balance in every slot, nothing runs where nothing works, and no
/// cost is below the bound, which would end the run with an error.
#[test]
fn property_tasks_and_cpu_balance_and_bounds_hold_where_servers_and_links_fail() {
    let names = [
        "local",
        "random",
        "nearest",
        "best-response",
        "price",
        "slot-fit",
        "plan-ahead",
    ];
    let policies = names.map(|name| PolicyKind::from_name(name).unwrap());
    let (mut interrupted, mut refused) = (0, 0);
    for seed in 0..24 {
        let (set, world) = hostile(seed);
        let mut balance = Balance {
            world: &world,
            tasks: 0,
            decided: 0,
            refused: 0,
        };
        let run = replicate_observed(&world, &policies, seed, horizon(18), &mut balance)
            .unwrap_or_else(|e| panic!("{seed} {set:?}: {e}"))
            .unwrap();
        assert_eq!(balance.decided, balance.tasks * policies.len() as u64);
        for policy in &run.policies {
            let tasks: u64 = policy.slots.iter().map(|s| u64::from(s.tasks)).sum();
            assert_eq!(tasks, balance.tasks);
            match world.scenario.time.carry_over {
                true => assert!(policy.horizon_bound.unwrap() > 0.0),
                false => assert!(policy.slots.iter().all(|s| s.lower_bound.unwrap() > 0.0)),
            }
        }
        let nearest = &run.policies[2];
        interrupted += nearest.slots.iter().map(|s| s.turned_back).sum::<u32>();
        refused += balance.refused;
    }
    assert!(interrupted > 20 && refused > 100, "{interrupted} {refused}");
}
