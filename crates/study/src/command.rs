//! A policy that is another program: slots as JSON lines go to its input, decisions come from its output.
//!
//! The program is started once for every seed, without a shell. A slot is one line, in the format that `wayside decide`
//! reads (`wayside schema slot`); the answer is one line too, `{"placements": [..]}`, as `wayside decide` prints it. Of a
//! placement only `task`, `mode`, `entry`, `execution`, `path` and `minimum_hz` are looked at.

use crate::control::Control;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use wayside_core::engine::PolicyFactory;
use wayside_core::engine::world::World;
use wayside_core::policy::Policy;
use wayside_core::process::Group;
use wayside_core::rng::Streams;
use wayside_core::scenario::{Channel, PolicyOptions};
use wayside_core::slot::{Decision, NamedSlot, Placement, Slot};
use wayside_core::{Error, Result};

/// The longest answer \[bytes\].
const LONGEST: u64 = 64 << 20;

/// How much of what the program says on stderr is kept for an error \[bytes\].
const SAID: usize = 2000;

/// The variable that tells the program the seed of its own random numbers.
pub const SEED_VARIABLE: &str = "WAYSIDE_POLICY_SEED";

/// Starts the program for every seed.
pub struct CommandPolicy {
    name: String,
    words: Vec<String>,
    limit: Duration,
    control: Arc<Control>,
    failure: Failure,
}

/// The first failure of any of the programs of a command.
type Failure = Arc<Mutex<Option<Error>>>;

impl CommandPolicy {
    /// The policy `name`, which `line` starts: words as in a shell, with quotes, but nothing is expanded. A decision that
    /// takes longer than `limit` ends the run by `control`.
    ///
    /// # Errors
    /// A line without words, or with a quote that is not closed.
    pub fn new(name: &str, line: &str, limit: Duration, control: Arc<Control>) -> Result<Self> {
        let words = shlex::split(line).filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| {
            let message =
                format!("must be a program and its arguments, with quotes closed, got {line:?}");
            Error::invalid("--policy-command", None, "", message)
        })?;
        Ok(Self {
            name: name.to_owned(),
            words,
            limit,
            control,
            failure: Failure::default(),
        })
    }

    /// The first failure since the last call.
    pub fn take_failure(&self) -> Option<Error> {
        self.failure.lock().expect("nobody panics with it").take()
    }

    fn start(&self, channel: Channel, streams: Streams) -> Result<Box<dyn Policy>> {
        let seed = streams.stream("policy.command").seed();
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .env(SEED_VARIABLE, seed.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Group::start(&mut command).map_err(|e| {
            let message = format!("cannot be started: {e}");
            Error::invalid(&self.words[0], None, "", message)
        });
        Ok(Box::new(Running {
            program: Program::new(&self.words[0], started?, self.limit),
            channel,
            control: Arc::clone(&self.control),
            failure: Arc::clone(&self.failure),
        }))
    }
}

impl PolicyFactory for CommandPolicy {
    fn name(&self) -> &str {
        &self.name
    }

    fn policy(&self, _: &PolicyOptions, streams: Streams) -> Result<Box<dyn Policy>> {
        self.start(Channel::default(), streams)
    }

    fn serves(&self, world: &World) -> Result<()> {
        let told = world.scenario.information.is_some() && world.queues.is_some();
        if told && world.scenario.time.slots > 1 {
            let message =
                "a slot as JSON holds the true queues, which this task hides from its policies";
            return Err(Error::invalid("policy", None, "", message));
        }
        Ok(())
    }

    fn for_run(&self, world: &World, streams: Streams) -> Result<Box<dyn Policy>> {
        self.serves(world)?;
        self.start(world.scenario.channel, streams)
    }
}

/// The policy of one seed.
struct Running {
    program: Program,
    channel: Channel,
    control: Arc<Control>,
    failure: Failure,
}

impl Policy for Running {
    fn decide(&mut self, slot: &Slot, decision: &mut Decision) {
        let named = NamedSlot::numbered(slot.clone());
        let answer = self.program.ask(named.to_json(&self.channel).to_string());
        let decided = answer.and_then(|line| {
            *decision = decode(&line, &named).map_err(|message| format!("answered {message}"))?;
            Ok(())
        });
        // a failure stops the run before the next slot; until then everything stays on its vehicle
        if let Err(message) = decided {
            let error = Error::invalid(&self.program.name, None, "", message);
            let mut failure = self.failure.lock().expect("nobody panics with it");
            failure.get_or_insert(error);
            self.control.cancel();
            decision.clear();
            let tasks = slot.tasks.len();
            decision.placements.resize(tasks, Placement::Local);
        }
    }
}

