//! Claims from TOML.

use super::{MOST, condition, count, file_stem, grid_of, is_axis, is_metric, is_policy};
use crate::claim::ClaimSource;
use crate::studies::{
    Against, ClaimSpec, Grid, Measure, Pooled, Relation, Seeds, Test, Where, metrics,
};
use wayside_core::config::{Choice, Count, Flag, Float, Section, Text};

const RELATIONS: [(&str, Relation); 4] = [
    ("less", Relation::Less),
    ("at-most", Relation::AtMost),
    ("greater", Relation::Greater),
    ("at-least", Relation::AtLeast),
];

const SOURCES: [(&str, ClaimSource); 3] = [
    ("paper", ClaimSource::Paper),
    ("ours", ClaimSource::Ours),
    ("prototype", ClaimSource::Prototype),
];

const POOLED: [(&str, Pooled); 3] = [
    ("no", Pooled::Not),
    ("ratios", Pooled::Ratios),
    ("totals", Pooled::Totals),
];

/// How a claim is judged, before its other keys are read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ClaimKind {
    Exact,
    Value,
    Limit,
    Ordering,
    Ratio,
    Trend,
    Rise,
    Survives,
    Pending,
}

const CLAIM_KINDS: [(&str, ClaimKind); 9] = [
    ("exact", ClaimKind::Exact),
    ("value", ClaimKind::Value),
    ("limit", ClaimKind::Limit),
    ("ordering", ClaimKind::Ordering),
    ("ratio", ClaimKind::Ratio),
    ("trend", ClaimKind::Trend),
    ("rise", ClaimKind::Rise),
    ("survives", ClaimKind::Survives),
    ("pending", ClaimKind::Pending),
];

pub(super) fn claim(s: &mut Section<'_>, seeds: Seeds, grids: &[Grid]) -> ClaimSpec {
    let id = file_stem(s, "unique name within the study");
    let doc = "the figure that makes it, as the paper numbers it";
    let figure = s.default("figure", Text::ANY, String::new(), doc);
    let text = s.required("claim", Text::NAME, "what is claimed");
    let place = s.default("place", Text::ANY, String::new(), "where the paper says it");
    let published = s.optional(
        "published",
        Float::ANY,
        "no number is printed",
        "the number printed",
    );
    let note = s.default("note", Text::ANY, String::new(), "what to know about it");
    let doc = "whose claim it is";
    let source = s.default("source", Choice(&SOURCES), ClaimSource::Paper, doc);
    let doc = "whether constants were chosen so that it holds";
    let fitted = s.default("fitted", Flag, false, doc);
    let doc = "how it is judged: `exact`: every seed gives the published value; `value`: the mean is the published value, \
               give or take `within`; `limit`: the mean has the `relation` to `limit`; `ordering`: the metric has the \
               `relation` to that of `than`, seed by seed; `ratio`: the mean over that of `than`, minus 1, has the \
               `relation` to `limit`; `trend`: the metric rises (`greater`) or falls (`less`) along `axis`; `rise`: the \
               difference of the metric between the ends of `axis` has the `relation` to that of `than`; `survives`: in \
               at least `share` of the draws of the grid's unknown constants the mean has the `relation` to that of `than`; \
               `pending`: not judged yet, the note says why";
    let kind = s.required("kind", Choice(&CLAIM_KINDS), doc);
    let doc = "seeds that are run at most to decide this claim; other claims do not see those beyond their own";
    let most = s.optional("max_seeds", count(seeds.count), "that of the study", doc);
    let test = test(s, kind, published, grids);
    ClaimSpec {
        id,
        figure,
        claim: text,
        place,
        published,
        note,
        source,
        fitted,
        max_seeds: most.unwrap_or(seeds.most),
        test,
    }
}

/// The keys that say what a claim compares.
struct Keys {
    grid: Option<String>,
    metric: Option<String>,
    policy: Option<String>,
    cells: Where,
    share: f64,
    spread: bool,
    relation: Option<Relation>,
    limit: Option<f64>,
    within: Option<f64>,
    than: Option<String>,
    than_metric: Option<String>,
    axis: Option<String>,
    group: Option<usize>,
    pooled: Pooled,
    margin: Option<f64>,
}

