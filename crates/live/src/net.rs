//! The configuration of agents: who they are, where they are, how they work. One file for all.

use crate::seal::Key;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayside_core::config::{Choice, Count, Document, Float, Presence, Section, Text, read};
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Result};
use wayside_core::{input, scenario};

/// What executing a task means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Waiting for as long as it would take.
    Sleep,
    /// Computing for as long as it would take.
    Burn,
}

const WORKS: [(&str, Work); 2] = [("sleep", Work::Sleep), ("burn", Work::Burn)];

/// Agents of one scenario.
#[derive(Clone, Debug)]
pub struct Net {
    /// The scenario, laid out.
    pub world: Arc<World>,
    /// What all agents share, and nobody else knows.
    pub key: Key,
    /// Seconds that a second of the scenario takes.
    pub dilate: f64,
    /// What executing a task means.
    pub work: Work,
    /// How long a task waits for others to be decided with it \[ms\], in time of the scenario.
    pub batch_ms: f64,
    /// How long the outcome of a task may take \[s\], in time of the scenario.
    pub answer_s: f64,
    /// Most tasks that an agent holds.
    pub tasks_max: usize,
    /// Most data that an agent holds \[MiB\].
    pub memory_mib: usize,
    /// Where agents are, by the row of their RSU.
    pub agents: Vec<Addresses>,
}

/// Where an agent listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For related information, by UDP.
    pub ri: SocketAddr,
    /// For tasks, by TCP.
    pub tasks: SocketAddr,
}

/// A configuration as its file says it: nothing that it names has been read.
#[derive(Clone, Debug, PartialEq)]
pub struct NetFile {
    scenario: String,
    key_file: String,
    dilate: f64,
    work: Work,
    batch_ms: f64,
    answer_s: f64,
    tasks_max: usize,
    memory_mib: usize,
    agents: Vec<(String, Option<SocketAddr>, Option<SocketAddr>)>,
}

impl NetFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(file: &str, text: &str) -> Result<Self> {
        let document = Document::from_toml(file, text)?;
        read(&document, |s| {
            let net = Self::keys(s);
            let mut ids: Vec<&str> = net.agents.iter().map(|(id, ..)| id.as_str()).collect();
            ids.sort_unstable();
            if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
                s.problem("agent", format!("{:?} is there twice", twice[0]));
            }
            Some(net)
        })
    }

    // Long: the keys, one after another.
    fn keys(s: &mut Section<'_>) -> Self {
        Self {
            scenario: s.required("scenario", Text::NAME, "a built-in scenario, or a file"),
            key_file: s.required("key_file", Text::NAME, "file with the shared key"),
            dilate: s.default(
                "dilate",
                Float::between(0.01, 1e4),
                1.0,
                "seconds that a second of the scenario takes",
            ),
            work: s.default(
                "work",
                Choice(&WORKS),
                Work::Sleep,
                "what executing a task means: waiting, or computing, for as long as it takes",
            ),
            batch_ms: s.default(
                "batch_ms",
                Float::between(0.0, 60_000.0),
                2.0,
                "how long a task waits for others to be decided with it [ms]",
            ),
            answer_s: s.default(
                "answer_s",
                Float::between(0.01, 86_400.0),
                10.0,
                "how long the outcome of a task may take [s]",
            ),
            tasks_max: s.default(
                "tasks_max",
                Count {
                    min: 1,
                    max: 1_000_000,
                },
                1000,
                "most tasks that an agent holds",
            ),
            memory_mib: s.default(
                "memory_mib",
                Count {
                    min: 1,
                    max: 1_000_000,
                },
                512,
                "most data of tasks that an agent holds [MiB]",
            ),
            agents: s.list(
                "agent",
                Presence::Required,
                "where the agent of an RSU listens",
                |s, _| {
                    let id = s.required("id", Text::NAME, "the RSU");
                    let mut address = |name, doc| {
                        let text = s.required(name, Text::NAME, doc);
                        let address = text.parse().ok();
                        if address.is_none() && s.has(name) {
                            let message = format!("must be like 127.0.0.1:7101, got {text:?}");
                            s.problem(name, message);
                        }
                        address
                    };
                    let ri = address("ri", "address and port for related information, UDP");
                    let tasks = address("tasks", "address and port for tasks, TCP");
                    (id, ri, tasks)
                },
            ),
        }
    }
}

