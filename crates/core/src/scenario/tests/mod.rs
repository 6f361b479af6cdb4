mod file;
mod problems;
mod published;

use super::*;
use crate::engine::world::World;
use crate::error::Error;
use crate::rng::Streams;
use serde_json::json;
use std::path::Path;

/// Small and complete; the tests below break it line by line.
const SMALL: &str = r#"[scenario]
name = "small"
[time]
slot_s = 0.5
slots = 10
[area]
width_m = 1200
height_m = 1600
[channel]
noise_dbm = -104
[fleet]
size = 20
tx_power_w = 0.2
cpu_hz = 0.5e9
energy_coeff = 2e-26
[fleet.mobility]
kind = "straight"
speed_mps = { min = 5, max = 10 }
[task]
cycles = { min = 300e6, max = 450e6 }
data_bytes = 250_000
deadline_s = 0.5
[rsu_default]
range_m = 500
bandwidth_hz = 100e6
cpu_hz = 15e9
[[rsu]]
id = "r0"
x_m = 300
y_m = 160
energy_coeff = 3e-28
[[rsu]]
id = "r1"
x_m = 900
y_m = 160
energy_coeff = 3e-28
[backhaul]
rate_bps = 1e9
migration_power_w = 0.5
max_distance_m = 610
[objective]
omega = 0.65
[policy.price]
sweeps = 3
"#;

fn owned(overrides: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    overrides.iter().map(owned).collect()
}

fn small(overrides: &[(&str, &str)]) -> Scenario {
    Scenario::from_toml("dir/s.toml", SMALL, &owned(overrides)).unwrap_or_else(|e| panic!("{e}"))
}

