//! The keys of the migration policies: decoded, written and checked here, once.

use super::judgment::{Judgment, MAX_CRITERIA, Matrix};
use crate::config::{Choice, Count, Flag, Float, Kind, Section, Value};
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
    /// `[policy.ect] effort`: most tasks rehearsed to mend a plan.
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

/// What speaks for a server; each in [0.02, 1], the larger the better.
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

/// `[policy.wvahp]`: weights of the penalty type, w_k(x) ~ w0_k x_k^(a - 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wvahp {
    /// a1, between groups; 1 makes the weights constant.
    pub group_exponent: f64,
    /// a2, within a group.
    pub criterion_exponent: f64,
    /// eta: how much uneven choices raise the weight of history.
    pub eta: f64,
}

/// `[policy.pacb]`: path selection by pre-allocation, then balancing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pacb {
    /// K: paths kept per pair of servers.
    pub candidates: usize,
    /// Hops that a path may have beyond the fewest.
    pub detour_hops: u32,
    /// lambda: weight of the most loaded link of a path.
    pub lambda: f64,
    /// mu: time that a path of unused links is worth \[s\].
    pub mu_s: f64,
    /// Most moves of balancing.
    pub moves: usize,
}

/// `[policy.oesda]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Oesda {
    /// How far tasks are dealt out \[hops\].
    pub max_hops: u32,
    /// Mean predicted response beyond which the cloud is used \[s\].
    pub tolerance_s: f64,
    /// When the cloud is used.
    pub cloud: CloudRule,
}

/// `[policy.ect-h]`: what guards against stale and false information.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// Time added per earlier choice of a server, by its free cores \[s\].
    pub hedge_s: f64,
    /// Share of the reports held for false before any was seen.
    pub doubt: f64,
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
            wvahp: Wvahp {
                group_exponent: 0.3,
                criterion_exponent: 0.3,
                eta: 2.0,
            },
            pacb: Pacb {
                candidates: 12,
                detour_hops: 2,
                lambda: 0.5,
                mu_s: 1e-3,
                moves: 200,
            },
            oesda: Oesda {
                max_hops: 1,
                tolerance_s: 0.51,
                cloud: CloudRule::Mean,
            },
            effort: 4000,
            ect_h: Hedge {
                hedge_s: 0.03,
                doubt: 0.003,
            },
            lysac_episodes: 100,
        }
    }
}

const GROUPS: [(&str, &str); 3] = [
    ("computing", "Criteria of its computing"),
    ("network", "Criteria of the way to it"),
    (
        "history",
        "Criteria of earlier choices; AAHP adjusts their rows",
    ),
];

impl MigrationOptions {
    /// Decodes the sections below `[policy]`.
    pub fn decode(s: &mut Section<'_>) -> Self {
        let standard = Self::default();
        let doc = "All policies that migrate but ratos, which goes one hop far, and oesda";
        let (max_hops, history, home) = s.section("migration", doc, |s| {
            let doc = "farthest server that a task is migrated to [hops]";
            let count = Count { min: 0, max: 1000 };
            let max_hops = s.default("max_hops", count, standard.max_hops as usize, doc);
            let doc = "how long AAHP and WVAHP count their choices of a server: among the tasks of a `slot` that \
                       arise together, or over the whole `run`";
            let history = s.default("history", Choice(&HISTORIES), standard.history, doc);
            let doc = "whether a task that ends in time where it enters stays there, with a selector; else each is migrated";
            let home = s.default("home", Flag, standard.home, doc);
            (max_hops as u32, history, home)
        });
        Self {
            max_hops,
            history,
            home,
            ahp: s.section("ahp", "How servers are judged, by AAHP and WVAHP", |s| {
                ahp(s, &standard.ahp)
            }),
            aahp_delta: s.section("aahp", "The selector AAHP", |s| {
                let doc = "how far a decision shifts the judgments on history";
                let kind = Float::between(0.0, 8.0);
                s.default("delta", kind, standard.aahp_delta, doc)
            }),
            wvahp: s.section("wvahp", "The selector WVAHP", |s| wvahp(s, &standard.wvahp)),
            pacb: s.section("pacb", "The router PACB", |s| pacb(s, &standard.pacb)),
            oesda: s.section("oesda", "The policy oesda", |s| oesda(s, &standard.oesda)),
            effort: s.section("ect", "All policies whose name begins with ect", |s| {
                let doc = "most tasks rehearsed to mend a plan; 0 leaves it as it was made";
                let count = Count {
                    min: 0,
                    max: 1_000_000_000,
                };
                s.default("effort", count, standard.effort, doc)
            }),
            ect_h: s.section("ect-h", "The policies ect-h and ect-h-cloud", |s| {
                hedge(s, &standard.ect_h)
            }),
            lysac_episodes: s.section("lysac", "The policy lysac", |s| {
                let doc = "plans proposed for a batch, of which the best is carried out";
                let count = Count {
                    min: 1,
                    max: 1_000_000,
                };
                s.default("episodes", count, standard.lysac_episodes, doc)
            }),
        }
    }

