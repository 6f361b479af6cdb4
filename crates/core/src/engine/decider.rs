//! One policy in one slot: decides, allocates CPU, computes costs.

use std::time::Instant;

use super::batch;
use super::health::Outages;
use super::hosting::Hosted;
use super::records::{ReturnRecord, SessionRun};
use super::result::Returned;
use super::traffic::Traffic;
use crate::alloc::{Allocator, Certificate};
use crate::evaluate::{self, Evaluator, Outcome};
use crate::model::load;
use crate::parallel;
use crate::policy::{Known, Policy, PolicyKind};
use crate::rng::Streams;
use crate::scenario::{BalanceOf, PolicyOptions};
use crate::slot::{Decision, Placement, Slot};

/// A policy with all that turns its placements into costs, keeping its memory from slot to slot.
///
/// ```
/// use wayside_core::Scenario;
/// use wayside_core::engine::decider::Decider;
/// use wayside_core::engine::traffic::Traffic;
/// use wayside_core::engine::world::World;
/// use wayside_core::policy::PolicyKind;
/// use wayside_core::rng::Streams;
///
/// let world = World::new(&Scenario::builtin("wang2025", &[])?)?;
/// let streams = Streams::new(0);
/// let mut slot = world.empty_slot();
/// Traffic::new(&world, streams)?.advance(0, &mut slot)?;
/// let mut price = Decider::of(PolicyKind::Price, &world.scenario.policy, streams);
/// price.decide(&slot);
/// assert_eq!(price.placements().len(), slot.tasks.len());
/// let delays = price.outcomes().iter().map(|outcome| outcome.delay_s());
/// assert!(delays.sum::<f64>() > 0.0);
/// # Ok::<(), wayside_core::Error>(())
/// ```
pub struct Decider {
    policy: Box<dyn Policy>,
    decision: Decision,
    costs: CostEvaluator,
    hosted: Hosted,
    decision_time_s: f64,
    /// What the policy is going to be told of, if it listens.
    known: Vec<Known>,
}

impl Decider {
    /// Decides by `policy`.
    #[must_use]
    pub fn new(policy: Box<dyn Policy>) -> Self {
        Self {
            policy,
            decision: Decision::default(),
            costs: CostEvaluator::default(),
            hosted: Hosted::default(),
            decision_time_s: 0.0,
            known: Vec::new(),
        }
    }

    /// The same, with the loads that the scenario's LBM is taken `of`.
    #[must_use]
    pub(super) fn measuring(mut self, of: BalanceOf) -> Self {
        self.costs.of = of;
        self
    }

    /// Decides by a policy that comes with Wayside, with the streams of one seed.
    #[must_use]
    pub fn of(kind: PolicyKind, options: &PolicyOptions, streams: Streams) -> Self {
        Self::new(kind.build(options, streams))
    }

    /// Decides `slot`; the accessors tell what became of it.
    ///
    /// Where tasks queue for cores the outcomes are those that they have if nothing arises after them. Where work runs in
    /// sessions the slot stays as it was, and [`hosted`](Self::hosted) says where they run then.
    pub fn decide(&mut self, slot: &Slot) {
        if slot.sessions.is_some() {
            self.host(slot, None, &mut SessionRun::default());
            return;
        }
        if slot.queues.is_some() {
            self.place(slot);
            self.costs.outcomes = batch::outcomes(slot, &self.decision);
            return;
        }
        self.ask(slot);
        self.settle(slot);
    }

    /// Asks for placements, where tasks share CPU, for the slot as the policy sees it.
    pub(super) fn ask(&mut self, slot: &Slot) {
        let clock = Instant::now();
        self.decision.clear();
        self.policy.decide(slot, &mut self.decision);
        // every task is charged for the shortest route: a way that a policy made for queues chose is not taken
        self.decision.paths.clear();
        self.decision_time_s = clock.elapsed().as_secs_f64();
    }

