//! The return of results where tasks queue, where work runs in sessions, over the extended radio, and around faults.

use super::*;
use wayside_core::engine::{TaskOutcome, own_policy};
use wayside_core::policy::Policy;
use wayside_core::radio::{Place, Propagation, noise_w};
use wayside_core::rng::Streams;
use wayside_core::slot::Decision;

/// Sends every task to the nearest RSU, in any model of execution.
struct AtEntry;

impl Policy for AtEntry {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let at = |task| slot.nearest(task);
        decision.placements.extend((0..slot.tasks.len()).map(at));
    }
}

/// What is known of all tasks, whenever it is.
#[derive(Default)]
struct Known(Vec<(Outcome, Returned)>);

impl Observer for Known {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    fn decided(&mut self, _: usize, _: usize, slot: &Slot, decider: &Decider) {
        if slot.queues.is_none() {
            let returns = decider.returns().iter().copied();
            self.0
                .extend(decider.outcomes().iter().copied().zip(returns));
        }
    }
    fn ended(&mut self, _: usize, task: &TaskOutcome) {
        self.0
            .push((task.outcome.unwrap(), task.returned.expect("it returns")));
    }
}

const KINDS: [&[(&str, &str)]; 3] = [
    &[],
    &[("execution", "{ kind = \"queues\" }")],
    &[("execution", "{ kind = \"sessions\", duration_s = 9 }")],
];

/// The task of the first slot, in one model of execution.
fn first_in(kind: &[(&str, &str)], vehicle: East, set: &[(&str, &str)]) -> (Outcome, Returned) {
    let set: Vec<_> = kind.iter().chain(set).copied().collect();
    let world = World::new(&scenario(&set))
        .unwrap()
        .with_mobility(move |_| vehicle);
    let mut seen = Known::default();
    let options = Options {
        slots: 1,
        bound: BoundKind::Horizon,
    };
    let policy = own_policy("at-entry", |_: &_, _| AtEntry);
    replicate_observed(&world, &[policy], 0, options, &mut seen).unwrap();
    seen.0[0]
}

/// A task that ends before, at and after the border between two RSUs: 1 s at 20 m/s, 1 Mbit over 1 MHz down, 1 Gbit/s between.
#[test]
fn closed_form_one_vehicle_passes_two_rsus_in_every_kind() {
    for kind in KINDS {
        let (outcome, before) = first_in(kind, east(100.0), &[]);
        assert_eq!(
            (before.fate, before.hops, before.handovers),
            (Fate::Returned(0), 0, 0),
            "{kind:?}"
        );
        close(before.down_s, down_s(100.0 + 20.0 * outcome.ready_s()));
        close(outcome.return_s, before.down_s);
        close(outcome.return_j, 2.0 * before.down_s);

        let (outcome, after) = first_in(kind, east(190.0), &[]);
        assert_eq!(
            (after.fate, after.hops, after.handovers),
            (Fate::Returned(1), 1, 1),
            "{kind:?}"
        );
        close(after.down_s, down_s(210.0 - 20.0 * outcome.ready_s()));
        close(outcome.return_s, 1e-3 + 0.25 + after.down_s);
        close(outcome.return_j, 0.5e-3 + 2.0 * after.down_s);

        let from_m = 200.0 - 20.0 * outcome.ready_s();
        let (outcome, at) = first_in(kind, east(from_m), &[]);
        let at_m = from_m + 20.0 * outcome.ready_s();
        assert!((at_m - 200.0).abs() < 1e-6, "{at_m}");
        close(at.down_s, down_s(200.0));
        assert_eq!(at.fate, Fate::Returned(u32::from(at_m > 200.0)), "{kind:?}");
    }
}

/// A gap from 100 m to 300 m: it waits exactly, gives up, or leaves.
#[test]
fn closed_form_waits_and_losses_in_every_kind() {
    let small = ("rsu_default.range_m", "100");
    for kind in KINDS {
        let (outcome, returned) = first_in(kind, east(90.0), &[small, ("task.cycles", "8e9")]);
        let at_m = 90.0 + 20.0 * outcome.ready_s();
        assert_eq!(returned.fate, Fate::Returned(1), "{kind:?}");
        close(returned.wait_s, (300.0 - at_m) / 20.0);
        let (outcome, returned) = first_in(kind, east(90.0), &[small]);
        assert_eq!(returned.fate, Fate::Lost(Missed::NoCoverage), "{kind:?}");
        close(outcome.return_s, 10.0);
        let leaves = East {
            until_s: 1.0,
            ..east(100.0)
        };
        let (outcome, returned) = first_in(kind, leaves, &[]);
        assert_eq!(returned.fate, Fate::Lost(Missed::VehicleLeft), "{kind:?}");
        close(outcome.return_s, 10.0);
        let ends = East {
            ends_s: 1.0,
            ..east(100.0)
        };
        // sessions need the slots of the run beforehand, of which this is the only one
        assert_eq!(first_in(kind, ends, &[]).1.fate, Fate::Pending, "{kind:?}");
    }
}

