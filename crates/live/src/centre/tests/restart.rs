//! Journals, restarts and reloads.

use super::*;
use std::collections::BTreeMap;

/// Draws numbers below a limit.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % below
}

/// Whatever happens, the journal has it: a restart at any moment leads to the same state, and what is held is what open tasks hold.
#[test]
fn property_the_journal_is_the_state() {
    for (name, by) in [("wang2025", "price"), ("lin2025", "mcatm")] {
        let mut site = Site::new(name, &[("serve.batch_ms", "5")], by);
        let rows = site.centre.world().rsus.len();
        let ids: Vec<String> = (0..8).map(|i| format!("v{i}")).collect();
        let (mut random, mut now_s) = (7, 0.0);
        for _ in 0..400 {
            now_s += 0.01 * draw(&mut random, 30) as f64;
            site.advance(now_s);
            let id = &ids[draw(&mut random, 8) as usize];
            let present = site
                .centre
                .state(now_s)
                .vehicles
                .iter()
                .any(|v| v.id == *id);
            match draw(&mut random, 6) {
                0 | 1 => site.vehicle(now_s, id, draw(&mut random, rows as u64) as usize),
                2 if present => {
                    let key = format!("{now_s}");
                    site.submit(now_s, &[id], Some(&key));
                    site.decide(now_s + 0.005);
                    now_s += 0.005;
                }
                3 => {
                    let open = site.centre.state(now_s).tasks;
                    if !open.is_empty() {
                        let which = draw(&mut random, open.len() as u64) as usize;
                        site.end(&open[which].id);
                    }
                }
                4 if present => {
                    let changes = site.centre.leave(id).unwrap();
                    site.write(changes);
                }
                _ => {
                    let row = draw(&mut random, rows as u64) as usize;
                    let rsu = site.centre.world().rsus.id[row].clone();
                    let report = RsuReport {
                        queue: Some(3.0),
                        ..RsuReport::default()
                    };
                    let changes = site.centre.report(now_s, &rsu, report).unwrap();
                    site.write(changes);
                }
            }
            let state = site.centre.state(now_s);
            let again = site.restarted(now_s).state(now_s);
            if site.centre.world().queues.is_none() {
                assert_eq!(again, state);
                holds_what_tasks_hold(&state);
            } else {
                // tasks that have an outcome keep their cores in the twin that goes on
                assert_eq!((again.vehicles, again.tasks), (state.vehicles, state.tasks));
            }
            let afresh: BTreeMap<_, _> = site
                .centre
                .saved()
                .into_iter()
                .map(|c| (c.key, c.value.unwrap()))
                .collect();
            let mut journal = site.journal.clone();
            leave_out_ended(&mut journal, now_s);
            journal
                .entry("next".into())
                .or_insert_with(|| b"0".to_vec());
            let Change { key, value } = site.centre.surroundings();
            journal.insert(key, value.unwrap());
            assert_eq!(in_words(&afresh), in_words(&journal));
        }
        site.advance(now_s + 1e4);
        assert!(site.held_hz().to_bits() == 0 || site.centre.world().queues.is_some());
    }
}

/// Leaves out tasks whose lease is over: the journal keeps them until all of their record are.
fn leave_out_ended(journal: &mut Saved, now_s: f64) {
    for (key, value) in journal {
        if key.starts_with(TASKS) {
            let mut tasks: Vec<(u64, Open)> = serde_json::from_slice(value).unwrap();
            tasks.retain(|(_, open)| open.lease_end_s > now_s);
            *value = serde_json::to_vec(&tasks).unwrap();
        }
    }
}

/// A journal that can be read where it is not what it should be.
fn in_words(journal: &Saved) -> BTreeMap<&str, std::borrow::Cow<'_, str>> {
    let words = journal
        .iter()
        .map(|(key, value)| (key.as_str(), String::from_utf8_lossy(value)));
    words.collect()
}

fn holds_what_tasks_hold(state: &State) {
    for rsu in &state.rsus {
        let shares = state
            .tasks
            .iter()
            .filter(|t| t.execution.as_ref() == Some(&rsu.id));
        let sum: f64 = shares.map(|t| t.cpu_hz).sum();
        assert!(
            (sum - rsu.held_cpu_hz).abs() <= 1e-3 * (1 + state.tasks.len()) as f64,
            "{rsu:?}"
        );
        assert!(rsu.held_cpu_hz <= rsu.cpu_hz * (1.0 + 1e-9));
    }
}

