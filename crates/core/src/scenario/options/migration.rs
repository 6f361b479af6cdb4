//! Options of the migration policies.

use super::judgment::{Judgment, MAX_CRITERIA, Matrix};
use crate::config::{Choice, Count, Flag, Float, Keys, Kind, Value, section};
use serde_json::{Value as Json, json};

/// `[policy.migration]`, `[policy.ahp]` and those of the selectors and routers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MigrationOptions {
    /// `[policy.migration] max_hops`: n, how far a task may be migrated.
    pub max_hops: u32,
    /// `[policy.migration] history`: how long selectors remember their choices.
    pub history: History,
    /// `[policy.migration] home`: whether a task that ends in time at the server it enters by stays there.
    pub home: bool,
    /// `[policy.ahp]`: criteria of a server, and how they are judged.
    pub ahp: Ahp,
    /// `[policy.aahp] delta`: how far a decision shifts the judgments on history.
    pub aahp_delta: f64,
    /// `[policy.wvahp]`.
    pub wvahp: Wvahp,
    /// `[policy.pacb]`.
    pub pacb: Pacb,
    /// `[policy.oesda]`.
    pub oesda: Oesda,
    /// `[policy.ect] effort`: most tasks simulated to improve a plan.
    pub effort: usize,
    /// `[policy.ect-h]`.
    pub ect_h: Hedge,
    /// `[policy.lysac] episodes`: E, plans proposed for a batch.
    pub lysac_episodes: usize,
}

/// How long selectors remember which servers they chose: counts c_i, and with AAHP judgments and the last choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// Among the tasks that arise together: with the next batch they begin anew, as with the information they have.
    Slot,
    /// For the whole run, also where tasks come one by one.
    Run,
}

const HISTORIES: [(&str, History); 2] = [("slot", History::Slot), ("run", History::Run)];

/// Criteria in three groups, judged in two layers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ahp {
    /// Judges the groups: computing, network, history.
    pub layer1: Judgment,
    /// The groups, in this order.
    pub groups: [Group; 3],
}

/// Some criteria and how they are judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Group {
    /// The criteria.
    pub criteria: Criteria,
    /// Judges them, in their order.
    pub judgment: Judgment,
}

/// The merits of a server; each in [0.02, 1], the larger the better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Criterion {
    /// x1: free cores.
    FreeCpu,
    /// x2: time to its first free core.
    Wait,
    /// x3: hops.
    Hops,
    /// x4: bandwidth left on the way there.
    Bandwidth,
    /// x5: how often it was chosen.
    Count,
    /// x6: how often it was chosen, by what it can finish in time.
    Load,
}

/// All criteria and their names.
pub const CRITERIA: [(&str, Criterion); 6] = [
    ("free-cpu", Criterion::FreeCpu),
    ("wait", Criterion::Wait),
    ("hops", Criterion::Hops),
    ("bandwidth", Criterion::Bandwidth),
    ("count", Criterion::Count),
    ("load", Criterion::Load),
];

/// A list of criteria.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Criteria {
    n: usize,
    list: [Criterion; CRITERIA.len()],
}

/// What stands beyond the end of a list, so that equal lists are equal.
const NO_CRITERIA: [Criterion; CRITERIA.len()] = [Criterion::FreeCpu; CRITERIA.len()];

impl Criteria {
    /// A list of two.
    #[must_use]
    pub const fn pair(a: Criterion, b: Criterion) -> Self {
        let mut list = NO_CRITERIA;
        (list[0], list[1]) = (a, b);
        Self { n: 2, list }
    }

    /// The criteria.
    #[must_use]
    pub fn as_slice(&self) -> &[Criterion] {
        &self.list[..self.n]
    }
}

/// When OESDA uses the cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudRule {
    /// Once the mean exceeds the tolerance, for every task predicted late.
    Mean,
    /// For every task predicted late.
    Late,
    /// Never.
    Never,
}

const CLOUD_RULES: [(&str, CloudRule); 3] = [
    ("mean", CloudRule::Mean),
    ("late", CloudRule::Late),
    ("never", CloudRule::Never),
];

