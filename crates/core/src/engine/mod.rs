//! The slot loop.

mod batch;
mod carry_over;
pub mod coverage;
pub mod decider;
pub mod env;
mod episode;
mod extended;
mod factory;
mod health;
pub mod hosting;
mod lane;
mod links;
mod map;
pub mod own;
mod preview;
mod queue_account;
mod queue_agent;
pub mod queue_env;
pub mod records;
mod registry;
pub mod result;
mod run;
pub mod session_env;
mod sessions;
pub mod traffic;
mod trajectory;
pub mod world;

pub use lane::TaskOutcome;

use std::ops::ControlFlow;

use crate::bound::dual::{Dual, Effort};
use crate::bound::horizon::Horizon;
use crate::bound::queues::{QueueBound, QueueBounds, Venues};
use crate::bound::sessions::SessionBound;
use crate::bound::split::Split;
use crate::error::{Error, Result};
use crate::slot::Slot;
use decider::Decider;
pub use factory::{PolicyFactory, Trained, own_policy};
use lane::Bounds;
use records::{Replication, SlotRecord};
pub use registry::{PolicyRegistry, SharedFactory};
use run::run_slots;
use world::World;

/// Which certified lower bound a run carries. Where tasks queue for cores there is one only, see
/// [`crate::bound::queues`], and every kind but `Off` is it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BoundKind {
    /// None.
    #[default]
    Off,
    /// The simple dual, see [`crate::bound::dual`].
    Simple,
    /// The split bound, see [`crate::bound::split`]: tighter, slower.
    Split,
    /// All slots together, see [`crate::bound::horizon`], where tasks hold CPU into later ones, and
    /// [`crate::bound::sessions`], where work runs in sessions; elsewhere the simple dual.
    Horizon,
}

impl BoundKind {
    /// The kind that a run in `world` gets: there is no horizon where slots are independent or tasks queue for cores, and
    /// nothing else where work runs in sessions.
    #[must_use]
    pub fn of(self, world: &World) -> Self {
        if world.sessions.is_some() && self != Self::Off {
            return Self::Horizon;
        }
        let held = world.scenario.time.carry_over && world.empty_slot().queues.is_none();
        if self == Self::Horizon && !held {
            Self::Simple
        } else {
            self
        }
    }
}

/// What a replication does besides running policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Options {
    /// Number of slots.
    pub slots: usize,
    /// Bound computed in every slot.
    pub bound: BoundKind,
}

/// Follows a replication from outside.
pub trait Observer {
    /// Sees slot number `t` before any policy has touched it, and may stop the run. Where tasks arise
    /// with a period of their own it sees every instant at which they do: none, one or more in a slot.
    fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()>;

    /// Sees the slot after the decision of policy number `policy`.
    fn decided(&mut self, t: usize, policy: usize, slot: &Slot, decider: &Decider) {
        let _ = (t, policy, slot, decider);
    }

    /// Sees a task whose outcome is known only now, because tasks queue. Calls are in the order of these instants.
    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        let _ = (policy, task);
    }
}

/// A closure that sees every slot before any policy does, and may stop the run.
impl<F: FnMut(usize, &Slot) -> ControlFlow<()>> Observer for F {
    fn slot(&mut self, t: usize, slot: &Slot) -> ControlFlow<()> {
        self(t, slot)
    }
}

/// Runs all `policies` over the traffic of one seed: the same vehicles and tasks for each of them.
///
/// ```
/// use wayside_core::engine::world::World;
/// use wayside_core::engine::{BoundKind, Options, replicate};
/// use wayside_core::policy::PolicyKind;
/// use wayside_core::Scenario;
///
/// let world = World::new(&Scenario::builtin("wang2025", &[])?)?;
/// let options = Options { slots: 5, bound: BoundKind::Simple };
/// let run = replicate(&world, &[PolicyKind::Nearest, PolicyKind::Price], 0, options)?;
/// for policy in &run.policies {
///     for slot in &policy.slots {
///         assert!(slot.objective >= slot.lower_bound.expect("asked for"));
///     }
/// }
/// # Ok::<(), wayside_core::Error>(())
/// ```
///
/// # Errors
/// A trace that ends early or is malformed; a policy that cannot serve this world.
pub fn replicate<C: PolicyFactory>(
    world: &World,
    policies: &[C],
    seed: u64,
    options: Options,
) -> Result<Replication> {
    let go_on = &mut |_: usize, _: &Slot| ControlFlow::Continue(());
    let replication = replicate_observed(world, policies, seed, options, go_on)?;
    Ok(replication.expect("nobody stops it"))
}

