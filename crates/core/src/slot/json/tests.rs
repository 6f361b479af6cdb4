mod sessions;

use super::*;
use crate::error::Error;
use crate::rng::Streams;

const CHANNEL: Channel = Channel {
    noise_dbm: -104.0,
    pathloss_db_at_1km: 128.1,
    pathloss_db_per_decade: 37.6,
    antenna_height_m: 10.0,
};

/// Three RSUs in a row, 500 m apart; v0 is between the first two, v1 has measured gains, v2 is far.
const SMALL: &str = r#"{
  "slot_s": 1.0, "objective": {"omega": 0.65}, "load_balance": {"enforce": true, "tau": 0.05},
  "channel": {"noise_dbm": -104, "pathloss_db_at_1km": 128.1, "pathloss_db_per_decade": 37.6, "antenna_height_m": 10},
  "rsus": [
    {"id": "r0", "x_m": 0, "y_m": 0, "range_m": 400, "bandwidth_hz": 1e8, "cpu_hz": 15e9, "energy_coeff": 3e-28},
    {"id": "r1", "x_m": 500, "y_m": 0, "range_m": 400, "bandwidth_hz": 1e8, "cpu_hz": 15e9, "energy_coeff": 3e-28, "reserved_cpu_hz": 1e9},
    {"id": "r2", "x_m": 1000, "y_m": 0, "range_m": 400, "bandwidth_hz": 1e8, "cpu_hz": 15e9, "energy_coeff": 3e-28}],
  "links": [
    {"a": "r0", "b": "r1", "rate_bps": 1e9, "length_m": 500, "backlog_bits": 1e6},
    {"a": "r2", "b": "r1", "rate_bps": 2e9}],
  "migration_power_w": 0.5,
  "vehicles": [
    {"id": "v0", "x_m": 300, "y_m": 0, "tx_power_w": 0.2, "cpu_hz": 5e8, "energy_coeff": 2e-26},
    {"id": "v1", "x_m": 300, "y_m": 0, "tx_power_w": 0.2, "cpu_hz": 5e8, "energy_coeff": 2e-26, "local_wait_s": 0.25, "gain": {"r0": 1.2e-9, "r2": 1e-12}},
    {"id": "v2", "x_m": 300, "y_m": 5000, "tx_power_w": 0.2, "cpu_hz": 5e8, "energy_coeff": 2e-26}],
  "tasks": [
    {"id": "t0", "vehicle": "v1", "cycles": 3e8, "data_bits": 2e6, "deadline_s": 0.5},
    {"id": "t1", "vehicle": "v0", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 1}]
}"#;

/// The same with cores to queue for: r1 has two, one of them busy.
fn queued() -> String {
    SMALL
        .replace("\"range_m\": 400, \"bandwidth_hz\": 1e8, \"cpu_hz\": 15e9, \"energy_coeff\": 3e-28, \"reserved_cpu_hz\": 1e9}",
            "\"range_m\": 400, \"bandwidth_hz\": 1e8, \"cpu_hz\": 15e9, \"energy_coeff\": 3e-28, \"cores\": 2, \"core_free_s\": [0, 1.5]}")
        .replace("\"antenna_height_m\": 10}", "\"antenna_height_m\": 10, \"uplink_rate_bps\": 1e8}, \"cloud\": {\"round_trip_s\": 0.2}")
        .replace("\"rate_bps\": 2e9}", "\"rate_bps\": 2e9, \"propagation_s\": 5e-6}")
}

#[test]
fn closed_form_a_slot_with_queues() {
    let NamedSlot { slot, .. } = decode(&queued());
    let queues = slot.queues.as_ref().expect("queues");
    assert_eq!(queues.core_start, [0, 1, 3, 4]);
    assert_eq!(queues.core_hz, [15e9, 7.5e9, 15e9]);
    assert_eq!(queues.present.core_free_s, [0.0, 0.0, 1.5, 0.0]);
    // 1 Mbit queued in both directions of the first link
    assert_eq!(queues.present.link_free_s, [1e-3, 1e-3, 0.0, 0.0]);
    assert!((slot.network.links()[2].propagation_s - 5e-6).abs() < 1e-18);
    assert_eq!(slot.cloud_round_trip_s, Some(0.2));
    let uplinks = slot.coverage.links.iter().map(|l| l.seconds_per_bit);
    assert!(uplinks.clone().count() > 1 && uplinks.clone().all(|s| (s - 1e-8).abs() < 1e-20));

    let json = decode(&queued()).to_json(&CHANNEL).to_string();
    let again = decode(&json);
    assert_eq!(again.slot.queues, slot.queues);
    assert_eq!(again.slot.network, slot.network);
    assert_eq!(again.slot.coverage.links, slot.coverage.links);
    assert_eq!(again.slot.cloud_round_trip_s, slot.cloud_round_trip_s);
}