#[test]
fn property_a_journal_that_fails_is_undone() {
    let mut site = Site::new("wang2025", &[], "price");
    site.vehicle(0.0, "car", 0);
    let before = site.centre.state(1.0);
    site.submit(0.0, &["car"], Some("k"));
    let (batch, _) = site.centre.batch(0.5, 0.5);
    let batch = batch.unwrap();
    let report = site.mind.decide(&batch).unwrap();
    let decided = site.centre.decided(0.5, batch, report);
    assert_ne!(site.centre.state(1.0), before);
    site.centre.undo(&decided.tasks, &decided.keys);
    assert_eq!(site.centre.state(1.0), before);
    assert!(matches!(
        site.submit(1.0, &["car"], Some("k")),
        Submitted::Waits(_)
    ));
}

#[test]
fn closed_form_a_reload_keeps_what_is_held() {
    let mut site = Site::new("wang2025-unbalanced", &DELAY_ALONE, "nearest");
    site.vehicle(0.0, "car", 3);
    site.submit(0.0, &["car"], None);
    site.decide(0.01);
    let held_hz = site.held_hz();
    let more = world(
        "wang2025-unbalanced",
        &[("rsu.3.cpu_hz", "9e10"), ("serve.batch_max", "7")],
    );
    site.centre.reload(more, 1.0).unwrap();
    assert_eq!(site.held_hz().to_bits(), held_hz.to_bits());
    assert!(site.centre.reload(world("highway", &[]), 1.0).is_err());
    assert_eq!(site.held_hz().to_bits(), held_hz.to_bits());
    site.end("t0");
    assert_eq!(site.held_hz().to_bits(), 0);
}

/// What `--set` says.
type Set<'a> = &'a [(&'a str, &'a str)];

