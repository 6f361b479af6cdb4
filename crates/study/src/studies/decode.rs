//! Studies from TOML.

mod claims;

use super::draws::{self, Among};
use super::kinds::{AxisValues, Changes, Condition};
use super::recorded::RecordFile;
use super::{
    Drawn, FigureSpec, Grid, GridAxis, Measure, PublishedPoint, SCENARIO_AXIS, SEEDS, Seeds, Study,
    TableSpec, Where, metrics,
};
use std::path::Path;
use wayside_core::config::{
    self, Choice, Count, Flag, Float, Presence, Section, Text, Texts, unknown,
};
use wayside_core::error::Error;
use wayside_core::policy::PolicyKind;
use wayside_core::scenario::BUILTIN_SCENARIOS;

/// More cells or seeds are a slip of the pen.
const MOST: usize = 10_000;

/// JSON Schema of a study.
#[must_use]
pub fn schema() -> serde_json::Value {
    config::schema(
        "Wayside study",
        &config::describe(|s| study(s, Path::new(""))),
    )
}

pub(super) fn study(s: &mut Section<'_>, folder: &Path) -> Study {
    let (name, title, source, seeds) = s.section("study", "What this is", |s| {
        let name = s.required(
            "name",
            Text::NAME,
            "short name, and prefix of the ids of its claims",
        );
        let title = s.required("title", Text::NAME, "what it asks, in a line");
        let source = s.default("source", Text::ANY, String::new(), "what it checks against");
        (name, title, source, seeds(s))
    });
    let doc = "A scenario, with every combination of values of some of its keys";
    let grids = s.list("grid", Presence::Required, doc, |s, _| grid(s, folder));
    for (i, grid) in grids.iter().enumerate() {
        if grids[..i].iter().any(|other| other.id == grid.id) && !grid.id.is_empty() {
            s.problem("grid", format!("two grids are called {:?}", grid.id));
        }
    }
    let doc = "Something to draw: a metric over an axis of a grid";
    let none = || Presence::Optional("none");
    let figures = s.list("figure", none(), doc, |s, _| figure(s, &grids));
    let doc = "Something to tabulate: a metric, a row per policy, a column per cell";
    let tables = s.list("table", none(), doc, |s, _| table(s, &grids));
    let mut ids: Vec<String> = Vec::new();
    let doc = "Something to judge";
    let claims = s.list("claim", none(), doc, |s, _| {
        let claim = claims::claim(s, &grids);
        if ids.contains(&claim.id) && !claim.id.is_empty() {
            s.problem("id", format!("{:?} is taken already", claim.id));
        }
        ids.push(claim.id.clone());
        claim
    });
    Study {
        name,
        title,
        source,
        seeds,
        grids,
        figures,
        tables,
        claims,
        text: String::new(),
    }
}

fn seeds(s: &mut Section<'_>) -> Seeds {
    let count = |least| Count {
        min: least,
        max: MOST,
    };
    let first = s.default(
        "first_seed",
        Count {
            min: 0,
            max: usize::MAX >> 1,
        },
        0,
        "the first seed",
    );
    let seeds = s.default("seeds", count(1), 10, "seeds that are run in any case");
    let without = "no more than seeds";
    let doc = "seeds that are run at most, by doubling, where a claim is undecided with fewer";
    let most = s.optional("max_seeds", count(1), without, doc);
    if most.is_some_and(|most| most < seeds) {
        s.problem("max_seeds", format!("must be at least seeds, {seeds}"));
    }
    let quick = s.default("quick_seeds", count(1), 3.min(seeds), "seeds with --quick");
    Seeds {
        first: first as u64,
        count: seeds,
        most: most.unwrap_or(seeds),
        quick,
    }
}