/// The same with sessions: t0 moves from r0 to r1, t1 is down at r1 for a slot and a half.
fn with_sessions() -> String {
    SMALL
        .replace(", \"reserved_cpu_hz\": 1e9", "")
        .replace("\"tasks\": [", "\"sessions\": {\"state_bytes\": 1e6, \"dirty_bytes_per_s\": 5e6, \"stop_bytes\": 1e5}, \"tasks\": [")
        .replace("\"deadline_s\": 0.5}", "\"deadline_s\": 0.5, \"left\": 9, \"host\": \"r0\", \"moving_to\": \"r1\", \"moving_slots\": 2}")
        .replace("\"deadline_s\": 1}", "\"deadline_s\": 1, \"left\": 4, \"velocity_mps\": [-3, 0.5], \"interruption_s\": 0.05, \"host\": \"r1\", \"down_s\": 1.5}")
}

#[test]
fn regress_problems_of_queues_are_named() {
    let cases = [
        (
            "\"cores\": 2",
            "\"cores\": 0",
            "rsus[1].cores: must be between 1 and 4096, got 0",
        ),
        (
            "[0, 1.5]",
            "[0]",
            "rsus[1].core_free_s: must have one number per core, 2, got 1",
        ),
        (
            "[0, 1.5]",
            "[0, -1]",
            "rsus[1].core_free_s: must be >= 0, got -1",
        ),
        (
            "\"round_trip_s\": 0.2",
            "\"round_trip_s\": -1",
            "cloud.round_trip_s: must be >= 0, got -1",
        ),
        (
            "\"uplink_rate_bps\": 1e8",
            "\"uplink_rate_bps\": 0",
            "channel.uplink_rate_bps: must be > 0, got 0",
        ),
        (
            ", \"cores\": 2, \"core_free_s\": [0, 1.5]",
            "",
            "needs RSUs with cores",
        ),
    ];
    for (from, to, expected) in cases {
        let text = queued();
        assert!(text.contains(from), "{from}");
        let found = problems(&text.replacen(from, to, 1)).join("; ");
        assert!(found.contains(expected), "{found}");
    }
}

fn decode(text: &str) -> NamedSlot {
    Slot::from_json("slot.json", text).unwrap_or_else(|e| panic!("{e}"))
}