/// A program that answers line by line. Threads read and write, so that a program that does neither is noticed.
struct Program {
    name: String,
    process: Group,
    to: Option<Sender<String>>,
    answers: Receiver<std::io::Result<String>>,
    said: Arc<Mutex<Vec<u8>>>,
    limit: Duration,
    failed: bool,
}

impl Program {
    fn new(name: &str, mut process: Group, limit: Duration) -> Self {
        let child = process.child();
        let (to, lines) = mpsc::channel();
        let (answered, answers) = mpsc::channel();
        let said = Arc::new(Mutex::new(Vec::new()));
        if let Some(stdin) = child.stdin.take() {
            thread::spawn(move || write_lines(stdin, &lines));
        }
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                let mut stdout = BufReader::new(stdout);
                loop {
                    let mut line = String::new();
                    let read = (&mut stdout).take(LONGEST).read_line(&mut line);
                    let over = !matches!(read, Ok(1..));
                    if answered.send(read.map(|_| line)).is_err() || over {
                        break;
                    }
                }
            });
        }
        if let Some(mut stderr) = child.stderr.take() {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                let mut block = [0; 1024];
                while let Ok(count @ 1..) = stderr.read(&mut block) {
                    let mut said = said.lock().expect("nobody panics with it");
                    said.extend(&block[..count]);
                    let old = said.len().saturating_sub(SAID);
                    said.drain(..old);
                }
            });
        }
        Self {
            name: name.to_owned(),
            process,
            to: Some(to),
            answers,
            said,
            limit,
            failed: false,
        }
    }

    /// The answer to `line`.
    fn ask(&mut self, line: String) -> std::result::Result<String, String> {
        if self.failed {
            return Err("has failed before".to_owned());
        }
        let sent = self.to.as_ref().is_some_and(|to| to.send(line).is_ok());
        let problem = match self.answers.recv_timeout(self.limit) {
            Ok(Ok(line)) if line.ends_with('\n') => return Ok(line),
            Ok(Ok(line)) if line.len() as u64 >= LONGEST => {
                format!("answered with a line of more than {LONGEST} bytes")
            }
            Ok(Ok(line)) if !line.is_empty() => "ended in the middle of a line".to_owned(),
            Ok(Err(e)) => format!("answered with what is no text: {e}"),
            Err(RecvTimeoutError::Timeout) => {
                format!(
                    "took longer than {} s for a decision",
                    self.limit.as_secs_f64()
                )
            }
            _ if sent => "ended without an answer".to_owned(),
            _ => "ended".to_owned(),
        };
        self.failed = true;
        self.end();
        // what it said is complete once it has ended, or soon after
        thread::sleep(Duration::from_millis(50));
        let said = self.said.lock().expect("nobody panics with it");
        let said = String::from_utf8_lossy(&said);
        Err(match said.trim() {
            "" => problem,
            said => format!("{problem}; it said: {said}"),
        })
    }

    fn end(&mut self) {
        self.to = None;
        self.process.end();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.end();
    }
}

