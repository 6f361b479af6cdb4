//! The horizon bound against brute force over whole runs, and against every policy.

use std::sync::Arc;

use wayside_core::Scenario;
use wayside_core::alloc::curve::Curve;
use wayside_core::backhaul::Routes;
use wayside_core::bound::dual::{Dual, Effort};
use wayside_core::bound::horizon::Horizon;
use wayside_core::engine::records::{Replication, SlotRecord};
use wayside_core::engine::world::World;
use wayside_core::engine::{BoundKind, Options, replicate};
use wayside_core::policy::PolicyKind;
use wayside_core::slot::{Coverage, RadioLink, Slot};

use crate::support::{Recipe, over_seeds};

/// Tasks of a run of three slots.
const SLOTS: [&[usize]; 3] = [&[0, 1], &[2], &[3]];

/// The run: the tasks of one random slot, spread over three.
pub(crate) fn run(seed: u64) -> Vec<Slot> {
    let slot = Recipe {
        vehicles: 4,
        rsus: 2,
        cpu_hz: 0.8e9..4e9,
        range_m: 600.0..1200.0,
        ..Recipe::default()
    }
    .slot(seed);
    let spread = SLOTS.iter().enumerate().map(|(t, tasks)| {
        let mut part = slot.clone();
        part.slot_s = [0.2, 0.3, 0.6][(seed % 3) as usize];
        part.now_s = t as f64 * part.slot_s;
        let pick = |column: &[f64]| tasks.iter().map(|&n| column[n]).collect();
        part.tasks.vehicle = tasks.iter().map(|&n| slot.tasks.vehicle[n]).collect();
        part.tasks.cycles = pick(&slot.tasks.cycles);
        part.tasks.data_bits = pick(&slot.tasks.data_bits);
        part.tasks.deadline_s = pick(&slot.tasks.deadline_s);
        part
    });
    spread.collect()
}

/// One task in one of its ways: what it costs besides execution, and the CPU that it holds.
#[derive(Clone, Copy)]
struct Way {
    slot: usize,
    task: usize,
    /// Entry, execution, and the slots for which it holds CPU; `None` for local.
    rsu: Option<(usize, usize, usize)>,
}

/// The least cost of any schedule: every way of every task, and the best CPU shares for each combination.
pub(crate) fn optimum(slots: &[Slot]) -> f64 {
    let mut best = f64::INFINITY;
    let tasks: Vec<(usize, usize)> = (0..slots.len())
        .flat_map(|t| (0..slots[t].tasks.len()).map(move |n| (t, n)))
        .collect();
    search(slots, &tasks, &mut Vec::new(), &mut best);
    best
}

fn search(slots: &[Slot], tasks: &[(usize, usize)], chosen: &mut Vec<Way>, best: &mut f64) {
    let Some(&(slot, task)) = tasks.get(chosen.len()) else {
        *best = best.min(schedule(slots, chosen, *best));
        return;
    };
    let links = slots[slot].links(task).iter().map(|link| link.rsu as usize);
    let mut ways = vec![None];
    for entry in links {
        for target in slots[slot].routes.targets(entry as u32) {
            let m = target.rsu as usize;
            // a server that fails meanwhile sends the task home, which costs more than to stay there
            let up = |t: usize| slots.get(t).is_none_or(|slot| slot.rsus.is_up(m));
            let most = (1..=4).take_while(|k| up(slot + k - 1));
            ways.extend(most.map(|k| Some((entry, m, k))));
        }
    }
    for rsu in ways {
        chosen.push(Way { slot, task, rsu });
        search(slots, tasks, chosen, best);
        chosen.pop();
    }
}

/// A task that runs at an RSU.
struct Running {
    curve: Curve,
    cycles: f64,
    least_hz: f64,
    rsu: usize,
    from: usize,
    until: usize,
}

