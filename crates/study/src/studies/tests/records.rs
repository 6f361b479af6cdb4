//! Grids of records.

use super::*;

/// A study of nothing but records.
const RECORDED: &str = r#"
[study]
name = "recorded"
title = "Something trained before"

[[grid]]
id = "training"
measure = "recorded"
file = "records.csv"
policies = ["ppo", "ac"]

[[grid.axis]]
key = "slots"

[[figure]]
id = "fig2"
title = "Reward"
grid = "training"
x = "slots"
y = "reward"

[[claim]]
id = "order"
claim = "PPO's reward is above AC's"
kind = "ordering"
relation = "greater"
grid = "training"
metric = "reward"
policy = "ppo"
than = "ac"
where = { slots = 20 }
"#;

pub(super) fn recorded(csv: &str) -> wayside_core::Result<(Study, tempfile::TempDir)> {
    recorded_as(csv, "", "")
}

/// With `old` in the study replaced by `new`.
pub(super) fn recorded_as(
    csv: &str,
    old: &str,
    new: &str,
) -> wayside_core::Result<(Study, tempfile::TempDir)> {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("records.csv"), csv).unwrap();
    let text = RECORDED.replacen(old, new, 1);
    Study::from_toml("s.toml", &text, root.path()).map(|study| (study, root))
}

#[test]
fn closed_form_records_are_judged_like_runs() {
    let mut csv = "seed,policy,slots,reward,host\n".to_owned();
    for seed in 1..=4 {
        let noise = 0.001 * f64::from(seed);
        csv += &format!("{seed},ac,20,{},a\n{seed},ac,5,,a\n", -0.29 + noise);
        csv += &format!("{seed},ppo,20,{},a\n", -0.27 + 1.5 * noise);
    }
    let (study, root) = recorded(&csv).unwrap();
    let values = &study.grids[0].axes[0].values;
    assert_eq!(
        values.iter().map(|v| v.number).collect::<Vec<_>>(),
        [Some(5.0), Some(20.0)]
    );
    let (data, claims) = found(
        &study,
        1,
        &root.path().join("cells"),
        PolicyRegistry::analytic(),
    );
    assert_eq!(data.sample(0, 0, "ac", "reward"), [None; 4]);
    assert_eq!((claims[0].verdict, claims[0].seeds), (Verdict::Holds, 4));
    let difference = claims[0].measured.unwrap();
    assert!(
        (difference - (0.02 + 0.0005 * 2.5)).abs() < 1e-12,
        "{difference}"
    );
    // The spread: distances .0015, .0005, .0005, .0015 from the median, less two thirds of them.
    let (study, root) = recorded_as(
        &csv,
        "metric = \"reward\"",
        "metric = \"reward\"\nspread = true",
    )
    .unwrap();
    let (_, spread) = found(
        &study,
        1,
        &root.path().join("cells"),
        PolicyRegistry::analytic(),
    );
    let measured = spread[0].measured.unwrap();
    assert!((measured - 0.001 / 2.0).abs() < 1e-12, "{measured}");

    // Run by run: every seed a point of its own, without an interval.
    let (runs, _root) = recorded_as(&csv, "x = \"slots\"", "x = \"seed\"").unwrap();
    let figures = super::figures::figures(&runs, &data, false);
    let ppo = &figures[0].1.series[0].points;
    let at: Vec<_> = ppo.iter().map(|p| (p.x, p.interval)).collect();
    assert_eq!(at, [(1.0, None), (2.0, None), (3.0, None), (4.0, None)]);
    assert!((ppo[3].y - (-0.27 + 1.5 * 0.004)).abs() < 1e-12);

    let figures = super::figures::figures(&study, &data, false);
    let points: Vec<_> = figures[0].1.series.iter().map(|s| s.points.len()).collect();
    assert_eq!(points, [1, 1]);
}