impl Net {
    /// Reads a configuration and the files that it names, relative to its own folder.
    ///
    /// # Errors
    /// Everything that is wrong with the file; a scenario or key that cannot be read; RSUs without an agent.
    pub fn load(path: &Path) -> Result<Self> {
        let file = path.display().to_string();
        let read = NetFile::from_toml(&file, &input::read_text(path)?)?;
        let folder = input::folder_of(path);
        let key = Key::load(&folder.join(&read.key_file))?;
        let near = folder.join(&read.scenario);
        let named = match near.is_file() {
            true => near,
            false => PathBuf::from(&read.scenario),
        };
        let scenario = scenario::resolve(&named.to_string_lossy(), &[])?;
        let world = World::new(&scenario)?;
        check(&world)?;
        let invalid = |message: String| Error::invalid(&file, None, "agent", message);
        let mut agents = Vec::new();
        for id in world.rsus.id.iter() {
            let agent = read.agents.iter().find(|(name, ..)| name == id);
            let Some((_, Some(ri), Some(tasks))) = agent else {
                return Err(invalid(format!("no agent for RSU {id:?} of the scenario")));
            };
            let (ri, tasks) = (*ri, *tasks);
            agents.push(Addresses { ri, tasks });
        }
        let known = |id: &String| world.rsus.id.contains(id);
        if let Some((id, ..)) = read.agents.iter().find(|(id, ..)| !known(id)) {
            return Err(invalid(format!("the scenario has no RSU {id:?}")));
        }
        // agents that have another scenario do not understand each other
        let key = key.of_purpose(world.scenario.to_toml().as_bytes());
        Ok(Self {
            world: Arc::new(world),
            key,
            dilate: read.dilate,
            work: read.work,
            batch_ms: read.batch_ms,
            answer_s: read.answer_s,
            tasks_max: read.tasks_max,
            memory_mib: read.memory_mib,
            agents,
        })
    }

    /// The row of an RSU.
    ///
    /// # Errors
    /// There is none of this name.
    pub fn row(&self, id: &str) -> Result<u32> {
        let ids = self.world.rsus.id.iter().zip(0..);
        let mut found = ids.filter(|(name, _)| *name == id).map(|(_, row)| row);
        found.next().ok_or_else(|| {
            let known = self.world.rsus.id.join(", ");
            Error::invalid(
                "--id",
                None,
                "",
                format!("no RSU {id:?}, there are {known}"),
            )
        })
    }

    /// Whether all of it stays on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let local = |a: &Addresses| a.ri.ip().is_loopback() && a.tasks.ip().is_loopback();
        self.agents.iter().all(local)
    }
}

/// Refuses scenarios that agents cannot live.
///
/// # Errors
/// Names all keys that stand against it.
pub(crate) fn check(world: &World) -> Result<()> {
    let scenario = &world.scenario;
    let told = scenario.information;
    let renewed = match scenario.execution {
        scenario::Execution::Queues(cores) => cores.renewed,
        _ => false,
    };
    let wrong = [
        (
            "execution.kind",
            !scenario.execution.queues(),
            "must be \"queues\": agents forward tasks that queue for cores",
        ),
        (
            "information",
            told.is_none(),
            "is missing: agents know each other by related information only",
        ),
        (
            "information.delay_s",
            told.is_some_and(|told| told.delay_s > 0.0),
            "must be 0: agents send at once",
        ),
        (
            "information.false_share",
            told.is_some_and(|told| told.false_share > 0.0),
            "must be 0: agents do not lie",
        ),
        (
            "execution.renewed",
            renewed,
            "must be false: agents have no other work that comes again",
        ),
        (
            "fault",
            !scenario.faults.is_empty(),
            "must be empty: stop an agent instead",
        ),
        (
            "result",
            scenario.result.is_some(),
            "is not there yet: agents return outcomes, not results",
        ),
    ];
    let mut problems = wayside_core::error::Problems::default();
    for (path, _, message) in wrong.into_iter().filter(|&(_, wrong, _)| wrong) {
        problems.push(wayside_core::error::Problem {
            file: "scenario".into(),
            line: None,
            path: path.into(),
            message: message.into(),
        });
    }
    problems.into_result(())
}
