//! Every problem of a file is named.

use super::*;

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
                "s.toml:17: fleet.mobility.kind: expected \"straight\", \"random-waypoint\", \"manhattan\", \"parked\", \"ring\", \"highway\", \"fcd\" or \"sumo\", found the text \"strait\"",
            ],
        ),
        (
            "kind = \"straight\"",
            "",
            &[
                "s.toml:16: fleet.mobility.kind: missing, expected \"straight\", \"random-waypoint\", \"manhattan\", \"parked\", \"ring\", \"highway\", \"fcd\" or \"sumo\"",
            ],
        ),
        (
            "kind = \"straight\"",
            "kind = \"fdc\"\npath = \"a.csv\"",
            &[
                "s.toml:17: fleet.mobility.kind: expected \"straight\", \"random-waypoint\", \"manhattan\", \"parked\", \"ring\", \"highway\", \"fcd\" or \"sumo\", found the text \"fdc\"",
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
                "s.toml:43: quux: unknown key \"quux\", expected \"scenario\", \"time\", \"area\", \"execution\", \"channel\", \"rsu_default\", \"rsu\", \"backhaul\", \"cloud\", \"information\", \"fault\", \"success\", \"fleet\", \"task\", \"result\", \"objective\", \"load_balance\", \"bound\", \"policy\" or \"serve\"",
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