fn test(s: &mut Section<'_>, kind: ClaimKind, published: Option<f64>, grids: &[Grid]) -> Test {
    let (keys, grid) = keys(s, grids);
    check_presence(s, kind, published, &keys, grid);
    check_values(s, kind, &keys, grid);
    let value = published.unwrap_or(0.0);
    let Some(against) = against(kind, &keys, value) else {
        return Test::Pending;
    };
    Test::Of {
        grid: keys.grid.unwrap_or_default(),
        metric: keys.metric.unwrap_or_default(),
        policy: keys.policy.unwrap_or_default(),
        against,
        cells: keys.cells,
        share: keys.share,
        spread: keys.spread,
        margin: keys.margin,
    }
}

// Long: one key after the other.
fn keys<'g>(s: &mut Section<'_>, grids: &'g [Grid]) -> (Keys, Option<&'g Grid>) {
    let of_one = "pending claims have none";
    let id = s.optional("grid", Text::NAME, of_one, "its grid");
    let grid = id.as_deref().and_then(|id| grid_of(s, "grid", id, grids));
    let metric = s.optional("metric", Text::NAME, of_one, "the metric");
    let doc = "whose metric it is";
    let policy = s.optional(
        "policy",
        Text::NAME,
        "a grid that measures information has none",
        doc,
    );
    let cells = condition(s, grid);
    let doc = "share of the cells, groups or draws in which it has to hold";
    let share = s.default("share", Float::UNIT, 1.0, doc);
    let doc = "whether the metric's spread over seeds is meant: its distance from the median of all seeds";
    let spread = s.default("spread", Flag, false, doc);
    let doc = "how it has to compare";
    let relation = s.optional(
        "relation",
        Choice(&RELATIONS),
        "exact and value claims have none",
        doc,
    );
    let doc = "the limit of a claim of the kind limit or ratio; what each step of a trend is compared with";
    let without = "0 for a trend, other kinds have none";
    let limit = s.optional("limit", Float::ANY, without, doc);
    let doc = "largest distance from the published value, for the kind value";
    let within = s.optional("within", Float::NON_NEGATIVE, "other kinds have none", doc);
    let doc = "whose metric it is compared with";
    let than = s.optional(
        "than",
        Text::NAME,
        "exact, value, limit and trend claims have none",
        doc,
    );
    let doc = "the metric that it is compared with";
    let than_metric = s.optional("than_metric", Text::NAME, "the same metric", doc);
    let doc = "the axis of a claim of the kind trend or rise";
    let axis = s.optional("axis", Text::NAME, "other kinds have none", doc);
    let doc = "seeds whose mean is compared, group by group, for the kind ordering";
    let group = s.optional(
        "group",
        Count { min: 1, max: MOST },
        "all seeds, by interval",
        doc,
    );
    let doc = "what of a ratio is judged: each cell's, the mean of the cells' `ratios`, or the ratio of their `totals`";
    let pooled = s.default("pooled", Choice(&POOLED), Pooled::Not, doc);
    let doc = "largest difference that counts as none, relative to the metric of `than`, for the kind ordering: the \
               results then also say where the two are equivalent";
    let without = "the strict verdict alone";
    let margin = s.optional("equivalence", Float::POSITIVE, without, doc);
    let keys = Keys {
        grid: id,
        metric,
        policy,
        cells,
        share,
        spread,
        relation,
        limit,
        within,
        than,
        than_metric,
        axis,
        group,
        pooled,
        margin,
    };
    (keys, grid)
}

