//! Random networks under random loads and faults: the simulator against its twin, and what must hold.

use std::sync::Arc;

use wayside_core::backhaul::Edge;
use wayside_core::backhaul::network::Network;
use wayside_core::queueing::{
    Component, FaultEvent, Finished, Lost, QueueNetwork, Reason, Submission, Travel,
};
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::queues::QueueState;

use crate::queue_twin::{Job, Twin};
use crate::queueing::{edge, line};

struct Instance {
    network: Arc<Network>,
    core_start: Vec<u32>,
    core_hz: Vec<f64>,
    core_free_s: Vec<f64>,
    jobs: Vec<Job>,
    faults: Vec<FaultEvent>,
}

/// Where `ties`, all quantities lie on a coarse grid of powers of two, so that instants coincide often and exactly.
fn instance(rng: &mut Stream, ties: bool, faults: usize) -> Instance {
    let draw = |rng: &mut Stream, most: f64| {
        if ties {
            rng.below(5) as f64 * most / 4.0
        } else {
            rng.uniform(0.0, most)
        }
    };
    let servers = 1 + rng.below(6);
    let mut edges: Vec<Edge> = Vec::new();
    for b in 1..servers as u32 {
        for a in 0..b {
            if rng.unit() < 0.5 {
                let rate_bps = [1.0, 2.0, 4.0][rng.below(3)];
                edges.push(Edge {
                    backlog_bits: draw(rng, 2.0),
                    ..edge(a, b, rate_bps, draw(rng, 1.0))
                });
            }
        }
    }
    let network = Arc::new(Network::new(servers, &edges, 1.0));
    let mut core_start = vec![0];
    for m in 0..servers {
        // Server 0 can always execute.
        let cores = if m == 0 {
            1 + rng.below(3)
        } else {
            rng.below(4)
        };
        core_start.push(core_start[m] + cores as u32);
    }
    let core_hz = (0..servers).map(|_| [1.0, 2.0][rng.below(2)]).collect();
    let core_free_s = (0..core_start[servers]).map(|_| draw(rng, 2.0)).collect();
    let has_cores = |m: u32| core_start[m as usize] < core_start[m as usize + 1];
    let jobs = (0..rng.below(25))
        .map(|_| {
            loop {
                // A walk; it may meet a server twice.
                let entry = rng.below(servers) as u32;
                let (mut at, mut path) = (entry, Vec::new());
                for _ in 0..rng.below(5) {
                    let leaving = network.leaving(at);
                    if !leaving.is_empty() {
                        let row = leaving.start + rng.below(leaving.len()) as u32;
                        path.push(row);
                        at = network.links()[row as usize].to;
                    }
                }
                if has_cores(at) {
                    return Job {
                        ready_s: draw(rng, 4.0),
                        entry,
                        path,
                        data_bits: draw(rng, 4.0),
                        cycles: draw(rng, 4.0),
                    };
                }
            }
        })
        .collect();
    let links = network.links().len();
    let faults = (0..faults).map(|_| FaultEvent {
        at_s: draw(rng, 8.0),
        part: if links == 0 || rng.unit() < 0.4 {
            Component::Server(rng.below(servers) as u32)
        } else {
            Component::Link(rng.below(links) as u32)
        },
        up: rng.unit() < 0.4,
    });
    let mut faults: Vec<FaultEvent> = faults.collect();
    faults.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    Instance {
        core_hz,
        core_free_s,
        jobs,
        faults,
        core_start,
        network,
    }
}

impl Instance {
    fn servers(&self) -> QueueNetwork {
        QueueNetwork::new(
            Arc::clone(&self.network),
            &self.core_start,
            &self.core_hz,
            &self.core_free_s,
        )
        .with_faults(self.faults.clone())
    }

    fn submission(&self, job: usize) -> Submission<'_> {
        let Job {
            ready_s,
            entry,
            ref path,
            data_bits,
            cycles,
        } = self.jobs[job];
        Submission {
            key: job as u64,
            ready_s,
            entry,
            path,
            data_bits,
            cycles,
        }
    }
}

fn same(a: &Result<Travel, Lost>, b: &Result<Travel, Lost>) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-12;
    match (a, b) {
        (Ok(a), Ok(b)) => {
            a.hops == b.hops
                && a.execution == b.execution
                && close(a.transmission_s, b.transmission_s)
                && close(a.propagation_s, b.propagation_s)
                && close(a.wait_s, b.wait_s)
                && close(a.compute_s, b.compute_s)
                && close(a.finished_s, b.finished_s)
        }
        (Err(a), Err(b)) => a.reason == b.reason && close(a.at_s, b.at_s),
        _ => false,
    }
}

