//! `wayside study` and `wayside reproduce`.

use super::{command, printed, refused, stderr, text, wayside};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Some blocks of some tens of milliseconds each.
const SMALL: &str = r#"
[study]
name = "small"
title = "A small study"
seeds = 40
max_seeds = 80
quick_seeds = 3

[[grid]]
id = "batch"
scenario = "lin2025"
policies = ["mcatm", "ratom", "ect"]
bound = true

[[grid.axis]]
key = "execution.capability"
name = "capability"
values = [0.2, 0.6, 0.8]

[[grid.axis]]
key = "fleet.size"
name = "num"
values = [5, 10]

[[figure]]
id = "delay"
title = "Delay"
grid = "batch"
x = "num"
y = "delay_s"
where = { capability = 0.2 }

[[claim]]
id = "ect"
claim = "ECT is at most MCATM"
kind = "ordering"
relation = "at-most"
grid = "batch"
metric = "total_delay_s"
policy = "ect"
than = "mcatm"

[[claim]]
id = "ratom"
claim = "MCATM is below RATOM"
kind = "ordering"
relation = "less"
grid = "batch"
metric = "total_delay_s"
policy = "mcatm"
than = "ratom"
"#;

/// What may not depend on interruptions, nor on the number of threads.
const KEPT: [&str; 6] = [
    "results.parquet",
    "claims.json",
    "validation.md",
    "report.html",
    "study.toml",
    "figures/delay.pdf",
];

fn contents(folder: &Path) -> Vec<Vec<u8>> {
    KEPT.iter()
        .map(|name| fs::read(folder.join(name)).unwrap())
        .collect()
}

#[test]
fn property_killed_twenty_times_a_study_ends_with_the_same_bytes() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("small.toml");
    fs::write(&file, SMALL).unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    let start = std::time::Instant::now();
    printed(&[
        "study",
        text(&file),
        "--out",
        text(&whole),
        "--threads",
        "1",
        "-q",
    ]);
    let full = start.elapsed();
    let args = [
        "study",
        text(&file),
        "--out",
        text(&killed),
        "--threads",
        "2",
        "-q",
    ];
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let mut state = now.as_nanos() as u64;
    let mut stopped = 0;
    for _ in 0..20 {
        // any spread of moments will do: what is tested holds at each of them
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let moment = full.mul_f64((state >> 40) as f64 / (1_u64 << 24) as f64 * 0.6);
        let mut child = command(&args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(moment.max(Duration::from_millis(2)));
        stopped += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(stopped > 0, "it was never killed before its end");
    printed(&args);
    assert!(contents(&whole) == contents(&killed));
    let left = fs::read_dir(killed.join("cells"))
        .unwrap()
        .chain(fs::read_dir(&killed).unwrap());
    for entry in left {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.ends_with(".tmp"), "{name}");
    }
}

#[test]
fn property_studies_are_checked_and_described() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("small.toml");
    fs::write(&file, SMALL).unwrap();
    let good = printed(&["check", text(&file)]);
    assert!(
        good.contains("ok (a study of 6 cells, 1 figures, 2 claims)"),
        "{good}"
    );
    fs::write(
        &file,
        SMALL
            .replace("fleet.size", "fleet.sise")
            .replace("\"less\"", "\"fewer\""),
    )
    .unwrap();
    let problems = [
        "small.toml:23: grid.0.axis.1.values: fleet.sise",
        "claim.1.relation: expected \"less\"",
    ];
    refused(&["check", text(&file)], 2, &problems);
    refused(
        &[
            "study",
            text(&file),
            "--out",
            text(&root.path().join("out")),
        ],
        2,
        &problems,
    );
    assert!(!root.path().join("out").exists());
    let schema: Value = serde_json::from_str(&printed(&["schema", "study"])).unwrap();
    assert!(schema["properties"]["claim"].is_object() && schema["properties"]["grid"].is_object());
    refused(
        &[
            "reproduce",
            "lin2025",
            "--figure",
            "99",
            "--out",
            text(root.path()),
        ],
        2,
        &["no figure \"99\""],
    );
}

