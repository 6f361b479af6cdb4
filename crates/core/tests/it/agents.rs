//! Agents wired in memory: the same protocol, queues and policies as the simulator, driven by messages.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::ops::ControlFlow;
use std::sync::Arc;

use wayside_core::agent::{Agent, Done, Job, Loss, Offer, Output, Settings, State};
use wayside_core::engine::traffic::Traffic;
use wayside_core::engine::world::World;
use wayside_core::engine::{
    BoundKind, Observer, Options, PolicyFactory as _, PolicyRegistry, SharedFactory, TaskOutcome,
    replicate_observed,
};
use wayside_core::information::{Counting, Flooding, Packet, Protocol, Sources};
use wayside_core::rng::{Stream, Streams};
use wayside_core::slot::{Placement, Slot};
use wayside_core::{Error, Scenario};

const START_S: f64 = -0.35;

/// Something that happens at an agent.
#[derive(Clone, Debug)]
enum Event {
    Advance,
    Offer(Offer),
    Uploaded(u64),
    Packet(Packet<State>),
    Arrive(Job),
    Sent(u32),
    Computed(usize),
    Reported(u64, Result<Done, Loss>),
}

/// Agents, and what is on its way between them, by the instant at which it happens and the order in which it was sent.
struct Network {
    world: Arc<World>,
    agents: Vec<Agent>,
    events: BTreeMap<(u64, u64), (u32, Event)>,
    sent: u64,
    /// Agents that do nothing any more.
    dead: BTreeSet<u32>,
    /// By agent and number.
    placed: BTreeMap<(u32, u64), Placement>,
    ended: BTreeMap<(u32, u64), (f64, Result<Done, Loss>)>,
    due: BinaryHeap<Reverse<(u64, u32)>>,
    /// How much longer than `hop_s` packets take, at most as a factor, drawn anew for each.
    slower: (f64, Stream),
}

/// An instant after the start, in an order of whole numbers.
fn order(time_s: f64) -> u64 {
    (time_s - START_S + 1.0).to_bits()
}

fn instant(order: u64) -> f64 {
    f64::from_bits(order) - 1.0 + START_S
}

impl Network {
    fn new(world: &Arc<World>, name: &str, seed: u64, core_free_s: &[f64]) -> Self {
        Self::with(world, (name, 0.0), seed, core_free_s)
    }

    /// Agents that let a task wait for others for `batch_s`.
    fn with(
        world: &Arc<World>,
        (name, batch_s): (&str, f64),
        seed: u64,
        core_free_s: &[f64],
    ) -> Self {
        let queues = world.queues.as_ref().unwrap();
        let settings = Settings {
            batch_s,
            answer_s: 5.0,
            tasks_max: 1000,
        };
        let agents = (0..world.rsus.len() as u32).map(|row| {
            let policy = policy(name).for_run(world, Streams::new(seed)).unwrap();
            let cores = &core_free_s[queues.cores(row)];
            Agent::new(
                Arc::clone(world),
                row,
                Some(policy),
                settings,
                (START_S, 0),
                cores,
            )
        });
        let mut network = Self {
            agents: agents.collect(),
            world: Arc::clone(world),
            events: BTreeMap::new(),
            sent: 0,
            dead: BTreeSet::new(),
            placed: BTreeMap::new(),
            ended: BTreeMap::new(),
            due: BinaryHeap::new(),
            slower: (1.0, Streams::new(seed).stream("test.slower")),
        };
        for row in 0..network.agents.len() as u32 {
            network.settle(START_S, row);
        }
        network
    }

    fn at(&mut self, time_s: f64, row: u32, event: Event) {
        self.sent += 1;
        self.events.insert((order(time_s), self.sent), (row, event));
    }

    /// Lets everything happen until `time_s`.
    fn run_until(&mut self, time_s: f64) {
        loop {
            let timer = self.due.peek().map(|&Reverse(due)| due);
            let event = self.events.first_key_value().map(|(&key, _)| key);
            // messages of an instant come before timers of the same
            if let Some((now, number)) = event
                && now <= order(time_s)
                && timer.is_none_or(|(due, _)| now <= due)
            {
                let (row, event) = self.events.remove(&(now, number)).unwrap();
                self.happen(instant(now), row, event);
            } else if let Some((due, row)) = timer
                && due <= order(time_s)
            {
                self.due.pop();
                let (now_s, next_s) = (instant(due), self.agents[row as usize].next_s());
                if next_s <= now_s + 1e-12 {
                    self.happen(now_s.max(next_s), row, Event::Advance);
                }
            } else {
                return;
            }
        }
    }