impl Default for MigrationOptions {
    fn default() -> Self {
        use Criterion::{Bandwidth, Count, FreeCpu, Hops, Load, Wait};
        let pair = |a, b| Group {
            criteria: Criteria::pair(a, b),
            judgment: Judgment::equal(2),
        };
        Self {
            max_hops: 3,
            history: History::Slot,
            home: true,
            ahp: Ahp {
                // [1 2 2; 1/2 1 1; 1/2 1 1]
                layer1: Judgment::of_weights(&[2.0, 1.0, 1.0]),
                groups: [
                    pair(FreeCpu, Wait),
                    pair(Hops, Bandwidth),
                    pair(Count, Load),
                ],
            },
            aahp_delta: 0.05,
            wvahp: Wvahp::default(),
            pacb: Pacb::default(),
            oesda: Oesda::default(),
            effort: 4000,
            ect_h: Hedge::default(),
            lysac_episodes: 100,
        }
    }
}

const GROUPS: [(&str, &str); 3] = [
    ("computing", "Criteria of the computing of a server"),
    ("network", "Criteria of the network on the way to a server"),
    (
        "history",
        "Criteria of earlier choices of a server; AAHP adjusts their judgments",
    ),
];

/// Most hops of anything.
const HOPS: Count<u32> = Count { min: 0, max: 1000 };

impl MigrationOptions {
    /// Binds the sections below `[policy]`.
    pub(crate) fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let doc = "All policies that migrate, except ratos (one hop) and oesda";
        k.section("migration", doc, |k| {
            let doc = "farthest server that a task is migrated to [hops]";
            k.default("max_hops", HOPS, &mut self.max_hops, doc);
            let doc = "how long AAHP and WVAHP count their choices of a server: among the tasks of a `slot` that \
                       arise together, or over the whole `run`";
            k.default("history", Choice(&HISTORIES), &mut self.history, doc);
            let doc = "with a selector: whether a task that ends in time at the server that receives it stays there; otherwise all are migrated";
            k.default("home", Flag, &mut self.home, doc);
        });
        let doc = "How servers are judged, by AAHP and WVAHP";
        k.section("ahp", doc, |k| self.ahp.keys(k));
        k.section("aahp", "The selector AAHP", |k| {
            let doc = "how far a decision shifts the judgments on history";
            k.default("delta", Float::between(0.0, 8.0), &mut self.aahp_delta, doc);
        });
        k.section("wvahp", "The selector WVAHP", |k| self.wvahp.keys(k));
        k.section("pacb", "The router PACB", |k| self.pacb.keys(k));
        k.section("oesda", "The policy oesda", |k| self.oesda.keys(k));
        k.section("ect", "All policies whose name begins with ect", |k| {
            let doc = "most tasks simulated to improve a plan; 0 leaves the plan as it is";
            let kind = Count {
                min: 0,
                max: 1_000_000_000,
            };
            k.default("effort", kind, &mut self.effort, doc);
        });
        let doc = "The policies ect-h and ect-h-cloud";
        k.section("ect-h", doc, |k| self.ect_h.keys(k));
        k.section("lysac", "The policy lysac", |k| {
            let doc = "plans proposed for a batch, of which the best is carried out";
            let kind = Count {
                min: 1,
                max: 1_000_000,
            };
            k.default("episodes", kind, &mut self.lysac_episodes, doc);
        });
    }
}

impl Ahp {
    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let doc = "judges computing, network and history against each other: `[i][j]` tells how much more i matters than j";
        k.default("layer1", Matrix, &mut self.layer1, doc);
        if self.layer1.len() != GROUPS.len() {
            let found = self.layer1.len();
            let message = format!("must be 3 by 3, got {found} by {found}");
            k.problem("layer1", message);
        }
        for ((name, doc), group) in GROUPS.into_iter().zip(&mut self.groups) {
            k.section(name, doc, |k| group.keys(k));
        }
        let criteria = |group: &Group| group.criteria.as_slice().to_vec();
        let all: Vec<_> = self.groups.iter().flat_map(criteria).collect();
        for (i, &criterion) in all.iter().enumerate() {
            if all[..i].contains(&criterion) {
                let (name, _) = CRITERIA[criterion as usize];
                k.problem("", format!("has the criterion {name:?} twice"));
            }
        }
    }
}

impl Group {
    fn keys(&mut self, k: &mut Keys<'_, '_>) {
        let doc = "the criteria of this group";
        k.default("criteria", CriteriaList, &mut self.criteria, doc);
        let wanted = self.criteria.as_slice().len();
        let mut judgment = Some(self.judgment);
        let doc = "judges the criteria against each other; without it all count the same";
        k.optional("judgment", Matrix, "all count the same", &mut judgment, doc);
        self.judgment = judgment.unwrap_or(Judgment::equal(wanted));
        let found = self.judgment.len();
        if found != wanted {
            let message = format!("must be {wanted} by {wanted}, got {found} by {found}");
            k.problem("judgment", message);
        }
    }
}

