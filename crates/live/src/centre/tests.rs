//! The centre with a clock of our own.

use super::requests::{
    Outcome, Parts, RsuReport, Task, Vehicle, read_outcome, read_tasks, read_vehicle,
};
use super::*;
use crate::mind::Mind;
use wayside_core::engine::{PolicyRegistry, SharedFactory};
use wayside_core::{Error, Scenario, Slot};
use wayside_study::decision;

mod degrees;
mod releases;
mod restart;

/// A centre with a policy, and the journal as a map.
struct Site {
    centre: Centre,
    mind: Mind,
    journal: Saved,
}

/// Energy counts for nothing, so a lone task gets all of the CPU.
const DELAY_ALONE: [(&str, &str); 1] = [("objective.omega", "1")];

fn world(name: &str, set: &[(&str, &str)]) -> Arc<World> {
    let set: Vec<_> = set
        .iter()
        .map(|(key, value)| ((*key).into(), (*value).into()))
        .collect();
    Arc::new(World::new(&Scenario::builtin(name, &set).unwrap()).unwrap())
}

fn policy(name: &str) -> SharedFactory {
    PolicyRegistry::analytic().resolve(name, None).unwrap()
}

impl Site {
    fn new(name: &str, set: &[(&str, &str)], by: &str) -> Self {
        let world = world(name, set);
        Self {
            mind: Mind::new(&policy(by), 0, &world).unwrap(),
            centre: Centre::new(world, 0.0).unwrap(),
            journal: Saved::new(),
        }
    }

    fn write(&mut self, changes: Vec<Change>) {
        for Change { key, value } in changes {
            match value {
                Some(value) => self.journal.insert(key, value),
                None => self.journal.remove(&key),
            };
        }
    }

    /// A vehicle beside the RSU of that row.
    fn vehicle(&mut self, now_s: f64, id: &str, row: usize) {
        let rsus = &self.centre.world().rsus;
        let vehicle = Vehicle {
            x_m: rsus.x_m[row] + 10.0,
            y_m: rsus.y_m[row],
            ..Vehicle::default()
        };
        let changes = self.centre.vehicle(now_s, id.to_owned(), vehicle).unwrap();
        self.write(changes);
    }

    fn submit(&mut self, now_s: f64, vehicles: &[&str], key: Option<&str>) -> Submitted {
        let tasks = vehicles.iter().map(|vehicle| task(vehicle)).collect();
        let key = key.map(|name| Key {
            name: name.to_owned(),
            hash: vehicles.concat(),
        });
        self.centre.submit(now_s, tasks, key).unwrap()
    }

    /// Decides the batch that is due; the placed tasks of all its submissions.
    fn decide(&mut self, now_s: f64) -> Vec<Placed> {
        let (batch, refused) = self.centre.batch(now_s, now_s);
        assert!(refused.is_empty());
        let batch = batch.expect("a batch is due");
        let report = self.mind.decide(&batch).unwrap();
        let decided = self.centre.decided(now_s, batch, report);
        self.write(decided.changes);
        decided
            .answers
            .into_iter()
            .flat_map(|(_, answer)| answer.tasks)
            .collect()
    }

    fn advance(&mut self, now_s: f64) {
        let changes = self.centre.advance(now_s);
        self.write(changes);
    }

    fn end(&mut self, id: &str) -> Ended {
        let outcome = Outcome {
            parts: Some(Parts {
                compute: 0.25,
                ..Parts::default()
            }),
            lost: None,
        };
        let (ended, changes) = self.centre.outcome(id, &outcome).unwrap();
        self.write(changes);
        ended
    }

    /// A centre that begins with the journal of this one.
    fn restarted(&self, now_s: f64) -> Centre {
        let mut centre = Centre::new(Arc::clone(self.centre.world()), now_s).unwrap();
        centre.restore(&self.journal, now_s).unwrap();
        centre
    }