    /// Writes the sections: `section` begins one, `put` writes a key and its value in TOML.
    pub fn encode(&self, out: &mut impl Sink) {
        out.section("[policy.migration]");
        out.put("max_hops", self.max_hops.to_string());
        let history = Choice(&HISTORIES).show(&self.history);
        out.put("history", history.to_string());
        out.put("home", self.home.to_string());
        out.section("[policy.ahp]");
        out.put("layer1", matrix_toml(&self.ahp.layer1));
        for ((name, _), group) in GROUPS.iter().zip(&self.ahp.groups) {
            out.section(&format!("[policy.ahp.{name}]"));
            out.put("criteria", List.show(&group.criteria).to_string());
            out.put("judgment", matrix_toml(&group.judgment));
        }
        out.section("[policy.aahp]");
        out.put("delta", number(self.aahp_delta));
        out.section("[policy.wvahp]");
        out.put("group_exponent", number(self.wvahp.group_exponent));
        out.put("criterion_exponent", number(self.wvahp.criterion_exponent));
        out.put("eta", number(self.wvahp.eta));
        out.section("[policy.pacb]");
        out.put("candidates", self.pacb.candidates.to_string());
        out.put("detour_hops", self.pacb.detour_hops.to_string());
        out.put("lambda", number(self.pacb.lambda));
        out.put("mu_s", number(self.pacb.mu_s));
        out.put("moves", self.pacb.moves.to_string());
        out.section("[policy.oesda]");
        out.put("max_hops", self.oesda.max_hops.to_string());
        out.put("tolerance_s", number(self.oesda.tolerance_s));
        let cloud = Choice(&CLOUD_RULES).show(&self.oesda.cloud);
        out.put("cloud", cloud.to_string());
        out.section("[policy.ect]");
        out.put("effort", self.effort.to_string());
        out.section("[policy.ect-h]");
        out.put("hedge_s", number(self.ect_h.hedge_s));
        out.put("doubt", number(self.ect_h.doubt));
        out.section("[policy.lysac]");
        out.put("episodes", self.lysac_episodes.to_string());
    }
}

/// What a scenario is written to.
pub trait Sink {
    /// Begins a section.
    fn section(&mut self, title: &str);
    /// Writes a key and its value.
    fn put(&mut self, key: &str, value: String);
}

fn number(x: f64) -> String {
    format!("{x:?}")
}

fn matrix_toml(judgment: &Judgment) -> String {
    format!("{:?}", judgment.rows())
}

