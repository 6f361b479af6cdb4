//! Faults of servers and links with sessions: closed forms of one vehicle, and what holds in every slot of hostile runs.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use wayside_core::Scenario;
use wayside_core::engine::decider::Decider;
use wayside_core::engine::records::PolicyRun;
use wayside_core::engine::world::{FaultyPart, World};
use wayside_core::engine::{Observer, replicate, replicate_observed};
use wayside_core::policy::PolicyKind;
use wayside_core::policy::sessions::SessionKind;
use wayside_core::rng::Streams;
use wayside_core::slot::Slot;
use wayside_core::slot::sessions::UNCOVERED;

use super::hostile::hostile;
use super::{bounded, entering, scenario, scripts, session, total, world};

fn run(
    set: &[(&str, &str)],
    kind: SessionKind,
    expected: &[f64],
) -> wayside_core::engine::records::SessionRun {
    let world = world(&scenario(set), 1, 0.0);
    let run = replicate(&world, &[session(kind)], 0, bounded(expected.len())).unwrap();
    let policy = &run.policies[0];
    let bound = policy.horizon_bound.expect("a bound, whatever fails") * expected.len() as f64;
    let sum = expected.iter().sum::<f64>();
    assert!(
        bound > 0.5 * sum && bound <= sum * (1.0 + 1e-9),
        "{bound} {sum}"
    );
    for (record, expected) in policy.slots.iter().zip(expected) {
        let (t, found) = (record.slot, record.objective);
        assert!(
            (found - expected).abs() < 1e-12,
            "{kind:?} {t}: {found} {expected}"
        );
    }
    policy.sessions.unwrap()
}

/// 0.8 s at 0.5 GHz, 2 J.
const LOCAL: f64 = 0.65 * 0.8 + 0.35 * 2.0;

/// Server `a` fails in slots 1 and 2: the vehicle enters by `b`, where its session is placed anew, and stays. The fault ends at the
/// start of slot 3, so that `a` works in it.
#[test]
fn closed_form_a_server_fails_and_comes_back() {
    let fault = "[{ kind = \"server\", rsu = \"a\", from_s = 0.5, until_s = 3 }]";
    let expected = [
        entering(0, 0, 0, 0.0, 0.0, 0.0),
        entering(1, 1, 1, 0.0, 0.0, 0.05),
        entering(2, 1, 1, 0.0, 0.0, 0.0),
        entering(3, 0, 1, 0.0, 0.0, 0.05),
        entering(4, 1, 1, 0.0, 0.0, 0.05),
        entering(5, 1, 1, 0.0, 0.0, 0.0),
    ];
    let totals = run(&[("fault", fault)], SessionKind::Never, &expected);
    assert_eq!(
        (totals.evicted, totals.moves, totals.served),
        (Some(1), 0, 6)
    );
}

/// Without the link the host at `a` cannot serve a vehicle at `b`, and nothing can be moved there.
#[test]
fn closed_form_a_link_fails() {
    let fault = "[{ kind = \"link\", a = \"b\", b = \"a\", from_s = 4, until_s = 5 }]";
    let way = entering(5, 1, 0, 0.0, 0.0, 0.0);
    let mut expected: Vec<f64> = (0..4).map(|t| entering(t, 0, 0, 0.0, 0.0, 0.0)).collect();
    expected.extend([LOCAL, way]);
    let totals = run(&[("fault", fault)], SessionKind::Never, &expected);
    assert_eq!(
        (totals.evicted, totals.moves, totals.served),
        (Some(0), 0, 5)
    );
    // before slot 5 there is nothing to move over, and then there is: 8 Mbit take 8 ms, so the switch is in slot 6
    let set = [("fault", fault), ("execution.duration_s", "7")];
    let world = world(&scenario(&set), 1, 0.0);
    let follow = replicate(&world, &[session(SessionKind::Follow)], 0, bounded(7)).unwrap();
    let totals = follow.policies[0].sessions.unwrap();
    assert_eq!((totals.moves, totals.served), (1, 6));
}

/// A move of two slots and more ends where its link fails meanwhile, and is ordered again.
#[test]
fn closed_form_a_move_loses_its_way() {
    let fault = "[{ kind = \"link\", a = \"a\", b = \"b\", from_s = 5, until_s = 6 }]";
    let set = [
        ("fault", fault),
        ("execution.state_bytes", "2e8"),
        ("execution.duration_s", "8"),
    ];
    let world = world(&scenario(&set), 1, 0.0);
    let run = replicate(&world, &[session(SessionKind::Follow)], 0, bounded(8)).unwrap();
    let totals = run.policies[0].sessions.unwrap();
    assert_eq!((totals.moves, totals.down_s, totals.served), (2, 0.0, 7));
    assert!((run.policies[0].slots[5].objective - LOCAL).abs() < 1e-12);
}

