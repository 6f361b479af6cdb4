//! Random slots: brute force, schedules, runs.

use super::*;

/// What a random slot is like.
#[derive(Clone, Copy)]
struct Kind {
    servers: usize,
    tasks: usize,
    /// Tasks of one size, links of one rate, one instant of upload.
    uniform: bool,
}

fn random_slot(kind: Kind, s: &mut Stream) -> QueueSlot {
    let Kind {
        servers,
        tasks,
        uniform,
    } = kind;
    let mut edges = Vec::new();
    for b in 1..servers as u32 {
        for a in 0..b {
            // A tree, and some more.
            if a == b - 1 - s.below(b as usize) as u32 || s.unit() < 0.2 {
                let rate_bps = if uniform {
                    1e9
                } else {
                    s.uniform(0.3e9, 1.2e9)
                };
                let length_m = if uniform { 1000.0 } else { s.uniform(0.0, 1e5) };
                edges.push(edge(a, b, rate_bps, length_m));
            }
        }
    }
    let busy = s.unit();
    let mut core = || {
        if s.unit() < busy {
            s.uniform(0.0, 0.2)
        } else {
            0.0
        }
    };
    let core_free_s = (0..servers)
        .map(|_| {
            let count = (core() * 15.0) as usize;
            (0..count).map(|_| core()).collect()
        })
        .collect();
    let links = 2 * edges.len();
    let everywhere = s.unit() < 0.3;
    let task = |s: &mut Stream| {
        let first = if everywhere {
            s.below(servers) as u32
        } else {
            0
        };
        let mut entries = vec![(first, if uniform { 500e6 } else { s.uniform(2e8, 9e8) })];
        let second = s.below(servers) as u32;
        if !uniform && second != first && s.unit() < 0.3 {
            entries.push((second, s.uniform(2e8, 9e8)));
        }
        let unequal = s.uniform(0.6, 1.0);
        QueueTask {
            entries,
            data_bits: if uniform {
                4e6
            } else {
                6e6 * s.uniform(0.5, 1.0)
            },
            cycles: if uniform { 5e7 } else { 1e8 * unequal },
            deadline_s: s.uniform(0.03, 0.15),
            vehicle_hz: s.uniform(1e8, 1e9),
            vehicle_wait_s: s.uniform(0.0, 0.1),
        }
    };
    QueueSlot {
        now_s: if s.unit() < 0.5 { 0.0 } else { 3.25 },
        omega: if s.unit() < 0.5 { 1.0 } else { s.unit() },
        core_hz: (0..servers)
            .map(|_| if uniform { 2.4e9 } else { s.uniform(1e9, 3e9) })
            .collect(),
        core_free_s,
        edges,
        propagation_s_per_m: 5e-9,
        link_free_s: (0..links)
            .map(|_| {
                if s.unit() < 0.3 {
                    s.uniform(0.0, 0.03)
                } else {
                    0.0
                }
            })
            .collect(),
        cloud_round_trip_s: (s.unit() < 0.3).then(|| s.uniform(0.02, 0.2)),
        tasks: (0..tasks).map(|_| task(s)).collect(),
    }
}

/// What the tasks cost when they end at `end_s`, energy at its least, and how many are in time.
fn paid(slot: &Slot, chosen: &[Way], end_s: &[f64]) -> QueueBounds {
    let mut paid = QueueBounds::default();
    for (task, (way, end_s)) in chosen.iter().zip(end_s).enumerate() {
        let vehicle = slot.tasks.vehicle[task] as usize;
        let cycles = slot.tasks.cycles[task];
        let delay_s = end_s - slot.now_s;
        let cpu_j = |coeff: f64, hz: f64| coeff * hz * hz * cycles;
        let run_j = match way.placement {
            Placement::Local => {
                let hz = slot.vehicles.cpu_hz[vehicle];
                cpu_j(slot.vehicles.energy_coeff[vehicle], hz)
            }
            Placement::Rsu { execution, .. } => {
                let hz = slot.queues.as_ref().unwrap().core_hz[execution as usize];
                cpu_j(slot.rsus.energy_coeff[execution as usize], hz)
            }
            Placement::Cloud { .. } => 0.0,
        };
        let upload_j = way.placement.entry().map_or(0.0, |entry| {
            let radio = slot.links(task).iter().find(|l| l.rsu == entry).unwrap();
            slot.vehicles.tx_power_w[vehicle] * slot.tasks.data_bits[task] * radio.seconds_per_bit
        });
        paid.delay_s += delay_s;
        paid.cost += slot.omega * delay_s + (1.0 - slot.omega) * (run_j + upload_j);
        paid.on_time += u32::from(delay_s <= slot.tasks.deadline_s[task]);
    }
    paid
}