const EXPONENT: Float = Float::POSITIVE.up_to(1.0);
const UP_TO_A_MILLION: Float = Float::NON_NEGATIVE.up_to(1e6);

section! {
    /// `[policy.wvahp]`: weights of the penalty type, w_k(x) ~ w0_k x_k^(a - 1).
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Wvahp {
        /// a1, between groups: the smaller it is, the more a bad group counts; 1 for constant weights
        group_exponent: f64 = default(0.3, EXPONENT),
        /// a2, the same within a group
        criterion_exponent: f64 = default(0.3, EXPONENT),
        /// how much uneven choices raise the weight of history
        eta: f64 = default(2.0, UP_TO_A_MILLION),
    }
}

section! {
    /// `[policy.pacb]`: path selection by pre-allocation, then balancing.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Pacb {
        /// K, paths kept per pair of servers
        candidates: usize = default(12, Count { min: 1, max: 1000 }),
        /// hops that a path may have beyond the fewest
        detour_hops: u32 = default(2, Count { min: 0, max: 8 }),
        /// weight of the most loaded link of a path
        lambda: f64 = default(0.5, UP_TO_A_MILLION),
        /// time that a path of unused links is worth [s]
        mu_s: f64 = default(1e-3, UP_TO_A_MILLION),
        /// most moves of balancing
        moves: usize = default(200, Count { min: 0, max: 1_000_000 }),
    }
}

section! {
    /// `[policy.oesda]`.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Oesda {
        /// farthest server that tasks are distributed to [hops]
        max_hops: u32 = default(1, HOPS),
        /// mean predicted response beyond which the cloud is used [s]
        tolerance_s: f64 = default(0.51, Float::NON_NEGATIVE),
        /// when tasks go to the cloud: `mean`: those predicted late, once the mean exceeds the tolerance;
        /// `late`: those predicted late; `never`
        cloud: CloudRule = default(CloudRule::Mean, Choice(&CLOUD_RULES)),
    }
}

section! {
    /// `[policy.ect-h]`: what guards against stale and false information.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub struct Hedge {
        /// time added per earlier choice of a server, by its free cores [s]
        hedge_s: f64 = default(0.03, UP_TO_A_MILLION),
        /// share of reports assumed false before any is seen; 0 believes all of them
        doubt: f64 = default(0.003, Float::between(0.0, 0.5)),
    }
}

/// A list of criteria, each once.
#[derive(Clone, Copy, Debug)]
struct CriteriaList;

impl Kind for CriteriaList {
    type Out = Criteria;

    fn read(&self, value: &Value) -> Result<Criteria, String> {
        let Value::Array(items) = value else {
            return Err(self.mismatch(value));
        };
        let mut criteria = self.fallback();
        criteria.n = 0;
        for item in items {
            let criterion = Choice(&CRITERIA).read(&item.value)?;
            if criteria.as_slice().contains(&criterion) {
                return Err(format!("must not have {} twice", item.value));
            }
            criteria.list[criteria.n] = criterion;
            criteria.n += 1;
        }
        match criteria.n {
            0 => Err("must have at least one criterion".to_owned()),
            _ => Ok(criteria),
        }
    }

    fn fallback(&self) -> Criteria {
        Criteria {
            n: 1,
            list: NO_CRITERIA,
        }
    }

    fn expected(&self) -> String {
        format!("a list of {}", Choice(&CRITERIA).expected())
    }

    fn schema(&self) -> Json {
        let items = Choice(&CRITERIA).schema();
        json!({ "type": "array", "items": items, "minItems": 1, "maxItems": CRITERIA.len(), "uniqueItems": true })
    }

    fn show(&self, value: &Criteria) -> Json {
        let word = |c: &Criterion| CRITERIA[*c as usize].0;
        value.as_slice().iter().map(word).collect()
    }

    fn toml(&self, value: &Criteria) -> String {
        // without spaces, because the hashes of scenarios depend on it
        self.show(value).to_string()
    }
}

const _: () = assert!(CRITERIA.len() <= MAX_CRITERIA);