#[test]
fn paper_figure_6_by_the_command_line() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let claims = printed(&[
        "reproduce",
        "lin2025",
        "--figure",
        "6",
        "--out",
        text(&out),
        "--format",
        "json",
        "-q",
    ]);
    let claims: Vec<Value> = serde_json::from_str(&claims).unwrap();
    let written: Vec<Value> =
        serde_json::from_slice(&fs::read(out.join("claims.json")).unwrap()).unwrap();
    assert_eq!(claims, written);
    assert_eq!(claims[0]["id"], "lin2025.fig6.packets-per-round");
    assert_eq!(
        (&claims[0]["published"], &claims[0]["measured"]),
        (&172.0.into(), &172.0.into())
    );
    assert!(claims.iter().all(|c| c["verdict"] == "holds"), "{claims:?}");
    for name in [
        "fig6-packets.svg",
        "fig6-packets.pdf",
        "fig6-time.csv",
        "fig6-time.tex",
        "fig6-time.png",
    ] {
        assert!(out.join("figures").join(name).exists(), "{name}");
    }
    // a folder of another study is not overwritten
    let again = wayside(&[
        "reproduce",
        "wang2025",
        "--figure",
        "2",
        "--out",
        text(&out),
    ]);
    assert_eq!(again.status.code(), Some(2), "{}", stderr(&again));
}

/// The columns of a claim on the page.
fn rows(page: &str, study: &str) -> Vec<Vec<String>> {
    let begin = format!("<!-- begin {study} -->");
    let block = page
        .split_once(&begin)
        .expect("a block")
        .1
        .split_once("<!-- end")
        .unwrap()
        .0;
    let claims = block
        .lines()
        .filter(|line| line.matches(" | ").count() >= 6 && line.contains("| `"));
    claims
        .map(|line| {
            let columns = line.trim_matches('|').split(" | ");
            columns.map(|column| column.trim().to_owned()).collect()
        })
        .collect()
}

/// `x (lo to hi)` or `x`.
fn first_number(text: &str) -> Option<f64> {
    text.split(' ').next()?.parse().ok()
}

/// What docs/validation.md says agrees with a quick run, as far as that goes.
fn agrees_with_page(study: &str) {
    let page = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/validation.md"
    ))
    .unwrap();
    let rows = rows(&page, study);
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("out");
    let claims = printed(&[
        "reproduce",
        study,
        "--quick",
        "--out",
        text(&out),
        "--format",
        "json",
        "-q",
    ]);
    let claims: Vec<Value> = serde_json::from_str(&claims).unwrap();
    let again = format!("wayside reproduce {study} --out DIR --page docs/validation.md");
    assert_eq!(
        claims.len(),
        rows.len(),
        "docs/validation.md has other claims; {again}"
    );
    let mut compared = 0;
    for (claim, row) in claims.iter().zip(&rows) {
        let word = |value: &Value| value.as_str().unwrap().to_owned();
        let id = word(&claim["id"]);
        assert_eq!(
            format!("{study}.{}", row[1].trim_matches('`')),
            id,
            "{again}"
        );
        assert_eq!(row[2], word(&claim["claim"]), "{id}; {again}");
        let verdicts = [word(&claim["verdict"]), row[5].clone()];
        let contradict =
            verdicts.contains(&"holds".to_owned()) && verdicts.contains(&"fails".to_owned());
        // that all cells of fewer hold does not contradict that one of all fails
        let fewer = !claim["cells"].as_array().unwrap().is_empty() && verdicts[1] == "fails";
        assert!(
            !contradict || fewer,
            "{id}: quick {verdicts:?} page; {again}"
        );
        let (Some(measured), Some(page)) = (claim["measured"].as_f64(), first_number(&row[4]))
        else {
            continue;
        };
        // a share of cells, or a mean of them, is another one where fewer are run
        if claim["measure"].as_str().unwrap().contains(' ') {
            continue;
        }
        let distance = (measured - page).abs();
        let allowed = match claim["ci95"].as_array() {
            // twice the half width: one claim in thousands would fail by chance
            Some(ends) => ends[1].as_f64().unwrap() - ends[0].as_f64().unwrap(),
            None => 0.0,
        };
        assert!(
            distance <= allowed + 1e-3 * page.abs(),
            "{id}: quick {measured}, page {page}; {again}"
        );
        compared += 1;
    }
    assert!(compared > 5, "only {compared} numbers were compared");
}

#[test]
fn regress_validation_page_agrees_with_a_quick_run_of_lin2025() {
    agrees_with_page("lin2025");
}

#[test]
fn regress_validation_page_agrees_with_a_quick_run_of_wang2025() {
    agrees_with_page("wang2025");
}
