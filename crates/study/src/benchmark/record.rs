//! The record of a run: every slot and every decision, from which others can compute its results again.
//!
//! A file per task, policy and seed, `records/TASK.POLICY.seedN.jsonl.gz`. The first line says what the run is; one with
//! `slot` and `decision` follows for each decision, and one with `ended` for each task whose outcome is known later,
//! because it queued.

use super::suite::BenchmarkTask;
use crate::decision::{self, DelayParts};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use wayside_core::engine::decider::Decider;
use wayside_core::engine::world::World;
use wayside_core::engine::{Observer, TaskOutcome};
use wayside_core::evaluate::Outcome;
use wayside_core::scenario::Channel;
use wayside_core::slot::{NamedSlot, Slot};
use wayside_core::{Error, Result};
use wayside_output::Folder;

/// The version of the format.
pub(super) const FORMAT: &str = "wayside-record-1";

/// Whether a benchmark may write a record of this name.
pub(super) fn is_record(name: &str) -> bool {
    let stem = name.strip_prefix("records/");
    stem.and_then(|name| name.strip_suffix(".jsonl.gz"))
        .is_some_and(|name| name.contains(".seed"))
}

/// The name of a policy as part of the name of a file.
pub(super) fn stem(policy: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let stem: String = policy
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    stem.chars().take(60).collect()
}

/// What the records of one task share.
pub(super) struct Recording {
    pub(super) folder: Arc<Folder>,
    pub(super) suite: String,
    pub(super) task: BenchmarkTask,
    pub(super) world: Arc<World>,
    pub(super) policies: Vec<String>,
    pub(super) failure: Arc<Mutex<Option<Error>>>,
}

impl Recording {
    /// The observer of one seed.
    pub(super) fn seed(self: &Arc<Self>, seed: u64) -> Recorder {
        let open = |policy: &String| -> Result<GzEncoder<BufWriter<File>>> {
            let name = self.name(policy, seed);
            let file = BufWriter::new(self.folder.create(&name)?);
            let mut file = GzEncoder::new(file, Compression::fast());
            let header = self.header(policy, seed);
            writeln!(file, "{header}").map_err(|e| Error::io(&self.folder.shown(&name), e))?;
            Ok(file)
        };
        let files = self.policies.iter().map(open).collect::<Result<Vec<_>>>();
        let files = files.unwrap_or_else(|error| {
            self.fail(error);
            Vec::new()
        });
        Recorder {
            recording: Arc::clone(self),
            seed,
            files,
        }
    }

    fn name(&self, policy: &str, seed: u64) -> String {
        format!(
            "records/{}.{}.seed{seed}.jsonl.gz",
            self.task.id,
            stem(policy)
        )
    }

    fn fail(&self, error: Error) {
        let mut failure = self.failure.lock().expect("nobody panics with it");
        failure.get_or_insert(error);
    }

    /// What a run is, and what is not in its slots.
    fn header(&self, policy: &str, seed: u64) -> Value {
        let scenario = &self.world.scenario;
        let balance = scenario.load_balance;
        let mut header = json!({
            "record": FORMAT,
            "suite": self.suite,
            "task": self.task.id,
            "track": self.task.track.word(),
            "policy": policy,
            "seed": seed,
            "carry_over": scenario.time.carry_over,
            "load_balance": {
                "delta": balance.delta,
                "alpha": balance.alpha,
                "tau_min": balance.tau_min,
                "enforce": balance.enforce,
            },
        });
        if let Some(sessions) = scenario.execution.sessions() {
            header["interruption_s"] = json!(sessions.interruption_s);
        }
        header
    }
}

/// Writes the records of one seed.
pub(super) struct Recorder {
    recording: Arc<Recording>,
    seed: u64,
    /// By policy.
    files: Vec<GzEncoder<BufWriter<File>>>,
}

impl Recorder {
    fn write(&mut self, policy: usize, line: &Value) {
        let Some(file) = self.files.get_mut(policy) else {
            return;
        };
        if let Err(e) = writeln!(file, "{line}") {
            self.fail(policy, e);
        }
    }

    fn fail(&self, policy: usize, error: io::Error) {
        let recording = &self.recording;
        let name = recording.name(&recording.policies[policy], self.seed);
        recording.fail(Error::io(&recording.folder.shown(&name), error));
    }
}

impl Observer for Recorder {
    fn slot(&mut self, _: usize, _: &Slot) -> ControlFlow<()> {
        let failure = self
            .recording
            .failure
            .lock()
            .expect("nobody panics with it");
        match *failure {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    fn decided(&mut self, t: usize, policy: usize, slot: &Slot, decider: &Decider) {
        let channel = self.recording.world.scenario.channel;
        let line = decided(t, slot, decider, &channel);
        self.write(policy, &line);
    }

    fn ended(&mut self, policy: usize, task: &TaskOutcome) {
        let line = json!({ "ended": {
            "slot": task.slot,
            "task": format!("t{}", task.task),
            "outcome": task.outcome.as_ref().ok().map(|outcome| json!({
                "delay_s": outcome.delay_s(),
                "energy_j": outcome.energy_j(),
                "delay_parts_s": DelayParts::of(outcome),
                "deadline_met": outcome.delay_s() <= task.deadline_s,
            })),
        }});
        self.write(policy, &line);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        for (policy, file) in std::mem::take(&mut self.files).into_iter().enumerate() {
            let finished = file.finish().and_then(|mut file| file.flush());
            if let Err(e) = finished {
                self.fail(policy, e);
            }
        }
    }
}

/// A slot as it is after the decision, and the decision.
fn decided(t: usize, slot: &Slot, decider: &Decider, channel: &Channel) -> Value {
    let named = NamedSlot::numbered(slot.clone());
    // where tasks queue their outcomes follow
    let (none, outcomes) = (Outcome::default(), decider.outcomes());
    let known = slot.queues.is_none();
    let placement = |task: usize| {
        let outcome = outcomes.get(task).unwrap_or(&none);
        let mut placement = json!(decision::placement(&named, decider, task, outcome));
        if !known {
            let fields = placement.as_object_mut().expect("an object");
            for key in ["delay_s", "energy_j", "delay_parts_s", "deadline_met"] {
                fields.shift_remove(key);
            }
        }
        placement
    };
    let placements: Vec<Value> = (0..slot.tasks.len()).map(placement).collect();
    let mut decision = json!({ "placements": placements });
    if known {
        let loads: Vec<f64> = decider.loads().collect();
        decision["lbm"] = json!(wayside_core::model::load::lbm(decider.loads()));
        decision["loads"] = json!(loads);
    }
    json!({
        "t": t,
        "now_s": slot.now_s,
        "slot": named.to_json(channel),
        "decision": decision,
    })
}
