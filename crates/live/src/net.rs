//! The configuration of agents: who they are, where they are, how they work. One file for all.

mod work;

pub use work::{Program, Work};

use crate::client::{CentreAt, Url};
use crate::seal::Key;
use crate::tls::Trust;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use wayside_core::config::{Choice, Count, Document, Float, Presence, Section, Text, read};
use wayside_core::engine::world::World;
use wayside_core::error::{Error, Problem, Problems, Result};
use wayside_core::{input, scenario};
use work::{WORKS, WorkKind};

/// Who decides where tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecidedBy {
    /// Every agent for its own vehicles.
    Agents,
    /// The centre, which agents ask.
    Centre,
}

/// Who holds the links between agents to their rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaping {
    /// The agent that sends.
    Agent,
    /// The system, by `tc` for example: agents send as fast as they can, and measure how long that takes.
    System,
}

const SHAPINGS: [(&str, Shaping); 2] = [("agent", Shaping::Agent), ("system", Shaping::System)];

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
    /// Who holds links to their rate.
    pub shaping: Shaping,
    /// How long a task waits for others to be decided with it \[ms\], in time of the scenario.
    pub batch_ms: f64,
    /// How long the outcome of a task may take \[s\], in time of the scenario.
    pub answer_s: f64,
    /// Most tasks that an agent holds.
    pub tasks_max: usize,
    /// Most data that an agent holds \[MiB\].
    pub memory_mib: usize,
    /// The centre, for agents that ask it.
    pub centre: Option<CentreAt>,
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
    work: WorkKind,
    command: Option<Vec<String>>,
    command_s: f64,
    output_kib: u64,
    shaping: Shaping,
    batch_ms: f64,
    answer_s: f64,
    tasks_max: usize,
    memory_mib: usize,
    centre: Option<Url>,
    centre_token_file: Option<String>,
    centre_ca_file: Option<String>,
    agents: Vec<(String, Option<SocketAddr>, Option<SocketAddr>)>,
}

/// What the agents above take in a list already.
#[derive(Default)]
struct Before {
    ids: BTreeSet<String>,
    addresses: BTreeSet<(&'static str, SocketAddr)>,
}

impl Before {
    /// Takes the address of a key; what is wrong with it, if something is.
    fn takes(&mut self, key: &'static str, at: SocketAddr) -> Option<String> {
        if at.port() == 0 {
            return Some(format!("must have a port that others can know, got {at}"));
        }
        let is_new = self.addresses.insert((key, at));
        (!is_new).then(|| format!("{at} is taken by an agent above"))
    }
}

impl NetFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_toml(file: &str, text: &str) -> Result<Self> {
        let document = Document::from_toml(file, text)?;
        read(&document, |s| Some(Self::keys(s)))
    }