    /// Allocates CPU and finds the outcomes of the placements in the slot as it is.
    pub(super) fn settle(&mut self, slot: &Slot) {
        parallel::goes_on_alone();
        let clock = Instant::now();
        self.costs.allocate(slot, &mut self.decision);
        self.decision_time_s += clock.elapsed().as_secs_f64();
        self.costs.evaluate(slot, &self.decision);
    }

    /// Interrupts tasks whose servers fail, and returns the results of what was decided, where the scenario says how.
    pub(super) fn return_results(&mut self, slot: &Slot, traffic: &mut Traffic<'_>) {
        if let Some(outages) = traffic.outages() {
            self.costs
                .interrupt(slot, &self.decision.placements, outages);
        }
        self.costs
            .return_results(slot, &self.decision.placements, traffic);
    }

    /// How the answer of every task was returned; empty where answers are there at once.
    #[must_use]
    pub fn returns(&self) -> &[Returned] {
        self.costs.returns()
    }

    /// Places the tasks of `slot` where they queue for cores; what becomes of them is not yet known.
    pub(super) fn place(&mut self, slot: &Slot) {
        let clock = Instant::now();
        self.decision.clear();
        self.policy.decide(slot, &mut self.decision);
        self.decision_time_s = clock.elapsed().as_secs_f64();
        self.costs.queue(slot, &self.decision.placements);
    }

    /// Asks for the hosts of sessions, if they are not decided from outside: orders moves, finds where each batch runs, shares the
    /// CPU, and finds the outcomes.
    pub(super) fn host(
        &mut self,
        slot: &Slot,
        outside: Option<&Decision>,
        totals: &mut SessionRun,
    ) {
        let Self {
            policy,
            decision,
            costs,
            hosted,
            ..
        } = self;
        let clock = Instant::now();
        decision.clear();
        match outside {
            Some(outside) => decision.clone_from(outside),
            None => policy.decide(slot, decision),
        }
        hosted.settle(slot, &mut decision.placements, totals);
        decision.minimum_hz.clear();
        decision.shares_hz.clear();
        decision.later_price.clear();
        costs.allocate(slot, decision);
        self.decision_time_s = clock.elapsed().as_secs_f64();
        costs.measure(slot, &decision.placements);
        costs.outcomes.clear();
        let shares = decision.placements.iter().zip(&costs.cpu_hz).enumerate();
        let outcomes =
            shares.map(|(task, (&placement, &hz))| hosted.outcome(slot, task, placement, hz));
        costs.outcomes.extend(outcomes);
    }

    /// Where sessions run after the decision, and which moves it orders.
    #[must_use]
    pub fn hosted(&self) -> &Hosted {
        &self.hosted
    }

    /// Tells the policy of tasks whose outcomes are known.
    pub(super) fn tell(&mut self, known: &[Known]) {
        if !known.is_empty() {
            self.policy.observe(known);
        }
    }

    /// Tells the policy of all tasks of slot `t`, whose outcomes are known at once.
    pub(super) fn tell_all(&mut self, t: usize, slot: &Slot) {
        if !self.policy.listens() {
            return;
        }
        let Self {
            known,
            costs,
            decision,
            ..
        } = self;
        known.clear();
        for (task, outcome) in costs.outcomes.iter().enumerate() {
            let back = costs.returns.get(task).is_none_or(|r| r.fate.is_there());
            known.push(Known {
                slot: t as u32,
                task: task as u32,
                placement: decision.placements[task],
                cpu_hz: costs.cpu_hz[task],
                deadline_s: slot.tasks.deadline_s[task],
                omega: slot.omega,
                outcome: back.then_some(*outcome),
            });
        }
        let known = std::mem::take(&mut self.known);
        self.tell(&known);
        self.known = known;
    }

