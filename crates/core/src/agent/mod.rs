//! An RSU that decides for its own vehicles by what it has heard of others, forwards tasks, and executes them: a state machine
//! without I/O. What happens goes in with the time, what is to be done comes out of [`Agent::poll`].
//!
//! The crate `live` runs it on sockets and the clock. A test wires all agents of a scenario in memory, and their tasks take
//! exactly as long as in the simulator. Policies see the same [`Slot`] as in a run: the RSU's own state as it is, and that of others as
//! reports told it.

mod ask;
mod batch;
mod job;
mod open;
mod serving;

pub use ask::{Answer, Failed};
pub use job::{Done, Job, Loss, Offer, Spent};

use crate::backhaul::network::Link;
use crate::engine::world::World;
use crate::information::{Node, Packet, Reception};
use crate::policy::Policy;
use crate::queueing::Station;
use crate::slot::{Decision, Placement, Slot};
use open::Open;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A server that has missed so many rounds of reports is out; the half is for packets that dawdle.
const ROUNDS_MISSED: f64 = 3.5;

/// What an agent says of itself, in times from its report on: clocks need not agree.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Tasks that wait for a core.
    pub waiting: u32,
    /// When every core has done all that is queued for it \[s\].
    pub core_free_s: Vec<f64>,
    /// When each of its links, in the order of the neighbours, has sent all that is queued for it \[s\].
    pub link_free_s: Vec<f64>,
}

/// How an agent works.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// How long a task waits for others to be decided with it \[s\].
    pub batch_s: f64,
    /// How long the agent waits for the outcome of a task that it has sent out \[s\].
    pub answer_s: f64,
    /// Most tasks that it holds.
    pub tasks_max: usize,
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send this to all neighbours.
    Broadcast(Packet<State>),
    /// Tell the vehicle where its task runs; where that is the vehicle, the agent has done with it.
    Placed {
        /// The task.
        number: u64,
        /// Where it runs.
        placement: Placement,
    },
    /// Send the task's data over a link, from `begin_s` to `end_s`, and then call [`Agent::sent`].
    Transmit {
        /// Row of the link.
        link: u32,
        /// The task, as its next server receives it.
        job: Job,
        /// From when \[s\].
        begin_s: f64,
        /// Until when \[s\].
        end_s: f64,
    },
    /// Execute the task on a core, from `begin_s` to `end_s` if it takes as long as it should, and then call [`Agent::computed`].
    Compute {
        /// Which of the own cores.
        core: usize,
        /// The task.
        job: Job,
        /// From when \[s\].
        begin_s: f64,
        /// Until when \[s\].
        end_s: f64,
    },
    /// Tell another agent, `to`, what became of its task.
    Report {
        /// Its row.
        to: u32,
        /// Its number for the task.
        number: u64,
        /// What became of it.
        result: Result<Done, Loss>,
    },
    /// Ask the centre where these tasks run, and then call [`Agent::answered`] for each.
    Ask {
        /// The tasks.
        numbers: Vec<u64>,
        /// What became of the plan before, where the only task is planned anew.
        failed: Option<Failed>,
    },
    /// Tell the vehicle to hand its task, with its data, to the server that the centre has chosen.
    Enter {
        /// The task.
        number: u64,
        /// Row of that server.
        entry: u32,
        /// The task as that server is to get it.
        job: Job,
        /// How long the upload takes \[s\].
        upload_s: f64,
    },
    /// Tell the vehicle what became of its task; its data is not needed any more.
    Ended {
        /// The task.
        number: u64,
        /// What became of it.
        result: Result<Done, Loss>,
    },
}

/// Totals since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Own reports.
    pub rounds: u64,
    /// Broadcasts by the source of the report, in order of rows: the packets of Fig. 6.
    pub broadcasts: Vec<u64>,
    /// Packets dropped because their id was known.
    pub known: u64,
    /// Packets that came after a copy of them that had taken a longer path.
    pub overtaken: u64,
    /// Tasks that were planned anew.
    pub replanned: u64,
    /// Tasks that were lost.
    pub lost: u64,
}

/// The agent of one RSU.
pub struct Agent {
    world: Arc<World>,
    row: u32,
    settings: Settings,
    /// None where the centre decides.
    policy: Option<Box<dyn Policy>>,
    decision: Decision,
    slot: Slot,
    node: Node<State>,
    /// Number of the next round of reports: it goes out at so many periods.
    round: i64,
    rate_hz: f64,
    hop_s: f64,
    cores: Station,
    links: Vec<Station>,
    /// Tasks that are here or being sent on.
    jobs: BTreeMap<u64, Job>,
    next_key: u64,
    /// The key of what each core executes, with when that should end \[s\], and of what each link sends.
    on_core: Vec<Option<(u64, f64)>>,
    on_link: Vec<Option<u64>>,
    /// Tasks that arose here and have not ended.
    open: BTreeMap<u64, Open>,
    next_number: u64,
    /// Those that wait to be decided, and until when.
    batch: Vec<u64>,
    batch_s: f64,
    /// Answers of the cloud to come \[s\].
    cloud: Vec<(f64, u64)>,
    outputs: VecDeque<Output>,
    counts: Counts,
    scratch: Vec<f64>,
}