/// The downlink of a street: path loss of TR 38.901, truncated Shannon, thermal noise of its own band.
#[test]
fn closed_form_the_downlink_of_the_extended_radio() {
    let street = [(
        "channel",
        "{ model = \"umi\", carrier_hz = 3.5e9, noise_figure_db = 9, los = \"always\", rate = \"truncated-shannon\", rate_alpha = 0.5, rate_ceiling = 3.0 }",
    )];
    for (from_m, rsu, to_m) in [(100.0, 0, 0.0), (190.0, 1, 400.0)] {
        let (outcome, returned) = first(east(from_m), &street);
        assert_eq!(returned.fate, Fate::Returned(rsu));
        let s = scenario(&street);
        let (rsu_m, flat) = ([0.0, 400.0], [0.0, 0.0]);
        let propagation = Propagation::new(
            (&s.channel, &s.radio),
            None,
            (&rsu_m, &flat),
            Streams::new(0),
        );
        let place = Place {
            vehicle: 7,
            x_m: from_m + 20.0 * outcome.ready_s(),
            y_m: 0.0,
            driven_m: 20.0 * outcome.ready_s(),
        };
        assert!((place.x_m - to_m).abs() < 200.0);
        let gain = propagation.gain(&place, rsu as usize).mean;
        let snr = 2.0 * gain / noise_w(&s.channel, &s.radio, 1e6);
        let per_hz = (0.5 * (1.0 + snr).log2()).min(3.0);
        close(returned.down_s, 1e6 / (1e6 * per_hz));
    }
}

/// Where the SNR must not be low, an RSU covers no more than it reaches with that: the answer waits for one that does, or is lost.
#[test]
fn closed_form_coverage_by_snr() {
    let with = |min_snr_db: &str| {
        let channel = format!("{{ noise_dbm = -104, min_snr_db = {min_snr_db} }}");
        first(
            east(100.0),
            &[("channel", &channel), ("result.tx_power_w", "1e-9")],
        )
        .1
        .fate
    };
    assert_eq!(with("-100"), Fate::Returned(0));
    // the vehicle's own 0.2 W are enough to enter, the RSU's are not to be heard
    assert_eq!(with("0"), Fate::Lost(Missed::NoCoverage));
}

/// The link between them is down from slot 1 to slot 3: what is ready at `a` then comes to the vehicle by `a`, or waits for the link.
#[test]
fn closed_form_answers_wait_for_what_has_failed() {
    let fault =
        |what: &str, until_s: f64| format!("[{{ {what}, from_s = 0.9, until_s = {until_s} }}]");
    let task = ("task.cycles", "1.5e9");
    for kind in KINDS {
        let link = fault("kind = \"link\", a = \"a\", b = \"b\"", 3.5);
        let (outcome, returned) = first_in(kind, east(150.0), &[task, ("fault", &link)]);
        // ready at 1.5 s at 180 m, in range of `a` until 200 m, or 2.5 s
        assert_eq!(
            (returned.fate, returned.hops),
            (Fate::Returned(0), 0),
            "{kind:?}"
        );
        close(returned.down_s, down_s(150.0 + 20.0 * outcome.ready_s()));
        // ready at 210 m: `b` covers it, but no way leads there before the link is back, in slot 4
        let (outcome, returned) = first_in(kind, east(180.0), &[task, ("fault", &link)]);
        assert_eq!(
            (returned.fate, returned.hops),
            (Fate::Returned(1), 1),
            "{kind:?}"
        );
        close(returned.wait_s, 4.0 - outcome.ready_s());
    }
}