    fn held_hz(&self) -> f64 {
        self.centre
            .state(0.0)
            .rsus
            .iter()
            .map(|rsu| rsu.held_cpu_hz)
            .sum()
    }
}

fn task(vehicle: &str) -> Task {
    Task {
        vehicle: vehicle.to_owned(),
        cycles: 1e9,
        data_bits: 1e6,
        deadline_s: 1.0,
    }
}

/// A lone task gets the whole CPU of its RSU, for as long as nobody reports its outcome.
#[test]
fn closed_form_a_lone_task_holds_its_rsu_until_its_outcome() {
    let mut site = Site::new("wang2025-unbalanced", &DELAY_ALONE, "nearest");
    site.vehicle(0.0, "car", 3);
    site.vehicle(0.0, "bus", 3);
    let cpu_hz = site.centre.world().rsus.cpu_hz[3];
    site.submit(0.0, &["car"], None);
    let [first] = site.decide(0.01).try_into().unwrap();
    assert_eq!(first.id, "t0");
    assert_eq!(
        first.placement.execution.as_deref(),
        Some(site.centre.world().rsus.id[3].as_str())
    );
    assert!((first.placement.cpu_hz / cpu_hz - 1.0).abs() < 1e-9);
    assert!((first.placement.delay_parts_s.compute - 1e9 / cpu_hz).abs() < 1e-12);
    assert!((site.held_hz() / cpu_hz - 1.0).abs() < 1e-9);

    // nothing is left for another
    site.submit(0.02, &["bus"], None);
    let [second] = site.decide(0.03).try_into().unwrap();
    assert_eq!(second.placement.mode, Mode::Local);

    let ended = site.end("t0");
    assert_eq!(ended.measured_s, Some(0.25));
    assert_eq!(
        ended.predicted_s.to_bits(),
        first.placement.delay_s.to_bits()
    );
    assert_eq!(site.held_hz().to_bits(), 0.0_f64.to_bits());
    assert!(matches!(
        site.centre.outcome("t0", &Outcome::default()),
        Err(Refusal::Ended(_))
    ));
    assert!(matches!(
        site.centre.outcome("t7", &Outcome::default()),
        Err(Refusal::Unknown(_))
    ));
    assert!(matches!(
        site.centre.outcome("t00", &Outcome::default()),
        Err(Refusal::Unknown(_))
    ));

    // the bus still computes its own
    site.submit(0.04, &["bus"], None);
    let [third] = site.decide(0.06).try_into().unwrap();
    assert_eq!(third.placement.mode, Mode::Rsu);
    let slot = site.centre.batch(9.0, 9.0).0;
    assert!(slot.is_none());
    site.submit(0.07, &["bus"], None);
    let (batch, _) = site.centre.batch(0.09, 0.09);
    let wait_s = batch.unwrap().slot.slot.vehicles.local_wait_s[0];
    assert!((wait_s - (0.03 + second.placement.delay_s - 0.09)).abs() < 1e-9);
}

#[test]
fn closed_form_windows_leases_and_times_to_live() {
    let set = [
        ("serve.batch_ms", "20"),
        ("serve.batch_max", "3"),
        ("serve.lease_s", "5"),
        ("serve.vehicle_ttl_s", "60"),
    ];
    let mut site = Site::new("wang2025", &set, "price");
    site.vehicle(0.0, "car", 0);
    assert_eq!(site.centre.next_s(), Some(60.0));
    site.submit(1.0, &["car"], None);
    assert_eq!(site.centre.next_s(), Some(1.02));
    assert!(site.centre.batch(1.019, 1.019).0.is_none());
    // as many as a batch takes do not wait
    site.submit(1.001, &["car", "car"], None);
    assert_eq!(site.centre.next_s(), Some(1.0));
    // what comes later waits for the next one
    site.submit(1.002, &["car"], None);
    let placed = site.decide(1.002);
    assert_eq!(
        placed.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(),
        ["t0", "t1", "t2"]
    );
    assert!(site.centre.batch(1.021, 1.021).0.is_none());
    assert_eq!(site.decide(1.022)[0].id, "t3");

    let first = placed
        .iter()
        .map(|p| p.lease_s)
        .fold(f64::INFINITY, f64::min);
    assert!(
        (first
            - 5.0
            - placed
                .iter()
                .map(|p| p.placement.delay_s)
                .fold(f64::INFINITY, f64::min))
        .abs()
            < 1e-12
    );
    let next_s = site.centre.next_s().unwrap();
    assert!((next_s - 1.002 - first).abs() < 1e-9);
    site.advance(next_s - 1e-6);
    assert_eq!(site.centre.counts(), [1, 4, 0]);
    site.advance(20.0);
    assert_eq!(site.centre.counts(), [1, 0, 0]);
    assert_eq!((site.centre.leases_ended, site.held_hz().to_bits()), (4, 0));
    site.advance(60.0);
    assert_eq!(site.centre.counts(), [0, 0, 0]);
    // one key is left: the number of the next task
    assert_eq!(site.journal.keys().collect::<Vec<_>>(), ["next"]);
}