fn problems(text: &str) -> Vec<String> {
    match Slot::from_json("slot.json", text) {
        Ok(slot) => panic!("decodes: {slot:?}"),
        Err(Error::Invalid(problems)) => problems.0.iter().map(ToString::to_string).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn closed_form_a_small_slot() {
    let NamedSlot {
        slot,
        task_ids,
        vehicle_ids,
    } = decode(SMALL);
    assert_eq!(task_ids, ["t0", "t1"]);
    assert_eq!(vehicle_ids, ["v0", "v1", "v2"]);
    assert_eq!((slot.enforce_balance, slot.tau), (true, 0.05));
    assert_eq!(slot.tasks.vehicle, [1, 0]);
    assert_eq!(slot.vehicles.local_wait_s, [0.0, 0.25, 0.0]);
    assert_eq!(slot.rsus.reserved_cpu_hz, [0.0, 1e9, 0.0]);

    let rows = |v| {
        slot.coverage
            .of(v)
            .iter()
            .map(|link| link.rsu)
            .collect::<Vec<_>>()
    };
    assert_eq!(rows(0), [1, 0], "nearest first");
    assert_eq!(rows(1), [0, 2], "only those measured, whatever the range");
    assert_eq!(rows(2), [0_u32; 0]);
    // SNR = p h / sigma^2 = 0.2 W * 1.2e-9 / 10^-13.4 W
    let snr = 0.2 * 1.2e-9 / 10f64.powf(-13.4);
    let expected = 1.0 / (1e8 * (1.0 + snr).log2());
    assert!((slot.coverage.of(1)[0].seconds_per_bit / expected - 1.0).abs() < 1e-12);

    let far = slot.routes.find(0, 2).expect("two hops");
    assert_eq!((far.hops, far.seconds_per_bit), (2, 1e-9 + 0.5e-9));
    assert!((far.wait_s - 1e-3).abs() < 1e-15);
}

#[test]
fn closed_form_defaults() {
    let text = SMALL
        .replace(r#""load_balance": {"enforce": true, "tau": 0.05},"#, "")
        .replace(r#", "pathloss_db_at_1km": 128.1, "pathloss_db_per_decade": 37.6, "antenna_height_m": 10"#, "");
    let slot = decode(&text).slot;
    assert!(!slot.enforce_balance && slot.tau == f64::INFINITY);
    assert_eq!(slot.coverage.links, decode(SMALL).slot.coverage.links);
    let one_hop = decode(&SMALL.replace(r#""slot_s": 1.0,"#, r#""slot_s": 1.0, "max_hops": 1,"#));
    assert_eq!(one_hop.slot.routes.find(0, 2), None);
}

#[test]
fn property_json_decodes_to_the_same_slot() {
    let alone = r#"{"slot_s": 1, "objective": {"omega": 0}, "channel": {"noise_dbm": -104}, "migration_power_w": 0,
        "rsus": [{"id": "r", "x_m": 0, "y_m": 0, "range_m": 1, "bandwidth_hz": 1, "cpu_hz": 1, "energy_coeff": 0}],
        "vehicles": [], "tasks": []}"#;
    let one_hop = SMALL.replace(r#""slot_s": 1.0,"#, r#""slot_s": 1.0, "max_hops": 1,"#);
    for text in [SMALL, &one_hop, alone] {
        let first = decode(text);
        let json = first.to_json(&CHANNEL);
        let again = decode(&json.to_string());
        assert_eq!(first.task_ids, again.task_ids);
        assert_eq!(first.slot.routes.beyond, again.slot.routes.beyond);
        // rates are written as 1 / (1 / R) and gains as solved from (1): equal to rounding
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-12 * a.abs();
        for (a, b) in first
            .slot
            .routes
            .targets
            .iter()
            .zip(&again.slot.routes.targets)
        {
            assert_eq!((a.rsu, a.hops, a.previous), (b.rsu, b.hops, b.previous));
            assert!(near(a.seconds_per_bit, b.seconds_per_bit) && near(a.wait_s, b.wait_s));
        }
        for (a, b) in first
            .slot
            .coverage
            .links
            .iter()
            .zip(&again.slot.coverage.links)
        {
            assert!(a.rsu == b.rsu && near(a.seconds_per_bit, b.seconds_per_bit));
        }
        assert_eq!(first.slot.coverage.start, again.slot.coverage.start);
        assert_eq!(
            format!("{:?}", first.slot.vehicles),
            format!("{:?}", again.slot.vehicles)
        );
        assert_eq!(
            format!("{:?}", first.slot.tasks),
            format!("{:?}", again.slot.tasks)
        );
        assert_eq!(
            format!("{:?}", first.slot.rsus),
            format!("{:?}", again.slot.rsus)
        );
        assert_eq!(config::violation(&schema(), &json), None);
    }
    let gains = |v: usize| decode(SMALL).to_json(&CHANNEL)["vehicles"][v]["gain"].clone();
    assert!(gains(0).is_null() && gains(1).is_object() && gains(2).is_null());
}

#[test]
fn regress_every_problem_of_a_slot_is_named() {
    /// `(text replaced, its replacement, the problems expected)`.
    const BROKEN: &[(&str, &str, &[&str])] = &[
        (
            "\"slot_s\": 1.0,",
            "",
            &["slot.json: $.slot_s: missing, expected a number > 0: length of the slot [s]"],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slot_s\": 1.0, \"slot_s\": 2.0",
            &["slot.json: $.slot_s: the key is given twice"],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slot_s\": NaN",
            &["slot.json:2: malformed JSON: expected value (column 13)"],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slot_s\": 1e999",
            &["slot.json:2: malformed JSON: number out of range (column 17)"],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slot_s\": null",
            &["slot.json: $.slot_s: expected a number > 0, found null"],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slot_s\": \"1.0\"",
            &["slot.json: $.slot_s: expected a number > 0, found the text \"1.0\""],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slot_s\": 1e-40",
            &["slot.json: $.slot_s: must be at least 1e-30, got 1e-40"],
        ),
        (
            "\"slot_s\": 1.0",
            "\"slots\": 1.0",
            &[
                "slot.json: $.slot_s: missing, expected a number > 0: length of the slot [s]",
                "slot.json: $.slots: unknown key \"slots\", did you mean \"slot_s\"?",
            ],
        ),
        (
            "\"slot_s\": 1.0",
            "\"max_hops\": 18446744073709551615, \"slot_s\": 1",
            &["slot.json: $.max_hops: must be between 0 and 1000, got 18446744073709551615"],
        ),
        (
            "{\"omega\": 0.65}",
            "[0.65]",
            &["slot.json: $.objective: expected a section, found a list"],
        ),
        (
            "\"tau\": 0.05",
            "\"tau\": 0",
            &["slot.json: $.load_balance.tau: must be > 0, got 0"],
        ),
        (
            ", \"tau\": 0.05",
            "",
            &["slot.json: $.load_balance.tau: missing, expected a number > 0: the bound"],
        ),
        (
            "\"id\": \"r1\"",
            "\"id\": \"r0\"",
            &[
                "slot.json: $.links[0].b: unknown RSU \"r1\", did you mean \"r0\"?",
                "slot.json: $.links[1].b: unknown RSU \"r1\", did you mean \"r0\"?",
                "slot.json: $.rsus[1].id: \"r0\" is taken already",
            ],
        ),
        (
            "\"id\": \"t1\"",
            "\"id\": \"t0\"",
            &["slot.json: $.tasks[1].id: \"t0\" is taken already"],
        ),
        (
            "\"id\": \"v2\"",
            "\"id\": \"\"",
            &["slot.json: $.vehicles[2].id: must not be empty"],
        ),
        (
            "\"reserved_cpu_hz\": 1e9",
            "\"reserved_cpu_hz\": 16e9",
            &["slot.json: $.rsus[1].reserved_cpu_hz: must be <= cpu_hz"],
        ),
        (
            "\"id\": \"v2\"",
            "\"id\": 2",
            &["slot.json: $.vehicles[2].id: expected a text that is not empty, found the number 2"],
        ),
        (
            "\"vehicle\": \"v0\"",
            "\"vehicle\": \"w\"",
            &[
                "slot.json: $.tasks[1].vehicle: unknown vehicle \"w\", expected \"v0\", \"v1\" or \"v2\"",
            ],
        ),
        (
            "\"cycles\": 4e8",
            "\"cycles\": -4e8",
            &["slot.json: $.tasks[1].cycles: must be > 0, got -4e8"],
        ),
        (
            "\"cycles\": 4e8",
            "\"cycles\": 1e30",
            &["slot.json: $.tasks[1].cycles: must be <= 1e18, got 1e30"],
        ),
        (
            "\"cycles\": 4e8",
            "\"cyles\": 4e8",
            &[
                "slot.json: $.tasks[1].cycles: missing, expected a number > 0: cycles C_n",
                "slot.json: $.tasks[1].cyles: unknown key \"cyles\", did you mean \"cycles\"?",
            ],
        ),
        (
            "\"gain\": {\"r0\": 1.2e-9",
            "\"gain\": {\"r7\": 1.2e-9",
            &["slot.json: $.vehicles[1].gain.r7: unknown RSU \"r7\", did you mean \"r0\"?"],
        ),
        (
            "\"gain\": {\"r0\": 1.2e-9",
            "\"gain\": {\"r2\": 1.2e-9",
            &["slot.json: $.vehicles[1].gain.r2: the key is given twice"],
        ),
        (
            "\"gain\": {\"r0\": 1.2e-9",
            "\"gain\": {\"r0\": 0",
            &["slot.json: $.vehicles[1].gain: r0: must be > 0, got 0"],
        ),
        (
            "\"gain\": {\"r0\": 1.2e-9, \"r2\": 1e-12}",
            "\"gain\": [1e-9]",
            &["slot.json: $.vehicles[1].gain: expected for each name a number > 0, found a list"],
        ),
        (
            "\"b\": \"r1\", \"rate_bps\": 2e9",
            "\"b\": \"r2\", \"rate_bps\": 2e9",
            &["slot.json: $.links[1].b: links \"r2\" with itself"],
        ),
        (
            "\"a\": \"r2\"",
            "\"a\": \"r0\"",
            &["slot.json: $.links[1].b: links \"r0\" and \"r1\" a second time"],
        ),
        (
            "\"rate_bps\": 2e9",
            "\"rate_bps\": 0",
            &["slot.json: $.links[1].rate_bps: must be > 0, got 0"],
        ),
        (
            "\"range_m\": 400",
            "\"range_m\": 1e300",
            &["slot.json: $.rsus[0].range_m: must be <= 1e7, got 1e300"],
        ),
        (
            "\"tasks\": [",
            "\"tasks\": 3, \"more\": [",
            &[
                "slot.json: $.more: unknown key \"more\", expected \"slot_s\", \"objective\", \"load_balance\", \"channel\", \"cloud\", \"rsus\", \"migration_power_w\", \"links\", \"max_hops\", \"vehicles\", \"tasks\" or \"sessions\"",
                "slot.json: $.tasks: expected a list of sections, found the number 3",
            ],
        ),
        (
            "\"tasks\": [",
            "\"tasks\": [7, ",
            &["slot.json: $.tasks[0]: expected a section, found the number 7"],
        ),
        (
            "\"channel\": {\"noise_dbm\": -104,",
            "\"channel\": {",
            &[
                "slot.json: $.channel.noise_dbm: missing, expected a number between -300 and 100: noise power sigma^2 in the whole band [dBm]",
            ],
        ),
        (
            "\"deadline_s\": 1}]",
            "\"deadline_s\": 1}]}",
            &["slot.json:19: malformed JSON: trailing characters (column 1)"],
        ),
        (
            "\"deadline_s\": 1}]",
            "\"deadline_s\": 1}",
            &["slot.json:19: malformed JSON: expected `,` or `]` (column 1)"],
        ),
    ];
    for (from, to, expected) in BROKEN {
        assert!(SMALL.contains(from), "{from}");
        assert_eq!(problems(&SMALL.replacen(from, to, 1)), *expected, "{to}");
    }
    let two = SMALL.replace("1.2e-9", "-1").replace("0.65", "65");
    assert_eq!(
        problems(&two),
        [
            "slot.json: $.objective.omega: must be <= 1, got 65",
            "slot.json: $.vehicles[1].gain: r0: must be > 0, got -1",
        ]
    );
}

#[test]
fn regress_texts_that_are_no_slot() {
    const BROKEN: &[(&str, &[&str])] = &[
        (
            "",
            &["slot.json:1: malformed JSON: EOF while parsing a value (column 0)"],
        ),
        (
            "3",
            &["slot.json: $: expected a section, found the number 3"],
        ),
        ("[]", &["slot.json: $: expected a section, found a list"]),
        (
            "{}",
            &[
                "slot.json: $.channel: missing, expected a section with noise_dbm",
                "slot.json: $.migration_power_w: missing, expected a number >= 0: power p_optical of a fibre interface [W]",
                "slot.json: $.objective: missing, expected a section with omega",
                "slot.json: $.rsus: missing, expected a list: The RSUs",
                "slot.json: $.slot_s: missing, expected a number > 0: length of the slot [s]",
                "slot.json: $.tasks: missing, expected a list: The tasks to place",
                "slot.json: $.vehicles: missing, expected a list: The vehicles",
            ],
        ),
        (
            "{\"rsus\": []}",
            &[
                "slot.json: $.channel: missing, expected a section with noise_dbm",
                "slot.json: $.migration_power_w: missing, expected a number >= 0: power p_optical of a fibre interface [W]",
                "slot.json: $.objective: missing, expected a section with omega",
                "slot.json: $.rsus: must have at least one entry",
                "slot.json: $.slot_s: missing, expected a number > 0: length of the slot [s]",
                "slot.json: $.tasks: missing, expected a list: The tasks to place",
                "slot.json: $.vehicles: missing, expected a list: The vehicles",
            ],
        ),
        (
            "\u{feff}[]",
            &["slot.json: $: expected a section, found a list"],
        ),
    ];
    for (text, expected) in BROKEN {
        assert_eq!(problems(text), *expected, "{text}");
    }
    for open in ["[", "{\"a\":"] {
        let found = &problems(&open.repeat(100_000))[0];
        assert!(found.contains("recursion limit exceeded"), "{found}");
    }
}

#[test]
fn property_no_text_makes_the_decoder_panic() {
    let mut random = Streams::new(2).stream("mutations");
    for _ in 0..3000 {
        let whole = [SMALL.to_owned(), with_sessions()];
        let text = config::mutate(&whole[random.below(2)], |n| random.below(n));
        if let Ok(slot) = Slot::from_json("", &text) {
            let json = slot.to_json(&CHANNEL).to_string();
            let again = Slot::from_json("", &json).map(|again| again.vehicle_ids);
            assert_eq!(again.ok(), Some(slot.vehicle_ids), "{json}");
        }
    }
}