fn ahp(s: &mut Section<'_>, standard: &Ahp) -> Ahp {
    let doc = "judges computing, network and history against each other: `[i][j]` tells how much more i matters than j";
    let layer1 = s.default("layer1", Matrix, standard.layer1, doc);
    if layer1.len() != GROUPS.len() {
        let found = layer1.len();
        s.problem("layer1", format!("must be 3 by 3, got {found} by {found}"));
    }
    let mut groups = standard.groups;
    for ((name, doc), group) in GROUPS.into_iter().zip(&mut groups) {
        *group = s.section(name, doc, |s| {
            let doc = "the criteria of this group";
            let criteria = s.default("criteria", List, group.criteria, doc);
            let standard = Judgment::equal(criteria.as_slice().len());
            let doc = "judges them against each other; alike where left out";
            let judgment = s.optional("judgment", Matrix, "they matter alike", doc);
            let judgment = judgment.unwrap_or(standard);
            let (found, wanted) = (judgment.len(), criteria.as_slice().len());
            if found != wanted {
                let message = format!("must be {wanted} by {wanted}, got {found} by {found}");
                s.problem("judgment", message);
            }
            Group { criteria, judgment }
        });
    }
    let all: Vec<_> = groups.iter().flat_map(|g| g.criteria.as_slice()).collect();
    for (i, criterion) in all.iter().enumerate() {
        if all[..i].contains(criterion) {
            let (name, _) = CRITERIA[**criterion as usize];
            s.problem("", format!("has the criterion {name:?} twice"));
        }
    }
    Ahp { layer1, groups }
}

fn wvahp(s: &mut Section<'_>, standard: &Wvahp) -> Wvahp {
    let exponent = Float::POSITIVE.up_to(1.0);
    Wvahp {
        group_exponent: s.default(
            "group_exponent",
            exponent,
            standard.group_exponent,
            "a1, between groups: the smaller, the more a bad group counts; 1 for constant weights",
        ),
        criterion_exponent: s.default(
            "criterion_exponent",
            exponent,
            standard.criterion_exponent,
            "a2, the same within a group",
        ),
        eta: s.default(
            "eta",
            Float::NON_NEGATIVE.up_to(1e6),
            standard.eta,
            "how much uneven choices raise the weight of history",
        ),
    }
}

fn pacb(s: &mut Section<'_>, standard: &Pacb) -> Pacb {
    let count = |min, max| Count { min, max };
    Pacb {
        candidates: s.default(
            "candidates",
            count(1, 1000),
            standard.candidates,
            "K, paths kept per pair of servers",
        ),
        detour_hops: s.default(
            "detour_hops",
            count(0, 8),
            standard.detour_hops as usize,
            "hops that a path may have beyond the fewest",
        ) as u32,
        lambda: s.default(
            "lambda",
            Float::NON_NEGATIVE.up_to(1e6),
            standard.lambda,
            "weight of the most loaded link of a path",
        ),
        mu_s: s.default(
            "mu_s",
            Float::NON_NEGATIVE.up_to(1e6),
            standard.mu_s,
            "time that a path of unused links is worth [s]",
        ),
        moves: s.default(
            "moves",
            count(0, 1_000_000),
            standard.moves,
            "most moves of balancing",
        ),
    }
}

fn oesda(s: &mut Section<'_>, standard: &Oesda) -> Oesda {
    Oesda {
        max_hops: s.default(
            "max_hops",
            Count { min: 0, max: 1000 },
            standard.max_hops as usize,
            "farthest server that tasks are dealt out to [hops]",
        ) as u32,
        tolerance_s: s.default(
            "tolerance_s",
            Float::NON_NEGATIVE,
            standard.tolerance_s,
            "mean predicted response beyond which the cloud is used [s]",
        ),
        cloud: s.default(
            "cloud",
            Choice(&CLOUD_RULES),
            standard.cloud,
            "when tasks go to the cloud: `mean` those predicted late once the mean exceeds the tolerance, \
             `late` those predicted late, `never`",
        ),
    }
}

fn hedge(s: &mut Section<'_>, standard: &Hedge) -> Hedge {
    Hedge {
        hedge_s: s.default(
            "hedge_s",
            Float::NON_NEGATIVE.up_to(1e6),
            standard.hedge_s,
            "time added per earlier choice of a server, by its free cores [s]",
        ),
        doubt: s.default(
            "doubt",
            Float::between(0.0, 0.5),
            standard.doubt,
            "share of the reports held for false before any was seen; 0 believes them all",
        ),
    }
}

/// A list of criteria, each once.
#[derive(Clone, Copy, Debug)]
struct List;

impl Kind for List {
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
}

const _: () = assert!(CRITERIA.len() <= MAX_CRITERIA);