/// A scenario may be edited, and the same journal be used, or the same centre go on, but not in another system.
#[test]
fn property_what_is_held_must_fit_the_scenario() {
    const NAME: &str = "wang2025-unbalanced";
    let gone = [(
        "rsu",
        "[{ id = \"elsewhere\", x_m = 1, y_m = 1, range_m = 500, bandwidth_hz = 1e8, cpu_hz = 15e9, energy_coeff = 3e-28 }]",
    )];
    let fits: [(&str, Set<'_>); 4] = [
        (NAME, &[]),
        (NAME, &[("objective.omega", "0.5"), ("fleet.size", "7")]),
        (
            NAME,
            &[("rsu.3.cpu_hz", "9e10"), ("backhaul.rate_bps", "2e9")],
        ),
        // nothing is held at this one
        (NAME, &[("rsu.0.x_m", "1")]),
    ];
    let differs: [(&str, Set<'_>, &[&str]); 4] = [
        (NAME, &[("rsu.3.x_m", "1")], &["rsu r3: stands at (1, "]),
        (
            NAME,
            &gone,
            &["rsu: has none of those that tasks or reports name: r3"],
        ),
        ("lin2025", &[], &["execution.kind: tasks queue for cores"]),
        ("city-grid", &[], &["\"city-grid\""]),
    ];
    let ways = [true, false];
    for (is_restart, (name, set)) in ways
        .into_iter()
        .flat_map(|way| fits.map(|case| (way, case)))
    {
        assert_eq!(
            moved(NAME, name, set, is_restart, true),
            "",
            "{name} {set:?}"
        );
    }
    for (is_restart, (name, set, texts)) in ways
        .into_iter()
        .flat_map(|way| differs.map(|case| (way, case)))
    {
        let error = moved(NAME, name, set, is_restart, true);
        for text in texts.iter().chain(&["another folder (--state)", NAME]) {
            assert!(error.contains(text), "{name} {set:?}: {error}");
        }
        // where nothing is held any scenario will do
        assert_eq!(moved(NAME, name, set, is_restart, false), "");
    }
}

/// The error of going on in another scenario, after a restart or by a reload, with or without an open task at the fourth RSU.
fn moved(from: &str, to: &str, set: &[(&str, &str)], is_restart: bool, holds: bool) -> String {
    let mut site = Site::new(from, &DELAY_ALONE, "nearest");
    site.write(vec![site.centre.surroundings()]);
    site.vehicle(0.0, "car", 3);
    if holds {
        site.submit(0.0, &["car"], None);
        site.decide(0.01);
    }
    let there = world(to, set);
    let before = site.centre.state(1.0);
    let gone_on = if is_restart {
        let mut centre = Centre::new(there, 1.0).unwrap();
        centre.restore(&site.journal, 1.0)
    } else {
        site.centre.reload(there, 1.0)
    };
    if !is_restart && gone_on.is_err() {
        assert_eq!(site.centre.state(1.0), before);
    }
    gone_on
        .err()
        .map_or_else(String::new, |error| error.to_string())
}

/// Edits of what clients send, and of what a journal holds: an error or a value, and never a panic.
#[test]
fn property_edited_bodies_and_journals_do_no_harm() {
    let bodies = [
        r#"{"x_m": 1.5, "y_m": -2, "speed_mps": 3, "cpu_hz": 5e8, "tx_power_w": 0.2, "energy_coeff": 2e-26}"#,
        r#"{"lon": 11.5, "lat": 48.1, "cpu_hz": 5e8}"#,
        r#"{"device": {"networkAccessIdentifier": "car"}, "applicationProfileId": "p"}"#,
        r#"{"tasks": [{"vehicle": "car", "cycles": 4e8, "data_bits": 2e6, "deadline_s": 0.7}]}"#,
        r#"{"delay_parts_s": {"upload": 0.1, "migration": 0, "compute": 0.2}}"#,
        r#"{"free_cpu_hz": 1e9, "queue": 2, "link_backlog_bits": {"r1": 1e6}}"#,
    ];
    let mut random = 11;
    for _ in 0..20_000 {
        let body = bodies[draw(&mut random, bodies.len() as u64) as usize];
        crate::fuzzing::bodies(&edited(body, &mut random));
    }
    for (name, by) in [("wang2025", "price"), ("lin2025", "mcatm")] {
        let mut site = Site::new(name, &[], by);
        site.vehicle(0.0, "car", 0);
        site.submit(0.0, &["car", "car"], Some("k"));
        site.decide(0.02);
        let rsu = site.centre.world().rsus.id[0].clone();
        let report = site.centre.report(0.03, &rsu, RsuReport::default());
        site.write(report.unwrap());
        let keys: Vec<_> = site.journal.keys().cloned().collect();
        for _ in 0..2_000 {
            let mut journal = site.journal.clone();
            let key = &keys[draw(&mut random, keys.len() as u64) as usize];
            let text = String::from_utf8(journal[key].clone()).unwrap();
            journal.insert(key.clone(), edited(&text, &mut random).into_bytes());
            let mut centre = Centre::new(Arc::clone(site.centre.world()), 1.0).unwrap();
            if centre.restore(&journal, 1.0).is_ok() {
                let _ = centre.probe(1.0, "car");
                centre.advance(1e5);
                centre.state(1e5);
            }
        }
    }
}

#[test]
fn regress_a_task_of_another_number_is_not_dropped_in_silence() {
    let mut site = Site::new("wang2025", &[], "price");
    site.vehicle(0.0, "car", 0);
    site.submit(0.0, &["car"], None);
    site.decide(0.02);
    let key = format!("{TASKS}{}", key_of(0));
    let record = String::from_utf8(site.journal[&key].clone()).unwrap();
    let twice = format!("[{0}, {0}]", &record[1..record.len() - 1]);
    for (key, record, expected) in [
        (
            "tasks/one",
            &record,
            "tasks/one: task 0 is in the wrong record",
        ),
        (
            &key,
            &record.replace("[[0,", "[[99,"),
            "task 99 is in the wrong record",
        ),
        (&key, &twice, "task 0 is there twice"),
    ] {
        let mut journal = site.journal.clone();
        journal.insert(key.to_owned(), record.as_bytes().to_vec());
        let mut centre = Centre::new(Arc::clone(site.centre.world()), 1.0).unwrap();
        let error = centre.restore(&journal, 1.0).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

/// `text` with a few of its characters exchanged, left out or doubled.
fn edited(text: &str, random: &mut u64) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=draw(random, 3) {
        let at = draw(random, bytes.len() as u64) as usize;
        match draw(random, 3) {
            0 => bytes[at] = b"0123456789-+eE.\"{}[],:null x"[draw(random, 28) as usize],
            1 => _ = bytes.remove(at),
            _ => bytes.insert(at, bytes[at]),
        }
        if bytes.is_empty() {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