#[test]
fn property_one_batch_at_a_time() {
    let mut site = Site::new("wang2025", &[("serve.batch_ms", "0")], "price");
    site.vehicle(0.0, "car", 0);
    site.submit(0.0, &["car"], None);
    let (batch, _) = site.centre.batch(0.0, 0.0);
    site.submit(0.0, &["car"], None);
    assert!(site.centre.batch(5.0, 5.0).0.is_none());
    let batch = batch.unwrap();
    let report = site.mind.decide(&batch).unwrap();
    site.centre.decided(5.0, batch, report);
    assert!(site.centre.batch(5.0, 5.0).0.is_some());
}

#[test]
fn closed_form_repeats_with_a_key() {
    let mut site = Site::new("wang2025", &[], "price");
    site.vehicle(0.0, "car", 0);
    let first = site.submit(0.0, &["car"], Some("k"));
    // while it waits, a repeat waits with it
    assert_eq!(site.submit(0.001, &["car"], Some("k")), first);
    let placed = site.decide(0.01);
    assert_eq!(placed.len(), 1);
    let Submitted::Known(again) = site.submit(1.0, &["car"], Some("k")) else {
        panic!("it is known")
    };
    assert_eq!(again.tasks, placed);
    let other = Key {
        name: "k".into(),
        hash: "other".into(),
    };
    let refused = site.centre.submit(1.0, vec![task("car")], Some(other));
    assert!(matches!(refused, Err(Refusal::Conflict(_))));
    // a restart forgets no key; time does
    let mut centre = site.restarted(2.0);
    let key = Key {
        name: "k".into(),
        hash: "car".into(),
    };
    let known = centre.submit(2.0, vec![task("car")], Some(key.clone()));
    assert_eq!(known, Ok(Submitted::Known(again)));
    centre.advance(700.0);
    centre
        .vehicle(700.0, "car".into(), Vehicle::default())
        .unwrap();
    assert!(matches!(
        centre.submit(700.0, vec![task("car")], Some(key)),
        Ok(Submitted::Waits(_))
    ));
}

