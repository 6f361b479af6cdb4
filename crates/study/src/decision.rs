//! One slot decided: what `wayside decide` prints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wayside_core::alloc::Status;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::{BoundKind, Bounder, check_bound};
use wayside_core::evaluate::Outcome;
use wayside_core::model::load;
use wayside_core::policy::Policy;
use wayside_core::scenario::{BUILTIN_SCENARIOS, PolicyOptions};
use wayside_core::slot::{NamedSlot, Placement, Slot};
use wayside_core::{Error, Result, Scenario};

/// A policy's decision for one slot. Means are over tasks, and null where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecisionReport {
    /// Name of the policy.
    pub policy: String,
    /// How the decision ended: `ok`.
    pub status: String,
    /// Objective J of (15), mean over tasks.
    pub objective: Option<f64>,
    /// Certified lower bound of the objective; null without `--bound`.
    pub lower_bound: Option<f64>,
    /// (objective - lower_bound) / lower_bound; null without `--bound`.
    pub gap: Option<f64>,
    /// Mean delay \[s\].
    pub delay_s_mean: Option<f64>,
    /// Mean energy \[J\].
    pub energy_j_mean: Option<f64>,
    /// Load of the RSUs.
    pub load: Load,
    /// What proves the CPU shares optimal for the placements; null where tasks queue for cores.
    pub certificate: Option<CertificateReport>,
    /// Wall-clock time of the decision \[s\].
    pub decision_time_s: f64,
    /// Every task, in the order of the slot.
    pub placements: Vec<PlacementReport>,
}

/// Certificate of the CPU allocation P2.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CertificateReport {
    /// Whether an allocation meets (16e); if not, the cheapest is given whose LBM is within 1 % of the least.
    pub feasible: bool,
    /// Largest relative violation of the KKT conditions.
    pub kkt_residual: f64,
    /// Relative duality gap.
    pub duality_gap: f64,
}

/// How evenly the RSUs are loaded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Load {
    /// LBM (9); null where tasks queue for cores.
    pub lbm: Option<f64>,
    /// Its bound; null where there is none, or no LBM.
    pub tau: Option<f64>,
    /// Whether the LBM keeps its bound; null where there is no LBM.
    pub satisfied: Option<bool>,
    /// Load L_m (8), the share of its CPU in use, by RSU; empty where tasks queue for cores.
    #[schemars(with = "BTreeMap<String, f64>")]
    pub per_rsu: serde_json::Map<String, serde_json::Value>,
}

/// Where a task runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// On its vehicle.
    Local,
    /// On an RSU.
    Rsu,
    /// In the cloud.
    Cloud,
}

/// One task: where it runs and what that costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlacementReport {
    /// Id of the task.
    pub task: String,
    /// Where it runs.
    pub mode: Mode,
    /// Id of the RSU that it enters by; null for a local task.
    pub entry: Option<String>,
    /// Id of the RSU that executes it; null for a local task, and in the cloud.
    pub execution: Option<String>,
    /// Ids of the RSUs on its way, both ends included; empty for a task that no RSU executes.
    pub path: Vec<String>,
    /// CPU that it gets, of the RSU, of a core of it or of its vehicle \[Hz\]; 0 in the cloud.
    pub cpu_hz: f64,
    /// Delay \[s\].
    pub delay_s: f64,
    /// Energy \[J\].
    pub energy_j: f64,
    /// Parts of the delay \[s\].
    pub delay_parts_s: DelayParts,
    /// Whether the delay is within the deadline.
    pub deadline_met: bool,
    /// Where its session runs; left out where every task stands alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionReport>,
}

/// Where a session runs once the policy has decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionReport {
    /// Id of the RSU that hosts it; null before it is placed.
    pub host: Option<String>,
    /// Id of the RSU that it is moving to; null where it does not move.
    pub moving_to: Option<String>,
    /// Slots until it switches there.
    pub moving_slots: u32,
    /// Id of the RSU that a move was ordered to by this decision; null without one.
    pub ordered_to: Option<String>,
    /// What that move sends \[bytes\].
    pub moved_bytes: f64,
    /// Downtime that is left \[s\].
    pub down_s: f64,
}

/// Parts of a delay \[s\].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DelayParts {
    /// Over the air.
    pub upload: f64,
    /// Over the backhaul.
    pub migration: f64,
    /// In flight over the backhaul, or to the cloud and back.
    pub propagation: f64,
    /// In queues.
    pub wait: f64,
    /// On the CPU.
    pub compute: f64,
}

impl DelayParts {
    /// Those of `outcome`.
    #[must_use]
    pub(crate) fn of(outcome: &Outcome) -> Self {
        Self {
            upload: outcome.upload_s,
            migration: outcome.migration_s,
            propagation: outcome.propagation_s,
            wait: outcome.wait_s,
            compute: outcome.compute_s,
        }
    }
}

impl DecisionReport {
    /// As JSON, pretty.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data") + "\n"
    }
}

/// JSON Schema of [`DecisionReport`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(DecisionReport).into()
}

/// The options of policies for slots that come without a scenario: those of the first built-in one.
///
/// # Errors
/// None, unless that scenario is broken, which would be a bug of Wayside.
pub fn policy_options() -> Result<PolicyOptions> {
    Ok(Scenario::builtin(BUILTIN_SCENARIOS[0].name, &[])?.policy)
}