fn problems(text: &str, overrides: &[(&str, &str)]) -> Vec<String> {
    match Scenario::from_toml("s.toml", text, &owned(overrides)) {
        Ok(scenario) => panic!("decodes: {scenario:?}"),
        Err(Error::Invalid(problems)) => problems.0.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

/// What turns `small` into a scenario with queues.
const QUEUES: (&str, &str) = ("execution", "{ kind = \"queues\" }");

#[test]
fn closed_form_overrides_change_exactly_what_they_name() {
    let mut expected = small(&[]);
    expected.fleet.size = 200;
    expected.name = "quick run".to_owned();
    expected.time.carry_over = true;
    expected.omega = 1.0;
    let RsuLayout::Explicit(rsus) = &mut expected.rsus else {
        panic!("two RSUs")
    };
    rsus[0].cpu_hz = 1e9;
    expected.task.cycles = Cycles::Drawn(Range { min: 1e8, max: 2e8 });
    expected.policy.best_response.sweeps = 7;
    expected.policy.price.effort = PriceEffort::Fast;
    let changed = small(&[
        ("fleet.size", "100"),
        ("fleet.size", "200"),
        ("scenario.name", "quick run"),
        ("time.carry_over", "true"),
        ("objective.omega", "1"),
        ("rsu.0.cpu_hz", "1e9"),
        ("task.cycles", "{ min = 1e8, max = 2e8 }"),
        ("policy.best-response.sweeps", "7"),
        ("policy.price.effort", "fast"),
    ]);
    assert_eq!(changed, expected);
}

/// One of every form that a scenario can take.
fn forms() -> Vec<Scenario> {
    let fcd = |path: &str| {
        format!(
            "{{ kind = \"fcd\", path = \"{path}\", begin_s = 540, vehicle_types = [\"a\\\"b\"], every = 3 }}"
        )
    };
    let no_size = SMALL.replace("size = 20\n", "");
    let from_trace = no_size
        .replace("[area]\nwidth_m = 1200\nheight_m = 1600\n", "")
        .replace(
            "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
            "kind = \"fcd\"\npath = \"t.csv\"",
        );
    let no_distance = SMALL.replace("max_distance_m = 610\n", "");
    let no_rsu = &SMALL[..SMALL.find("[[rsu]]").unwrap()];
    let after_rsu = &SMALL[SMALL.find("[backhaul]").unwrap()..];
    let grid = format!("{no_rsu}[rsu.grid]\nspacing_m = 100\nenergy_coeff = 1e-28\n{after_rsu}");
    let queues = format!(
        "{}[execution]\nkind = \"queues\"\ncapability = 0.5\nbusy_s = 3\n\
         [cloud]\nround_trip_s = 0.2\n[success]\ndefinition = \"migrated\"\n",
        SMALL
            .replace(
                "cycles = { min = 300e6, max = 450e6 }",
                "cycles_per_bit = 115\nperiod_s = 0.3"
            )
            .replace(
                "noise_dbm = -104",
                "noise_dbm = -104\nuplink_rate_bps = 1e8"
            )
            .replace("cpu_hz = 15e9", "cpu_hz = 15e9\ncores = 6")
    );
    let cases: &[(&str, &str, &str)] = &[
        (
            SMALL,
            "fleet.mobility",
            "{ kind = \"random-waypoint\", speed_mps = 3, pause_s = 0 }",
        ),
        (
            SMALL,
            "fleet.mobility",
            "{ kind = \"manhattan\", speed_mps = 3, block_m = 200 }",
        ),
        (
            SMALL,
            "fleet.mobility.hotspot",
            "{ share = 1, sigma_m = 9, center = [0, 0.5], crowd = \"start\" }",
        ),
        (&no_size, "fleet.mobility", &fcd("trace.xml.gz")),
        (&no_size, "fleet.mobility", &fcd("builtin:city-grid")),
        (
            &no_size,
            "fleet.mobility",
            "{ kind = \"sumo\", config = \"a.sumocfg\", options = [\"--scale\", \"2\"], every = 3 }",
        ),
        (&no_distance, "backhaul.path", "\"a b.graphml\""),
        (&no_distance, "backhaul.link", "[]"),
        (
            &no_distance,
            "backhaul.link",
            "[{ a = \"r0\", b = \"r1\", rate_bps = 1e8 }]",
        ),
        (
            &grid,
            "area",
            "{ width_m = 0.1, height_m = 1e6, x_min_m = 0.3, y_min_m = -1e-7 }",
        ),
        (&no_size, "fleet.mobility", &fcd("-")),
        (
            &from_trace,
            "area",
            "{ lon_min = -11.55, lat_min = 48.12, lon_max = 11.58, lat_max = 48.15 }",
        ),
        (
            &from_trace,
            "rsu",
            "[{ id = \"a\", lon = 11.5, lat = 48.1, energy_coeff = 0 }, { id = \"b\", x_m = 0, y_m = 1, energy_coeff = 0 }]",
        ),
        (
            &from_trace,
            "rsu",
            "{ sites = \"a b.csv\", energy_coeff = 1e-28, cores = 3 }",
        ),
        (
            &from_trace,
            "rsu",
            "{ sites = \"s.csv\", energy_coeff = 1e-28, margin_m = 5, projection = \"utm32n\", merge = true, \
             columns = { id = \"i\", lon = \"E\", lat = \"N\" } }",
        ),
        (SMALL, "execution", "{ kind = \"shared-cpu\" }"),
        (
            SMALL,
            "fleet.mobility",
            "{ kind = \"parked\", at = \"r1\" }",
        ),
        (
            SMALL,
            "fleet.mobility",
            "{ kind = \"ring\", radius_m = 9, speed_mps = 3 }",
        ),
        (
            &queues,
            "fleet.mobility",
            "{ kind = \"parked\", at = \"random\" }",
        ),
        (
            &queues,
            "fault",
            "[{ kind = \"server\", rsu = \"r1\", from_s = 1, until_s = 2 }, \
             { kind = \"link\", a = \"r0\", b = \"r1\", from_s = 1, until_s = 2 }, \
             { kind = \"information\", from_s = 0, until_s = 0.5 }]",
        ),
        (
            &queues,
            "information",
            "{ rate_hz = 10, packet_bytes = 250, ttl = 3, false_share = 0.4, false_kind = \"idle\" }",
        ),
        (
            SMALL,
            "scenario.description",
            "\"\"\"quotes \\\" \\\\ and\nlines\\u0007\"\"\"",
        ),
    ];
    let decode = |&(text, key, value): &(&str, &str, &str)| {
        Scenario::from_toml("dir/s.toml", text, &owned(&[(key, value)]))
            .unwrap_or_else(|e| panic!("{e}"))
    };
    cases.iter().map(decode).collect()
}

#[test]
fn property_canonical_text_decodes_to_the_same() {
    let builtin = |b: &builtin::Builtin| Scenario::builtin(b.name, &[]).unwrap();
    let builtins = BUILTIN_SCENARIOS.iter().map(builtin);
    for scenario in builtins.chain(forms()) {
        let text = scenario.to_toml();
        let again = Scenario::from_toml("", &text, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(scenario, again);
        assert_eq!(text, again.to_toml());
    }
}

#[test]
fn property_canonical_text_keeps_any_area_to_the_last_bit() {
    let mut random = Streams::new(3).stream("area");
    for _ in 0..300 {
        let mut draw = || 10f64.powf(random.uniform(-9.0, 7.0)).to_string();
        let [x, y, width, height] = [draw(), draw(), draw(), draw()];
        let scenario = small(&[
            ("area.x_min_m", &x),
            ("area.y_min_m", &y),
            ("area.width_m", &width),
            ("area.height_m", &height),
        ]);
        let again = Scenario::from_toml("", &scenario.to_toml(), &[]);
        assert_eq!(again.ok().as_ref(), Some(&scenario));
    }
}

#[test]
fn regress_names_resolve_to_builtins_and_paths_to_files() {
    let message = |name| resolve(name, &[]).unwrap_err().to_string();
    assert_eq!(
        message("wang2026"),
        "wang2026: unknown scenario \"wang2026\", did you mean \"wang2025\"?; \
         built-in are wang2025, wang2025-unbalanced, wang2025-s2, lin2025, lin2025-fitted, lin2025-n5, lin2025-n30, lin2025-three-clusters, \
         lin2025-connected, ring-fifo, hotspot, coupled, city-grid, highway, city-sessions, wang2025-umi, highway-radio, city-grid-umi, and a file ends in .toml"
    );
    assert!(message("no-such.toml").starts_with("no-such.toml: "));
    assert!(message("./wang2025").starts_with("./wang2025: "));
    let set = owned(&[("fleet.size", "0")]);
    assert_eq!(
        resolve("wang2025", &set).unwrap_err().to_string(),
        "--set: fleet.size: must be between 1 and 10000000, got 0"
    );
}

#[test]
fn property_paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.scenario");
    let text = SMALL.replace("max_distance_m = 610", "path = \"net/a.json\"");
    std::fs::write(&file, &text).unwrap();
    std::fs::create_dir(dir.path().join("net")).unwrap();
    std::fs::write(dir.path().join("net/a.json"), "").unwrap();
    let scenario = resolve(&file.display().to_string(), &[]).unwrap();
    assert_eq!(
        scenario.backhaul.links,
        LinkRule::File(dir.path().join("net/a.json"))
    );

    std::fs::write(&file, b"name = \"\xff\"").unwrap();
    let error = Scenario::load(&file, &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("my.scenario: must be text in UTF-8"),
        "{error}"
    );
}

/// With scenario, line and key, all at once, and before anything is read.
#[test]
fn property_every_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("my.toml");
    let text = include_str!("../../../../../scenarios/city-grid-umi.toml");
    let text = text.replace("builtin:city-grid", "no/such.file");
    let grid = text.find("[rsu.grid]").unwrap();
    let rest = text[grid..].replace(
        "[rsu.grid]\nspacing_m = 400",
        "[rsu]\nsites = \"no/such.file\"",
    );
    let lines = |text: &str, keys: &[&str]| -> Vec<String> {
        let found = text
            .lines()
            .zip(1..)
            .filter(|(line, _)| line.contains("no/such.file"));
        let (shown, none) = (file.display(), dir.path().join("no/such.file"));
        let named = found.zip(keys).map(|((_, line), key)| {
            format!("{shown}:{line}: {key}: found no file {}", none.display())
        });
        named.collect()
    };
    let cases = [
        (
            text.clone(),
            vec!["channel.buildings", "fleet.mobility.path"],
        ),
        (
            text[..grid].to_owned() + &rest,
            vec!["channel.buildings", "fleet.mobility.path", "rsu.sites"],
        ),
    ];
    for (text, keys) in cases {
        std::fs::write(&file, &text).unwrap();
        let error = Scenario::load(&file, &[]).unwrap_err().to_string();
        assert_eq!(error.lines().collect::<Vec<_>>(), lines(&text, &keys));
        assert_eq!(error.lines().count(), keys.len());
        // what is not going to run needs no files
        Scenario::from_toml("my.toml", &text, &[]).unwrap();
    }
    let sets = [
        (
            "city-grid",
            "fleet.mobility.path",
            "no",
            "fleet.mobility.path",
        ),
        (
            "city-grid",
            "fleet.mobility",
            "{ kind = \"sumo\", config = \"no\" }",
            "fleet.mobility.config",
        ),
        (
            "wang2025",
            "backhaul",
            "{ rate_bps = 1e9, migration_power_w = 0.5, path = \"no\" }",
            "backhaul.path",
        ),
    ];
    for (name, key, value, path) in sets {
        let error = resolve(name, &owned(&[(key, value)]))
            .unwrap_err()
            .to_string();
        assert_eq!(error, format!("--set: {path}: found no file no"));
        let folder = value.replace("\"no\"", "\"src\"");
        if path == "fleet.mobility.path" {
            continue;
        }
        let error = resolve(name, &owned(&[(key, folder.as_str())]))
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            format!("--set: {path}: must name a file, but src is a folder")
        );
    }
}

