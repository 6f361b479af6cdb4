//! The solver against linear programming, and the networks built for it against the same.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT,
};

use super::flow::{Flow, SINK, UNLIMITED};
use crate::rng::Streams;

/// The cheapest flow as a linear program; `None` where there is none. Flows of whole tasks cost no more
/// than others, for the constraints are totally unimodular.
pub(super) fn linear_program(flow: &Flow) -> Option<f64> {
    let arcs: Vec<_> = flow.capacities().collect();
    let nodes = arcs.iter().map(|&(from, to, ..)| from.max(to)).max()? as usize + 1;
    let mut supply = vec![0.0; nodes];
    for &(node, units) in flow.supplies() {
        supply[node as usize] += f64::from(units);
    }
    // Conservation, but at the sink; then 0 <= x, and x <= capacity where there is one.
    let (mut rows, mut columns, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut b: Vec<f64> = supply[1..].to_vec();
    let mut limits = Vec::new();
    for (column, &(from, to, capacity, _)) in arcs.iter().enumerate() {
        let limit = (capacity != UNLIMITED).then_some((1.0, f64::from(capacity)));
        for (node, sign) in [(from, 1.0), (to, -1.0)] {
            if node != SINK {
                rows.push(node as usize - 1);
                columns.push(column);
                values.push(sign);
            }
        }
        for (sign, most) in [Some((-1.0, 0.0)), limit].into_iter().flatten() {
            rows.push(nodes - 1 + limits.len());
            columns.push(column);
            values.push(sign);
            limits.push(most);
        }
    }
    b.extend(&limits);
    let matrix = CscMatrix::new_from_triplets(b.len(), arcs.len(), rows, columns, values);
    // In units that are of the order of one.
    let scale = arcs.iter().map(|arc| arc.3).max()?.max(1) as f64;
    let cost: Vec<f64> = arcs.iter().map(|arc| arc.3 as f64 / scale).collect();
    let cones = [
        SupportedConeT::ZeroConeT(nodes - 1),
        SupportedConeT::NonnegativeConeT(limits.len()),
    ];
    let settings = DefaultSettingsBuilder::default()
        .verbose(false)
        .tol_gap_abs(1e-9)
        .tol_gap_rel(1e-9)
        .build()
        .expect("settings are valid");
    let zero = CscMatrix::zeros((arcs.len(), arcs.len()));
    let mut solver = DefaultSolver::new(&zero, &cost, &matrix, &b, &cones, settings)
        .expect("the program is well formed");
    solver.solve();
    match solver.solution.status {
        SolverStatus::Solved | SolverStatus::AlmostSolved => Some(solver.solution.obj_val * scale),
        SolverStatus::PrimalInfeasible | SolverStatus::AlmostPrimalInfeasible => None,
        status => panic!("Clarabel ended with {status:?}"),
    }
}

/// Random networks with cycles, limits that bind, and now and then no way at all.
#[test]
fn oracle_linear_program() {
    let mut flow = Flow::default();
    let mut feasible = 0;
    for seed in 0..200 {
        let mut s = Streams::new(seed).stream("flow");
        flow.clear();
        let nodes = 2 + s.below(12);
        let first = flow.add_nodes(nodes);
        for _ in 0..nodes * 4 {
            let from = first + s.below(nodes) as u32;
            let to = s.below(nodes + 1) as u32;
            let capacity = if s.unit() < 0.2 {
                UNLIMITED
            } else {
                1 + s.below(3) as u32
            };
            if from != to {
                flow.add_arc(from, to, capacity, s.below(50) as i64);
            }
        }
        for _ in 0..1 + s.below(3) {
            flow.add_supply(first + s.below(nodes) as u32, 1 + s.below(4) as u32);
        }
        let program = linear_program(&flow);
        let cost = flow.solve();
        assert_eq!(cost.is_some(), program.is_some(), "seed {seed}");
        if let (Some(cost), Some(program)) = (cost, program) {
            let error = (cost as f64 - program).abs();
            assert!(
                error < 1e-4 * (1.0 + program),
                "seed {seed}: {cost} {program}"
            );
            feasible += 1;
        }
    }
    assert!((50..200).contains(&feasible), "{feasible}");
}

/// Three servers in a row, cores that free up one by one, two kinds of tasks: every network built for them
/// costs what linear programming says.
#[test]
fn oracle_networks_of_bounds() {
    use super::problem::{Goal, Problem};
    use super::ten::{Grid, Ten};
    use super::{Places, Venues, asg};

    for seed in 0..20 {
        let mut s = Streams::new(seed).stream("networks");
        let slot = small_slot(&mut s);
        let mut problem = Problem::default();
        problem.prepare(&slot, slot.queues.as_ref().expect("queues"), Venues::ALL);
        let (mut places, mut flow, mut ten) = (Places::default(), Flow::default(), Ten::default());
        let agree = |flow: &mut Flow, what: &str| {
            let program = linear_program(flow).expect("feasible");
            let cost = flow.solve().expect("feasible") as f64;
            let error = (cost - program).abs();
            assert!(
                error <= 1e-6 * program.max(1e4),
                "seed {seed}, {what}: {cost} {program}"
            );
        };
        for goal in [Goal::Cost { omega: 0.7 }, Goal::Late] {
            let mut grid = Grid::new(&problem, &slot.network);
            grid.extend(3);
            ten.build(&problem, &slot.network, goal, &grid, &mut places, &mut flow);
            agree(&mut flow, "ten");
            asg::build_from_first(&problem, goal, &mut places, &mut flow);
            agree(&mut flow, "from first");
        }
        asg::build_from_last(&problem, Goal::Cost { omega: 0.7 }, &mut flow);
        agree(&mut flow, "from last");
    }
}

fn small_slot(s: &mut crate::rng::Stream) -> crate::slot::Slot {
    use crate::backhaul::{Edge, Routes, network::Network};
    use crate::slot::queues::{QueueState, Queues};
    use crate::slot::{Coverage, RadioLink, Rsus, Slot, Tasks, Vehicles};

    let edge = |a, b, rate_bps| Edge {
        a,
        b,
        rate_bps,
        length_m: 1000.0,
        backlog_bits: 0.0,
    };
    let edges = [edge(0, 1, 1e9), edge(1, 2, s.uniform(0.3e9, 1e9))];
    let network = Network::new(3, &edges, 5e-9);
    let tasks = 4;
    let mut column = |min, max| {
        (0..tasks)
            .map(|_| s.uniform(min, max))
            .collect::<Vec<f64>>()
    };
    let radio = |seconds_per_bit| RadioLink {
        rsu: 0,
        seconds_per_bit,
    };
    Slot {
        now_s: 0.0,
        slot_s: 1.0,
        carry_over: false,
        omega: 0.7,
        enforce_balance: false,
        tau: f64::INFINITY,
        migration_power_w: 0.5,
        rsus: Rsus {
            id: ["a", "b", "c"].map(String::from).into(),
            x_m: vec![0.0; 3],
            y_m: vec![0.0; 3],
            range_m: vec![0.0; 3],
            bandwidth_hz: vec![0.0; 3],
            cpu_hz: vec![4.8e9; 3],
            energy_coeff: vec![3e-28; 3],
            reserved_cpu_hz: vec![0.0; 3],
            releasing_cpu_hz: vec![0.0; 3],
            up: Vec::new(),
        },
        routes: Routes::build(3, &edges, 2).into(),
        sessions: None,
        cloud_round_trip_s: None,
        vehicles: Vehicles {
            key: Vec::new(),
            x_m: vec![0.0; tasks],
            y_m: vec![0.0; tasks],
            tx_power_w: vec![0.2; tasks],
            cpu_hz: column(1e8, 1e9),
            energy_coeff: vec![2e-26; tasks],
            local_wait_s: vec![0.0; tasks],
        },
        coverage: Coverage {
            start: (0..=tasks as u32).collect(),
            links: column(1e-9, 3e-9).into_iter().map(radio).collect(),
        },
        tasks: Tasks {
            vehicle: (0..tasks as u32).collect(),
            cycles: column(5e7, 1e8),
            data_bits: column(2e6, 4e6),
            deadline_s: column(0.03, 0.1),
        },
        queues: Some(Queues {
            core_start: vec![0, 1, 3, 5],
            core_hz: vec![2.4e9; 3],
            present: QueueState {
                time_s: 0.0,
                core_free_s: (0..5).map(|_| s.uniform(0.0, 0.05)).collect(),
                waiting: vec![0; 3],
                link_free_s: vec![0.0; network.links().len()],
                up: vec![true; 3],
            },
            rounds: Vec::new(),
            information: None,
        }),
        network: network.into(),
    }
}

/// Without the counting from the last a bound is lower at most, and the other counting is what remains.
#[test]
fn property_what_large_batches_leave_out_only_lowers_the_bound() {
    use super::problem::Goal;
    use super::{QueueBound, Venues};

    let goal = Goal::Cost { omega: 1.0 };
    let mut lower = 0;
    for seed in 0..20 {
        let slot = small_slot(&mut Streams::new(seed).stream("offers"));
        let mut bound = QueueBound::default();
        let queues = slot.queues.as_ref().expect("queues");
        bound.problem.prepare(&slot, queues, Venues::SERVERS);
        // four tasks, all different, with four places offered to each
        let whole = bound.asg_within(goal, 16).expect("feasible");
        let less = bound.asg_within(goal, 15).expect("feasible");
        assert_eq!(Some(less), bound.asg_from_first(goal));
        assert!(less <= whole, "seed {seed}: {less} {whole}");
        lower += usize::from(less < whole);
    }
    assert!(lower > 0);
}