/// [`replicate`] with an observer.
///
/// Where the observer stops the run the replication is incomplete, and `None` is returned.
///
/// # Errors
/// A trace that ends early or is malformed; a policy that cannot serve this world; a cost below its certified bound,
/// which is a bug of Wayside.
pub fn replicate_observed<C: PolicyFactory>(
    world: &World,
    policies: &[C],
    seed: u64,
    options: Options,
    observer: &mut dyn Observer,
) -> Result<Option<Replication>> {
    let fails = !world.is_bounded();
    let kind = options.bound.of(world);
    let mut horizon = (kind == BoundKind::Horizon && !fails).then(|| RunBound::new(world));
    let apart = horizon.is_none() && !fails;
    let mut bounder = Bounder::new(if apart { kind } else { BoundKind::Off })
        .within(world.scenario.bound.tolerance);
    let mut loose_bounds = 0;
    let mut bounds_of = |slot: &Slot| {
        if let Some(horizon) = &mut horizon {
            horizon.push(slot);
        }
        let cost = bounder.solve(slot);
        let of_queues = bounder.queue_bounds();
        loose_bounds += u32::from(of_queues.is_some_and(|bounds| bounds.left_out));
        Bounds {
            cost,
            on_time: of_queues.map(|bounds| bounds.on_time),
        }
    };
    let mut replication = run_slots(world, policies, seed, options, &mut bounds_of, observer)?;
    if let Some(replication) = &mut replication {
        replication.loose_bounds = loose_bounds;
        if let Some(mut horizon) = horizon {
            bound_runs(replication, horizon.finish())?;
        }
    }
    Ok(replication)
}

/// Bounds all slots of a run together.
enum RunBound {
    Tasks(Box<Horizon>),
    Sessions(Box<SessionBound>),
}

impl RunBound {
    fn new(world: &World) -> Self {
        match world.sessions {
            Some(_) => Self::Sessions(Box::default()),
            None => {
                let tolerance = world.scenario.bound.tolerance;
                Self::Tasks(Box::new(Horizon::within(tolerance)))
            }
        }
    }

    fn push(&mut self, slot: &Slot) {
        match self {
            Self::Tasks(bound) => bound.push(slot),
            Self::Sessions(bound) => bound.push(slot),
        }
    }

    fn finish(&mut self) -> f64 {
        match self {
            Self::Tasks(bound) => bound.finish(),
            Self::Sessions(bound) => bound.finish(),
        }
    }
}

/// Takes the bound of the summed cost of a run's tasks into the records.
fn bound_runs(replication: &mut Replication, sum: f64) -> Result<()> {
    for run in &mut replication.policies {
        let tasks: f64 = run.slots.iter().map(|slot| f64::from(slot.tasks)).sum();
        if tasks > 0.0 {
            let cost = |slot: &SlotRecord| slot.objective * f64::from(slot.tasks);
            let objective = run.slots.iter().map(cost).sum::<f64>() / tasks;
            let place = || format!("{}, seed {}, all slots", run.policy, replication.seed);
            check_bound(objective, Some(sum / tasks), place)?;
            run.horizon_bound = Some(sum / tasks);
        }
    }
    Ok(())
}

/// Checks that a cost is not below its certified lower bound, rounding aside.
///
/// # Errors
/// [`Error::BelowBound`], with the policy and the slot that `place` names.
pub fn check_bound(
    objective: f64,
    bound: Option<f64>,
    place: impl FnOnce() -> String,
) -> Result<()> {
    /// Rounding, relative to the bound.
    const ROUNDING: f64 = 1e-9;
    match bound {
        Some(bound) if objective - bound < -ROUNDING * bound => Err(Error::BelowBound {
            place: place(),
            objective,
            bound,
        }),
        _ => Ok(()),
    }
}

