use super::*;
use crate::error::Error;
use crate::rng::Streams;

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

fn problems(text: &str, overrides: &[(&str, &str)]) -> Vec<String> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    let overrides: Vec<_> = overrides.iter().map(owned).collect();
    match Scenario::from_toml("s.toml", text, &overrides) {
        Ok(_) => Vec::new(),
        Err(Error::Invalid(problems)) => problems.0.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

/// `(text replaced, its replacement, the problems expected)`.
const BROKEN: &[(&str, &str, &[&str])] = &[
    ("slots = 10", "slots = 10\nslts = 1", &[]),
    ("kind = \"straight\"", "kind = \"strait\"", &[]),
    ("kind = \"straight\"", "", &[]),
    ("slot_s = 0.5", "slot_s = nan", &[]),
    ("slot_s = 0.5", "slot_s = inf", &[]),
    ("slot_s = 0.5", "slot_s = 1e400", &[]),
    ("slot_s = 0.5", "slot_s = 0", &[]),
    ("slot_s = 0.5", "slot_s = -1", &[]),
    ("slot_s = 0.5", "slot_s = 1e-300", &[]),
    ("slot_s = 0.5", "slot_s = 1e6", &[]),
    ("slot_s = 0.5", "slot_s = \"1\"", &[]),
    ("slot_s = 0.5", "slot_s = 2026-01-01", &[]),
    ("slots = 10", "slots = 0", &[]),
    ("slots = 10", "slots = -3", &[]),
    ("slots = 10", "slots = 1_000_000_000_000", &[]),
    (
        "slots = 10",
        "slots = 99999999999999999999999999999999999999999999",
        &[],
    ),
    ("slots = 10", "slots = 10.0", &[]),
    ("slots = 10", "", &[]),
    ("size = 20", "size = 1e30", &[]),
    ("size = 20", "size = 20_000_000", &[]),
    ("size = 20", "", &[]),
    ("slots = 10", "slots = 10\ncarry_over = 1", &[]),
    ("name = \"small\"", "name = \"\"", &[]),
    ("name = \"small\"", "name = 3", &[]),
    ("[scenario]\nname = \"small\"", "", &[]),
    ("[channel]\nnoise_dbm = -104", "", &[]),
    ("[area]\nwidth_m = 1200\nheight_m = 1600", "", &[]),
    ("[objective]\nomega = 0.65", "", &[]),
    ("[objective]\nomega = 0.65", "objective = 3", &[]),
    ("omega = 0.65", "omega = 1.5", &[]),
    ("noise_dbm = -104", "noise_dbm = -1040", &[]),
    ("data_bytes = 250_000", "data_bytes = -250_000", &[]),
    (
        "speed_mps = { min = 5, max = 10 }",
        "speed_mps = { min = 10, max = 5 }",
        &[],
    ),
    (
        "speed_mps = { min = 5, max = 10 }",
        "speed_mps = { min = 10 }",
        &[],
    ),
    (
        "speed_mps = { min = 5, max = 10 }",
        "speed_mps = { min = -1, max = 2 }",
        &[],
    ),
    (
        "speed_mps = { min = 5, max = 10 }",
        "speed_mps = { low = 1, max = 2 }",
        &[],
    ),
    (
        "speed_mps = { min = 5, max = 10 }",
        "speed_mps = [5, 10]",
        &[],
    ),
    ("id = \"r1\"", "id = \"r0\"", &[]),
    ("id = \"r1\"", "id = \" \"", &[]),
    ("id = \"r1\"", "", &[]),
    ("range_m = 500\n", "", &[]),
    (
        "[objective]",
        "[rsu.grid]\nspacing_m = 100\n[objective]",
        &[],
    ),
    ("max_distance_m = 610", "", &[]),
    (
        "max_distance_m = 610",
        "max_distance_m = 610\npath = \"x.graphml\"",
        &[],
    ),
    (
        "max_distance_m = 610",
        "link = [{ a = \"r0\", b = \"r0\" }]",
        &[],
    ),
    (
        "max_distance_m = 610",
        "link = [{ a = \"r0\", b = \"r2\" }]",
        &[],
    ),
    (
        "max_distance_m = 610",
        "link = [\n{ a = \"r0\", b = \"r1\" },\n{ a = \"r1\", b = \"r0\" }]",
        &[],
    ),
    ("max_distance_m = 610", "link = 3", &[]),
    ("max_distance_m = 610", "link = [3]", &[]),
    (
        "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
        "kind = \"fcd\"\npath = \"x.csv\"",
        &[],
    ),
    (
        "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
        "kind = \"fcd\"\npath = \"builtin:city\"",
        &[],
    ),
    (
        "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
        "kind = \"manhattan\"\nspeed_mps = 5\nblock_m = 1300",
        &[],
    ),
    ("kind = \"straight\"", "kind = \"random-waypoint\"", &[]),
    ("sweeps = 3", "sweps = 3", &[]),
    ("[policy.price]", "[policy.prize]", &[]),
    ("[policy.price]", "[quux]", &[]),
    ("name = \"small\"", "name = ", &[]),
    ("name = \"small\"", "name = \"a\"\nname = \"b\"", &[]),
    ("[policy.price]", "[time]", &[]),
    ("[policy.price]", "[policy.price", &[]),
];

#[test]
fn explore() {
    for (from, to, _) in BROKEN {
        assert!(SMALL.contains(from), "{from}");
        let text = SMALL.replacen(from, to, 1);
        println!("    ({from:?}, {to:?}, &{:#?}),", problems(&text, &[]));
    }
    println!("{}", reference_markdown());
    println!("{:#}", schema());
}

#[test]
fn property_every_builtin_round_trips() {
    for builtin in BUILTIN_SCENARIOS {
        let scenario = Scenario::builtin(builtin.name, &[]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scenario.name, builtin.name);
        let text = scenario.to_toml();
        let again = Scenario::from_toml("", &text, &[]).unwrap_or_else(|e| panic!("{e}\n{text}"));
        assert_eq!(scenario, again);
        assert_eq!(text, again.to_toml());
    }
}
