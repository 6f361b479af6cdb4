//! What migration policies read: every task's own server, the servers that it may be migrated to, and the
//! links between them, as that server knows them.
//!
//! Where CPU is shared (system 1) there are no queues to see: then every server is one core of the CPU
//! that it has to grant, and all links idle.

use crate::model::transfer;
use crate::ragged::Ragged;
use crate::slot::queues::{QueueState, Queues};
use crate::slot::{Placement, Slot};
use std::ops::Range;

/// One slot as migration policies see it, keeping its memory. Times count from now.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The servers that tasks enter by, in order of their first task.
    pub sources: Vec<EntryServer>,
    /// Servers in the eyes of every source.
    pub servers: Vec<SeenServer>,
    /// When each of their cores has done all that is queued for it \[s\].
    pub core_free_s: Vec<f64>,
    /// The tasks, in order of arrival.
    pub tasks: Vec<SeenTask>,
    /// Bits queued on all links, once for all sources or once for each.
    backlog_bits: Vec<f64>,
    /// By RSU the rows of `servers` that show it.
    rows: Ragged<u32>,
    source_of: Vec<u32>,
    entering: Vec<u32>,
    links: usize,
    /// n: how far it looks \[hops\].
    pub max_hops: u32,
}

/// A server that tasks enter by.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryServer {
    /// Row of the RSU.
    pub entry: u32,
    /// What it knows: itself first, then all that it has heard of within n hops, by (hops, RSU).
    pub servers: Range<u32>,
}

/// A server in the eyes of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenServer {
    /// Row of the RSU.
    pub rsu: u32,
    /// Hops from the source.
    pub hops: u32,
    /// Time of one bit over the shortest route there \[s/bit\].
    pub seconds_per_bit: f64,
    /// Speed of a core \[Hz\].
    pub core_hz: f64,
    /// Rows of its cores; none where it is known not to work.
    pub cores: Range<u32>,
}

/// A task as the server that it enters by sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeenTask {
    /// Index of its source; `None` where no RSU covers the vehicle.
    pub source: Option<u32>,
    /// When its data is complete at the source \[s\].
    pub ready_s: f64,
    /// Data \[bit\].
    pub data_bits: f64,
    /// Cycles.
    pub cycles: f64,
    /// Max tolerable delay \[s\].
    pub deadline_s: f64,
}

const NONE: u32 = u32::MAX;

impl View {
    /// Looks at `slot`, `max_hops` far.
    pub fn observe(&mut self, slot: &Slot, max_hops: u32) {
        self.links = slot.network.links().len();
        self.max_hops = max_hops;
        self.look_at_tasks(slot);
        self.servers.clear();
        self.core_free_s.clear();
        for source in 0..self.sources.len() {
            let first = self.servers.len() as u32;
            self.look_around(slot, self.sources[source].entry, max_hops);
            self.sources[source].servers = first..self.servers.len() as u32;
        }
        let rows = self.servers.iter().zip(0..);
        self.rows.group(
            slot.rsus.len(),
            rows.map(|(server, row)| (server.rsu as usize, row)),
        );
        self.look_at_links(slot);
    }

    /// The server itself among those of `source`.
    #[must_use]
    pub fn own(&self, source: u32) -> usize {
        self.sources[source as usize].servers.start as usize
    }

    /// The servers that `source` may migrate to.
    #[must_use]
    pub fn candidates(&self, source: u32) -> Range<usize> {
        let servers = &self.sources[source as usize].servers;
        servers.start as usize + 1..servers.end as usize
    }

    /// When the cores of a server are free.
    #[must_use]
    pub fn cores(&self, server: usize) -> &[f64] {
        let cores = &self.servers[server].cores;
        &self.core_free_s[cores.start as usize..cores.end as usize]
    }

    /// At that server for a task that enters by `entry`; on the vehicle where it has no core that works.
    #[must_use]
    pub fn place(&self, entry: u32, server: usize) -> Placement {
        let server = &self.servers[server];
        let execution = server.rsu;
        match server.cores.is_empty() {
            true => Placement::Local,
            false => Placement::Rsu { entry, execution },
        }
    }

    /// All rows that show the same server as row `server`.
    #[must_use]
    pub fn same(&self, server: usize) -> &[u32] {
        self.rows.row(self.servers[server].rsu as usize)
    }