fn write_lines(mut stdin: ChildStdin, lines: &Receiver<String>) {
    for mut line in lines {
        line.push('\n');
        // who does not read is found by the missing answer
        if stdin
            .write_all(line.as_bytes())
            .and_then(|()| stdin.flush())
            .is_err()
        {
            break;
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    placements: Vec<AnswerPlacement>,
}

#[derive(Deserialize)]
struct AnswerPlacement {
    task: String,
    mode: String,
    entry: Option<String>,
    execution: Option<String>,
    #[serde(default)]
    path: Vec<String>,
    minimum_hz: Option<f64>,
}

/// The decision that the answer `line` makes of `named`.
///
/// # Errors
/// What is wrong with it: no JSON, a task that is unknown, missing or there twice, a placement that the slot does not admit.
pub fn decode(line: &str, named: &NamedSlot) -> std::result::Result<Decision, String> {
    let answer: Answer = serde_json::from_str(line).map_err(|e| format!("no decision: {e}"))?;
    let rows = |ids: &[String]| -> BTreeMap<String, u32> { ids.iter().cloned().zip(0..).collect() };
    let (tasks, rsus) = (rows(&named.task_ids), rows(&named.slot.rsus.id));
    let mut answers: Vec<Option<AnswerPlacement>> = Vec::new();
    answers.resize_with(tasks.len(), || None);
    for placement in answer.placements {
        let Some(&task) = tasks.get(&placement.task) else {
            return Err(format!("an unknown task {:?}", placement.task));
        };
        let place = &mut answers[task as usize];
        if place.is_some() {
            return Err(format!("{} twice", placement.task));
        }
        *place = Some(placement);
    }
    let mut decision = Decision::default();
    let reader = Reader { named, rsus };
    for (task, answer) in answers.iter().enumerate() {
        let id = &named.task_ids[task];
        let answer = answer.as_ref().ok_or_else(|| format!("nothing for {id}"))?;
        let placement = reader.placement(task, answer);
        let placement = placement.map_err(|message| format!("{id}: {message}"))?;
        decision.placements.push(placement);
    }
    if answers.iter().flatten().any(|a| a.minimum_hz.is_some()) {
        let minima = answers
            .iter()
            .flatten()
            .map(|a| a.minimum_hz.unwrap_or(0.0));
        decision.minimum_hz.extend(minima);
    }
    if named.slot.sessions.is_some() {
        return Ok(decision);
    }
    decision.check(&named.slot).map_err(|e| e.to_string())?;
    // where CPU is shared every task takes the route with the fewest hops
    if named.slot.queues.is_some() && answers.iter().flatten().any(|a| !a.path.is_empty()) {
        for (task, answer) in answers.iter().flatten().enumerate() {
            let path = reader.path(decision.placements[task], &answer.path);
            let id = &named.task_ids[task];
            decision
                .paths
                .push(&path.map_err(|message| format!("{id}: {message}"))?);
        }
    }
    Ok(decision)
}

struct Reader<'a> {
    named: &'a NamedSlot,
    rsus: BTreeMap<String, u32>,
}

impl Reader<'_> {
    fn rsu(&self, key: &str, id: Option<&String>) -> std::result::Result<u32, String> {
        let id = id.ok_or_else(|| format!("needs {key}"))?;
        let found = self.rsus.get(id).copied();
        found.ok_or_else(|| format!("{key} is an unknown RSU {id:?}"))
    }

    fn placement(
        &self,
        task: usize,
        answer: &AnswerPlacement,
    ) -> std::result::Result<Placement, String> {
        let slot = &self.named.slot;
        match answer.mode.as_str() {
            "local" => Ok(Placement::Local),
            "rsu" => {
                let execution = self.rsu("execution", answer.execution.as_ref())?;
                // a session names its host, and enters by the nearest RSU whatever it says
                let entry = match slot.sessions {
                    Some(_) => execution,
                    None => self.rsu("entry", answer.entry.as_ref())?,
                };
                Ok(Placement::Rsu { entry, execution })
            }
            "cloud" if slot.cloud_round_trip_s.is_some() => {
                let entry = self.rsu("entry", answer.entry.as_ref())?;
                match slot.links(task).iter().any(|link| link.rsu == entry) {
                    true => Ok(Placement::Cloud { entry }),
                    false => Err("must enter where covered".to_owned()),
                }
            }
            "cloud" => Err("there is no cloud".to_owned()),
            mode => Err(format!("mode must be local, rsu or cloud, got {mode:?}")),
        }
    }

    /// The rows of the links along `ids`, from the entry to the execution RSU.
    fn path(&self, placement: Placement, ids: &[String]) -> std::result::Result<Vec<u32>, String> {
        let Placement::Rsu { entry, execution } = placement else {
            return Ok(Vec::new());
        };
        let stops = ids.iter().map(|id| self.rsu("path", Some(id)));
        let stops = stops.collect::<std::result::Result<Vec<_>, _>>()?;
        if stops.first() != Some(&entry) || stops.last() != Some(&execution) {
            return Err("path must lead from entry to execution".to_owned());
        }
        let network = &self.named.slot.network;
        let hop = |ends: &[u32]| {
            let link = network.find(ends[0], ends[1]);
            link.ok_or_else(|| "path must follow links".to_owned())
        };
        stops.windows(2).map(hop).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wayside_core::Scenario;
    use wayside_core::engine::traffic::Traffic;

    /// The first slot of a small run.
    fn slot(scenario: &str) -> NamedSlot {
        let size = ("fleet.size".to_owned(), "4".to_owned());
        let world = World::new(&Scenario::builtin(scenario, &[size]).unwrap()).unwrap();
        let mut slot = world.empty_slot();
        let mut traffic = Traffic::new(&world, Streams::new(3)).unwrap();
        traffic.advance(0, &mut slot).unwrap();
        NamedSlot::numbered(slot)
    }

    fn all(named: &NamedSlot, of: impl Fn(usize) -> String) -> String {
        let tasks = 0..named.slot.tasks.len();
        let placements = tasks.map(|task| format!(r#"{{"task": "t{task}", {}}}"#, of(task)));
        let placements: Vec<_> = placements.collect();
        format!(r#"{{"placements": [{}]}}"#, placements.join(", "))
    }

    #[test]
    fn closed_form_answers_by_hand() {
        let named = slot("lin2025");
        let near = all(&named, |_| {
            r#""mode": "rsu", "entry": "local", "execution": "s1w1", "path": ["local", "w1", "s1w1"]"#.to_owned()
        });
        let decision = decode(&near, &named).unwrap();
        assert_eq!(decision.paths.of(3).len(), 2);
        assert!(decision.placements.iter().all(|p| p.is_migrated()));
        let cloud = all(&named, |_| {
            r#""mode": "cloud", "entry": "local""#.to_owned()
        });
        let decision = decode(&cloud, &named).unwrap();
        assert_eq!(decision.placements[0], Placement::Cloud { entry: 0 });
        for (answer, message) in [
            (
                r#""mode": "cloud", "entry": "s1""#,
                "must enter where covered",
            ),
            (r#""mode": "rsu", "entry": "local""#, "needs execution"),
            (
                r#""mode": "rsu", "entry": "locl", "execution": "s1""#,
                "unknown RSU \"locl\"",
            ),
            (r#""mode": "home""#, "mode must be local, rsu or cloud"),
            (
                r#""mode": "rsu", "entry": "local", "execution": "s1w1", "path": ["local", "s1w1"]"#,
                "path must follow links",
            ),
            (
                r#""mode": "rsu", "entry": "local", "execution": "s1w1", "path": ["local", "w1"]"#,
                "path must lead from entry to execution",
            ),
        ] {
            let error = decode(&all(&named, |_| answer.to_owned()), &named).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let shared = slot("wang2025");
        let cloud = all(&shared, |_| r#""mode": "cloud", "entry": "r0""#.to_owned());
        assert!(decode(&cloud, &shared).unwrap_err().contains("no cloud"));
        let least = all(&shared, |_| {
            r#""mode": "local", "minimum_hz": -1"#.to_owned()
        });
        assert!(decode(&least, &shared).unwrap_err().contains("minimum_hz"));
    }

    #[test]
    fn property_no_text_makes_the_decoder_panic() {
        const SYMBOLS: &[u8] = b" \"0123t[]{}:,er-l";
        let mut random = Streams::new(1).stream("mutations");
        for scenario in ["lin2025", "wang2025", "highway"] {
            let named = slot(scenario);
            let rsu = |task: usize| named.slot.rsus.id[task % named.slot.rsus.len()].clone();
            let whole = all(&named, |task| {
                let (entry, execution) = (rsu(task), rsu(task + 1));
                format!(
                    r#""mode": "rsu", "entry": "{entry}", "execution": "{execution}", "path": ["{entry}", "{execution}"], "minimum_hz": 1e9"#
                )
            });
            for _ in 0..2000 {
                let mut bytes = whole.clone().into_bytes();
                for _ in 0..=random.below(4) {
                    let at = random.below(bytes.len());
                    match random.below(3) {
                        0 => bytes[at] = SYMBOLS[random.below(SYMBOLS.len())],
                        1 if bytes.len() > 1 => _ = bytes.remove(at),
                        _ => bytes.truncate(at.max(1)),
                    }
                }
                if let Ok(text) = String::from_utf8(bytes) {
                    _ = decode(&text, &named);
                }
            }
        }
    }
}