impl Agent {
    /// The agent of the RSU in row `row`, which begins at `start_s`. Its cores are busy with other work until `core_free_s`; one that
    /// is free at 0 has idled before. Numbers of reports and tasks begin after `first`, which must be greater than any that it used
    /// before: it is not believed otherwise. Without a policy it asks the centre; only then may tasks share its CPU, or servers keep
    /// their state to themselves.
    ///
    /// # Panics
    /// Where it has a policy, and tasks do not queue for cores, or servers do not tell each other their state.
    #[must_use]
    pub fn new(
        world: Arc<World>,
        row: u32,
        policy: Option<Box<dyn Policy>>,
        settings: Settings,
        (start_s, first): (f64, u64),
        core_free_s: &[f64],
    ) -> Self {
        let mut slot = world.empty_slot();
        // what is known of others is in the present state, as far as reports told it
        let told = slot.queues.as_mut().and_then(|q| q.information.take());
        assert!(policy.is_none() || told.is_some(), "servers report");
        let rate_hz = world.scenario.information.filter(|_| told.is_some());
        let rate_hz = rate_hz.map_or(0.0, |told| told.rate_hz);
        let (ttl, hop_s) = told.map_or((0, 0.0), |told| (told.ttl, told.hop_s));
        let idle = |&free_s: &f64| if free_s > 0.0 { free_s } else { start_s };
        let links = world.network.leaving(row).len();
        Self {
            row,
            settings,
            policy,
            decision: Decision::default(),
            slot,
            node: Node::new(row, ttl, first),
            round: (start_s * rate_hz).ceil() as i64,
            rate_hz,
            hop_s,
            cores: Station::new(core_free_s.iter().map(idle).collect()),
            links: vec![Station::new(vec![start_s]); links],
            jobs: BTreeMap::new(),
            next_key: 0,
            on_core: vec![None; core_free_s.len()],
            on_link: vec![None; links],
            open: BTreeMap::new(),
            next_number: first,
            batch: Vec::new(),
            batch_s: f64::INFINITY,
            cloud: Vec::new(),
            outputs: VecDeque::new(),
            counts: Counts {
                broadcasts: vec![0; world.rsus.len()],
                ..Counts::default()
            },
            scratch: Vec::new(),
            world,
        }
    }

    /// What is to be done next; ask until there is nothing.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`advance`](Self::advance) next, if nothing happens before \[s\].
    #[must_use]
    pub fn next_s(&self) -> f64 {
        let stations = std::iter::once(&self.cores).chain(&self.links);
        let timers = stations.filter_map(Station::next_s);
        let answers = self.open.values().map(|open| open.due_s);
        let cloud = self.cloud.iter().map(|&(at_s, _)| at_s);
        let first = self.round_s().min(self.batch_s);
        timers.chain(answers).chain(cloud).fold(first, f64::min)
    }

    /// Does what is due by now.
    pub fn advance(&mut self, now_s: f64) {
        if self.round_s() <= now_s {
            self.report(now_s);
            self.look_for_silence(now_s);
        }
        if self.batch_s <= now_s {
            self.decide_batch(now_s);
        }
        let cloud = std::mem::take(&mut self.cloud);
        let (over, left): (Vec<_>, Vec<_>) = cloud.into_iter().partition(|&(s, _)| s <= now_s);
        self.cloud = left;
        for (_, number) in over {
            let spent = Spent {
                cloud_s: self.slot.cloud_round_trip_s.unwrap_or(0.0),
                ..Spent::default()
            };
            let execution = None;
            self.reported(now_s, number, Ok(Done { execution, spent }));
        }
        self.look_for_answers(now_s);
        self.serve(now_s);
    }

    /// Takes a packet of reports. False if it was known, or names a server that does not exist or another number of cores or links than it has.
    pub fn receive(&mut self, now_s: f64, packet: Packet<State>) -> bool {
        let source = packet.source;
        let fits = (source as usize) < self.world.rsus.len() && self.fits(source, &packet.state);
        if !fits {
            return false;
        }
        if source == self.row {
            // its own comes back from its neighbours
            self.counts.known += 1;
            return false;
        }
        match self.node.receive(now_s, packet) {
            Reception::Known => {
                self.counts.known += 1;
                false
            }
            Reception::New(onward) => {
                onward.into_iter().for_each(|packet| self.broadcast(packet));
                true
            }
            Reception::Nearer(onward) => {
                self.counts.overtaken += 1;
                onward.into_iter().for_each(|packet| self.broadcast(packet));
                true
            }
        }
    }