    /// Bits queued on every link, as `source` knows.
    #[must_use]
    pub fn backlog_bits(&self, source: u32) -> &[f64] {
        let row = if self.backlog_bits.len() == self.links {
            0
        } else {
            source as usize
        };
        &self.backlog_bits[row * self.links..(row + 1) * self.links]
    }

    /// Tasks, and the sources that they make.
    fn look_at_tasks(&mut self, slot: &Slot) {
        self.sources.clear();
        self.source_of.clear();
        self.source_of.resize(slot.rsus.len(), NONE);
        self.entering.clear();
        self.tasks.clear();
        for n in 0..slot.tasks.len() {
            let source = slot.links(n).first().map(|link| {
                let source = &mut self.source_of[link.rsu as usize];
                if *source == NONE {
                    *source = self.sources.len() as u32;
                    let (entry, servers) = (link.rsu, 0..0);
                    self.sources.push(EntryServer { entry, servers });
                    self.entering.push(0);
                }
                self.entering[*source as usize] += 1;
                *source
            });
            self.tasks.push(SeenTask {
                source,
                ready_s: 0.0,
                data_bits: slot.tasks.data_bits[n],
                cycles: slot.tasks.cycles[n],
                deadline_s: slot.tasks.deadline_s[n],
            });
        }
        for (n, task) in self.tasks.iter_mut().enumerate() {
            let (Some(source), Some(link)) = (task.source, slot.links(n).first()) else {
                continue;
            };
            // An uplink is a task's own where there are queues; else all that enter share the band (6).
            let sharing = match slot.queues {
                Some(_) => 1.0,
                None => f64::from(self.entering[source as usize]),
            };
            task.ready_s = transfer::upload_s(task.data_bits, link.seconds_per_bit, sharing);
        }
    }

    /// Appends what the server `entry` knows of itself and of others.
    fn look_around(&mut self, slot: &Slot, entry: u32, max_hops: u32) {
        for target in slot.routes.targets(entry) {
            if target.hops > max_hops {
                break;
            }
            let first = self.core_free_s.len() as u32;
            let core_hz = match &slot.queues {
                Some(queues) => {
                    if let Some(state) = queues.seen(target.hops) {
                        self.append_cores(queues, state, target.rsu);
                    }
                    queues.core_hz[target.rsu as usize]
                }
                None => {
                    let available_hz = slot.rsus.available_cpu_hz(target.rsu as usize);
                    if available_hz > 0.0 {
                        self.core_free_s.push(0.0);
                    }
                    available_hz
                }
            };
            let cores = first..self.core_free_s.len() as u32;
            // No task migrates to a server that is down or that nothing was heard of.
            if target.hops == 0 || !cores.is_empty() {
                self.servers.push(SeenServer {
                    rsu: target.rsu,
                    hops: target.hops,
                    seconds_per_bit: target.seconds_per_bit,
                    core_hz,
                    cores,
                });
            }
        }
    }

    fn append_cores(&mut self, queues: &Queues, state: &QueueState, rsu: u32) {
        if !state.up.get(rsu as usize).is_none_or(|&up| up) {
            return;
        }
        let free_s = &state.core_free_s[queues.cores(rsu)];
        let now_s = queues.present.time_s;
        self.core_free_s
            .extend(free_s.iter().map(|free_s| (free_s - now_s).max(0.0)));
    }

    /// The queues of all links: the same for everyone where nothing or everything is known.
    fn look_at_links(&mut self, slot: &Slot) {
        let links = slot.network.links();
        self.backlog_bits.clear();
        let Some(queues) = &slot.queues else {
            self.backlog_bits.resize(links.len(), 0.0);
            return;
        };
        let now_s = queues.present.time_s;
        let bits = |state: &QueueState, link: usize| {
            (state.link_free_s[link] - now_s).max(0.0) * links[link].rate_bps
        };
        if queues.information.is_none() {
            self.backlog_bits
                .extend((0..links.len()).map(|link| bits(&queues.present, link)));
            return;
        }
        // A link that nothing was heard of counts as idle.
        self.backlog_bits
            .resize(links.len() * self.sources.len(), 0.0);
        if links.is_empty() {
            return;
        }
        for (source, row) in self
            .sources
            .iter()
            .zip(self.backlog_bits.chunks_exact_mut(links.len()))
        {
            for target in slot.routes.targets(source.entry) {
                let Some(state) = queues.seen(target.hops) else {
                    continue;
                };
                for link in slot.network.leaving(target.rsu) {
                    row[link as usize] = bits(state, link as usize);
                }
            }
        }
    }
}