/// Cost of the best schedule in these ways, infinite where none meets the capacities; not found if above `give_up`.
fn schedule(slots: &[Slot], chosen: &[Way], give_up: f64) -> f64 {
    let mut fixed = 0.0;
    let mut running = Vec::new();
    for way in chosen {
        let slot = &slots[way.slot];
        let Some((entry, execution, k)) = way.rsu else {
            fixed += slot.local_cost(way.task);
            continue;
        };
        let sharing = chosen
            .iter()
            .filter(|w| w.slot == way.slot && w.rsu.is_some_and(|r| r.0 == entry))
            .count() as f64;
        let link = slot
            .links(way.task)
            .iter()
            .find(|link| link.rsu as usize == entry)
            .expect("a link");
        let target = slot
            .routes
            .find(entry as u32, execution as u32)
            .expect("a target");
        let bits = slot.tasks.data_bits[way.task];
        let tau_s = bits * (sharing * link.seconds_per_bit + target.seconds_per_bit);
        let left_s = k as f64 * slot.slot_s - tau_s;
        let cycles = slot.tasks.cycles[way.task];
        let least_hz = cycles / left_s;
        if left_s <= 0.0 || least_hz > slot.rsus.cpu_hz[execution] {
            return f64::INFINITY;
        }
        fixed += sharing * slot.upload_cost(way.task, link) + slot.migration_cost(bits, target);
        running.push(Running {
            curve: Curve::new(slot.omega, slot.rsus.energy_coeff[execution]),
            cycles,
            least_hz,
            rsu: execution,
            from: way.slot,
            until: way.slot + k,
        });
    }
    let free: f64 = running
        .iter()
        .map(|task| task.curve.cost(task.cycles, at_price(slots, task, 0.0)))
        .sum();
    if fixed + free >= give_up {
        return f64::INFINITY;
    }
    fixed + shares(slots, &running)
}

fn at_price(slots: &[Slot], task: &Running, price: f64) -> f64 {
    task.curve
        .priced_cost(
            price,
            task.cycles,
            task.least_hz,
            slots[0].rsus.cpu_hz[task.rsu],
        )
        .1
}

/// Execution cost at the best shares: prices of CPU per RSU and slot by coordinate ascent, until the shares fit.
fn shares(slots: &[Slot], running: &[Running]) -> f64 {
    let horizon = slots.len() + 4;
    let mut prices = vec![vec![0.0; horizon]; 2];
    let demand = |prices: &[Vec<f64>], task: &Running| {
        at_price(
            slots,
            task,
            prices[task.rsu][task.from..task.until].iter().sum(),
        )
    };
    let load = |prices: &[Vec<f64>], m: usize, t: usize| -> f64 {
        let here = |task: &&Running| task.rsu == m && (task.from..task.until).contains(&t);
        running
            .iter()
            .filter(here)
            .map(|task| demand(prices, task))
            .sum()
    };
    let places: Vec<(usize, usize)> = (0..2)
        .flat_map(|m| (0..horizon).map(move |t| (m, t)))
        .collect();
    let capacity = |m: usize| slots[0].rsus.cpu_hz[m];
    for _ in 0..3000 {
        for &(m, t) in &places {
            let (mut low, mut high) = (0.0, 1e-6);
            prices[m][t] = 0.0;
            if load(&prices, m, t) <= capacity(m) {
                continue;
            }
            for _ in 0..60 {
                prices[m][t] = 0.5 * (low + high);
                if load(&prices, m, t) > capacity(m) {
                    low = prices[m][t];
                } else {
                    high = prices[m][t];
                }
            }
            prices[m][t] = high;
            if load(&prices, m, t) > capacity(m) * (1.0 + 1e-9) {
                return f64::INFINITY;
            }
        }
        if places
            .iter()
            .all(|&(m, t)| load(&prices, m, t) <= capacity(m) * (1.0 + 1e-9))
        {
            return running
                .iter()
                .map(|task| task.curve.cost(task.cycles, demand(&prices, task)))
                .sum();
        }
    }
    panic!("prices of CPU did not settle");
}

/// The same run where server 1 fails in some slots, or the link in the first one.
fn faulty(seed: u64) -> Vec<Slot> {
    let mut slots = run(seed);
    let down = [&[0][..], &[1], &[2], &[1, 2], &[0, 2], &[]][(seed % 6) as usize];
    let alone = Arc::new(Routes::build(2, &[], 4));
    for (t, slot) in slots.iter_mut().enumerate() {
        slot.rsus.up = vec![true, !down.contains(&t)];
        if down.contains(&t) {
            let of = |v: usize| slot.coverage.of(v).iter().filter(|link| link.rsu != 1);
            let links: Vec<Vec<RadioLink>> = (0..slot.vehicles.len())
                .map(|v| of(v).copied().collect())
                .collect();
            slot.coverage = Coverage::default();
            slot.coverage.start.push(0);
            for links in links {
                slot.coverage.links.extend(links);
                slot.coverage.start.push(slot.coverage.links.len() as u32);
            }
        }
        if down.contains(&t) || down.is_empty() && t == 0 {
            slot.routes = Arc::clone(&alone);
        }
    }
    slots
}

/// A server that is down holds nothing, nobody enters by it, and what it runs before does not end in it.
#[test]
fn oracle_no_schedule_around_faults_costs_less_than_the_horizon_bound() {
    let shares = over_seeds(60, |seed| {
        let slots = faulty(seed);
        let (found, optimum) = (bound(&slots), optimum(&slots));
        assert!(
            found <= optimum * (1.0 + 1e-9),
            "seed {seed}: {found} above {optimum}"
        );
        // the fault costs something, and the bound knows
        (found / optimum, found / bound(&run(seed)))
    });
    let mean =
        |part: fn(&(f64, f64)) -> f64| shares.iter().map(part).sum::<f64>() / shares.len() as f64;
    assert!(mean(|s| s.0) >= 0.85, "{shares:?}");
    assert!(mean(|s| s.1) >= 1.02, "{shares:?}");
}