fn check(bound: QueueBounds, paid: QueueBounds) {
    assert!(
        bound.delay_s <= paid.delay_s * (1.0 + 1e-12),
        "{bound:?} {paid:?}"
    );
    assert!(
        bound.cost <= paid.cost * (1.0 + 1e-12),
        "{bound:?} {paid:?}"
    );
    assert!(bound.on_time >= paid.on_time, "{bound:?} {paid:?}");
}

/// All orders of `0..n`.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..n {
        all = all
            .into_iter()
            .flat_map(|order: Vec<usize>| {
                (0..=order.len()).map(move |place| {
                    let mut longer = order.clone();
                    longer.insert(place, next);
                    longer
                })
            })
            .collect();
    }
    all
}

/// Every combination of ways, in every order: the best sums, and the most tasks in time.
fn brute_force(slot: &Slot, hops: usize, visit: &mut impl FnMut(QueueBounds)) {
    let n = slot.tasks.len();
    let choices: Vec<Vec<Way>> = (0..n).map(|task| ways(slot, task, hops)).collect();
    let orders = orders(n);
    let mut at = vec![0; n];
    loop {
        let chosen: Vec<Way> = (0..n).map(|task| choices[task][at[task]].clone()).collect();
        for order in &orders {
            let mut calendars = Calendars::new(slot);
            let mut end_s = vec![0.0; n];
            for &task in order {
                end_s[task] = calendars.end_s(slot, task, &chosen[task], true);
            }
            visit(paid(slot, &chosen, &end_s));
        }
        let Some(task) = (0..n).find(|&task| at[task] + 1 < choices[task].len()) else {
            return;
        };
        at[task] += 1;
        at[..task].fill(0);
    }
}

/// No schedule of tiny slots, over any paths and in any order, passes a bound; bounds are not idle either.
#[test]
fn oracle_brute_force() {
    let gaps = over_seeds(300, |seed| {
        let mut s = Streams::new(seed).stream("tiny");
        let kind = Kind {
            servers: 1 + s.below(4),
            tasks: 1 + s.below(3),
            uniform: s.unit() < 0.4,
        };
        let slot = random_slot(kind, &mut s).build();
        let bound = bounds(&slot, Venues::ALL);
        let mut best_s = f64::INFINITY;
        brute_force(&slot, 3, &mut |paid| {
            check(bound, paid);
            best_s = best_s.min(paid.delay_s);
        });
        best_s / bound.delay_s - 1.0
    });
    let tight = gaps.iter().filter(|&&gap| gap < 1e-8).count();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    println!(
        "exact in {tight} of {}, mean gap {:.3} %",
        gaps.len(),
        100.0 * mean
    );
    assert!(tight > 150, "exact in {tight} only");
}

/// Equal tasks at one place, equal idle links without time of flight, and more cores than tasks: rounding
/// is void, and TEN is the optimum.
#[test]
fn oracle_ten_is_exact_without_rounding() {
    over_seeds(60, |seed| {
        let mut s = Streams::new(seed).stream("exact");
        let kind = Kind {
            servers: 2 + s.below(3),
            tasks: 3,
            uniform: true,
        };
        let mut slot = random_slot(kind, &mut s);
        slot.link_free_s.clear();
        slot.propagation_s_per_m = 0.0;
        slot.cloud_round_trip_s = None;
        slot.core_free_s = (0..kind.servers)
            .map(|m| {
                let free_s = if m == 0 { 1.0 } else { s.uniform(0.0, 0.05) };
                vec![free_s; 3]
            })
            .collect();
        for task in &mut slot.tasks {
            task.entries = vec![(0, 500e6)];
            task.vehicle_hz = 1e7;
            // Where a core's second place could help, the bound may be below.
            task.cycles = 2.4e9;
        }
        let slot = slot.build();
        let mut best_s = f64::INFINITY;
        brute_force(&slot, 3, &mut |paid| best_s = best_s.min(paid.delay_s));
        let parts = QueueBound::default().delays(&slot, slot.queues.as_ref().unwrap(), Venues::ALL);
        assert!(close(parts.ten_s, best_s), "{parts:?} {best_s}");
    });
}

