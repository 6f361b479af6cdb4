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
