//! Policies: who runs where. One file each; all see a [`Slot`] and nothing else.

pub mod baselines;
pub mod best_response;
pub mod learned;
pub mod least;
pub mod least_ahead;
pub mod least_total;
pub mod local_search;
pub mod lysac;
pub mod migration;
pub mod or_local;
pub mod plan_ahead;
pub mod price;
pub mod punctual;
pub mod repair;
pub mod sessions;
pub mod shared_cpu_adapter;
pub mod slot_fit;

use crate::evaluate::Outcome;
use crate::rng::Streams;
use crate::scenario::{Deadline, Execution, PolicyOptions, Scenario};
use crate::slot::{Decision, Placement, Slot};
use migration::MigrationKind;
use punctual::Punctual;
use repair::Repaired;
use sessions::SessionKind;
use shared_cpu_adapter::SharedCpuAdapter;

/// Decides where the tasks of a slot run.
///
/// A policy may remember earlier slots (warm prices, its random stream); it starts anew with every seed.
/// It names placements only: the CPU shares are the exact optimum of P2 for them, found by the engine.
pub trait Policy: Send {
    /// Fills `decision`, which is empty, with one placement per task of `slot`.
    fn decide(&mut self, slot: &Slot, decision: &mut Decision);

    /// Whether it wants to be told what becomes of tasks, by [`observe`](Self::observe).
    fn listens(&self) -> bool {
        false
    }

    /// Is told of tasks whose outcomes are known by now: all of a slot where CPU is shared, those that have ended since the
    /// last decision where tasks queue.
    fn observe(&mut self, known: &[Known]) {
        let _ = known;
    }
}

impl<P: Policy + ?Sized> Policy for Box<P> {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        (**self).decide(slot, decision);
    }

    fn listens(&self) -> bool {
        (**self).listens()
    }

    fn observe(&mut self, known: &[Known]) {
        (**self).observe(known);
    }
}

/// A task whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Known {
    /// The slot in which it arose.
    pub slot: u32,
    /// Its place among the tasks of the slot.
    pub task: u32,
    /// Where it was executed.
    pub placement: Placement,
    /// Its CPU share, or the speed of its core \[Hz\]; 0 in the cloud.
    pub cpu_hz: f64,
    /// Deadline \[s\].
    pub deadline_s: f64,
    /// Weight omega of delay against energy.
    pub omega: f64,
    /// What it cost; none where it, or its result, was lost.
    pub outcome: Option<Outcome>,
}

/// The policies of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyKind {
    /// Every task on its vehicle.
    Local,
    /// A random candidate.
    Random,
    /// Every task to the nearest RSU.
    Nearest,
    /// The paper's "greedy computation".
    GreedyComputation,
    /// The paper's "greedy data".
    GreedyData,
    /// Sweeps in which each task takes its best placement given the rest.
    BestResponse,
    /// The least total of the rows that learned policies see.
    LeastTotal,
    /// The same where rows say for how many slots a task holds its CPU.
    LeastAhead,
    /// The choice at the bound's prices, then best-response sweeps.
    Price,
    /// Moves, swaps and restarts: the near-optimum to compare with.
    LocalSearch,
    /// Price with shares that end tasks within their slot.
    SlotFit,
    /// Shares over several slots, later ones priced.
    PlanAhead,
    /// One of system 2, for servers with queues.
    Migration(MigrationKind),
    /// One that hosts sessions.
    Session(SessionKind),
}

/// What `wayside policies` says of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyInfo {
    /// Name on the command line.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Its keys in the scenario.
    pub options: &'static str,
    /// What it needs to know or to be.
    pub needs: &'static str,
}

impl PolicyKind {
    /// All that place tasks, in the order of the default comparison; for sessions there are [`Self::SESSIONS`].
    pub const ALL: [Self; Self::SHARED_CPU.len() + MigrationKind::ALL.len()] = {
        let mut all = [Self::Local; Self::SHARED_CPU.len() + MigrationKind::ALL.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = match i.checked_sub(Self::SHARED_CPU.len()) {
                None => Self::SHARED_CPU[i],
                Some(i) => Self::Migration(MigrationKind::ALL[i]),
            };
            i += 1;
        }
        all
    };