/// Which keys a claim has to have, and which it must not.
fn check_presence(
    s: &mut Section<'_>,
    kind: ClaimKind,
    published: Option<f64>,
    keys: &Keys,
    grid: Option<&Grid>,
) {
    use ClaimKind::{Exact, Limit, Ordering, Pending, Ratio, Rise, Survives, Trend, Value};
    let is = |kinds: &[ClaimKind]| kinds.contains(&kind);
    let judged = kind != Pending;
    let mut wants = |key: &'static str, there: bool, wanted: bool| {
        if wanted && !there {
            s.problem(
                key,
                format!("missing, expected {key} for a claim of this kind"),
            );
        } else if there && !wanted {
            s.problem(key, "has no meaning for a claim of this kind");
        }
    };
    wants("grid", keys.grid.is_some(), judged);
    wants("metric", keys.metric.is_some(), judged);
    let by_policy = judged && grid.is_none_or(|g| g.measure != Measure::Information);
    wants("policy", keys.policy.is_some(), by_policy);
    let related = is(&[Limit, Ordering, Ratio, Trend, Rise, Survives]);
    wants("relation", keys.relation.is_some(), related);
    wants("within", keys.within.is_some(), kind == Value);
    let compared = is(&[Ordering, Ratio, Rise, Survives]);
    wants("than", keys.than.is_some(), compared);
    wants("axis", keys.axis.is_some(), is(&[Trend, Rise]));
    if published.is_none() {
        wants("published", false, is(&[Exact, Value]));
    }
    if keys.limit.is_none() || kind != Trend {
        wants("limit", keys.limit.is_some(), is(&[Limit, Ratio]));
    }
    // What a claim may have, but need not.
    let optional = [
        (
            "than_metric",
            keys.than_metric.is_some(),
            is(&[Ordering, Ratio, Survives]),
        ),
        ("group", keys.group.is_some(), kind == Ordering),
        ("spread", keys.spread, !is(&[Exact, Pending])),
        ("pooled", keys.pooled != Pooled::Not, kind == Ratio),
        (
            "equivalence",
            keys.margin.is_some(),
            kind == Ordering && keys.group.is_none(),
        ),
    ];
    for (key, there, allowed) in optional {
        wants(key, there, there && allowed);
    }
}

/// Checks that metrics, policies and axes exist.
fn check_values(s: &mut Section<'_>, kind: ClaimKind, keys: &Keys, grid: Option<&Grid>) {
    if kind == ClaimKind::Survives && grid.is_some_and(|g| g.drawn.is_empty()) {
        s.problem("kind", "expected a grid with draws");
    }
    let metric = keys.metric.as_deref().unwrap_or_default();
    is_metric(s, "metric", metric);
    if metric == metrics::DECISION_TIME && grid.is_some_and(|g| g.measure != Measure::Recorded) {
        s.problem(
            "metric",
            "differs from run to run; a claim may rest on recorded times alone",
        );
    }
    is_policy(
        s,
        "policy",
        keys.policy.as_deref().unwrap_or_default(),
        grid,
    );
    is_policy(s, "than", keys.than.as_deref().unwrap_or_default(), grid);
    let than_metric = keys.than_metric.as_deref().unwrap_or(metric);
    is_metric(s, "than_metric", than_metric);
    is_axis(s, "axis", keys.axis.as_deref().unwrap_or_default(), grid);
}

/// What the quantity is compared with; `None` for what is not judged yet.
fn against(kind: ClaimKind, keys: &Keys, value: f64) -> Option<Against> {
    let relation = keys.relation.unwrap_or(Relation::Less);
    let limit = keys.limit.unwrap_or(0.0);
    let than = keys.than.clone().unwrap_or_default();
    let metric = keys.than_metric.as_ref().or(keys.metric.as_ref());
    let metric = metric.cloned().unwrap_or_default();
    let axis = keys.axis.clone().unwrap_or_default();
    Some(match kind {
        ClaimKind::Pending => return None,
        ClaimKind::Exact => Against::Exactly(value),
        ClaimKind::Value => Against::About {
            value,
            within: keys.within.unwrap_or(0.0),
        },
        ClaimKind::Limit => Against::Limit(relation, limit),
        ClaimKind::Ordering => Against::Policy {
            relation,
            than,
            metric,
            group: keys.group,
        },
        ClaimKind::Ratio => Against::Ratio {
            relation,
            limit,
            than,
            metric,
            pooled: keys.pooled,
        },
        ClaimKind::Trend => Against::Trend {
            axis,
            relation,
            limit,
        },
        ClaimKind::Survives => Against::Survives {
            relation,
            than,
            metric,
        },
        ClaimKind::Rise => Against::Rise {
            axis,
            relation,
            than,
        },
    })
}