    /// Takes over a decision from outside, for tasks that queue.
    pub(super) fn impose(&mut self, slot: &Slot, decision: &Decision) {
        self.decision.clone_from(decision);
        self.costs.queue(slot, &self.decision.placements);
    }

    /// The links that `task` is sent over: those that the policy chose, or else the shortest route,
    /// written to `route`.
    ///
    /// # Panics
    /// If no route leads there, which is a bug of the policy.
    pub fn path<'a>(&'a self, slot: &Slot, task: usize, route: &'a mut Vec<u32>) -> &'a [u32] {
        self.decision.path(slot, task, route)
    }

    /// Where every task runs.
    #[must_use]
    pub fn placements(&self) -> &[Placement] {
        &self.decision.placements
    }

    /// CPU share of every task at an RSU, 0 for the others \[Hz\].
    #[must_use]
    pub fn cpu_hz(&self) -> &[f64] {
        self.costs.cpu_hz()
    }

    /// What proves the CPU shares optimal for the placements.
    #[must_use]
    pub fn certificate(&self) -> Certificate {
        self.costs.certificate
    }

    /// What every task costs.
    #[must_use]
    pub fn outcomes(&self) -> &[Outcome] {
        self.costs.outcomes()
    }

    /// Load L_m of every RSU: (8), or the demand in a run that takes the LBM of it.
    pub fn loads(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.costs.loads()
    }

    /// Tasks sent back to their vehicles because the RSU chosen had no CPU left.
    #[must_use]
    pub fn rejected(&self) -> u32 {
        self.costs.rejected
    }

    /// Wall-clock time of the decision, allocation included \[s\].
    #[must_use]
    pub fn decision_time_s(&self) -> f64 {
        self.decision_time_s
    }

    /// What became of the decision.
    pub(super) fn costs(&self) -> &CostEvaluator {
        &self.costs
    }
}

/// Turns placements from any source into CPU shares and costs.
#[derive(Default)]
pub(super) struct CostEvaluator {
    allocator: Allocator,
    evaluator: Evaluator,
    cpu_hz: Vec<f64>,
    certificate: Certificate,
    outcomes: Vec<Outcome>,
    /// When tasks lose their servers, infinite where they do not \[s\]; empty where that cannot happen.
    interrupted_s: Vec<f64>,
    returns: Vec<Returned>,
    results: bool,
    rejected: u32,
    /// Which loads are measured, and their values.
    of: BalanceOf,
    loads: Vec<f64>,
}

impl CostEvaluator {
    pub(super) fn new(of: BalanceOf) -> Self {
        Self {
            of,
            ..Self::default()
        }
    }

    /// Finds the CPU shares of `decision`. Tasks at RSUs without CPU go back to their vehicles; else placements stay.
    pub(super) fn allocate(&mut self, slot: &Slot, decision: &mut Decision) {
        self.rejected = reject_overloaded(slot, &mut decision.placements);
        if !decision.shares_hz.is_empty() {
            let (placements, shares_hz) = (&decision.placements, &decision.shares_hz);
            self.certificate = self
                .allocator
                .adopt(slot, placements, shares_hz, &mut self.cpu_hz);
            return;
        }
        self.certificate = self.allocator.solve_priced(
            slot,
            &decision.placements,
            &decision.minimum_hz,
            &decision.later_price,
            &mut self.cpu_hz,
        );
    }

    /// Finds the outcomes, after [`allocate`](Self::allocate).
    pub(super) fn evaluate(&mut self, slot: &Slot, decision: &Decision) {
        self.evaluator
            .outcomes(slot, &decision.placements, &self.cpu_hz, &mut self.outcomes);
        self.measure(slot, &decision.placements);
    }