/// Computes the bound of slot after slot, keeping its memory.
///
/// In a run it is taken before any policy's state is loaded into the slot: with all CPU free and no local
/// queue it bounds every policy's cost there, whatever earlier decisions hold, also under `carry_over`.
#[derive(Debug, Default)]
pub struct Bounder {
    kind: BoundKind,
    tolerance: f64,
    dual: Dual,
    split: Split,
    queue: QueueBound,
    queue_bounds: Option<QueueBounds>,
}

impl Bounder {
    /// For bounds of that kind.
    #[must_use]
    pub fn new(kind: BoundKind) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// The simple bound may stay about so far below the largest one, relative to it.
    #[must_use]
    pub fn within(self, tolerance: f64) -> Self {
        Self { tolerance, ..self }
    }

    /// The bound on the summed cost of all tasks of `slot`, with the CPU held and the queues as it says.
    /// Where tasks queue for cores every option that the slot has is offered, vehicle and cloud included.
    pub fn solve(&mut self, slot: &Slot) -> Option<f64> {
        self.queue_bounds = match &slot.queues {
            Some(queues) if self.kind != BoundKind::Off => {
                Some(self.queue.solve(slot, queues, Venues::ALL))
            }
            _ => None,
        };
        let bound = match (&slot.queues, self.kind) {
            (_, BoundKind::Off) => return None,
            (Some(_), _) => self.queue_bounds?.cost,
            (None, BoundKind::Simple | BoundKind::Horizon) => {
                self.dual.solve(slot, Effort::within(self.tolerance))
            }
            (None, BoundKind::Split) => self.split.solve(slot),
        };
        if bound > 0.0 || slot.tasks.is_empty() {
            return Some(bound);
        }
        // Extreme numbers can leave the prices where the bound is below zero, which says nothing.
        let alone = match (&slot.queues, self.kind) {
            (None, BoundKind::Simple | BoundKind::Horizon) => self.dual.alone(slot),
            (None, _) => self.split.alone(slot),
            (Some(_), _) => 0.0,
        };
        Some(bound.max(alone).max(0.0))
    }

    /// All bounds on the slot last solved, also on delay and on tasks in time, where tasks queue for cores.
    #[must_use]
    pub fn queue_bounds(&self) -> Option<QueueBounds> {
        self.queue_bounds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scenario;
    use crate::policy::PolicyKind;

    struct Nothing;

    impl Observer for Nothing {
        fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
            ControlFlow::Continue(())
        }
        fn decided(&mut self, _: usize, _: usize, _: &Slot, _: &Decider) {}
    }

    /// A bound that is twice the cost, in either model of execution.
    #[test]
    fn property_a_cost_below_its_bound_ends_the_run() {
        for scenario in ["wang2025", "lin2025"] {
            let size = ("fleet.size".to_owned(), "5".to_owned());
            let world = World::new(&Scenario::builtin(scenario, &[size]).unwrap()).unwrap();
            let run = |cost: Option<f64>| {
                let mut bounds_of = |_: &Slot| Bounds {
                    cost,
                    on_time: None,
                };
                let policies = [PolicyKind::Nearest];
                let options = Options {
                    slots: 1,
                    bound: BoundKind::Simple,
                };
                run_slots(&world, &policies, 4, options, &mut bounds_of, &mut Nothing)
            };
            let record = run(None).unwrap().unwrap().policies[0].slots[0].clone();
            let sum = record.objective * f64::from(record.tasks);
            assert!(run(Some(0.5 * sum)).is_ok(), "{scenario}");
            let error = run(Some(2.0 * sum)).unwrap_err();
            assert!(matches!(error, Error::BelowBound { .. }), "{scenario}");
            let text = error.to_string();
            assert!(text.contains("nearest, seed 4, slot 0, has J"), "{text}");
        }
    }

    #[test]
    fn closed_form_only_rounding_is_forgiven() {
        let check = |objective, bound| check_bound(objective, Some(bound), || "here".to_owned());
        assert!(check(1.0, 1.0 + 1e-10).is_ok());
        assert!(check(0.0, 0.0).is_ok());
        assert!(check_bound(1.0, None, String::new).is_ok());
        assert!(check(1.0, 1.0 + 1e-8).is_err());
    }
}