    fn happen(&mut self, now_s: f64, row: u32, event: Event) {
        if self.dead.contains(&row) {
            return;
        }
        let agent = &mut self.agents[row as usize];
        match event {
            Event::Advance => agent.advance(now_s),
            Event::Offer(offer) => {
                let number = agent.offer(now_s, offer).expect("there is room");
                let uploaded_s = now_s + offer.data_bits * offer.seconds_per_bit;
                self.at(uploaded_s, row, Event::Uploaded(number));
            }
            Event::Uploaded(number) => agent.uploaded(now_s, number),
            Event::Packet(packet) => _ = agent.receive(now_s, packet),
            Event::Arrive(job) => agent.arrive(now_s, job),
            Event::Sent(link) => agent.sent(now_s, link, now_s),
            Event::Computed(core) => agent.computed(now_s, core, now_s, Ok(())),
            Event::Reported(number, result) => agent.reported(now_s, number, result),
        }
        self.settle(now_s, row);
    }

    /// Does what an agent asks for.
    fn settle(&mut self, now_s: f64, row: u32) {
        let world = Arc::clone(&self.world);
        let hop_s = world.queues.as_ref().unwrap().information.unwrap().hop_s;
        while let Some(output) = self.agents[row as usize].poll() {
            match output {
                Output::Broadcast(packet) => {
                    for link in world.network.neighbours(row) {
                        let (most, draw) = &mut self.slower;
                        let takes_s = hop_s * draw.uniform(1.0, *most);
                        self.at(now_s + takes_s, link.to, Event::Packet(packet.clone()));
                    }
                }
                Output::Placed { number, placement } => {
                    self.placed.insert((row, number), placement);
                }
                Output::Transmit {
                    link, job, end_s, ..
                } => {
                    self.at(end_s, row, Event::Sent(link));
                    let link = &world.network.links()[link as usize];
                    self.at(end_s + link.propagation_s, link.to, Event::Arrive(job));
                }
                Output::Compute { core, end_s, .. } => self.at(end_s, row, Event::Computed(core)),
                Output::Ask { .. } | Output::Enter { .. } => {
                    unreachable!("agents decide themselves")
                }
                Output::Report { to, number, result } => {
                    self.at(now_s, to, Event::Reported(number, result));
                }
                Output::Ended { number, result } => {
                    let before = self.ended.insert((row, number), (now_s, result));
                    assert_eq!(before, None, "a task ends once");
                }
            }
        }
        let next_s = self.agents[row as usize].next_s();
        self.due.push(Reverse((order(next_s.max(now_s)), row)));
    }

    /// Offers the tasks of a slot to the nearest RSUs, now.
    fn offer(&mut self, slot: &Slot) -> Vec<u32> {
        let mut entries = Vec::new();
        for task in 0..slot.tasks.len() {
            let link = slot.links(task)[0];
            let vehicle = slot.tasks.vehicle[task] as usize;
            let offer = Offer {
                order: task as u64,
                cycles: slot.tasks.cycles[task],
                data_bits: slot.tasks.data_bits[task],
                deadline_s: slot.tasks.deadline_s[task],
                seconds_per_bit: link.seconds_per_bit,
                tx_power_w: slot.vehicles.tx_power_w[vehicle],
                cpu_hz: slot.vehicles.cpu_hz[vehicle],
                energy_coeff: slot.vehicles.energy_coeff[vehicle],
                local_wait_s: 0.0,
            };
            self.at(slot.now_s, link.rsu, Event::Offer(offer));
            entries.push(link.rsu);
        }
        entries
    }
}

fn world(sets: &[(&str, &str)]) -> Arc<World> {
    let sets: Vec<_> = sets
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Arc::new(World::new(&Scenario::builtin("lin2025", &sets).unwrap()).unwrap())
}

fn policy(name: &str) -> SharedFactory {
    PolicyRegistry::analytic().resolve(name, None).unwrap()
}

fn first_slot(world: &World, seed: u64) -> Slot {
    let mut slot = world.empty_slot();
    let mut traffic = Traffic::new(world, Streams::new(seed)).unwrap();
    traffic.advance(0, &mut slot).unwrap();
    slot
}

