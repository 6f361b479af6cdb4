//! Problems of queues, layouts, overrides and broken files.

use super::*;

#[test]
fn regress_every_problem_of_queues_is_named() {
    const BROKEN: &[(&str, &str, &[&str])] = &[
        (
            "execution.kind",
            "\"queue\"",
            &[
                "--set: execution.kind: expected \"shared-cpu\", \"queues\" or \"sessions\", found the text \"queue\"",
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
                "--set: fleet.mobility.path: missing, expected a text that is not empty: the trace, relative to this file; `-`: standard input; `builtin:NAME`: a built-in one",
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