/// Lets a policy decide `named`, the slot of `file`, under its name.
///
/// # Errors
/// A bound of a slot of sessions, of which there is none; a cost below its certified bound, which is a bug of Wayside.
pub fn decide(
    file: &str,
    named: &NamedSlot,
    (name, policy): (&str, Box<dyn Policy>),
    bound: BoundKind,
) -> Result<DecisionReport> {
    if named.slot.sessions.is_some() && bound != BoundKind::Off {
        let message = "must be off with sessions: their bound is that of a whole run";
        return Err(Error::invalid(file, None, "bound", message));
    }
    let bounder = &mut Bounder::new(bound);
    decide_next(file, named, (name, &mut Decider::new(policy)), bounder)
}

/// The same by a decider and a bounder that go on from slot to slot.
///
/// # Errors
/// As [`decide`].
pub fn decide_next(
    file: &str,
    named: &NamedSlot,
    (name, decider): (&str, &mut Decider),
    bounder: &mut Bounder,
) -> Result<DecisionReport> {
    let slot = &named.slot;
    decider.decide(slot);

    let outcomes = decider.outcomes();
    let mean = |sum: f64| (!outcomes.is_empty()).then(|| sum / outcomes.len() as f64);
    let objective = mean(outcomes.iter().map(|o| o.cost(slot.omega)).sum());
    // the bound of sessions is that of a whole run
    let bounded = slot.sessions.is_none().then(|| bounder.solve(slot));
    let lower_bound = bounded.flatten().and_then(mean);
    if let Some(objective) = objective {
        check_bound(objective, lower_bound, || format!("{name} in {file}"))?;
    }
    let gap = objective
        .zip(lower_bound)
        .and_then(|(j, lb)| (lb > 0.0).then(|| (j - lb) / lb));
    let shared = slot.queues.is_none();
    let lbm = shared.then(|| load::lbm(decider.loads()));
    let certificate = decider.certificate();
    let loads = slot.rsus.id.iter().cloned().zip(decider.loads());
    Ok(DecisionReport {
        policy: name.to_owned(),
        status: "ok".to_owned(),
        objective,
        lower_bound,
        gap,
        delay_s_mean: mean(outcomes.iter().map(|o| o.delay_s()).sum()),
        energy_j_mean: mean(outcomes.iter().map(|o| o.energy_j()).sum()),
        load: Load {
            lbm,
            tau: (shared && slot.tau.is_finite()).then_some(slot.tau),
            satisfied: lbm.map(|lbm| load::excess(lbm, slot.tau) <= 0.0),
            per_rsu: loads.map(|(id, load)| (id, load.into())).collect(),
        },
        certificate: shared.then(|| CertificateReport {
            feasible: certificate.status == Status::Solved,
            kkt_residual: certificate.kkt_residual,
            duality_gap: certificate.duality_gap,
        }),
        decision_time_s: decider.decision_time_s(),
        placements: outcomes
            .iter()
            .enumerate()
            .map(|(task, outcome)| placement(named, decider, task, outcome))
            .collect(),
    })
}

/// Where `task` runs, and what that costs.
pub(crate) fn placement(
    named: &NamedSlot,
    decider: &Decider,
    task: usize,
    outcome: &Outcome,
) -> PlacementReport {
    let slot = &named.slot;
    let rsu_id = |m: u32| slot.rsus.id[m as usize].clone();
    let (mode, ends, cpu_hz) = match decider.placements()[task] {
        Placement::Local => {
            let vehicle = slot.tasks.vehicle[task] as usize;
            (Mode::Local, None, slot.vehicles.cpu_hz[vehicle])
        }
        Placement::Rsu { entry, execution } => (
            Mode::Rsu,
            Some((entry, Some(execution))),
            decider.cpu_hz()[task],
        ),
        Placement::Cloud { entry } => (Mode::Cloud, Some((entry, None)), 0.0),
    };
    let path = ends.map(|(entry, execution)| {
        let mut route = Vec::new();
        let links = decider.path(slot, task, &mut route).iter();
        let to = links.map(|&row| slot.network.links()[row as usize].to);
        let stays = execution.map(|_| entry);
        stays.into_iter().chain(to).collect::<Vec<u32>>()
    });
    PlacementReport {
        task: named.task_ids[task].clone(),
        mode,
        entry: ends.map(|(entry, _)| rsu_id(entry)),
        execution: ends.and_then(|(_, execution)| execution).map(rsu_id),
        path: path.unwrap_or_default().into_iter().map(rsu_id).collect(),
        cpu_hz,
        delay_s: outcome.delay_s(),
        energy_j: outcome.energy_j(),
        delay_parts_s: DelayParts::of(outcome),
        deadline_met: outcome.delay_s() <= slot.tasks.deadline_s[task],
        session: slot.sessions.as_ref().map(|_| session(slot, decider, task)),
    }
}

fn session(slot: &Slot, decider: &Decider, task: usize) -> SessionReport {
    let rsu_id = |m: u32| slot.rsus.id[m as usize].clone();
    let hosted = decider.hosted();
    let (state, ordered) = (&hosted.states[task], hosted.ordered[task]);
    SessionReport {
        host: state.host.map(rsu_id),
        moving_to: state.moving.map(|(to, _)| rsu_id(to)),
        moving_slots: state.moving.map_or(0, |(_, slots)| slots),
        ordered_to: ordered.map(|way| rsu_id(way.to)),
        moved_bytes: ordered.map_or(0.0, |way| way.bits / 8.0),
        down_s: state
            .down
            .map_or(0.0, |down| f64::from(down.away) * slot.slot_s + down.wait_s),
    }
}