/// Cells may lack seeds at either end or in between.
#[test]
fn regress_trends_and_rises_pair_cells_by_seed() {
    let mut csv = "seed,policy,slots,reward\n".to_owned();
    for seed in [1, 2, 3, 5, 6] {
        csv += &format!("{seed},ppo,5,{}\n{seed},ac,5,{seed}\n", 10 * seed);
    }
    for seed in [2, 3, 4, 5, 6, 7] {
        csv += &format!(
            "{seed},ppo,20,{}\n{seed},ac,20,{}\n",
            10 * seed + 3,
            seed + 1
        );
    }
    let ordering = "kind = \"ordering\"\nrelation = \"greater\"";
    let kind = |kind| format!("kind = \"{kind}\"\naxis = \"slots\"\nrelation = \"greater\"");
    let than = "than = \"ac\"\n";
    for (text, measured) in [
        (
            RECORDED.replace(ordering, &kind("trend")).replace(than, ""),
            3.0,
        ),
        (RECORDED.replace(ordering, &kind("rise")), 2.0),
    ] {
        let text = text.replace("where = { slots = 20 }\n", "");
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("records.csv"), &csv).unwrap();
        let study = Study::from_toml("s.toml", &text, root.path()).unwrap();
        let (_, claims) = found(
            &study,
            1,
            &root.path().join("cells"),
            PolicyRegistry::analytic(),
        );
        assert_eq!(
            (claims[0].measured, claims[0].seeds),
            (Some(measured), 4),
            "{:?}",
            claims[0]
        );
        assert_eq!(claims[0].ci95, Some([measured; 2]), "{:?}", claims[0]);
    }
}

#[test]
fn closed_form_a_trend_may_have_a_limit() {
    let mut csv = "seed,policy,slots,reward\n".to_owned();
    for seed in 1..=4 {
        let noise = 0.001 * f64::from(seed);
        csv += &format!("{seed},ppo,5,-0.3\n{seed},ppo,20,{}\n", -0.25 + noise);
        csv += &format!("{seed},ac,5,-0.3\n");
    }
    let settles = "kind = \"trend\"\naxis = \"slots\"\nrelation = \"less\"\nlimit = ";
    let ordering = "kind = \"ordering\"\nrelation = \"greater\"";
    // it rises by 0.051 to 0.054
    for (limit, verdict) in [("0.06", Verdict::Holds), ("0.04", Verdict::Fails)] {
        let text = RECORDED
            .replace(ordering, &format!("{settles}{limit}"))
            .replace("than = \"ac\"\nwhere = { slots = 20 }\n", "");
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("records.csv"), &csv).unwrap();
        let study = Study::from_toml("s.toml", &text, root.path()).unwrap();
        let (_, claims) = found(
            &study,
            1,
            &root.path().join("cells"),
            PolicyRegistry::analytic(),
        );
        assert_eq!(claims[0].verdict, verdict);
        assert!((claims[0].measured.unwrap() - 0.0525).abs() < 1e-12);
    }
}

#[test]
fn property_every_problem_of_records_is_named() {
    let csv = "seed,policy,slots,reward\n1,ppo,20,much\nx,ac,20,NaN\n1,ppo,20,0\n";
    let error = recorded(csv).unwrap_err().to_string();
    for message in [
        "records.csv:2: reward: expected a finite number, found \"much\"",
        "records.csv:3: seed: expected a whole number, found \"x\"",
        "records.csv:3: reward: expected a finite number, found \"NaN\"",
        "records.csv:4: ppo with seed 1 is there twice",
    ] {
        assert!(error.contains(message), "{message}\n{error}");
    }
    for (csv, message) in [
        ("", "holds no line below its header"),
        ("seed,policy\n1,ppo\n", "has no column \"slots\""),
        ("seed,policy,slots\n1,ppo\n", "found record with 2 fields"),
        (
            "seed,policy,slots\n1,ppo,3\n",
            "the file has no line of \"ac\"",
        ),
    ] {
        let error = recorded(csv).unwrap_err().to_string();
        assert!(error.contains(message), "{message}\n{error}");
    }
}