fn grid(s: &mut Section<'_>, folder: &Path) -> Grid {
    let id = s.required("id", Text::NAME, "unique name");
    let measures = [
        ("policies", Measure::Policies),
        ("slots", Measure::Slots),
        ("information", Measure::Information),
        ("recorded", Measure::Recorded),
    ];
    let doc = "what is measured: what policies do; the same slot by slot in the run of the first seed, a slot counting as a \
               seed; what a round of related information costs; or nothing, for it is recorded in a file";
    let measure = s.default("measure", Choice(&measures), Measure::Policies, doc);
    let doc = "scenario: a built-in one, or a file relative to this one";
    let without = "an axis over scenarios names them, or nothing is run";
    let scenario = s.optional("scenario", Text::NAME, without, doc);
    let scenario = scenario
        .map(|name| place(&name, folder))
        .unwrap_or_default();
    let doc = "changes of it, by dotted key as in --set";
    let set = s.default("set", Changes, Vec::new(), doc);
    let mut base = true;
    if !scenario.is_empty() {
        base = is_scenario(s, "scenario", &scenario, &[]) && is_scenario(s, "set", &scenario, &set);
    }
    let doc = "policies, compared on the same traffic; \"all\": every one";
    let mut policies = s.default("policies", Texts, Vec::new(), doc);
    if policies == ["all"] {
        policies = PolicyKind::ALL
            .map(|kind| kind.info().name.to_owned())
            .into();
    }
    let doc = "a CSV of records, relative to this file: a column for each axis, policy, seed, and metrics by name";
    let file = s.optional("file", Text::NAME, "what is not recorded is run", doc);
    let table = file.and_then(|file| {
        let table = RecordFile::load(&file, folder);
        table.map_err(|problem| s.problem("file", problem)).ok()
    });
    match (measure, &table) {
        (Measure::Recorded, None) => s.problem("file", "missing, expected a file of records"),
        (Measure::Recorded, _) | (_, None) => {}
        _ => s.problem("file", "means nothing where something is run"),
    }
    let known: Vec<_> = PolicyKind::ALL
        .iter()
        .map(|kind| kind.info().name)
        .collect();
    for policy in &policies {
        if measure != Measure::Recorded && !known.contains(&policy.as_str()) {
            s.problem("policies", unknown("policy", policy, &known));
        }
    }
    if measure == Measure::Policies && policies.is_empty() {
        s.problem("policies", "missing, expected a list of policies");
    }
    let doc =
        "policies that join once they exist; until then their claims are undecided, and say so";
    let awaited = s.default("awaited", Texts, Vec::new(), doc);
    let doc = "whether every slot gets its certified lower bounds";
    let bound = s.default("bound", Flag, false, doc);
    let count = Count { min: 1, max: MOST };
    let doc = "seeds of each cell, in place of the study's numbers; with --quick no more than quick_seeds";
    let seeds = s.optional("seeds", count, "those of the study", doc);
    if seeds.is_some() && measure != Measure::Policies {
        s.problem("seeds", "means nothing where no policy is run");
    }
    let doc = "A key and its values; the last axis varies fastest";
    let mut axes = s.list("axis", Presence::Optional("one cell"), doc, |s, _| {
        axis(s, base, &scenario, &set, folder, table.as_ref())
    });
    let (draws, drawn) = drawn(s, &id, base.then_some(scenario.as_str()), &set);
    if let Some(axis) = draws {
        axes.push(axis);
    }
    let records = table.map_or_else(Vec::new, |table| {
        let records = table.records(&axes);
        let report =
            |problems: Vec<String>| problems.into_iter().for_each(|p| s.problem("file", p));
        records.map_err(report).unwrap_or_default()
    });
    for policy in &policies {
        if !records.is_empty() && !records.iter().any(|r| r.policy == *policy) {
            s.problem("policies", format!("the file has no line of {policy:?}"));
        }
    }
    if measure != Measure::Recorded
        && scenario.is_empty()
        && !axes.iter().any(|a| a.key == SCENARIO_AXIS)
    {
        s.problem("scenario", "missing, and no axis has the key \"scenario\"");
    }
    let cells = axes
        .iter()
        .map(|a| a.values.len())
        .try_fold(1, usize::checked_mul);
    if cells.is_none_or(|cells| cells > MOST) {
        s.problem("axis", format!("the grid must have at most {MOST} cells"));
    }
    for (i, axis) in axes.iter().enumerate() {
        if axes[..i].iter().any(|other| other.name == axis.name) && !axis.name.is_empty() {
            s.problem("axis", format!("two axes are called {:?}", axis.name));
        }
    }
    Grid {
        id,
        scenario,
        measure,
        policies,
        awaited,
        bound,
        set,
        axes,
        seeds,
        drawn,
        records,
    }
}