/// What the instances met, so that a test that meets nothing fails.
#[derive(Debug, Default)]
struct Met {
    finished: u64,
    lost: [u64; 3],
    rerouted: u64,
    replanned: u64,
}

fn against_twin(name: &str, instances: usize, ties: bool, most_faults: usize) -> Met {
    let mut rng = Streams::new(3).stream(name);
    let mut met = Met::default();
    for i in 0..instances {
        let faults = rng.below(most_faults + 1);
        let instance = instance(&mut rng, ties, faults);
        let mut twin = Twin::new(
            &instance.network,
            &instance.core_start,
            &instance.core_hz,
            &instance.core_free_s,
            &instance.jobs,
        );
        twin.run(&instance.faults);
        let mut servers = instance.servers();
        for job in 0..instance.jobs.len() {
            servers.submit(instance.submission(job));
        }
        let mut outcomes = vec![None; instance.jobs.len()];
        servers.drain(&mut |Finished { key, outcome, .. }| {
            let before = outcomes[key as usize].replace(outcome);
            assert!(before.is_none(), "{key} reported twice");
        });
        for (job, (fast, slow)) in outcomes.iter().zip(&twin.outcomes).enumerate() {
            let (fast, slow) = (fast.expect("reported"), slow.expect("reported"));
            assert!(same(&fast, &slow), "{i} {job}: {fast:?} is not {slow:?}");
            match fast {
                Ok(_) => met.finished += 1,
                Err(Lost { reason, .. }) => met.lost[reason as usize] += 1,
            }
        }
        let counts = servers.counts();
        assert_eq!(
            (counts.rerouted, counts.replanned),
            (twin.rerouted, twin.replanned)
        );
        met.rerouted += counts.rerouted;
        met.replanned += counts.replanned;
    }
    met
}

#[test]
fn oracle_simulator_agrees_with_its_twin() {
    for ties in [false, true] {
        let met = against_twin("queueing.twin", 3000, ties, 0);
        assert!(met.finished > 20_000, "{met:?}");
        assert_eq!(met.lost, [0; 3]);
    }
}

#[test]
fn oracle_simulator_agrees_with_its_twin_under_faults() {
    for ties in [false, true] {
        let met = against_twin("queueing.twin.faults", 4000, ties, 8);
        assert!(met.finished > 10_000, "{met:?}");
        assert!(met.lost.iter().all(|&n| n > 50), "{met:?}");
        assert!(met.rerouted > 500 && met.replanned > 500, "{met:?}");
    }
}

/// What is observed at any instant, against what the outcomes say about it afterwards. All on a grid, so
/// that instants are exact.
#[test]
fn oracle_observed_queues_are_those_of_the_outcomes() {
    let mut rng = Streams::new(5).stream("queueing.observe");
    let (mut seen, mut state) = (0, QueueState::default());
    for _ in 0..1000 {
        let mut instance = instance(&mut rng, true, 0);
        let has_cores =
            |m: u32| instance.core_start[m as usize] < instance.core_start[m as usize + 1];
        for job in &mut instance.jobs {
            job.path.clear();
            job.entry = if has_cores(job.entry) { job.entry } else { 0 };
        }
        let mut servers = instance.servers();
        for job in 0..instance.jobs.len() {
            servers.submit(instance.submission(job));
        }
        let mut travels: Vec<Option<Travel>> = vec![None; instance.jobs.len()];
        servers
            .clone()
            .drain(&mut |f| travels[f.key as usize] = f.outcome.ok());
        for step in 0..40 {
            let now_s = 0.25 * f64::from(step);
            servers.run_until(now_s, &mut |_| {});
            servers.observe(now_s, &mut state);
            for m in 0..instance.network.rsus() as u32 {
                let came = || {
                    let all = instance.jobs.iter().zip(travels.iter().flatten());
                    all.filter(|(job, _)| job.entry == m && job.ready_s <= now_s)
                };
                let waits = |t: &Travel| t.finished_s - t.compute_s > now_s;
                let waiting = came().filter(|(_, travel)| waits(travel)).count();
                assert_eq!(state.waiting[m as usize] as usize, waiting);
                seen += waiting;
                // The last core is free when the last task or earlier work ends.
                let cores = servers.cores(m);
                let mut ends_s: Vec<f64> = came().map(|(_, travel)| travel.finished_s).collect();
                ends_s.extend(&instance.core_free_s[cores.clone()]);
                let latest = |s: &[f64]| s.iter().copied().reduce(f64::max);
                assert_eq!(latest(&state.core_free_s[cores]), latest(&ends_s));
            }
        }
    }
    assert!(seen > 10_000, "{seen}");
}

