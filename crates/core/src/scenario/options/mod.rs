//! Options of policies, `[policy.NAME]`.

pub mod judgment;
pub mod migration;

pub use migration::MigrationOptions;

use crate::config::{Choice, Count, Flag, Float, Keys, section};

/// `[policy.NAME]`: options of policies.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PolicyOptions {
    /// `[policy.greedy]`.
    pub greedy: GreedyOptions,
    /// `[policy.random]`.
    pub random: RandomOptions,
    /// `[policy.least-total]`.
    pub least_total: LeastTotalOptions,
    /// `[policy.learned]`.
    pub learned: LearnedOptions,
    /// `[policy.best-response]`.
    pub best_response: BestResponseOptions,
    /// `[policy.price]`.
    pub price: PriceOptions,
    /// `[policy.local-search]`.
    pub local_search: LocalSearchOptions,
    /// `[policy.plan-ahead]`.
    pub plan_ahead: PlanAheadOptions,
    /// `[policy.lazy-follow]`.
    pub lazy_follow: LazyFollowOptions,
    /// `[policy.move-threshold]`.
    pub move_threshold: MoveThresholdOptions,
    /// `[policy.session-plan]`.
    pub session_plan: SessionPlanOptions,
    /// Those of the policies of system 2.
    pub migration: MigrationOptions,
}

impl PolicyOptions {
    pub(super) fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let doc = "The policies greedy-computation and greedy-data";
        k.section("greedy", doc, |k| self.greedy.keys(k));
        k.section("random", "The policy random", |k| self.random.keys(k));
        let doc = "The policy least-total, the untrained rule beside learned ones";
        k.section("least-total", doc, |k| self.least_total.keys(k));
        let doc = "Learned policies that decide one task after another, where slots do not depend on each other";
        k.section("learned", doc, |k| self.learned.keys(k));
        let doc = "The policy best-response";
        k.section("best-response", doc, |k| self.best_response.keys(k));
        k.section("price", "The policy price", |k| self.price.keys(k));
        let doc = "The policy local-search";
        k.section("local-search", doc, |k| self.local_search.keys(k));
        let doc = "The policy plan-ahead";
        k.section("plan-ahead", doc, |k| self.plan_ahead.keys(k));
        let doc = "The policy lazy-follow, for sessions";
        k.section("lazy-follow", doc, |k| self.lazy_follow.keys(k));
        let doc = "The policy move-threshold, for sessions";
        k.section("move-threshold", doc, |k| self.move_threshold.keys(k));
        let doc = "The policies session-plan and session-foresight, for sessions";
        k.section("session-plan", doc, |k| self.session_plan.keys(k));
        k.check(|s| {
            let instead = "is an option of each policy that has it: policy.price.repair, policy.best-response.repair, \
                           policy.local-search.repair, policy.least-total.repair, policy.learned.repair";
            s.retired("repair", instead);
        });
        self.migration.keys(k);
    }
}

section! {
    /// `[policy.greedy]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct GreedyOptions {
        /// share q of the tasks that is offloaded
        quota: f64 = default(0.77, Float::UNIT),
    }
}

section! {
    /// `[policy.random]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct RandomOptions {
        /// length beta + 1 of the candidate sequence drawn from
        candidates: usize = default(8, Count { min: 1, max: 1_000_000 }),
        /// what the executing RSU is drawn from: `any` RSU within reach of the entry RSU, or the `candidates`,
        /// padded to beta as for the entry
        target: RandomTarget = default(RandomTarget::Any, Choice(&RANDOM_TARGETS)),
    }
}

/// Among which RSUs the policy `random` draws the one that executes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RandomTarget {
    /// All within reach of the entry RSU.
    #[default]
    Any,
    /// The candidates that it enters by, padded as they are.
    Candidates,
}

const RANDOM_TARGETS: [(&str, RandomTarget); 2] = [
    ("any", RandomTarget::Any),
    ("candidates", RandomTarget::Candidates),
];

section! {
    /// `[policy.least-total]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LeastTotalOptions {
        /// how many times every task is decided; 2, as in the learned policies that ship with Wayside
        passes: usize = default(2, Count { min: 1, max: 1000 }),
        /// Whether its placements are repaired where (16e) is enforced.
        repair: bool = bound(true, repair),
    }
}

section! {
    /// `[policy.learned]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LearnedOptions {
        /// whether every task runs on its vehicle in slots where that is cheaper
        or_local: bool = default(true, Flag),
        /// Whether learned placements are repaired where (16e) is enforced.
        repair: bool = bound(true, repair),
    }
}