    /// Those that host sessions, and serve nothing else.
    pub const SESSIONS: [Self; SessionKind::ALL.len()] = {
        let mut all = [Self::Session(SessionKind::Never); SessionKind::ALL.len()];
        let mut i = 0;
        while i < all.len() {
            all[i] = Self::Session(SessionKind::ALL[i]);
            i += 1;
        }
        all
    };

    /// Those of system 1, made for RSUs that share their CPU.
    pub const SHARED_CPU: [Self; 12] = [
        Self::Local,
        Self::Random,
        Self::GreedyData,
        Self::GreedyComputation,
        Self::Nearest,
        Self::LeastTotal,
        Self::BestResponse,
        Self::Price,
        Self::LocalSearch,
        Self::SlotFit,
        Self::LeastAhead,
        Self::PlanAhead,
    ];

    /// What is compared where nothing is chosen: the policies made for the scenario's model of execution,
    /// less those that need what it does not have.
    #[must_use]
    pub fn defaults(scenario: &Scenario) -> Vec<Self> {
        match scenario.execution {
            Execution::SharedCpu => {
                let joins = |kind: &Self| match kind {
                    Self::SlotFit | Self::PlanAhead => scenario.time.carry_over,
                    // stand beside learned policies, which are not compared unasked either
                    Self::LeastTotal | Self::LeastAhead => false,
                    _ => true,
                };
                Self::SHARED_CPU.into_iter().filter(joins).collect()
            }
            // the last one stands beside learned policies, which are not compared unasked either
            Execution::Sessions(_) => Self::SESSIONS[..Self::SESSIONS.len() - 1].to_vec(),
            Execution::Queues(_) => {
                let kinds = MigrationKind::DEFAULTS.into_iter().map(Self::Migration);
                let cloud = scenario.cloud_round_trip_s.is_some();
                let joins = |kind: &Self| cloud || !kind.needs_cloud();
                [Self::Nearest, Self::Price]
                    .into_iter()
                    .chain(kinds)
                    .filter(joins)
                    .collect()
            }
        }
    }

    /// Whether it is of no use without a cloud.
    #[must_use]
    pub fn needs_cloud(self) -> bool {
        matches!(
            self,
            Self::Migration(MigrationKind::AllCloud | MigrationKind::Ect { cloud: true, .. })
        )
    }

    /// Whether it is for sessions, and for nothing else.
    #[must_use]
    pub fn hosts_sessions(self) -> bool {
        matches!(self, Self::Session(_))
    }

    /// Whether it is told what the run holds for each session.
    #[must_use]
    pub fn needs_future(self) -> bool {
        matches!(
            self,
            Self::Session(sessions::SessionKind::Alone | sessions::SessionKind::Foresight)
        )
    }