/// A server that failed is seen as down and, when it is back, as idle.
#[test]
fn closed_form_a_server_that_comes_back_is_empty() {
    let back = FaultEvent {
        up: true,
        ..fails(2.0, Component::Server(0))
    };
    let mut servers = square(&[fails(1.0, Component::Server(0)), back]);
    let mut lost_keys = Vec::new();
    for (key, ready_s) in [(0, 0.0), (1, 0.0), (2, 1.5), (3, 2.0)] {
        servers.submit(Submission {
            key,
            ready_s,
            entry: 0,
            path: &[],
            data_bits: 0.0,
            cycles: 5.0,
        });
    }
    let mut state = QueueState::default();
    for (now_s, waiting, up) in [(0.5, 1, true), (1.0, 0, false), (2.0, 0, true)] {
        servers.run_until(now_s, &mut |f| lost_keys.push((f.key, f.outcome)));
        servers.observe(now_s, &mut state);
        assert_eq!((state.waiting[0], state.up[0]), (waiting, up), "{now_s}");
    }
    let expected = [
        (0, lost(1.0, Reason::ServerFailed)),
        (1, lost(1.0, Reason::ServerFailed)),
        (2, lost(1.5, Reason::EntryDown)),
    ];
    assert_eq!(lost_keys, expected);
    assert!((state.core_free_s[0] - 7.0).abs() < 1e-12);
    servers.drain(&mut |f| assert!(f.outcome.is_ok_and(|t| t.wait_s.abs() < 1e-12)));
    assert_eq!((servers.counts().finished, servers.counts().lost), (1, 3));
}

/// Whoever simulates in steps, and submits as he goes, sees what he would have seen at once; totals balance after
/// every step, nothing is reported early or twice, and the parts of a delay add up.
#[test]
fn property_totals_balance_and_steps_change_nothing() {
    let mut rng = Streams::new(4).stream("queueing.steps");
    for i in 0..3000 {
        let faults = rng.below(10);
        let ties = i % 2 == 0;
        let mut instance = instance(&mut rng, ties, faults);
        instance
            .jobs
            .sort_by(|a, b| a.ready_s.total_cmp(&b.ready_s));
        let mut at_once = vec![None; instance.jobs.len()];
        let mut servers = instance.servers();
        for job in 0..instance.jobs.len() {
            servers.submit(instance.submission(job));
        }
        servers.drain(&mut |f| at_once[f.key as usize] = Some(f.outcome));

        let mut servers = instance.servers();
        let mut in_steps = vec![None; instance.jobs.len()];
        let (mut next, mut reported, mut last_s) = (0, 0, 0.0);
        let step_s = [0.25, 0.5, 1.0, rng.uniform(0.1, 3.0)][rng.below(4)];
        for step in 0.. {
            let (now_s, then_s) = (f64::from(step) * step_s, f64::from(step + 1) * step_s);
            while next < instance.jobs.len() && instance.jobs[next].ready_s < then_s {
                servers.submit(instance.submission(next));
                next += 1;
            }
            let (job_count, has_faults) = (instance.jobs.len(), faults > 0);
            servers.run_until(then_s, &mut |f: Finished| {
                assert!(in_steps[f.key as usize].replace(f.outcome).is_none());
                reported += 1;
                match f.outcome {
                    Ok(travel) => {
                        let parts = travel.transmission_s
                            + travel.propagation_s
                            + travel.wait_s
                            + travel.compute_s;
                        let all = travel.finished_s - instance.jobs[f.key as usize].ready_s;
                        assert!((parts - all).abs() < 1e-12, "{travel:?}");
                        assert!(travel.wait_s >= 0.0);
                        if has_faults {
                            assert!(travel.finished_s >= last_s && travel.finished_s <= then_s);
                            last_s = travel.finished_s;
                        }
                    }
                    Err(lost) => {
                        assert!(lost.at_s >= now_s && lost.at_s >= last_s);
                        last_s = lost.at_s;
                    }
                }
            });
            let counts = servers.counts();
            assert_eq!(counts.submitted, next as u64);
            assert_eq!(counts.finished + counts.lost, reported);
            assert_eq!(next as u64, reported + servers.in_flight() as u64);
            if reported == job_count as u64 {
                break;
            }
            assert!(step < 10_000, "a task is stuck");
        }
        assert_eq!(at_once, in_steps, "{i}");
    }
}