    // Long: the keys, one after another.
    fn keys(s: &mut Section<'_>) -> Self {
        let mut before = Before::default();
        let work = s.default(
            "work",
            Choice(&WORKS),
            WorkKind::Sleep,
            "what executing a task means: waiting, or computing, for as long as it takes, or a program",
        );
        Self {
            scenario: s.required("scenario", Text::NAME, "a built-in scenario, or a file"),
            key_file: s.required("key_file", Text::NAME, "file with the shared key"),
            dilate: s.default(
                "dilate",
                Float::between(0.01, 1e4),
                1.0,
                "seconds that a second of the scenario takes",
            ),
            work,
            command: work::command(s, work),
            command_s: s.default(
                "command_s",
                Float::between(0.001, 86_400.0),
                10.0,
                "how long the program may take, by the clock of the wall [s]",
            ),
            output_kib: s.default(
                "output_kib",
                Count {
                    min: 0_u64,
                    max: 1_000_000,
                },
                1024,
                "how much the program may write to its standard output [KiB]",
            ),
            shaping: s.default(
                "shaping",
                Choice(&SHAPINGS),
                Shaping::Agent,
                "who holds links to their rate: the agents, or the system",
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
            centre: centre(s),
            centre_token_file: s.optional(
                "centre_token_file",
                Text::NAME,
                "none",
                "file with the token that the centre wants",
            ),
            centre_ca_file: s.optional(
                "centre_ca_file",
                Text::NAME,
                "none",
                "file with the certificates that vouch for the centre, in PEM, where it speaks https",
            ),
            agents: s.list(
                "agent",
                Presence::Required,
                "where the agent of an RSU listens",
                |s, _| {
                    let id = s.required("id", Text::NAME, "the RSU");
                    if s.has("id") && !before.ids.insert(id.clone()) {
                        s.problem("id", format!("{id:?} is there twice"));
                    }
                    let mut address = |name, doc| {
                        let text = s.required(name, Text::NAME, doc);
                        let address: Option<SocketAddr> = text.parse().ok();
                        if address.is_none() && s.has(name) {
                            let message = format!("must be like 127.0.0.1:7101, got {text:?}");
                            s.problem(name, message);
                        }
                        if let Some(wrong) = address.and_then(|at| before.takes(name, at)) {
                            s.problem(name, wrong);
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

/// The centre, with what its kind of URL wants beside it.
fn centre(s: &mut Section<'_>) -> Option<Url> {
    let doc = "the centre, for agents with --policy centre";
    let text = s.optional("centre", Text::NAME, "none", doc);
    let url = text.as_deref().and_then(Url::parse);
    if let (Some(text), None) = (&text, &url) {
        s.problem("centre", Url::must(text));
    }
    let has_ca = s.has("centre_ca_file");
    if let Some(message) = url.as_ref().and_then(|url| url.ca_is_wrong(has_ca)) {
        s.problem("centre_ca_file", message);
    }
    url
}

impl NetFile {
    /// The centre, with the files that are named for it.
    fn centre(&self, folder: &Path) -> Result<Option<CentreAt>> {
        let Some(url) = self.centre.clone() else {
            return Ok(None);
        };
        let token = self.centre_token_file.as_ref();
        let token = token.map(|name| input::read_text(&folder.join(name)));
        let trust = self.centre_ca_file.as_ref();
        let trust = trust.map(|name| Trust::load(&folder.join(name)));
        Ok(Some(CentreAt {
            url,
            token: token.transpose()?.map(|text| text.trim().to_owned()),
            trust: trust.transpose()?,
        }))
    }

    /// Where agents are, by the row of their RSU in `world`.
    fn addresses(&self, file: &str, world: &World) -> Result<Vec<Addresses>> {
        let (mut agents, mut problems) = (Vec::new(), Problems::default());
        let mut wrong = |message: String| {
            problems.push(Problem {
                file: file.to_owned(),
                line: None,
                path: "agent".into(),
                message,
            });
        };
        for id in world.rsus.id.iter() {
            match self.agents.iter().find(|(name, ..)| name == id) {
                Some(&(_, Some(ri), Some(tasks))) => agents.push(Addresses { ri, tasks }),
                _ => wrong(format!("no agent for RSU {id:?} of the scenario")),
            }
        }
        for (id, ..) in &self.agents {
            if !world.rsus.id.contains(id) {
                wrong(format!("the scenario has no RSU {id:?}"));
            }
        }
        problems.into_result(agents)
    }
}

impl Net {
    /// Reads a configuration and the files that it names, relative to its own folder, for agents that decide themselves or ask the centre.
    ///
    /// # Errors
    /// Everything that is wrong with the file; a scenario or key that cannot be read; RSUs without an agent.
    pub fn load(path: &Path, by: DecidedBy) -> Result<Self> {
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
        check(&world, by)?;
        if by == DecidedBy::Centre && read.centre.is_none() {
            let message = "is missing: agents with --policy centre ask it";
            return Err(Error::invalid(&file, None, "centre", message));
        }
        let work = read.work(&file, folder)?;
        let centre = read.centre(folder)?;
        let agents = read.addresses(&file, &world)?;
        // agents that have another scenario do not understand each other
        let key = key.of_purpose(world.scenario.to_toml().as_bytes());
        Ok(Self {
            world: Arc::new(world),
            key,
            dilate: read.dilate,
            work,
            shaping: read.shaping,
            batch_ms: read.batch_ms,
            answer_s: read.answer_s,
            tasks_max: read.tasks_max,
            memory_mib: read.memory_mib,
            centre,
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
// Long: the keys, one after another.
pub(crate) fn check(world: &World, by: DecidedBy) -> Result<()> {
    let scenario = &world.scenario;
    let alone = by == DecidedBy::Agents;
    let told = scenario.information;
    let renewed = match scenario.execution {
        scenario::Execution::Queues(cores) => cores.renewed,
        _ => false,
    };
    let wrong = [
        (
            "execution.kind",
            alone && !scenario.execution.queues(),
            "must be \"queues\": agents that decide themselves forward tasks that queue for cores",
        ),
        (
            "execution.kind",
            world.sessions.is_some(),
            "must not be \"sessions\": agents execute tasks only",
        ),
        (
            "cloud",
            !alone && scenario.cloud_round_trip_s.is_some(),
            "must be left out: agents that ask the centre have no cloud",
        ),
        (
            "information",
            alone && told.is_none(),
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
    let mut problems = Problems::default();
    for (path, _, message) in wrong.into_iter().filter(|&(_, wrong, _)| wrong) {
        problems.push(Problem {
            file: "scenario".into(),
            line: None,
            path: path.into(),
            message: message.into(),
        });
    }
    problems.into_result(())
}