/// The draws of a grid: their axis, and what each of them sets in `scenario`.
fn drawn(
    s: &mut Section<'_>,
    grid: &str,
    scenario: Option<&str>,
    set: &[(String, String)],
) -> (Option<GridAxis>, Vec<Drawn>) {
    let count = Count { min: 1, max: MOST };
    let without = "the grid has no [[grid.draw]]";
    let doc = "how often the keys of [[grid.draw]] are drawn, each time a value of the axis `draw`";
    let draws = s.optional("draws", count, without, doc);
    let few = draws.map(|draws| draws.min(20));
    let from = "20, or draws if that is less";
    let doc = "draws with --quick";
    let quick = draws.map(|_| s.inherited("quick_draws", count, few, from, doc));
    let doc = "A key that nobody knows, drawn anew for each draw: from `min` to `max`, or one of `values`";
    let keys = s.list("draw", Presence::Optional("none"), doc, |s, _| {
        draw(s, scenario, set)
    });
    match (draws, keys.is_empty()) {
        (None, false) => s.problem("draws", "missing, expected how often the keys are drawn"),
        (Some(_), true) => s.problem("draw", "missing, expected what is drawn"),
        _ => {}
    }
    let Some(draws) = draws.filter(|_| !keys.is_empty()) else {
        return (None, Vec::new());
    };
    for (i, (key, _)) in keys.iter().enumerate() {
        if keys[..i].iter().any(|(other, _)| other == key) && !key.is_empty() {
            s.problem("draw", format!("{key} is drawn twice"));
        }
    }
    let quick = quick.unwrap_or(draws);
    if quick > draws {
        s.problem("quick_draws", format!("must be at most draws, {draws}"));
    }
    let of = |(key, among): &(String, Among)| among.drawn(grid, key, draws);
    let drawn = keys.iter().map(of).collect();
    (Some(draws::axis(draws, quick.min(draws))), drawn)
}

/// A key and what is drawn for it.
fn draw(s: &mut Section<'_>, scenario: Option<&str>, set: &[(String, String)]) -> (String, Among) {
    let key = s.required("key", Text::NAME, "dotted key of the scenario, as in --set");
    let without = "its values are listed";
    let min = s.optional("min", Float::ANY, without, "the least that is drawn");
    let max = s.optional("max", Float::ANY, without, "the most that is drawn");
    let doc = "whether its logarithm is uniform";
    let log = s.default("log", Flag, false, doc);
    let without = "a range is given";
    let doc = "what is drawn from, all alike";
    let values = s.optional("values", AxisValues, without, doc);
    let among = match (min, max, values) {
        (Some(min), Some(max), None) => {
            if min >= max {
                s.problem("max", format!("must be more than min, {min}"));
            }
            if log && min <= 0.0 {
                s.problem("min", "must be > 0 where log = true");
            }
            Among::Range {
                min,
                max: max.max(min),
                log: log && min > 0.0,
            }
        }
        (None, None, Some(values)) => {
            if log {
                s.problem("log", "means nothing where values are listed");
            }
            Among::Values(values.into_iter().map(|v| v.toml).collect())
        }
        _ => {
            s.problem("", "expected either min and max, or values");
            return (key, Among::Values(vec![String::new()]));
        }
    };
    if let Some(scenario) = scenario.filter(|name| !name.is_empty() && !key.is_empty()) {
        for end in among.ends() {
            let set: Vec<_> = set.iter().cloned().chain([(key.clone(), end)]).collect();
            is_scenario(s, "key", scenario, &set);
        }
    }
    (key, among)
}