/// Tasks one after the other where they end first, as the calendars tell.
fn greedy(slot: &Slot, hops: usize) -> (Vec<Way>, Vec<f64>) {
    let mut calendars = Calendars::new(slot);
    let (mut chosen, mut end_s) = (Vec::new(), Vec::new());
    for task in 0..slot.tasks.len() {
        let choices = ways(slot, task, hops).into_iter();
        let ended = choices.map(|way| (calendars.end_s(slot, task, &way, false), way));
        let (_, way) = ended.min_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        end_s.push(calendars.end_s(slot, task, &way, true));
        chosen.push(way);
    }
    (chosen, end_s)
}

/// The ends of `chosen` in the event simulator, first come, first served.
fn simulate(slot: &Slot, chosen: &[Way]) -> Vec<f64> {
    let queues = slot.queues.as_ref().unwrap();
    let mut network = QueueNetwork::new(
        slot.network.clone(),
        &queues.core_start,
        &queues.core_hz,
        &queues.present.core_free_s,
    );
    let mut end_s = vec![0.0; chosen.len()];
    let mut calendars = Calendars::new(slot);
    for (task, way) in chosen.iter().enumerate() {
        let Placement::Rsu { entry, .. } = way.placement else {
            end_s[task] = calendars.end_s(slot, task, way, false);
            continue;
        };
        let radio = slot.links(task).iter().find(|l| l.rsu == entry).unwrap();
        let data_bits = slot.tasks.data_bits[task];
        network.submit(Submission {
            key: task as u64,
            ready_s: slot.now_s + data_bits * radio.seconds_per_bit,
            entry,
            path: &way.path,
            data_bits,
            cycles: slot.tasks.cycles[task],
        });
    }
    network.drain(&mut |finished| {
        let travel = finished.outcome.expect("nothing fails");
        end_s[finished.key as usize] = travel.finished_s;
    });
    end_s
}

/// No simulated schedule of 10,000 random slots passes a bound, neither of random policies nor of the
/// greedy one, first come first served or by calendar.
#[test]
fn property_no_schedule_below() {
    let gaps = over_seeds(10_000, |seed| {
        let mut s = Streams::new(seed).stream("schedules");
        let kind = Kind {
            servers: 1 + s.below(8),
            tasks: 1 + s.below(12),
            uniform: s.unit() < 0.4,
        };
        let mut drawn = random_slot(kind, &mut s);
        // The simulator knows backlog as bits, not as an instant.
        let fifo = s.unit() < 0.7;
        if fifo {
            drawn.link_free_s.clear();
        }
        let slot = drawn.build();
        let bound = bounds(&slot, Venues::ALL);
        let (chosen, end_s) = greedy(&slot, 3);
        let best = paid(&slot, &chosen, &end_s);
        check(bound, best);
        for round in 0..2 {
            let random = |task| {
                let mut ways = ways(&slot, task, 3);
                ways.swap_remove(s.below(ways.len()))
            };
            let chosen = match round {
                0 => chosen.clone(),
                _ => (0..slot.tasks.len()).map(random).collect(),
            };
            let end_s = if fifo {
                simulate(&slot, &chosen)
            } else {
                let mut calendars = Calendars::new(&slot);
                let ways = chosen.iter().enumerate();
                ways.map(|(task, way)| calendars.end_s(&slot, task, way, true))
                    .collect()
            };
            check(bound, paid(&slot, &chosen, &end_s));
        }
        best.delay_s / bound.delay_s - 1.0
    });
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    println!("greedy: mean gap {:.2} %", 100.0 * mean);
    assert!(mean < 0.15, "the bounds became idle: mean gap {mean}");
}