/// A square 0-1-3-2-0 of links of 1 s for a bit, no flight time; 1 Hz cores.
fn square(faults: &[FaultEvent]) -> QueueNetwork {
    let edges = [(0, 1), (0, 2), (1, 3), (2, 3)].map(|(a, b)| edge(a, b, 1.0, 0.0));
    let network = Arc::new(Network::new(4, &edges, 0.0));
    QueueNetwork::new(network, &[0, 1, 2, 3, 4], &[1.0; 4], &[0.0; 4]).with_faults(faults.to_vec())
}

fn fails(at_s: f64, part: Component) -> FaultEvent {
    FaultEvent {
        at_s,
        part,
        up: false,
    }
}

/// One task of one bit and one cycle from server 0 over 1 to 3.
fn fate(mut servers: QueueNetwork) -> (Result<Travel, Lost>, u64, u64) {
    let row = |a, b| servers.network().find(a, b).expect("neighbours");
    let path = [row(0, 1), row(1, 3)];
    servers.submit(Submission {
        key: 0,
        ready_s: 0.0,
        entry: 0,
        path: &path,
        data_bits: 1.0,
        cycles: 1.0,
    });
    let mut outcome = None;
    servers.drain(&mut |f| outcome = Some(f.outcome));
    let counts = servers.counts();
    let outcome = outcome.expect("reported");
    (outcome, counts.rerouted, counts.replanned)
}

fn lost(at_s: f64, reason: Reason) -> Result<Travel, Lost> {
    Err(Lost { at_s, reason })
}

#[test]
fn closed_form_a_cut_link_is_gone_around() {
    let row = square(&[]).network().find(1, 0).expect("neighbours");
    let (outcome, rerouted, replanned) = fate(square(&[fails(0.5, Component::Link(row))]));
    // Half a second in vain, then two links over server 2.
    let travel = outcome.expect("it arrives");
    assert_eq!((travel.hops, travel.execution), (2, 3));
    assert_eq!((rerouted, replanned), (1, 0));
    assert!((travel.wait_s - 0.5).abs() < 1e-12 && (travel.finished_s - 3.5).abs() < 1e-12);
}

#[test]
fn closed_form_data_is_lost_with_the_server_that_holds_or_receives_it() {
    for (at_s, m) in [(0.5, 0), (0.5, 1), (1.5, 1), (1.5, 3), (2.5, 3)] {
        let (outcome, ..) = fate(square(&[fails(at_s, Component::Server(m))]));
        assert_eq!(outcome, lost(at_s, Reason::ServerFailed), "{at_s} {m}");
    }
    // What has left a server, or ended on it, is not touched.
    for (at_s, m) in [(1.0, 0), (2.0, 1), (3.0, 3)] {
        let (outcome, ..) = fate(square(&[fails(at_s, Component::Server(m))]));
        assert!(outcome.is_ok(), "{at_s} {m}: {outcome:?}");
    }
}

#[test]
fn closed_form_a_dead_execution_server_is_replaced_by_the_nearest() {
    // Server 3 dies while the task is on its way to server 1, which keeps and runs it.
    let (outcome, rerouted, replanned) = fate(square(&[fails(0.5, Component::Server(3))]));
    let travel = outcome.expect("server 1 runs it");
    assert_eq!((travel.hops, travel.execution), (1, 1));
    assert_eq!((rerouted, replanned), (0, 1));
    assert!((travel.finished_s - 2.0).abs() < 1e-12);
}

#[test]
fn closed_form_entry_down_and_nowhere_to_go() {
    let (outcome, ..) = fate(square(&[fails(0.0, Component::Server(0))]));
    assert_eq!(outcome, lost(0.0, Reason::EntryDown));

    // A relay without cores, cut off.
    let network = line(2);
    let row = network.find(0, 1).expect("neighbours");
    let mut servers = QueueNetwork::new(network, &[0, 0, 1], &[1.0; 2], &[0.0])
        .with_faults(vec![fails(0.0, Component::Link(row))]);
    servers.submit(Submission {
        key: 0,
        ready_s: 1.0,
        entry: 0,
        path: &[row],
        data_bits: 1.0,
        cycles: 1.0,
    });
    let mut outcome = None;
    servers.drain(&mut |f| outcome = Some(f.outcome));
    assert_eq!(outcome, Some(lost(1.0, Reason::Unreachable)));
}
