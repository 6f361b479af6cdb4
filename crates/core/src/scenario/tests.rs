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

#[test]
fn regress_every_problem_of_a_file_is_named() {
    /// `(text replaced, its replacement, the problems expected)`.
    const BROKEN: &[(&str, &str, &[&str])] = &[
        (
            "slots = 10",
            "slots = 10\nslts = 1",
            &["s.toml:6: time.slts: unknown key \"slts\", did you mean \"slots\"?"],
        ),
        (
            "kind = \"straight\"",
            "kind = \"strait\"",
            &[
                "s.toml:17: fleet.mobility.kind: expected \"straight\", \"random-waypoint\", \"manhattan\", \"parked\", \"ring\" or \"fcd\", found the text \"strait\"",
            ],
        ),
        (
            "kind = \"straight\"",
            "",
            &[
                "s.toml:16: fleet.mobility.kind: missing, expected \"straight\", \"random-waypoint\", \"manhattan\", \"parked\", \"ring\" or \"fcd\"",
            ],
        ),
        (
            "kind = \"straight\"",
            "kind = \"fdc\"\npath = \"a.csv\"",
            &[
                "s.toml:17: fleet.mobility.kind: expected \"straight\", \"random-waypoint\", \"manhattan\", \"parked\", \"ring\" or \"fcd\", found the text \"fdc\"",
            ],
        ),
        (
            "slot_s = 0.5",
            "slot_s = nan",
            &["s.toml:4: time.slot_s: must be a finite number, got NaN"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = inf",
            &["s.toml:4: time.slot_s: must be a finite number, got inf"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = 1e400",
            &["s.toml:4: time.slot_s: must be a finite number, got inf"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = 0",
            &["s.toml:4: time.slot_s: must be > 0, got 0"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = -1",
            &["s.toml:4: time.slot_s: must be > 0, got -1"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = 1e-300",
            &["s.toml:4: time.slot_s: must be at least 1e-30, got 1e-300"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = 1e6",
            &["s.toml:4: time.slot_s: must be <= 86400, got 1e6"],
        ),
        (
            "slot_s = 0.5",
            "slot_s = \"1\"",
            &["s.toml:4: time.slot_s: expected a number > 0 and <= 86400, found the text \"1\""],
        ),
        (
            "slot_s = 0.5",
            "slot_s = 2026-01-01",
            &["s.toml:4: time.slot_s: expected a number > 0 and <= 86400, found a date or time"],
        ),
        (
            "slots = 10",
            "slots = 0",
            &["s.toml:5: time.slots: must be between 1 and 100000000, got 0"],
        ),
        (
            "slots = 10",
            "slots = -3",
            &["s.toml:5: time.slots: must be between 1 and 100000000, got -3"],
        ),
        (
            "slots = 10",
            "slots = 1_000_000_000_000",
            &["s.toml:5: time.slots: must be between 1 and 100000000, got 1000000000000"],
        ),
        (
            "slots = 10",
            "slots = 99999999999999999999999999999999999999999999",
            &[
                "s.toml:5: time.slots: expected a whole number between 1 and 100000000, found a number too large",
            ],
        ),
        (
            "slots = 10",
            "slots = 10.0",
            &[
                "s.toml:5: time.slots: expected a whole number between 1 and 100000000, found the number 10.0",
            ],
        ),
        (
            "slots = 10",
            "",
            &[
                "s.toml:3: time.slots: missing, expected a whole number between 1 and 100000000: number of slots of a run",
            ],
        ),
        (
            "size = 20",
            "size = 1e30",
            &[
                "s.toml:12: fleet.size: expected a whole number between 1 and 10000000, found the number 1e30",
            ],
        ),
        (
            "size = 20",
            "size = 20_000_000",
            &["s.toml:12: fleet.size: must be between 1 and 10000000, got 20000000"],
        ),
        (
            "size = 20",
            "",
            &["s.toml:11: fleet.size: missing, a synthetic fleet needs the number of its vehicles"],
        ),
        (
            "slots = 10",
            "slots = 10\ncarry_over = 1",
            &["s.toml:6: time.carry_over: expected true or false, found the number 1"],
        ),
        (
            "name = \"small\"",
            "name = \"\"",
            &["s.toml:2: scenario.name: must not be empty"],
        ),
        (
            "name = \"small\"",
            "name = \"a\\u001b[31m\"",
            &["s.toml:2: scenario.name: must not have control characters"],
        ),
        (
            "name = \"small\"",
            "name = 3",
            &["s.toml:2: scenario.name: expected a text that is not empty, found the number 3"],
        ),
        (
            "[scenario]\nname = \"small\"",
            "",
            &["s.toml: scenario: missing, expected a section with name"],
        ),
        (
            "[channel]\nnoise_dbm = -104",
            "",
            &["s.toml: channel: missing, expected a section with noise_dbm"],
        ),
        (
            "[area]\nwidth_m = 1200\nheight_m = 1600",
            "",
            &[
                "s.toml: area: missing section: a synthetic fleet needs the keys width_m and height_m",
            ],
        ),
        (
            "[objective]\nomega = 0.65",
            "",
            &["s.toml: objective: missing, expected a section with omega"],
        ),
        (
            "[objective]\nomega = 0.65",
            "objective = 3",
            &[
                "s.toml: objective: missing, expected a section with omega",
                "s.toml:41: backhaul.objective: unknown key \"objective\", expected \"rate_bps\", \"migration_power_w\", \"max_hops\", \"propagation_s_per_m\", \"length_scale\", \"allow_disconnected\", \"max_distance_m\", \"path\" or \"link\"",
            ],
        ),
        (
            "omega = 0.65",
            "omega = 1.5",
            &["s.toml:42: objective.omega: must be <= 1, got 1.5"],
        ),
        (
            "noise_dbm = -104",
            "noise_dbm = -1040",
            &["s.toml:10: channel.noise_dbm: must be >= -300, got -1040"],
        ),
        (
            "data_bytes = 250_000",
            "data_bytes = -250_000",
            &["s.toml:21: task.data_bytes: must be > 0, got -250000"],
        ),
        (
            "speed_mps = { min = 5, max = 10 }",
            "speed_mps = { min = 10, max = 5 }",
            &["s.toml:18: fleet.mobility.speed_mps: min must be <= max, got min 10 and max 5"],
        ),
        (
            "speed_mps = { min = 5, max = 10 }",
            "speed_mps = { min = 10 }",
            &[
                "s.toml:18: fleet.mobility.speed_mps: expected a number between 0 and 1000 or { min, max }, found no max",
            ],
        ),
        (
            "speed_mps = { min = 5, max = 10 }",
            "speed_mps = { min = -1, max = 2 }",
            &["s.toml:18: fleet.mobility.speed_mps: min: must be >= 0, got -1"],
        ),
        (
            "speed_mps = { min = 5, max = 10 }",
            "speed_mps = { low = 1, max = 2 }",
            &[
                "s.toml:18: fleet.mobility.speed_mps: expected a number between 0 and 1000 or { min, max }, found the key \"low\"",
            ],
        ),
        (
            "speed_mps = { min = 5, max = 10 }",
            "speed_mps = [5, 10]",
            &[
                "s.toml:18: fleet.mobility.speed_mps: expected a number between 0 and 1000 or { min, max }, found a list",
            ],
        ),
        (
            "id = \"r1\"",
            "id = \"r0\"",
            &["s.toml:33: rsu.1.id: \"r0\" is taken already"],
        ),
        (
            "id = \"r1\"",
            "id = \" \"",
            &["s.toml:33: rsu.1.id: must not be empty"],
        ),
        (
            "id = \"r1\"",
            "",
            &["s.toml:32: rsu.1.id: missing, expected a text that is not empty: unique name"],
        ),
        (
            "range_m = 500\n",
            "",
            &[
                "s.toml:26: rsu.0.range_m: missing here and in `[rsu_default]`, expected a number > 0 and <= 1e7: radio range R_m [m]",
                "s.toml:31: rsu.1.range_m: missing here and in `[rsu_default]`, expected a number > 0 and <= 1e7: radio range R_m [m]",
            ],
        ),
        (
            "[objective]",
            "[rsu.grid]\nspacing_m = 100\n[objective]",
            &[
                "s.toml:41: rsu.1.grid: unknown key \"grid\", expected \"id\", \"x_m\", \"y_m\", \"cores\", \"range_m\", \"bandwidth_hz\", \"cpu_hz\" or \"energy_coeff\"",
            ],
        ),
        (
            "max_distance_m = 610",
            "",
            &["s.toml:37: backhaul: needs exactly one of max_distance_m, link and path"],
        ),
        (
            "max_distance_m = 610",
            "max_distance_m = 610\npath = \"x.graphml\"",
            &["s.toml:37: backhaul: needs exactly one of max_distance_m, link and path"],
        ),
        (
            "max_distance_m = 610",
            "link = [{ a = \"r0\", b = \"r0\" }]",
            &["s.toml:40: backhaul.link.0.b: links \"r0\" with itself"],
        ),
        (
            "max_distance_m = 610",
            "link = [{ a = \"r0\", b = \"r2\" }]",
            &["s.toml:40: backhaul.link.0.b: unknown RSU \"r2\", did you mean \"r0\"?"],
        ),
        (
            "max_distance_m = 610",
            "link = [\n{ a = \"r0\", b = \"r1\" },\n{ a = \"r1\", b = \"r0\" }]",
            &["s.toml:42: backhaul.link.1.b: links \"r1\" and \"r0\" a second time"],
        ),
        (
            "max_distance_m = 610",
            "link = 3",
            &["s.toml:40: backhaul.link: expected a list of sections, found the number 3"],
        ),
        (
            "max_distance_m = 610",
            "link = [3]",
            &["s.toml:40: backhaul.link.0: expected a section, found the number 3"],
        ),
        (
            "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
            "kind = \"fcd\"\npath = \"x.csv\"",
            &["s.toml:12: fleet.size: must be left out: with kind = \"fcd\" the trace decides"],
        ),
        (
            "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
            "kind = \"fcd\"\npath = \"builtin:city\"",
            &[
                "s.toml:12: fleet.size: must be left out: with kind = \"fcd\" the trace decides",
                "s.toml:18: fleet.mobility.path: unknown built-in trace \"city\", expected \"city-grid\"",
            ],
        ),
        (
            "kind = \"straight\"\nspeed_mps = { min = 5, max = 10 }",
            "kind = \"manhattan\"\nspeed_mps = 5\nblock_m = 1300",
            &["s.toml:19: fleet.mobility.block_m: must fit into the area, 1200 m, got 1300"],
        ),
        (
            "kind = \"straight\"",
            "kind = \"random-waypoint\"",
            &[
                "s.toml:16: fleet.mobility.pause_s: missing, expected a number between 0 and 1e6 or { min, max }: pause at each point [s]",
            ],
        ),
        (
            "sweeps = 3",
            "sweps = 3",
            &["s.toml:44: policy.price.sweps: unknown key \"sweps\", did you mean \"sweeps\"?"],
        ),
        (
            "[policy.price]",
            "[policy.prize]",
            &["s.toml:43: policy.prize: unknown key \"prize\", did you mean \"price\"?"],
        ),
        (
            "[policy.price]",
            "[quux]",
            &[
                "s.toml:43: quux: unknown key \"quux\", expected \"scenario\", \"time\", \"area\", \"execution\", \"channel\", \"rsu_default\", \"rsu\", \"backhaul\", \"cloud\", \"information\", \"fault\", \"success\", \"fleet\", \"task\", \"objective\", \"load_balance\" or \"policy\"",
            ],
        ),
        (
            "name = \"small\"",
            "name = ",
            &["s.toml:2: malformed TOML: string values must be quoted, expected literal string"],
        ),
        (
            "name = \"small\"",
            "name = \"a\"\nname = \"b\"",
            &["s.toml:3: malformed TOML: duplicate key"],
        ),
        (
            "[policy.price]",
            "[time]",
            &["s.toml:43: malformed TOML: duplicate key"],
        ),
        (
            "[policy.price]",
            "[policy.price",
            &["s.toml:43: malformed TOML: unclosed table, expected `]`"],
        ),
    ];
    for (from, to, expected) in BROKEN {
        assert!(SMALL.contains(from), "{from}");
        assert_eq!(
            problems(&SMALL.replacen(from, to, 1), &[]),
            *expected,
            "{to}"
        );
    }
}

/// What turns `small` into a scenario with queues.
const QUEUES: (&str, &str) = ("execution", "{ kind = \"queues\" }");

#[test]
fn regress_every_problem_of_queues_is_named() {
    const BROKEN: &[(&str, &str, &[&str])] = &[
        (
            "execution.kind",
            "\"queue\"",
            &[
                "--set: execution.kind: expected \"shared-cpu\" or \"queues\", found the text \"queue\"",
            ],
        ),
        (
            "execution.capability",
            "1.2",
            &["--set: execution.capability: must be <= 1, got 1.2"],
        ),
        (
            "execution.capability",
            "-0.1",
            &["--set: execution.capability: must be >= 0, got -0.1"],
        ),
        (
            "execution.capability",
            "0.5",
            &["--set: execution.busy_s: missing, needed where capability < 1"],
        ),
        (
            "rsu.0.cores",
            "0",
            &["--set: rsu.0.cores: must be between 1 and 4096, got 0"],
        ),
        (
            "rsu_default.cores",
            "0",
            &["--set: rsu_default.cores: must be between 1 and 4096, got 0"],
        ),
        (
            "channel.uplink_rate_bps",
            "-1e6",
            &["--set: channel.uplink_rate_bps: must be > 0, got -1e6"],
        ),
        (
            "backhaul.propagation_s_per_m",
            "-1e-9",
            &["--set: backhaul.propagation_s_per_m: must be >= 0, got -1e-9"],
        ),
        (
            "cloud.round_trip_s",
            "-1",
            &["--set: cloud.round_trip_s: must be >= 0, got -1"],
        ),
        (
            "information",
            "{ rate_hz = -10, packet_bytes = 250, ttl = 0 }",
            &[
                "--set: information.rate_hz: must be >= 1e-6, got -10",
                "--set: information.ttl: must be between 1 and 1000, got 0",
            ],
        ),
        (
            "information",
            "{ rate_hz = 10, packet_bytes = 250, ttl = 3, false_share = 2, counting = \"all\" }",
            &[
                "--set: information.counting: expected \"broadcasts\" or \"transmissions\", found the text \"all\"",
                "--set: information.false_share: must be <= 1, got 2",
            ],
        ),
        (
            "task.period_s",
            "0",
            &["--set: task.period_s: must be >= 1e-6, got 0"],
        ),
        (
            "task.period_s",
            "nan",
            &["--set: task.period_s: must be a finite number, got NaN"],
        ),
        (
            "task.cycles_per_bit",
            "115",
            &["--set: task.cycles_per_bit: must be left out where cycles is given"],
        ),
        (
            "fault",
            "[{ kind = \"server\", rsu = \"r7\", from_s = 1, until_s = 0.5 }]",
            &[
                "--set: fault.0.rsu: unknown RSU \"r7\", did you mean \"r0\"?",
                "--set: fault.0.until_s: must be later than from_s, 1, got 0.5",
            ],
        ),
        (
            "fault",
            "[{ kind = \"link\", a = \"r0\", rsu = \"r1\", from_s = -1, until_s = 1 }]",
            &[
                "--set: fault.0.b: missing, expected the other end",
                "--set: fault.0.from_s: must be >= 0, got -1",
                "--set: fault.0.rsu: has no meaning for this kind",
            ],
        ),
        (
            "fleet.mobility",
            "{ kind = \"parked\", at = \"r9\" }",
            &["--set: fleet.mobility.at: unknown RSU \"r9\", did you mean \"r0\"?"],
        ),
        (
            "fleet.mobility",
            "{ kind = \"ring\", speed_mps = -1 }",
            &[
                "--set: fleet.mobility: needs exactly one of radius_m and length_m",
                "--set: fleet.mobility.speed_mps: must be >= 0, got -1",
            ],
        ),
        (
            "success.definition",
            "\"done\"",
            &[
                "--set: success.definition: expected \"on-time\" or \"migrated\", found the text \"done\"",
            ],
        ),
    ];
    for &(key, value, expected) in BROKEN {
        let found = problems(SMALL, &[QUEUES, (key, value)]);
        assert_eq!(found, expected, "{key}={value}");
    }
    let shared = [
        ("channel.uplink_rate_bps", "1e6"),
        ("task.period_s", "1"),
        ("cloud.round_trip_s", "1"),
        ("execution.capability", "0.5"),
        ("success.definition", "\"migrated\""),
    ];
    for set in shared {
        let found = problems(SMALL, &[set]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("needs"), "{found:?}");
        assert!(found[0].contains("kind = \"queues\""), "{found:?}");
    }
}

#[test]
fn regress_problems_that_need_the_layout_are_named() {
    let parted = [
        QUEUES,
        ("backhaul.max_distance_m", "10"),
        ("backhaul.allow_disconnected", "false"),
    ];
    let error = |overrides: &[(&str, &str)]| World::new(&small(overrides)).unwrap_err().to_string();
    assert_eq!(
        error(&parted),
        "scenario: backhaul: must connect all RSUs, but no way leads from \"r0\" to \"r1\"; \
         backhaul.allow_disconnected = true permits it"
    );
    assert!(World::new(&small(&parted[1..])).is_ok(), "shared CPU");
    let mut allowed = parted;
    allowed[2].1 = "true";
    assert!(World::new(&small(&allowed)).is_ok());
    allowed[2].1 = "true";
    let link = "[{ kind = \"link\", a = \"r0\", b = \"r1\", from_s = 0, until_s = 1 }]";
    let mut cut = allowed.to_vec();
    cut.push(("fault", link));
    assert_eq!(
        error(&cut),
        "scenario: fault.0: no link between \"r0\" and \"r1\""
    );
}

#[test]
fn regress_every_problem_of_an_override_is_named() {
    const BROKEN: &[(&str, &str, &[&str])] = &[
        (
            "fleet.size",
            "-1",
            &["--set: fleet.size: must be between 1 and 10000000, got -1"],
        ),
        (
            "fleet.size",
            "many",
            &[
                "--set: fleet.size: expected a whole number between 1 and 10000000, found the text \"many\"",
            ],
        ),
        (
            "time.slot_s",
            "nan",
            &["--set: time.slot_s: must be a finite number, got NaN"],
        ),
        (
            "time.slot_s",
            "-inf",
            &["--set: time.slot_s: must be a finite number, got -inf"],
        ),
        (
            "time.slot_s",
            "",
            &["--set: time.slot_s: expected a number > 0 and <= 86400, found the text \"\""],
        ),
        (
            "time.slts",
            "3",
            &["--set: time.slts: unknown key \"slts\", did you mean \"slots\"?"],
        ),
        (
            "tme.slots",
            "3",
            &["--set: tme: unknown key \"tme\", did you mean \"time\"?"],
        ),
        (
            "policy.repair.enabled",
            "false",
            &[
                "--set: policy.repair: is an option of each policy that has it: policy.price.repair, policy.best-response.repair, policy.local-search.repair, policy.least-total.repair, policy.learned.repair",
            ],
        ),
        (
            "rsu.1.cpu_hz",
            "0",
            &["--set: rsu.1.cpu_hz: must be > 0, got 0"],
        ),
        (
            "rsu.2.cpu_hz",
            "1e9",
            &["--set: rsu.2.cpu_hz: rsu is a list of 2, counted from 0, and has no \"2\""],
        ),
        (
            "rsu.x.cpu_hz",
            "1e9",
            &["--set: rsu.x.cpu_hz: rsu is a list of 2, counted from 0, and has no \"x\""],
        ),
        (
            "time.slots.x",
            "1",
            &["--set: time.slots.x: time.slots is the number 10, which has no keys"],
        ),
        (
            "time..slots",
            "1",
            &["--set: time..slots: expected a dotted path, such as fleet.size"],
        ),
        (
            "",
            "1",
            &["--set: expected a dotted path, such as fleet.size"],
        ),
        (
            "a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a",
            "1",
            &["--set: a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: no key is that deep"],
        ),
        (
            "fleet.mobility",
            "{kind=\"fcd\"}",
            &[
                "--set: fleet.mobility.path: missing, expected a text that is not empty: the trace, relative to this file, or `builtin:NAME` for one that comes with the program",
                "s.toml:12: fleet.size: must be left out: with kind = \"fcd\" the trace decides",
            ],
        ),
        (
            "fleet.mobility.speed_mps",
            "{min=3,max=1}",
            &["--set: fleet.mobility.speed_mps: min must be <= max, got min 3 and max 1"],
        ),
        (
            "objective",
            "1",
            &["--set: objective: expected a section, found the number 1"],
        ),
    ];
    for (key, value, expected) in BROKEN {
        assert_eq!(problems(SMALL, &[(key, value)]), *expected, "{key}={value}");
    }
}

#[test]
fn regress_all_problems_come_at_once_in_the_order_of_the_file() {
    let text = SMALL
        .replace("slots = 10", "slots = 0")
        .replace("noise_dbm = -104", "noise_dbm = \"loud\"")
        .replace("id = \"r1\"", "id = \"r0\"")
        .replace("sweeps = 3", "sweps = 3")
        .replace("[objective]\nomega = 0.65\n", "");
    let overrides = [("fleet.size", "-1"), ("rsu.7.x_m", "3")];
    assert_eq!(
        problems(&text, &overrides),
        ["--set: rsu.7.x_m: rsu is a list of 2, counted from 0, and has no \"7\""]
    );
    assert_eq!(
        problems(&text, &overrides[..1]),
        [
            "--set: fleet.size: must be between 1 and 10000000, got -1",
            "s.toml: objective: missing, expected a section with omega",
            "s.toml:5: time.slots: must be between 1 and 100000000, got 0",
            "s.toml:10: channel.noise_dbm: expected a number between -300 and 100, found the text \"loud\"",
            "s.toml:33: rsu.1.id: \"r0\" is taken already",
            "s.toml:42: policy.price.sweps: unknown key \"sweps\", did you mean \"sweeps\"?",
        ]
    );
}

#[test]
fn regress_an_empty_file_lists_what_is_missing() {
    assert_eq!(
        problems("", &[]),
        [
            "s.toml: backhaul: missing, expected a section with rate_bps, migration_power_w",
            "s.toml: channel: missing, expected a section with noise_dbm",
            "s.toml: fleet: missing, expected a section with tx_power_w, cpu_hz, energy_coeff, mobility",
            "s.toml: objective: missing, expected a section with omega",
            "s.toml: rsu: missing, expected [[rsu]] entries or an [rsu.grid]",
            "s.toml: scenario: missing, expected a section with name",
            "s.toml: task: missing, expected a section with cycles, data_bytes, deadline_s",
            "s.toml: time: missing, expected a section with slots",
        ]
    );
}

#[test]
fn property_deep_nesting_is_an_error() {
    let deep = 100_000;
    let nest = |open: &str, close: &str, n| format!("{}1{}", open.repeat(n), close.repeat(n));
    // keys and tables each within the limits of the parser, together not
    let both = nest(&format!("{{{}a=", "a.".repeat(78)), "}", 78);
    for value in [nest("[", "]", deep), nest("{a=", "}", deep), both] {
        let text = SMALL.replace("slots = 10", &format!("slots = {value}"));
        let found = &problems(&text, &[])[0];
        assert!(
            found.contains("recurs") || found.contains("found a section"),
            "{found}"
        );
        assert!(Scenario::from_toml("", SMALL, &owned(&[("time.slots", &value)])).is_err());
    }
    for text in [
        format!("{}a = 1", "a.".repeat(deep)),
        format!("[{}a]", "a.".repeat(deep)),
    ] {
        assert_eq!(
            problems(&text, &[]),
            ["s.toml: malformed TOML: recursion limit"]
        );
    }
}

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

/// The numbers of the paper and of calibration S1.
#[test]
fn paper_wang2025_is_as_published_and_calibrated() {
    let s = resolve("wang2025", &[]).unwrap();
    let constant = |x| Range { min: x, max: x };
    let range = |min, max| Range { min, max };
    assert_eq!(s.fleet.size, 100);
    assert_eq!(s.fleet.cpu_hz, constant(0.5e9));
    assert_eq!(s.fleet.tx_power_w, constant(0.2));
    assert_eq!(s.fleet.energy_coeff, constant(1.83e-26));
    assert_eq!(
        s.fleet.mobility,
        Mobility::Straight {
            speed_mps: range(5.0, 10.0),
            hotspot: None
        }
    );
    assert_eq!(s.task.cycles, Cycles::Drawn(range(300e6, 450e6)));
    assert_eq!(s.task.data_bytes, range(200.0 * 1024.0, 300.0 * 1024.0));
    assert_eq!(s.task.deadline_s, range(0.5, 1.0));
    let RsuLayout::Explicit(rsus) = &s.rsus else {
        panic!("eleven RSUs")
    };
    assert_eq!(rsus.len(), 11);
    let r5 = &rsus[5];
    assert_eq!((r5.id.as_str(), r5.x_m, r5.y_m), ("r5", 600.0, 800.0));
    for rsu in rsus {
        let equipment = (rsu.range_m, rsu.bandwidth_hz, rsu.cpu_hz, rsu.energy_coeff);
        assert_eq!(equipment, (500.0, 100e6, 15e9, 3e-28));
    }
    assert_eq!((s.time.slot_s, s.time.slots), (1.0, 120));
    assert_eq!((s.omega, s.policy.greedy.quota), (0.65, 0.78));
    assert_eq!(s.backhaul.links, LinkRule::Distance(610.0));

    assert!(s.load_balance.enforce);

    let unbalanced = resolve("wang2025-unbalanced", &[]).unwrap();
    let s2 = resolve("wang2025-s2", &[]).unwrap();
    let text = |s: &Scenario| s.to_toml().lines().map(str::to_owned).collect::<Vec<_>>();
    let differing = text(&unbalanced)
        .iter()
        .zip(text(&s2))
        .filter(|(a, b)| *a != b)
        .count();
    // three texts, omega, kappa_n, quota, and kappa_m of eleven RSUs
    assert_eq!(differing, 3 + 3 + 11);
}

/// The numbers of the text, and of the reconstruction where it has none.
#[test]
fn paper_lin2025_is_as_published_and_reconstructed() {
    let world = |name| World::new(&Scenario::builtin(name, &[]).unwrap()).unwrap();
    let lin = world("lin2025");
    assert_eq!((lin.rsus.len(), lin.links.len()), (21, 32));
    assert_eq!(lin.rsus.id[0], "local");
    assert_eq!((lin.rsus.x_m[0], lin.rsus.y_m[0]), (0.0, 0.0));
    let within = |hops| {
        lin.routes
            .targets(0)
            .iter()
            .filter(|t| t.hops == hops)
            .count()
    };
    assert_eq!([0, 1, 2, 3].map(within), [1, 4, 8, 8]);
    for link in lin.network.links() {
        assert_eq!((link.rate_bps, link.propagation_s), (1e9, 5e-6));
    }
    assert_eq!(lin.scenario.cloud_round_trip_s, Some(0.2));
    // those of the specification, and those fitted to Figs. 13 to 15
    for (name, busy_s, per_bit, deadline_s, cores) in [
        ("lin2025", 2.5, 115.0, 0.27, 6),
        ("lin2025-fitted", 6.0, 80.0, 0.264, 4),
    ] {
        let world = world(name);
        let Execution::Queues(work) = world.scenario.execution else {
            panic!("queues")
        };
        assert_eq!((work.capability, work.busy_s.max), (0.8, busy_s));
        let (min, max) = (per_bit, per_bit);
        assert_eq!(
            world.scenario.task.cycles,
            Cycles::PerBit(Range { min, max })
        );
        assert!((world.scenario.task.deadline_s.max - deadline_s).abs() < 1e-12);
        let queues = world.queues.as_ref().unwrap();
        assert_eq!(queues.core_start[1], cores);
        assert!(queues.core_hz.iter().all(|hz| (hz - 2.4e9).abs() < 1e-3));
    }

    let sizes = |name| (world(name).rsus.len(), world(name).links.len());
    assert_eq!(sizes("lin2025-three-clusters"), (63, 96));
    assert_eq!(sizes("lin2025-connected").0, 61);
    assert_eq!((sizes("lin2025-n5").0, sizes("lin2025-n30").0), (6, 31));
    for name in ["lin2025-n5", "lin2025-n30"] {
        let world = world(name);
        assert_eq!(world.routes.targets(0).len(), world.rsus.len(), "{name}");
    }
}

#[test]
fn closed_form_germany50_is_one_network() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = folder.join("../shared/data/backhaul/sndlib_germany50.json");
    if !data.exists() {
        eprintln!("skipped: no {}", data.display());
        return;
    }
    let scenario = Scenario::load(&folder.join("scenarios/germany50.toml"), &[]).unwrap();
    let world = World::new(&scenario).unwrap();
    assert_eq!((world.rsus.len(), world.links.len()), (50, 88));
    // the link from Aachen to Duesseldorf is 61.63 km long
    let length_m = world.links.iter().map(|l| l.length_m).fold(0.0, f64::max);
    assert!(
        length_m < 6000.0
            && world
                .links
                .iter()
                .any(|l| (l.length_m - 1232.6).abs() < 1e-6)
    );
}

#[test]
fn closed_form_builtins_differ_from_wang2025_where_they_should() {
    let builtin = |name| Scenario::builtin(name, &[]).unwrap();
    let renamed = |s: Scenario| Scenario {
        name: String::new(),
        description: String::new(),
        ..s
    };
    let mut balanced = builtin("wang2025-unbalanced");
    balanced.load_balance.enforce = true;
    // but for the two values fitted under (16e), and that its source says so
    balanced.fleet.energy_coeff = Range {
        min: 1.83e-26,
        max: 1.83e-26,
    };
    balanced.policy.greedy.quota = 0.78;
    balanced.source = builtin("wang2025").source;
    assert_eq!(renamed(builtin("wang2025")), renamed(balanced));
    let mut hotspot = builtin("wang2025-unbalanced");
    hotspot.fleet.mobility = Mobility::Straight {
        speed_mps: Range {
            min: 5.0,
            max: 10.0,
        },
        hotspot: Some(Hotspot {
            share: 0.6,
            sigma_m: 150.0,
            center: [0.3, 0.3],
            crowd: Crowd::Redraw,
        }),
    };
    assert_eq!(renamed(builtin("hotspot")), renamed(hotspot));
    let mut coupled = builtin("wang2025-unbalanced");
    coupled.time = Time {
        slot_s: 0.3,
        slots: 120,
        carry_over: true,
    };
    assert_eq!(renamed(builtin("coupled")), renamed(coupled));
    let city = Mobility::Fcd(Fcd::new(FcdSource::Builtin("city-grid")));
    assert_eq!(builtin("city-grid").fleet.mobility, city);
}

#[test]
fn regress_names_resolve_to_builtins_and_paths_to_files() {
    let message = |name| resolve(name, &[]).unwrap_err().to_string();
    assert_eq!(
        message("wang2026"),
        "wang2026: unknown scenario \"wang2026\", did you mean \"wang2025\"?; \
         built-in are wang2025, wang2025-unbalanced, wang2025-s2, lin2025, lin2025-fitted, lin2025-n5, lin2025-n30, lin2025-three-clusters, \
         lin2025-connected, ring-fifo, hotspot, coupled, city-grid, and a file ends in .toml"
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
    let scenario = resolve(&file.display().to_string(), &[]).unwrap();
    assert_eq!(
        scenario.backhaul.links,
        LinkRule::File(dir.path().join("net/a.json"))
    );

    std::fs::write(&file, b"name = \"\xff\"").unwrap();
    let error = Scenario::load(&file, &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("my.scenario: must be UTF-8 text"),
        "{error}"
    );
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
        let text = crate::config::mutate(texts[random.below(texts.len())], &mut random);
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
