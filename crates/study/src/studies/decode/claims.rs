//! Claims from TOML.

use super::{MOST, condition, grid_of, is_axis, is_metric, is_policy};
use crate::claim::ClaimSource;
use crate::studies::{Against, ClaimSpec, Grid, Measure, Pooled, Relation, Test, metrics};
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

pub(super) fn claim(s: &mut Section<'_>, grids: &[Grid]) -> ClaimSpec {
    let id = s.required("id", Text::NAME, "unique name within the study");
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
    let doc = "whose it is";
    let source = s.default("source", Choice(&SOURCES), ClaimSource::Paper, doc);
    let doc = "whether constants were chosen so that it holds";
    let fitted = s.default("fitted", Flag, false, doc);
    let doc = "how it is judged: `exact`: every seed finds the published value; `value`: the mean is it, within \
               `within`; `limit`: the mean has the `relation` to `limit`; `ordering`: it has it to the metric of `than`, \
               seed by seed; `ratio`: the mean over that of `than`, less 1, has it to `limit`; `trend`: it rises \
               (`greater`) or falls (`less`) along `axis`; `rise`: its distance between the ends of `axis` has the \
               `relation` to that of `than`; `survives`: with at least `share` of the draws of the grid's unknown constants \
               it has it to the metric of `than`; `pending`: not yet, as the note says";
    let kind = s.required("kind", Choice(&CLAIM_KINDS), doc);
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
        test,
    }
}

fn test(s: &mut Section<'_>, kind: ClaimKind, published: Option<f64>, grids: &[Grid]) -> Test {
    use ClaimKind::{Exact, Limit, Ordering, Pending, Ratio, Rise, Survives, Trend, Value};
    let needs = |kinds: &[ClaimKind]| kinds.contains(&kind);
    let of_one = "pending claims have none";
    let id = s.optional("grid", Text::NAME, of_one, "its grid");
    let grid = id.as_deref().and_then(|id| grid_of(s, "grid", id, grids));
    let name = s.optional("metric", Text::NAME, of_one, "the metric");
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
    let doc = "largest difference that is nothing, relative to the metric of `than`, for the kind ordering: beside the \
               strict verdict it is then said where the two are equivalent";
    let without = "the strict verdict alone";
    let margin = s.optional("equivalence", Float::POSITIVE, without, doc);

    let mut wants = |key: &'static str, there: bool, wanted: bool| {
        if wanted && !there {
            s.problem(
                key,
                format!("missing, expected {key} for a claim of this kind"),
            );
        } else if there && !wanted {
            s.problem(key, "means nothing for a claim of this kind");
        }
    };
    wants("grid", id.is_some(), kind != Pending);
    wants("metric", name.is_some(), kind != Pending);
    let by_policy = kind != Pending && grid.is_none_or(|g| g.measure != Measure::Information);
    wants("policy", policy.is_some(), by_policy);
    wants(
        "published",
        published.is_some(),
        needs(&[Exact, Value]) || published.is_some(),
    );
    wants(
        "relation",
        relation.is_some(),
        needs(&[Limit, Ordering, Ratio, Trend, Rise, Survives]),
    );
    wants(
        "limit",
        limit.is_some(),
        needs(&[Limit, Ratio]) || (limit.is_some() && kind == Trend),
    );
    wants("within", within.is_some(), kind == Value);
    wants(
        "than",
        than.is_some(),
        needs(&[Ordering, Ratio, Rise, Survives]),
    );
    wants(
        "than_metric",
        than_metric.is_some(),
        than_metric.is_some() && needs(&[Ordering, Ratio, Survives]),
    );
    wants("axis", axis.is_some(), needs(&[Trend, Rise]));
    wants(
        "group",
        group.is_some(),
        group.is_some() && kind == Ordering,
    );
    let is_pooled = pooled != Pooled::Not;
    wants("spread", spread, spread && !needs(&[Exact, Pending]));
    wants("pooled", is_pooled, is_pooled && kind == Ratio);
    wants(
        "equivalence",
        margin.is_some(),
        margin.is_some() && kind == Ordering && group.is_none(),
    );
    if kind == Survives && grid.is_some_and(|g| g.drawn.is_empty()) {
        s.problem("kind", "expected a grid with draws");
    }

    let name = name.unwrap_or_default();
    is_metric(s, "metric", &name);
    if name == metrics::DECISION_TIME && grid.is_some_and(|g| g.measure != Measure::Recorded) {
        s.problem(
            "metric",
            "differs from run to run; a claim may rest on recorded times alone",
        );
    }
    let policy = policy.unwrap_or_default();
    is_policy(s, "policy", &policy, grid);
    let than = than.unwrap_or_default();
    is_policy(s, "than", &than, grid);
    let metric = than_metric.unwrap_or_else(|| name.clone());
    is_metric(s, "than_metric", &metric);
    let axis = axis.unwrap_or_default();
    is_axis(s, "axis", &axis, grid);

    let relation = relation.unwrap_or(Relation::Less);
    let limit = limit.unwrap_or(0.0);
    let value = published.unwrap_or(0.0);
    let against = match kind {
        Pending => return Test::Pending,
        Exact => Against::Exactly(value),
        Value => Against::About {
            value,
            within: within.unwrap_or(0.0),
        },
        Limit => Against::Limit(relation, limit),
        Ordering => Against::Policy {
            relation,
            than,
            metric,
            group,
        },
        Ratio => Against::Ratio {
            relation,
            limit,
            than,
            metric,
            pooled,
        },
        Trend => Against::Trend {
            axis,
            relation,
            limit,
        },
        Survives => Against::Survives {
            relation,
            than,
            metric,
        },
        Rise => Against::Rise {
            axis,
            relation,
            than,
        },
    };
    Test::Of {
        grid: id.unwrap_or_default(),
        metric: name,
        policy,
        against,
        cells,
        share,
        spread,
        margin,
    }
}