#[test]
fn regress_what_is_refused() {
    let set = [
        ("serve.vehicles_max", "2"),
        ("serve.queue_max", "3"),
        ("serve.batch_max", "2"),
    ];
    let mut site = Site::new("wang2025", &set, "price");
    site.vehicle(0.0, "car", 0);
    site.vehicle(0.0, "bus", 0);
    let third = site.centre.vehicle(0.0, "van".into(), Vehicle::default());
    assert_eq!(third, Err(Refusal::TooMuch("too many vehicles")));
    let long = site
        .centre
        .vehicle(0.0, "x".repeat(129), Vehicle::default());
    assert!(matches!(long, Err(Refusal::Input(_))));

    let Err(Refusal::Input(problems)) =
        site.centre
            .submit(0.0, vec![task("cra"), task("car"), task("nobody")], None)
    else {
        panic!("it is wrong")
    };
    let said: Vec<_> = problems
        .0
        .iter()
        .map(|p| (p.path.as_str(), p.message.as_str()))
        .collect();
    assert_eq!(said[0], ("$.tasks", "must have at most 2 entries, got 3"));
    assert_eq!(said[1].0, "$.tasks[0].vehicle");
    assert!(said[1].1.contains("did you mean \"car\""), "{said:?}");
    assert_eq!(said[2].0, "$.tasks[2].vehicle");

    site.submit(0.0, &["car", "bus"], None);
    site.submit(0.0, &["car"], None);
    let full = site.centre.submit(0.0, vec![task("car")], None);
    assert!(matches!(full, Err(Refusal::TooMuch(_))));
    // who goes before it is decided gets no placement, and does not take others along
    site.centre.leave("bus").unwrap();
    let (batch, refused) = site.centre.batch(1.0, 1.0);
    assert_eq!(batch.unwrap().slot.task_ids, ["t0"]);
    assert!(matches!(refused.as_slice(), [(0, Refusal::Conflict(_))]));
    assert!(matches!(site.centre.leave("bus"), Err(Refusal::Unknown(_))));
    assert!(matches!(
        site.centre.report(0.0, "nowhere", RsuReport::default()),
        Err(Refusal::Unknown(_))
    ));
}

#[test]
fn closed_form_reports_of_agents_count_where_they_are_worse() {
    let mut site = Site::new("wang2025-unbalanced", &DELAY_ALONE, "nearest");
    site.vehicle(0.0, "car", 3);
    let (id, cpu_hz) = {
        let rsus = &site.centre.world().rsus;
        (rsus.id[3].clone(), rsus.cpu_hz[3])
    };
    let free = |share: f64| RsuReport {
        free_cpu_hz: Some(share * cpu_hz),
        ..RsuReport::default()
    };
    assert!(site.centre.report(0.0, &id, free(2.0)).is_err());
    site.centre.report(0.0, &id, free(0.25)).unwrap();
    site.submit(0.0, &["car"], None);
    let placed = site.decide(0.01);
    assert!((placed[0].placement.cpu_hz / (0.25 * cpu_hz) - 1.0).abs() < 1e-9);
    // a report that is too old counts no more
    site.end("t0");
    site.vehicle(20.0, "car", 3);
    site.submit(20.0, &["car"], None);
    assert!((site.decide(20.01)[0].placement.cpu_hz / cpu_hz - 1.0).abs() < 1e-9);
}

/// What a batch shows its policy is a slot as of `decide`, which decides it alike.
#[test]
fn oracle_a_batch_is_a_slot_of_decide() {
    let mut site = Site::new("wang2025", &[], "price");
    let ids: Vec<String> = (0..40).map(|i| format!("v{i}")).collect();
    for (i, id) in ids.iter().enumerate() {
        site.vehicle(0.0, id, i % 11);
    }
    for round in 0..3 {
        let now_s = 0.1 * f64::from(round);
        for id in &ids {
            site.submit(now_s, &[id], None);
        }
        let (batch, _) = site.centre.batch(now_s + 0.05, now_s + 0.05);
        let batch = batch.unwrap();
        let channel = &site.centre.world().scenario.channel;
        let text = batch.slot.to_json(channel).to_string();
        let slot = Slot::from_json("slot", &text).unwrap();
        let options = &site.centre.world().scenario.policy;
        use wayside_core::engine::PolicyFactory as _;
        let fresh = policy("price").for_slot(&slot.slot, options).unwrap();
        let off = wayside_core::engine::BoundKind::Off;
        let oracle = decision::decide("slot", &slot, ("price", fresh), off).unwrap();
        let report = site.mind.decide(&batch).unwrap();
        let (a, b) = (report.objective.unwrap(), oracle.objective.unwrap());
        // prices that go on from batch to batch may end elsewhere within the policy's tolerance
        assert!((a - b).abs() <= 2e-3 * b, "{a} {b}");
        assert!(
            report.gap.is_some_and(|gap| (0.0..0.2).contains(&gap)),
            "{report:?}"
        );
        site.centre.decided(now_s + 0.05, batch, report);
    }
}