/// Every kind on hostile runs with faults: all tasks balance, and no cost is below its bound, which would end the run.
#[test]
fn property_tasks_balance_in_every_kind_around_faults() {
    let result = "{ data_bytes = { min = 0, max = 2000000 }, give_up_s = 2, interruption_s = 0.1, penalty_s = 1 }";
    let server = "fault = [{ kind = \"server\", rsu = \"r1\", from_s = 1, until_s = 4 }, { kind = \"server\", rsu = \"r3\", from_s = 2, until_s = 9 }]";
    let fault = server.trim_start_matches("fault = ");
    let mut counted = [0; 5];
    for (name, set) in [
        (
            "highway",
            &[("rsu.grid.range_m", "150"), ("fleet.size", "40")][..],
        ),
        ("highway", &[("fault", fault), ("fleet.size", "40")]),
        ("wang2025-umi", &[("fleet.size", "20")]),
        (
            "wang2025-umi",
            &[
                ("fault", fault),
                ("fleet.size", "20"),
                ("time.carry_over", "true"),
                ("time.slot_s", "0.25"),
                ("rsu_default.range_m", "300"),
            ],
        ),
        (
            "wang2025",
            &[
                ("execution", "{ kind = \"queues\" }"),
                ("fault", fault),
                ("rsu_default.range_m", "190"),
                ("fleet.size", "30"),
            ],
        ),
        (
            "wang2025",
            &[
                ("execution", "{ kind = \"queues\" }"),
                ("task.period_s", "0.3"),
                ("fleet.size", "20"),
            ],
        ),
        ("lin2025", &[("time.slots", "3")]),
    ] {
        let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
        let set: Vec<_> = [("result", result)].iter().chain(set).map(own).collect();
        let scenario = Scenario::builtin(name, &set).unwrap_or_else(|e| panic!("{name} {e}"));
        let world = World::new(&scenario).unwrap();
        let policies: Vec<_> = PolicyKind::defaults(&world.scenario);
        let options = Options {
            slots: 8,
            bound: BoundKind::Horizon,
        };
        for seed in 0..2 {
            let run = replicate(&world, &policies[..policies.len().min(6)], seed, options)
                .unwrap_or_else(|e| panic!("{name} {set:?} {seed}: {e}"));
            for slot in run.policies.iter().flat_map(|run| &run.slots) {
                let Some(returns) = slot.returns else {
                    assert_eq!(slot.tasks, slot.lost);
                    continue;
                };
                let missed: u32 = returns.lost.iter().sum();
                let all = returns.local + returns.returned + missed + returns.pending;
                assert_eq!(all, slot.finished(), "{name} {set:?}");
                assert!(slot.return_s >= 0.0 && slot.return_s <= slot.delay_s);
                let parts = [
                    returns.local,
                    returns.returned,
                    missed,
                    returns.handovers,
                    slot.lost,
                ];
                counted
                    .iter_mut()
                    .zip(parts)
                    .for_each(|(sum, part)| *sum += part);
            }
        }
    }
    assert!(counted.iter().all(|count| *count > 0), "{counted:?}");
}

/// Answers without size and interruption that never wait cost nothing, and change nothing else.
#[test]
fn property_answers_of_no_size_change_nothing_in_any_kind() {
    for (name, set) in [
        ("highway", &[("fleet.size", "30")][..]),
        ("lin2025", &[]),
        (
            "wang2025",
            &[
                ("execution", "{ kind = \"queues\" }"),
                ("task.period_s", "0.3"),
                ("fleet.size", "20"),
            ],
        ),
        (
            "wang2025-umi",
            &[
                ("fleet.size", "20"),
                ("channel.fading", "none"),
                ("channel.shadowing", "none"),
                ("channel.los", "always"),
            ],
        ),
    ] {
        let run = |more: &[(&str, &str)]| {
            let own = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
            let set: Vec<_> = set.iter().chain(more).map(own).collect();
            let world = World::new(&Scenario::builtin(name, &set).unwrap()).unwrap();
            let options = Options {
                slots: 5,
                bound: BoundKind::Horizon,
            };
            let policies: Vec<_> = PolicyKind::defaults(&world.scenario);
            replicate(&world, &policies[..3], 3, options).unwrap()
        };
        let (with, without) = (run(&[("result.data_bytes", "0")]), run(&[]));
        for (with, without) in with.policies.iter().zip(&without.policies) {
            assert_eq!(with.horizon_bound, without.horizon_bound, "{name}");
            for (with, without) in with.slots.iter().zip(&without.slots) {
                assert_eq!(without.returns, None);
                assert_eq!(
                    with.objective.to_bits(),
                    without.objective.to_bits(),
                    "{name}"
                );
                assert_eq!(with.lower_bound, without.lower_bound);
                assert_eq!(with.deadline_met, without.deadline_met);
            }
        }
    }
}
