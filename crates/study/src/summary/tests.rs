use super::*;
use crate::synthetic;

fn slot(tasks: u32, objective: f64, lower_bound: Option<f64>) -> SlotRecord {
    SlotRecord {
        tasks,
        objective,
        lower_bound,
        delay_s: 2.0 * objective,
        deadline_met: tasks / 2,
        lbm: 0.1 * objective,
        violated: objective > 2.0,
        decision_time_s: objective,
        ..SlotRecord::default()
    }
}

fn run(policy: &str, slots: Vec<SlotRecord>) -> PolicyRun {
    PolicyRun {
        policy: policy.into(),
        slots,
        ..PolicyRun::default()
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-12
}

#[test]
fn closed_form_one_run() {
    let slots = vec![
        slot(1, 1.0, Some(1.0)),
        slot(0, 99.0, None),
        slot(3, 3.0, Some(2.0)),
    ];
    let replications = [Replication {
        seed: 7,
        policies: vec![run("p", slots)],
        ..Replication::default()
    }];
    let summary = Summary::new("s", &replications, true);
    assert_eq!(
        (summary.seeds.as_slice(), summary.slots),
        ([7].as_slice(), 3)
    );
    let p = &summary.policies[0];
    let mean = |m: Option<Metric>| m.unwrap().mean;
    assert!(close(mean(p.objective), 10.0 / 4.0));
    assert!(close(mean(p.lower_bound), 7.0 / 4.0));
    assert!(close(mean(p.total_delay_s), 20.0));
    assert!(close(mean(p.deadline_met), 1.0 / 4.0));
    assert!(close(mean(p.lbm), 0.2) && close(mean(p.lbm_violations), 0.5));
    let gap = p.gap.unwrap();
    assert!(close(gap.mean, 3.0 / 7.0) && close(gap.min, 0.0) && close(gap.max, 0.5));
    assert_eq!(
        (p.objective.unwrap().ci95, gap.ci95, p.difference),
        (None, None, None)
    );
    assert_eq!((p.on_time, p.lost, p.delay_p50_s), (None, None, None));
    assert!(close(summary.timing_of("p").unwrap().p50, 3.0));
}

#[test]
fn closed_form_differences_over_two_seeds() {
    let replication = |seed, first, second| Replication {
        seed,
        policies: vec![
            run("a", vec![slot(2, first, None)]),
            run("b", vec![slot(2, second, None)]),
        ],
        ..Replication::default()
    };
    let summary = Summary::new(
        "s",
        &[replication(0, 1.0, 2.0), replication(1, 3.0, 5.0)],
        false,
    );
    let [a, b] = summary.policies.as_slice() else {
        panic!("two policies")
    };
    assert_eq!((a.difference, a.gap, a.lower_bound), (None, None, None));
    let difference = b.difference.unwrap();
    let [lo, hi] = difference.ci95.unwrap();
    // Differences 1 and 2: half width 12.706 sqrt(0.5 / 2).
    assert!(close(difference.mean, 1.5) && (hi - lo - 12.706_205).abs() < 1e-5);
    assert!(close(b.delay_s.unwrap().difference.unwrap().mean, 3.0));
    assert_eq!(summary.timing, None);
}

#[test]
fn property_without_tasks_everything_is_null() {
    let replications = [Replication {
        seed: 0,
        policies: vec![run("idle", vec![slot(0, 0.0, None)])],
        ..Replication::default()
    }];
    let summary = Summary::new("s", &replications, false);
    assert!(
        summary.policies[0]
            .metrics()
            .iter()
            .all(|(_, m)| m.is_none())
    );
    assert_eq!(Summary::new("s", &[], true).policies, []);
}

#[test]
fn property_schema_names_every_metric() {
    let schema = schema();
    let policy = &schema["$defs"]["PolicySummary"]["properties"];
    for (name, _) in synthetic::summary().policies[0].metrics() {
        assert!(policy[name]["description"].is_string(), "{name}");
    }
}

#[test]
fn property_json_survives_a_round_trip_and_keeps_the_names() {
    let summary = synthetic::summary();
    let text = serde_json::to_string(&summary).unwrap();
    assert_eq!(serde_json::from_str::<Summary>(&text).unwrap(), summary);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let price = &value["policies"][0];
    assert!(price["objective"]["mean"].is_f64() && price["gap"]["max"].is_f64());
    assert!(price["on_time"].is_null() && price["difference"].is_null());
    assert!(value["timing"][0]["decision_time_s"]["p99"].is_f64());
}