/// A scenario as the program finds it.
fn place(name: &str, folder: &Path) -> String {
    if BUILTIN_SCENARIOS.iter().any(|b| b.name == name) {
        return name.to_owned();
    }
    folder.join(name).display().to_string()
}

/// Whether the scenario can be resolved; if not, reports that under `key`.
fn is_scenario(s: &mut Section<'_>, key: &str, name: &str, set: &[(String, String)]) -> bool {
    match wayside_core::scenario::resolve(name, set) {
        Ok(_) => true,
        Err(Error::Invalid(problems)) => {
            for problem in problems.0 {
                let message = match problem.path.as_str() {
                    "" => problem.message,
                    path => format!("{path}: {}", problem.message),
                };
                s.problem(key, message);
            }
            false
        }
        Err(error) => {
            s.problem(key, error.to_string());
            false
        }
    }
}

fn axis(
    s: &mut Section<'_>,
    base: bool,
    scenario: &str,
    set: &[(String, String)],
    folder: &Path,
    table: Option<&RecordFile>,
) -> GridAxis {
    let doc =
        "dotted key of the scenario, as in --set, or \"scenario\"; the column of a file of records";
    let key = s.required("key", Text::NAME, doc);
    let name = s.inherited(
        "name",
        Text::NAME,
        key.rsplit('.').next().map(str::to_owned),
        "the last part of the key",
        "how figures and claims call it",
    );
    let label = s.inherited(
        "label",
        Text::NAME,
        Some(name.clone()),
        "its name",
        "what it is, with its unit, for the axes of figures",
    );
    let of_table = table.and_then(|table| {
        let values = table.values(&key);
        values.map_err(|problem| s.problem("key", problem)).ok()
    });
    let from = "all that the file of records has";
    let mut values = s.inherited("values", AxisValues, of_table, from, "its values");
    let all = values.clone();
    let mut quick = s.default("quick", AxisValues, all, "those that --quick runs");
    for value in &quick {
        if !values.iter().any(|v| v.label == value.label) {
            s.problem("quick", format!("{} is not among the values", value.label));
        }
    }
    if key == SCENARIO_AXIS {
        for value in values.iter_mut().chain(&mut quick) {
            value.toml = place(&value.label, folder);
        }
        for value in &values {
            is_scenario(s, "values", &value.toml, set);
        }
    } else if base && !scenario.is_empty() {
        for value in &values {
            let change = (key.clone(), value.toml.clone());
            let set: Vec<_> = set.iter().cloned().chain([change]).collect();
            is_scenario(s, "values", scenario, &set);
        }
    }
    GridAxis {
        key,
        name,
        label,
        values,
        quick,
    }
}

/// The grid that the key names.
fn grid_of<'g>(s: &mut Section<'_>, key: &str, id: &str, grids: &'g [Grid]) -> Option<&'g Grid> {
    let found = grids.iter().find(|grid| grid.id == id);
    if found.is_none() && !id.is_empty() {
        let ids: Vec<_> = grids.iter().map(|grid| grid.id.as_str()).collect();
        s.problem(key, unknown("grid", id, &ids));
    }
    found
}

fn metric(s: &mut Section<'_>, name: &'static str, doc: &'static str) -> String {
    let metric = s.required(name, Text::NAME, doc);
    is_metric(s, name, &metric);
    metric
}

fn is_metric(s: &mut Section<'_>, key: &str, metric: &str) {
    if !metric.is_empty() && metrics::column(metric).is_none() {
        s.problem(key, unknown("metric", metric, &metrics::NAMES));
    }
}