/// Every schedule of two sessions over four slots at two RSUs of which one fails, or their link.
#[test]
fn oracle_the_bound_against_every_schedule_around_faults() {
    let (sessions, slots) = (2usize, 4usize);
    let server = |from: u32, until: u32, id: &str| {
        format!("[{{ kind = \"server\", rsu = \"{id}\", from_s = {from}, until_s = {until} }}]")
    };
    let link = |from: u32, until: u32| {
        format!("[{{ kind = \"link\", a = \"a\", b = \"b\", from_s = {from}, until_s = {until} }}]")
    };
    let faults = [
        server(1, 2, "a"),
        server(2, 4, "b"),
        server(0, 3, "b"),
        link(1, 3),
        link(0, 2),
    ];
    let mut gaps = Vec::new();
    for (seed, fault) in faults.iter().enumerate() {
        // at once; over one slot and more; with downtime over a slot
        for (state, restart) in [("1e5", "0.05"), ("2e8", "0.05"), ("1e8", "1.5")] {
            for cpu_hz in ["0.8e9", "15e9"] {
                let set = [
                    ("fault", fault.as_str()),
                    ("rsu.0.cpu_hz", cpu_hz),
                    ("rsu.1.cpu_hz", cpu_hz),
                    ("execution.state_bytes", state),
                    ("execution.restart_s", restart),
                    ("execution.duration_s", "4"),
                    ("task.cycles", "{ min = 2e8, max = 5e8 }"),
                ];
                let world = world(&scenario(&set), sessions as u64, 35.0);
                let all = replicate(
                    &world,
                    &scripts(sessions, slots),
                    seed as u64,
                    bounded(slots),
                );
                let all = all.unwrap_or_else(|e| panic!("{set:?}: {e}"));
                let best = all.policies.iter().map(total).fold(f64::INFINITY, f64::min);
                let bound = all.policies[0].horizon_bound.unwrap() * (sessions * slots) as f64;
                assert!(bound <= best * (1.0 + 1e-9), "{set:?}: {bound} {best}");
                gaps.push(best / bound - 1.0);
            }
        }
    }
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!(mean < 0.03, "{gaps:?}");
}

#[test]
fn regress_information_cannot_fail() {
    let fault = (
        "fault".to_owned(),
        "[{ kind = \"information\", from_s = 1, until_s = 2 }]".to_owned(),
    );
    let error = Scenario::builtin("highway", &[fault])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("fault.0.kind: must be \"server\" or \"link\""),
        "{error}"
    );
}

/// What works, found anew for every slot.
struct Working<'a> {
    world: &'a World,
    batches: u64,
    local: u64,
    refused: u64,
}

impl Working<'_> {
    fn strikes(&self, now_s: f64) -> impl Iterator<Item = FaultyPart> {
        let faults = self.world.faults.iter();
        faults
            .filter(move |f| f.from_s <= now_s && now_s < f.until_s)
            .map(|f| f.what)
    }

    fn is_up(&self, now_s: f64, m: u32) -> bool {
        self.strikes(now_s)
            .all(|part| part != FaultyPart::Server(m))
    }

    /// Hops by breadth-first search over what works.
    fn hops(&self, now_s: f64, from: u32, to: u32) -> Option<u32> {
        let cut = |a: u32, b: u32| {
            self.strikes(now_s).any(|part| match part {
                FaultyPart::Link(row) => {
                    let link = &self.world.network.links()[row as usize];
                    (link.from, link.to) == (a, b) || (link.to, link.from) == (a, b)
                }
                _ => false,
            })
        };
        let mut hops = vec![None; self.world.rsus.len()];
        hops[from as usize] = Some(0);
        let mut queue = VecDeque::from([from]);
        while let Some(at) = queue.pop_front() {
            for edge in &self.world.links {
                let next = match (edge.a == at, edge.b == at) {
                    (true, _) => edge.b,
                    (_, true) => edge.a,
                    _ => continue,
                };
                if hops[next as usize].is_none() && self.is_up(now_s, next) && !cut(at, next) {
                    hops[next as usize] = hops[at as usize].map(|hops: u32| hops + 1);
                    queue.push_back(next);
                }
            }
        }
        hops[to as usize]
    }
}

