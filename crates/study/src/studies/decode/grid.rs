//! Grids from TOML.

use super::{MOST, file_stem};
use crate::studies::draws::{self, Among};
use crate::studies::kinds::{AxisValues, Changes};
use crate::studies::recorded::RecordFile;
use crate::studies::{Drawn, Grid, GridAxis, Measure, SCENARIO_AXIS};
use std::path::Path;
use wayside_core::config::{Choice, Count, Flag, Float, Presence, Section, Text, Texts, unknown};
use wayside_core::engine::PolicyRegistry;
use wayside_core::error::Error;
use wayside_core::policy::PolicyKind;
use wayside_core::scenario::BUILTIN_SCENARIOS;

const MEASURES: [(&str, Measure); 4] = [
    ("policies", Measure::Policies),
    ("slots", Measure::Slots),
    ("information", Measure::Information),
    ("recorded", Measure::Recorded),
];

/// Most axes of a grid.
const MOST_AXES: usize = 100;

pub(super) fn grid(s: &mut Section<'_>, folder: &Path) -> Grid {
    let id = file_stem(s, "unique name");
    let doc = "what is measured: `policies`: the metrics of policies; `slots`: the same for every slot of the run of the first \
               seed, each slot counting as a seed; `information`: the cost of a round of related information; `recorded`: \
               nothing, the results are in a file";
    let measure = s.default("measure", Choice(&MEASURES), Measure::Policies, doc);
    let doc = "scenario: a built-in one, or a file relative to this one";
    let without = "an axis over scenarios names them, or nothing is run";
    let scenario = s.optional("scenario", Text::NAME, without, doc);
    let scenario = scenario
        .map(|name| place(&name, folder))
        .unwrap_or_default();
    let doc = "changes of it, by dotted key as in --set";
    let set = s.default("set", Changes, Vec::new(), doc);
    let base = scenario.is_empty()
        || is_scenario(s, "scenario", &scenario, &[]) && is_scenario(s, "set", &scenario, &set);
    let policies = policies(s, measure);
    let file = record_file(s, measure, folder);
    let doc =
        "policies that join once they exist; until then their claims are undecided, and say so";
    let awaited = s.default("awaited", Texts, Vec::new(), doc);
    let doc = "whether every slot gets its certified lower bounds";
    let bound = s.default("bound", Flag, false, doc);
    let count = Count { min: 1, max: MOST };
    let doc = "seeds of each cell, in place of the study's numbers; with --quick no more than quick_seeds";
    let seeds = s.optional("seeds", count, "those of the study", doc);
    let doc = "A key and its values; the last axis varies fastest";
    let mut axes = s.list("axis", Presence::Optional("one cell"), doc, |s, _| {
        axis(s, base, &scenario, &set, folder, file.as_ref())
    });
    let (draws, drawn) = drawn(s, &id, base.then_some(scenario.as_str()), &set);
    axes.extend(draws);
    if axes.len() > MOST_AXES {
        let problem = format!("must have at most {MOST_AXES} axes, got {}", axes.len());
        s.problem("axis", problem);
        axes.truncate(MOST_AXES);
    }
    let records = file.map_or_else(Vec::new, |file| {
        let records = file.records(&axes);
        let report =
            |problems: Vec<String>| problems.into_iter().for_each(|p| s.problem("file", p));
        records.map_err(report).unwrap_or_default()
    });
    let grid = Grid {
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
    };
    check(s, &grid);
    grid
}

fn policies(s: &mut Section<'_>, measure: Measure) -> Vec<String> {
    let registry = PolicyRegistry::analytic();
    let known: Vec<&str> = registry.names().collect();
    let doc = "policies, compared on the same traffic; \"all\": every one but those for sessions";
    let policies = s.default("policies", Texts, Vec::new(), doc);
    if policies == ["all"] {
        let hosts =
            |name: &&str| PolicyKind::from_name(name).is_some_and(PolicyKind::hosts_sessions);
        let all = known.into_iter().filter(|name| !hosts(name));
        return all.map(str::to_owned).collect();
    }
    for policy in &policies {
        if measure != Measure::Recorded && !known.contains(&policy.as_str()) {
            s.problem("policies", unknown("policy", policy, &known));
        }
    }
    policies
}

fn record_file(s: &mut Section<'_>, measure: Measure, folder: &Path) -> Option<RecordFile> {
    let doc = "a CSV of records, relative to this file: a column for each axis, policy, seed, and metrics by name";
    let file = s.optional("file", Text::NAME, "what is not recorded is run", doc);
    let file = file.and_then(|file| {
        let file = RecordFile::load(&file, folder);
        file.map_err(|problem| s.problem("file", problem)).ok()
    });
    match (measure, &file) {
        (Measure::Recorded, None) => s.problem("file", "missing, expected a file of records"),
        (Measure::Recorded, _) | (_, None) => {}
        _ => s.problem("file", "has no meaning where something is run"),
    }
    file
}

/// Checks what several keys of a grid say together.
fn check(s: &mut Section<'_>, grid: &Grid) {
    let Grid {
        measure,
        policies,
        axes,
        records,
        ..
    } = grid;
    if *measure == Measure::Policies && policies.is_empty() {
        s.problem("policies", "missing, expected a list of policies");
    }
    if grid.seeds.is_some() && *measure != Measure::Policies {
        s.problem("seeds", "has no meaning where no policy is run");
    }
    for policy in policies {
        if !records.is_empty() && !records.iter().any(|r| r.policy == *policy) {
            s.problem("policies", format!("the file has no line of {policy:?}"));
        }
    }
    if *measure != Measure::Recorded
        && grid.scenario.is_empty()
        && !axes.iter().any(|a| a.key == SCENARIO_AXIS)
    {
        s.problem("scenario", "missing, and no axis has the key \"scenario\"");
    }
    if grid.count(false) > MOST || grid.count(true) > MOST {
        let sizes: Vec<_> = axes.iter().map(|a| a.values.len().to_string()).collect();
        let message = format!(
            "the grid must have at most {MOST} cells, got {}",
            sizes.join(" x ")
        );
        s.problem("axis", message);
    }
    for (i, axis) in axes.iter().enumerate() {
        if axes[..i].iter().any(|other| other.name == axis.name) && !axis.name.is_empty() {
            s.problem("axis", format!("two axes are called {:?}", axis.name));
        }
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
    let doc = "A key whose value is unknown, drawn anew for each draw: from `min` to `max`, or one of `values`";
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
                s.problem("log", "has no meaning where values are listed");
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
        "its name in figures and claims",
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