section! {
    /// `[policy.best-response]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct BestResponseOptions {
        /// most sweeps over the tasks
        sweeps: usize = default(20, Count { min: 1, max: 1_000_000 }),
        /// Whether its placements are repaired where (16e) is enforced.
        repair: bool = bound(true, repair),
        /// What it does about late tasks.
        deadline: Deadline = bound(Deadline::IGNORE, Deadline::keys),
    }
}

section! {
    /// `[policy.price]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct PriceOptions {
        /// best-response sweeps after the choice at the prices
        sweeps: usize = default(2, Count { min: 0, max: 1_000_000 }),
        /// how good the prices are: `accurate`, as those of the bound; `fast`, a step or two from those of
        /// the last slot
        effort: PriceEffort = default(PriceEffort::Accurate, Choice(&PRICE_EFFORTS)),
        /// Whether its placements are repaired where (16e) is enforced.
        repair: bool = bound(true, repair),
        /// What it does about late tasks.
        deadline: Deadline = bound(Deadline::IGNORE, Deadline::keys),
    }
}

/// How good the prices must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PriceEffort {
    /// As good as the bound's own.
    #[default]
    Accurate,
    /// A step or two from those of the last slot: for large maps, where most of the time is theirs.
    Fast,
}

const PRICE_EFFORTS: [(&str, PriceEffort); 2] = [
    ("accurate", PriceEffort::Accurate),
    ("fast", PriceEffort::Fast),
];

section! {
    /// `[policy.local-search]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LocalSearchOptions {
        /// restarts from a perturbed solution
        restarts: usize = default(10, Count { min: 0, max: 1_000_000 }),
        /// Whether it searches for placements that are cheap under (16e), where that is enforced.
        repair: bool = bound(true, repair),
        /// What it does about late tasks.
        deadline: Deadline = bound(Deadline::IGNORE, Deadline::keys),
    }
}

section! {
    /// `[policy.plan-ahead]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct PlanAheadOptions {
        /// share of the price of later slots that tasks pay for the CPU which they hold then
        weight: f64 = default(0.45, Float::NON_NEGATIVE.up_to(10.0)),
        /// share of all CPU in use at which that price starts to rise
        fill: f64 = default(0.85, Float::POSITIVE.up_to(1.0)),
    }
}

section! {
    /// `[policy.lazy-follow]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct LazyFollowOptions {
        /// most hops between entry and host at which a session stays
        hops: u32 = added(1, Count { min: 0, max: 1000 }),
    }
}

section! {
    /// `[policy.move-threshold]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct MoveThresholdOptions {
        /// what a move must save, in multiples of what it costs
        factor: f64 = added(1.0, Float::NON_NEGATIVE.up_to(1e9)),
        /// time over which savings count [s]
        horizon_s: f64 = added(20.0, Float::POSITIVE.up_to(1e6)),
    }
}

section! {
    /// `[policy.session-plan]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct SessionPlanOptions {
        /// how far ahead vehicles are expected to keep their velocity [s]
        horizon_s: f64 = added(20.0, Float::POSITIVE.up_to(1e5)),
        /// how many times the path of every session is found again, besides the last time
        sweeps: usize = added(1, Count { min: 0, max: 1000 }),
    }
}

fn repair(repair: &mut bool, k: &mut Keys<'_, '_>) {
    let doc = "whether it moves tasks to other RSUs where load_balance.enforce is on and that lowers the exact cost (P2)";
    k.default("repair", Flag, repair, doc);
}

/// What a policy does about tasks that it sees end after T_max, which J does not know of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deadline {
    /// What it does.
    pub rule: DeadlineRule,
    /// What a late task costs beyond its own cost, with [`DeadlineRule::Weigh`], in the unit of a task's share of J.
    pub weight: f64,
}

impl Deadline {
    /// Nothing is done about late tasks.
    pub const IGNORE: Self = Self {
        rule: DeadlineRule::Ignore,
        weight: 1.0,
    };

    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let doc = "what to do about tasks that would end after their deadline, which J does not count: `ignore` \
                   it, `weigh` a late task by `deadline_weight`, or `forbid` it where a move helps";
        k.default("deadline", Choice(&DEADLINES), &mut self.rule, doc);
        let kind = Float::NON_NEGATIVE.up_to(1e6);
        let doc = "what a late task costs beyond its own cost, with deadline = \"weigh\" [as J of one task]";
        k.default("deadline_weight", kind, &mut self.weight, doc);
    }
}

/// See [`Deadline`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadlineRule {
    /// Nothing.
    Ignore,
    /// Every late task costs a weight more.
    Weigh,
    /// As few late tasks as it finds, whatever that costs.
    Forbid,
}

const DEADLINES: [(&str, DeadlineRule); 3] = [
    ("ignore", DeadlineRule::Ignore),
    ("weigh", DeadlineRule::Weigh),
    ("forbid", DeadlineRule::Forbid),
];