    /// The policy called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter().chain(Self::SESSIONS);
        all.find(|kind| kind.info().name == name)
    }

    /// Name, source, options and needs.
    #[must_use]
    // Long: a table.
    pub const fn info(self) -> PolicyInfo {
        match self {
            Self::Local => PolicyInfo {
                name: "local",
                summary: "every task on its vehicle",
                source: "baseline",
                options: "-",
                needs: "nothing",
            },
            Self::Random => PolicyInfo {
                name: "random",
                summary: "a random entry among the padded candidates (last = local), a random target",
                source: "baseline; candidates as in Wang et al., IV-C",
                options: "policy.random.candidates, .target",
                needs: "coverage",
            },
            Self::GreedyData => PolicyInfo {
                name: "greedy-data",
                summary: "the smallest data first to the nearest RSU, the rest local",
                source: "Wang et al., V",
                options: "policy.greedy.quota",
                needs: "coverage",
            },
            Self::GreedyComputation => PolicyInfo {
                name: "greedy-computation",
                summary: "the most cycles first to the nearest RSU, the rest local",
                source: "Wang et al., V",
                options: "policy.greedy.quota",
                needs: "coverage",
            },
            Self::Nearest => PolicyInfo {
                name: "nearest",
                summary: "every task to the nearest RSU",
                source: "baseline",
                options: "-",
                needs: "coverage",
            },
            Self::BestResponse => PolicyInfo {
                name: "best-response",
                summary: "sweeps in which each task takes its best placement given the rest",
                source: "Wayside",
                options: "policy.best-response.sweeps, .repair, .deadline",
                needs: "whole slot",
            },
            Self::LeastTotal => PolicyInfo {
                name: "least-total",
                summary: "the least total of the rows that learned policies see: what they are worth untrained",
                source: "Wayside",
                options: "policy.least-total.passes, .repair",
                needs: "whole slot",
            },
            Self::Price => PolicyInfo {
                name: "price",
                summary: "the choice at the bound's prices, then best-response sweeps",
                source: "Wayside",
                options: "policy.price.sweeps, .effort, .repair, .deadline",
                needs: "whole slot",
            },
            Self::LocalSearch => PolicyInfo {
                name: "local-search",
                summary: "moves, swaps and restarts: the near-optimum to compare with",
                source: "Wayside",
                options: "policy.local-search.restarts, .repair, .deadline",
                needs: "whole slot",
            },
            Self::SlotFit => PolicyInfo {
                name: "slot-fit",
                summary: "price with CPU shares that end tasks within their slot (for carry_over)",
                source: "Wayside",
                options: "-",
                needs: "whole slot",
            },
            Self::LeastAhead => PolicyInfo {
                name: "least-ahead",
                summary: "the least total of the rows of learned policies that hold CPU over several slots (for carry_over); else least-total",
                source: "Wayside",
                options: "policy.plan-ahead.weight, .fill",
                needs: "whole slot",
            },
            Self::PlanAhead => PolicyInfo {
                name: "plan-ahead",
                summary: "shares held over several slots, later ones priced (for carry_over); else price",
                source: "Wayside",
                options: "policy.plan-ahead.weight, .fill",
                needs: "whole slot",
            },
            Self::Migration(kind) => kind.info(),
            Self::Session(kind) => kind.info(),
        }
    }

    /// Builds the policy for one seed. It takes slots with queues and without.
    #[must_use]
    pub fn build(self, options: &PolicyOptions, streams: Streams) -> Box<dyn Policy> {
        use baselines::{Greedy, Local, Nearest, Random, Rank};
        match self {
            Self::Local => adapted(Local),
            Self::Random => adapted(Random::new(
                options.random.candidates,
                options.random.target,
                streams,
            )),
            Self::GreedyData => adapted(Greedy::new(Rank::Data, options.greedy.quota)),
            Self::GreedyComputation => {
                adapted(Greedy::new(Rank::Computation, options.greedy.quota))
            }
            Self::Nearest => adapted(Nearest),
            Self::BestResponse => repaired(
                best_response::BestResponse::new(options.best_response.sweeps),
                options.best_response.repair,
                options.best_response.deadline,
            ),
            Self::LeastTotal => repaired(
                least_total::policy(options.least_total.passes),
                options.least_total.repair,
                Deadline::IGNORE,
            ),
            Self::Price => repaired(
                price::Price::new(options.price),
                options.price.repair,
                options.price.deadline,
            ),
            Self::LocalSearch => {
                let (restarts, repair) =
                    (options.local_search.restarts, options.local_search.repair);
                let search = local_search::LocalSearch::new(restarts, repair, streams);
                adapted(Punctual::new(search, options.local_search.deadline))
            }
            Self::SlotFit => adapted(slot_fit::SlotFit::new(options.price.sweeps)),
            Self::LeastAhead => {
                let alone = repaired(
                    least_total::policy(options.least_total.passes),
                    options.least_total.repair,
                    Deadline::IGNORE,
                );
                adapted(least_ahead::LeastAhead::new(options.plan_ahead, alone))
            }
            Self::PlanAhead => {
                let alone = repaired(
                    price::Price::new(options.price),
                    options.price.repair,
                    options.price.deadline,
                );
                adapted(plan_ahead::PlanAhead::new(options.plan_ahead, alone))
            }
            Self::Migration(kind) => kind.build(&options.migration, streams),
            Self::Session(kind) => kind.build(options),
        }
    }
}

fn adapted(policy: impl Policy + 'static) -> Box<dyn Policy> {
    Box::new(SharedCpuAdapter::new(policy))
}

/// Repairs what `policy` decides under (16e), or not, and looks at deadlines, or not.
fn repaired(policy: impl Policy + 'static, repair: bool, deadline: Deadline) -> Box<dyn Policy> {
    if repair {
        adapted(Punctual::new(Repaired::new(policy), deadline))
    } else {
        adapted(Punctual::new(policy, deadline))
    }
}