fn bound(slots: &[Slot]) -> f64 {
    let mut horizon = Horizon::default();
    for slot in slots {
        horizon.push(slot);
    }
    horizon.finish()
}

#[test]
fn oracle_no_schedule_costs_less_than_the_horizon_bound() {
    let shares = over_seeds(60, |seed| {
        let slots = run(seed);
        let (bound, optimum) = (bound(&slots), optimum(&slots));
        assert!(
            bound <= optimum * (1.0 + 1e-9),
            "seed {seed}: {bound} above {optimum}"
        );
        bound / optimum
    });
    // few tasks are lumps that prices cannot divide; the sum over all runs is still near
    assert!(
        shares.iter().sum::<f64>() >= 0.85 * shares.len() as f64,
        "{shares:?}"
    );
}

/// A bound of whole runs of `coupled` that stops early is as valid, and below the fine one by its tolerance at most.
#[test]
fn property_a_bound_that_stops_early_is_near_the_fine_one_and_below_every_policy() {
    // where CPU is scarce prices climb for many slots from an empty start: the whole run of the scenario
    for (slot_s, slots, most) in [("0.3", 30, 1e-2), ("0.25", 30, 1e-2), ("0.2", 120, 2e-2)] {
        let with = |tolerance| {
            let set = [("time.slot_s", slot_s), ("bound.tolerance", tolerance)];
            compare(&coupled(&set), &["plan-ahead"], slots, BoundKind::Horizon)
        };
        let bound = |run: &Replication| run.policies[0].horizon_bound.expect("asked for");
        let (fine, fast) = (bound(&with("0")), bound(&with("0.02")));
        let lost = 1.0 - fast / fine;
        assert!(lost < most, "{slot_s}: {fine} {fast}");
        assert_ne!(fast.to_bits(), fine.to_bits());
    }
}

/// The same against every schedule of tiny runs.
#[test]
fn oracle_no_schedule_costs_less_than_a_bound_that_stops_early() {
    over_seeds(20, |seed| {
        let slots = run(seed);
        let mut horizon = Horizon::within(0.02);
        slots.iter().for_each(|slot| horizon.push(slot));
        let (bound, optimum) = (horizon.finish(), optimum(&slots));
        assert!(bound <= optimum * (1.0 + 1e-9), "{seed}: {bound} {optimum}");
    });
}

/// The same over a run in which a tiny one comes again and again, with so many empty slots between that nothing is held
/// over them: long enough for windows that move, and for slots that are taken one by one.
#[test]
fn oracle_a_bound_that_stops_early_over_many_windows() {
    over_seeds(20, |seed| {
        let slots = run(seed);
        let mut horizon = Horizon::within(0.02);
        for t in 0..40 {
            let mut slot = slots[(t % 8).min(2)].clone();
            slot.now_s = t as f64 * slot.slot_s;
            if t % 8 > 2 {
                let tasks = &mut slot.tasks;
                tasks.vehicle.clear();
                for column in [
                    &mut tasks.cycles,
                    &mut tasks.data_bits,
                    &mut tasks.deadline_s,
                ] {
                    column.clear();
                }
            }
            horizon.push(&slot);
        }
        let (bound, optimum) = (horizon.finish(), 5.0 * optimum(&slots));
        assert!(bound <= optimum * (1.0 + 1e-9), "{seed}: {bound} {optimum}");
        assert!(bound >= 0.3 * optimum, "{seed}: {bound} {optimum}");
    });
}

#[test]
fn property_it_is_never_far_below_the_bounds_of_the_slots_and_above_them_where_cpu_is_held() {
    let mut above = 0;
    for seed in 0..12 {
        let slots = run(seed);
        let apart: f64 = slots
            .iter()
            .map(|slot| Dual::default().solve(slot, Effort::CERTIFY))
            .sum();
        let bound = bound(&slots);
        assert!(
            bound >= apart * (1.0 - 2e-3),
            "seed {seed}: {bound} below {apart}"
        );
        above += u32::from(bound > apart * 1.01);
    }
    assert!(above > 0, "no run in which holding CPU costs anything");
}