/// What became of every task in the simulator: (execution, wait, transmission, compute).
#[derive(Default)]
struct Ends(BTreeMap<u32, (Placement, [f64; 4])>);

impl Observer for Ends {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    fn ended(&mut self, _: usize, task: &TaskOutcome) {
        let o = task.outcome.unwrap();
        let parts = [
            o.wait_s,
            o.migration_s,
            o.compute_s,
            o.delay_s() - o.upload_s,
        ];
        self.0.insert(task.task, (task.placement, parts));
    }
}

/// All that differs between a run of agents and the simulation of the same seed is what sockets and clocks add.
#[test]
fn oracle_agents_take_as_long_as_the_simulation() {
    let names = ["mcatm", "ratom", "ratos", "ect", "oesda"];
    // whether tasks are decided at once or while they are uploaded, after another round of reports, changes nothing
    for (capability, seed, batch_s) in [("0.2", 0, 0.0), ("0.8", 1, 0.002), ("0.2", 2, 0.005)] {
        let world = world(&[("execution.capability", capability), ("fleet.size", "40")]);
        let slot = first_slot(&world, seed);
        let core_free_s = world.core_free_s(Streams::new(seed));
        for name in names {
            let mut ends = Ends::default();
            let options = Options {
                slots: 1,
                bound: BoundKind::Off,
            };
            replicate_observed(&world, &[policy(name)], seed, options, &mut ends).unwrap();

            let mut network = Network::with(&world, (name, batch_s), seed, &core_free_s);
            let entries = network.offer(&slot);
            network.run_until(8.0);
            let mut numbers = BTreeMap::new();
            for (task, entry) in entries.into_iter().enumerate() {
                let number = numbers.entry(entry).or_insert(0);
                *number += 1;
                let placement = network.placed[&(entry, *number)];
                let (expected, parts) = ends.0[&(task as u32)];
                assert_eq!(placement, expected, "{name} {seed} {task}");
                if placement == Placement::Local {
                    continue;
                }
                let (at_s, result) = network.ended[&(entry, *number)];
                let spent = result.expect("nothing fails").spent;
                let upload_s = slot.tasks.data_bits[task] * slot.links(task)[0].seconds_per_bit;
                let measured = [
                    spent.wait_s,
                    spent.transmission_s,
                    spent.compute_s,
                    at_s - upload_s,
                ];
                for (measured, expected) in measured.into_iter().zip(parts) {
                    let off_s = (measured - expected).abs();
                    assert!(off_s < 1e-9, "{name} {seed} {task}: {measured} {expected}");
                }
            }
            for agent in &network.agents {
                assert_eq!(agent.held(), (0, 0));
                assert_eq!((agent.counts().replanned, agent.counts().lost), (0, 0));
            }
        }
    }
}

/// Every agent sends as many packets as the flooding of the simulator counts: 172 a round, without those of the local server.
#[test]
fn paper_agents_send_the_packets_of_figure_6() {
    let world = world(&[]);
    let free_s = world.core_free_s(Streams::new(0));
    let mut network = Network::new(&world, "mcatm", 0, &free_s);
    network.run_until(1.05);
    let local = world.rsus.id.iter().position(|id| id == "local").unwrap();
    let rounds = network.agents[0].counts().rounds;
    assert_eq!(rounds, 14);
    let of_source = |source: usize| -> u64 {
        let agents = network.agents.iter();
        agents.map(|agent| agent.counts().broadcasts[source]).sum()
    };
    let neighbours = (0..21).filter(|&source| source != local);
    assert_eq!(neighbours.map(of_source).sum::<u64>(), 172 * rounds);
    let protocol = Protocol {
        rate_hz: 10.0,
        packet_bits: 2000.0,
        link_rate_bps: 1e9,
        ttl: 3,
        counting: Counting::PerBroadcast,
    };
    let mut flooding = Flooding::new(Arc::clone(&world.network), protocol);
    let all = flooding.round(&Sources::All, |_| true).packets;
    assert_eq!((0..21).map(of_source).sum::<u64>(), all * rounds);
}

