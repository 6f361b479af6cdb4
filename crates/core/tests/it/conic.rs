//! P2 as a conic program for Clarabel: the oracle of the tests and the alternative in the benches.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolution, DefaultSolver, IPSolver, SolverStatus, SupportedConeT,
};
use wayside_core::slot::{Placement, Slot};

/// A conic program.
#[derive(Default)]
pub(crate) struct Conic {
    rows: Vec<usize>,
    columns: Vec<usize>,
    values: Vec<f64>,
    /// s = b - A x lies in the cones.
    pub(crate) b: Vec<f64>,
    pub(crate) cones: Vec<SupportedConeT<f64>>,
}

impl Conic {
    /// Adds s = `constant` + sum of the terms as one more row.
    pub(crate) fn row(&mut self, constant: f64, terms: impl IntoIterator<Item = (usize, f64)>) {
        for (column, coefficient) in terms {
            self.rows.push(self.b.len());
            self.columns.push(column);
            self.values.push(-coefficient);
        }
        self.b.push(constant);
    }

    /// Minimises the sum of 0.5 `squares` x^2 + `linear` x.
    pub(crate) fn solve(self, squares: &[f64], linear: &[f64]) -> DefaultSolution<f64> {
        let columns = linear.len();
        let diagonal: Vec<usize> = (0..columns).collect();
        let objective = CscMatrix::new_from_triplets(
            columns,
            columns,
            diagonal.clone(),
            diagonal,
            squares.to_vec(),
        );
        let constraints = CscMatrix::new_from_triplets(
            self.b.len(),
            columns,
            self.rows,
            self.columns,
            self.values,
        );
        let settings = DefaultSettingsBuilder::default()
            .verbose(false)
            .tol_gap_abs(1e-10)
            .tol_gap_rel(1e-10)
            .tol_feas(1e-10)
            .build()
            .expect("settings are valid");
        let mut solver = DefaultSolver::new(
            &objective,
            linear,
            &constraints,
            &self.b,
            &self.cones,
            settings,
        )
        .expect("the program is well formed");
        solver.solve();
        solver.solution
    }
}

const GIGA: f64 = 1e9;

/// Clarabel's optimal value of P2, in units of GHz and Gcycles with variables F and t >= 1/F of every placed task; `None` where it proves that no allocation is feasible.
pub(crate) fn clarabel(slot: &Slot, placements: &[Placement], minimum_hz: &[f64]) -> Option<f64> {
    attempt(slot, placements, minimum_hz)
        .unwrap_or_else(|status| panic!("Clarabel ended with {status:?}"))
}

/// The same, where Clarabel may end without an answer.
pub(crate) fn attempt(
    slot: &Slot,
    placements: &[Placement],
    minimum_hz: &[f64],
) -> Result<Option<f64>, SolverStatus> {
    attempt_priced(slot, placements, minimum_hz, &[])
}

/// The same with a price per Hz that every task holds in later slots.
pub(crate) fn attempt_priced(
    slot: &Slot,
    placements: &[Placement],
    minimum_hz: &[f64],
    later_price: &[f64],
) -> Result<Option<f64>, SolverStatus> {
    let placed: Vec<(usize, usize)> = placements
        .iter()
        .enumerate()
        .filter_map(|(task, placement)| match *placement {
            Placement::Local | Placement::Cloud { .. } => None,
            Placement::Rsu { execution, .. } => Some((task, execution as usize)),
        })
        .collect();
    let count = placed.len();
    let (mut squares, mut linear) = (vec![0.0; 2 * count], vec![0.0; 2 * count]);
    let mut conic = Conic::default();
    for m in 0..slot.rsus.len() {
        let shares = (0..count).filter(|&i| placed[i].1 == m).map(|i| (i, -1.0));
        conic.row(slot.rsus.available_cpu_hz(m) / GIGA, shares);
    }
    for (i, &(task, _)) in placed.iter().enumerate() {
        conic.row(-minimum_hz.get(task).map_or(0.0, |f| f / GIGA), [(i, 1.0)]);
    }
    conic
        .cones
        .push(SupportedConeT::NonnegativeConeT(conic.b.len()));
    for (i, &(task, m)) in placed.iter().enumerate() {
        let cycles = slot.tasks.cycles[task] / GIGA;
        let coefficient = slot.rsus.energy_coeff[m] * GIGA.powi(3);
        squares[i] = 2.0 * (1.0 - slot.omega) * coefficient * cycles;
        linear[count + i] = slot.omega * cycles;
        linear[i] = later_price.get(task).map_or(0.0, |price| price * GIGA);
        // F t >= 1 as |(2, F - t)| <= F + t.
        conic.row(0.0, [(i, 1.0), (count + i, 1.0)]);
        conic.row(2.0, []);
        conic.row(0.0, [(i, 1.0), (count + i, -1.0)]);
        conic.cones.push(SupportedConeT::SecondOrderConeT(3));
    }
    if slot.enforce_balance {
        balance(&mut conic, slot, &placed);
    }
    let solution = conic.solve(&squares, &linear);
    match solution.status {
        SolverStatus::Solved | SolverStatus::AlmostSolved => Ok(Some(solution.obj_val)),
        SolverStatus::PrimalInfeasible | SolverStatus::AlmostPrimalInfeasible => Ok(None),
        status => Err(status),
    }
}

/// (16e): |L - mean(L)| <= sqrt(M) tau.
fn balance(conic: &mut Conic, slot: &Slot, placed: &[(usize, usize)]) {
    let rsus = slot.rsus.len();
    let reserved = |m: usize| slot.rsus.reserved_cpu_hz[m] / slot.rsus.cpu_hz[m];
    let mean = (0..rsus).map(reserved).sum::<f64>() / rsus as f64;
    conic.row((rsus as f64).sqrt() * slot.tau, []);
    for m in 0..rsus {
        let terms = placed.iter().enumerate().map(|(i, &(_, at))| {
            let own = if at == m { 1.0 } else { 0.0 };
            let load_per_ghz = GIGA / slot.rsus.cpu_hz[at];
            (i, (own - 1.0 / rsus as f64) * load_per_ghz)
        });
        conic.row(reserved(m) - mean, terms);
    }
    conic.cones.push(SupportedConeT::SecondOrderConeT(rsus + 1));
}
