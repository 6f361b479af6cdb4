//! The convex relaxation that is dual to the simple bound's prices, as a conic program.
//!
//! A task may split over its ways. X is the part of it that enters at an RSU, with B of the band; Y the part that is
//! executed at one, on a share S of its CPU. What they cost is convex in both: a X^2 / B for the upload,
//! omega C / F Y^2 / S + (1 - omega) kappa F^2 C S^2 / Y for the execution, with
//! B <= X and S <= Y.

use clarabel::solver::{SolverStatus, SupportedConeT};
use wayside_core::slot::Slot;

use crate::conic::Conic;

/// The optimum of the relaxation, and the multipliers of band and CPU.
pub(crate) struct Relaxed {
    pub(crate) value: f64,
    pub(crate) band: Vec<f64>,
    pub(crate) cpu: Vec<f64>,
}

/// A part of a task that takes a share of one RSU's band or CPU.
struct Part {
    rsu: usize,
    /// Columns of the part and of its share.
    part: usize,
    share: usize,
    /// Flows that add up to the part.
    flows: Vec<usize>,
    /// Cost of the whole task: over the share, and times its square.
    delay: f64,
    energy: f64,
}

#[derive(Default)]
struct Program {
    linear: Vec<f64>,
    entries: Vec<Part>,
    executions: Vec<Part>,
    /// Per task its flows, local included.
    flows: Vec<Vec<usize>>,
}

impl Program {
    fn column(&mut self, cost: f64) -> usize {
        self.linear.push(cost);
        self.linear.len() - 1
    }

    fn part(&mut self, rsu: usize, delay: f64, energy: f64) -> Part {
        let (part, share) = (self.column(0.0), self.column(0.0));
        Part {
            rsu,
            part,
            share,
            flows: Vec::new(),
            delay,
            energy,
        }
    }

    /// `scale`: what costs are divided by.
    fn add_task(&mut self, slot: &Slot, n: usize, scale: f64) {
        let mut flows = vec![self.column(slot.local_cost(n) / scale)];
        let mut executions: Vec<Option<Part>> = (0..slot.rsus.len())
            .map(|m| self.execution(slot, n, m, scale))
            .collect();
        for link in slot.links(n) {
            let mut entry = self.part(link.rsu as usize, slot.upload_cost(n, link) / scale, 0.0);
            for target in slot.routes.targets(link.rsu) {
                if let Some(execution) = &mut executions[target.rsu as usize] {
                    let way = slot.migration_cost(slot.tasks.data_bits[n], target);
                    let flow = self.column(way / scale);
                    flows.push(flow);
                    entry.flows.push(flow);
                    execution.flows.push(flow);
                }
            }
            self.entries.push(entry);
        }
        self.executions.extend(executions.into_iter().flatten());
        self.flows.push(flows);
    }

    fn execution(&mut self, slot: &Slot, n: usize, m: usize, scale: f64) -> Option<Part> {
        let hz = unit_hz(slot, m);
        let cycles = slot.tasks.cycles[n] / scale;
        let energy = (1.0 - slot.omega) * slot.rsus.energy_coeff[m] * hz * hz * cycles;
        (hz > 0.0).then(|| self.part(m, slot.omega * cycles / hz, energy))
    }
}

/// What shares of RSU `m` are measured in: all its CPU, or what a task takes if that is less, which keeps the
/// numbers of the program near 1.
fn unit_hz(slot: &Slot, m: usize) -> f64 {
    let energy = (1.0 - slot.omega) * slot.rsus.energy_coeff[m];
    let free_hz = (slot.omega / (2.0 * energy)).cbrt();
    let available_hz = slot.rsus.available_cpu_hz(m);
    if free_hz > 0.0 {
        available_hz.min(free_hz)
    } else {
        available_hz
    }
}

/// Solves the relaxation.
pub(crate) fn relaxation(slot: &Slot) -> Relaxed {
    let (tasks, rsus) = (slot.tasks.len(), slot.rsus.len());
    let scale = (0..tasks).map(|n| slot.local_cost(n)).sum::<f64>() / tasks as f64;
    let mut program = Program::default();
    for n in 0..tasks {
        program.add_task(slot, n, scale);
    }
    let mut conic = Conic::default();
    let parts = || program.entries.iter().chain(&program.executions);
    for flows in &program.flows {
        conic.row(-1.0, flows.iter().map(|&flow| (flow, 1.0)));
    }
    for part in parts() {
        let flows = part.flows.iter().map(|&flow| (flow, 1.0));
        conic.row(0.0, flows.chain([(part.part, -1.0)]));
    }
    conic.cones.push(SupportedConeT::ZeroConeT(conic.b.len()));
    let equalities = conic.b.len();
    let units = |m: usize| (slot.rsus.available_cpu_hz(m) / unit_hz(slot, m)).max(1.0);
    for (parts, is_cpu) in [(&program.entries, false), (&program.executions, true)] {
        for m in 0..rsus {
            let here = parts.iter().filter(|part| part.rsu == m);
            let whole = if is_cpu { units(m) } else { 1.0 };
            conic.row(whole, here.map(|part| (part.share, -1.0)));
        }
        for part in parts {
            let whole = if is_cpu { units(part.rsu) } else { 1.0 };
            conic.row(0.0, [(part.part, whole), (part.share, -1.0)]);
            conic.row(0.0, [(part.share, 1.0)]);
        }
    }
    for &flow in program.flows.iter().flatten() {
        conic.row(0.0, [(flow, 1.0)]);
    }
    conic
        .cones
        .push(SupportedConeT::NonnegativeConeT(conic.b.len() - equalities));
    let mut linear = program.linear.clone();
    for part in parts() {
        cones(&mut conic, part, &mut linear);
    }
    let solution = conic.solve(&vec![0.0; linear.len()], &linear);
    assert!(
        matches!(
            solution.status,
            SolverStatus::Solved | SolverStatus::AlmostSolved
        ),
        "Clarabel ended with {:?}",
        solution.status
    );
    let prices = |row: usize| {
        solution.z[row..row + rsus]
            .iter()
            .map(|z| z.max(0.0) * scale)
    };
    let cpu = equalities + rsus + 2 * program.entries.len();
    Relaxed {
        value: solution.obj_val * scale,
        band: prices(equalities).collect(),
        cpu: (0..rsus)
            .map(units)
            .zip(prices(cpu))
            .map(|(units, z)| units * z)
            .collect(),
    }
}

/// Costs of a part: at least `delay` part^2 / share + `energy` share^2 / part.
fn cones(conic: &mut Conic, part: &Part, linear: &mut Vec<f64>) {
    if part.delay > 0.0 {
        fraction(conic, part.part, part.share, part.delay, linear);
        // Without delay the least energy is none.
        if part.energy > 0.0 {
            fraction(conic, part.share, part.part, part.energy, linear);
        }
    }
}

/// A cost of `weight` over^2 / under: over^2 <= cost under as |(2 over, cost - under)| <= cost + under.
fn fraction(conic: &mut Conic, over: usize, under: usize, weight: f64, linear: &mut Vec<f64>) {
    let cost = linear.len();
    linear.push(weight);
    conic.row(0.0, [(cost, 1.0), (under, 1.0)]);
    conic.row(0.0, [(over, 2.0)]);
    conic.row(0.0, [(cost, 1.0), (under, -1.0)]);
    conic.cones.push(SupportedConeT::SecondOrderConeT(3));
}