/// Where all tasks are alike TEN contains ASG; where links bind it is above.
#[test]
fn property_ten_contains_asg() {
    let above = over_seeds(40, |seed| {
        let mut s = Streams::new(seed).stream("contains");
        let num = 10 + s.below(50);
        let capability = s.uniform(0.1, 0.9);
        let slot = lin2025(num, capability, true, &mut s).build();
        let parts = QueueBound::default().delays(&slot, slot.queues.as_ref().unwrap(), Venues::ALL);
        assert!(parts.ten_s >= parts.asg_s * (1.0 - 1e-9), "{parts:?}");
        parts.ten_s > 1.001 * parts.asg_s
    });
    assert!(above.iter().any(|&above| above));
}

/// Neither the order of the tasks nor the memory of another slot matters, and a wider offer costs no more.
#[test]
fn property_order_memory_offers() {
    over_seeds(200, |seed| {
        let mut s = Streams::new(seed).stream("order");
        let kind = Kind {
            servers: 6,
            tasks: 15,
            uniform: s.unit() < 0.4,
        };
        let mut drawn = random_slot(kind, &mut s);
        let slot = drawn.build();
        drawn.tasks.reverse();
        let reversed = drawn.build();
        let mut bound = QueueBound::default();
        let queues = slot.queues.as_ref().unwrap();
        let one = bound.solve(&slot, queues, Venues::ALL);
        let two = bound.solve(&reversed, queues, Venues::ALL);
        assert_eq!(one.on_time, two.on_time);
        assert!(close(one.cost, two.cost) && close(one.delay_s, two.delay_s));
        assert_eq!(one, bound.solve(&slot, queues, Venues::ALL));
        let servers = bound.solve(&slot, queues, Venues::SERVERS);
        assert!(servers.delay_s >= one.delay_s && servers.on_time <= one.on_time);
    });
}

/// What `engine::Bounder` says of a queue slot is the bound with all that the slot offers.
#[test]
fn property_runs_carry_it() {
    use wayside_core::engine::{BoundKind, Bounder};
    let mut s = Streams::new(1).stream("wired");
    let mut drawn = lin2025(30, 0.2, false, &mut s);
    drawn.omega = 0.6;
    drawn.cloud_round_trip_s = Some(0.2);
    let slot = drawn.build();
    let all = bounds(&slot, Venues::ALL);
    for kind in [BoundKind::Simple, BoundKind::Split] {
        let mut bounder = Bounder::new(kind);
        assert_eq!(bounder.solve(&slot), Some(all.cost));
        assert_eq!(bounder.queue_bounds(), Some(all));
    }
    let mut off = Bounder::new(BoundKind::Off);
    assert_eq!((off.solve(&slot), off.queue_bounds()), (None, None));
}

/// Run with `--ignored --nocapture`, and `--release`.
#[test]
#[ignore = "a measurement"]
fn speed_lin2025() {
    for (equal, num, capability) in [true, false].into_iter().flat_map(|equal| {
        [20, 50, 100, 300]
            .into_iter()
            .flat_map(move |num| [0.1, 0.2, 0.6].map(|c| (equal, num, c)))
    }) {
        let mut bound = QueueBound::default();
        let (mut total_s, mut ten_s, mut asg_s, mut greedy_s) = (0.0, 0.0, 0.0, 0.0);
        for seed in 0..5 {
            let mut s = Streams::new(seed).stream("lin2025");
            let slot = lin2025(num, capability, equal, &mut s).build();
            let queues = slot.queues.as_ref().unwrap();
            let clock = std::time::Instant::now();
            let _ = bound.solve(&slot, queues, Venues::SERVERS);
            total_s += clock.elapsed().as_secs_f64();
            let parts = bound.delays(&slot, queues, Venues::SERVERS);
            ten_s += parts.ten_s;
            asg_s += parts.asg_s;
            let (chosen, _) = greedy(&slot, 5);
            greedy_s += simulate(&slot, &chosen).iter().sum::<f64>();
        }
        println!(
            "equal {equal} num {num} free {capability}: {:.2} ms; TEN {:.4} s, ASG {:.4} s a task; greedy {:+.2} %",
            total_s / 5.0 * 1e3,
            ten_s / 5.0 / num as f64,
            asg_s / 5.0 / num as f64,
            100.0 * (greedy_s / ten_s.max(asg_s) - 1.0),
        );
    }
}