impl Observer for Working<'_> {
    fn slot(&mut self, _: usize, slot: &Slot) -> ControlFlow<()> {
        self.batches += slot.tasks.len() as u64;
        for task in 0..slot.tasks.len() {
            let entry = slot.session_entry(task);
            assert!(entry == UNCOVERED || self.is_up(slot.now_s, entry));
        }
        ControlFlow::Continue(())
    }

    fn decided(&mut self, _: usize, _: usize, slot: &Slot, decider: &Decider) {
        let sessions = slot.sessions.as_ref().unwrap();
        let most = self.world.scenario.backhaul.max_hops as u32;
        let mut used_hz = vec![0.0; slot.rsus.len()];
        assert_eq!(decider.placements().len(), sessions.id.len());
        for (row, placement) in decider.placements().iter().enumerate() {
            let (state, entry) = (&sessions.state[row], slot.session_entry(row));
            if let Some(host) = state.host {
                assert!(
                    self.is_up(slot.now_s, host),
                    "a session has a host that works"
                );
            }
            if let (Some(host), Some((to, _))) = (state.host, state.moving) {
                let hops = self.hops(slot.now_s, host, to);
                assert!(hops.is_some_and(|hops| (1..=most).contains(&hops)));
            }
            let away = state.down.is_some_and(|down| down.away > 0);
            let hops = state.host.filter(|_| entry != UNCOVERED);
            let hops = hops.and_then(|host| self.hops(slot.now_s, entry, host));
            let reached = hops.is_some_and(|hops| hops <= most) && !away;
            assert_eq!(placement.execution(), state.host.filter(|_| reached));
            match placement.execution() {
                Some(host) => used_hz[host as usize] += decider.cpu_hz()[row],
                None => self.local += 1,
            }
            self.refused += u64::from(state.host.is_some() && entry != UNCOVERED && hops.is_none());
        }
        for (m, (used_hz, cpu_hz)) in used_hz.iter().zip(&slot.rsus.cpu_hz).enumerate() {
            let most_hz = if self.is_up(slot.now_s, m as u32) {
                cpu_hz * (1.0 + 1e-9)
            } else {
                0.0
            };
            assert!(*used_hz <= most_hz, "{used_hz} of {most_hz}");
        }
    }
}

/// Every policy on hostile runs whose servers and links fail: batches and CPU balance in every slot, and nothing runs where nothing works.
#[test]
fn property_batches_and_cpu_balance_where_servers_and_links_fail() {
    let (mut evicted, mut refused) = (0, 0);
    for seed in 0..40 {
        let mut set = hostile(seed);
        let calm = World::new(&Scenario::builtin("highway", &set).unwrap()).unwrap();
        let mut random = Streams::new(seed).stream("faults");
        let slot_s = calm.scenario.time.slot_s;
        let id = |m: u32| &calm.rsus.id[m as usize];
        let faults: Vec<String> = (0..8)
            .map(|i| {
                let from_s = random.below(10) as f64 * slot_s * 0.7;
                let until_s = from_s + (1 + random.below(60)) as f64 * slot_s * 0.1;
                let edge =
                    (!calm.links.is_empty()).then(|| calm.links[random.below(calm.links.len())]);
                let what = match edge.filter(|_| i % 2 == 0) {
                    Some(edge) => format!(
                        "kind = \"link\", a = \"{}\", b = \"{}\"",
                        id(edge.b),
                        id(edge.a)
                    ),
                    None => format!(
                        "kind = \"server\", rsu = \"{}\"",
                        id(random.below(calm.rsus.len()) as u32)
                    ),
                };
                format!("{{ {what}, from_s = {from_s}, until_s = {until_s} }}")
            })
            .collect();
        set.push(("fault".to_owned(), format!("[{}]", faults.join(", "))));
        let world = World::new(&Scenario::builtin("highway", &set).unwrap()).unwrap();
        let mut working = Working {
            world: &world,
            batches: 0,
            local: 0,
            refused: 0,
        };
        let policies = PolicyKind::SESSIONS;
        // a cost below the bound would be an error
        let run = replicate_observed(&world, &policies, seed, bounded(12), &mut working)
            .unwrap_or_else(|e| panic!("{seed} {set:?}: {e}"))
            .unwrap();
        let bound =
            |run: &PolicyRun| run.slots.iter().all(|s| s.tasks == 0) || run.horizon_bound.is_some();
        assert!(run.policies.iter().all(bound), "{seed}");
        let mut served = 0;
        for policy in &run.policies {
            let totals = policy.sessions.unwrap();
            assert_eq!(totals.batches, working.batches, "{seed}");
            assert!(policy.slots.iter().all(|s| s.objective.is_finite()));
            served += totals.served;
            evicted += totals.evicted.unwrap();
        }
        assert_eq!(
            served + working.local,
            working.batches * policies.len() as u64
        );
        refused += working.refused;
    }
    assert!(
        evicted > 100 && refused > 0,
        "{evicted} evicted, {refused} without a way"
    );
}