#[test]
fn property_no_text_makes_the_decoder_panic() {
    let mut random = Streams::new(1).stream("mutations");
    let texts: Vec<&str> = BUILTIN_SCENARIOS
        .iter()
        .map(|b| b.text)
        .chain([SMALL])
        .collect();
    for _ in 0..3000 {
        let text = crate::config::mutate(texts[random.below(texts.len())], |n| random.below(n));
        if let Ok(scenario) = Scenario::from_toml("", &text, &[]) {
            let again = Scenario::from_toml("", &scenario.to_toml(), &[]);
            assert_eq!(again.ok(), Some(scenario));
        }
    }
}

#[test]
fn property_schema_and_decoder_agree() {
    let parse = |text: &str| {
        crate::config::Document::from_toml("", text)
            .unwrap()
            .to_json()
    };
    let schema = schema();
    for builtin in BUILTIN_SCENARIOS {
        assert_eq!(
            crate::config::violation(&schema, &parse(builtin.text)),
            None
        );
    }
    for scenario in forms() {
        assert_eq!(
            crate::config::violation(&schema, &parse(&scenario.to_toml())),
            None
        );
    }
    for (from, to) in [
        ("slots = 10", "slots = 0"),
        ("slots = 10", "slots = 10.5"),
        ("slots = 10", "slts = 10"),
        ("kind = \"straight\"", "kind = \"strait\""),
        ("omega = 0.65", "omega = 1.5"),
        ("min = 5, ", ""),
        ("name = \"small\"", "name = \"\""),
    ] {
        let json = parse(&SMALL.replacen(from, to, 1));
        assert!(crate::config::violation(&schema, &json).is_some(), "{to}");
    }
    assert_eq!(schema["properties"]["time"]["required"], json!(["slots"]));
}

#[test]
fn regress_the_reference_page_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/scenario.md");
    let text = reference_markdown();
    if std::env::var_os("WAYSIDE_BLESS").is_some() {
        std::fs::write(&page, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&page).unwrap_or_default();
    assert!(
        committed == text,
        "docs/scenario.md is stale: WAYSIDE_BLESS=1 cargo test -p wayside-core"
    );
}