    /// Sends tasks back to their vehicles whose servers fail before they end, after [`evaluate`](Self::evaluate).
    pub(super) fn interrupt(&mut self, slot: &Slot, placements: &[Placement], outages: &Outages) {
        let t = (slot.now_s / slot.slot_s).round() as usize;
        self.interrupted_s.clear();
        for (task, placement) in placements.iter().enumerate() {
            let outcome = &mut self.outcomes[task];
            let next = placement.execution().and_then(|m| outages.next(m, t));
            let fails_s = next.map_or(f64::INFINITY, |t| t as f64 * slot.slot_s);
            let cut = fails_s < slot.now_s + outcome.ready_s();
            if cut {
                *outcome = evaluate::interrupted(slot, task, outcome, fails_s - slot.now_s);
            }
            self.interrupted_s
                .push(if cut { fails_s } else { f64::INFINITY });
        }
    }

    /// When `task` loses its server, infinite where it does not \[s\].
    pub(super) fn interrupted_s(&self, task: usize) -> f64 {
        self.interrupted_s
            .get(task)
            .copied()
            .unwrap_or(f64::INFINITY)
    }

    /// Adds to the outcomes what the return of the results takes, where the scenario says how.
    pub(super) fn return_results(
        &mut self,
        slot: &Slot,
        placements: &[Placement],
        traffic: &mut Traffic<'_>,
    ) {
        let Self {
            interrupted_s,
            outcomes,
            returns,
            ..
        } = self;
        let went_home = |task: usize| interrupted_s.get(task).is_some_and(|s| s.is_finite());
        self.results = traffic.return_results(slot, (placements, went_home), outcomes, returns);
    }

    pub(super) fn returns(&self) -> &[Returned] {
        &self.returns
    }

    /// What became of the answers, where the scenario says how they return.
    pub(super) fn return_record(&self) -> Option<ReturnRecord> {
        self.results.then(|| ReturnRecord::of(&self.returns))
    }

    fn measure(&mut self, slot: &Slot, placements: &[Placement]) {
        self.loads.clear();
        if self.of == BalanceOf::Allocated {
            self.loads.extend(self.allocator.loads());
            return;
        }
        self.loads.resize(slot.rsus.len(), 0.0);
        for (task, placement) in placements.iter().enumerate() {
            if let Some(m) = placement.execution() {
                let (m, cycles) = (m as usize, slot.tasks.cycles[task]);
                self.loads[m] += load::demand(cycles, slot.rsus.cpu_hz[m], slot.slot_s);
            }
        }
    }

    /// Where tasks queue for cores there is nothing to share, and what becomes of them is not yet known.
    fn queue(&mut self, slot: &Slot, placements: &[Placement]) {
        let queues = slot.queues.as_ref().expect("tasks queue for cores");
        let core_hz = |placement: &Placement| {
            let execution = placement.execution();
            execution.map_or(0.0, |m| queues.core_hz[m as usize])
        };
        self.cpu_hz.clear();
        self.cpu_hz.extend(placements.iter().map(core_hz));
        self.outcomes.clear();
        self.loads.clear();
        self.rejected = 0;
    }

    pub(super) fn cpu_hz(&self) -> &[f64] {
        &self.cpu_hz
    }

    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    pub(super) fn rejected(&self) -> u32 {
        self.rejected
    }

    /// Tasks sent back to their vehicles because their servers fail.
    pub(super) fn interrupted(&self) -> u32 {
        let cut = self.interrupted_s.iter().filter(|s| s.is_finite());
        cut.count() as u32
    }

    pub(super) fn loads(&self) -> impl ExactSizeIterator<Item = f64> + Clone + '_ {
        self.loads.iter().copied()
    }
}

/// Sends tasks back to their vehicles from RSUs with no CPU left; how many.
fn reject_overloaded(slot: &Slot, placements: &mut [Placement]) -> u32 {
    let mut count = 0;
    for placement in placements {
        if let Placement::Rsu { execution, .. } = *placement
            && slot.rsus.available_cpu_hz(execution as usize) <= 0.0
        {
            *placement = Placement::Local;
            count += 1;
        }
    }
    count
}
