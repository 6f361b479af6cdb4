//! `progress.csv` and the event file for `TensorBoard`.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use wayside_core::error::{Error, Result};
use wayside_output::Folder;

use super::report::no_report;
use super::{Algorithm, Progress, events};
use crate::algo::learner::{Losses, Report};
use crate::nn::state::invalid;
use crate::trainer::learned::Score;

/// Name of the table.
pub(super) const TABLE: &str = "progress.csv";

/// Whether `name` is that of our events: `events.out.tfevents.1700000000.wayside`.
pub(super) fn is_events(name: &str) -> bool {
    let time = name.strip_prefix("events.out.tfevents.");
    let time = time.and_then(|rest| rest.strip_suffix(".wayside"));
    time.is_some_and(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit()))
}

/// Columns of the table, tags of the events: those of stable-baselines3, then ours.
const FIRST: [&str; 6] = [
    "time/iterations",
    "time/total_timesteps",
    "wayside/slots",
    "wayside/reward",
    "rollout/ep_rew_mean",
    "rollout/ep_len_mean",
];

const ON_POLICY: [&str; 10] = [
    "train/learning_rate",
    "train/policy_gradient_loss",
    "train/value_loss",
    "train/loss",
    "train/entropy_loss",
    "train/approx_kl",
    "train/clip_fraction",
    "train/explained_variance",
    "train/reward_clipped",
    "train/n_updates",
];

const SAC: [&str; 7] = [
    "train/learning_rate",
    "train/actor_loss",
    "train/critic_loss",
    "train/ent_coef",
    "train/entropy_loss",
    "train/reward_clipped",
    "train/n_updates",
];

/// Times come last: only they differ between trainings of one seed.
const LAST: [&str; 8] = [
    "wayside/objective",
    "wayside/lower_bound",
    "wayside/gap",
    "wayside/delay_s",
    "wayside/energy_j",
    "wayside/deadline_met",
    "time/time_elapsed",
    "time/cpu_s",
];

/// All columns for the kind of learner that reports.
fn columns(report: &Report) -> impl Iterator<Item = &'static str> {
    let train: &[_] = match report.losses {
        Losses::OnPolicy(_) => &ON_POLICY,
        Losses::Sac(_) => &SAC,
    };
    FIRST.iter().chain(train).chain(&LAST).copied()
}

impl Progress {
    /// The row of `progress.csv`: columns with their values, none where there is none.
    pub fn metrics(&self) -> impl Iterator<Item = (&'static str, Option<f64>)> {
        columns(&self.report).map(|tag| (tag, value(self, tag)))
    }
}

fn value(p: &Progress, tag: &str) -> Option<f64> {
    let score = |f: fn(&Score) -> f64| p.score.as_ref().map(f);
    match tag {
        "wayside/slots" => Some(p.slots as f64),
        "wayside/reward" => p.reward,
        "wayside/objective" => score(|s| s.objective),
        "wayside/lower_bound" => score(|s| s.lower_bound),
        "wayside/gap" => score(|s| s.gap),
        "wayside/delay_s" => score(|s| s.delay_s),
        "wayside/energy_j" => score(|s| s.energy_j),
        "wayside/deadline_met" => score(|s| s.deadline_met),
        "time/time_elapsed" => Some(p.wall_s),
        "time/cpu_s" => p.cpu_s,
        // nothing is known of an iteration before the first
        _ if tag.starts_with("train/") && tag != "train/n_updates" && p.report.iterations == 0 => {
            None
        }
        _ => p.report.tag(tag),
    }
}

/// How far the logs had come at a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Lengths {
    events: String,
    events_bytes: u64,
    table_bytes: u64,
}

/// Both files, open at their ends.
#[derive(Debug)]
pub(crate) struct Logs {
    table: Log,
    events: Log,
}

#[derive(Debug)]
struct Log {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl Log {
    fn create(folder: &Folder, name: &str) -> Result<Self> {
        Ok(Self {
            path: folder.shown(name),
            file: folder.create(name)?,
            buffer: Vec::new(),
        })
    }

    /// A new file that begins as the old one: that is never opened for writing.
    fn resume(folder: &Folder, name: &str, bytes: u64) -> Result<Self> {
        let mut log = Self::create(folder, name)?;
        let copied = File::open(folder.path(name))
            .and_then(|old| io::copy(&mut old.take(bytes), &mut log.file));
        match copied {
            Ok(copied) if copied == bytes => Ok(log),
            Ok(copied) => {
                let message =
                    format!("must hold the {bytes} bytes of the checkpoint, got {copied}");
                let file = log.path.display().to_string();
                Err(Error::invalid(file, None, "", message))
            }
            Err(e) => Err(Error::io(&log.path, e)),
        }
    }

    /// Writes the buffer to the disk; the length of the file.
    fn flush(&mut self) -> Result<u64> {
        let mut write = || {
            self.file.write_all(&self.buffer)?;
            self.file.sync_data()?;
            self.file.stream_position()
        };
        let length = write().map_err(|e| Error::io(&self.path, e))?;
        self.buffer.clear();
        Ok(length)
    }
}

impl Logs {
    pub(crate) fn create(folder: &Folder, algorithm: Algorithm) -> Result<Self> {
        let mut table = Log::create(folder, TABLE)?;
        let head: Vec<_> = columns(&no_report(algorithm)).collect();
        table.buffer.extend_from_slice(head.join(",").as_bytes());
        table.buffer.push(b'\n');
        let name = format!("events.out.tfevents.{}.wayside", wall_s() as u64);
        let mut events = Log::create(folder, &name)?;
        events::start(wall_s(), &mut events.buffer).map_err(|e| Error::io(&events.path, e))?;
        Ok(Self { table, events })
    }

    pub(crate) fn resume(folder: &Folder, lengths: &Lengths) -> Result<Self> {
        if !is_events(&lengths.events) {
            let message = format!("must be a log of this folder, got {:?}", lengths.events);
            return Err(invalid("logs.events", message));
        }
        Ok(Self {
            table: Log::resume(folder, TABLE, lengths.table_bytes)?,
            events: Log::resume(folder, &lengths.events, lengths.events_bytes)?,
        })
    }

    pub(crate) fn add(&mut self, progress: &Progress) -> Result<()> {
        let mut line = String::new();
        for (i, (_, value)) in progress.metrics().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let cell = value.map(|v| v.to_string()).unwrap_or_default();
            let _ = write!(line, "{comma}{cell}");
        }
        line.push('\n');
        self.table.buffer.extend_from_slice(line.as_bytes());
        let known = progress
            .metrics()
            .filter_map(|(tag, value)| Some((tag, value?)));
        let all = known.chain([("time/fps", progress.fps)]);
        let step = progress.report.total_timesteps;
        events::scalars(wall_s(), step, all, &mut self.events.buffer)
            .map_err(|e| Error::io(&self.events.path, e))?;
        if progress.score.is_some() {
            self.flushed()?;
        }
        Ok(())
    }

    /// Writes everything to the disk; the lengths of the files.
    pub(crate) fn flushed(&mut self) -> Result<Lengths> {
        let name = self.events.path.file_name().unwrap_or_default();
        Ok(Lengths {
            events: name.to_string_lossy().into_owned(),
            events_bytes: self.events.flush()?,
            table_bytes: self.table.flush()?,
        })
    }
}

/// Seconds since 1970.
fn wall_s() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |time| time.as_secs_f64())
}