    /// Takes a task that another agent has sent, complete.
    pub fn arrive(&mut self, now_s: f64, job: Job) {
        let is_mine = job
            .path
            .first()
            .is_none_or(|&row| self.world.network.leaving(self.row).contains(&row));
        let executes = match self.world.queues {
            Some(_) => !self.on_core.is_empty(),
            None => job.cpu_hz > 0.0,
        };
        if !is_mine || (job.path.is_empty() && !executes) {
            self.tell(now_s, job.entry, job.number, Err(Loss::Misrouted));
        } else if self.jobs.len() >= self.settings.tasks_max {
            self.tell(now_s, job.entry, job.number, Err(Loss::Full));
        } else {
            self.queue(now_s, job);
        }
    }

    /// A link has sent its task; it is free since `ended_s`.
    pub fn sent(&mut self, now_s: f64, link: u32, ended_s: f64) {
        let place = self.place(link);
        if let Some(key) = self.on_link[place].take() {
            self.jobs.remove(&key);
            self.links[place].end(0, ended_s);
            self.serve(now_s);
        }
    }

    /// A link could not deliver its task.
    pub fn undelivered(&mut self, now_s: f64, link: u32) {
        let place = self.place(link);
        let job = self.on_link[place].and_then(|key| self.jobs.get(&key));
        let ends = job.map(|job| (job.entry, job.number));
        self.sent(now_s, link, now_s);
        if let Some((entry, number)) = ends {
            self.tell(now_s, entry, number, Err(Loss::LinkFailed));
        }
    }

    /// A core has executed its task, or failed to; it is free since `ended_s`.
    pub fn computed(&mut self, now_s: f64, core: usize, ended_s: f64, result: Result<(), Loss>) {
        let Some((key, should_end_s)) = self.on_core[core].take() else {
            return;
        };
        let Some(mut job) = self.jobs.remove(&key) else {
            return;
        };
        // as long as it took, not as it should have
        job.spent.compute_s = (job.spent.compute_s + ended_s - should_end_s).max(0.0);
        if self.world.queues.is_some() {
            self.cores.end(core, ended_s);
        }
        let done = Done {
            execution: Some(self.row),
            spent: job.spent,
        };
        self.tell(now_s, job.entry, job.number, result.map(|()| done));
        self.serve(now_s);
    }

    /// Totals since the start.
    #[must_use]
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Tasks that are here, queued or served, and tasks that arose here and have not ended.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        (self.jobs.len(), self.open.len())
    }

    /// Tells the agent `entry`, or itself, what became of its task.
    fn tell(&mut self, now_s: f64, entry: u32, number: u64, result: Result<Done, Loss>) {
        if entry == self.row {
            self.reported(now_s, number, result);
        } else {
            let to = entry;
            self.outputs
                .push_back(Output::Report { to, number, result });
        }
    }

    fn report(&mut self, now_s: f64) {
        self.counts.rounds += 1;
        // rounds that were slept through are not made up for
        self.round = (self.round + 1).max((now_s * self.rate_hz).floor() as i64);
        let state = self.state(now_s);
        let packet = self.node.emit(now_s, state);
        self.broadcast(packet);
    }

    fn broadcast(&mut self, packet: Packet<State>) {
        self.counts.broadcasts[packet.source as usize] += 1;
        self.outputs.push_back(Output::Broadcast(packet));
    }

    /// Its own state.
    fn state(&mut self, now_s: f64) -> State {
        let ahead = |free_s: &f64| (free_s - now_s).max(0.0);
        self.cores.free_s(&mut self.scratch);
        let core_free_s = self.scratch.iter().map(ahead).collect();
        let mut link_free_s = Vec::with_capacity(self.links.len());
        for link in &self.links {
            link.free_s(&mut self.scratch);
            link_free_s.extend(self.scratch.iter().map(ahead));
        }
        State {
            waiting: self.cores.waiting() as u32,
            core_free_s,
            link_free_s,
        }
    }

    /// Whether `state` can be that of `source`.
    fn fits(&self, source: u32, state: &State) -> bool {
        let Some(queues) = self.world.queues.as_ref() else {
            return false;
        };
        let times = || state.core_free_s.iter().chain(&state.link_free_s);
        state.core_free_s.len() == queues.cores(source).len()
            && state.link_free_s.len() == self.world.network.leaving(source).len()
            && times().all(|s| s.is_finite() && *s >= 0.0)
    }

    /// When it reports next \[s\]; never, where servers do not.
    fn round_s(&self) -> f64 {
        match self.rate_hz > 0.0 {
            true => self.round as f64 / self.rate_hz,
            false => f64::INFINITY,
        }
    }

    /// Servers that have been heard of, and then no more.
    fn silent(&self, now_s: f64) -> BTreeSet<u32> {
        let since_s = now_s - ROUNDS_MISSED / self.rate_hz;
        let heard = self.node.all_heard();
        let silent = heard.filter(|&(source, heard)| source != self.row && heard.at_s < since_s);
        silent.map(|(source, _)| source).collect()
    }

    fn link(&self, row: u32) -> &Link {
        &self.world.network.links()[row as usize]
    }

    /// The place of one of its links among them.
    fn place(&self, row: u32) -> usize {
        (row - self.world.network.leaving(self.row).start) as usize
    }
}