/// Packets that overtake each other, as on sockets, change neither how many are sent nor who hears of whom. Of 21 servers on a grid, TTL 3: a neighbour of
/// the source that is first told by a detour of three links would not pass that copy on, and the server straight behind it would hear nothing; the copy
/// that comes later by one link is passed on in its place.
#[test]
fn closed_form_overtaken_packets_are_passed_on() {
    let world = world(&[]);
    let free_s = world.core_free_s(Streams::new(0));
    let (mut even, mut uneven) = (
        Network::new(&world, "mcatm", 0, &free_s),
        Network::new(&world, "mcatm", 0, &free_s),
    );
    uneven.slower.0 = 100.0;
    for network in [&mut even, &mut uneven] {
        network.run_until(1.05);
    }
    let counts = |network: &Network| -> Vec<_> {
        let agents = network.agents.iter();
        agents
            .map(|agent| (agent.counts().broadcasts.clone(), agent.counts().overtaken))
            .collect()
    };
    let (even, uneven) = (counts(&even), counts(&uneven));
    let sent = |counts: &[(Vec<u64>, u64)]| -> Vec<Vec<u64>> {
        counts.iter().map(|(sent, _)| sent.clone()).collect()
    };
    assert_eq!(sent(&even), sent(&uneven));
    assert!(even.iter().all(|&(_, overtaken)| overtaken == 0));
    let overtaken: u64 = uneven.iter().map(|&(_, overtaken)| overtaken).sum();
    assert!(overtaken > 20, "{overtaken}");
}

/// Servers that die take tasks with them: each is planned once more, and every task ends or is lost with a reason.
#[test]
fn property_no_task_is_forgotten() {
    let world = world(&[("execution.capability", "0.2"), ("fleet.size", "40")]);
    let free_s = world.core_free_s(Streams::new(3));
    let slot = first_slot(&world, 3);
    let local = world.rsus.id.iter().position(|id| id == "local").unwrap() as u32;
    for name in ["mcatm", "ect"] {
        let mut network = Network::new(&world, name, 3, &free_s);
        network.offer(&slot);
        network.run_until(0.05);
        network.dead = (0..21)
            .filter(|row| row % 3 == 0 && *row != local)
            .collect();
        network.run_until(30.0);
        let agent = &network.agents[local as usize];
        assert_eq!(agent.held().1, 0, "nothing stays open");
        assert!(agent.counts().replanned > 0);
        let at_vehicles = network.placed.values().filter(|p| **p == Placement::Local);
        assert_eq!(at_vehicles.count() + network.ended.len(), 40);
        let lost = network.ended.values().filter(|(_, result)| result.is_err());
        assert_eq!(lost.count() as u64, agent.counts().lost);
    }
}

/// What no server can have said changes nothing; what was said before is dropped.
#[test]
fn property_impossible_reports_are_dropped() -> Result<(), Error> {
    let world = world(&[]);
    let free_s = world.core_free_s(Streams::new(0));
    let mut network = Network::new(&world, "mcatm", 0, &free_s);
    let state = State {
        waiting: 0,
        core_free_s: vec![0.0; 6],
        link_free_s: vec![0.0; 3],
    };
    let packet = Packet {
        source: 1,
        sequence: 1 << 40,
        hops: 1,
        ttl: 3,
        state,
    };
    let wrong = [
        Packet {
            source: 21,
            ..packet.clone()
        },
        Packet {
            source: 0,
            ..packet.clone()
        },
        Packet {
            state: State {
                core_free_s: vec![0.0; 5],
                ..packet.state.clone()
            },
            ..packet
        },
        Packet {
            state: State {
                core_free_s: vec![f64::NAN; 6],
                ..packet.state.clone()
            },
            ..packet
        },
        Packet {
            state: State {
                link_free_s: vec![-1.0; 3],
                ..packet.state.clone()
            },
            ..packet
        },
    ];
    let agent = &mut network.agents[0];
    while agent.poll().is_some() {}
    for packet in wrong {
        assert!(!agent.receive(0.0, packet));
        assert_eq!(agent.poll(), None);
    }
    let links = world.network.leaving(1).len();
    let state = State {
        link_free_s: vec![0.0; links],
        ..packet.state.clone()
    };
    let packet = Packet { state, ..packet };
    assert!(agent.receive(0.0, packet.clone()));
    assert!(matches!(agent.poll(), Some(Output::Broadcast(onward)) if onward.ttl == 2));
    assert!(!agent.receive(0.0, packet));
    assert_eq!(agent.poll(), None);
    Ok(())
}