/// Where every task has an RSU to itself and time to spare, nothing is scarce: the bound is the sum of the tasks' best ways.
#[test]
fn closed_form_tasks_that_never_meet_cost_what_they_cost_alone() {
    let mut slots = run(2);
    for slot in &mut slots {
        slot.slot_s = 60.0;
        slot.rsus.cpu_hz.fill(1e13);
        slot.rsus.energy_coeff.fill(1e-27);
        slot.tasks.vehicle.truncate(1);
        slot.tasks.cycles.truncate(1);
        slot.tasks.data_bits.truncate(1);
    }
    let alone: f64 = slots
        .iter()
        .map(|slot| {
            let ways = slot.links(0).iter().flat_map(|link| {
                slot.routes.targets(link.rsu).iter().map(move |target| {
                    let curve = Curve::new(slot.omega, 1e-27);
                    slot.upload_cost(0, link)
                        + slot.migration_cost(slot.tasks.data_bits[0], target)
                        + curve.free_cost_per_cycle() * slot.tasks.cycles[0]
                })
            });
            ways.fold(slot.local_cost(0), f64::min)
        })
        .sum();
    let bound = bound(&slots);
    assert!((bound - alone).abs() <= 1e-5 * alone, "{bound} {alone}");
}

fn coupled(changes: &[(&str, &str)]) -> World {
    let changes: Vec<_> = changes
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    World::new(&Scenario::builtin("coupled", &changes).expect("valid")).expect("valid")
}

fn compare(world: &World, names: &[&str], slots: usize, bound: BoundKind) -> Replication {
    let named = |name: &&str| PolicyKind::from_name(name).expect("a policy");
    let policies: Vec<PolicyKind> = names.iter().map(named).collect();
    replicate(world, &policies, 3, Options { slots, bound }).expect("a run")
}

#[test]
fn property_every_policy_of_a_run_costs_more_on_runs_longer_than_the_window() {
    let names = [
        "local",
        "nearest",
        "best-response",
        "price",
        "slot-fit",
        "plan-ahead",
    ];
    for (slot_s, size) in [("0.3", "20"), ("0.2", "60"), ("0.05", "10")] {
        let world = coupled(&[("time.slot_s", slot_s), ("fleet.size", size)]);
        for run in compare(&world, &names, 40, BoundKind::Horizon).policies {
            let cost = |slot: &SlotRecord| slot.objective * f64::from(slot.tasks);
            let tasks: f64 = run.slots.iter().map(|slot| f64::from(slot.tasks)).sum();
            let mean = run.slots.iter().map(cost).sum::<f64>() / tasks;
            let bound = run.horizon_bound.expect("asked for");
            assert!(
                bound > 0.0 && mean >= bound,
                "{slot_s} s, {}: {mean} below {bound}",
                run.policy
            );
        }
    }
}

#[test]
fn property_where_slots_stand_alone_it_is_the_simple_bound() {
    let world = coupled(&[("time.carry_over", "false")]);
    let simple = compare(&world, &["nearest"], 4, BoundKind::Simple);
    let horizon = compare(&world, &["nearest"], 4, BoundKind::Horizon);
    for (a, b) in simple.policies[0]
        .slots
        .iter()
        .zip(&horizon.policies[0].slots)
    {
        assert_eq!(
            a.lower_bound.map(f64::to_bits),
            b.lower_bound.map(f64::to_bits)
        );
    }
    assert_eq!(horizon.policies[0].horizon_bound, None);
}

/// The specification's estimate with uniform prices on whole runs is .271; these runs are short and start empty.
#[test]
fn regress_coupled_with_slots_of_a_quarter_second() {
    let run = compare(
        &coupled(&[("time.slot_s", "0.25")]),
        &["local"],
        24,
        BoundKind::Horizon,
    );
    let bound = run.policies[0].horizon_bound.expect("asked for");
    assert!((0.268..0.29).contains(&bound), "{bound}");
}

/// However extreme the numbers, the bound is at least what every task costs alone, which is above zero.
#[test]
fn property_the_bound_of_a_run_is_above_zero() {
    for (key, value) in [
        ("channel.noise_dbm", "20"),
        ("channel.noise_dbm", "80"),
        ("rsu_default.cpu_hz", "1"),
        ("task.cycles", "1"),
        ("backhaul.rate_bps", "1e-3"),
    ] {
        let set = [
            (key, value),
            ("fleet.size", "12"),
            ("time.slots", "4"),
            ("time.carry_over", "true"),
        ];
        let set = set.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let world = World::new(&Scenario::builtin("wang2025", &set).unwrap()).unwrap();
        let options = Options {
            slots: 4,
            bound: BoundKind::Horizon,
        };
        for seed in 0..4 {
            let found = replicate(&world, &[PolicyKind::Local], seed, options).unwrap();
            let bound = found.policies[0].horizon_bound.unwrap();
            assert!(
                bound > 0.0 && bound.is_finite(),
                "{key} = {value}, seed {seed}: {bound}"
            );
        }
    }
}
