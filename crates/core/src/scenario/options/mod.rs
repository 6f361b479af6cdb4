//! Options of policies, `[policy.NAME]`.

pub mod judgment;
pub mod migration;

pub use migration::MigrationOptions;

/// `[policy.NAME]`: options of policies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyOptions {
    /// `[policy.greedy] quota`: share q of the tasks that the greedy baselines offload.
    pub greedy_quota: f64,
    /// `[policy.random] candidates`: length beta + 1 of the candidate sequence drawn from.
    pub random_candidates: usize,
    /// `[policy.random] target`: among which RSUs it draws the one that executes.
    pub random_target: RandomTarget,
    /// `[policy.least-total] passes`: how many times every task is decided.
    pub least_total_passes: usize,
    /// `[policy.least-total] repair`: whether its placements are repaired where (16e) is enforced.
    pub least_total_repair: bool,
    /// `[policy.learned] or_local`: whether every task runs on its vehicle where that is cheaper than what was learned.
    pub learned_or_local: bool,
    /// `[policy.learned] repair`: whether learned placements are repaired where (16e) is enforced.
    pub learned_repair: bool,
    /// `[policy.best-response] sweeps`: most sweeps over the tasks.
    pub best_response_sweeps: usize,
    /// `[policy.best-response] repair`: whether its placements are repaired where (16e) is enforced.
    pub best_response_repair: bool,
    /// `[policy.best-response] deadline`.
    pub best_response_deadline: Deadline,
    /// `[policy.price]`.
    pub price: PriceOptions,
    /// `[policy.price] repair`: whether its placements are repaired where (16e) is enforced.
    pub price_repair: bool,
    /// `[policy.price] deadline`.
    pub price_deadline: Deadline,
    /// `[policy.local-search] restarts`.
    pub local_search_restarts: usize,
    /// `[policy.local-search] repair`: whether it searches for placements that are cheap under (16e), where that
    /// is enforced.
    pub local_search_repair: bool,
    /// `[policy.local-search] deadline`.
    pub local_search_deadline: Deadline,
    /// Those of the policies of system 2.
    pub migration: MigrationOptions,
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

/// Among which RSUs the policy `random` draws the one that executes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum RandomTarget {
    /// All within reach of the entry RSU.
    #[default]
    Any,
    /// The candidates that it enters by, padded as they are.
    Candidates,
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

/// `[policy.price]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceOptions {
    /// `sweeps`: best-response sweeps after the choice at prices.
    pub sweeps: usize,
    /// `effort`: how good the prices are.
    pub effort: PriceEffort,
}