fn condition(s: &mut Section<'_>, grid: Option<&Grid>) -> Where {
    let doc = "the cells: a value or a list of values for each axis that is not free";
    let cells = s.default("where", Condition, Vec::new(), doc);
    for (name, labels) in grid.iter().flat_map(|_| &cells) {
        let axes = &grid.expect("there is one").axes;
        let Some(axis) = axes.iter().find(|axis| axis.name == *name) else {
            let names: Vec<_> = axes.iter().map(|axis| axis.name.as_str()).collect();
            s.problem("where", unknown("axis", name, &names));
            continue;
        };
        for label in labels {
            if !axis.values.iter().any(|v| v.label == *label) {
                s.problem("where", format!("the axis {name} has no value {label}"));
            }
        }
    }
    cells
}

fn is_axis(s: &mut Section<'_>, key: &str, name: &str, grid: Option<&Grid>) {
    let Some(grid) = grid.filter(|_| !name.is_empty()) else {
        return;
    };
    if !grid.axes.iter().any(|axis| axis.name == name) {
        let names: Vec<_> = grid.axes.iter().map(|axis| axis.name.as_str()).collect();
        s.problem(key, unknown("axis", name, &names));
    }
}

fn is_policy(s: &mut Section<'_>, key: &str, name: &str, grid: Option<&Grid>) {
    let Some(grid) = grid.filter(|_| !name.is_empty()) else {
        return;
    };
    let known: Vec<_> = grid
        .policies
        .iter()
        .chain(&grid.awaited)
        .map(String::as_str)
        .collect();
    if grid.measure != Measure::Information && !known.contains(&name) {
        s.problem(key, unknown("policy of the grid", name, &known));
    }
}

fn figure(s: &mut Section<'_>, grids: &[Grid]) -> FigureSpec {
    let id = s.required("id", Text::NAME, "stem of its files");
    let doc = "the paper's number of it";
    let number = s.default("number", Text::ANY, String::new(), doc);
    let title = s.required("title", Text::NAME, "what it shows");
    let name = s.required("grid", Text::NAME, "its grid");
    let grid = grid_of(s, "grid", &name, grids);
    let doc = "the axis drawn horizontally; `seed`: every run by itself";
    let x = s.required("x", Text::NAME, doc);
    if x != SEEDS {
        is_axis(s, "x", &x, grid);
    }
    let y = metric(s, "y", "the metric drawn vertically");
    let from = "its name";
    let y_label = s.inherited(
        "y_label",
        Text::NAME,
        Some(y.clone()),
        from,
        "what it is called",
    );
    let doc = "what has a line of its own: policy, or an axis";
    let series = s.default("series", Text::NAME, "policy".to_owned(), doc);
    if series != "policy" {
        is_axis(s, "series", &series, grid);
    }
    let doc = "the policies drawn; all if empty";
    let policies = s.default("policies", Texts, Vec::new(), doc);
    for policy in &policies {
        is_policy(s, "policies", policy, grid);
    }
    let cells = condition(s, grid);
    let doc = "A point that the paper prints";
    let published = s.list("published", Presence::Optional("none"), doc, |s, _| {
        PublishedPoint {
            series: s.required("series", Text::NAME, "the line that it belongs to"),
            x: s.required("x", Float::ANY, "place on the horizontal axis"),
            y: s.required("y", Float::ANY, "place on the vertical axis"),
            place: s.default("place", Text::ANY, String::new(), "where it is printed"),
        }
    });
    FigureSpec {
        id,
        number,
        title,
        grid: name,
        x,
        y,
        y_label,
        series,
        policies,
        cells,
        published,
    }
}

fn table(s: &mut Section<'_>, grids: &[Grid]) -> TableSpec {
    let id = s.required("id", Text::NAME, "stem of its file");
    let title = s.required("title", Text::NAME, "what it shows");
    let names = s.required("grids", Texts, "grids whose cells are the columns");
    for name in &names {
        grid_of(s, "grids", name, grids);
    }
    TableSpec {
        id,
        title,
        grids: names,
        metric: metric(s, "metric", "the metric"),
        scale: s.default(
            "scale",
            Float::ANY,
            1.0,
            "what its values are multiplied by",
        ),
        digits: s.default(
            "digits",
            Count { min: 0, max: 12 },
            3,
            "digits after the point",
        ),
    }
}