#[test]
fn closed_form_tasks_queue_for_cores() {
    let mut site = Site::new("lin2025", &[("execution.capability", "1")], "ratos");
    site.vehicle(0.0, "car", 0);
    for round in 0..4 {
        let now_s = f64::from(round);
        site.vehicle(now_s, "car", 0);
        site.submit(now_s, &["car"], None);
        let placed = site.decide(now_s + 0.01);
        assert_eq!(placed.len(), 1);
        if placed[0].placement.mode == Mode::Rsu {
            let during = now_s + 0.01 + placed[0].placement.delay_s - 1e-6;
            // the simulation that shows later batches the queues knows of it
            site.submit(during, &["car"], None);
            let (batch, _) = site.centre.batch(during + 0.01, during + 0.01);
            let batch = batch.unwrap();
            let report = site.mind.decide(&batch).unwrap();
            site.centre.decided(during + 0.01, batch, report);
        }
    }
    assert!(site.centre.state(5.0).lbm.is_none());
}

#[test]
fn regress_worlds_that_are_not_served() {
    let refused = |name: &str, set: &[_]| match Centre::new(world(name, set), 0.0).err() {
        Some(Error::Invalid(problems)) => {
            let paths = problems.0.iter().map(|problem| problem.path.clone());
            paths.collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("highway", &[]), ["execution.kind"]);
    let result = [("result.data_bytes", "1e4")];
    assert_eq!(refused("wang2025", &result), ["result"]);
    let radio = [("channel.model", "umi"), ("channel.fading", "rayleigh")];
    assert_eq!(
        refused("wang2025", &radio),
        ["channel.fading", "channel.model"]
    );
    let folder = tempfile::tempdir().unwrap();
    let table = folder.path().join("gains.csv");
    std::fs::write(&table, "time_s,vehicle,rsu,gain_db\n0,0,r0,-90\n").unwrap();
    let radio = [
        ("channel.model", "table"),
        ("channel.table", table.to_str().unwrap()),
    ];
    assert_eq!(
        refused("wang2025", &radio),
        ["channel.model", "channel.table"]
    );
    assert!(Centre::new(world("wang2025", &[("channel.carrier_hz", "2e9")]), 0.0).is_ok());
}

#[test]
fn regress_bodies_say_all_that_is_wrong() {
    let paths = |error: wayside_core::Result<()>| match error {
        Err(Error::Invalid(problems)) => problems
            .0
            .iter()
            .map(|p| p.path.clone())
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let vehicle = read_vehicle(r#"{"x_m": "far", "cpu_hz": 0, "colour": "red"}"#);
    assert_eq!(
        paths(vehicle.map(drop)),
        ["$.colour", "$.cpu_hz", "$.x_m", "$.y_m"]
    );
    let tasks = read_tasks(
        r#"{"tasks": [{"vehicle": "a", "cycles": 1, "data_bits": 1, "deadline_s": 1}, {"vehicle": ""}]}"#,
    );
    assert_eq!(
        paths(tasks.map(drop)),
        [
            "$.tasks[1].cycles",
            "$.tasks[1].data_bits",
            "$.tasks[1].deadline_s",
            "$.tasks[1].vehicle"
        ]
    );
    assert_eq!(paths(read_tasks(r#"{"tasks": []}"#).map(drop)), ["$.tasks"]);
    assert!(read_tasks("3").is_err() && read_tasks("[]").is_err());
    assert!(read_outcome("{}").is_err());
    assert!(read_outcome(r#"{"delay_parts_s": {}, "lost": "why"}"#).is_err());
    assert_eq!(
        read_outcome(r#"{"lost": "why"}"#).unwrap().lost.as_deref(),
        Some("why")
    );
}
